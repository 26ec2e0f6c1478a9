/* The JPEG and PNG readers on arbitrary bytes: they answer or refuse, within memory in proportion to the bytes. */
#include "formats/picture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count) {
    enum { SIDE = 16 };
    const int64_t least[] = { SIDE, SIDE };
    uint8_t out[3 * SIDE * SIDE];
    clade_context *context = clade_context_new(NULL);
    if (!context) return 0;
    clade_picture picture;
    const bool scaled = count > 0 && data[count - 1] % 2 == 0;
    if (clade_picture_decode(context, "fuzz", data, count, scaled ? least : NULL, &picture) == CLADE_OK) {
        (void)clade_picture_fit(context, &picture, scaled ? 3 : 1, SIDE, SIDE, out);
        clade_picture_free(context, &picture);
    }
    clade_context_free(context);
    return 0;
}
