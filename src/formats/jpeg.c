/* JPEG by libjpeg-turbo. The library reports a fault by a call that must not return, so decoding is one function that
 * is left by longjmp(); what is allocated stands in the picture and in the decoder, which the caller frees. Damage
 * that the library would paint over with grey counts as a fault, and so does a file of endless scans. */
#include "formats/picture.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h>

/* A block of 64 pixels takes at least a bit (its DC difference). */
enum { DENSITY = 8 * 64, MOST_SCANS = 200 };
/* The library's buffers: coefficients of whole pictures where these are progressive. */
enum { WORKING_BYTES = 16 << 20, WORKING_BYTES_PER_PIXEL = 8 };

struct decoder {
    struct jpeg_error_mgr errors;   /* first: the library hands its address back */
    struct jpeg_progress_mgr watch; /* of scans */
    struct jpeg_decompress_struct jpeg;
    jmp_buf escape;
    clade_context *context;
    const char *name;
    clade_status status;
};

static void leave(j_common_ptr jpeg) {
    struct decoder *decoder = (struct decoder *)(void *)jpeg->err;
    char reason[JMSG_LENGTH_MAX];
    jpeg->err->format_message(jpeg, reason);
    for (char *letter = reason; *letter; letter++)
        if (*letter < ' ') *letter = ' ';
    decoder->status = clade_fail(decoder->context, CLADE_ERROR_INPUT, "%s: a damaged JPEG (%s)", decoder->name, reason);
    longjmp(decoder->escape, 1);
}

/* Warnings of damage end the decoding, others are passed over. */
static void receive_warning(j_common_ptr jpeg, int level) {
    static const int damage[] = { JWRN_ARITH_BAD_CODE, JWRN_BOGUS_PROGRESSION, JWRN_HIT_MARKER,   JWRN_HUFF_BAD_CODE,
                                  JWRN_JPEG_EOF,       JWRN_MUST_RESYNC,       JWRN_TOO_MUCH_DATA };
    for (size_t i = 0; level < 0 && i < sizeof damage / sizeof damage[0]; i++)
        if (jpeg->err->msg_code == damage[i]) leave(jpeg);
}

static void be_silent(j_common_ptr jpeg) {
    (void)jpeg;
}

static void watch_scans(j_common_ptr jpeg) {
    if (((j_decompress_ptr)jpeg)->input_scan_number <= MOST_SCANS) return;
    struct decoder *decoder = (struct decoder *)(void *)jpeg->err;
    decoder->status =
        clade_fail(decoder->context, CLADE_ERROR_INPUT, "%s: a JPEG of more than %d scans", decoder->name, MOST_SCANS);
    longjmp(decoder->escape, 1);
}

/* The largest of the library's factors that leaves neither side below LEAST. */
static unsigned reduction(const struct jpeg_decompress_struct *jpeg, const int64_t least[2]) {
    unsigned factor = 8;
    while (factor > 1 && (!least || (int64_t)(jpeg->image_height / factor) < least[0] ||
                          (int64_t)(jpeg->image_width / factor) < least[1]))
        factor /= 2;
    return factor;
}

static void decode(struct decoder *decoder, const void *bytes, size_t count, const int64_t least[2],
                   clade_picture *picture) {
    j_decompress_ptr jpeg = &decoder->jpeg;
    jpeg_create_decompress(jpeg);
    decoder->watch.progress_monitor = watch_scans;
    jpeg->progress = &decoder->watch;
    jpeg_mem_src(jpeg, bytes, (unsigned long)count);
    jpeg_read_header(jpeg, TRUE);
    if (jpeg->num_components != 1 && jpeg->num_components != 3) {
        decoder->status = clade_fail(decoder->context, CLADE_ERROR_UNSUPPORTED,
                                     "%s: a JPEG of %d colour components; save it as grey or RGB", decoder->name,
                                     jpeg->num_components);
        return;
    }
    picture->channels = jpeg->num_components;
    picture->height = jpeg->image_height;
    picture->width = jpeg->image_width;
    const int64_t area = picture->height * picture->width;
    jpeg->out_color_space = picture->channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg->mem->max_memory_to_use = (long)(WORKING_BYTES + WORKING_BYTES_PER_PIXEL * area);
    jpeg->scale_num = 1;
    jpeg->scale_denom = reduction(jpeg, least);
    const int64_t factor = jpeg->scale_denom;
    jpeg_calc_output_dimensions(jpeg);
    picture->height = jpeg->output_height;
    picture->width = jpeg->output_width;
    decoder->status =
        clade_picture_allocate(decoder->context, decoder->name, count, DENSITY / (factor * factor), picture);
    if (decoder->status != CLADE_OK) return;
    jpeg_start_decompress(jpeg);
    while (jpeg->output_scanline < jpeg->output_height) {
        JSAMPROW row = picture->pixels + (int64_t)jpeg->output_scanline * picture->width * picture->channels;
        jpeg_read_scanlines(jpeg, &row, 1);
    }
    jpeg_finish_decompress(jpeg);
}

clade_status clade_jpeg_decode(clade_context *context, const char *name, const void *bytes, size_t count,
                               const int64_t least[2], clade_picture *picture) {
    struct decoder decoder = { .context = context, .name = name };
    decoder.jpeg.err = jpeg_std_error(&decoder.errors);
    decoder.errors.error_exit = leave;
    decoder.errors.emit_message = receive_warning;
    decoder.errors.output_message = be_silent;
    if (setjmp(decoder.escape) == 0) decode(&decoder, bytes, count, least, picture);
    jpeg_destroy_decompress(&decoder.jpeg);
    return decoder.status;
}
