/* Recurrent layers. Clade's rows take the input's products with its weights, which a matrix product before them makes;
 * ONNX's operators make them themselves. So that product is taken in here, and what is added to it becomes the first
 * half of ONNX's biases. ONNX's y is (T, directions, N, units), Clade's (T, N, directions * units). */
#include "formats/onnx/export.h"
#include "ops/matmul/matmul.h"
#include "ops/recurrent/recurrent.h"

#include <string.h>

extern const clade_op clade_op_add, clade_op_reshape;

/* What a row's input 0 was made of; CLADE_NO_VALUE: no bias. */
typedef struct gates {
    clade_value x, weight, bias; /* (T, N, C), (D, G*H, C), (D*G*H) */
} gates;

static bool is(clade_value value, const clade_op *op) {
    return clade_value_node(value)->op == op;
}

static clade_value before(clade_value value, int input) {
    return clade_value_node(value)->inputs[input];
}

static bool find_gates(const clade_node *node, gates *g) {
    *g = (gates){ .bias = CLADE_NO_VALUE };
    clade_value at = node->inputs[0];
    if (!is(at, &clade_op_reshape)) return false;
    at = before(at, 0);
    if (is(at, &clade_op_add)) {
        g->bias = before(at, 1);
        at = before(at, 0);
    }
    if (!is(at, &clade_op_matmul)) return false;
    const clade_matmul_attributes *a = clade_value_node(at)->attributes;
    if (a->transpose_a || !a->transpose_b) return false;
    /* A reshape that changes nothing is left out of a graph. */
    g->x = is(before(at, 0), &clade_op_reshape) ? before(before(at, 0), 0) : before(at, 0);
    g->weight = is(before(at, 1), &clade_op_reshape) ? before(before(at, 1), 0) : before(at, 1);
    const clade_dims x = clade_value_dims(g->x), weight = clade_value_dims(g->weight);
    const clade_dims gates = clade_value_dims(node->inputs[0]), recurrent = clade_value_dims(node->inputs[1]);
    if (clade_value_valid(g->bias)) {
        const clade_dims bias = clade_value_dims(g->bias);
        if (bias.rank != 1 || bias.size[0] != gates.size[2]) return false;
    }
    return x.rank == 3 && x.size[0] == gates.size[0] && x.size[1] == gates.size[1] && weight.rank == 3 &&
           weight.size[0] == recurrent.size[0] && weight.size[1] == recurrent.size[1] && weight.size[2] == x.size[2];
}

/* An initial state of zeros, which ONNX assumes anyway, need not be said; its size is open. */
static bool is_zero(clade_value value) {
    return is(value, &clade_op_constant) &&
           ((const clade_constant_attributes *)clade_value_node(value)->attributes)->number == 0;
}

static int reads(const clade_onnx_export *export, const clade_node *node, clade_value list[CLADE_MAX_INPUTS]) {
    (void)export;
    gates g;
    int count = 0;
    if (!find_gates(node, &g)) return 0; /* refused when it is written */
    list[count++] = g.x;
    list[count++] = g.weight;
    if (clade_value_valid(g.bias)) list[count++] = g.bias;
    for (uint32_t i = 1; i < node->input_count; i++)
        if (!is_zero(node->inputs[i])) list[count++] = node->inputs[i];
    return count;
}

static const char *state_name(clade_onnx_export *export, const clade_node *node, int index) {
    if (index < 0 || is_zero(node->inputs[index])) return "";
    return clade_export_name(export, node->inputs[index]);
}

/* (D, 2*G*H): what is added to the input's products, then what goes with the hidden state's. */
static const char *write_bias(clade_onnx_export *export, const clade_node *node, const gates *g,
                              const clade_recurrent_place *place) {
    const clade_recurrent_attributes *a = node->attributes;
    const clade_dims recurrent = clade_value_dims(node->inputs[1]);
    const clade_dims half = clade_shape(recurrent.size[0], recurrent.size[1]);
    const bool extra = a->reset_after && !is_zero(node->inputs[place->extra]);
    const char *first, *second;
    if (!clade_value_valid(g->bias) && !extra) return "";
    if (clade_value_valid(g->bias)) {
        first = clade_export_between(export, node, "input_bias");
        clade_export_call(export, "Reshape", first, clade_export_name(export, g->bias),
                          clade_export_wholes(export, half.size, 2));
    } else {
        first = clade_export_floats(export, &half, 0);
    }
    second = extra ? clade_export_name(export, node->inputs[place->extra]) : clade_export_floats(export, &half, 0);
    const char *both = clade_export_between(export, node, "biases");
    clade_export_set_int(export, clade_export_call(export, "Concat", both, first, second), "axis", 1);
    return both;
}

static void set_attributes(clade_onnx_export *export, const clade_node *node, Onnx__NodeProto *made, int64_t units) {
    static const char *const words[] = {
        [CLADE_FORWARD] = "forward", [CLADE_REVERSE] = "reverse", [CLADE_BIDIRECTIONAL] = "bidirectional"
    };
    const clade_recurrent_attributes *a = node->attributes;
    clade_export_set_int(export, made, "hidden_size", units);
    clade_export_set_text(export, made, "direction", words[a->direction]);
    if (a->clip > 0) clade_export_set_float(export, made, "clip", a->clip);
    if (node->op == &clade_op_gru) clade_export_set_int(export, made, "linear_before_reset", a->reset_after);
    if (a->relu)
        clade_export_set_texts(export, made, "activations", "Relu", a->direction == CLADE_BIDIRECTIONAL ? 2 : 1);
}

/* y (T, D, N, H) as (T, N, D*H). */
static void write_turned(clade_onnx_export *export, const clade_node *node, const char *y) {
    static const int64_t permutation[] = { 0, 2, 1, 3 };
    const char *turned = clade_export_between(export, node, "turned");
    clade_export_set_ints(export, clade_export_call(export, "Transpose", turned, y), "perm", permutation, 4);
    const int64_t shape[] = { 0, 0, node->outputs[0].dims.size[2] };
    clade_export_call(export, "Reshape", clade_export_name(export, (clade_value){ node->graph, node->index, 0 }),
                      turned, clade_export_wholes(export, shape, 3));
}

static void write_recurrent(clade_onnx_export *export, const clade_node *node, const clade_onnx_writer *writer) {
    const clade_recurrent_attributes *a = node->attributes;
    const clade_recurrent_place place = clade_recurrent_place_of(node);
    const bool lstm = node->op == &clade_op_lstm;
    gates g;
    if (!find_gates(node, &g)) {
        clade_export_refuse(export, node, "the product of its input and its weights is not before it");
        return;
    }
    const char *list[9] = {
        clade_export_name(export, g.x),
        clade_export_name(export, g.weight),
        clade_export_name(export, node->inputs[1]),
        write_bias(export, node, &g, &place),
        state_name(export, node, place.lengths),
        state_name(export, node, place.hidden),
        lstm ? state_name(export, node, place.memory) : NULL,
        lstm && a->extra ? state_name(export, node, place.extra) : NULL,
    };
    const char *y = clade_export_between(export, node, "sequence");
    Onnx__NodeProto *made = clade_export_node(export, writer->op, list, y);
    for (uint32_t i = 1; i < 2u + lstm; i++)
        clade_export_add_output(export, made, clade_export_name(export, (clade_value){ node->graph, node->index, i }));
    set_attributes(export, node, made, clade_value_dims(node->inputs[1]).size[2]);
    write_turned(export, node, y);
}

const clade_onnx_writer clade_onnx_recurrent_writers[] = {
    { "gru", "GRU", write_recurrent, reads, 2 },
    { "lstm", "LSTM", write_recurrent, reads, 3 },
    { "rnn", "RNN", write_recurrent, reads, 2 },
    { NULL, NULL, NULL, NULL, 0 },
};
