/* Philox4x32-10 and the host's streams. A stream's key is itself drawn by Philox from the seed (key) and the hash of its
 * name (counter); counter words 2 and 3 hold the position, words 0 and 1 count the blocks of four draws. */
#include "base/random.h"

#include "base/hash.h"

#include <math.h>
#include <string.h>

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

/* ---- Gaussian draws: Box and Muller's radius and angle, sqrt(-2 ln x) * cos(2 pi t) ----
 *
 * Logarithm and cosine are their series, to the last bit or two of a double, in operations that every compiler and C
 * library rounds alike and that vectorise: plain arithmetic on one element of an array after the other. */

static double from_bits(uint64_t bits) {
    double number;
    memcpy(&number, &bits, sizeof number);
    return number;
}

static uint64_t to_bits(double number) {
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    return bits;
}

/* -2 ln((draw + 1) / 2^32). With draw + 1 = m * 2^k, m from sqrt(1/2) to sqrt(2), and s = (m - 1) / (m + 1), which is at most
 * 0.172: ln m = 2 (s + s^3/3 + s^5/5 + ...). */
static inline double squared_radius(uint32_t draw) {
    const uint64_t root_half = UINT64_C(0x3FE6A09E667F3BCD);
    const double ln2 = 0.69314718055994530942, two_to_52 = 4503599627370496.0;
    const uint64_t bits = to_bits((double)draw + 1.0);
    const uint64_t exponent = (bits - root_half) >> 52;
    /* As the low bits of 2^52, an integer becomes a double without a conversion. */
    const double k = from_bits(exponent | to_bits(two_to_52)) - (two_to_52 + 32.0);
    const double m = from_bits(bits - (exponent << 52));
    const double s = (m - 1.0) / (m + 1.0), z = s * s;
    double series = 1.0 / 23;
    series = series * z + 1.0 / 21;
    series = series * z + 1.0 / 19;
    series = series * z + 1.0 / 17;
    series = series * z + 1.0 / 15;
    series = series * z + 1.0 / 13;
    series = series * z + 1.0 / 11;
    series = series * z + 1.0 / 9;
    series = series * z + 1.0 / 7;
    series = series * z + 1.0 / 5;
    series = series * z + 1.0 / 3;
    return -2.0 * (ln2 * k + 2.0 * (series * z * s + s));
}

/* cos(2 pi draw / 2^32) = sin y, y = 2 pi (1/4 - |t|), t the same angle in turns from -1/2 to 1/2: so |y| <= pi/2, where
 * sin y = y - y^3/3! + y^5/5! - ... */
static inline double cosine(uint32_t draw) {
    const double y = TAU * (0.25 - fabs((double)(int32_t)draw) * UNIT), z = y * y;
    double series = -1.0 / 25852016738884976640000.0;
    series = series * z + 1.0 / 51090942171709440000.0;
    series = series * z - 1.0 / 121645100408832000.0;
    series = series * z + 1.0 / 355687428096000.0;
    series = series * z - 1.0 / 1307674368000.0;
    series = series * z + 1.0 / 6227020800.0;
    series = series * z - 1.0 / 39916800.0;
    series = series * z + 1.0 / 362880.0;
    series = series * z - 1.0 / 5040.0;
    series = series * z + 1.0 / 120.0;
    series = series * z - 1.0 / 6.0;
    return series * z * y + y;
}

double clade_random_gaussian(clade_random *random) {
    double radius = sqrt(squared_radius(clade_random_u32(random)));
    return radius * cosine(clade_random_u32(random));
}

/* ---- many at once ---- */

enum { LANES = 16 }; /* Philox blocks side by side */

/* Blocks BLOCK to BLOCK + LANES - 1 of the stream; word w of block i in x[w][i]. */
static void draw_lanes(const clade_random *stream, uint64_t block, uint32_t x[4][LANES]) {
    uint32_t k0 = stream->key[0], k1 = stream->key[1];
    for (int i = 0; i < LANES; i++) {
        x[0][i] = (uint32_t)(block + (uint64_t)i);
        x[1][i] = (uint32_t)((block + (uint64_t)i) >> 32);
        x[2][i] = stream->counter[2];
        x[3][i] = stream->counter[3];
    }
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < LANES; i++) {
            uint64_t p0 = UINT64_C(0xD2511F53) * x[0][i], p1 = UINT64_C(0xCD9E8D57) * x[2][i];
            x[0][i] = (uint32_t)(p1 >> 32) ^ x[1][i] ^ k0;
            x[2][i] = (uint32_t)(p0 >> 32) ^ x[3][i] ^ k1;
            x[1][i] = (uint32_t)p1;
            x[3][i] = (uint32_t)p0;
        }
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
}

/* CLADE_RANDOM_RUN numbers from the number FIRST on. */
typedef void run_filler(const clade_random *stream, uint64_t first, double factor, float run[CLADE_RANDOM_RUN]);

/* Two Gaussian numbers of a block: words 0 and 1, words 2 and 3. */
static void fill_gaussian_run(const clade_random *stream, uint64_t first, double deviation,
                              float run[CLADE_RANDOM_RUN]) {
    for (int half = 0; half < 2; half++, first += 2 * LANES, run += 2 * LANES) {
        uint32_t x[4][LANES];
        double radius[2][LANES], angle[2][LANES];
        draw_lanes(stream, first / 2, x);
        for (int pair = 0; pair < 2; pair++) {
            for (int i = 0; i < LANES; i++) {
                radius[pair][i] = squared_radius(x[2 * pair][i]);
            }
            for (int i = 0; i < LANES; i++) {
                angle[pair][i] = cosine(x[2 * pair + 1][i]);
            }
        }
        for (int i = 0; i < 2 * LANES; i++) {
            run[i] = (float)(deviation * (sqrt(radius[i % 2][i / 2]) * angle[i % 2][i / 2]));
        }
    }
}

static void fill_uniform_run(const clade_random *stream, uint64_t first, double bound, float run[CLADE_RANDOM_RUN]) {
    uint32_t x[4][LANES];
    draw_lanes(stream, first / 4, x);
    for (int i = 0; i < CLADE_RANDOM_RUN; i++) {
        run[i] = (float)(bound * (2.0 * (x[i % 4][i / 4] * UNIT) - 1.0));
    }
}

static void fill(const clade_random *stream, uint64_t first, double factor, float *data, size_t count,
                 run_filler *fill_run) {
    for (; count >= CLADE_RANDOM_RUN; count -= CLADE_RANDOM_RUN, data += CLADE_RANDOM_RUN, first += CLADE_RANDOM_RUN) {
        fill_run(stream, first, factor, data);
    }
    if (count == 0) return;
    float rest[CLADE_RANDOM_RUN];
    fill_run(stream, first, factor, rest);
    memcpy(data, rest, count * sizeof *data);
}

void clade_random_fill_gaussian(const clade_random *stream, uint64_t first, double deviation, float *data,
                                size_t count) {
    fill(stream, first, deviation, data, count, fill_gaussian_run);
}

void clade_random_fill_uniform(const clade_random *stream, uint64_t first, double bound, float *data, size_t count) {
    fill(stream, first, bound, data, count, fill_uniform_run);
}
