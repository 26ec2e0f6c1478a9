/* Weights as named arrays in the host's memory: what goes between graphs, sessions and files. */
#ifndef CLADE_WEIGHTS_H
#define CLADE_WEIGHTS_H

#include "clade/graph.h"
#include "clade/session.h"

#ifdef __cplusplus
extern "C" {
#endif

/* An ordered set of arrays with names. */
typedef struct clade_weights clade_weights;

typedef struct clade_weight {
    const char *name;  /* a state's: "conv1.weight" */
    clade_dtype dtype; /* CLADE_F32, or CLADE_I32 for an imported network's whole numbers */
    clade_dims dims;   /* numbers */
    int64_t count;     /* elements */
    const void *data;  /* dense, row-major */
} clade_weight;

/* The states that OUTPUTS (of one graph) need, in the graph's order. Their contents are copied from FROM, where each must
 * be with the same dtype and dims (CLADE_ERROR_INPUT says which is not); FROM NULL: they are as a session begins with SEED.
 * Free with clade_weights_free(). */
CLADE_API clade_status clade_weights_of_graph(const clade_value *outputs, size_t count, const clade_weights *from,
                                              uint64_t seed, clade_weights **weights);
/* The same states with the contents that they have in SESSION, of the same graph. */
CLADE_API clade_status clade_weights_of_session(clade_session *session, const clade_value *outputs, size_t count,
                                                clade_weights **weights);
CLADE_API void clade_weights_free(clade_weights *weights);

/* Writes every array to the state of its name in SESSION. */
CLADE_API clade_status clade_weights_fill_session(const clade_weights *weights, clade_session *session);

/* The arrays, borrowed; returns how many. */
CLADE_API size_t clade_weights_list(const clade_weights *weights, const clade_weight **list);
/* The array of that name, or NULL. */
CLADE_API const clade_weight *clade_weights_find(const clade_weights *weights, const char *name);

/* Safetensors files (github.com/huggingface/safetensors): read are F32, and F64, F16 and BF16, which become float32, and
 * I32; CLADE_ERROR_INPUT for a damaged file, CLADE_ERROR_UNSUPPORTED for other types. A file is written whole or not at
 * all, with the names and layouts of the states: convolutions (filters, channels, height, width), dense (out, in). */
CLADE_API clade_status clade_weights_read(clade_context *context, const char *path, clade_weights **weights);
CLADE_API clade_status clade_weights_write(const clade_weights *weights, const char *path);

#ifdef __cplusplus
}
#endif
#endif
