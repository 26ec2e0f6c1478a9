/* The draws of rows that decide by chance: their reference and their launches. */
#include "ops/random/draws.h"

#include "base/random.h"

enum {
    PART = 1024, /* blocks of four elements that an item takes where an item is a thread's work */
    GROUP = 64,
    SHARED = 9, /* arguments */
    MOST_FURTHER = 2,
};

bool clade_draws_check(const clade_node *node, clade_text *why) {
    const clade_type *x = clade_value_type(node->inputs[0]), *state = clade_value_type(node->inputs[1]);
    if (x->dtype == CLADE_F32 && x->dims.rank >= 1 && state->dtype == CLADE_I32 && state->dims.rank == 1 &&
        state->dims.size[0] == 8)
        return true;
    clade_text_add(why, "expected float32 (N, ...) and the run's random state int32 (8)");
    return false;
}

static uint32_t half_of(int64_t hash, int half) {
    return (uint32_t)((uint64_t)hash >> 32 * half);
}

uint32_t clade_draw_at(const clade_tensor *x, const clade_tensor *state, int64_t name_hash, int64_t i) {
    uint32_t words[5], draws[4];
    for (int w = 0; w < 5; w++)
        words[w] = (uint32_t)(int32_t)state->data[w];
    const int64_t elements = x->count / x->size[0];
    const uint32_t element = (uint32_t)(i % elements);
    const uint32_t key[2] = { words[0] ^ half_of(name_hash, 0), words[1] ^ half_of(name_hash, 1) };
    const uint32_t counter[4] = { element / 32 * 8 + element % 8, words[4] + (uint32_t)(i / elements), words[2],
                                  words[3] };
    clade_philox(key, counter, draws);
    return draws[element / 8 % 4];
}

clade_argument clade_bits_argument(uint32_t bits) {
    return clade_int_argument(bits <= INT32_MAX ? (int32_t)bits : (int32_t)(bits - 1 - INT32_MAX) - INT32_MAX - 1);
}

clade_status clade_draws_launch(const clade_site *site, clade_commands *commands, const char *file, bool vectors,
                                int64_t name_hash, const clade_argument further[], size_t further_count) {
    const int64_t samples = site->in[0].size[0], elements = site->in[0].count / samples;
    const int64_t blocks = (elements + 31) / 32 * 8;
    const int64_t part = vectors ? PART : 1;
    clade_argument arguments[SHARED + MOST_FURTHER] = {
        clade_buffer_argument(site->in[0].buffer),
        clade_buffer_argument(site->in[1].buffer),
        clade_buffer_argument(site->out[0].buffer),
        clade_int_argument(samples),
        clade_int_argument(elements),
        clade_int_argument(blocks),
        clade_int_argument(part),
        clade_bits_argument(half_of(name_hash, 0)),
        clade_bits_argument(half_of(name_hash, 1)),
    };
    for (size_t i = 0; i < further_count; i++)
        arguments[SHARED + i] = further[i];
    return clade_commands_launch(commands, &(clade_launch){
                                               .file = file,
                                               .kernel = vectors ? "block_vectors" : "blocks",
                                               .label = site->label,
                                               .global = { (size_t)((blocks + part - 1) / part), (size_t)samples },
                                               .local = { vectors ? 1 : GROUP, 1, 1 },
                                               .arguments = arguments,
                                               .argument_count = SHARED + further_count,
                                               .flops = (double)site->in[0].count,
                                               .bytes = 8.0 * (double)site->in[0].count,
                                           });
}
