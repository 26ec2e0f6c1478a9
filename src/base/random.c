/* Philox4x32-10 and the host's streams. A stream's key is itself drawn by Philox from the seed (key) and the hash of its
 * name (counter); counter words 2 and 3 hold the position, words 0 and 1 count the blocks of four draws. */
#include "base/random.h"

#include "base/hash.h"

#include <math.h>

static const double TAU = 6.28318530717958647692;
static const double UNIT = 1.0 / 4294967296.0; /* 2^-32 */

void clade_philox(const uint32_t key[2], const uint32_t counter[4], uint32_t out[4]) {
    uint32_t k0 = key[0], k1 = key[1];
    uint32_t x0 = counter[0], x1 = counter[1], x2 = counter[2], x3 = counter[3];
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = UINT64_C(0xD2511F53) * x0, p1 = UINT64_C(0xCD9E8D57) * x2;
        uint32_t y0 = (uint32_t)(p1 >> 32) ^ x1 ^ k0, y2 = (uint32_t)(p0 >> 32) ^ x3 ^ k1;
        x0 = y0;
        x1 = (uint32_t)p1;
        x2 = y2;
        x3 = (uint32_t)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = x0;
    out[1] = x1;
    out[2] = x2;
    out[3] = x3;
}

clade_random clade_random_stream(uint64_t seed, const char *name, uint64_t position) {
    uint64_t hash = clade_hash_text(name);
    const uint32_t key[2] = { (uint32_t)seed, (uint32_t)(seed >> 32) };
    const uint32_t counter[4] = { (uint32_t)hash, (uint32_t)(hash >> 32), 0, 0 };
    uint32_t drawn[4];
    clade_philox(key, counter, drawn);
    return (clade_random){
        .key = { drawn[0], drawn[1] },
        .counter = { 0, 0, (uint32_t)position, (uint32_t)(position >> 32) },
        .used = 4,
    };
}

uint32_t clade_random_u32(clade_random *random) {
    if (random->used >= 4) {
        clade_philox(random->key, random->counter, random->block);
        if (++random->counter[0] == 0) random->counter[1]++;
        random->used = 0;
    }
    return random->block[random->used++];
}

double clade_random_uniform(clade_random *random) {
    return clade_random_u32(random) * UNIT;
}

double clade_random_gaussian(clade_random *random) {
    double radius = sqrt(-2.0 * log((clade_random_u32(random) + 1.0) * UNIT));
    return radius * cos(TAU * clade_random_uniform(random));
}

/* Lemire, "Fast Random Integer Generation in an Interval" (2019): the high word of draw * bound; draws that would make
 * some results likelier than others are thrown away. */
uint32_t clade_random_below(clade_random *random, uint32_t bound) {
    if (bound == 0) return 0;
    uint32_t reject_below = (0u - bound) % bound;
    uint64_t product;
    do {
        product = (uint64_t)clade_random_u32(random) * bound;
    } while ((uint32_t)product < reject_below);
    return (uint32_t)(product >> 32);
}
