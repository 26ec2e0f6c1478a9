/* Pictures made up for tests, as JPEG and PNG files in memory. */
#ifndef CLADE_TESTS_DATA_HELPERS_PICTURE_H
#define CLADE_TESTS_DATA_HELPERS_PICTURE_H

#include <stddef.h>
#include <stdint.h>

typedef struct picture_file {
    uint8_t data[1 << 16];
    size_t count;
} picture_file;

/* A PNG of PIXELS (height, width, channels 1 or 3). */
picture_file png_of(int height, int width, int channels, const uint8_t *pixels);
/* The same as JPEG of the best quality. */
picture_file jpeg_of(int height, int width, int channels, const uint8_t *pixels);
/* A picture of one grey level as PNG. */
picture_file flat_png(int height, int width, uint8_t level);

#endif
