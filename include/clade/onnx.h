/* Networks from ONNX files (onnx.ai): a graph of Clade's operators with the file's weights. */
#ifndef CLADE_ONNX_H
#define CLADE_ONNX_H

#include "clade/device.h"
#include "clade/graph.h"
#include "clade/session.h"
#include "clade/weights.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A network that was read: a graph, its inputs and outputs, and what its states begin with. */
typedef struct clade_onnx clade_onnx;

/* An input or output. TYPE is ONNX's number of its element type (1 float32, 7 int64, 9 bool, ...): on devices floating
 * point is float32, integers and truth values are int32, and VALUE is of that dtype. */
typedef struct clade_onnx_port {
    const char *name; /* as the file says */
    int type;
    clade_value value;
    clade_dims dims; /* VALUE's; of an output without elements they have a size of 0, and VALUE is invalid */
} clade_onnx_port;

/* What an input is bound to: its dims, where the file leaves them open or others are wanted; and where its contents shape
 * the network (the axes of a reduction, the sizes of a reshape), those: the network is then good for these alone. */
typedef struct clade_onnx_binding {
    const char *name;     /* NULL: of the input with this one's place in the list */
    clade_dims dims;      /* a size of 0: an empty array, which can be given to nothing but shapes */
    int type;             /* of the contents; not read without them */
    const void *contents; /* dense elements of that ONNX type; NULL: not bound. Read before the call returns */
} clade_onnx_binding;

/* Sets the sizes that the file leaves open of INPUT, which no binding names: DIMS is as the file says, the first size, where
 * open, CLADE_BATCH, others 0; NAMES has what the file calls its open axes ("height"; NULL: nothing), one for each axis.
 * What is 0 afterwards is refused. */
typedef void clade_onnx_settle(void *user, const char *input, const char *const *names, clade_dims *dims);

typedef struct clade_onnx_options {
    size_t size; /* sizeof(clade_onnx_options) */
    const clade_onnx_binding
        *bindings; /* an open first size is N by default; any other must be given here, or settled */
    size_t binding_count;
    bool frozen;     /* the file's weights are not to be trained */
    bool open_batch; /* a first size of 1 is the batch too, in inputs that are not bound and in reshapes that name it */
    clade_onnx_settle *settle; /* called for each input that is not bound, before the next; NULL: none */
    void *user;
} clade_onnx_options;

/* Reads PATH; OPTIONS may be NULL. CLADE_ERROR_INPUT for a damaged file, CLADE_ERROR_UNSUPPORTED, with the operator and
 * its node, for what Clade does not do. Free with clade_onnx_free(), after sessions of its graph. */
CLADE_API clade_status clade_onnx_read(clade_context *context, const char *path, const clade_onnx_options *options,
                                       clade_onnx **network);
/* The same from memory; NAME is for error texts. There are no external data then. */
CLADE_API clade_status clade_onnx_decode(clade_context *context, const char *name, const void *bytes, size_t count,
                                         const clade_onnx_options *options, clade_onnx **network);
CLADE_API void clade_onnx_free(clade_onnx *network);

/* Borrowed from NETWORK. */
CLADE_API clade_graph *clade_onnx_graph(const clade_onnx *network);
CLADE_API size_t clade_onnx_inputs(const clade_onnx *network, const clade_onnx_port **ports);
CLADE_API size_t clade_onnx_outputs(const clade_onnx *network, const clade_onnx_port **ports);

/* Writes the file's weights and constants to a new session of the graph. */
CLADE_API clade_status clade_onnx_fill_session(const clade_onnx *network, clade_session *session);

/* The file's weights and constants, as far as the graph has them. Free with clade_weights_free(). */
CLADE_API clade_status clade_onnx_weights(const clade_onnx *network, clade_weights **weights);

/* The name of a class, where the file has them (clade_onnx_write_with_classes()); else NULL. Owned by NETWORK. */
CLADE_API const char *clade_onnx_class(const clade_onnx *network, int64_t class_number);

/* ---- writing ---- */

typedef struct clade_onnx_result {
    const char *name;
    clade_value value;
} clade_onnx_result;

/* Writes to PATH, whole or not at all, the network that gives OUTPUTS (of one graph): operator set 17, what it means at
 * inference, the batch open ("N"). Its inputs are the graph's that the outputs need; states become initialisers with
 * their names and the contents that WEIGHTS has (clade/weights.h: all that the outputs need must be there), bit by bit.
 * MODEL names the network; NULL: "clade". CLADE_ERROR_UNSUPPORTED names the first node that ONNX is not known to have. */
CLADE_API clade_status clade_onnx_write(const clade_onnx_result *outputs, size_t count, const clade_weights *weights,
                                        const char *model, const char *path);

/* The same with the names of the CLASS_COUNT classes that the first output's scores are of, which become the file's metadata
 * "classes", a name a line. */
CLADE_API clade_status clade_onnx_write_with_classes(const clade_onnx_result *outputs, size_t count,
                                                     const clade_weights *weights, const char *model,
                                                     const char *const *classes, size_t class_count, const char *path);

/* ---- running a file once, on arrays in NPY files ---- */

/* An array's name and its file. */
typedef struct clade_onnx_file_array {
    const char *name, *path;
} clade_onnx_file_array;

typedef struct clade_onnx_run_options {
    size_t size;                         /* sizeof(clade_onnx_run_options) */
    const clade_onnx_file_array *inputs; /* every input; their dims bind the model's */
    size_t input_count;
    const clade_onnx_file_array *gradients; /* what flows back to outputs, of their dims; none: no gradients */
    size_t gradient_count;
    const char *folder; /* made if absent */
} clade_onnx_run_options;

/* Runs the model in PATH at inference on DEVICE and writes FOLDER/NAME.npy for each output, of its ONNX type; with
 * gradients also FOLDER/NAME.grad.npy, the vector-Jacobian product, for each floating-point input and weight. */
CLADE_API clade_status clade_onnx_run(clade_device *device, const char *path, const clade_onnx_run_options *options);

/* ---- ONNX's backend tests: a folder with model.onnx and test_data_set_N/input_K.pb, output_K.pb ---- */

typedef enum clade_onnx_verdict {
    CLADE_ONNX_PASSED = 1,
    CLADE_ONNX_FAILED,      /* an output differs, or the model could not be run */
    CLADE_ONNX_UNSUPPORTED, /* refused with a reason; nothing was run */
} clade_onnx_verdict;

typedef struct clade_onnx_test_result {
    const char *folder;
    clade_onnx_verdict verdict;
    double worst;     /* the largest error among all outputs, as a share of what is allowed */
    char detail[512]; /* why it did not pass */
} clade_onnx_test_result;

/* Runs every test in FOLDER (a test itself, or with tests in folders below it) on DEVICE, in the order of their names, and
 * reports each. An output passes when its type and dims are the same, integers equal, and
 * |got - wanted| <= absolute + relative * |wanted| for floating point, with relative 1e-3 and absolute 1e-7.
 * CLADE_ERROR_INPUT when there is no test; else a fault only when memory is short or the device fails. */
CLADE_API clade_status clade_onnx_test(clade_device *device, const char *folder,
                                       void (*report)(void *user, const clade_onnx_test_result *result), void *user);

#ifdef __cplusplus
}
#endif
#endif
