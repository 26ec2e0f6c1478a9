/* The tail of a convolution or matrix product: what becomes of a sum before it is stored (src/ops/tail.h).
 *     y = mask <= 0 ? 0 : max(sum + bias + residual, low),    low = 0 for ReLU, -INFINITY for none
 * NaN passes, as through the rows relu and relu_gradient.
 * FLAGS, uniform over a launch, say which of the three inputs there are; the others are not touched. */
#ifndef TAIL_H
#define TAIL_H

enum { TAIL_BIAS = 1, TAIL_RESIDUAL = 2, TAIL_MASK = 4 };

#define TAIL_PARAMETERS                                                                                                \
    const __global float *tail_bias, const __global float *tail_residual, const __global float *tail_mask,             \
        int tail_flags, float tail_low

/* The parameters above as one value. */
typedef struct tail_inputs {
    const __global float *bias, *residual, *mask;
    int flags;
    float low;
} tail_inputs;

#define TAIL_INPUTS                                                                                                    \
    { tail_bias, tail_residual, tail_mask, tail_flags, tail_low }

/* The bias of CHANNEL, 0 without one. */
static inline float tail_bias_of(const tail_inputs *t, int channel) {
    return t->flags & TAIL_BIAS ? t->bias[channel] : 0.0f;
}

/* For the sum that becomes element AT of y; BIAS is that of its channel. */
static inline float tail1(const tail_inputs *t, float sum, float bias, size_t at) {
    sum += bias;
    if (t->flags & TAIL_RESIDUAL) sum += t->residual[at];
    sum = sum < t->low ? t->low : sum;
    return t->flags & TAIL_MASK && t->mask[at] <= 0.0f ? 0.0f : sum;
}

/* For N sums that become elements AT .. AT + N - 1; BIAS holds one number a lane. */
#define TAIL_VECTOR(N)                                                                                                 \
    static inline float##N tail##N(const tail_inputs *t, float##N sum, float##N bias, size_t at) {                     \
        sum += bias;                                                                                                   \
        if (t->flags & TAIL_RESIDUAL) sum += vload##N(0, t->residual + at);                                            \
        sum = sum < t->low ? (float##N)(t->low) : sum;                                                                 \
        if (t->flags & TAIL_MASK) sum = vload##N(0, t->mask + at) <= 0.0f ? (float##N)(0.0f) : sum;                    \
        return sum;                                                                                                    \
    }

TAIL_VECTOR(4)
TAIL_VECTOR(8)
TAIL_VECTOR(16)

#endif
