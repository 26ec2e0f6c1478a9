/* The import of ONNX networks, seen from the operators' translators. A translator turns one node into Clade's operators:
 * it reads inputs and attributes, appends to the graph, and sets outputs. What depends on constants alone (shapes, axes,
 * sizes) can be asked for in numbers: it is evaluated by the rows' references. */
#ifndef CLADE_FORMATS_ONNX_IMPORT_H
#define CLADE_FORMATS_ONNX_IMPORT_H

#include "clade/onnx.h"
#include "formats/onnx/tensor.h"
#include "ops/op.h"

typedef struct clade_onnx_import clade_onnx_import;

/* A value of the network. TYPE is ONNX's; VALUE its place in Clade's graph, made at first need where it is a constant. */
typedef struct clade_onnx_value {
    int type; /* 0: not there (an optional input left out) */
    clade_value value;
    const clade_onnx_tensor *tensor; /* of an initialiser or constant; NULL: computed, or an input */
    const char *name;                /* as the file says */
    bool fixed;                      /* not trained: running statistics */
    int depth;                       /* of the subgraph that it is of; 0: the network itself */
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
extern const clade_onnx_translator clade_onnx_activations[], clade_onnx_control[], clade_onnx_einsum[],
    clade_onnx_elementwise[], clade_onnx_layers[], clade_onnx_losses[], clade_onnx_moves[], clade_onnx_norms[],
    clade_onnx_order[], clade_onnx_quantize[], clade_onnx_recurrent[], clade_onnx_reductions[], clade_onnx_resize[],
    clade_onnx_sampling[], clade_onnx_selections[], clade_onnx_shapes[], clade_onnx_training[], clade_onnx_types[],
    clade_onnx_whole[];

/* The argument of the row that the node was found by. */
int64_t clade_onnx_argument(const clade_onnx_node *node);

const clade_onnx_translator *clade_onnx_row(const clade_onnx_node *node);

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
/* What stands for an open batch in arithmetic on shapes, which is done with both: what comes out the same is a
 * constant, and what is as many times the one as the other that many times the batch. All else is refused, by the two
 * above multiples too; shapes are read by this one: each number (with the first), and the size that it is in SIZES, of
 * at most MOST. */
enum { CLADE_ONNX_BATCH = 1357001, CLADE_ONNX_LEAST_BATCH = 1 };
bool clade_onnx_sizes(clade_onnx_node *node, int index, int64_t *numbers, clade_size *sizes, int most, int *count);
/* Whether input INDEX depends on constants alone. */
bool clade_onnx_known(clade_onnx_node *node, int index);

/* ---- attributes ---- */

const Onnx__AttributeProto *clade_onnx_attribute(const clade_onnx_node *node, const char *name); /* NULL when absent */
int64_t clade_onnx_int(const clade_onnx_node *node, const char *name, int64_t otherwise);
double clade_onnx_float(const clade_onnx_node *node, const char *name, double otherwise);
/* Fewer than 64 characters; cut off beyond. */
const char *clade_onnx_text(const clade_onnx_node *node, const char *name, const char *otherwise, char text[64]);
/* Which of WORDS (ended by NULL) the attribute is; false, refusing, when it is none of them. */
bool clade_onnx_word(clade_onnx_node *node, const char *name, const char *otherwise, const char *const *words,
                     int *which);
/* The count; 0 when absent. At most MOST are taken; more are refused (-1). */
int clade_onnx_ints(clade_onnx_node *node, const char *name, int64_t *numbers, int most);
/* The axes as the file lists them: attribute `axes`, or input 1 from operator set SINCE on, where it is there. */
bool clade_onnx_list_axes(clade_onnx_node *node, int64_t since, int64_t list[CLADE_MAX_RANK], int *count);
/* Axis AXIS of RANK, counted from the end when negative; false, refusing, when there is none such. */
bool clade_onnx_axis(clade_onnx_node *node, int64_t axis, int rank, int *result);

/* ---- outputs ---- */

void clade_onnx_out(clade_onnx_node *node, int index, clade_value value, int type);
/* Output 0 is X, of input 0's type. Always true, for a translator's last line. */
bool clade_onnx_give(clade_onnx_node *node, clade_value x);
/* A constant of the import's own: COUNT elements of DIMS, in the graph. */
clade_value clade_onnx_constant(clade_onnx_node *node, int type, const clade_dims *dims, const double *numbers);
/* Output INDEX is an array of TYPE without elements, which shapes may be made of. */
bool clade_onnx_empty(clade_onnx_node *node, int index, int type, const clade_dims *dims);
/* Output INDEX is the tensor of an attribute. */
bool clade_onnx_constant_tensor(clade_onnx_node *node, int index, const Onnx__TensorProto *proto);
/* PARTS after each other along AXIS, in rounds of as many as one row takes; overwritten. */
clade_value clade_onnx_join(int axis, clade_value *parts, int64_t count);
/* Whether COUNT more nodes may be written out step by step; false, refusing, where it would be too many in all. */
bool clade_onnx_may_write_out(clade_onnx_node *node, size_t count);
/* Translates the nodes of SUBGRAPH, an attribute of NODE, whose names it may use: its inputs are ARGUMENTS, and RESULTS
 * receives its outputs, COUNT of them at most. False after a refusal or fault. */
bool clade_onnx_inline(clade_onnx_node *node, const Onnx__GraphProto *subgraph, const clade_onnx_value *arguments,
                       size_t argument_count, clade_onnx_value *results, size_t count);

/* Whether arrays of DIMS have no elements. */
bool clade_onnx_dims_empty(const clade_dims *dims);
/* Whether NODE is element by element and has an input without elements; its output is then given, without elements too
 * (formats/onnx/arithmetic.c). */
bool clade_onnx_is_nothing(clade_onnx_node *node);

/* ---- arithmetic by types (formats/onnx/arithmetic.c) ---- */

/* X, of an integer type narrower than 32 bits, wrapped round to what that holds; of another type, X itself. */
clade_value clade_onnx_wrap(clade_value x, int type);
/* X, float32, as an integer TYPE: halves to even, ends where it is beyond what TYPE holds. */
clade_value clade_onnx_saturate(clade_value x, int type);
/* NUMBER as a scalar of TYPE's storage. */
clade_value clade_onnx_scalar(clade_onnx_node *node, int type, double number);
/* X of type FROM as TO: truth values are 1 and 0, shorter floating point is rounded, integers wrap round. */
clade_value clade_onnx_cast(clade_value x, int from, int to);
/* B shaped to broadcast with A: before operator set 7 its axes were aligned at attribute `axis`, now at the right. */
clade_value clade_onnx_aligned(clade_onnx_node *node, clade_value a, clade_value b);
/* Input INDEX as float32; invalid when absent. */
clade_value clade_onnx_real(clade_onnx_node *node, int index);
/* The ends of an integer type of at most 32 bits (int32's for a longer one), and its bits. */
void clade_onnx_type_ends(int type, double *low, double *high);
/* The convolution that NODE's attributes speak of, without a bias; invalid after a refusal (formats/onnx/layers.c). */
clade_value clade_onnx_convolve(clade_onnx_node *node, clade_value x, clade_value w);
/* The places along AXIS of X, of an ONNX TYPE, in order: of the COUNT smallest, or largest, elements, of equals the first
 * first. An int32 is compared exactly. */
clade_value clade_onnx_order_of(clade_value x, int type, int32_t axis, int64_t count, bool smallest);

/* Sets the context's error, "Conv \"name\": ...", once. Always false. */
bool clade_onnx_refuse(clade_onnx_node *node, const char *format, ...) CLADE_PRINTF(2, 3);

#endif
