/* Copies of boxes of elements between two arrays (kernels/copy.cl): what the rows that only move elements are made of. */
#ifndef CLADE_OPS_COPY_H
#define CLADE_OPS_COPY_H

#include "ops/op.h"

enum { CLADE_COPY_AXES = 8 };

/* Place i along axis k (0 the outermost) lies from_stride[k] * i elements after FROM_BASE in the source, which may go
 * backwards or repeat, and to_stride[k] * i after TO_BASE in the target. */
typedef struct clade_copy_box {
    int32_t rank;
    int64_t size[CLADE_COPY_AXES], from_stride[CLADE_COPY_AXES], to_stride[CLADE_COPY_AXES];
    int64_t from_base, to_base;
} clade_copy_box;

/* The box that walks a dense array of TO's sizes in order; from_stride is left for the caller. */
clade_copy_box clade_copy_box_to(const clade_array *to);
/* The steps in elements between neighbours along each axis of a dense array. */
void clade_dense_strides(const clade_array *array, int64_t strides[CLADE_MAX_RANK]);
/* The number of elements outside and inside AXIS. */
int64_t clade_elements_outside(const clade_array *array, int32_t axis);
int64_t clade_elements_inside(const clade_array *array, int32_t axis);

/* Appends the launch that copies BOX from X to Y. ROWS: in the form in which an item is a thread's work, else in that in
 * which neighbouring items want neighbouring addresses. */
clade_status clade_copy_record(const clade_site *site, clade_commands *commands, const clade_copy_box *box, bool rows,
                               const clade_buffer *x, const clade_buffer *y);

/* AXIS, counted from the end where it is negative; -1 when an array of RANK has no such axis. */
int32_t clade_axis_of(int64_t axis, int32_t rank);

#endif
