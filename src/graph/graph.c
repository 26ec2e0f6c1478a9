/* Building a graph: nodes appended one after another, their types inferred at once, the first fault kept. */
#include "graph/graph.h"

#include "base/hash.h"
#include "graph/operator.h"

#include <stdio.h>
#include <string.h>

struct clade_name_counter {
    const char *prefix;
    uint32_t last;
    struct clade_name_counter *next;
};

size_t clade_dtype_size(clade_dtype dtype) {
    return dtype == CLADE_F32 || dtype == CLADE_I32 ? 4 : 0;
}

const char *clade_dtype_name(clade_dtype dtype) {
    return dtype == CLADE_F32 ? "float32" : dtype == CLADE_I32 ? "int32" : "no type";
}

clade_graph *clade_graph_new(clade_context *context) {
    clade_graph *graph = context ? clade_allocate(context, 1, sizeof *graph) : NULL;
    if (!graph) return NULL;
    graph->context = context;
    graph->arena.context = context;
    graph->sizes = clade_allocate(context, 16, sizeof *graph->sizes);
    if (!graph->sizes) {
        clade_free(context, graph);
        return NULL;
    }
    graph->size_capacity = 16;
    graph->size_count = 2;
    graph->sizes[0] = (clade_size_expression){ CLADE_SIZE_SYMBOL, 0, 0, 1 };
    graph->sizes[1] = (clade_size_expression){ CLADE_SIZE_SYMBOL, 1, 0, 1 };
    return graph;
}

void clade_graph_free(clade_graph *graph) {
    if (!graph) return;
    clade_context *context = graph->context;
    clade_free(context, graph->nodes);
    clade_free(context, graph->sizes);
    clade_free(context, graph->updates);
    clade_free(context, graph->programs);
    clade_arena_clear(&graph->arena);
    clade_free(context, graph);
}

clade_status clade_graph_status(const clade_graph *graph) {
    if (graph->status != CLADE_OK) clade_fail(graph->context, graph->status, "%s", graph->fault);
    return graph->status;
}

bool clade_value_valid(clade_value value) {
    return value.graph && value.node < value.graph->node_count &&
           value.output < value.graph->nodes[value.node]->output_count;
}

const clade_node *clade_value_node(clade_value value) {
    return value.graph->nodes[value.node];
}

const clade_type *clade_value_type(clade_value value) {
    return &value.graph->nodes[value.node]->outputs[value.output];
}

clade_dtype clade_value_dtype(clade_value value) {
    return clade_value_valid(value) ? clade_value_type(value)->dtype : (clade_dtype)0;
}

clade_dims clade_value_dims(clade_value value) {
    return clade_value_valid(value) ? clade_value_type(value)->dims : CLADE_SCALAR;
}

bool clade_value_equal(clade_value a, clade_value b) {
    return a.graph == b.graph && a.node == b.node && a.output == b.output;
}

clade_value clade_output(clade_value value, uint32_t output) {
    value.output = output;
    return value;
}

clade_graph *clade_graph_of(const clade_value *values, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (values[i].graph) return values[i].graph;
    return NULL;
}

clade_value clade_invalid(clade_graph *graph, clade_status status, const char *format, ...) {
    if (graph && graph->status == CLADE_OK) {
        char words[1024];
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(words, sizeof words, format, arguments);
        va_end(arguments);
        const char *kept = clade_arena_string(&graph->arena, words);
        graph->status = status;
        graph->fault = kept ? kept : "out of memory";
        clade_fail(graph->context, status, "%s", graph->fault);
    }
    return (clade_value){ graph, UINT32_MAX, 0 };
}

/* ---- text ---- */

const char *clade_type_text(clade_graph *graph, const clade_type *type) {
    clade_text text = { .context = graph->context };
    clade_text_add(&text, "%s (", clade_dtype_name(type->dtype));
    for (int32_t i = 0; i < type->dims.rank; i++)
        clade_text_add(&text, "%s%s", i ? ", " : "", clade_size_text(graph, type->dims.size[i]));
    clade_text_add(&text, ")");
    const char *copy = clade_arena_string(&graph->arena, clade_text_get(&text));
    clade_text_free(&text);
    return copy ? copy : "?";
}

/* Says what is wrong with NODE: "conv2d conv1 of float32 (N, 1, 28, 28) and float32 (16, 3, 3, 3): WHY". */
static clade_value refuse(clade_graph *graph, const clade_node *node, const char *why) {
    clade_text text = { .context = graph->context };
    clade_text_add(&text, "%s%s%s", node->op->name, node->name[0] ? " " : "", node->name);
    for (uint32_t i = 0; i < node->input_count; i++)
        clade_text_add(&text, "%s%s",
                       i == 0                       ? " of "
                       : i + 1 == node->input_count ? " and "
                                                    : ", ",
                       clade_type_text(graph, clade_value_type(node->inputs[i])));
    clade_value invalid = clade_invalid(graph, CLADE_ERROR_ARGUMENT, "%s: %s", clade_text_get(&text), why);
    clade_text_free(&text);
    return invalid;
}

const char *clade_graph_unique_name(clade_graph *graph, const char *name, const char *prefix) {
    if (name && name[0]) return name;
    struct clade_name_counter *counter = graph->counters;
    while (counter && strcmp(counter->prefix, prefix) != 0)
        counter = counter->next;
    if (!counter) {
        counter = clade_arena_allocate(&graph->arena, 1, sizeof *counter);
        char *kept = counter ? clade_arena_string(&graph->arena, prefix) : NULL;
        if (!kept) {
            clade_invalid(graph, CLADE_ERROR_MEMORY, "out of memory for the name of a %s", prefix);
            return prefix;
        }
        *counter = (struct clade_name_counter){ kept, 0, graph->counters };
        graph->counters = counter;
    }
    const char *numbered = clade_arena_format(&graph->arena, "%s_%u", prefix, ++counter->last);
    return numbered ? numbered : prefix;
}

/* Which list of leaves NAME is in. */
static uint32_t leaf_list(const char *name) {
    return (uint32_t)(clade_hash_text(name) % CLADE_LEAF_LISTS);
}

clade_value clade_graph_find(const clade_graph *graph, const char *op_name, const char *name) {
    clade_value found = CLADE_NO_VALUE;
    for (uint32_t i = graph->leaves[leaf_list(name)]; i > 0; i = graph->nodes[i - 1]->next_leaf) {
        const clade_node *node = graph->nodes[i - 1]; /* later ones come first */
        if (strcmp(node->name, name) == 0 && strcmp(node->op->name, op_name) == 0)
            found = (clade_value){ node->graph, i - 1, 0 };
    }
    return found;
}

/* ---- appending ---- */

static const void *copy_attributes(clade_graph *graph, const clade_op *op, const void *attributes) {
    if (op->attributes_size == 0) return "";
    void *copy = attributes ? clade_arena_copy(&graph->arena, attributes, op->attributes_size)
                            : clade_arena_allocate(&graph->arena, 1, op->attributes_size);
    for (const clade_attribute *a = op->attributes; copy && a && a->name; a++) {
        if (a->kind != CLADE_ATTRIBUTE_TEXT) continue;
        const char **text = (const char **)(void *)((char *)copy + a->offset);
        if (*text) *text = clade_arena_string(&graph->arena, *text);
    }
    return copy;
}

static bool room_for_node(clade_graph *graph) {
    if (graph->node_count < graph->node_capacity) return true;
    uint32_t capacity = graph->node_capacity ? 2 * graph->node_capacity : 64;
    clade_node **grown = clade_reallocate(graph->context, graph->nodes, capacity, sizeof(clade_node *));
    if (!grown) return false;
    graph->nodes = grown;
    graph->node_capacity = capacity;
    return true;
}

/* The node with its inputs and attributes, not yet in the graph; NULL when memory is short. */
static clade_node *make_node(clade_graph *graph, const clade_op *op, const char *name, const void *attributes,
                             const clade_value *inputs, uint32_t input_count, clade_type **outputs) {
    clade_node *node = clade_arena_allocate(&graph->arena, 1, sizeof *node);
    *outputs =
        clade_arena_allocate(&graph->arena, (size_t)(op->outputs ? op->outputs : CLADE_MAX_OUTPUTS), sizeof **outputs);
    if (!node || !*outputs || !room_for_node(graph)) return NULL;
    node->graph = graph;
    node->index = graph->node_count;
    node->op = op;
    node->name = name && name[0] ? clade_arena_string(&graph->arena, name) : "";
    node->attributes = copy_attributes(graph, op, attributes);
    node->inputs = input_count ? clade_arena_copy(&graph->arena, inputs, input_count * sizeof *inputs) : NULL;
    node->input_count = input_count;
    node->outputs = *outputs;
    if (!node->name || !node->attributes || (!node->inputs && input_count)) return NULL;
    node->output_count = op->outputs ? (uint32_t)op->outputs : (uint32_t) * (const int32_t *)node->attributes;
    return node;
}

clade_value clade_append(clade_graph *graph, const clade_op *op, const char *name, const void *attributes,
                         const clade_value *inputs, uint32_t input_count) {
    if (!graph) return CLADE_NO_VALUE;
    for (uint32_t i = 0; i < input_count; i++) {
        if (!clade_value_valid(inputs[i]))
            return clade_invalid(graph, CLADE_ERROR_ARGUMENT, "%s %s: input %u is not a value", op->name,
                                 name ? name : "", i);
        if (inputs[i].graph != graph)
            return clade_invalid(graph, CLADE_ERROR_ARGUMENT, "%s %s: input %u belongs to another graph", op->name,
                                 name ? name : "", i);
    }
    clade_type *outputs;
    clade_node *node = make_node(graph, op, name, attributes, inputs, input_count, &outputs);
    if (!node) return clade_invalid(graph, CLADE_ERROR_MEMORY, "out of memory for a node of %s", op->name);
    clade_text why = { .context = graph->context };
    bool good = (int)input_count >= op->input_minimum && (int)input_count <= op->input_maximum;
    if (!good)
        clade_text_add(&why, "expected %d to %d inputs, got %u", op->input_minimum, op->input_maximum, input_count);
    else
        good = op->infer(node, outputs, &why);
    if (!good || graph->status != CLADE_OK) {
        clade_value invalid = refuse(graph, node, clade_text_get(&why));
        clade_text_free(&why);
        return invalid;
    }
    clade_text_free(&why);
    graph->nodes[graph->node_count++] = node;
    if (input_count == 0) {
        uint32_t *latest = &graph->leaves[leaf_list(node->name)];
        node->next_leaf = *latest;
        *latest = graph->node_count;
    }
    return (clade_value){ graph, node->index, 0 };
}

void clade_graph_name_nodes(clade_graph *graph, uint32_t first, const char *name) {
    const char *kept = NULL;
    for (uint32_t i = first; i < graph->node_count; i++) {
        clade_node *node = graph->nodes[i];
        if (node->input_count == 0 || node->name[0] != '\0') continue;
        if (kept == NULL) kept = clade_arena_string(&graph->arena, name);
        if (kept == NULL) {
            clade_invalid(graph, CLADE_ERROR_MEMORY, "out of memory for the name \"%s\"", name);
            return;
        }
        node->name = kept;
    }
}

/* ---- updates ---- */

clade_value clade_graph_update_of(const clade_graph *graph, clade_value state) {
    for (uint32_t i = 0; i < graph->update_count; i++)
        if (clade_value_equal(graph->updates[i].state, state)) return graph->updates[i].value;
    return CLADE_NO_VALUE;
}

/* Adds ENTRY to an array that grows. */
static bool append_update(clade_context *context, clade_update_entry **entries, uint32_t *count, uint32_t *capacity,
                          clade_update_entry entry) {
    if (*count == *capacity) {
        uint32_t enough = *capacity ? 2 * *capacity : 16;
        clade_update_entry *grown = clade_reallocate(context, *entries, enough, sizeof *grown);
        if (!grown) return false;
        *entries = grown;
        *capacity = enough;
    }
    (*entries)[(*count)++] = entry;
    return true;
}

static bool is_updated(const clade_graph *graph, uint32_t program, clade_value state) {
    if (program == 0) return clade_value_valid(clade_graph_update_of(graph, state));
    for (uint32_t i = 0; i < graph->program_count; i++)
        if (graph->programs[i].program == program && clade_value_equal(graph->programs[i].state, state)) return true;
    return false;
}

static void check_update(clade_graph *graph, uint32_t program, clade_value state, clade_value value) {
    const clade_node *node = clade_value_node(state);
    if (strcmp(node->op->name, "state") != 0)
        clade_invalid(graph, CLADE_ERROR_ARGUMENT, "update of a value made by %s: only a state can be updated",
                      node->op->name);
    else if (value.graph != graph)
        clade_invalid(graph, CLADE_ERROR_ARGUMENT, "update of %s by a value of another graph", node->name);
    else if (!clade_dims_equal(&clade_value_type(state)->dims, &clade_value_type(value)->dims) ||
             clade_value_dtype(value) != clade_value_dtype(state))
        clade_invalid(graph, CLADE_ERROR_ARGUMENT, "update of %s, %s, by a value of %s: expected the same type",
                      node->name, clade_type_text(graph, clade_value_type(state)),
                      clade_type_text(graph, clade_value_type(value)));
    else if (is_updated(graph, program, state))
        clade_invalid(graph, CLADE_ERROR_ARGUMENT, "update of %s: it has an update already", node->name);
}

clade_status clade_update_in(uint32_t program, clade_value state, clade_value value) {
    clade_graph *graph = clade_graph_of((clade_value[]){ state, value }, 2);
    if (!graph) return CLADE_ERROR_ARGUMENT;
    if (!clade_value_valid(state) || !clade_value_valid(value)) {
        clade_invalid(graph, CLADE_ERROR_ARGUMENT, "update: not a value");
        return graph->status;
    }
    check_update(graph, program, state, value);
    if (graph->status != CLADE_OK) return graph->status;
    const clade_update_entry entry = { state, value, program };
    const bool kept =
        program == 0
            ? append_update(graph->context, &graph->updates, &graph->update_count, &graph->update_capacity, entry)
            : append_update(graph->context, &graph->programs, &graph->program_count, &graph->program_capacity, entry);
    if (!kept)
        clade_invalid(graph, CLADE_ERROR_MEMORY, "out of memory for the update of %s", clade_value_node(state)->name);
    return graph->status;
}

clade_status clade_update(clade_value state, clade_value value) {
    return clade_update_in(0, state, value);
}

clade_graph *clade_graph_of_program(const clade_graph *graph, uint32_t program, clade_value *targets, size_t count) {
    clade_graph view = *graph;
    view.updates = clade_allocate(graph->context, graph->program_count + 1, sizeof *view.updates);
    if (!view.updates) {
        clade_fail_memory(graph->context, graph->program_count * sizeof *view.updates, "a program of updates");
        return NULL;
    }
    view.update_count = 0;
    for (uint32_t i = 0; i < graph->program_count; i++)
        if (graph->programs[i].program == program) view.updates[view.update_count++] = graph->programs[i];
    clade_graph *chosen = clade_graph_rewrite(&view, targets, count, true, NULL, NULL, NULL);
    clade_free(graph->context, view.updates);
    return chosen;
}
