/* The ONNX import on arbitrary bytes: a network or a refusal, within memory in proportion to the bytes. */
#include "clade/onnx.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count) {
    clade_context *context = clade_context_new(NULL);
    if (context == NULL) return 0;
    clade_onnx *network;
    if (clade_onnx_decode(context, "fuzz", data, count, NULL, &network) == CLADE_OK) {
        clade_weights *weights;
        if (clade_onnx_weights(network, &weights) == CLADE_OK) clade_weights_free(weights);
        clade_onnx_free(network);
    }
    clade_context_free(context);
    return 0;
}
