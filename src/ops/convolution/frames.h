/* Frames of an axis and their overlapping sum (frames.c), for what is built of them. */
#ifndef CLADE_OPS_FRAMES_H
#define CLADE_OPS_FRAMES_H

#include "ops/op.h"

extern const clade_op clade_op_frames, clade_op_overlap_add;

/* SIZE is read by overlap_add alone: the axis's. */
typedef struct clade_frames_attributes {
    int64_t length, stride, before, after, dilation;
    int64_t size;
} clade_frames_attributes;

#endif
