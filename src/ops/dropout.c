/* Dropout (Srivastava et al. 2014, inverted): y = x / (1 - rate), or 0 with probability RATE; identity at inference.
 * x (N, ...), the run's random state int32 (8) -> y as x.
 *
 * Element e of the sample with index s in the epoch is kept when its draw is at least rate * 2^32. The draw is word
 * e / 8 % 4 of Philox's block b = e / 32 * 8 + e % 8 (so that eight blocks at once decide neighbours). Key: the run's
 * seed, each half with a half of the name's hash by exclusive or; counter: (b, s, step low, step high). So it does not
 * depend on the batch's split, and the gradient, dropout of dy with the same attributes, draws the same. */
#include "ops/op.h"

#include "base/hash.h"
#include "base/random.h"

#include <math.h>
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
    const clade_type *x = clade_value_type(node->inputs[0]), *state = clade_value_type(node->inputs[1]);
    out[0] = *x;
    if (!(a->rate >= 0 && a->rate < 1)) {
        clade_text_add(why, "rate %g; expected 0 <= rate < 1", a->rate);
        return false;
    }
    if (x->dtype == CLADE_F32 && x->dims.rank >= 1 && state->dtype == CLADE_I32 && state->dims.rank == 1 &&
        state->dims.size[0] == 8)
        return true;
    clade_text_add(why, "expected float32 (N, ...) and the run's random state int32 (8)");
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
    uint32_t state[5];
    for (int i = 0; i < 5; i++) {
        state[i] = (uint32_t)(int32_t)in[1].data[i];
    }
    const uint32_t key[2] = { state[0] ^ (uint32_t)a->name_hash, state[1] ^ (uint32_t)((uint64_t)a->name_hash >> 32) };
    int64_t elements = in[0].count / in[0].size[0];
    for (int64_t i = 0; i < in[0].count; i++) {
        uint32_t draws[4], element = (uint32_t)(i % elements);
        const uint32_t counter[4] = { element / 32 * 8 + element % 8, state[4] + (uint32_t)(i / elements), state[2],
                                      state[3] };
        clade_philox(key, counter, draws);
        bool kept = draws[element / 8 % 4] >= threshold_of(a);
        out[0].data[i] = kept ? in[0].data[i] / (1.0 - a->rate) : 0;
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
    const dropout_attributes *a = site->node->attributes;
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
        clade_int_argument(as_int((uint32_t)a->name_hash)),
        clade_int_argument(as_int((uint32_t)((uint64_t)a->name_hash >> 32))),
        clade_int_argument(as_int(threshold_of(a))),
        clade_float_argument((float)(1.0 / (1.0 - a->rate))),
    };
    return clade_commands_launch(commands, &(clade_launch){
                                               .file = "dropout.cl",
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
