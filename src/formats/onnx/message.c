/* The messages of an export. */
#include "formats/onnx/message.h"

#include <stdio.h>
#include <string.h>

enum { IR_VERSION = 8, OPSET = 17 };

/* ---- memory ---- */

void *clade_export_memory(clade_onnx_export *export, size_t count, size_t size) {
    void *memory = clade_arena_allocate(&export->arena, count, size);
    if (memory == NULL && export->status == CLADE_OK)
        export->status = clade_fail_memory(export->context, count * size, "an ONNX model");
    return memory;
}

bool clade_export_append(clade_onnx_export *export, clade_export_list *list, void *item) {
    if (item == NULL) return false;
    if (list->count == list->capacity) {
        const size_t capacity = list->capacity > 0 ? 2 * list->capacity : 16;
        void **larger = clade_export_memory(export, capacity, sizeof *larger);
        if (larger == NULL) return false;
        if (list->count > 0) memcpy(larger, list->items, list->count * sizeof *larger);
        list->items = larger;
        list->capacity = capacity;
    }
    list->items[list->count++] = item;
    return true;
}

static char *keep(clade_onnx_export *export, const char *text) {
    char *kept = clade_export_memory(export, strlen(text) + 1, 1);
    return kept != NULL ? strcpy(kept, text) : NULL;
}

/* ---- names ---- */

static bool is_taken(const clade_onnx_export *export, const char *name) {
    for (size_t i = 0; i < export->names.count; i++)
        if (strcmp(export->names.items[i], name) == 0) return true;
    return false;
}

const char *clade_export_unique(clade_onnx_export *export, const char *name) {
    const size_t size = strlen(name) + 24;
    char *text = clade_export_memory(export, size, 1);
    if (text == NULL) return "";
    strcpy(text, name);
    for (int i = 1; is_taken(export, text); i++)
        snprintf(text, size, "%s_%d", name, i);
    return clade_export_append(export, &export->names, text) ? text : "";
}

/* ---- constants ---- */

void clade_export_initializer(clade_onnx_export *export, const char *name, int type, const clade_dims *dims,
                              const void *data, size_t bytes) {
    Onnx__TensorProto *tensor = clade_export_memory(export, 1, sizeof *tensor);
    int64_t *sizes = clade_export_memory(export, CLADE_MAX_RANK, sizeof *sizes);
    if (tensor == NULL || sizes == NULL) return;
    onnx__tensor_proto__init(tensor);
    memcpy(sizes, dims->size, (size_t)dims->rank * sizeof *sizes);
    tensor->name = (char *)(uintptr_t)name;
    tensor->n_dims = (size_t)dims->rank;
    tensor->dims = sizes;
    tensor->has_data_type = tensor->has_raw_data = true;
    tensor->data_type = type;
    tensor->raw_data = (ProtobufCBinaryData){ bytes, (uint8_t *)(uintptr_t)data };
    clade_export_append(export, &export->initializers, tensor);
}

void clade_export_fill(clade_onnx_export *export, const char *name, const clade_dims *dims, float number) {
    size_t count = 1;
    for (int32_t i = 0; i < dims->rank; i++)
        count *= (size_t)dims->size[i];
    float *data = clade_export_memory(export, count, sizeof *data);
    if (data == NULL) return;
    for (size_t i = 0; i < count; i++)
        data[i] = number;
    clade_export_initializer(export, name, ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, dims, data, count * sizeof *data);
}

const char *clade_export_floats(clade_onnx_export *export, const clade_dims *dims, float number) {
    const char *name = clade_export_unique(export, "number");
    clade_export_fill(export, name, dims, number);
    return name;
}

const char *clade_export_number(clade_onnx_export *export, float number) {
    return clade_export_floats(export, &CLADE_SCALAR, number);
}

const char *clade_export_wholes(clade_onnx_export *export, const int64_t *numbers, int count) {
    int64_t *data = clade_export_memory(export, (size_t)count + 1, sizeof *data);
    const char *name = clade_export_unique(export, "sizes");
    if (data == NULL) return name;
    memcpy(data, numbers, (size_t)count * sizeof *data);
    clade_export_initializer(export, name, ONNX__TENSOR_PROTO__DATA_TYPE__INT64, &clade_shape(count), data,
                             (size_t)count * sizeof *data);
    return name;
}

/* ---- nodes ---- */

static char **append_word(clade_onnx_export *export, char **words, size_t *count, const char *word) {
    char **more = clade_export_memory(export, *count + 1, sizeof *more);
    if (more == NULL) return words;
    if (*count > 0) memcpy(more, words, *count * sizeof *more);
    more[(*count)++] = (char *)(uintptr_t)word;
    return more;
}

Onnx__NodeProto *clade_export_node(clade_onnx_export *export, const char *op, const char *const *list,
                                   const char *out) {
    Onnx__NodeProto *node = clade_export_memory(export, 1, sizeof *node);
    if (node == NULL) node = &export->spare;
    onnx__node_proto__init(node);
    node->op_type = (char *)(uintptr_t)op;
    node->name = (char *)(uintptr_t)out;
    for (int i = 0; list[i] != NULL; i++)
        node->input = append_word(export, node->input, &node->n_input, list[i]);
    clade_export_add_output(export, node, out);
    if (node != &export->spare) clade_export_append(export, &export->nodes, node);
    return node;
}

void clade_export_add_output(clade_onnx_export *export, Onnx__NodeProto *node, const char *out) {
    node->output = append_word(export, node->output, &node->n_output, out);
}

/* A new attribute; NULL when memory is short. */
static Onnx__AttributeProto *attribute(clade_onnx_export *export, Onnx__NodeProto *node, const char *name,
                                       Onnx__AttributeProto__AttributeType type) {
    if (node->attribute == NULL)
        node->attribute = clade_export_memory(export, CLADE_EXPORT_ATTRIBUTES, sizeof *node->attribute);
    Onnx__AttributeProto *made = clade_export_memory(export, 1, sizeof *made);
    if (node->attribute == NULL || made == NULL || node->n_attribute == CLADE_EXPORT_ATTRIBUTES) return NULL;
    onnx__attribute_proto__init(made);
    made->name = (char *)(uintptr_t)name;
    made->has_type = true;
    made->type = type;
    node->attribute[node->n_attribute++] = made;
    return made;
}

void clade_export_set_int(clade_onnx_export *export, Onnx__NodeProto *node, const char *name, int64_t number) {
    Onnx__AttributeProto *made = attribute(export, node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT);
    if (made == NULL) return;
    made->has_i = true;
    made->i = number;
}

void clade_export_set_ints(clade_onnx_export *export, Onnx__NodeProto *node, const char *name, const int64_t *numbers,
                           int count) {
    Onnx__AttributeProto *made = attribute(export, node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS);
    int64_t *kept = clade_export_memory(export, (size_t)count, sizeof *kept);
    if (made == NULL || kept == NULL) return;
    memcpy(kept, numbers, (size_t)count * sizeof *kept);
    made->n_ints = (size_t)count;
    made->ints = kept;
}

void clade_export_set_float(clade_onnx_export *export, Onnx__NodeProto *node, const char *name, double number) {
    Onnx__AttributeProto *made = attribute(export, node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT);
    if (made == NULL) return;
    made->has_f = true;
    made->f = (float)number;
}

void clade_export_set_text(clade_onnx_export *export, Onnx__NodeProto *node, const char *name, const char *text) {
    Onnx__AttributeProto *made = attribute(export, node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING);
    if (made == NULL) return;
    made->has_s = true;
    made->s = (ProtobufCBinaryData){ strlen(text), (uint8_t *)(uintptr_t)text };
}

void clade_export_set_texts(clade_onnx_export *export, Onnx__NodeProto *node, const char *name, const char *text,
                            size_t count) {
    Onnx__AttributeProto *made = attribute(export, node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRINGS);
    ProtobufCBinaryData *kept = clade_export_memory(export, count, sizeof *kept);
    if (made == NULL || kept == NULL) return;
    for (size_t i = 0; i < count; i++)
        kept[i] = (ProtobufCBinaryData){ strlen(text), (uint8_t *)(uintptr_t)text };
    made->n_strings = count;
    made->strings = kept;
}

/* ---- the model ---- */

/* A size is a number, or a symbol's or an expression's words. */
static Onnx__TensorShapeProto__Dimension *dimension(clade_onnx_export *export, clade_size size) {
    Onnx__TensorShapeProto__Dimension *made = clade_export_memory(export, 1, sizeof *made);
    if (made == NULL) return NULL;
    onnx__tensor_shape_proto__dimension__init(made);
    if (size >= 0) {
        made->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
        made->dim_value = size;
    } else {
        made->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
        made->dim_param = keep(export, clade_size_text((clade_graph *)(uintptr_t) export->graph, size));
    }
    return made;
}

void clade_export_port(clade_onnx_export *export, clade_export_list *list, const char *name, const clade_type *type) {
    Onnx__ValueInfoProto *port = clade_export_memory(export, 1, sizeof *port);
    Onnx__TypeProto *kind = clade_export_memory(export, 1, sizeof *kind);
    Onnx__TypeProto__Tensor *tensor = clade_export_memory(export, 1, sizeof *tensor);
    Onnx__TensorShapeProto *shape = clade_export_memory(export, 1, sizeof *shape);
    clade_export_list dims = { 0 };
    for (int32_t i = 0; i < type->dims.rank; i++)
        clade_export_append(export, &dims, dimension(export, type->dims.size[i]));
    if (export->status != CLADE_OK) return;
    onnx__value_info_proto__init(port);
    onnx__type_proto__init(kind);
    onnx__type_proto__tensor__init(tensor);
    onnx__tensor_shape_proto__init(shape);
    shape->n_dim = dims.count;
    shape->dim = (Onnx__TensorShapeProto__Dimension **)dims.items;
    tensor->has_elem_type = true;
    tensor->elem_type =
        type->dtype == CLADE_F32 ? ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT : ONNX__TENSOR_PROTO__DATA_TYPE__INT32;
    tensor->shape = shape;
    kind->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    kind->tensor_type = tensor;
    port->name = (char *)(uintptr_t)name;
    port->type = kind;
    clade_export_append(export, list, port);
}

clade_status clade_export_pack(clade_onnx_export *export, uint8_t **bytes, size_t *count) {
    Onnx__OperatorSetIdProto opset = ONNX__OPERATOR_SET_ID_PROTO__INIT, *opsets[] = { &opset };
    Onnx__GraphProto graph = ONNX__GRAPH_PROTO__INIT;
    Onnx__ModelProto model = ONNX__MODEL_PROTO__INIT;
    opset.domain = "";
    opset.has_version = true;
    opset.version = OPSET;
    graph.name = (char *)(uintptr_t) export->model;
    graph.n_node = export->nodes.count;
    graph.node = (Onnx__NodeProto **)export->nodes.items;
    graph.n_initializer = export->initializers.count;
    graph.initializer = (Onnx__TensorProto **)export->initializers.items;
    graph.n_input = export->inputs.count;
    graph.input = (Onnx__ValueInfoProto **)export->inputs.items;
    graph.n_output = export->outputs.count;
    graph.output = (Onnx__ValueInfoProto **)export->outputs.items;
    model.has_ir_version = true;
    model.ir_version = IR_VERSION;
    model.producer_name = "clade";
    model.producer_version = (char *)(uintptr_t)clade_version();
    model.n_opset_import = 1;
    model.opset_import = opsets;
    model.graph = &graph;
    model.n_metadata_props = export->metadata.count;
    model.metadata_props = (Onnx__StringStringEntryProto **)export->metadata.items;
    *count = onnx__model_proto__get_packed_size(&model);
    *bytes = NULL;
    if (*count > INT32_MAX)
        return clade_fail(export->context, CLADE_ERROR_UNSUPPORTED,
                          "%zu bytes of weights: an ONNX file holds 2 GB at most", *count);
    *bytes = clade_allocate(export->context, *count, 1);
    if (*bytes == NULL) return clade_fail_memory(export->context, *count, "an ONNX model");
    onnx__model_proto__pack(&model, *bytes);
    return CLADE_OK;
}
