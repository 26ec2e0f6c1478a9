/* Counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel Random Numbers: As Easy as
 * 1, 2, 3", SC 2011). A number is a function of key and counter alone, so draws do not depend on order or device.
 * kernels/philox.h is the same function in OpenCL C. */
#ifndef CLADE_BASE_RANDOM_H
#define CLADE_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

void clade_philox(const uint32_t key[2], const uint32_t counter[4], uint32_t out[4]);

/* A stream of draws under one key: for host-side uses (initialisers, shuffles, drawing digits). */
typedef struct clade_random {
    uint32_t key[2], counter[4], block[4];
    unsigned used;
} clade_random;

/* The stream of SEED and NAME ("conv1.weight", "shuffle"), at POSITION (an epoch, a sample). */
clade_random clade_random_stream(uint64_t seed, const char *name, uint64_t position);
uint32_t clade_random_u32(clade_random *random);
double clade_random_uniform(clade_random *random);                 /* [0, 1), 32 bits */
double clade_random_gaussian(clade_random *random);                /* mean 0, deviation 1 (Box-Muller) */
uint32_t clade_random_below(clade_random *random, uint32_t bound); /* [0, bound), without bias */

/* Many draws of a new STREAM at once: DATA gets those numbered FIRST (a multiple of CLADE_RANDOM_RUN) to FIRST + COUNT - 1,
 * each as it would be drawn alone and then scaled: deviation * gaussian, and bound * (2 * uniform - 1). */
enum { CLADE_RANDOM_RUN = 64 };
void clade_random_fill_gaussian(const clade_random *stream, uint64_t first, double deviation, float *data,
                                size_t count);
void clade_random_fill_uniform(const clade_random *stream, uint64_t first, double bound, float *data, size_t count);

#endif
