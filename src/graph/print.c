/* A graph as text, a line a node. */
#include "graph/graph.h"

#include "graph/operator.h"

#include <inttypes.h>

static void print_value(clade_value value, clade_text *out) {
    clade_text_add(out, "%%%u", value.node);
    if (clade_value_node(value)->output_count > 1) clade_text_add(out, ".%u", value.output);
}

static void print_dims(clade_graph *graph, const clade_dims *dims, clade_text *out) {
    clade_text_add(out, "(");
    for (int32_t i = 0; i < dims->rank; i++)
        clade_text_add(out, "%s%s", i ? ", " : "", clade_size_text(graph, dims->size[i]));
    clade_text_add(out, ")");
}

static void print_element(clade_graph *graph, const clade_attribute *schema, const char *place, int i,
                          clade_text *out) {
    switch (schema->kind) {
    case CLADE_ATTRIBUTE_INT:
        clade_text_add(out, "%" PRId64, ((const int64_t *)(const void *)place)[i]);
        break;
    case CLADE_ATTRIBUTE_SIZE:
        clade_text_add(out, "%s", clade_size_text(graph, ((const clade_size *)(const void *)place)[i]));
        break;
    case CLADE_ATTRIBUTE_DOUBLE:
        clade_text_add(out, "%g", ((const double *)(const void *)place)[i]);
        break;
    case CLADE_ATTRIBUTE_BOOL:
        clade_text_add(out, "%s", ((const bool *)(const void *)place)[i] ? "true" : "false");
        break;
    case CLADE_ATTRIBUTE_TEXT: {
        const char *text = *(const char *const *)(const void *)place;
        clade_text_add(out, "\"%s\"", text ? text : "");
        break;
    }
    case CLADE_ATTRIBUTE_DIMS:
        print_dims(graph, (const clade_dims *)(const void *)place, out);
        break;
    }
}

static void print_attributes(const clade_node *node, clade_text *out) {
    const clade_attribute *schema = node->op->attributes;
    if (!schema || !schema->name) return;
    clade_text_add(out, " {");
    for (const clade_attribute *a = schema; a->name; a++) {
        int count = a->count ? a->count : 1;
        clade_text_add(out, "%s%s = %s", a == schema ? "" : ", ", a->name, count > 1 ? "[" : "");
        for (int i = 0; i < count; i++) {
            if (i) clade_text_add(out, ", ");
            print_element(node->graph, a, (const char *)node->attributes + a->offset, i, out);
        }
        if (count > 1) clade_text_add(out, "]");
    }
    clade_text_add(out, "}");
}

static void print_node(const clade_node *node, clade_text *out) {
    clade_text_add(out, "%%%u = %s(", node->index, node->op->name);
    for (uint32_t i = 0; i < node->input_count; i++) {
        if (i) clade_text_add(out, ", ");
        print_value(node->inputs[i], out);
    }
    clade_text_add(out, ")");
    print_attributes(node, out);
    for (uint32_t i = 0; i < node->output_count; i++)
        clade_text_add(out, "%s%s", i ? ", " : " : ", clade_type_text(node->graph, &node->outputs[i]));
    if (node->name[0]) clade_text_add(out, "  # %s", node->name);
    clade_text_add(out, "\n");
}

static void print_update(const clade_update_entry *update, clade_text *out) {
    clade_text_add(out, "update ");
    print_value(update->state, out);
    clade_text_add(out, " = ");
    print_value(update->value, out);
    if (update->program) clade_text_add(out, " in program %u", update->program);
    clade_text_add(out, "  # %s\n", clade_value_node(update->state)->name);
}

void clade_graph_print(const clade_graph *graph, clade_text *out) {
    for (uint32_t i = 0; i < graph->node_count; i++)
        print_node(graph->nodes[i], out);
    for (uint32_t i = 0; i < graph->update_count; i++)
        print_update(&graph->updates[i], out);
    for (uint32_t i = 0; i < graph->program_count; i++)
        print_update(&graph->programs[i], out);
}
