/* The import of ONNX networks, seen from the operators' translators. A translator turns one node into Clade's operators:
 * it reads inputs and attributes, appends to the graph, and sets outputs. What depends on constants alone (shapes, axes,
 * sizes) can be asked for in numbers: it is evaluated by the rows' references. */
#ifndef CLADE_FORMATS_ONNX_IMPORT_H
#define CLADE_FORMATS_ONNX_IMPORT_H

#include "clade/onnx.h"
#include "formats/onnx_tensor.h"
#include "ops/op.h"

typedef struct clade_onnx_import clade_onnx_import;

/* A value of the network. TYPE is ONNX's; VALUE its place in Clade's graph, made at first need where it is a constant. */
typedef struct clade_onnx_value {
    int type; /* 0: not there (an optional input left out) */
    clade_value value;
    const clade_onnx_tensor *tensor; /* of an initialiser or constant; NULL: computed, or an input */
    const char *name;                /* as the file says */
} clade_onnx_value;

enum { CLADE_ONNX_MOST_OUTPUTS = 16 };

typedef struct clade_onnx_node {
    clade_onnx_import *import;
    clade_graph *graph;
    const Onnx__NodeProto *proto;
    int64_t opset; /* of ONNX's own operators, as the model asks for */
    clade_onnx_value **in;
    int in_count, out_count;
    clade_onnx_value out[CLADE_ONNX_MOST_OUTPUTS]; /* for clade_onnx_out() */
} clade_onnx_node;

/* Appends what the node means. False after clade_onnx_refuse() or when memory is short; a fault of the graph is found by
 * the caller. */
typedef bool clade_onnx_translate(clade_onnx_node *node);

typedef struct clade_onnx_translator {
    const char *op; /* "Conv"; NULL ends a list */
    clade_onnx_translate *translate;
    int64_t argument; /* translators shared by several operators tell them apart by it */
} clade_onnx_translator;

/* The lists, a file each. */
extern const clade_onnx_translator clade_onnx_elementwise[], clade_onnx_layers[], clade_onnx_shapes[],
    clade_onnx_reductions[], clade_onnx_types[];

/* The argument of the row that the node was found by. */
int64_t clade_onnx_argument(const clade_onnx_node *node);

/* ---- inputs ---- */

bool clade_onnx_has(const clade_onnx_node *node, int index);
int clade_onnx_type(const clade_onnx_node *node, int index); /* 0 when absent */
/* Input INDEX in the graph; invalid when absent. */
clade_value clade_onnx_in(clade_onnx_node *node, int index);
/* Its dims; rank 0 when absent. */
clade_dims clade_onnx_dims_of(clade_onnx_node *node, int index);
/* Input INDEX in numbers, at most MOST. False, refusing, when it does not depend on constants alone or is longer. */
bool clade_onnx_numbers(clade_onnx_node *node, int index, double *numbers, int most, int *count);
bool clade_onnx_whole_numbers(clade_onnx_node *node, int index, int64_t *numbers, int most, int *count);
/* Whether input INDEX depends on constants alone. */
bool clade_onnx_known(clade_onnx_node *node, int index);

/* ---- attributes ---- */

const Onnx__AttributeProto *clade_onnx_attribute(const clade_onnx_node *node, const char *name); /* NULL when absent */
int64_t clade_onnx_int(const clade_onnx_node *node, const char *name, int64_t otherwise);
double clade_onnx_float(const clade_onnx_node *node, const char *name, double otherwise);
/* Fewer than 64 characters; cut off beyond. */
const char *clade_onnx_text(const clade_onnx_node *node, const char *name, const char *otherwise, char text[64]);
/* The count; 0 when absent. At most MOST are taken; more are refused (-1). */
int clade_onnx_ints(clade_onnx_node *node, const char *name, int64_t *numbers, int most);
/* Axis AXIS of RANK, counted from the end when negative; false, refusing, when there is none such. */
bool clade_onnx_axis(clade_onnx_node *node, int64_t axis, int rank, int *result);

/* ---- outputs ---- */

void clade_onnx_out(clade_onnx_node *node, int index, clade_value value, int type);
/* A constant of the import's own: COUNT elements of DIMS, in the graph. */
clade_value clade_onnx_constant(clade_onnx_node *node, int type, const clade_dims *dims, const double *numbers);
/* Output INDEX is the tensor of an attribute. */
bool clade_onnx_constant_tensor(clade_onnx_node *node, int index, const Onnx__TensorProto *proto);
/* Sets the context's error, "Conv \"name\": ...", once. Always false. */
bool clade_onnx_refuse(clade_onnx_node *node, const char *format, ...) CLADE_PRINTF(2, 3);

#endif
