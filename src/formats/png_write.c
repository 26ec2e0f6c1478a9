/* Writing PNG by libpng, into memory. Its faults leave by longjmp(), as when reading. */
#include "formats/picture.h"

#include <setjmp.h>

#include <png.h>

static void leave(png_structp png, png_const_charp reason) {
    const clade_text *out = png_get_error_ptr(png);
    clade_fail(out->context, CLADE_ERROR_ARGUMENT, "a picture cannot be written as a PNG: %s", reason);
    png_longjmp(png, 1);
}

static void pass_over(png_structp png, png_const_charp warning) {
    (void)png, (void)warning;
}

static png_voidp allocate(png_structp png, png_alloc_size_t size) {
    clade_text *out = png_get_mem_ptr(png);
    void *memory = clade_allocate(out->context, size, 1);
    out->failed |= !memory;
    return memory;
}

static void give_back(png_structp png, png_voidp pointer) {
    const clade_text *out = png_get_mem_ptr(png);
    clade_free(out->context, pointer);
}

static void push(png_structp png, png_bytep data, size_t count) {
    clade_text_add_bytes(png_get_io_ptr(png), (const char *)data, count);
}

static void flush(png_structp png) {
    (void)png;
}

static void encode(png_structp png, png_infop info, const clade_picture *picture, clade_text *out) {
    const int colour = picture->channels == 3 ? PNG_COLOR_TYPE_RGB : PNG_COLOR_TYPE_GRAY;
    png_set_write_fn(png, out, push, flush);
    png_set_IHDR(png, info, (png_uint_32)picture->width, (png_uint_32)picture->height, 8, colour, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, info);
    for (int64_t y = 0; y < picture->height; y++)
        png_write_row(png, picture->pixels + y * picture->width * picture->channels);
    png_write_end(png, info);
}

clade_status clade_png_encode(const clade_picture *picture, clade_text *out) {
    clade_status status = CLADE_OK;
    png_structp png = png_create_write_struct_2(PNG_LIBPNG_VER_STRING, out, leave, pass_over, out, allocate, give_back);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    if (!info) {
        out->failed = true;
    } else if (setjmp(png_jmpbuf(png)) == 0) {
        encode(png, info, picture, out);
    } else {
        status = CLADE_ERROR_ARGUMENT;
    }
    png_destroy_write_struct(&png, &info);
    return out->failed ? clade_fail_memory(out->context, out->length, "a picture") : status;
}
