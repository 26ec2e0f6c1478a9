/* Shapes of an export that the batch takes part in: N is read off one of the network's inputs when it runs. */
#include "formats/onnx/message.h"

/* N as (1): of an input that has it. NULL where none has. */
static const char *batch(clade_onnx_export *export, const clade_node *node) {
    for (uint32_t i = 0; i < export->graph->node_count; i++) {
        const clade_node *input = export->graph->nodes[i];
        if (input->op != &clade_op_input || !export->wanted[export->first[i]]) continue;
        const clade_dims *dims = &input->outputs[0].dims;
        for (int32_t axis = 0; axis < dims->rank; axis++) {
            if (dims->size[axis] != CLADE_BATCH) continue;
            const char *name = clade_export_between(export, node, "batch");
            const char *x = clade_export_name(export, (clade_value){ (clade_graph *)(uintptr_t) export->graph, i, 0 });
            Onnx__NodeProto *shape = clade_export_call(export, "Shape", name, x);
            clade_export_set_int(export, shape, "start", axis);
            clade_export_set_int(export, shape, "end", axis + 1);
            return name;
        }
    }
    return NULL;
}

/* How many times the batch SIZE is; 0: no whole number of times. */
static int64_t times_of(const clade_onnx_export *export, clade_size size) {
    const int64_t one = clade_size_value(export->graph, size, (clade_binding){ .batch = 1, .time = 1 });
    const int64_t many = clade_size_value(export->graph, size, (clade_binding){ .batch = 1000003, .time = 1 });
    return one > 0 && many == 1000003 * one ? one : 0;
}

const char *clade_export_open_shape(clade_onnx_export *export, const clade_node *node, const clade_size *sizes,
                                    int count) {
    const char *list[CLADE_MAX_RANK + 1] = { NULL }, *n = NULL;
    bool open = false;
    for (int i = 0; i < count; i++)
        open = open || sizes[i] < 0;
    if (!open) return clade_export_wholes(export, sizes, count);
    n = batch(export, node);
    for (int i = 0; i < count; i++) {
        const int64_t times = sizes[i] < 0 ? times_of(export, sizes[i]) : 0;
        if (sizes[i] < 0 && (n == NULL || times == 0)) {
            clade_export_refuse(export, node, "an open size that is no multiple of the batch of an input");
            return NULL;
        }
        list[i] = sizes[i] < 0 && times == 1 ? n : clade_export_wholes(export, sizes[i] < 0 ? &times : &sizes[i], 1);
        if (times < 2) continue;
        const char *product = clade_export_between(export, node, "size");
        clade_export_call(export, "Mul", product, n, list[i]);
        list[i] = product;
    }
    const char *shape = clade_export_between(export, node, "shape");
    clade_export_set_int(export, clade_export_node(export, "Concat", list, shape), "axis", 0);
    return shape;
}
