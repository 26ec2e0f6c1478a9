/* The safetensors reader on arbitrary bytes: it answers or refuses, within memory in proportion to the bytes; and what it
 * takes it can write. */
#include "formats/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count) {
    clade_context *context = clade_context_new(NULL);
    if (context == NULL) return 0;
    clade_weights *weights;
    if (clade_safetensors_decode(context, "fuzz", data, count, &weights) == CLADE_OK) {
        char *bytes;
        size_t size;
        if (clade_safetensors_encode(weights, &bytes, &size) == CLADE_OK) clade_free(context, bytes);
        clade_weights_free(weights);
    }
    clade_context_free(context);
    return 0;
}
