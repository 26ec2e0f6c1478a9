/* NPY: NumPy's file of one array (format versions 1 to 3). Read and written: little-endian floating point of 16, 32 and
 * 64 bits, integers of 8 to 64 bits with and without a sign, and bool, in C order. A file must hold exactly what its
 * header declares. */
#ifndef CLADE_FORMATS_NPY_H
#define CLADE_FORMATS_NPY_H

#include "base/context.h"

enum { CLADE_NPY_MAX_RANK = 8 };

typedef enum clade_npy_type {
    CLADE_NPY_F32,
    CLADE_NPY_F64,
    CLADE_NPY_I32,
    CLADE_NPY_I64,
    CLADE_NPY_U8,
    CLADE_NPY_F16,
    CLADE_NPY_I8,
    CLADE_NPY_I16,
    CLADE_NPY_U16,
    CLADE_NPY_U32,
    CLADE_NPY_U64,
    CLADE_NPY_BOOL, /* a byte, 0 or 1 */
} clade_npy_type;
enum { CLADE_NPY_TYPES = CLADE_NPY_BOOL + 1 };

typedef struct clade_npy {
    clade_npy_type type;
    int rank; /* 0: a scalar */
    int64_t sizes[CLADE_NPY_MAX_RANK];
    int64_t count; /* the product of the sizes */
    void *values;  /* COUNT values, row by row; owned when read; aligned for any type */
} clade_npy;

size_t clade_npy_type_size(clade_npy_type type);
const char *clade_npy_type_name(clade_npy_type type); /* "float32" */

/* Free ARRAY with clade_npy_free(). */
clade_status clade_npy_read(clade_context *context, const char *path, clade_npy *array);
/* The same from memory; NAME is for error texts. */
clade_status clade_npy_decode(clade_context *context, const char *name, const void *bytes, size_t count,
                              clade_npy *array);
/* Accepts a zeroed one. */
void clade_npy_free(clade_context *context, clade_npy *array);

/* Writes TYPE, RANK, SIZES and VALUES (COUNT is not looked at), whole or not at all. */
clade_status clade_npy_write(clade_context *context, const char *path, const clade_npy *array);

#endif
