/* ONNX's messages in the making: what export.c fills and message.c makes, all in one arena. */
#ifndef CLADE_FORMATS_ONNX_MESSAGE_H
#define CLADE_FORMATS_ONNX_MESSAGE_H

#include "formats/onnx/export.h"

enum { CLADE_EXPORT_ATTRIBUTES = 8 };

/* A list of pointers that grows in the arena. */
typedef struct clade_export_list {
    void **items;
    size_t count, capacity;
} clade_export_list;

struct clade_onnx_export {
    clade_context *context;
    clade_arena arena;
    const clade_graph *graph;
    const clade_weights *weights;
    clade_export_list nodes, initializers, inputs, outputs, metadata; /* of the messages */
    clade_export_list names;                                          /* that are taken */
    const char **value_names;                                         /* by first[node] + output; NULL: not named yet */
    uint32_t *first;                                                  /* of each node: its outputs' first place */
    uint32_t *uses; /* of each node: how many inputs read it; outputs of the network count for two */
    bool *wanted;   /* by first[node] + output */
    const char *model;
    Onnx__NodeProto spare; /* stands in for what memory is short for */
    clade_status status;   /* the first fault */
};

/* Zeroed memory that lives as long as the export; NULL after noting that memory is short. */
void *clade_export_memory(clade_onnx_export *export, size_t count, size_t size);
bool clade_export_append(clade_onnx_export *export, clade_export_list *list, void *item);
/* NAME, or NAME with a number, so that no other value has it. */
const char *clade_export_unique(clade_onnx_export *export, const char *name);

/* An initialiser NAME over DATA, which must outlive the export. */
void clade_export_initializer(clade_onnx_export *export, const char *name, int type, const clade_dims *dims,
                              const void *data, size_t bytes);
/* An input's or output's name, type and dims. */
void clade_export_port(clade_onnx_export *export, clade_export_list *list, const char *name, const clade_type *type);
/* Names of classes among the metadata (formats/onnx/classes.c). */
void clade_export_classes(clade_onnx_export *export, const char *const *names, size_t count);
/* The whole as a file's bytes, which the caller frees with clade_free(). */
clade_status clade_export_pack(clade_onnx_export *export, uint8_t **bytes, size_t *count);

#endif
