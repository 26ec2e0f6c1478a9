/* The fixture of data sets, and made-up IDX files. */
#include "data/helpers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

int open_data_fixture(void **state) {
    struct data_fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->context = clade_context_new(NULL);
    scratch_make(&f->scratch);
    *state = f;
    return 0;
}

int close_data_fixture(void **state) {
    struct data_fixture *f = *state;
    clade_dataset_free(f->train);
    clade_dataset_free(f->test);
    scratch_remove(&f->scratch);
    clade_context_free(f->context);
    free(f);
    return 0;
}

bytes idx_bytes(int rank, const uint32_t *sizes, unsigned modulus) {
    bytes made = { { 0, 0, 8, (uint8_t)rank }, 4 };
    size_t values = 1;
    for (int i = 0; i < rank; i++) {
        for (int shift = 24; shift >= 0; shift -= 8) {
            made.data[made.count++] = (uint8_t)(sizes[i] >> shift);
        }
        values *= sizes[i];
    }
    assert_true(made.count + values <= sizeof made.data);
    for (size_t i = 0; i < values; i++) {
        made.data[made.count++] = (uint8_t)(7 * i % modulus);
    }
    return made;
}

bytes gzip_bytes(const bytes *plain) {
    bytes packed = { .count = 0 };
    z_stream stream = { 0 };
    assert_int_equal(deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    stream.next_in = (Bytef *)(uintptr_t)plain->data;
    stream.avail_in = (uInt)plain->count;
    stream.next_out = packed.data;
    stream.avail_out = sizeof packed.data;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    packed.count = sizeof packed.data - stream.avail_out;
    deflateEnd(&stream);
    return packed;
}

static void write_one(scratch_folder *scratch, const char *prefix, const char *name, const bytes *content) {
    char whole[128];
    snprintf(whole, sizeof whole, "%s%s", prefix, name);
    scratch_write(scratch, whole, content->data, content->count);
}

void write_idx_folder(scratch_folder *scratch, const char *prefix, uint32_t count, uint32_t height, uint32_t width,
                      unsigned classes) {
    const uint32_t sizes[] = { count, height, width };
    bytes images = idx_bytes(3, sizes, 256), labels = idx_bytes(1, sizes, classes);
    bytes packed = gzip_bytes(&images);
    write_one(scratch, prefix, "train-images-idx3-ubyte", &images);
    write_one(scratch, prefix, "train-labels-idx1-ubyte", &labels);
    write_one(scratch, prefix, "t10k-images-idx3-ubyte.gz", &packed);
    packed = gzip_bytes(&labels);
    write_one(scratch, prefix, "t10k-labels-idx1-ubyte.gz", &packed);
}

const char *shared_data(const char *name) {
    static char path[1024];
    const char *shared = getenv("CLADE_SHARED");
    if (!shared || !*shared) return NULL;
    snprintf(path, sizeof path, "%s/data/%s", shared, name);
    return path;
}
