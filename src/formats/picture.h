/* Pictures from files: JPEG (libjpeg-turbo) and PNG (libpng), as bytes, grey or red, green, blue. For hostile input:
 * a header that declares more pixels than its format packs into that many bytes is refused before anything is
 * allocated for them, and so is a picture whose data is damaged or cut off. Several threads may read pictures at
 * once. */
#ifndef CLADE_FORMATS_PICTURE_H
#define CLADE_FORMATS_PICTURE_H

#include "base/text.h"

typedef struct clade_picture {
    int64_t channels; /* 1 or 3 */
    int64_t height, width;
    uint8_t *pixels; /* (height, width, channels); owned */
} clade_picture;

/* Whether the bytes begin as a JPEG's or a PNG's do. */
bool clade_picture_is(const void *bytes, size_t count);

/* Decodes BYTES; NAME is for error texts. Transparency is dropped, 16 bits a sample become 8. The picture may come
 * out smaller than the file's, by a whole factor and averaged, but of neither side below LEAST (height, width); NULL:
 * as it is. Free PICTURE with clade_picture_free(). */
clade_status clade_picture_decode(clade_context *context, const char *name, const void *bytes, size_t count,
                                  const int64_t least[2], clade_picture *picture);
/* Accepts a zeroed one. */
void clade_picture_free(clade_context *context, clade_picture *picture);

/* PICTURE as CHANNELS (1 or 3) planes of HEIGHT x WIDTH into OUT: scaled, both sides by the same factor, until it
 * just covers them, the rest cut off evenly at both ends. Each new pixel is the mean of those under it, weighted by a
 * triangle. Grey is 0.299 red + 0.587 green + 0.114 blue (ITU-R BT.601). PICTURE is used up: its pixels may change.
 * */
clade_status clade_picture_fit(clade_context *context, clade_picture *picture, int64_t channels, int64_t height,
                               int64_t width, uint8_t *out);

/* PICTURE as a PNG of 8 bits a sample, appended to OUT. */
clade_status clade_png_encode(const clade_picture *picture, clade_text *out);

/* ---- the formats, for clade_picture_decode() ---- */

clade_status clade_jpeg_decode(clade_context *context, const char *name, const void *bytes, size_t count,
                               const int64_t least[2], clade_picture *picture);
clade_status clade_png_decode(clade_context *context, const char *name, const void *bytes, size_t count,
                              clade_picture *picture);
/* Allocates the pixels of a picture whose sizes are set. What is refused is a picture of more than DENSITY pixels for
 * each of its file's COUNT bytes. */
clade_status clade_picture_allocate(clade_context *context, const char *name, size_t count, int64_t density,
                                    clade_picture *picture);

#endif
