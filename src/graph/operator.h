/* What an operator is to the rest: one row. The rows themselves are in src/ops; the graph needs to know a row's shape to
 * infer types, the passes to differentiate and fuse, the plans to choose implementations. */
#ifndef CLADE_GRAPH_OPERATOR_H
#define CLADE_GRAPH_OPERATOR_H

#include "device/device.h"
#include "graph/graph.h"

enum { CLADE_MAX_INPUTS = 16, CLADE_MAX_OUTPUTS = 8, CLADE_MAX_WORKSPACES = 4 };

/* ---- attributes ---- */

typedef enum clade_attribute_kind {
    CLADE_ATTRIBUTE_INT,    /* int64_t[count] */
    CLADE_ATTRIBUTE_SIZE,   /* clade_size[count]: may be symbolic; printed and bound as sizes */
    CLADE_ATTRIBUTE_DOUBLE, /* double[count] */
    CLADE_ATTRIBUTE_BOOL,   /* bool[count] */
    CLADE_ATTRIBUTE_TEXT,   /* const char *, in the graph's arena or static */
    CLADE_ATTRIBUTE_DIMS,   /* clade_dims */
} clade_attribute_kind;

typedef struct clade_attribute {
    const char *name; /* NULL ends a schema */
    clade_attribute_kind kind;
    size_t offset;
    int count; /* 0 means 1 */
} clade_attribute;

/* ---- the reference's arrays: every dtype as double (an int32 is exact) ---- */

typedef struct clade_tensor {
    clade_dtype dtype;
    int32_t rank;
    int64_t size[CLADE_MAX_RANK];
    int64_t count; /* elements */
    double *data;  /* row-major */
} clade_tensor;

/* ---- implementations: how a node is carried out on a device ---- */

/* One array at a node on a device: its numbers, and its buffer (NULL while a plan only asks). */
typedef struct clade_array {
    clade_dtype dtype;
    int32_t rank;
    int64_t size[CLADE_MAX_RANK];
    int64_t count;
    const clade_buffer *buffer;
} clade_array;

/* A node at given sizes on a device: what an implementation is asked about. */
typedef struct clade_site {
    const clade_node *node;
    clade_device *device;
    clade_binding binding;
    clade_array in[CLADE_MAX_INPUTS], out[CLADE_MAX_OUTPUTS];
    const clade_buffer *workspace[CLADE_MAX_WORKSPACES];
    const clade_buffer *prepared; /* what the implementation's prepare() makes of input 1; NULL where it has none */
    int configuration;            /* which of the implementation's configurations is meant */
    bool prepares_once;           /* input 1 stays as it is from run to run, so that prepare() runs once */
    const char *label;            /* "conv1 conv2d": for launches */
} clade_site;

/* What is done to the sums of a convolution or a matrix product on their way out:
 *     y = mask <= 0 ? 0 : relu ? max(t, 0) : t,    t = sum + bias + residual
 * Part of the attributes of the rows that have a tail. Each of bias, residual and mask that is set is one more input, in
 * that order, after the row's own: bias one number for each of y's axis 1, residual and mask as y. */
typedef struct clade_tail_attributes {
    bool bias, residual, relu, mask;
} clade_tail_attributes;

typedef struct clade_implementation {
    const char *name; /* "direct"; NULL ends a list */
    /* Whether it can carry out SITE; if not, WHY gets a phrase of at most 127 characters ("needs stride 1"). NULL: always. */
    bool (*applicable)(const clade_site *site, char why[128]);
    /* How well it is expected to suit the site and device: the highest applicable is the instant default; equal ones in
     * the list's order. NULL: 0. Must not depend on the number of compute units (same bits on any number of cores). */
    double (*suitability)(const clade_site *site);
    /* Bytes of scratch it needs, up to CLADE_MAX_WORKSPACES buffers; zeros come in. NULL: none. */
    void (*workspace)(const clade_site *site, size_t bytes[CLADE_MAX_WORKSPACES]);
    /* Bytes of the form in which it wants input 1 (packed, transformed), 0 for none; and the launches that make
     * site->prepared of input 1 alone. Where input 1 stays as it is from run to run, these run only once. */
    size_t (*prepared)(const clade_site *site);
    clade_status (*prepare)(const clade_site *site, clade_commands *commands);
    /* The number of ways to cut the work, numbered from 0, the instant default; the tuner tries the others. NULL: 1. */
    int (*configurations)(const clade_site *site);
    /* Whether record() carries out the row's tail too; for one that does not, kernels/tail.cl runs over the output. */
    bool tail;
    /* Appends its launches to COMMANDS. Every element of every output is written; workspaces start undefined. */
    clade_status (*record)(const clade_site *site, clade_commands *commands);
} clade_implementation;

/* ---- point-wise operators: an expression that a generated kernel evaluates ---- */

enum { CLADE_MAX_PARAMETERS = 2 };

/* What a point-wise row takes and gives. */
typedef enum clade_pointwise_types {
    CLADE_TYPES_FLOAT,    /* float32, gives float32 */
    CLADE_TYPES_ALIKE,    /* all of one type, gives that */
    CLADE_TYPES_COMPARED, /* all of one type, gives int32: 1 or 0 */
    CLADE_TYPES_WHOLE,    /* int32, gives int32 */
    CLADE_TYPES_CHOSEN,   /* int32, then all of one type, gives that */
    CLADE_TYPES_TO_FLOAT, /* any, gives float32 */
    CLADE_TYPES_TO_INT,   /* any, gives int32 */
} clade_pointwise_types;

typedef struct clade_pointwise {
    /* OpenCL C over x0, x1, ... (inputs) and p0, p1 (parameters), with `real` for float or float16 and `whole` for int or
     * int16, to_real(), to_whole() for conversions and as_real(), as_whole() for the same bits:
     * "x0 < 0.0f ? (real)(0.0f) : x0". Both sides of a choice must be of one type. */
    const char *expression;
    /* The same in double: the meaning. */
    double (*evaluate)(const double x[], const double p[]);
    /* Sets p0, p1 for a node; NULL: none. They are kernel arguments, so that another batch needs no other program. */
    void (*parameters)(const clade_node *node, clade_binding binding, double p[CLADE_MAX_PARAMETERS]);
    int parameter_count;
    clade_pointwise_types types;
} clade_pointwise;

/* ---- gradients ---- */

/* Where a gradient is being built. WANTED[i]: whether anything needs the gradient of input i: leave dx[i] alone if not. */
typedef struct clade_tape {
    clade_graph *graph;
    const bool *wanted;
} clade_tape;

/* ---- test cases ---- */

/* How a case's input is filled. Kinks and discontinuities are kept away from, so that finite differences are right. */
typedef enum clade_fill {
    CLADE_FILL_UNIFORM,      /* [-1, 1) */
    CLADE_FILL_POSITIVE,     /* [0.5, 2) */
    CLADE_FILL_DISTINCT,     /* every element differs from every other by at least 0.01: for max */
    CLADE_FILL_NONZERO,      /* 0.1 <= |x| < 1 */
    CLADE_FILL_SMALL,        /* [-1/32, 1/32): weights that are applied again and again */
    CLADE_FILL_EQUALS,       /* -1, -0.5, 0, 0.5 or 1: many are equal, so that finite differences say nothing */
    CLADE_FILL_LABELS,       /* int32 in 0 .. label_bound - 1 */
    CLADE_FILL_RANDOM_STATE, /* int32 (8): the run's seed, step and first sample (ops/random/draws.h) */
} clade_fill;

enum { CLADE_CASE_INPUTS = 8 };

typedef struct clade_case {
    const char *name;                 /* NULL ends a list */
    clade_dims in[CLADE_CASE_INPUTS]; /* sizes are numbers; an input that is a scalar is CLADE_SCALAR */
    int input_count;
    clade_fill fill[CLADE_CASE_INPUTS];
    int64_t label_bound;
    const void *attributes; /* the operator's struct; NULL: zeroed */
    double tolerance;       /* float32 against double, relative to the largest element; 0: 1e-5 */
} clade_case;

/* ---- the row ---- */

typedef struct clade_op {
    const char *name;                  /* "max_pool" */
    const char *onnx;                  /* "MaxPool"; NULL when ONNX has no such operator */
    const clade_attribute *attributes; /* schema, ended by a NULL name; NULL: none */
    size_t attributes_size;
    int input_minimum, input_maximum;
    int outputs; /* 0: as many as the attribute `output_count` says (an int32_t, first in the struct) */
    /* The types of the outputs; clade_pointwise_infer for a point-wise row. A wrong attribute or input: writes what was
     * expected into WHY, returns false. */
    bool (*infer)(const clade_node *node, clade_type out[], clade_text *why);
    /* Builds dx[i], the gradient of input i, from dy[o], that of output o. Invalid in dy: nothing flows there; dx comes
     * invalid, and stays so for inputs without a gradient. NULL: no gradient at all (labels, counts, steps). */
    void (*gradient)(clade_tape *tape, const clade_node *node, const clade_value dy[], clade_value dx[]);
    /* What the node is at inference, when that differs (dropout, batch norm): values in the new graph. */
    bool (*inference)(clade_rewrite *rewrite, const clade_node *node, const clade_value inputs[], clade_value out[]);
    /* The meaning: out[] is allocated, undefined. NULL for a point-wise row. */
    void (*reference)(const clade_node *node, const clade_tensor in[], clade_tensor out[]);
    /* Element ELEMENT of output 0 alone, OUT giving its sizes: for checks by samples. NULL: only as a whole. */
    double (*reference_at)(const clade_node *node, const clade_tensor in[], const clade_tensor *out, int64_t element);
    /* An integer that int32 input INPUT may hold at ELEMENT of SITE where it chooses or counts (a place, a class, a length),
     * picked by RANDOM; -1 where its integers are values like others. NULL: of no input does it say. For checks at sizes
     * that no case has. */
    int64_t (*sample)(const clade_site *site, uint32_t input, int64_t element, uint32_t random);
    /* For rows with a tail: which of its inputs is the tail's first (0: no tail), and where in the attributes it is. */
    int tail_input;
    size_t tail_offset;
    const clade_pointwise *pointwise;
    bool view; /* output 0 is input 0 with other sizes: no launch */
    uint32_t
        in_place; /* bit i: output 0 may lie where input i lay (same count, each element read before it is written) */
    /* Floating-point operations of the site (a multiply-add counts 2), for summary and profile. NULL: outputs' elements. */
    double (*flops)(const clade_site *site);
    const clade_implementation *const *implementations; /* ended by NULL; NULL for point-wise, view and leaf rows */
    const clade_case *cases;                            /* ended by a NULL name */
} clade_op;

#endif
