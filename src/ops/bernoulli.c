/* Bernoulli draws: y = 1 with probability p, else 0.
 * p (N, ...), the run's random state int32 (8) -> y as p.
 *
 * Element e of the sample with index s in the epoch is 1 when its draw u, the upper 24 bits of a word of Philox as a
 * number of [0, 1), is below p. Word, key and counter are those of dropout (ops/dropout.c), so a draw depends on the
 * run's seed, the name, the step and the sample, and not on the batch's split. */
#include "ops/op.h"

#include "base/hash.h"
#include "base/random.h"
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
    const clade_type *p = clade_value_type(node->inputs[0]), *state = clade_value_type(node->inputs[1]);
    out[0] = *p;
    if (p->dtype == CLADE_F32 && p->dims.rank >= 1 && state->dtype == CLADE_I32 && state->dims.rank == 1 &&
        state->dims.size[0] == 8)
        return true;
    clade_text_add(why, "expected float32 (N, ...) and the run's random state int32 (8)");
    return false;
}

static uint32_t half_of(int64_t hash, int half) {
    return (uint32_t)((uint64_t)hash >> 32 * half);
}

static void reference(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    const bernoulli_attributes *a = node->attributes;
    uint32_t state[5];
    for (int i = 0; i < 5; i++)
        state[i] = (uint32_t)(int32_t)in[1].data[i];
    const uint32_t key[2] = { state[0] ^ half_of(a->name_hash, 0), state[1] ^ half_of(a->name_hash, 1) };
    int64_t elements = in[0].count / in[0].size[0];
    for (int64_t i = 0; i < in[0].count; i++) {
        uint32_t draws[4], element = (uint32_t)(i % elements);
        const uint32_t counter[4] = { element / 32 * 8 + element % 8, state[4] + (uint32_t)(i / elements), state[2],
                                      state[3] };
        clade_philox(key, counter, draws);
        out[0].data[i] = (double)(draws[element / 8 % 4] >> 8) * 0x1p-24 < in[0].data[i] ? 1 : 0;
    }
}

static int32_t as_int(uint32_t bits) {
    return bits <= INT32_MAX ? (int32_t)bits : (int32_t)(bits - 1 - INT32_MAX) - INT32_MAX - 1;
}

/* ---- implementations ---- */

enum {
    PART = 1024, /* blocks of four elements that an item takes where an item is a thread's work */
    GROUP = 64,
};

static clade_status record(const clade_site *site, clade_commands *commands, bool vectors) {
    const bernoulli_attributes *a = site->node->attributes;
    int64_t samples = site->in[0].size[0], elements = site->in[0].count / samples;
    int64_t blocks = (elements + 31) / 32 * 8;
    int64_t part = vectors ? PART : 1;
    const clade_argument arguments[] = {
        clade_buffer_argument(site->in[0].buffer),
        clade_buffer_argument(site->in[1].buffer),
        clade_buffer_argument(site->out[0].buffer),
        clade_int_argument(samples),
        clade_int_argument(elements),
        clade_int_argument(blocks),
        clade_int_argument(part),
        clade_int_argument(as_int(half_of(a->name_hash, 0))),
        clade_int_argument(as_int(half_of(a->name_hash, 1))),
    };
    return clade_commands_launch(commands, &(clade_launch){
                                               .file = "bernoulli.cl",
                                               .kernel = vectors ? "block_vectors" : "blocks",
                                               .label = site->label,
                                               .global = { (size_t)((blocks + part - 1) / part), (size_t)samples },
                                               .local = { vectors ? 1 : GROUP, 1, 1 },
                                               .arguments = arguments,
                                               .argument_count = sizeof arguments / sizeof arguments[0],
                                               .flops = (double)site->in[0].count,
                                               .bytes = 8.0 * (double)site->in[0].count,
                                           });
}

static clade_status record_block_vectors(const clade_site *site, clade_commands *commands) {
    return record(site, commands, true);
}

static clade_status record_blocks(const clade_site *site, clade_commands *commands) {
    return record(site, commands, false);
}

static double for_cpus(const clade_site *site) {
    return site->device->capabilities.is_cpu ? 2 : 1;
}

static double for_others(const clade_site *site) {
    return site->device->capabilities.is_cpu ? 1 : 2;
}

static const clade_implementation *const implementations[] = {
    &(const clade_implementation){ .name = "block_vectors", .suitability = for_cpus, .record = record_block_vectors },
    &(const clade_implementation){ .name = "blocks", .suitability = for_others, .record = record_blocks },
    NULL,
};

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
