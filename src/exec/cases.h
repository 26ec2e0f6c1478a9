/* A row's test case as a graph of one node, and its inputs' contents: what selftest and gradcheck start from. */
#ifndef CLADE_EXEC_CASES_H
#define CLADE_EXEC_CASES_H

#include "tune/fill.h"

typedef struct clade_case_graph {
    clade_graph *graph;
    clade_value inputs[CLADE_CASE_INPUTS]; /* input leaves */
    int input_count;
    clade_value y; /* output 0 of the row's node */
    clade_binding binding;
} clade_case_graph;

/* Frees with clade_graph_free(BUILT->graph). On a fault nothing is left to free. */
clade_status clade_case_build(clade_context *context, const clade_op *op, const clade_case *one,
                              clade_case_graph *built);

/* The `fused` node of one step that stands for the point-wise node Y: point-wise rows have no implementation of their own. */
clade_value clade_case_fuse(const clade_case_graph *built);

/* Input INDEX of the case: COUNT numbers that float32 (or int32) holds exactly, always the same. */
clade_status clade_case_fill(clade_context *context, const clade_op *op, const clade_case *one, int index, double *data,
                             int64_t count);

#endif
