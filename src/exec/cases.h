/* A row's test case as a graph of one node, and its inputs' contents: what selftest and gradcheck start from. */
#ifndef CLADE_EXEC_CASES_H
#define CLADE_EXEC_CASES_H

#include "ops/op.h"

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

/* Input INDEX of the case: COUNT numbers that float32 (or int32) holds exactly, always the same. */
clade_status clade_case_fill(clade_context *context, const clade_op *op, const clade_case *one, int index, double *data,
                             int64_t count);

/* Fills DATA as FILL says from the stream of NAME. */
clade_status clade_fill_array(clade_context *context, clade_fill fill, int64_t label_bound, const char *name,
                              uint64_t seed, double *data, int64_t count);

#endif
