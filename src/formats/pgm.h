/* PGM: grey pictures, as text (P2) or bytes (P5), of at most 256 levels. Values are floats in [0, 1]. */
#ifndef CLADE_FORMATS_PGM_H
#define CLADE_FORMATS_PGM_H

#include "base/context.h"

typedef struct clade_pgm {
    int64_t height, width;
    float *values; /* (height, width); owned when read */
} clade_pgm;

/* Free PICTURE with clade_pgm_free(). */
clade_status clade_pgm_read(clade_context *context, const char *path, clade_pgm *picture);
/* The same from memory; NAME is for error texts. */
clade_status clade_pgm_decode(clade_context *context, const char *name, const void *bytes, size_t count,
                              clade_pgm *picture);
/* Accepts a zeroed one. */
void clade_pgm_free(clade_context *context, clade_pgm *picture);

/* Writes a P5 of 256 levels; values outside [0, 1] are clipped, NaN is black. */
clade_status clade_pgm_write(clade_context *context, const char *path, const clade_pgm *picture);

#endif
