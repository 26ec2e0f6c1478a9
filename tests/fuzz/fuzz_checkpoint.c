/* The checkpoint reader on arbitrary bytes, under a checksum made right for them, so that what lies behind it is reached
 * too: it answers or refuses, within memory in proportion to the bytes. */
#include "base/hash.h"
#include "train/checkpoint.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count);

enum { SIZE_PLACE = 16, SUM_BYTES = 32 };

/* DATA with the file's size and checksum set right; the caller frees. */
static uint8_t *make_right(const uint8_t *data, size_t count) {
    uint8_t *bytes = malloc(count + SUM_BYTES);
    if (!bytes) return NULL;
    if (count > 0) memcpy(bytes, data, count);
    for (size_t i = 0; i < 8 && SIZE_PLACE + 8 <= count; i++)
        bytes[SIZE_PLACE + i] = (uint8_t)((uint64_t)(count + SUM_BYTES) >> (8 * i));
    clade_sha256 hash;
    clade_sha256_start(&hash);
    clade_sha256_add(&hash, bytes, count);
    clade_sha256_finish(&hash, bytes + count);
    return bytes;
}

static void parse(clade_context *context, const uint8_t *bytes, size_t count) {
    clade_checkpoint checkpoint;
    if (clade_checkpoint_parse(context, "fuzz", bytes, count, &checkpoint) == CLADE_OK)
        clade_checkpoint_free(&checkpoint);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count) {
    clade_context *context = clade_context_new(NULL);
    uint8_t *bytes = make_right(data, count);
    if (context && bytes) {
        parse(context, data, count);
        parse(context, bytes, count + SUM_BYTES);
    }
    free(bytes);
    clade_context_free(context);
    return 0;
}
