/* The PGM reader on arbitrary bytes: it answers or refuses, within memory in proportion to the bytes. */
#include "formats/pgm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count) {
    clade_context *context = clade_context_new(NULL);
    if (!context) return 0;
    clade_pgm picture;
    if (clade_pgm_decode(context, "fuzz", data, count, &picture) == CLADE_OK) clade_pgm_free(context, &picture);
    clade_context_free(context);
    return 0;
}
