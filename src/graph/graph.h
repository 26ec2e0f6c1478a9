/* The graph's inside: nodes in an arena, referred to by index, in an order in which every input comes before its use.
 * Nodes are appended and never changed. A pass reads one graph and writes another (clade_rewrite below). */
#ifndef CLADE_GRAPH_GRAPH_H
#define CLADE_GRAPH_GRAPH_H

#include "base/arena.h"
#include "base/context.h"
#include "base/text.h"
#include "clade/graph.h"

struct clade_op; /* graph/operator.h: the row of an operator */

typedef struct clade_type {
    clade_dtype dtype;
    clade_dims dims;
} clade_type;

typedef struct clade_node {
    clade_graph *graph;
    uint32_t index;
    const struct clade_op *op;
    const char *name;       /* the layer's or state's name; "" when it has none */
    const void *attributes; /* the operator's struct (op->attributes_size bytes), owned by the graph */
    uint32_t input_count, output_count;
    const clade_value *inputs;
    const clade_type *outputs;
    uint32_t next_leaf; /* of a leaf: 1 + the next of its list in clade_graph.leaves; 0 ends */
} clade_node;

/* How a size expression is made. */
typedef enum clade_size_kind {
    CLADE_SIZE_SYMBOL,
    CLADE_SIZE_SUM,
    CLADE_SIZE_PRODUCT,
    CLADE_SIZE_QUOTIENT, /* rounded towards minus infinity */
} clade_size_kind;

typedef struct clade_size_expression {
    clade_size_kind kind;
    clade_size a, b; /* of a symbol: its number */
    uint32_t terms;  /* symbols in it */
} clade_size_expression;

typedef struct clade_update_entry {
    clade_value state, value;
    uint32_t program; /* 0: an ordinary update */
} clade_update_entry;

enum { CLADE_LEAF_LISTS = 1024 };

struct clade_graph {
    clade_context *context;
    clade_arena arena;
    clade_node **nodes;
    uint32_t node_count, node_capacity;
    uint32_t leaves[CLADE_LEAF_LISTS]; /* by a hash of their names: 1 + the latest; 0: none */
    clade_size_expression *sizes;      /* of the size -1 - i at i; the first two are N and T */
    uint32_t size_count, size_capacity;
    uint32_t backward_from; /* nodes from here on came with or after a gradient, but for a few; 0: none was asked for */
    clade_update_entry *updates;
    uint32_t update_count, update_capacity;
    clade_update_entry *programs; /* the updates of programs, in the order of clade_update_in() */
    uint32_t program_count, program_capacity;
    struct clade_name_counter *counters; /* the last number given for each prefix */
    clade_status status;
    const char *fault; /* the first fault's words, in the arena */
};

/* ---- nodes ---- */

/* Appends a node: copies inputs and attributes, infers the output types. Output 0's value, or an invalid value with the
 * graph's fault set. An invalid input passes its invalidity on without another fault. */
clade_value clade_append(clade_graph *graph, const struct clade_op *op, const char *name, const void *attributes,
                         const clade_value *inputs, uint32_t input_count);
/* Names the nodes from FIRST on that have inputs and no name yet: for one who appends several that are one layer. */
void clade_graph_name_nodes(clade_graph *graph, uint32_t first, const char *name);
/* Another output of the node that made VALUE. */
clade_value clade_output(clade_value value, uint32_t output);
/* Records the graph's first fault ("conv2d conv1: ...") and gives an invalid value. */
clade_value clade_invalid(clade_graph *graph, clade_status status, const char *format, ...) CLADE_PRINTF(3, 4);
/* The graph of the first valid value, NULL when none is. */
clade_graph *clade_graph_of(const clade_value *values, size_t count);

const clade_node *clade_value_node(clade_value value);
const clade_type *clade_value_type(clade_value value);
bool clade_value_equal(clade_value a, clade_value b);
/* "float32 (N, 16, 28, 28)"; in the graph's arena. */
const char *clade_type_text(clade_graph *graph, const clade_type *type);
/* "conv2d_3": PREFIX and the least number not yet given for it; NAME itself when it is not NULL or empty. */
const char *clade_graph_unique_name(clade_graph *graph, const char *name, const char *prefix);
/* The input, scalar or state of that name, or an invalid value. */
clade_value clade_graph_find(const clade_graph *graph, const char *op_name, const char *name);
/* The value that STATE is set to at the end of a run, or an invalid value. */
clade_value clade_graph_update_of(const clade_graph *graph, clade_value state);
/* An update of PROGRAM, a number of the caller's from 1 on: a run of that program carries out its updates, and the
 * ordinary ones not. So one graph can hold the phases of a method that a single step does not make up. A state has at
 * most one update in a program. */
clade_status clade_update_in(uint32_t program, clade_value state, clade_value value);
/* GRAPH with the updates of PROGRAM as its ordinary ones, and what these and TARGETS need. TARGETS are replaced by their
 * new values. NULL on a fault. */
clade_graph *clade_graph_of_program(const clade_graph *graph, uint32_t program, clade_value *targets, size_t count);

/* ---- sizes ---- */

clade_size clade_size_add(clade_graph *graph, clade_size a, clade_size b);
clade_size clade_size_multiply(clade_graph *graph, clade_size a, clade_size b);
clade_size clade_size_divide(clade_graph *graph, clade_size a, clade_size b);
clade_size clade_size_product(clade_graph *graph, const clade_size *sizes, int32_t count);
clade_size clade_dims_count(clade_graph *graph, const clade_dims *dims);
bool clade_dims_equal(const clade_dims *a, const clade_dims *b);  /* the same sizes, symbol by symbol */
const char *clade_size_text(clade_graph *graph, clade_size size); /* "N", "49*N" */

/* What a plan sets the symbols to. */
typedef struct clade_binding {
    int64_t batch, time;
} clade_binding;

/* The number that SIZE is under BINDING; negative when it overflows. */
int64_t clade_size_value(const clade_graph *graph, clade_size size, clade_binding binding);
/* Elements of DIMS under BINDING; negative when it overflows. */
int64_t clade_dims_value(const clade_graph *graph, const clade_dims *dims, clade_binding binding, int64_t sizes[]);

/* The dims that numpy's broadcasting gives; false when they do not fit each other. */
bool clade_dims_broadcast(const clade_dims *a, const clade_dims *b, clade_dims *out);

/* ---- rewriting: the engine of every pass ---- */

/* Which value of the old graph became which of the new one. */
typedef struct clade_rewrite {
    const clade_graph *from;
    clade_graph *to;
    clade_value *map; /* by clade_rewrite_slot() */
    uint32_t *first;  /* of each old node: its outputs' first slot */
} clade_rewrite;

/* A new graph that understands FROM's sizes and is still empty; NULL on a fault. */
clade_graph *clade_graph_empty_like(const clade_graph *from);

/* Called for each node that is kept, its inputs already in the new graph. It fills OUT (one value for each output; with
 * clade_append to REWRITE->to or from INPUTS) and returns true, or returns false to have the node copied. */
typedef bool clade_rewriter(void *user, clade_rewrite *rewrite, const clade_node *node, const clade_value *inputs,
                            clade_value *out);

/* A new graph with what TARGETS need and, with UPDATES, what the updates need: dead nodes vanish. States, inputs and
 * scalars keep their names. TARGETS are replaced by their new values. REWRITE receives the map when not NULL (free with
 * clade_rewrite_free). NULL on a fault (in FROM's context). */
clade_graph *clade_graph_rewrite(const clade_graph *from, clade_value *targets, size_t target_count, bool updates,
                                 clade_rewriter *rewriter, void *user, clade_rewrite *rewrite);
/* The same, visiting nodes in ORDER (every needed node once, inputs before uses except within a run of nodes that the
 * rewriter handles together at the last of them). */
clade_graph *clade_graph_rewrite_in_order(const clade_graph *from, const uint32_t *order, size_t order_count,
                                          clade_value *targets, size_t target_count, bool updates,
                                          clade_rewriter *rewriter, void *user, clade_rewrite *rewrite);
/* Marks in NEEDED (one for each node, false) what TARGETS and, with UPDATES, the updates need. */
void clade_graph_mark_needed(const clade_graph *graph, const clade_value *targets, size_t count, bool updates,
                             bool *needed);
clade_value clade_rewrite_value(const clade_rewrite *rewrite, clade_value old);
void clade_rewrite_free(clade_rewrite *rewrite);

/* The graph as text, a line a node: "%12 = conv2d(%3, %7) {stride = [1, 1]} : float32 (N, 16, 28, 28)  # conv1". */
void clade_graph_print(const clade_graph *graph, clade_text *out);

#endif
