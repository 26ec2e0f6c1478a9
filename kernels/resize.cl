/* Resizing along one axis: y (OUTER, OUTPUTS, INNER) of x (OUTER, INPUTS, INNER), each place of y a weighted sum of
 * TAPS neighbouring places of x, from a table: first[p], and weight[t * OUTPUTS + p].
 *   resize_table     an item for each place of y
 *   resize_rows      INNER is 1: an item for PART rows and CHUNK places of each
 *   resize_columns   an item for PART places and CHUNK elements of each
 *   resize_elements  an item for each element
 * COUNT is the number of taps where it is at most four, else 0. */
#ifndef COUNT
#define COUNT 0
#endif

enum { NEAREST, LINEAR, CUBIC };
enum { ROUND_PREFER_FLOOR, ROUND_PREFER_CEIL, FLOOR, CEIL };

/* What the table is of. Place o of M outputs lies at (a o + b) / d among N inputs. */
typedef struct rule {
    long a, b, d;
    int n, mode, rounding, antialias;
    float cubic, stretch; /* how much wider than 1 the filter is */
} rule;

static inline long floor_divide(long a, long b) {
    const long q = a / b;
    return q * b > a ? q - 1 : q;
}

static inline float cubic_weight(float x, float c) {
    x = fabs(x);
    if (x < 1.0f) return ((c + 2.0f) * x - (c + 3.0f)) * x * x + 1.0f;
    return x < 2.0f ? ((c * x - 5.0f * c) * x + 8.0f * c) * x - 4.0f * c : 0.0f;
}

static inline float filter(const rule *r, float x) {
    return r->mode == CUBIC ? cubic_weight(x, r->cubic) : fmax(1.0f - fabs(x), 0.0f);
}

static inline int nearest_input(const rule *r, int o) {
    const long at = r->a * o + r->b;
    const long place = r->rounding == FLOOR             ? floor_divide(at, r->d)
                       : r->rounding == CEIL            ? -floor_divide(-at, r->d)
                       : r->rounding == ROUND_PREFER_CEIL ? floor_divide(2 * at + r->d, 2 * r->d)
                                                        : -floor_divide(r->d - 2 * at, 2 * r->d);
    return (int)clamp(place, 0L, (long)r->n - 1);
}

/* The inputs that output O looks at before those outside are moved to the edge: the first, and how many. */
static inline int2 reach(const rule *r, int o) {
    const long below = floor_divide(r->a * o + r->b, r->d);
    const int half_width = (int)ceil((r->mode == CUBIC ? 2.0f : 1.0f) * r->stretch);
    return (int2)((int)below - half_width + 1, 2 * half_width);
}

/* The weight of input I in output O. */
static float weight_of(const rule *r, int o, int i) {
    if (r->mode == NEAREST) return nearest_input(r, o) == i ? 1.0f : 0.0f;
    const int2 taps = reach(r, o);
    const long at = r->a * o + r->b;
    const float step = 1.0f / ((float)r->d * r->stretch);
    float own = 0.0f, all = 0.0f;
    for (int t = 0; t < taps.y; t++) {
        const int place = taps.x + t;
        if (r->antialias && (place < 0 || place >= r->n)) continue;
        const float w = filter(r, (float)(place * r->d - at) * step);
        all += w;
        if (clamp(place, 0, r->n - 1) == i) own += w;
    }
    return r->antialias ? own / all : own;
}

/* The first input that output O takes. */
static inline int first_input(const rule *r, int o) {
    return r->mode == NEAREST ? nearest_input(r, o) : reach(r, o).x;
}

/* The first output that takes input I, or one before it. */
static inline int first_output(const rule *r, int i) {
    if (i == 0 || r->a == 0) return 0;
    const long width = (long)ceil((r->mode == CUBIC ? 2.0f : 1.0f) * r->stretch);
    return (int)max(floor_divide((i - width) * r->d - r->b, r->a), 0L);
}

/* Places of y from 0 to OUTPUTS; INPUTS are those of x. Of the transposed table, y's places are the rule's inputs. */
__kernel void resize_table(__global int *restrict first, __global float *restrict weight, int inputs, int outputs,
                           int taps, int transposed, int n, int mode, int rounding, int antialias, float cubic,
                           float stretch, int a_low, int a_high, int b_low, int b_high, int d_low, int d_high) {
    const int p = (int)get_global_id(0);
    if (p >= outputs) return;
    rule r;
    r.a = ((long)a_high << 32) + (uint)a_low;
    r.b = ((long)b_high << 32) + (uint)b_low;
    r.d = ((long)d_high << 32) + (uint)d_low;
    r.n = n;
    r.mode = mode;
    r.rounding = rounding;
    r.antialias = antialias;
    r.cubic = cubic;
    r.stretch = stretch;
    const int from = clamp(transposed ? first_output(&r, p) : first_input(&r, p), 0, inputs - taps);
    first[p] = from;
    for (int t = 0; t < taps; t++) {
        weight[(size_t)t * outputs + p] = transposed ? weight_of(&r, from + t, p) : weight_of(&r, p, from + t);
    }
}

#define PARAMETERS                                                                                                     \
    __global const float *restrict x, __global float *restrict y, __global const int *restrict first,                  \
        __global const float *restrict weight, int chunk, int part, int outer, int inputs, int outputs, int inner,     \
        int taps
#if COUNT > 0
#define TAPS COUNT
#else
#define TAPS taps
#endif

__kernel void resize_rows(PARAMETERS) {
    const int begin = (int)get_global_id(0) * chunk, end = min(begin + chunk, outputs);
    const int row = (int)get_global_id(1) * part, last = min(row + part, outer);
    for (int o = row; o < last; o++) {
        __global const float *from = x + (size_t)o * inputs;
        __global float *to = y + (size_t)o * outputs;
#if COUNT > 0
        for (int p = begin; p < end; p++) {
            const int at = first[p];
            float sum = weight[p] * from[at];
#if COUNT > 1
            sum += weight[outputs + p] * from[at + 1];
#endif
#if COUNT > 2
            sum += weight[2 * outputs + p] * from[at + 2];
#endif
#if COUNT > 3
            sum += weight[3 * outputs + p] * from[at + 3];
#endif
            to[p] = sum;
        }
#else
        for (int p = begin; p < end; p++) to[p] = weight[p] * from[first[p]];
        for (int t = 1; t < taps; t++) {
            for (int p = begin; p < end; p++) to[p] += weight[(size_t)t * outputs + p] * from[first[p] + t];
        }
#endif
    }
}

__kernel void resize_columns(PARAMETERS) {
    const int begin = (int)get_global_id(0) * chunk, end = min(begin + chunk, inner);
    const int place = (int)get_global_id(1) * part, last = min(place + part, outputs), o = (int)get_global_id(2);
    for (int p = place; p < last; p++) {
        __global const float *from = x + ((size_t)o * inputs + first[p]) * inner;
        __global float *to = y + ((size_t)o * outputs + p) * inner;
#if COUNT == 1
        const float w = weight[p];
        for (int k = begin; k < end; k++) to[k] = w * from[k];
#elif COUNT == 2
        const float w0 = weight[p], w1 = weight[outputs + p];
        for (int k = begin; k < end; k++) to[k] = w0 * from[k] + w1 * from[k + inner];
#elif COUNT == 3
        const float w0 = weight[p], w1 = weight[outputs + p], w2 = weight[2 * outputs + p];
        for (int k = begin; k < end; k++) to[k] = w0 * from[k] + w1 * from[k + inner] + w2 * from[k + 2 * inner];
#elif COUNT == 4
        const float w0 = weight[p], w1 = weight[outputs + p], w2 = weight[2 * outputs + p],
                    w3 = weight[3 * outputs + p];
        for (int k = begin; k < end; k++) {
            to[k] = (w0 * from[k] + w1 * from[k + inner]) + (w2 * from[k + 2 * inner] + w3 * from[k + 3 * inner]);
        }
#else
        for (int k = begin; k < end; k++) to[k] = weight[p] * from[k];
        for (int t = 1; t < taps; t++) {
            const float w = weight[(size_t)t * outputs + p];
            for (int k = begin; k < end; k++) to[k] += w * from[(size_t)t * inner + k];
        }
#endif
    }
}

__kernel void resize_elements(PARAMETERS) {
    const int e = (int)get_global_id(0), o = (int)get_global_id(1), p = e / inner, k = e - p * inner;
    if (p >= outputs) return;
    __global const float *from = x + ((size_t)o * inputs + first[p]) * inner + k;
    float sum = 0.0f;
    for (int t = 0; t < TAPS; t++) sum += weight[(size_t)t * outputs + p] * from[(size_t)t * inner];
    y[(size_t)o * outputs * inner + e] = sum;
}
