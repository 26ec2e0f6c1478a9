/* ONNX models of one node or few, made here, written and run: everything lies in static lists, one model at a time. */
#ifndef CLADE_TESTS_FORMATS_HELPERS_ONNX_H
#define CLADE_TESTS_FORMATS_HELPERS_ONNX_H

#include "support/device.h"
#include "support/scratch.h"

#include "formats/onnx/file.h"

#define TYPE(NAME) ONNX__TENSOR_PROTO__DATA_TYPE__##NAME
enum { MOST = 16 };

/* An array; RANK 0 is one number. */
typedef struct array {
    int type, rank;
    int64_t dims[4];
    double numbers[MOST];
} array;

/* The text of a name that begins with "activation" is a list: of words, or of numbers. */
typedef struct setting {
    const char *name;
    int64_t number;
    const char *text;
    Onnx__GraphProto *graph;
} setting;

/* Lists of these, as arguments. */
#define ARRAYS(...) (const array[]){ __VA_ARGS__ }, (int)(sizeof((const array[]){ __VA_ARGS__ }) / sizeof(array))
#define SETTINGS(...)                                                                                                  \
    (const setting[]) {                                                                                                \
        __VA_ARGS__, {                                                                                                 \
            NULL, 0, NULL, NULL                                                                                        \
        }                                                                                                              \
    }

/* A node of operator OP; IN and OUT are names with blanks between, SETTINGS its attributes, ended by one without a name
 * (NULL: none). */
Onnx__NodeProto *node(const char *op, const char *in, const char *out, const setting *settings);
/* One more attribute of NODE, to be filled. */
Onnx__AttributeProto *add_attribute(Onnx__NodeProto *node, const char *name);
/* NODES, ended by NULL, with inputs IN and outputs OUT. */
Onnx__GraphProto *graph(const char *in, const char *out, Onnx__NodeProto *const *nodes);
/* A graph of one node, whose inputs are initialisers. */
Onnx__GraphProto *one(const char *op, const char *in, const char *out, const setting *settings);

/* A test's *STATE: a graph_fixture, and a folder for models. */
int open_models(void **state);
int close_models(void **state);

/* The model of MAIN_GRAPH with COUNT initialisers a, b, c, ... of ARRAYS, in a file: its path. */
const char *model_file(Onnx__GraphProto *main_graph, const array *arrays, int count);
/* The first output of that model is WANTED, on the device. Forgets the model. */
void assert_gives(void **state, Onnx__GraphProto *main_graph, const array *arrays, int count, const array *wanted);
/* Frees what the above made; nothing of it may be used any more. */
void forget_models(void);

#endif
