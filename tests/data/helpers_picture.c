/* JPEG and PNG files through the libraries that write them. */
#include "data/helpers_picture.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <png.h>

picture_file png_of(int height, int width, int channels, const uint8_t *pixels) {
    picture_file file = { .count = 0 };
    png_image image = { .version = PNG_IMAGE_VERSION,
                        .width = (png_uint_32)width,
                        .height = (png_uint_32)height,
                        .format = channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB };
    png_alloc_size_t size = sizeof file.data;
    assert_true(png_image_write_to_memory(&image, file.data, &size, 0, pixels, 0, NULL));
    file.count = size;
    return file;
}

picture_file jpeg_of(int height, int width, int channels, const uint8_t *pixels) {
    picture_file file = { .count = 0 };
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    unsigned char *out = NULL;
    unsigned long size = 0;
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &out, &size);
    jpeg.image_width = (JDIMENSION)width;
    jpeg.image_height = (JDIMENSION)height;
    jpeg.input_components = channels;
    jpeg.in_color_space = channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, 100, TRUE);
    jpeg_start_compress(&jpeg, TRUE);
    for (int y = 0; y < height; y++) {
        JSAMPROW row = (JSAMPROW)(uintptr_t)(pixels + y * width * channels);
        jpeg_write_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    assert_true(size <= sizeof file.data);
    memcpy(file.data, out, size);
    file.count = size;
    free(out);
    return file;
}

picture_file flat_png(int height, int width, uint8_t level) {
    static uint8_t pixels[1 << 16];
    memset(pixels, level, sizeof pixels);
    return png_of(height, width, 1, pixels);
}
