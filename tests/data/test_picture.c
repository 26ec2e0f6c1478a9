/* Decoding JPEG and PNG, bringing pictures to a size, and hostile files. */
#include "data/helpers_picture.h"
#include "formats/picture.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

static clade_context *context;

static int set_up(void **state) {
    (void)state;
    context = clade_context_new(NULL);
    return context ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    clade_context_free(context);
    return 0;
}

static void test_png_is_read_exactly(void **state) {
    (void)state;
    uint8_t pixels[5 * 7 * 3];
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(37 * i);
    for (int channels = 1; channels <= 3; channels += 2) {
        picture_file file = png_of(5, 7, channels, pixels);
        clade_picture picture;
        assert_int_equal(clade_picture_decode(context, "x.png", file.data, file.count, NULL, &picture), CLADE_OK);
        assert_int_equal(picture.channels, channels);
        assert_int_equal(picture.height, 5);
        assert_int_equal(picture.width, 7);
        assert_memory_equal(picture.pixels, pixels, (size_t)(5 * 7 * channels));
        clade_picture_free(context, &picture);
    }
}

static void test_jpeg_is_read_within_its_loss_and_smaller_where_that_is_enough(void **state) {
    (void)state;
    static uint8_t pixels[64 * 64];
    for (int i = 0; i < 64 * 64; i++)
        pixels[i] = (uint8_t)(i / 64 * 2 + i % 64);
    picture_file file = jpeg_of(64, 64, 1, pixels);
    clade_picture picture;
    assert_int_equal(clade_picture_decode(context, "x.jpg", file.data, file.count, NULL, &picture), CLADE_OK);
    assert_int_equal(picture.channels, 1);
    assert_int_equal(picture.height, 64);
    for (int i = 0; i < 64 * 64; i++)
        assert_true(abs(picture.pixels[i] - pixels[i]) <= 3);
    clade_picture_free(context, &picture);
    const int64_t least[] = { 16, 20 };
    assert_int_equal(clade_picture_decode(context, "x.jpg", file.data, file.count, least, &picture), CLADE_OK);
    assert_int_equal(picture.height, 32);
    assert_int_equal(picture.width, 32);
    clade_picture_free(context, &picture);
}

static void test_fit_scales_crops_and_converts(void **state) {
    (void)state;
    /* 2x4 to 1x1: the middle 2x2, averaged. */
    clade_picture picture = { 1, 2, 4, clade_allocate(context, 8, 1) };
    memcpy(picture.pixels, (uint8_t[]){ 250, 10, 20, 250, 250, 30, 40, 250 }, 8);
    uint8_t out[12];
    assert_int_equal(clade_picture_fit(context, &picture, 1, 1, 1, out), CLADE_OK);
    /* The triangle reaches two old pixels: 1/4 of its weight beyond the crop's middle pair on either side. */
    assert_in_range(out[0], 25, 88);
    /* Grey from colour, and three planes from one. */
    clade_picture_free(context, &picture);
    picture = (clade_picture){ 3, 1, 1, clade_allocate(context, 3, 1) };
    memcpy(picture.pixels, (uint8_t[]){ 100, 200, 50 }, 3);
    assert_int_equal(clade_picture_fit(context, &picture, 1, 1, 1, out), CLADE_OK);
    assert_int_equal(out[0], 153); /* 29.9 + 117.4 + 5.7 */
    assert_int_equal(clade_picture_fit(context, &picture, 3, 2, 2, out), CLADE_OK);
    for (int i = 0; i < 12; i++)
        assert_int_equal(out[i], 153);
    clade_picture_free(context, &picture);
}

static void test_flat_pictures_stay_flat_at_any_size(void **state) {
    (void)state;
    static uint8_t out[50 * 50];
    const int sizes[][4] = { { 7, 9, 50, 50 }, { 200, 131, 13, 50 }, { 1, 1, 3, 2 }, { 33, 250, 32, 32 } };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        picture_file file = flat_png(sizes[i][0], sizes[i][1], 77);
        clade_picture picture;
        assert_int_equal(clade_picture_decode(context, "flat.png", file.data, file.count, NULL, &picture), CLADE_OK);
        assert_int_equal(clade_picture_fit(context, &picture, 1, sizes[i][2], sizes[i][3], out), CLADE_OK);
        for (int k = 0; k < sizes[i][2] * sizes[i][3]; k++)
            assert_int_equal(out[k], 77);
        clade_picture_free(context, &picture);
    }
}

static void refused(const char *name, const uint8_t *bytes, size_t count, const char *words) {
    clade_picture picture;
    const clade_status status = clade_picture_decode(context, name, bytes, count, NULL, &picture);
    assert_int_equal(status, CLADE_ERROR_INPUT);
    if (!strstr(clade_error(context), words)) fail_msg("'%s' does not hold '%s'", clade_error(context), words);
    assert_null(strchr(clade_error(context), '\n'));
    assert_null(picture.pixels);
}

static void test_each_cut_is_refused(void **state) {
    (void)state;
    uint8_t pixels[16 * 16 * 3];
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(31 * i);
    picture_file files[] = { png_of(16, 16, 3, pixels), jpeg_of(16, 16, 3, pixels) };
    for (size_t f = 0; f < 2; f++)
        for (size_t count = 0; count < files[f].count - 2; count += 1 + count / 50) {
            clade_picture picture;
            assert_int_equal(clade_picture_decode(context, "cut", files[f].data, count, NULL, &picture),
                             CLADE_ERROR_INPUT);
            assert_null(picture.pixels);
        }
}

static void test_damage_and_lying_sizes_are_refused(void **state) {
    (void)state;
    uint8_t pixels[16 * 16] = { 0 };
    refused("x", (const uint8_t *)"GIF89a", 6, "neither a JPEG nor a PNG");
    picture_file png = png_of(16, 16, 1, pixels);
    png.data[20] ^= 1; /* in the header, which has a checksum */
    refused("crc.png", png.data, png.count, "crc.png: a damaged PNG");
    picture_file jpeg = jpeg_of(16, 16, 1, pixels);
    for (size_t i = 0; i + 9 < jpeg.count; i++)
        if (jpeg.data[i] == 0xff && jpeg.data[i + 1] == 0xc0) {
            memset(jpeg.data + i + 5, 0xf0, 4); /* 61680x61680 */
            break;
        }
    refused("huge.jpg", jpeg.data, jpeg.count, "huge.jpg: a picture of 61680x61680 pixels");
    for (size_t i = 0; i + 9 < jpeg.count; i++)
        if (jpeg.data[i] == 0xff && jpeg.data[i + 1] == 0xc0) {
            memcpy(jpeg.data + i + 5, "\x10\x00\x10\x00", 4);
            break;
        }
    refused("large.jpg", jpeg.data, jpeg.count, "do not fit in");
}

#define TEST(NAME) cmocka_unit_test(NAME)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_png_is_read_exactly),
        TEST(test_jpeg_is_read_within_its_loss_and_smaller_where_that_is_enough),
        TEST(test_fit_scales_crops_and_converts),
        TEST(test_flat_pictures_stay_flat_at_any_size),
        TEST(test_each_cut_is_refused),
        TEST(test_damage_and_lying_sizes_are_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
