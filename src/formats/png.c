/* PNG by libpng. Its faults leave by longjmp(), as JPEG's do; what is allocated stands in the picture and in libpng's
 * own structs. Checksums are verified. */
#include "formats/picture.h"

#include <setjmp.h>
#include <string.h>

#include <png.h>

/* Deflate packs at most 1032 bytes into one, a byte at most 8 pixels. */
enum { DENSITY = 1032 * 8, MOST_CHUNK_BYTES = 8 << 20, MOST_CHUNKS = 1000 };

struct decoder {
    clade_context *context;
    const char *name;
    const unsigned char *next;
    size_t left;
    clade_status status;
    png_structp png;
    png_infop info;
};

static void leave(png_structp png, png_const_charp reason) {
    struct decoder *decoder = png_get_error_ptr(png);
    decoder->status = clade_fail(decoder->context, CLADE_ERROR_INPUT, "%s: a damaged PNG (%s)", decoder->name, reason);
    png_longjmp(png, 1);
}

static void pass_over(png_structp png, png_const_charp warning) {
    (void)png, (void)warning;
}

static png_voidp allocate(png_structp png, png_alloc_size_t size) {
    return clade_allocate(png_get_mem_ptr(png), size, 1);
}

static void give_back(png_structp png, png_voidp pointer) {
    clade_free(png_get_mem_ptr(png), pointer);
}

static void pull(png_structp png, png_bytep out, size_t count) {
    struct decoder *decoder = png_get_io_ptr(png);
    if (count > decoder->left) png_error(png, "cut off");
    memcpy(out, decoder->next, count);
    decoder->next += count;
    decoder->left -= count;
}

/* Bytes of 1 or 3 channels, whatever the file's samples are. */
static void set_transformations(png_structp png, png_infop info) {
    const int colour = png_get_color_type(png, info), depth = png_get_bit_depth(png, info);
    if (colour == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png);
    if (colour == PNG_COLOR_TYPE_GRAY && depth < 8) png_set_expand_gray_1_2_4_to_8(png);
    if (depth == 16) png_set_scale_16(png);
    png_set_strip_alpha(png);
}

static void decode(struct decoder *decoder, clade_picture *picture) {
    png_structp png = decoder->png;
    png_infop info = decoder->info;
    const size_t count = decoder->left;
    png_set_read_fn(png, decoder, pull);
    png_set_chunk_malloc_max(png, MOST_CHUNK_BYTES);
    png_set_chunk_cache_max(png, MOST_CHUNKS);
    png_read_info(png, info);
    picture->channels = png_get_color_type(png, info) & PNG_COLOR_MASK_COLOR ? 3 : 1;
    picture->height = png_get_image_height(png, info);
    picture->width = png_get_image_width(png, info);
    decoder->status = clade_picture_allocate(decoder->context, decoder->name, count, DENSITY, picture);
    if (decoder->status != CLADE_OK) return;
    set_transformations(png, info);
    const int passes = png_set_interlace_handling(png);
    png_read_update_info(png, info);
    const size_t row = (size_t)(picture->width * picture->channels);
    if (png_get_rowbytes(png, info) != row) png_error(png, "unknown layout of samples");
    for (int pass = 0; pass < passes; pass++)
        for (int64_t y = 0; y < picture->height; y++)
            png_read_row(png, picture->pixels + (size_t)y * row, NULL);
    png_read_end(png, NULL);
}

clade_status clade_png_decode(clade_context *context, const char *name, const void *bytes, size_t count,
                              clade_picture *picture) {
    struct decoder decoder = { .context = context, .name = name, .next = bytes, .left = count };
    decoder.png =
        png_create_read_struct_2(PNG_LIBPNG_VER_STRING, &decoder, leave, pass_over, context, allocate, give_back);
    decoder.info = decoder.png ? png_create_info_struct(decoder.png) : NULL;
    if (!decoder.info) {
        decoder.status = clade_fail_memory(context, count, name);
    } else if (setjmp(png_jmpbuf(decoder.png)) == 0) {
        decode(&decoder, picture);
    }
    png_destroy_read_struct(&decoder.png, &decoder.info, NULL);
    return decoder.status;
}
