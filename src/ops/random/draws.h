/* Rows that decide by chance about each element of an array (N, ...) (dropout.c, bernoulli.c): their draws, and launches
 * over kernels/dropout.cl and kernels/bernoulli.cl, which take the same arguments first.
 *
 * The draw of element e of the sample with index s in the epoch is word e / 8 % 4 of Philox's block b = e / 32 * 8 + e % 8
 * (so that eight blocks at once decide neighbours). Key: the run's seed, each half with a half of the name's hash by
 * exclusive or; counter: (b, s, step low, step high). So it does not depend on the batch's split. */
#ifndef CLADE_OPS_DRAWS_H
#define CLADE_OPS_DRAWS_H

#include "ops/op.h"

/* Whether the inputs are float32 (N, ...) and the run's random state; if not, WHY says so. */
bool clade_draws_check(const clade_node *node, clade_text *why);

/* The draw of element I of X, for the references. */
uint32_t clade_draw_at(const clade_tensor *x, const clade_tensor *state, int64_t name_hash, int64_t i);

clade_argument clade_bits_argument(uint32_t bits);
/* Launches a kernel of FILE: block_vectors where VECTORS, else blocks; FURTHER: its arguments after the shared ones. */
clade_status clade_draws_launch(const clade_site *site, clade_commands *commands, const char *file, bool vectors,
                                int64_t name_hash, const clade_argument further[], size_t further_count);

/* `implementations` of a row: both kernels, by RECORD(site, commands, vectors), which launches one of them. */
#define CLADE_DRAWS_IMPLEMENTATIONS(RECORD)                                                                            \
    static clade_status record_block_vectors(const clade_site *site, clade_commands *commands) {                       \
        return RECORD(site, commands, true);                                                                           \
    }                                                                                                                  \
    static clade_status record_blocks(const clade_site *site, clade_commands *commands) {                              \
        return RECORD(site, commands, false);                                                                          \
    }                                                                                                                  \
    static const clade_implementation *const implementations[] = {                                                     \
        &(const clade_implementation){                                                                                 \
            .name = "block_vectors", .suitability = clade_suits_cpus, .record = record_block_vectors },                \
        &(const clade_implementation){ .name = "blocks", .suitability = clade_suits_others, .record = record_blocks }, \
        NULL,                                                                                                          \
    };

#endif
