/* The names of a network's values: a table by open addressing, at most half full. */
#include "formats/onnx/state.h"

#include <string.h>

static size_t slot_of(const clade_onnx_import *import, const char *name) {
    uint64_t hash = UINT64_C(14695981039346656037);
    for (const char *c = name; *c != '\0'; c++)
        hash = (hash ^ (unsigned char)*c) * UINT64_C(1099511628211);
    size_t slot = (size_t)(hash ^ hash >> 32) & (import->slot_count - 1);
    while (import->slots[slot] != NULL && strcmp(import->slots[slot]->name, name) != 0)
        slot = (slot + 1) & (import->slot_count - 1);
    return slot;
}

clade_onnx_value *clade_onnx_named(clade_onnx_import *import, const char *name, bool make) {
    const size_t slot = slot_of(import, name);
    if (import->slots[slot] != NULL || !make) return import->slots[slot];
    clade_arena *arena = &import->network->arena;
    clade_onnx_value *value = clade_arena_allocate(arena, 1, sizeof *value);
    char *kept = clade_arena_string(arena, name);
    if (value == NULL || kept == NULL) return NULL;
    *value = (clade_onnx_value){ .name = kept, .value = CLADE_NO_VALUE };
    import->slots[slot] = value;
    return value;
}

/* The names that GRAPH and its subgraphs, to the depth to which they are translated, may give. */
static size_t count_names(const Onnx__GraphProto *graph, int depth) {
    size_t names = graph->n_initializer + graph->n_input + graph->n_sparse_initializer;
    for (size_t i = 0; i < graph->n_node; i++) {
        const Onnx__NodeProto *node = graph->node[i];
        names += node->n_output;
        for (size_t k = 0; k < node->n_attribute && depth < CLADE_ONNX_DEEPEST; k++)
            if (node->attribute[k]->g != NULL) names += count_names(node->attribute[k]->g, depth + 1);
    }
    return names;
}

clade_status clade_onnx_make_names(clade_onnx_import *import, const Onnx__GraphProto *graph) {
    const size_t names = count_names(graph, 0);
    import->slot_count = 16;
    while (import->slot_count < 2 * names)
        import->slot_count *= 2;
    import->slots = clade_allocate(import->context, import->slot_count, sizeof *import->slots);
    return import->slots != NULL ? CLADE_OK : clade_fail_memory(import->context, names * sizeof(void *), "names");
}
