/* The export of networks as ONNX, seen from the rows' writers. A writer turns one node of Clade's graph into nodes of
 * ONNX's: it asks for the names of its inputs and outputs and appends. Faults are kept: a writer need not look. */
#ifndef CLADE_FORMATS_ONNX_EXPORT_H
#define CLADE_FORMATS_ONNX_EXPORT_H

#include "clade/onnx.h"
#include "onnx.pb-c.h"
#include "ops/op.h"

typedef struct clade_onnx_export clade_onnx_export;
typedef struct clade_onnx_writer clade_onnx_writer;

struct clade_onnx_writer {
    const char *row; /* "conv2d"; NULL ends a list */
    const char *op;  /* "Conv" */
    /* Appends what NODE means; NULL: OP with the node's inputs and without attributes. */
    void (*write)(clade_onnx_export *export, const clade_node *node, const clade_onnx_writer *writer);
    /* Puts the values that write() reads into LIST and returns how many; NULL: all inputs. Where a writer takes in a node
     * before its own, these are that node's inputs. */
    int (*reads)(const clade_onnx_export *export, const clade_node *node, clade_value list[CLADE_MAX_INPUTS]);
    int outputs; /* the row's first so many are given; 0: 1 */
};

/* The lists, a file each. */
extern const clade_onnx_writer clade_onnx_layer_writers[], clade_onnx_line_writers[], clade_onnx_move_writers[],
    clade_onnx_pointwise_writers[], clade_onnx_recurrent_writers[];

/* ---- the graph ---- */

/* The attribute NAME of the node, as the row's schema says where it lies. */
const void *clade_export_attribute(const clade_node *node, const char *name);
int64_t clade_export_whole(const clade_node *node, const char *name);
bool clade_export_flag(const clade_node *node, const char *name);
double clade_export_real(const clade_node *node, const char *name);
/* Whether nothing but one input of one node reads the results of NODE, and it is no output of the network. */
bool clade_export_used_once(const clade_onnx_export *export, const clade_node *node);
/* Where ADD gives a product (conv2d, matmul, ...) that nothing else reads its bias: the product and the bias, (C). */
const clade_node *clade_export_biased(const clade_onnx_export *export, const clade_node *add, clade_value *bias);
/* The product, with its bias (CLADE_NO_VALUE: none), as the value Y. */
void clade_export_product(clade_onnx_export *export, const clade_node *product, clade_value bias, clade_value y);

/* ---- names ---- */

/* Of a value, and of a new one between the nodes that stand for NODE: "conv1.gates". */
const char *clade_export_name(clade_onnx_export *export, clade_value value);
const char *clade_export_between(clade_onnx_export *export, const clade_node *node, const char *what);
/* The same as clade_export_name(), but a value without a name is called after NODE. */
const char *clade_export_name_after(clade_onnx_export *export, clade_value value, const clade_node *node);

/* ---- constants: their names ---- */

const char *clade_export_number(clade_onnx_export *export, float number);
const char *clade_export_floats(clade_onnx_export *export, const clade_dims *dims, float number); /* all alike */
/* The same under a name that there is. */
void clade_export_fill(clade_onnx_export *export, const char *name, const clade_dims *dims, float number);
const char *clade_export_wholes(clade_onnx_export *export, const int64_t *numbers, int count); /* int64, (COUNT) */
/* DIMS as what Reshape takes: a size of X that stays is 0, and one that cannot be said a -1, once. NULL, refusing NODE,
 * when that does not do. */
const char *clade_export_shape(clade_onnx_export *export, const clade_node *node, const clade_dims *x,
                               const clade_dims *dims);

/* The COUNT SIZES, of which open ones are multiples of the batch, as int64 (COUNT): computed where any is open, from an input
 * of the network. NULL, refusing NODE, when that does not do. */
const char *clade_export_open_shape(clade_onnx_export *export, const clade_node *node, const clade_size *sizes,
                                    int count);

/* ---- nodes ---- */

/* Appends OP with the inputs named in LIST (ended by NULL; "" is one left out) and the output OUT; never NULL. */
Onnx__NodeProto *clade_export_node(clade_onnx_export *export, const char *op, const char *const *list, const char *out);
/* One more output; "": left out. */
void clade_export_add_output(clade_onnx_export *export, Onnx__NodeProto *node, const char *out);
#define clade_export_call(EXPORT, OP, OUT, ...)                                                                        \
    clade_export_node(EXPORT, OP, (const char *const[]){ __VA_ARGS__, NULL }, OUT)

void clade_export_set_int(clade_onnx_export *export, Onnx__NodeProto *node, const char *name, int64_t number);
void clade_export_set_ints(clade_onnx_export *export, Onnx__NodeProto *node, const char *name, const int64_t *numbers,
                           int count);
void clade_export_set_float(clade_onnx_export *export, Onnx__NodeProto *node, const char *name, double number);
void clade_export_set_text(clade_onnx_export *export, Onnx__NodeProto *node, const char *name, const char *text);
/* COUNT times the same. */
void clade_export_set_texts(clade_onnx_export *export, Onnx__NodeProto *node, const char *name, const char *text,
                            size_t count);

/* Says that NODE cannot be exported, and why. */
void clade_export_refuse(clade_onnx_export *export, const clade_node *node, const char *format, ...) CLADE_PRINTF(3, 4);

#endif
