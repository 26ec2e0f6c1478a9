/* The weights of a network: which arrays of a file, a run or another graph are taken. */
#include "base/arena.h"
#include "formats/weights.h"
#include "train/folder.h"
#include "train/imported_state.h"
#include "train/network.h"

#include <string.h>

/* ---- arrays of the graph ---- */

static const clade_node *find_state(const clade_network *network, const char *name) {
    const clade_value state = clade_graph_find(network->graph, "state", name);
    return clade_value_valid(state) ? clade_value_node(state) : NULL;
}

static bool is_of_head(const clade_network *network, const char *name) {
    for (size_t i = 0; i < network->head_count; i++)
        if (strcmp(network->head[i], name) == 0) return true;
    return false;
}

static bool fits(const clade_weight *weight, const clade_node *state) {
    const clade_leaf_attributes *leaf = state->attributes;
    return weight->dtype == (clade_dtype)leaf->dtype && clade_dims_equal(&weight->dims, &leaf->dims);
}

/* ---- copies ---- */

static clade_status add_copy(clade_weights *to, const clade_weight *weight) {
    void *data = clade_weights_add(to, weight->name, weight->dtype, &weight->dims, weight->count);
    if (!data) return CLADE_ERROR_MEMORY;
    memcpy(data, weight->data, (size_t)weight->count * 4);
    return CLADE_OK;
}

clade_status clade_checkpoint_weights(clade_context *context, const clade_checkpoint *checkpoint,
                                      clade_weights **weights) {
    clade_status status = CLADE_OK;
    *weights = clade_weights_new(context);
    if (!*weights) return CLADE_ERROR_MEMORY;
    for (size_t i = 0; i < checkpoint->state_count && status == CLADE_OK; i++) {
        const clade_checkpoint_state *state = &checkpoint->states[i];
        void *data = clade_weights_add(*weights, state->name, CLADE_F32, &state->dims, state->count);
        if (data)
            clade_checkpoint_numbers(state, data);
        else
            status = CLADE_ERROR_MEMORY;
    }
    if (status == CLADE_OK) return CLADE_OK;
    clade_weights_free(*weights);
    *weights = NULL;
    return status;
}

/* ---- the input's scaling ---- */

static clade_status add_scaling(const clade_network *network, clade_weights *to) {
    enum { FACTOR, SHIFT };
    static const char *const names[] = { "input.factor", "input.shift" };
    const clade_input_scaling *s = &network->options.scaling;
    const clade_dims dims = clade_shape(network->form.image[0], 1, 1);
    for (int which = FACTOR; which <= SHIFT && find_state(network, names[which]); which++) {
        float *data = clade_weights_add(to, names[which], CLADE_F32, &dims, dims.size[0]);
        if (!data) return CLADE_ERROR_MEMORY;
        for (int64_t c = 0; c < dims.size[0]; c++) {
            const double mean = s->mean_count == 0 ? 0 : s->mean[s->mean_count == 1 ? 0 : c];
            const double deviation = s->deviation_count == 0 ? 1 : s->deviation[s->deviation_count == 1 ? 0 : c];
            data[c] = (float)((which == FACTOR ? (s->scale != 0 ? s->scale : 1) : -mean) / deviation);
        }
    }
    return CLADE_OK;
}

clade_status clade_network_keep(clade_network *network, const clade_weights *from, bool head, bool drawn) {
    clade_weights *kept = clade_weights_new(network->context);
    clade_status status = kept ? CLADE_OK : CLADE_ERROR_MEMORY;
    for (size_t i = 0; from && i < from->count && status == CLADE_OK; i++) {
        const clade_weight *weight = &from->list[i];
        const clade_node *state = find_state(network, weight->name);
        if (!state || !fits(weight, state)) continue;
        if ((!head && is_of_head(network, weight->name)) || (!drawn && clade_imported_is_drawn(state))) continue;
        status = add_copy(kept, weight);
    }
    if (status == CLADE_OK && !clade_weights_find(kept, "input.factor")) status = add_scaling(network, kept);
    if (status != CLADE_OK) {
        clade_weights_free(kept);
        return status;
    }
    clade_weights_free(network->weights);
    network->weights = kept;
    return CLADE_OK;
}

/* ---- from a file ---- */

/* All arrays in PATH, whatever network they are of. */
static clade_status read_arrays(clade_context *context, const char *path, clade_weights **weights) {
    if (clade_path_ends_in(path, ".safetensors")) return clade_weights_read(context, path, weights);
    if (clade_path_ends_in(path, ".onnx")) {
        clade_onnx *onnx;
        const clade_onnx_options options = { .size = sizeof options, .open_batch = true };
        clade_status status = clade_onnx_read(context, path, &options, &onnx);
        if (status != CLADE_OK) return status;
        status = clade_onnx_weights(onnx, weights);
        clade_onnx_free(onnx);
        return status;
    }
    clade_checkpoint checkpoint = { 0 };
    char *file;
    clade_status status = clade_checkpoint_of_path(context, path, &checkpoint, &file);
    if (status == CLADE_OK) status = clade_checkpoint_weights(context, &checkpoint, weights);
    clade_checkpoint_free(&checkpoint);
    clade_free(context, file);
    return status;
}

/* Room for the names of a loading. */
static clade_status prepare_lists(clade_network *network) {
    const char ***lists[] = { &network->unused, &network->different, &network->missing };
    const size_t most = network->loaded->count + network->graph->node_count;
    for (size_t i = 0; i < 3; i++) {
        clade_free(network->context, (void *)*lists[i]);
        *lists[i] = clade_allocate(network->context, most + 1, sizeof **lists[i]);
        if (!*lists[i]) return clade_fail_memory(network->context, most * sizeof **lists[i], "names of weights");
    }
    return CLADE_OK;
}

/* What a run keeps beside weights: slots of optimisers, which are named after them, are not worth a word. */
static bool is_slot(const clade_weights *all, const char *name) {
    for (const char *dot = strrchr(name, '.'); dot; dot = NULL) {
        const size_t length = (size_t)(dot - name);
        for (size_t i = 0; i < all->count; i++)
            if (strlen(all->list[i].name) == length && strncmp(all->list[i].name, name, length) == 0) return true;
    }
    return false;
}

/* Puts what fits into NEW, and lists the rest. */
static clade_status sort_arrays(clade_network *network, clade_weights *new, clade_network_loading *l) {
    const clade_weights *loaded = network->loaded;
    clade_status status = CLADE_OK;
    for (size_t i = 0; i < loaded->count && status == CLADE_OK; i++) {
        const clade_weight *weight = &loaded->list[i];
        const clade_node *state = find_state(network, weight->name);
        if (!state) {
            if (!is_slot(loaded, weight->name)) network->unused[l->unused_count++] = weight->name;
        } else if (!fits(weight, state) || is_of_head(network, weight->name)) {
            network->different[l->different_count++] = weight->name;
        } else {
            status = add_copy(new, weight);
        }
    }
    for (uint32_t i = 0; i < network->graph->node_count && status == CLADE_OK; i++) {
        const clade_node *node = network->graph->nodes[i];
        if (node->op == &clade_op_state && !clade_weights_find(loaded, node->name) && !is_of_head(network, node->name))
            network->missing[l->missing_count++] = node->name;
    }
    l->taken = (int64_t) new->count;
    return status;
}

/* What the network had and NEW has not. */
static clade_status add_others(const clade_network *network, clade_weights *new) {
    clade_status status = CLADE_OK;
    for (size_t i = 0; i < network->weights->count && status == CLADE_OK; i++)
        if (!clade_weights_find(new, network->weights->list[i].name))
            status = add_copy(new, &network->weights->list[i]);
    return status;
}

static clade_status no_array_fits(const clade_network *network, const char *path) {
    const clade_weights *loaded = network->loaded;
    return clade_fail(network->context, CLADE_ERROR_INPUT,
                      "%s: none of its %zu arrays%s%s%s has the name and the sizes of a weight of %s%s%s", path,
                      loaded->count, loaded->count > 0 ? " (\"" : "", loaded->count > 0 ? loaded->list[0].name : "",
                      loaded->count > 0 ? "\", ...)" : "", network->name, network->missing[0] ? ", such as " : "",
                      network->missing[0] ? network->missing[0] : "");
}

clade_status clade_network_load(clade_network *network, const char *path, clade_network_loading *loading) {
    clade_network_loading l = { 0 };
    if (clade_network_check(network, NULL) != CLADE_OK) return CLADE_ERROR_INPUT;
    clade_weights_free(network->loaded);
    network->loaded = NULL;
    clade_status status = read_arrays(network->context, path, &network->loaded);
    if (status == CLADE_OK) status = prepare_lists(network);
    if (status != CLADE_OK) return status;
    clade_weights *new = clade_weights_new(network->context);
    status = new ? sort_arrays(network, new, &l) : CLADE_ERROR_MEMORY;
    if (status == CLADE_OK && l.taken == 0) status = no_array_fits(network, path);
    if (status == CLADE_OK) status = add_others(network, new);
    if (status != CLADE_OK) {
        clade_weights_free(new);
        return status;
    }
    clade_weights_free(network->weights);
    network->weights = new;
    l.unused = network->unused;
    l.different = network->different;
    l.missing = network->missing;
    if (loading) *loading = l;
    return CLADE_OK;
}
