/* What walks along the lines of an array, those of one axis:
 *   argmax, argmin   x -> the place (int32) of the largest or smallest element, of equals the first, or the last; the axis
 *                    stays as 1. A NaN is never it; where there is nothing else, place 0
 *   top_k            x -> the COUNT largest or smallest elements in order, and their places (int32); of equals the first
 *                    comes first, NaNs come last
 *   cumulative_sum   y[i] = x[0] + ... + x[i], without x[i] when exclusive, from the end when backwards
 * A line is one item's work: there are many of them, or they are short. */
#include "ops/shape/copy.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

extern const clade_op clade_op_argmax, clade_op_argmin, clade_op_top_k, clade_op_cumulative_sum;

typedef struct line_attributes {
    int64_t axis;
    int64_t count;  /* of top_k */
    bool smallest;  /* of top_k */
    bool later;     /* of argmax and argmin: of equals the last */
    bool exclusive; /* of cumulative_sum */
    bool backwards;
} line_attributes;

static const clade_attribute extreme_schema[] = {
    { "axis", CLADE_ATTRIBUTE_INT, offsetof(line_attributes, axis), 0 },
    { "later", CLADE_ATTRIBUTE_BOOL, offsetof(line_attributes, later), 0 },
    { NULL, 0, 0, 0 },
};
static const clade_attribute top_k_schema[] = {
    { "axis", CLADE_ATTRIBUTE_INT, offsetof(line_attributes, axis), 0 },
    { "count", CLADE_ATTRIBUTE_INT, offsetof(line_attributes, count), 0 },
    { "smallest", CLADE_ATTRIBUTE_BOOL, offsetof(line_attributes, smallest), 0 },
    { NULL, 0, 0, 0 },
};
static const clade_attribute cumulative_sum_schema[] = {
    { "axis", CLADE_ATTRIBUTE_INT, offsetof(line_attributes, axis), 0 },
    { "exclusive", CLADE_ATTRIBUTE_BOOL, offsetof(line_attributes, exclusive), 0 },
    { "backwards", CLADE_ATTRIBUTE_BOOL, offsetof(line_attributes, backwards), 0 },
    { NULL, 0, 0, 0 },
};

/* ---- types and gradients ---- */

static bool check(const clade_node *node, clade_text *why) {
    const line_attributes *a = node->attributes;
    const clade_type *x = clade_value_type(node->inputs[0]);
    if (x->dtype == CLADE_F32 && a->axis >= 0 && a->axis < x->dims.rank) return true;
    clade_text_add(why, "expected float32 with an axis %lld", (long long)a->axis);
    return false;
}

static bool infer_extreme(const clade_node *node, clade_type out[], clade_text *why) {
    if (!check(node, why)) return false;
    out[0] = (clade_type){ CLADE_I32, clade_value_type(node->inputs[0])->dims };
    out[0].dims.size[((const line_attributes *)node->attributes)->axis] = 1;
    return true;
}

static bool infer_top_k(const clade_node *node, clade_type out[], clade_text *why) {
    const line_attributes *a = node->attributes;
    if (!check(node, why)) return false;
    out[0] = *clade_value_type(node->inputs[0]);
    clade_size *size = &out[0].dims.size[a->axis];
    if (*size < a->count || a->count < 1) {
        clade_text_add(why, "%lld elements cannot be taken of %s", (long long)a->count,
                       clade_size_text(node->graph, *size));
        return false;
    }
    *size = a->count;
    out[1] = (clade_type){ CLADE_I32, out[0].dims };
    return true;
}

static bool infer_cumulative_sum(const clade_node *node, clade_type out[], clade_text *why) {
    out[0] = *clade_value_type(node->inputs[0]);
    return check(node, why);
}

/* To the elements that were taken; nothing flows from their places. */
static void gradient_top_k(clade_tape *tape, const clade_node *node, const clade_value dy[], clade_value dx[]) {
    const line_attributes *a = node->attributes;
    if (!tape->wanted[0] || !clade_value_valid(dy[0])) return;
    clade_value zeros = clade_constant(tape->graph, clade_value_dims(node->inputs[0]), 0);
    const clade_value places = { tape->graph, node->index, 1 };
    dx[0] = clade_scatter_elements(zeros, places, dy[0], (int32_t)a->axis, CLADE_SCATTER_ADD);
}

static void gradient_cumulative_sum(clade_tape *tape, const clade_node *node, const clade_value dy[],
                                    clade_value dx[]) {
    line_attributes a = *(const line_attributes *)node->attributes;
    a.backwards = !a.backwards;
    if (tape->wanted[0]) dx[0] = clade_append(tape->graph, &clade_op_cumulative_sum, "", &a, dy, 1);
}

/* ---- references ---- */

typedef struct lines {
    int64_t outer, length, inner;
} lines;

static lines lines_of(const clade_node *node, const clade_tensor *x) {
    const int64_t axis = ((const line_attributes *)node->attributes)->axis;
    lines l = { 1, x->size[axis], 1 };
    for (int32_t i = 0; i < x->rank; i++) {
        if (i != axis) *(i < axis ? &l.outer : &l.inner) *= x->size[i];
    }
    return l;
}

static void reference_extreme(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    const line_attributes *a = node->attributes;
    const lines l = lines_of(node, &in[0]);
    const double sign = node->op == &clade_op_argmin ? -1 : 1;
    for (int64_t n = 0; n < l.outer * l.inner; n++) {
        const double *x = in[0].data + n / l.inner * l.length * l.inner + n % l.inner;
        int64_t place = -1;
        for (int64_t i = 0; i < l.length; i++) {
            const double v = sign * x[i * l.inner];
            if (isnan(v)) continue;
            if (place < 0 || v > sign * x[place * l.inner] || (a->later && v == sign * x[place * l.inner])) place = i;
        }
        out[0].data[n] = place < 0 ? 0 : (double)place;
    }
}

/* Whether A comes before B. */
static bool better(double a, double b, double sign) {
    return sign * a > sign * b || (isnan(b) && !isnan(a));
}

/* Each element's rank is how many come before it. */
static void reference_top_k(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    const line_attributes *a = node->attributes;
    const lines l = lines_of(node, &in[0]);
    const double sign = a->smallest ? -1 : 1;
    for (int64_t n = 0; n < l.outer * l.inner; n++) {
        const double *x = in[0].data + n / l.inner * l.length * l.inner + n % l.inner;
        for (int64_t i = 0; i < l.length; i++) {
            int64_t rank = 0;
            for (int64_t k = 0; k < l.length; k++) {
                const double v = x[k * l.inner], own = x[i * l.inner];
                if (better(v, own, sign) || (k < i && !better(own, v, sign))) rank++;
            }
            if (rank >= a->count) continue;
            const int64_t at = (n / l.inner * a->count + rank) * l.inner + n % l.inner;
            out[0].data[at] = x[i * l.inner];
            out[1].data[at] = (double)i;
        }
    }
}

static void reference_cumulative_sum(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    const line_attributes *a = node->attributes;
    const lines l = lines_of(node, &in[0]);
    for (int64_t n = 0; n < l.outer * l.inner; n++) {
        const int64_t start = n / l.inner * l.length * l.inner + n % l.inner;
        double sum = 0;
        for (int64_t i = 0; i < l.length; i++) {
            const int64_t at = start + (a->backwards ? l.length - 1 - i : i) * l.inner;
            const double v = in[0].data[at];
            out[0].data[at] = a->exclusive ? sum : sum + v;
            sum += v;
        }
    }
}

/* ---- implementations ---- */

enum { GROUP = 64, CHUNK = 256 };

/* The kernel, the lines of an item, and the numbers after the lines' sizes. */
typedef struct walk {
    const char *kernel;
    int64_t lines;
    clade_argument numbers[3];
    size_t number_count;
} walk;

static int64_t inner_of(const clade_site *site) {
    return clade_elements_inside(&site->in[0], (int32_t)((const line_attributes *)site->node->attributes)->axis);
}

static clade_status record(const clade_site *site, clade_commands *commands, const walk *what) {
    const int32_t axis = (int32_t)((const line_attributes *)site->node->attributes)->axis;
    const int64_t items = (inner_of(site) + what->lines - 1) / what->lines;
    clade_argument arguments[8];
    size_t count = 0;
    double moved = (double)site->in[0].count;
    arguments[count++] = clade_buffer_argument(site->in[0].buffer);
    for (uint32_t o = 0; o < site->node->output_count; o++) {
        arguments[count++] = clade_buffer_argument(site->out[o].buffer);
        moved += (double)site->out[o].count;
    }
    arguments[count++] = clade_int_argument(site->in[0].size[axis]);
    arguments[count++] = clade_int_argument(inner_of(site));
    for (size_t i = 0; i < what->number_count; i++) {
        arguments[count++] = what->numbers[i];
    }
    return clade_commands_launch(commands,
                                 &(clade_launch){
                                     .file = "lines.cl",
                                     .kernel = what->kernel,
                                     .label = site->label,
                                     .global = { (size_t)items, (size_t)clade_elements_outside(&site->in[0], axis), 1 },
                                     .local = { what->lines > 1 || items < GROUP ? 1 : GROUP, 1, 1 },
                                     .arguments = arguments,
                                     .argument_count = count,
                                     .flops = (double)site->in[0].count,
                                     .bytes = 4 * moved,
                                 });
}

static clade_status record_places(const clade_site *site, clade_commands *commands, const char *kernel, int64_t lines) {
    const line_attributes *a = site->node->attributes;
    const float sign = site->node->op == &clade_op_argmin ? -1 : 1;
    return record(site, commands,
                  &(walk){ kernel, lines, { clade_float_argument(sign), clade_int_argument(a->later) }, 2 });
}

static clade_status record_extreme(const clade_site *site, clade_commands *commands) {
    return record_places(site, commands, "extreme", 1);
}

static clade_status record_extreme_lanes(const clade_site *site, clade_commands *commands) {
    return record_places(site, commands, "extreme_lanes", 16);
}

static clade_status record_top_k(const clade_site *site, clade_commands *commands) {
    const line_attributes *a = site->node->attributes;
    const float sign = a->smallest ? -1 : 1;
    return record(site, commands,
                  &(walk){ "best", 1, { clade_float_argument(sign), clade_int_argument(a->count) }, 2 });
}

static clade_status record_sums(const clade_site *site, clade_commands *commands, int64_t lines) {
    const line_attributes *a = site->node->attributes;
    const walk what = { "running",
                        lines,
                        { clade_int_argument(a->exclusive), clade_int_argument(a->backwards),
                          clade_int_argument(lines) },
                        3 };
    return record(site, commands, &what);
}

static clade_status record_cumulative_sum(const clade_site *site, clade_commands *commands) {
    return record_sums(site, commands, 1);
}

static clade_status record_cumulative_sum_lanes(const clade_site *site, clade_commands *commands) {
    return record_sums(site, commands, CHUNK);
}

static bool side_by_side(const clade_site *site, char why[128]) {
    if (inner_of(site) > 1) return true;
    snprintf(why, 128, "the axis is the innermost");
    return false;
}

static double flops(const clade_site *site) {
    return (double)site->in[0].count;
}

#define LINES(NAME)                                                                                                    \
    &(const clade_implementation) {                                                                                    \
        .name = "lines", .record = record_##NAME                                                                       \
    }
#define LANES(NAME)                                                                                                    \
    &(const clade_implementation) {                                                                                    \
        .name = "lanes", .applicable = side_by_side, .suitability = for_cpus, .record = record_##NAME##_lanes          \
    }

/* Above 0, which the lines have, on CPUs only. */
static double for_cpus(const clade_site *site) {
    return site->device->capabilities.is_cpu ? 1 : -1;
}

static const clade_implementation *const extreme_implementations[] = { LANES(extreme), LINES(extreme), NULL };
static const clade_implementation *const top_k_implementations[] = { LINES(top_k), NULL };
static const clade_implementation *const cumulative_sum_implementations[] = { LANES(cumulative_sum),
                                                                              LINES(cumulative_sum), NULL };

/* ---- cases ---- */

#define CASE(NAME, FILL, AXIS, COUNT, ATTRIBUTES, RANK, ...)                                                           \
    {                                                                                                                  \
        .name = NAME, .in = { { RANK, { __VA_ARGS__ } } }, .input_count = 1, .fill = { FILL },                         \
        .attributes = &(const line_attributes) {                                                                       \
            .axis = AXIS, .count = COUNT, ATTRIBUTES                                                                   \
        }                                                                                                              \
    }

static const clade_case extreme_cases[] = {
    CASE("the last axis", CLADE_FILL_DISTINCT, 1, 0, .later = false, 2, 7, 37),
    CASE("the middle", CLADE_FILL_DISTINCT, 1, 0, .later = false, 3, 3, 11, 70),
    CASE("the first of equals", CLADE_FILL_EQUALS, 1, 0, .later = false, 2, 21, 37),
    CASE("the first of equals in the middle", CLADE_FILL_EQUALS, 1, 0, .later = false, 3, 3, 11, 37),
    CASE("the last of equals", CLADE_FILL_EQUALS, 1, 0, .later = true, 2, 21, 37),
    CASE("the last of equals in the middle", CLADE_FILL_EQUALS, 1, 0, .later = true, 3, 3, 11, 37),
    CASE("one element", CLADE_FILL_UNIFORM, 0, 0, .later = false, 1, 1),
    { .name = NULL },
};
static const clade_case top_k_cases[] = {
    CASE("five of a row", CLADE_FILL_DISTINCT, 1, 5, .smallest = false, 2, 7, 37),
    CASE("the smallest in the middle", CLADE_FILL_DISTINCT, 1, 3, .smallest = true, 3, 3, 11, 70),
    CASE("equals", CLADE_FILL_EQUALS, 1, 11, .smallest = false, 2, 21, 37),
    CASE("the smallest of equals in the middle", CLADE_FILL_EQUALS, 1, 4, .smallest = true, 3, 3, 11, 21),
    CASE("all", CLADE_FILL_DISTINCT, 0, 9, .smallest = false, 2, 9, 5),
    CASE("one of one", CLADE_FILL_UNIFORM, 0, 1, .smallest = false, 1, 1),
    { .name = NULL },
};
static const clade_case cumulative_sum_cases[] = {
    CASE("the last axis", CLADE_FILL_UNIFORM, 1, 0, .exclusive = false, 2, 7, 37),
    CASE("the middle, exclusive", CLADE_FILL_UNIFORM, 1, 0, .exclusive = true, 3, 3, 5, 70),
    CASE("backwards", CLADE_FILL_UNIFORM, 0, 0, .backwards = true, 2, 13, 5),
    { .name = "backwards, exclusive",
      .in = { { 3, { 2, 3, 11 } } },
      .input_count = 1,
      .attributes = &(const line_attributes){ .axis = 2, .exclusive = true, .backwards = true } },
    { .name = NULL },
};

/* ---- the rows ---- */

#define ROW(NAME, ONNX, OUTPUTS, WHAT, GRADIENT)                                                                       \
    {                                                                                                                  \
        .name = NAME, .onnx = ONNX, .attributes = WHAT##_schema, .attributes_size = sizeof(line_attributes),           \
        .input_minimum = 1, .input_maximum = 1, .outputs = OUTPUTS, .infer = infer_##WHAT, .gradient = GRADIENT,       \
        .reference = reference_##WHAT, .flops = flops, .implementations = WHAT##_implementations,                      \
        .cases = WHAT##_cases                                                                                          \
    }

const clade_op clade_op_argmax = ROW("argmax", "ArgMax", 1, extreme, NULL);
const clade_op clade_op_argmin = ROW("argmin", "ArgMin", 1, extreme, NULL);
const clade_op clade_op_top_k = ROW("top_k", "TopK", 2, top_k, gradient_top_k);
const clade_op clade_op_cumulative_sum = ROW("cumulative_sum", "CumSum", 1, cumulative_sum, gradient_cumulative_sum);

/* ---- the builder's calls ---- */

static int64_t own_axis(clade_value x, int32_t axis) {
    const int32_t own = clade_axis_of(axis, clade_value_dims(x).rank);
    return own < 0 ? axis : own;
}

static clade_value extreme(const clade_op *op, clade_value x, int32_t axis, bool keep) {
    const line_attributes a = { .axis = own_axis(x, axis) };
    clade_value y = clade_append(x.graph, op, "", &a, &x, 1);
    if (keep || !clade_value_valid(y)) return y;
    clade_dims dims = clade_value_dims(y);
    memmove(dims.size + a.axis, dims.size + a.axis + 1, (size_t)(dims.rank - a.axis - 1) * sizeof dims.size[0]);
    dims.rank--;
    return clade_reshape(y, dims);
}

clade_value clade_argmax(clade_value x, int32_t axis, bool keep) {
    return extreme(&clade_op_argmax, x, axis, keep);
}

clade_value clade_argmin(clade_value x, int32_t axis, bool keep) {
    return extreme(&clade_op_argmin, x, axis, keep);
}

clade_value clade_top_k(clade_value x, int32_t axis, int64_t count, bool smallest, clade_value *places) {
    const line_attributes a = { .axis = own_axis(x, axis), .count = count, .smallest = smallest };
    clade_value values = clade_append(x.graph, &clade_op_top_k, "", &a, &x, 1);
    if (places) *places = clade_value_valid(values) ? clade_output(values, 1) : values;
    return values;
}

clade_value clade_cumulative_sum(clade_value x, int32_t axis, bool exclusive, bool backwards) {
    const line_attributes a = { .axis = own_axis(x, axis), .exclusive = exclusive, .backwards = backwards };
    return clade_append(x.graph, &clade_op_cumulative_sum, "", &a, &x, 1);
}

/* 1 at the largest element, 0 elsewhere. */
clade_value clade_hardmax(clade_value x, int32_t axis) {
    clade_value place = clade_argmax(x, axis, true);
    if (!clade_value_valid(place)) return place;
    clade_value ones = clade_constant(x.graph, clade_value_dims(place), 1);
    clade_value zeros = clade_constant(x.graph, clade_value_dims(x), 0);
    return clade_scatter_elements(zeros, place, ones, axis, CLADE_SCATTER_REPLACE);
}
