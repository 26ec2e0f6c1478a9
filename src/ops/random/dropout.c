/* Dropout (Srivastava et al. 2014, inverted): y = x / (1 - rate), or 0 with probability RATE; identity at inference.
 * x (N, ...), the run's random state int32 (8) -> y as x.
 *
 * An element is kept when its draw (ops/random/draws.h) is at least rate * 2^32: the gradient, dropout of dy with the same
 * attributes, draws the same. */
#include "ops/random/draws.h"

#include "base/hash.h"

#include <stddef.h>

extern const clade_op clade_op_dropout;

typedef struct dropout_attributes {
    double rate;
    int64_t name_hash;
} dropout_attributes;

static const clade_attribute schema[] = {
    { "rate", CLADE_ATTRIBUTE_DOUBLE, offsetof(dropout_attributes, rate), 0 },
    { "name_hash", CLADE_ATTRIBUTE_INT, offsetof(dropout_attributes, name_hash), 0 },
    { NULL, 0, 0, 0 },
};

static bool infer(const clade_node *node, clade_type out[], clade_text *why) {
    const dropout_attributes *a = node->attributes;
    out[0] = *clade_value_type(node->inputs[0]);
    if (a->rate >= 0 && a->rate < 1) return clade_draws_check(node, why);
    clade_text_add(why, "rate %g; expected 0 <= rate < 1", a->rate);
    return false;
}

static void gradient(clade_tape *tape, const clade_node *node, const clade_value dy[], clade_value dx[]) {
    const clade_value inputs[] = { dy[0], node->inputs[1] };
    if (tape->wanted[0]) dx[0] = clade_append(tape->graph, &clade_op_dropout, "", node->attributes, inputs, 2);
}

static bool inference(clade_rewrite *rewrite, const clade_node *node, const clade_value inputs[], clade_value out[]) {
    (void)rewrite;
    (void)node;
    out[0] = inputs[0];
    return true;
}

/* Draws below it drop the element. */
static uint32_t threshold_of(const dropout_attributes *a) {
    return (uint32_t)(a->rate * 4294967296.0);
}

static void reference(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    const dropout_attributes *a = node->attributes;
    for (int64_t i = 0; i < in[0].count; i++) {
        const bool kept = clade_draw_at(&in[0], &in[1], a->name_hash, i) >= threshold_of(a);
        out[0].data[i] = kept ? in[0].data[i] / (1.0 - a->rate) : 0;
    }
}

/* ---- implementations ---- */

static clade_status record(const clade_site *site, clade_commands *commands, bool vectors) {
    const dropout_attributes *a = site->node->attributes;
    const clade_argument further[] = { clade_bits_argument(threshold_of(a)),
                                       clade_float_argument((float)(1.0 / (1.0 - a->rate))) };
    return clade_draws_launch(site, commands, "dropout.cl", vectors, a->name_hash, further, 2);
}

CLADE_DRAWS_IMPLEMENTATIONS(record)

static const clade_case cases[] = {
    { .name = "half, odd size",
      .in = { { 2, { 5, 67 } }, { 1, { 8 } } },
      .input_count = 2,
      .fill = { CLADE_FILL_NONZERO, CLADE_FILL_RANDOM_STATE },
      .attributes = &(const dropout_attributes){ 0.5, 0x123456789abcdef } },
    { .name = "a fifth, images",
      .in = { { 4, { 3, 2, 5, 7 } }, { 1, { 8 } } },
      .input_count = 2,
      .fill = { CLADE_FILL_NONZERO, CLADE_FILL_RANDOM_STATE },
      .attributes = &(const dropout_attributes){ 0.2, -3 } },
    { .name = "13 elements a sample",
      .in = { { 2, { 3, 13 } }, { 1, { 8 } } },
      .input_count = 2,
      .fill = { CLADE_FILL_NONZERO, CLADE_FILL_RANDOM_STATE },
      .attributes = &(const dropout_attributes){ 0.3, 7 } },
    { .name = "22 elements a sample",
      .in = { { 2, { 3, 22 } }, { 1, { 8 } } },
      .input_count = 2,
      .fill = { CLADE_FILL_NONZERO, CLADE_FILL_RANDOM_STATE },
      .attributes = &(const dropout_attributes){ 0.3, 7 } },
    { .name = "31 elements a sample",
      .in = { { 2, { 3, 31 } }, { 1, { 8 } } },
      .input_count = 2,
      .fill = { CLADE_FILL_NONZERO, CLADE_FILL_RANDOM_STATE },
      .attributes = &(const dropout_attributes){ 0.3, 7 } },
    { .name = "one element a sample",
      .in = { { 1, { 300 } }, { 1, { 8 } } },
      .input_count = 2,
      .fill = { CLADE_FILL_NONZERO, CLADE_FILL_RANDOM_STATE },
      .attributes = &(const dropout_attributes){ 0.9, 1 } },
    { .name = NULL },
};

const clade_op clade_op_dropout = {
    .name = "dropout",
    .onnx = "Dropout",
    .attributes = schema,
    .attributes_size = sizeof(dropout_attributes),
    .input_minimum = 2,
    .input_maximum = 2,
    .outputs = 1,
    .infer = infer,
    .gradient = gradient,
    .inference = inference,
    .reference = reference,
    .implementations = implementations,
    .cases = cases,
};

clade_value clade_dropout(clade_value x, double rate, const char *name) {
    if (rate == 0) return x;
    const char *unique = x.graph ? clade_graph_unique_name(x.graph, name, "dropout") : "";
    const dropout_attributes a = { rate, (int64_t)clade_hash_text(unique) };
    const clade_value inputs[] = { x, clade_random_state(x.graph) };
    return clade_append(x.graph, &clade_op_dropout, unique, &a, inputs, 2);
}
