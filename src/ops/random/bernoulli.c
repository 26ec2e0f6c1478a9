/* Bernoulli draws: y = 1 with probability p, else 0.
 * p (N, ...), the run's random state int32 (8) -> y as p.
 *
 * An element is 1 when the upper 24 bits of its draw (ops/random/draws.h) as a number u of [0, 1) are below p. So it depends on
 * the run's seed, the name, the step and the sample. */
#include "ops/random/draws.h"

#include "base/hash.h"
#include "clade/ops/random.h"

#include <stddef.h>

extern const clade_op clade_op_bernoulli;

typedef struct bernoulli_attributes {
    int64_t name_hash;
} bernoulli_attributes;

static const clade_attribute schema[] = {
    { "name_hash", CLADE_ATTRIBUTE_INT, offsetof(bernoulli_attributes, name_hash), 0 },
    { NULL, 0, 0, 0 },
};

static bool infer(const clade_node *node, clade_type out[], clade_text *why) {
    out[0] = *clade_value_type(node->inputs[0]);
    return clade_draws_check(node, why);
}

static void reference(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    const bernoulli_attributes *a = node->attributes;
    for (int64_t i = 0; i < in[0].count; i++) {
        const double u = (double)(clade_draw_at(&in[0], &in[1], a->name_hash, i) >> 8) * 0x1p-24;
        out[0].data[i] = u < in[0].data[i] ? 1 : 0;
    }
}

/* ---- implementations ---- */

static clade_status record(const clade_site *site, clade_commands *commands, bool vectors) {
    const bernoulli_attributes *a = site->node->attributes;
    return clade_draws_launch(site, commands, "bernoulli.cl", vectors, a->name_hash, NULL, 0);
}

CLADE_DRAWS_IMPLEMENTATIONS(record)

static const clade_case cases[] = {
    { .name = "odd size",
      .in = { { 2, { 5, 67 } }, { 1, { 8 } } },
      .input_count = 2,
      .fill = { CLADE_FILL_UNIFORM, CLADE_FILL_RANDOM_STATE },
      .attributes = &(const bernoulli_attributes){ 0x123456789abcdef } },
    { .name = "images",
      .in = { { 4, { 3, 2, 5, 7 } }, { 1, { 8 } } },
      .input_count = 2,
      .fill = { CLADE_FILL_POSITIVE, CLADE_FILL_RANDOM_STATE },
      .attributes = &(const bernoulli_attributes){ -3 } },
    { .name = "13 elements a sample",
      .in = { { 2, { 3, 13 } }, { 1, { 8 } } },
      .input_count = 2,
      .fill = { CLADE_FILL_UNIFORM, CLADE_FILL_RANDOM_STATE },
      .attributes = &(const bernoulli_attributes){ 7 } },
    { .name = "31 elements a sample",
      .in = { { 2, { 3, 31 } }, { 1, { 8 } } },
      .input_count = 2,
      .fill = { CLADE_FILL_UNIFORM, CLADE_FILL_RANDOM_STATE },
      .attributes = &(const bernoulli_attributes){ 7 } },
    { .name = "more than a part",
      .in = { { 2, { 2, 4131 } }, { 1, { 8 } } },
      .input_count = 2,
      .fill = { CLADE_FILL_POSITIVE, CLADE_FILL_RANDOM_STATE },
      .attributes = &(const bernoulli_attributes){ 11 } },
    { .name = "one element a sample",
      .in = { { 1, { 300 } }, { 1, { 8 } } },
      .input_count = 2,
      .fill = { CLADE_FILL_UNIFORM, CLADE_FILL_RANDOM_STATE },
      .attributes = &(const bernoulli_attributes){ 1 } },
    { .name = NULL },
};

const clade_op clade_op_bernoulli = {
    .name = "bernoulli",
    .onnx = "Bernoulli",
    .attributes = schema,
    .attributes_size = sizeof(bernoulli_attributes),
    .input_minimum = 2,
    .input_maximum = 2,
    .outputs = 1,
    .infer = infer,
    .reference = reference,
    .implementations = implementations,
    .cases = cases,
};

clade_value clade_bernoulli(clade_value p, const char *name) {
    const char *unique = p.graph ? clade_graph_unique_name(p.graph, name, "bernoulli") : "";
    const bernoulli_attributes a = { (int64_t)clade_hash_text(unique) };
    const clade_value inputs[] = { p, clade_random_state(p.graph) };
    return clade_append(p.graph, &clade_op_bernoulli, unique, &a, inputs, 2);
}
