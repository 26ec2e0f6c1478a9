/* Sets of named arrays, and how they come out of graphs and sessions. */
#include "formats/weights.h"

#include "exec/initialize.h"

#include <string.h>

clade_weights *clade_weights_new(clade_context *context) {
    clade_weights *weights = clade_allocate(context, 1, sizeof *weights);
    if (weights == NULL) {
        clade_fail_memory(context, sizeof *weights, "weights");
        return NULL;
    }
    *weights = (clade_weights){ .context = context, .arena = { .context = context } };
    return weights;
}

void clade_weights_free(clade_weights *weights) {
    if (weights == NULL) return;
    for (size_t i = 0; i < weights->count; i++)
        clade_free(weights->context, (void *)(uintptr_t)weights->list[i].data);
    clade_free(weights->context, weights->list);
    clade_arena_clear(&weights->arena);
    clade_free(weights->context, weights);
}

static bool grow(clade_weights *weights) {
    if (weights->count < weights->capacity) return true;
    const size_t capacity = weights->capacity > 0 ? 2 * weights->capacity : 16;
    clade_weight *larger = clade_reallocate(weights->context, weights->list, capacity, sizeof *larger);
    if (larger == NULL) return false;
    weights->list = larger;
    weights->capacity = capacity;
    return true;
}

void *clade_weights_add(clade_weights *weights, const char *name, clade_dtype dtype, const clade_dims *dims,
                        int64_t count) {
    const size_t elements = count > 0 ? (size_t)count : 1;
    char *kept = clade_arena_string(&weights->arena, name);
    void *data = kept != NULL && grow(weights) ? clade_allocate(weights->context, elements, 4) : NULL;
    if (data == NULL) {
        clade_fail_memory(weights->context, elements * 4, name);
        return NULL;
    }
    weights->list[weights->count++] = (clade_weight){ kept, dtype, *dims, count, data };
    return data;
}

size_t clade_weights_list(const clade_weights *weights, const clade_weight **list) {
    *list = weights->list;
    return weights->count;
}

const clade_weight *clade_weights_find(const clade_weights *weights, const char *name) {
    for (size_t i = 0; i < weights->count; i++)
        if (strcmp(weights->list[i].name, name) == 0) return &weights->list[i];
    return NULL;
}

/* ---- out of graphs and sessions ---- */

/* Where the contents of a graph's states come from: a session, other weights, or, with neither, the beginning. */
typedef struct source {
    clade_session *session;
    const clade_weights *from;
    uint64_t seed;
} source;

static clade_status copy(clade_context *context, const clade_weights *from, const clade_weight *wanted, void *data) {
    const clade_weight *found = clade_weights_find(from, wanted->name);
    if (found == NULL)
        return clade_fail(context, CLADE_ERROR_INPUT, "no array \"%s\" among the %zu weights", wanted->name,
                          from->count);
    if (found->dtype != wanted->dtype || !clade_dims_equal(&found->dims, &wanted->dims)) {
        clade_text words = { .context = context };
        for (int32_t i = 0; i < found->dims.rank; i++)
            clade_text_add(&words, "%s%lld", i > 0 ? "," : "", (long long)found->dims.size[i]);
        clade_text_add(&words, ") of %s; the model wants (", clade_dtype_name(found->dtype));
        for (int32_t i = 0; i < wanted->dims.rank; i++)
            clade_text_add(&words, "%s%lld", i > 0 ? "," : "", (long long)wanted->dims.size[i]);
        clade_fail(context, CLADE_ERROR_INPUT, "the array \"%s\" is (%s) of %s", wanted->name, clade_text_get(&words),
                   clade_dtype_name(wanted->dtype));
        clade_text_free(&words);
        return CLADE_ERROR_INPUT;
    }
    memcpy(data, found->data, (size_t)found->count * 4);
    return CLADE_OK;
}

static clade_status add_state(clade_weights *weights, const clade_node *node, const source *source) {
    const clade_leaf_attributes *leaf = node->attributes;
    const int64_t count = clade_dims_value(node->graph, &leaf->dims, (clade_binding){ 1, 1 }, NULL);
    void *data = clade_weights_add(weights, node->name, (clade_dtype)leaf->dtype, &leaf->dims, count);
    if (data == NULL) return CLADE_ERROR_MEMORY;
    if (source->session != NULL) return clade_session_read_state(source->session, node->name, data, count);
    if (source->from != NULL) return copy(weights->context, source->from, &weights->list[weights->count - 1], data);
    if (leaf->dtype == CLADE_F32) clade_initialize_state(leaf, source->seed, node->name, 0, data, count);
    return CLADE_OK;
}

static clade_status collect(const clade_value *outputs, size_t count, const source *source, clade_weights **result) {
    *result = NULL;
    const clade_graph *graph = clade_graph_of(outputs, count);
    if (graph == NULL) return CLADE_ERROR_ARGUMENT;
    clade_status status = clade_graph_status(graph);
    if (status != CLADE_OK) return status;
    bool *needed = clade_allocate(graph->context, graph->node_count, sizeof *needed);
    clade_weights *weights = needed != NULL ? clade_weights_new(graph->context) : NULL;
    if (weights == NULL) {
        clade_free(graph->context, needed);
        return clade_fail_memory(graph->context, graph->node_count, "weights");
    }
    clade_graph_mark_needed(graph, outputs, count, false, needed);
    for (uint32_t i = 0; i < graph->node_count && status == CLADE_OK; i++)
        if (needed[i] && graph->nodes[i]->op == &clade_op_state) status = add_state(weights, graph->nodes[i], source);
    clade_free(graph->context, needed);
    if (status == CLADE_OK)
        *result = weights;
    else
        clade_weights_free(weights);
    return status;
}

clade_status clade_weights_of_graph(const clade_value *outputs, size_t count, const clade_weights *from, uint64_t seed,
                                    clade_weights **weights) {
    return collect(outputs, count, &(const source){ .from = from, .seed = seed }, weights);
}

clade_status clade_weights_of_session(clade_session *session, const clade_value *outputs, size_t count,
                                      clade_weights **weights) {
    return collect(outputs, count, &(const source){ .session = session }, weights);
}

clade_status clade_weights_fill_session(const clade_weights *weights, clade_session *session) {
    clade_status status = CLADE_OK;
    for (size_t i = 0; i < weights->count && status == CLADE_OK; i++)
        status =
            clade_session_write_state(session, weights->list[i].name, weights->list[i].data, weights->list[i].count);
    return status;
}
