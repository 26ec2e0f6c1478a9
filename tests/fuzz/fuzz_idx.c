/* The IDX reader on arbitrary bytes: it answers or refuses, within memory in proportion to the bytes. */
#include "data/idx.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count) {
    clade_context *context = clade_context_new(NULL);
    if (!context) return 0;
    clade_idx idx;
    if (clade_idx_decode(context, "fuzz", data, count, &idx) == CLADE_OK) clade_idx_free(context, &idx);
    clade_context_free(context);
    return 0;
}
