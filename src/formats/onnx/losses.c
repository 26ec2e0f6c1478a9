/* ONNX's losses over classes. */
#include "formats/onnx/import.h"

#include <string.h>

static bool translate_class_loss(clade_onnx_node *node) {
    static const char *const words[] = { "mean", "sum", "none", NULL };
    static const clade_loss_reduction reductions[] = { CLADE_LOSS_MEAN, CLADE_LOSS_SUM, CLADE_LOSS_NONE };
    const bool likelihood = clade_onnx_argument(node) != 0;
    clade_class_loss_options options = { .size = sizeof options,
                                         .x = clade_onnx_in(node, 0),
                                         .target = clade_onnx_in(node, 1),
                                         .weight = clade_onnx_in(node, 2),
                                         .ignores = clade_onnx_attribute(node, "ignore_index") != NULL,
                                         .ignore = clade_onnx_int(node, "ignore_index", 0) };
    int which;
    if (!clade_onnx_word(node, "reduction", "mean", words, &which)) return false;
    options.reduction = reductions[which];
    if (!likelihood && node->out_count > 1)
        clade_onnx_out(node, 1, clade_log_softmax_along(options.x, 1), clade_onnx_type(node, 0));
    return clade_onnx_give(node, likelihood ? clade_negative_log_likelihood_loss_with(&options)
                                            : clade_softmax_cross_entropy_loss_with(&options));
}

const clade_onnx_translator clade_onnx_losses[] = {
    { "NegativeLogLikelihoodLoss", translate_class_loss, 1 },
    { "SoftmaxCrossEntropyLoss", translate_class_loss, 0 },
    { NULL, NULL, 0 },
};
