/* IDX: the format of MNIST's files. A big-endian header, 00 00 TYPE RANK and RANK 32-bit sizes, then the values, last
 * axis fastest. Clade reads unsigned bytes (type 08), plain or gzip (told by content). A file must hold exactly what its
 * header declares, and no more memory is taken than there is data for. */
#ifndef CLADE_DATA_IDX_H
#define CLADE_DATA_IDX_H

#include "base/context.h"

enum { CLADE_IDX_MAX_RANK = 4 };

typedef struct clade_idx {
    uint8_t *values; /* owned: the product of the sizes */
    int rank;
    int64_t sizes[CLADE_IDX_MAX_RANK];
} clade_idx;

clade_status clade_idx_read(clade_context *context, const char *path, clade_idx *idx);
/* The same from memory; NAME is for error texts. */
clade_status clade_idx_decode(clade_context *context, const char *name, const void *bytes, size_t count,
                              clade_idx *idx);
/* Accepts a zeroed one. */
void clade_idx_free(clade_context *context, clade_idx *idx);

#endif
