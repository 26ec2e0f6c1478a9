/* Resizing along one axis, as a sum over neighbours: with A the matrix of weights, rows for the outputs,
 *   y[..., o, ...] = sum over i of A[o,i] x[..., i, ...], or of A[i,o] when transposed
 * so that the row is its own gradient, transposed. Output o lies at s = (a o + b) / d among the inputs. A[o,i] is
 *   nearest  1 for the input nearest to s
 *   linear   max(1 - |i - s|, 0)
 *   cubic    Keys' cubic of |i - s| (Keys 1981), coefficient c
 * with inputs outside at the edges. With antialias, and fewer outputs than inputs, the filter is as much wider, inputs
 * outside are left out, and the weights of an output add to 1. (ONNX's Resize; several axes are several rows.) */
#include "ops/shape/resize.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

extern const clade_op clade_op_resize;

static const clade_attribute schema[] = {
    { "axis", CLADE_ATTRIBUTE_INT, offsetof(clade_resize_attributes, axis), 0 },
    { "inputs", CLADE_ATTRIBUTE_INT, offsetof(clade_resize_attributes, inputs), 0 },
    { "outputs", CLADE_ATTRIBUTE_INT, offsetof(clade_resize_attributes, outputs), 0 },
    { "a", CLADE_ATTRIBUTE_INT, offsetof(clade_resize_attributes, a), 0 },
    { "b", CLADE_ATTRIBUTE_INT, offsetof(clade_resize_attributes, b), 0 },
    { "d", CLADE_ATTRIBUTE_INT, offsetof(clade_resize_attributes, d), 0 },
    { "mode", CLADE_ATTRIBUTE_INT, offsetof(clade_resize_attributes, mode), 0 },
    { "rounding", CLADE_ATTRIBUTE_INT, offsetof(clade_resize_attributes, rounding), 0 },
    { "cubic", CLADE_ATTRIBUTE_DOUBLE, offsetof(clade_resize_attributes, cubic), 0 },
    { "antialias", CLADE_ATTRIBUTE_BOOL, offsetof(clade_resize_attributes, antialias), 0 },
    { "transposed", CLADE_ATTRIBUTE_BOOL, offsetof(clade_resize_attributes, transposed), 0 },
    { NULL, 0, 0, 0 },
};

enum { MOST_TAPS = 512 }; /* inputs of an output */

double clade_resize_stretch(const clade_resize_attributes *a) {
    const double ratio = (double)a->a / (double)a->d;
    return a->antialias && ratio > 1 ? ratio : 1;
}

double clade_resize_support(const clade_resize_attributes *a) {
    return ceil((a->mode == CLADE_RESIZE_CUBIC ? 2 : 1) * clade_resize_stretch(a));
}

/* ---- types and gradient ---- */

static bool infer(const clade_node *node, clade_type out[], clade_text *why) {
    const clade_resize_attributes *a = node->attributes;
    out[0] = *clade_value_type(node->inputs[0]);
    const int64_t from = a->transposed ? a->outputs : a->inputs, to = a->transposed ? a->inputs : a->outputs;
    if (a->inputs < 1 || a->outputs < 1 || a->inputs > INT32_MAX || a->outputs > INT32_MAX || a->d < 1 || a->a < 0) {
        clade_text_add(why, "%lld places cannot become %lld", (long long)a->inputs, (long long)a->outputs);
        return false;
    }
    if (out[0].dtype != CLADE_F32 || a->axis < 0 || a->axis >= out[0].dims.rank || out[0].dims.size[a->axis] != from) {
        clade_text_add(why, "expected float32 with %lld along axis %lld", (long long)from, (long long)a->axis);
        return false;
    }
    out[0].dims.size[a->axis] = to;
    if (2 * clade_resize_support(a) <= MOST_TAPS) return true;
    clade_text_add(why, "an antialiased axis shrinks to a %dth at most", MOST_TAPS / 4);
    return false;
}

static void gradient(clade_tape *tape, const clade_node *node, const clade_value dy[], clade_value dx[]) {
    clade_resize_attributes a = *(const clade_resize_attributes *)node->attributes;
    a.transposed = !a.transposed;
    if (tape->wanted[0]) dx[0] = clade_append(tape->graph, &clade_op_resize, "", &a, dy, 1);
}

/* ---- reference ---- */

static int64_t floor_divide(int64_t a, int64_t b) {
    const int64_t q = a / b;
    return q * b > a ? q - 1 : q;
}

static int64_t clamped(int64_t i, int64_t size) {
    return i < 0 ? 0 : i >= size ? size - 1 : i;
}

static int64_t nearest(const clade_resize_attributes *a, int64_t o) {
    const int64_t at = a->a * o + a->b;
    switch (a->rounding) {
    case CLADE_RESIZE_FLOOR:
        return floor_divide(at, a->d);
    case CLADE_RESIZE_CEIL:
        return -floor_divide(-at, a->d);
    case CLADE_RESIZE_ROUND_PREFER_CEIL:
        return floor_divide(2 * at + a->d, 2 * a->d);
    default:
        return -floor_divide(a->d - 2 * at, 2 * a->d);
    }
}

static double filter(const clade_resize_attributes *a, double x) {
    const double c = a->cubic;
    x = fabs(x);
    if (a->mode == CLADE_RESIZE_LINEAR) return fmax(1 - x, 0);
    if (x < 1) return ((c + 2) * x - (c + 3)) * x * x + 1;
    return x < 2 ? ((c * x - 5 * c) * x + 8 * c) * x - 4 * c : 0;
}

/* An output's inputs, neighbours from FIRST on before those outside are moved to the edge, and their weights. */
typedef struct taps {
    int64_t first, count;
    double weight[MOST_TAPS];
} taps;

static void find_taps(const clade_resize_attributes *a, int64_t o, taps *t) {
    if (a->mode == CLADE_RESIZE_NEAREST) {
        *t = (taps){ .first = nearest(a, o), .count = 1, .weight = { 1 } };
        return;
    }
    const double stretch = clade_resize_stretch(a), s = (double)(a->a * o + a->b) / (double)a->d;
    const int64_t support = (int64_t)clade_resize_support(a);
    double sum = 0;
    t->first = floor_divide(a->a * o + a->b, a->d) - support + 1;
    t->count = 2 * support < MOST_TAPS ? 2 * support : MOST_TAPS;
    for (int64_t i = 0; i < t->count; i++) {
        const int64_t place = t->first + i;
        const bool outside = a->antialias && (place < 0 || place >= a->inputs);
        t->weight[i] = outside ? 0 : filter(a, ((double)place - s) / stretch);
        sum += t->weight[i];
    }
    for (int64_t i = 0; i < t->count && a->antialias; i++) {
        t->weight[i] /= sum;
    }
}

static void reference(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    const clade_resize_attributes *a = node->attributes;
    const clade_tensor *narrow = a->transposed ? &out[0] : &in[0], *wide = a->transposed ? &in[0] : &out[0];
    int64_t inner = 1;
    for (int64_t i = a->axis + 1; i < in[0].rank; i++) {
        inner *= in[0].size[i];
    }
    const int64_t outer = in[0].count / inner / in[0].size[a->axis];
    memset(out[0].data, 0, (size_t)out[0].count * sizeof(double));
    for (int64_t o = 0; o < a->outputs; o++) {
        taps t;
        find_taps(a, o, &t);
        for (int64_t i = 0; i < t.count; i++) {
            const int64_t place = clamped(t.first + i, a->inputs);
            for (int64_t n = 0; n < outer * inner; n++) {
                double *x = narrow->data + (n / inner * a->inputs + place) * inner + n % inner;
                double *y = wide->data + (n / inner * a->outputs + o) * inner + n % inner;
                if (a->transposed)
                    *x += t.weight[i] * *y;
                else
                    *y += t.weight[i] * *x;
            }
        }
    }
}

static double flops(const clade_site *site) {
    const clade_resize_attributes *a = site->node->attributes;
    const double each = a->mode == CLADE_RESIZE_NEAREST ? 1 : 4 * clade_resize_support(a);
    return each * (double)(a->transposed ? site->in[0].count : site->out[0].count);
}

/* ---- cases ---- */

#define HALF_PIXEL(N, M) 2 * (N), (N) - (M), 2 * (M)
#define ALIGN_CORNERS(N, M) (N) - 1, 0, (M)-1
#define ASYMMETRIC(N, M) N, 0, M
#define LIST(...)                                                                                                      \
    { __VA_ARGS__ }
#define CASE(NAME, RANK, DIMS, ...)                                                                                    \
    {                                                                                                                  \
        .name = NAME, .in = { { RANK, DIMS } }, .input_count = 1, .attributes = &(const clade_resize_attributes) {     \
            __VA_ARGS__                                                                                                \
        }                                                                                                              \
    }
/* Along axis 1 of (2, N, INNER) there, and back. */
#define BOTH(NAME, N, M, INNER, RULE, ...)                                                                             \
    CASE(NAME, 3, LIST(2, N, INNER), 1, N, M, RULE(N, M), __VA_ARGS__, false),                                         \
        CASE(NAME ", back", 3, LIST(2, M, INNER), 1, N, M, RULE(N, M), __VA_ARGS__, true)

static const clade_case cases[] = {
    BOTH("twice, nearest", 7, 14, 19, ASYMMETRIC, CLADE_RESIZE_NEAREST, CLADE_RESIZE_FLOOR, 0, false),
    BOTH("rows, nearest", 23, 57, 1, HALF_PIXEL, CLADE_RESIZE_NEAREST, CLADE_RESIZE_ROUND_PREFER_FLOOR, 0, false),
    BOTH("fewer, nearest", 23, 11, 5, HALF_PIXEL, CLADE_RESIZE_NEAREST, CLADE_RESIZE_ROUND_PREFER_CEIL, 0, false),
    BOTH("above", 7, 10, 3, ALIGN_CORNERS, CLADE_RESIZE_NEAREST, CLADE_RESIZE_CEIL, 0, false),
    BOTH("twice, linear", 9, 18, 33, HALF_PIXEL, CLADE_RESIZE_LINEAR, 0, 0, false),
    BOTH("rows, linear", 31, 62, 1, HALF_PIXEL, CLADE_RESIZE_LINEAR, 0, 0, false),
    BOTH("corners aligned", 7, 19, 17, ALIGN_CORNERS, CLADE_RESIZE_LINEAR, 0, 0, false),
    BOTH("fewer, linear", 29, 9, 5, ASYMMETRIC, CLADE_RESIZE_LINEAR, 0, 0, false),
    BOTH("from one", 1, 6, 5, HALF_PIXEL, CLADE_RESIZE_LINEAR, 0, 0, false),
    BOTH("to one", 6, 1, 5, HALF_PIXEL, CLADE_RESIZE_LINEAR, 0, 0, false),
    BOTH("cubic", 9, 23, 19, HALF_PIXEL, CLADE_RESIZE_CUBIC, 0, -0.75, false),
    BOTH("rows, cubic", 19, 33, 1, ALIGN_CORNERS, CLADE_RESIZE_CUBIC, 0, -0.5, false),
    BOTH("fewer, wide filter", 29, 9, 7, HALF_PIXEL, CLADE_RESIZE_LINEAR, 0, 0, true),
    BOTH("rows, fewer, wide filter", 40, 17, 1, HALF_PIXEL, CLADE_RESIZE_LINEAR, 0, 0, true),
    BOTH("fewer, wide cubic", 23, 10, 5, HALF_PIXEL, CLADE_RESIZE_CUBIC, 0, -0.5, true),
    BOTH("rows over a chunk", 3, 5, 4099, HALF_PIXEL, CLADE_RESIZE_LINEAR, 0, 0, false),
    BOTH("long rows", 2050, 4100, 1, HALF_PIXEL, CLADE_RESIZE_LINEAR, 0, 0, false),
    { .name = NULL },
};

/* ---- the row ---- */

const clade_op clade_op_resize = {
    .name = "resize",
    .onnx = "Resize",
    .attributes = schema,
    .attributes_size = sizeof(clade_resize_attributes),
    .input_minimum = 1,
    .input_maximum = 1,
    .outputs = 1,
    .infer = infer,
    .gradient = gradient,
    .reference = reference,
    .flops = flops,
    .implementations = clade_resize_implementations,
    .cases = cases,
};

/* ---- the builder's call ---- */

/* a, b and d of the coordinates, 1/scale being p/q. */
static void set_coordinates(clade_resize_attributes *a, clade_resize_coordinates how, int64_t p, int64_t q) {
    if (how == CLADE_RESIZE_ALIGN_CORNERS) {
        a->a = a->outputs > 1 ? a->inputs - 1 : 0;
        a->d = a->outputs > 1 ? a->outputs - 1 : 1;
    } else if (how == CLADE_RESIZE_ASYMMETRIC) {
        a->a = p;
        a->d = q;
    } else if (how == CLADE_RESIZE_PYTORCH_HALF_PIXEL && a->outputs == 1) {
        a->d = 1;
    } else {
        a->a = 2 * p;
        a->b = p - q;
        a->d = 2 * q;
        if (how == CLADE_RESIZE_HALF_PIXEL_SYMMETRIC) a->b += a->inputs * q - a->outputs * p;
    }
}

/* The size of AXIS after; 0 when the options are wrong for it. */
static int64_t outputs_of(const clade_resize_options *given, int32_t axis, int64_t inputs) {
    const double scale = given->scale[axis];
    if (given->to[axis] != 0 || scale == 0) return given->to[axis] != 0 ? given->to[axis] : inputs;
    const double places = floor((double)inputs * scale + 1e-9);
    return scale > 0 && places >= 1 && places <= INT32_MAX ? (int64_t)places : 0;
}

static clade_value resize_axis(const clade_resize_options *given, clade_value x, int32_t axis, int64_t outputs) {
    clade_resize_attributes a = { .axis = axis,
                                  .inputs = clade_value_dims(x).size[axis],
                                  .outputs = outputs,
                                  .mode = (int64_t)given->mode,
                                  .rounding = (int64_t)given->rounding,
                                  .cubic = given->cubic != 0 ? (double)given->cubic : -0.75,
                                  .antialias = given->antialias };
    int64_t p = a.inputs, q = a.outputs;
    if (given->to[axis] == 0) { /* exact for scales from 1/64 on: they have 24 bits */
        p = INT64_C(1) << 30;
        q = (int64_t)llround((double)p * (double)given->scale[axis]);
        for (; p % 2 == 0 && q % 2 == 0; p /= 2)
            q /= 2;
    }
    if (a.outputs >= 1) set_coordinates(&a, given->coordinates, p, q);
    return clade_append(x.graph, &clade_op_resize, given->name, &a, &x, 1);
}

/* Whether a scale moves the places of AXIS, even where its size stays. */
static bool is_scaled(const clade_resize_options *given, int32_t axis) {
    return given->to[axis] == 0 && given->scale[axis] != 0 && given->scale[axis] != 1;
}

/* The axes one by one: those that shrink most first; of equal ones that grow, the innermost first. */
clade_value clade_resize_with(const clade_resize_options *options) {
    clade_resize_options given = { 0 };
    memcpy(&given, options, options->size < sizeof given ? options->size : sizeof given);
    clade_value x = given.x;
    if (!clade_value_valid(x)) return clade_append(x.graph, &clade_op_resize, given.name, NULL, &x, 1);
    const clade_dims dims = clade_value_dims(x);
    bool done[CLADE_MAX_RANK] = { false };
    for (int32_t round = 0; round < dims.rank; round++) {
        int32_t next = -1;
        int64_t next_outputs = 0;
        double least = 0;
        for (int32_t axis = 0; axis < dims.rank; axis++) {
            const int64_t inputs = dims.size[axis], outputs = outputs_of(&given, axis, inputs);
            if (done[axis] || (outputs == inputs && !is_scaled(&given, axis))) continue;
            if (inputs < 0 || outputs < 1)
                return clade_invalid(x.graph, CLADE_ERROR_ARGUMENT, "resize of %s: axis %d cannot be given that size",
                                     clade_type_text(x.graph, clade_value_type(x)), (int)axis);
            const double ratio = (double)outputs / (double)inputs;
            if (next < 0 || ratio < least || (ratio == least && ratio > 1)) {
                next = axis;
                next_outputs = outputs;
                least = ratio;
            }
        }
        if (next < 0) break;
        done[next] = true;
        x = resize_axis(&given, x, next, next_outputs);
    }
    return x;
}
