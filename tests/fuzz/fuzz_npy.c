/* The NPY reader on arbitrary bytes: it answers or refuses, within memory in proportion to the bytes. */
#include "formats/npy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count) {
    clade_context *context = clade_context_new(NULL);
    if (!context) return 0;
    clade_npy array;
    if (clade_npy_decode(context, "fuzz", data, count, &array) == CLADE_OK) clade_npy_free(context, &array);
    clade_context_free(context);
    return 0;
}
