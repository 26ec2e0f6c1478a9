/* The graph: what is computed, as data. A caller builds it once out of values and operators (clade/ops.h); passes turn
 * it into plans; nothing that runs it changes it.
 *
 * The builder is sticky: a call with a wrong argument yields an invalid value, everything built on an invalid value is
 * invalid, and clade_graph_status() reports the first fault with operator, shapes and what was expected. So a network
 * is written straight down and checked once. */
#ifndef CLADE_GRAPH_H
#define CLADE_GRAPH_H

#include <stdbool.h>

#include "clade/context.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum clade_dtype {
    CLADE_F32 = 1, /* 32-bit IEEE float */
    CLADE_I32,     /* 32-bit signed integer */
} clade_dtype;

/* Bytes of one element. */
CLADE_API size_t clade_dtype_size(clade_dtype dtype);
CLADE_API const char *clade_dtype_name(clade_dtype dtype); /* "float32", "int32" */

/* A size: a count of elements along an axis. Zero and above are themselves; negative ones stand for symbols, and for
 * expressions over symbols that operators make, which belong to the graph. A plan binds the symbols to numbers. */
typedef int64_t clade_size;
#define CLADE_BATCH ((clade_size)-1) /* the symbol N */
#define CLADE_TIME ((clade_size)-2)  /* the symbol T */

#define CLADE_MAX_RANK 8

/* The sizes of an array's axes, outermost first; rank 0 is a scalar. */
typedef struct clade_dims {
    int32_t rank;
    clade_size size[CLADE_MAX_RANK];
} clade_dims;

/* clade_shape(CLADE_BATCH, 1, 28, 28): a clade_dims of 1 to CLADE_MAX_RANK sizes. */
#define clade_shape(...)                                                                                               \
    ((clade_dims){ (int32_t)(sizeof((clade_size[]){ __VA_ARGS__ }) / sizeof(clade_size)), { __VA_ARGS__ } })
#define CLADE_SCALAR ((clade_dims){ 0, { 0 } })

typedef struct clade_graph clade_graph;

/* A value: an output of a node. A handle, cheap to copy; it owns nothing. */
typedef struct clade_value {
    clade_graph *graph;
    uint32_t node, output;
} clade_value;

/* A new, empty graph of CONTEXT, or NULL when memory is short. Free with clade_graph_free() after its trainers and
 * sessions. */
CLADE_API clade_graph *clade_graph_new(clade_context *context);
CLADE_API void clade_graph_free(clade_graph *graph);

/* CLADE_OK while every call was good; else the first fault's status, and its words in clade_error(). */
CLADE_API clade_status clade_graph_status(const clade_graph *graph);

CLADE_API bool clade_value_valid(clade_value value);
CLADE_API clade_dtype clade_value_dtype(clade_value value);
CLADE_API clade_dims clade_value_dims(clade_value value);
/* An invalid value of a graph: for optional inputs left out. */
#define CLADE_NO_VALUE ((clade_value){ NULL, 0, 0 })

/* A named input that the caller feeds at each run, of any dtype and dims. Names are unique in a graph. */
CLADE_API clade_value clade_input(clade_graph *graph, const char *name, clade_dtype dtype, clade_dims dims);

/* A run-time scalar (rank 0, float32) that the caller sets between runs: a rate, a momentum, a loss scale. Asking for
 * the same name again gives the same value. INITIAL is what it is until set. */
CLADE_API clade_value clade_scalar(clade_graph *graph, const char *name, float initial);

/* A constant: every element of DIMS is NUMBER. */
CLADE_API clade_value clade_constant(clade_graph *graph, clade_dims dims, float number);

/* How a state begins. Draws are Philox's, keyed by the run's seed and the state's name, so that a layer's weights do not
 * depend on the other layers. fan_in and fan_out are the numbers of inputs and outputs of one unit; zeros are taken from
 * the operator that makes the state. */
typedef enum clade_initializer_kind {
    CLADE_INITIALIZE_DEFAULT,         /* the operator's own: MSRA for weights, zero for biases */
    CLADE_INITIALIZE_CONSTANT,        /* VALUE */
    CLADE_INITIALIZE_GAUSSIAN,        /* mean 0, deviation VALUE */
    CLADE_INITIALIZE_XAVIER_GAUSSIAN, /* deviation 1/sqrt(fan_in), as deck 003 and Caffe; Glorot and Bengio 2010 */
    CLADE_INITIALIZE_XAVIER_UNIFORM,  /* uniform in +-sqrt(3/fan_in): the same deviation */
    CLADE_INITIALIZE_MSRA,    /* Gaussian, deviation sqrt(2/fan_in): He et al. 2015 (a deck prints 2/sqrt(fan_in)) */
    CLADE_INITIALIZE_UNIFORM, /* uniform in +-VALUE */
} clade_initializer_kind;

typedef struct clade_initializer {
    clade_initializer_kind kind;
    float value;
    int64_t fan_in, fan_out;
} clade_initializer;

/* What a state is for: weight decay touches weights only, the parameter count takes weights, biases and gains. */
typedef enum clade_role {
    CLADE_ROLE_WEIGHT, /* trained, decayed */
    CLADE_ROLE_BIAS,   /* trained, not decayed: biases, and the gain and shift of a normalisation */
    CLADE_ROLE_STATE,  /* not trained: running statistics, optimiser slots */
} clade_role;

/* A state: a float32 array that lives across runs, by a name unique in the graph ("conv1.weight"). All sizes are
 * numbers. */
CLADE_API clade_value clade_state(clade_graph *graph, const char *name, clade_dims dims, clade_role role,
                                  clade_initializer initializer);

/* From now on a run that carries out updates ends by setting STATE to VALUE (the same dims). Each state has at most one
 * update. All reads of the state in that run see the old contents. */
CLADE_API clade_status clade_update(clade_value state, clade_value value);

#ifdef __cplusplus
}
#endif
#endif
