/* Between the two halves of the fused operator: the iteration space of a site (ops/elementwise/fused_source.c writes the kernel for
 * it, ops/elementwise/fused.c launches it). */
#ifndef CLADE_OPS_FUSED_SOURCE_H
#define CLADE_OPS_FUSED_SOURCE_H

#include "ops/op.h"

/* The iteration space, with as few axes as all inputs allow: neighbours over which every input either runs on or repeats
 * are one. Axis 0 is the innermost: along it an input's stride is 1 or 0. Outputs are dense. */
typedef struct clade_fused_space {
    int32_t rank;
    int64_t size[CLADE_MAX_RANK];
    int64_t stride[CLADE_MAX_INPUTS][CLADE_MAX_RANK]; /* in elements; 0: the input repeats */
    int32_t place[CLADE_MAX_INPUTS];                  /* the output in whose buffer the input lies; -1: in its own */
    clade_dtype in[CLADE_MAX_INPUTS], step[CLADE_MAX_FUSED_STEPS]; /* the types of inputs and of steps' results */
} clade_fused_space;

/* The types of the steps' results, for inputs of the types IN; false when a step does not take its arguments'. */
bool clade_fused_types(const clade_fused_attributes *fused, const clade_dtype in[], clade_dtype steps[]);

clade_fused_space clade_fused_space_of(const clade_site *site);

/* Whether input I runs on like the outputs, along every axis. */
bool clade_fused_input_is_dense(const clade_fused_space *space, uint32_t i);

/* The inputs of a step's operator. */
static inline int clade_fused_argument_count(const clade_fused_step *step) {
    return step->op->input_maximum;
}

#endif
