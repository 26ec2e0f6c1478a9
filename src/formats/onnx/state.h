/* The inside of an import, shared by import.c and node.c. */
#ifndef CLADE_FORMATS_ONNX_STATE_H
#define CLADE_FORMATS_ONNX_STATE_H

#include "exec/session.h"
#include "formats/onnx/import.h"

enum { CLADE_ONNX_DEEPEST = 8 }; /* subgraphs in subgraphs that are translated */

/* A leaf of the graph that a session or an evaluation fills with what the file says. */
typedef struct clade_onnx_leaf {
    clade_value value;
    const clade_onnx_tensor *tensor;
    bool is_input; /* the caller feeds it; what it holds is known already */
    bool of_batch; /* it has CLADE_ONNX_BATCH for an open batch: shapes may be made of it, nothing on a device */
    double least[CLADE_MAX_RANK]; /* its numbers with CLADE_ONNX_LEAST_BATCH, where it is of_batch */
} clade_onnx_leaf;

struct clade_onnx {
    clade_context *context;
    clade_arena arena; /* names, values, lists */
    clade_graph *graph;
    char *classes; /* names in the arena, each ended by a zero; NULL: none */
    int64_t class_count;
    clade_onnx_leaf *leaves;
    size_t leaf_count, leaf_capacity;
    clade_onnx_port *inputs, *outputs;
    size_t input_count, output_count;
    clade_onnx_tensor **tensors; /* owned */
    size_t tensor_count, tensor_capacity;
};

struct clade_onnx_import {
    clade_context *context;
    clade_onnx *network;
    const clade_onnx_options *options;
    const char *folder; /* of external data; NULL: there are none */
    int64_t opset;
    clade_onnx_value **slots; /* by name, open addressing; a power of two of them */
    size_t slot_count;
    clade_reference *references[2]; /* evaluate what depends on constants: with CLADE_ONNX_BATCH, with the least */
    uint8_t *known;                 /* of each node of the graph: what it depends on (known.c) */
    uint32_t known_count, known_capacity;
    bool has_batch; /* some leaf is of_batch */
    const clade_onnx_translator *row;
    const char *op, *node; /* at work, for messages */
    bool refused;
    size_t inlined; /* nodes of subgraphs and of layers by steps that were translated, at every step anew */
    int depth;      /* of the subgraph that is translated in place; 0: the network itself */
};

/* Takes the names of classes from MODEL's metadata (formats/onnx/classes.c). */
clade_status clade_onnx_read_classes(clade_onnx *network, const Onnx__ModelProto *model);
/* Makes room for the names of GRAPH and of its subgraphs. */
clade_status clade_onnx_make_names(clade_onnx_import *import, const Onnx__GraphProto *graph);
/* The value of that name, made when MAKE says so; NULL when absent or memory is short. */
clade_onnx_value *clade_onnx_named(clade_onnx_import *import, const char *name, bool make);
/* A tensor kept by the network until its end. NULL when memory is short. */
clade_onnx_tensor *clade_onnx_keep(clade_onnx_import *import, const clade_onnx_tensor *tensor);
/* The place of VALUE in the graph: a state of the file's contents where it is a constant. */
clade_value clade_onnx_lower(clade_onnx_import *import, clade_onnx_value *value);
/* CLADE_ERROR_UNSUPPORTED where an input of the model in the file PATH is something else than an array of numbers. */
clade_status clade_onnx_check_inputs(clade_context *context, const char *path);

/* ---- known.c ---- */

/* The numbers of a value of the graph that depends on constants alone; NULL when it does not, or on a fault.
 * *LEAST receives them with the least batch; with LEAST NULL what depends on the batch is NULL too. */
const clade_tensor *clade_onnx_evaluate(clade_onnx_import *import, clade_value value, const clade_tensor **least);
bool clade_onnx_depends_on_constants(clade_onnx_import *import, clade_value value);
/* CLADE_ERROR_UNSUPPORTED where an output is computed from a leaf of_batch. */
clade_status clade_onnx_check_batch(clade_onnx_import *import);
/* Translates a node, and names an initialiser, of the network or of a subgraph in place. */
clade_status clade_onnx_add_node(clade_onnx_import *import, const Onnx__NodeProto *proto);
clade_status clade_onnx_add_initializer(clade_onnx_import *import, const Onnx__TensorProto *proto);
/* Reads a tensor of the file (an initialiser, or an attribute) and keeps it. NULL on a fault. */
const clade_onnx_tensor *clade_onnx_take(clade_onnx_import *import, const Onnx__TensorProto *proto);

#endif
