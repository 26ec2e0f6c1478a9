/* ONNX's RNN, LSTM and GRU. Their y is (T, directions, N, units), Clade's (T, N, directions * units). */
#include "formats/onnx/recurrent.h"

static bool read_layer(clade_onnx_node *node, clade_onnx_sequence_layer *layer) {
    static const char *const words[] = { "forward", "reverse", "bidirectional", NULL };
    static const clade_recurrent_direction directions[] = { CLADE_FORWARD, CLADE_REVERSE, CLADE_BIDIRECTIONAL };
    int which;
    if (!clade_onnx_word(node, "direction", "forward", words, &which)) return false;
    *layer = (clade_onnx_sequence_layer){ .kind = (clade_onnx_recurrent_kind)clade_onnx_argument(node) };
    clade_recurrent_options *options = &layer->options;
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
    if (options->units == 0) options->units = clade_value_dims(options->recurrent).size[2];
    if (layer->kind == CLADE_ONNX_LSTM) {
        options->cell = clade_onnx_in(node, 6);
        options->peephole = clade_onnx_in(node, 7);
        options->peepholes = clade_onnx_has(node, 7);
        layer->couples = clade_onnx_int(node, "input_forget", 0) != 0;
    }
    return clade_onnx_read_activations(node, which == 2 ? 2 : 1, layer);
}

/* With layout 1 the batch comes first: (N, T, ...) and states (N, directions, units). */
static clade_value batch_first(clade_value x) {
    const clade_dims dims = clade_value_dims(x);
    const int32_t permutation[] = { 1, 0, 2, 3 };
    return clade_value_valid(x) ? clade_transpose_by(x, permutation, dims.rank) : x;
}

static bool translate_recurrent(clade_onnx_node *node) {
    typedef clade_sequence own_layer(const clade_recurrent_options *options);
    static own_layer *const layers[] = {
        [CLADE_ONNX_RNN] = clade_rnn_with, [CLADE_ONNX_LSTM] = clade_lstm_with, [CLADE_ONNX_GRU] = clade_gru_with
    };
    const bool turned = clade_onnx_int(node, "layout", 0) != 0;
    clade_onnx_sequence_layer layer;
    if (!read_layer(node, &layer)) return false;
    clade_recurrent_options *options = &layer.options;
    if (turned) {
        options->x = batch_first(options->x);
        options->hidden = batch_first(options->hidden);
        options->cell = batch_first(options->cell);
    }
    const clade_sequence sequence =
        layer.by_steps ? clade_onnx_recurrent_steps(node, &layer) : layers[layer.kind](options);
    if (layer.by_steps && !clade_value_valid(sequence.y)) return false;
    const clade_dims dims = clade_value_dims(sequence.y);
    const int directions = options->direction == CLADE_BIDIRECTIONAL ? 2 : 1;
    clade_value y = clade_reshape(sequence.y, clade_shape(dims.size[0], dims.size[1], directions, options->units));
    y = turned ? clade_transpose(y, 1, 0, 2, 3) : clade_transpose(y, 0, 2, 1, 3);
    const int type = clade_onnx_type(node, 0);
    clade_onnx_out(node, 1, turned ? batch_first(sequence.hidden) : sequence.hidden, type);
    if (layer.kind == CLADE_ONNX_LSTM)
        clade_onnx_out(node, 2, turned ? batch_first(sequence.cell) : sequence.cell, type);
    return clade_onnx_give(node, y);
}

const clade_onnx_translator clade_onnx_recurrent[] = {
    { "GRU", translate_recurrent, CLADE_ONNX_GRU },
    { "LSTM", translate_recurrent, CLADE_ONNX_LSTM },
    { "RNN", translate_recurrent, CLADE_ONNX_RNN },
    { NULL, NULL, 0 },
};
