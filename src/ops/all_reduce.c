/* Sums over the devices that take a step together: y[i] = the sum of x[i] over them, for up to 8 arrays at once.
 *
 * To one device alone it is the identity, which is its meaning here (reference, and the implementation `copy`): what a
 * device has in common with others belongs to its group (device/group.h). The gradient of a sum over devices, whose
 * results all of them use, is the sum over devices of theirs. */
#include "ops/all_reduce.h"

#include "ops/hand_over.h"

#include <stddef.h>
#include <string.h>

/* ---- all_reduce ---- */

static bool infer(const clade_node *node, clade_type out[], clade_text *why) {
    const clade_all_reduce_attributes *a = node->attributes;
    if (a->output_count != (int32_t)node->input_count) {
        clade_text_add(why, "%d outputs; expected one for each input", (int)a->output_count);
        return false;
    }
    for (uint32_t i = 0; i < node->input_count; i++) {
        out[i] = *clade_value_type(node->inputs[i]);
        if (out[i].dtype == CLADE_F32) continue;
        clade_text_add(why, "expected float32 alone");
        return false;
    }
    return true;
}

static void gradient(clade_tape *tape, const clade_node *node, const clade_value dy[], clade_value dx[]) {
    clade_value flows[CLADE_MAX_OUTPUTS], sums[CLADE_MAX_OUTPUTS];
    size_t count = 0;
    for (uint32_t i = 0; i < node->input_count; i++)
        if (tape->wanted[i] && clade_value_valid(dy[i])) flows[count++] = dy[i];
    if (count == 0) return;
    clade_all_reduce(flows, count, sums);
    for (uint32_t i = node->input_count; i-- > 0;)
        if (tape->wanted[i] && clade_value_valid(dy[i])) dx[i] = sums[--count];
}

static void reference(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    for (uint32_t i = 0; i < node->input_count; i++)
        memcpy(out[i].data, in[i].data, (size_t)in[i].count * sizeof *in[i].data);
}

static clade_status record_copy(const clade_site *site, clade_commands *commands) {
    clade_status status = CLADE_OK;
    for (uint32_t i = 0; i < site->node->input_count && status == CLADE_OK; i++)
        status = clade_commands_copy(commands, site->label, site->in[i].buffer, site->out[i].buffer,
                                     (size_t)site->in[i].count * sizeof(float));
    return status;
}

static const clade_implementation *const implementations[] = {
    &(const clade_implementation){ .name = "copy", .record = record_copy },
    NULL,
};

#define CASE(NAME, COUNT, ...)                                                                                         \
    {                                                                                                                  \
        .name = NAME, .in = { __VA_ARGS__ }, .input_count = COUNT,                                                     \
        .attributes = &(const clade_all_reduce_attributes) {                                                           \
            COUNT                                                                                                      \
        }                                                                                                              \
    }
static const clade_case cases[] = {
    CASE("a scalar", 1, { 0, { 0 } }),
    CASE("an array of odd size", 1, { 3, { 3, 7, 11 } }),
    CASE("arrays of several ranks", 3, { 1, { 5 } }, { 4, { 2, 3, 1, 7 } }, { 0, { 0 } }),
    CASE("as many as go", 8, { 1, { 1 } }, { 1, { 2 } }, { 1, { 3 } }, { 1, { 4 } }, { 1, { 5 } }, { 1, { 6 } },
         { 1, { 7 } }, { 2, { 8, 9 } }),
    { .name = NULL },
};

const clade_op clade_op_all_reduce = {
    .name = "all_reduce",
    .attributes_size = sizeof(clade_all_reduce_attributes),
    .input_minimum = 1,
    .input_maximum = CLADE_MAX_OUTPUTS,
    .outputs = 0,
    .infer = infer,
    .gradient = gradient,
    .reference = reference,
    .implementations = implementations,
    .cases = cases,
};

void clade_all_reduce(const clade_value *x, size_t count, clade_value *y) {
    const clade_all_reduce_attributes a = { (int32_t)count };
    clade_graph *graph = clade_graph_of(x, count);
    clade_value sums = { graph, UINT32_MAX, 0 };
    if (count == 0 || count > CLADE_MAX_OUTPUTS)
        clade_invalid(graph, CLADE_ERROR_ARGUMENT, "all_reduce of %zu values: expected 1 to %d", count,
                      CLADE_MAX_OUTPUTS);
    else
        sums = clade_append(graph, &clade_op_all_reduce, "", &a, x, (uint32_t)count);
    for (size_t i = 0; i < count; i++)
        y[i] = clade_value_valid(sums) ? clade_output(sums, (uint32_t)i) : sums;
}

/* ---- the halves ---- */

static bool infer_send(const clade_node *node, clade_type out[], clade_text *why) {
    (void)node;
    (void)why;
    out[0] = (clade_type){ CLADE_I32, CLADE_SCALAR };
    return true;
}

static bool infer_receive(const clade_node *node, clade_type out[], clade_text *why) {
    const clade_all_reduce_receive_attributes *a = node->attributes;
    (void)why;
    for (int32_t i = 0; i < a->output_count; i++)
        out[i] = (clade_type){ CLADE_F32, a->dims[i] };
    return true;
}

static const clade_attribute number_schema[] = {
    { "number", CLADE_ATTRIBUTE_INT, offsetof(clade_all_reduce_send_attributes, number), 0 },
    { NULL, 0, 0, 0 },
};
static const clade_attribute receive_schema[] = {
    { "number", CLADE_ATTRIBUTE_INT, offsetof(clade_all_reduce_receive_attributes, number), 0 },
    { NULL, 0, 0, 0 },
};

const clade_op clade_all_reduce_send = {
    .name = "all_reduce_send",
    .attributes = number_schema,
    .attributes_size = sizeof(clade_all_reduce_send_attributes),
    .input_minimum = 1,
    .input_maximum = CLADE_MAX_OUTPUTS,
    .outputs = 1,
    .infer = infer_send,
};

const clade_op clade_all_reduce_receive = {
    .name = "all_reduce_receive",
    .attributes = receive_schema,
    .attributes_size = sizeof(clade_all_reduce_receive_attributes),
    .input_minimum = 1,
    .input_maximum = 1,
    .outputs = 0,
    .infer = infer_receive,
};

bool clade_is_transfer(const clade_op *op) {
    return op == &clade_all_reduce_send || op == &clade_all_reduce_receive || op == &clade_stage_send ||
           op == &clade_stage_receive;
}
