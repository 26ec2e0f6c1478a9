/* ONNX's RNN, LSTM and GRU. Their y is (T, directions, N, units), Clade's (T, N, directions * units). */
#include "formats/onnx/import.h"

#include <string.h>

enum { RNN, LSTM, GRU };

/* The activations that each kind has by default; an RNN may have ReLU. */
static bool read_activations(clade_onnx_node *node, int64_t kind, int directions, bool *relu) {
    static const char *const usual[][3] = {
        [RNN] = { "Tanh" }, [LSTM] = { "Sigmoid", "Tanh", "Tanh" }, [GRU] = { "Sigmoid", "Tanh" }
    };
    static const int counts[] = { [RNN] = 1, [LSTM] = 3, [GRU] = 2 };
    const Onnx__AttributeProto *list = clade_onnx_attribute(node, "activations");
    *relu = false;
    if (list == NULL) return true;
    if (list->n_strings != (size_t)(directions * counts[kind]))
        return clade_onnx_refuse(node, "%zu activations", list->n_strings);
    for (size_t i = 0; i < list->n_strings; i++) {
        const ProtobufCBinaryData *word = &list->strings[i];
        const char *wanted = usual[kind][i % (size_t)counts[kind]];
        const bool is_usual = word->len == strlen(wanted) && memcmp(word->data, wanted, word->len) == 0;
        const bool is_relu = kind == RNN && word->len == 4 && memcmp(word->data, "Relu", 4) == 0;
        if ((!is_usual && !is_relu) || (i > 0 && is_relu != *relu))
            return clade_onnx_refuse(node, "activation \"%.*s\"", (int)(word->len < 40 ? word->len : 40),
                                     (const char *)word->data);
        *relu = is_relu;
    }
    return true;
}

static bool read_options(clade_onnx_node *node, int64_t kind, clade_recurrent_options *options) {
    static const char *const words[] = { "forward", "reverse", "bidirectional", NULL };
    static const clade_recurrent_direction directions[] = { CLADE_FORWARD, CLADE_REVERSE, CLADE_BIDIRECTIONAL };
    int which;
    if (!clade_onnx_word(node, "direction", "forward", words, &which)) return false;
    *options = (clade_recurrent_options){ .size = sizeof *options,
                                          .x = clade_onnx_in(node, 0),
                                          .direction = directions[which],
                                          .units = clade_onnx_int(node, "hidden_size", 0),
                                          .weight = clade_onnx_in(node, 1),
                                          .recurrent = clade_onnx_in(node, 2),
                                          .bias = clade_onnx_in(node, 3),
                                          .no_bias = !clade_onnx_has(node, 3),
                                          .lengths = clade_onnx_in(node, 4),
                                          .hidden = clade_onnx_in(node, 5),
                                          .clip = clade_onnx_float(node, "clip", 0),
                                          .reset_before = clade_onnx_int(node, "linear_before_reset", 0) == 0 };
    if (clade_onnx_int(node, "input_forget", 0) != 0) return clade_onnx_refuse(node, "input_forget");
    if (options->units == 0) options->units = clade_value_dims(options->recurrent).size[2];
    if (kind == LSTM) {
        options->cell = clade_onnx_in(node, 6);
        options->peephole = clade_onnx_in(node, 7);
        options->peepholes = clade_onnx_has(node, 7);
    }
    return read_activations(node, kind, which == 2 ? 2 : 1, &options->relu);
}

/* With layout 1 the batch comes first: (N, T, ...) and states (N, directions, units). */
static clade_value batch_first(clade_value x) {
    const clade_dims dims = clade_value_dims(x);
    const int32_t permutation[] = { 1, 0, 2, 3 };
    return clade_value_valid(x) ? clade_transpose_by(x, permutation, dims.rank) : x;
}

static bool translate_recurrent(clade_onnx_node *node) {
    typedef clade_sequence layer(const clade_recurrent_options *options);
    static layer *const layers[] = { [RNN] = clade_rnn_with, [LSTM] = clade_lstm_with, [GRU] = clade_gru_with };
    const int64_t kind = clade_onnx_argument(node);
    const bool turned = clade_onnx_int(node, "layout", 0) != 0;
    clade_recurrent_options options;
    if (!read_options(node, kind, &options)) return false;
    if (turned) {
        options.x = batch_first(options.x);
        options.hidden = batch_first(options.hidden);
        options.cell = batch_first(options.cell);
    }
    clade_sequence sequence = layers[kind](&options);
    const clade_dims dims = clade_value_dims(sequence.y);
    const int directions = options.direction == CLADE_BIDIRECTIONAL ? 2 : 1;
    clade_value y = clade_reshape(sequence.y, clade_shape(dims.size[0], dims.size[1], directions, options.units));
    y = turned ? clade_transpose(y, 1, 0, 2, 3) : clade_transpose(y, 0, 2, 1, 3);
    const int type = clade_onnx_type(node, 0);
    clade_onnx_out(node, 1, turned ? batch_first(sequence.hidden) : sequence.hidden, type);
    if (kind == LSTM) clade_onnx_out(node, 2, turned ? batch_first(sequence.cell) : sequence.cell, type);
    return clade_onnx_give(node, y);
}

const clade_onnx_translator clade_onnx_recurrent[] = {
    { "GRU", translate_recurrent, GRU },
    { "LSTM", translate_recurrent, LSTM },
    { "RNN", translate_recurrent, RNN },
    { NULL, NULL, 0 },
};
