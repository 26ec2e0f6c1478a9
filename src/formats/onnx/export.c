/* The export's frame. From the outputs back it is found which nodes are needed, each row's writer saying what it reads
 * (so that a product and its bias become one node, and dropout's draws none); forward then, in the graph's order, each
 * writer appends its nodes. States become initialisers of their names. */
#include "formats/onnx/message.h"
#include "formats/weights.h"

#include "base/file.h"
#include "ops/convolution/convolution.h"
#include "ops/matmul/matmul.h"

#include <stdio.h>
#include <string.h>

extern const clade_op clade_op_add, clade_op_reshape;

/* ---- the graph ---- */

const void *clade_export_attribute(const clade_node *node, const char *name) {
    for (const clade_attribute *row = node->op->attributes; row != NULL && row->name != NULL; row++)
        if (strcmp(row->name, name) == 0) return (const char *)node->attributes + row->offset;
    return NULL;
}

int64_t clade_export_whole(const clade_node *node, const char *name) {
    const int64_t *at = clade_export_attribute(node, name);
    return at != NULL ? *at : 0;
}

bool clade_export_flag(const clade_node *node, const char *name) {
    const bool *at = clade_export_attribute(node, name);
    return at != NULL && *at;
}

double clade_export_real(const clade_node *node, const char *name) {
    const double *at = clade_export_attribute(node, name);
    return at != NULL ? *at : 0;
}

bool clade_export_used_once(const clade_onnx_export *export, const clade_node *node) {
    return export->uses[node->index] == 1;
}

/* Whether OTHER is a bias for each channel of the product Y: (C) reshaped to (C, 1, 1), or (C) beside (N, C). */
static bool is_bias(clade_value y, clade_value other, clade_value *bias) {
    const clade_dims dims = clade_value_dims(y), shape = clade_value_dims(other);
    const clade_node *node = clade_value_node(other);
    *bias = other;
    if (dims.rank == 2) return shape.rank == 1 && shape.size[0] == dims.size[1] && shape.size[0] > 0;
    if (shape.rank != 3 || shape.size[0] != dims.size[1] || shape.size[1] != 1 || shape.size[2] != 1) return false;
    if (node->op != &clade_op_reshape || clade_value_dims(node->inputs[0]).rank != 1) return false;
    *bias = node->inputs[0];
    return true;
}

const clade_node *clade_export_biased(const clade_onnx_export *export, const clade_node *add, clade_value *bias) {
    for (int i = 0; i < 2; i++) {
        const clade_node *product = clade_value_node(add->inputs[i]);
        if (product->op != &clade_op_conv2d && product->op != &clade_op_conv2d_data_gradient &&
            product->op != &clade_op_matmul)
            continue;
        if (clade_export_used_once(export, product) && is_bias(add->inputs[i], add->inputs[1 - i], bias))
            return product;
    }
    return NULL;
}

/* ---- faults and names ---- */

void clade_export_refuse(clade_onnx_export *export, const clade_node *node, const char *format, ...) {
    char words[256];
    va_list list;
    va_start(list, format);
    vsnprintf(words, sizeof words, format, list);
    va_end(list);
    if (export->status == CLADE_OK)
        export->status = clade_fail(export->context, CLADE_ERROR_UNSUPPORTED, "%s \"%s\" cannot be exported: %s",
                                    node->op->name, node->name, words);
}

const char *clade_export_name_after(clade_onnx_export *export, clade_value value, const clade_node *node) {
    const char **name = &export->value_names[export->first[value.node] + value.output];
    if (*name == NULL) *name = clade_export_between(export, node, "");
    return *name;
}

const char *clade_export_name(clade_onnx_export *export, clade_value value) {
    return clade_export_name_after(export, value, clade_value_node(value));
}

const char *clade_export_between(clade_onnx_export *export, const clade_node *node, const char *what) {
    char text[256];
    const char *dot = what[0] != '\0' ? "." : "";
    if (node->name[0] != '\0')
        snprintf(text, sizeof text, "%s%s%s", node->name, dot, what);
    else
        snprintf(text, sizeof text, "%s_%u%s%s", node->op->name, (unsigned)node->index, dot, what);
    return clade_export_unique(export, text);
}

const char *clade_export_shape(clade_onnx_export *export, const clade_node *node, const clade_dims *x,
                               const clade_dims *dims) {
    int64_t sizes[CLADE_MAX_RANK];
    int left = 0;
    for (int32_t i = 0; i < dims->rank; i++) {
        const bool stays = i < x->rank && x->size[i] == dims->size[i];
        sizes[i] = dims->size[i] >= 0 ? dims->size[i] : stays ? 0 : -1;
        left += sizes[i] == -1;
    }
    if (left <= 1) return clade_export_wholes(export, sizes, dims->rank);
    clade_export_refuse(export, node, "more than one of its sizes is computed");
    return "";
}

/* ---- which nodes ---- */

static bool is_leaf(const clade_node *node) {
    return node->op == &clade_op_input || node->op == &clade_op_state || node->op == &clade_op_scalar;
}

static const clade_onnx_writer *find_writer(const clade_op *op) {
    static const clade_onnx_writer *const lists[] = { clade_onnx_layer_writers, clade_onnx_line_writers,
                                                      clade_onnx_move_writers, clade_onnx_pointwise_writers,
                                                      clade_onnx_recurrent_writers };
    for (size_t l = 0; l < sizeof lists / sizeof lists[0]; l++)
        for (const clade_onnx_writer *row = lists[l]; row->row != NULL; row++)
            if (strcmp(row->row, op->name) == 0) return row;
    return NULL;
}

static bool is_wanted(const clade_onnx_export *export, const clade_node *node) {
    for (uint32_t i = 0; i < node->output_count; i++)
        if (export->wanted[export->first[node->index] + i]) return true;
    return false;
}

static void want(clade_onnx_export *export, clade_value value) {
    export->wanted[export->first[value.node] + value.output] = true;
}

static clade_status prepare(clade_onnx_export *export) {
    const uint32_t nodes = export->graph->node_count;
    uint32_t places = 0;
    export->first = clade_export_memory(export, nodes + 1, sizeof *export->first);
    export->uses = clade_export_memory(export, nodes + 1, sizeof *export->uses);
    for (uint32_t i = 0; i < nodes && export->status == CLADE_OK; i++) {
        export->first[i] = places;
        places += export->graph->nodes[i]->output_count;
    }
    export->wanted = clade_export_memory(export, places + 1, sizeof *export->wanted);
    export->value_names = clade_export_memory(export, places + 1, sizeof *export->value_names);
    return export->status;
}

static clade_status count_uses(clade_onnx_export *export, const clade_value *outputs, size_t count) {
    bool *needed = clade_export_memory(export, export->graph->node_count, sizeof *needed);
    if (needed == NULL) return export->status;
    clade_graph_mark_needed(export->graph, outputs, count, false, needed);
    for (uint32_t i = 0; i < export->graph->node_count; i++) {
        const clade_node *node = export->graph->nodes[i];
        for (uint32_t k = 0; needed[i] && k < node->input_count; k++)
            export->uses[node->inputs[k].node]++;
    }
    for (size_t i = 0; i < count; i++)
        export->uses[outputs[i].node] += 2;
    return CLADE_OK;
}

/* Marks what is read, from the outputs back. */
static clade_status find_wanted(clade_onnx_export *export, const clade_value *outputs, size_t count) {
    const clade_node *unknown = NULL;
    for (size_t i = 0; i < count; i++)
        want(export, outputs[i]);
    for (uint32_t i = export->graph->node_count; i-- > 0;) {
        const clade_node *node = export->graph->nodes[i];
        if (!is_wanted(export, node) || is_leaf(node)) continue;
        const clade_onnx_writer *writer = find_writer(node->op);
        if (writer == NULL) {
            unknown = node;
            continue;
        }
        clade_value list[CLADE_MAX_INPUTS];
        const clade_value *reads = writer->reads != NULL ? list : node->inputs;
        const int reading = writer->reads != NULL ? writer->reads(export, node, list) : (int)node->input_count;
        for (int k = 0; k < reading; k++)
            want(export, reads[k]);
    }
    if (unknown == NULL) return CLADE_OK;
    return clade_fail(export->context, CLADE_ERROR_UNSUPPORTED,
                      "%s \"%s\" cannot be exported: ONNX's operators for it are not known to Clade", unknown->op->name,
                      unknown->name);
}

/* ---- writing ---- */

static void write_leaf(clade_onnx_export *export, const clade_node *node) {
    const clade_value value = { (clade_graph *)(uintptr_t) export->graph, node->index, 0 };
    const char *name = clade_export_name(export, value);
    if (node->op == &clade_op_input) {
        clade_export_port(export, &export->inputs, name, &node->outputs[0]);
    } else if (node->op == &clade_op_state) {
        const clade_weight *weight = clade_weights_find(export->weights, node->name);
        if (weight == NULL || !clade_dims_equal(&weight->dims, &node->outputs[0].dims)) {
            clade_export_refuse(export, node, "its contents are not among the weights");
            return;
        }
        const int type =
            weight->dtype == CLADE_F32 ? ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT : ONNX__TENSOR_PROTO__DATA_TYPE__INT32;
        clade_export_initializer(export, name, type, &weight->dims, weight->data, (size_t)weight->count * 4);
    } else {
        float *number = clade_export_memory(export, 1, sizeof *number);
        if (number == NULL) return;
        *number = (float)((const clade_constant_attributes *)node->attributes)->number;
        clade_export_initializer(export, name, ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, &CLADE_SCALAR, number, 4);
    }
}

static void write_node(clade_onnx_export *export, const clade_node *node) {
    const clade_onnx_writer *writer = find_writer(node->op);
    const uint32_t given = writer->outputs > 0 ? (uint32_t)writer->outputs : 1;
    for (uint32_t i = given; i < node->output_count; i++)
        if (export->wanted[export->first[node->index] + i])
            clade_export_refuse(export, node, "its output %u is used", (unsigned)i);
    if (writer->write != NULL) {
        writer->write(export, node, writer);
        return;
    }
    const char *list[CLADE_MAX_INPUTS + 1] = { NULL };
    for (uint32_t i = 0; i < node->input_count; i++)
        list[i] = clade_export_name(export, node->inputs[i]);
    const clade_value y = { (clade_graph *)(uintptr_t) export->graph, node->index, 0 };
    clade_export_node(export, writer->op, list, clade_export_name(export, y));
}

/* Leaves keep their names; an output that has none of its own gets the one that it is known by. */
static void name_ports(clade_onnx_export *export, const clade_onnx_result *outputs, size_t count) {
    for (uint32_t i = 0; i < export->graph->node_count; i++) {
        const clade_node *node = export->graph->nodes[i];
        const clade_value value = { (clade_graph *)(uintptr_t) export->graph, i, 0 };
        if (is_leaf(node) && is_wanted(export, node)) clade_export_name(export, value);
    }
    for (size_t i = 0; i < count; i++) {
        const clade_value value = outputs[i].value;
        const char **name = &export->value_names[export->first[value.node] + value.output];
        if (*name == NULL) *name = clade_export_unique(export, outputs[i].name);
    }
}

static void write_outputs(clade_onnx_export *export, const clade_onnx_result *outputs, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const clade_value value = outputs[i].value;
        const char *name = clade_export_name(export, value);
        bool taken = is_leaf(clade_value_node(value));
        for (size_t k = 0; k < i; k++)
            taken = taken || clade_value_equal(outputs[k].value, value);
        if (taken) { /* an input, a state, or an output for the second time */
            const char *copy = clade_export_unique(export, outputs[i].name);
            clade_export_call(export, "Identity", copy, name);
            name = copy;
        }
        clade_export_port(export, &export->outputs, name, clade_value_type(value));
    }
}

static clade_status build(clade_onnx_export *export, const clade_onnx_result *outputs, size_t count) {
    clade_value *values = clade_export_memory(export, count, sizeof *values);
    if (values == NULL) return export->status;
    for (size_t i = 0; i < count; i++)
        values[i] = outputs[i].value;
    clade_status status = prepare(export);
    if (status == CLADE_OK) status = count_uses(export, values, count);
    if (status == CLADE_OK) status = find_wanted(export, values, count);
    if (status != CLADE_OK) return status;
    name_ports(export, outputs, count);
    for (uint32_t i = 0; i < export->graph->node_count && export->status == CLADE_OK; i++) {
        const clade_node *node = export->graph->nodes[i];
        if (!is_wanted(export, node)) continue;
        if (is_leaf(node))
            write_leaf(export, node);
        else
            write_node(export, node);
    }
    write_outputs(export, outputs, count);
    return export->status;
}

clade_status clade_onnx_write(const clade_onnx_result *outputs, size_t count, const clade_weights *weights,
                              const char *model, const char *path) {
    return clade_onnx_write_with_classes(outputs, count, weights, model, NULL, 0, path);
}

clade_status clade_onnx_write_with_classes(const clade_onnx_result *outputs, size_t count, const clade_weights *weights,
                                           const char *model, const char *const *classes, size_t class_count,
                                           const char *path) {
    const clade_graph *graph = count > 0 && clade_value_valid(outputs[0].value) ? outputs[0].value.graph : NULL;
    if (graph == NULL) return CLADE_ERROR_ARGUMENT;
    clade_onnx_export export = {
        .context = graph->context,
        .arena = { .context = graph->context },
        .graph = graph,
        .weights = weights,
        .model = model != NULL ? model : "clade",
    };
    uint8_t *bytes = NULL;
    size_t size = 0;
    clade_status status = clade_graph_status(graph);
    for (size_t i = 0; i < count && status == CLADE_OK; i++)
        if (!clade_value_valid(outputs[i].value) || outputs[i].value.graph != graph || outputs[i].name == NULL)
            status = clade_fail(graph->context, CLADE_ERROR_ARGUMENT, "%s: outputs of one graph with names are wanted",
                                path);
    clade_export_classes(&export, classes, class_count);
    if (status == CLADE_OK) status = build(&export, outputs, count);
    if (status == CLADE_OK) status = clade_export_pack(&export, &bytes, &size);
    if (status == CLADE_OK) status = clade_file_write(graph->context, path, bytes, size);
    clade_free(graph->context, bytes);
    clade_arena_clear(&export.arena);
    return status;
}
