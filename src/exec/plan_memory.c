/* Where every value of a plan lies. A view lies where its source does; a new state straight in the state's own buffer
 * when nobody needs the old one any more; a point-wise result over an input that dies there; the rest share slabs by
 * their lifetimes. */
#include "exec/plan.h"

clade_plan_slot *clade_plan_slot_of(const clade_plan *plan, clade_value value) {
    return &plan->slots[plan->nodes[value.node].first_slot + value.output];
}

clade_plan_slot *clade_plan_root_of(const clade_plan *plan, clade_value value) {
    return &plan->slots[clade_plan_slot_of(plan, value)->root];
}

bool clade_plan_prepares_once(const clade_plan *plan, const clade_node *node) {
    return node->input_count > 1 && plan->nodes[node->inputs[1].node].steady;
}

/* ---- lifetimes ---- */

static void find_roots(clade_plan *plan) {
    for (uint32_t i = 0; i < plan->graph->node_count; i++) {
        const clade_node *node = plan->graph->nodes[i];
        for (uint32_t o = 0; o < node->output_count; o++) {
            uint32_t slot = plan->nodes[i].first_slot + o;
            plan->slots[slot].root = node->op->view && o == 0 ? clade_plan_slot_of(plan, node->inputs[0])->root : slot;
            plan->slots[slot].last_use = (int32_t)i;
            plan->slots[slot].storage = -1;
        }
    }
}

static void find_last_uses(clade_plan *plan) {
    for (uint32_t i = 0; i < plan->graph->node_count; i++) {
        const clade_node *node = plan->graph->nodes[i];
        for (uint32_t k = 0; k < node->input_count; k++)
            clade_plan_root_of(plan, node->inputs[k])->last_use = (int32_t)i;
    }
    for (size_t i = 0; i < plan->target_count; i++)
        clade_plan_root_of(plan, plan->targets[i])->last_use = (int32_t)plan->graph->node_count;
    for (uint32_t i = 0; plan->updates && i < plan->graph->update_count; i++) { /* one state set from another */
        clade_plan_slot *root = clade_plan_root_of(plan, plan->graph->updates[i].value);
        if (root->storage >= 0) root->last_use = (int32_t)plan->graph->node_count;
    }
}

/* ---- storages ---- */

static int32_t new_storage(clade_plan *plan, clade_storage storage) {
    if (plan->storage_count == plan->storage_capacity) {
        size_t capacity = plan->storage_capacity ? 2 * plan->storage_capacity : 64;
        clade_storage *grown = clade_reallocate(plan->context, plan->storages, capacity, sizeof *grown);
        if (!grown) return -1;
        plan->storages = grown;
        plan->storage_capacity = capacity;
    }
    plan->storages[plan->storage_count] = storage;
    return (int32_t)plan->storage_count++;
}

static size_t bytes_of(const clade_array *array) {
    return (size_t)array->count * clade_dtype_size(array->dtype);
}

/* The number of NODE's inputs that lie in the memory of ROOT: two views of one array cannot both be overwritten safely. */
static int inputs_in(const clade_plan *plan, const clade_node *node, uint32_t root) {
    int count = 0;
    for (uint32_t i = 0; i < node->input_count; i++)
        count += clade_plan_slot_of(plan, node->inputs[i])->root == root;
    return count;
}

/* Whether an output of NODE may be written over its input K while the node runs. */
static bool may_overwrite(const clade_plan *plan, const clade_node *node, uint32_t output, uint32_t k) {
    if (inputs_in(plan, node, clade_plan_slot_of(plan, node->inputs[k])->root) != 1) return false;
    if (node->op == &clade_op_fused) {
        const clade_fused_attributes *fused = node->attributes;
        return clade_dims_equal(&clade_value_type(node->inputs[k])->dims, &fused->dims);
    }
    return output == 0 && (node->op->in_place >> k & 1);
}

/* Whether the update's value can be computed straight into the state: every other read of the old state comes before,
 * and the computation itself reads it element by element. */
static bool commits_directly(const clade_plan *plan, clade_value state, clade_value value) {
    const clade_node *node = clade_value_node(value);
    const clade_plan_slot *slot = clade_plan_slot_of(plan, value);
    if (!plan->nodes[node->index].implementation || plan->nodes[node->index].steady || slot->storage >= 0) return false;
    if ((int64_t)node->index < plan->last_receive) return false; /* the step may still be broken off */
    int32_t last_read = clade_plan_root_of(plan, state)->last_use;
    if (last_read < (int32_t)node->index || (last_read == (int32_t)state.node)) return true;
    if (last_read > (int32_t)node->index) return false;
    for (uint32_t k = 0; k < node->input_count; k++)
        if (clade_value_equal(node->inputs[k], state)) return may_overwrite(plan, node, value.output, k);
    return false;
}

/* A value that is not committed directly lives until the end, where it is copied; one that is itself a state is first
 * copied aside, so that states set from each other all see the old contents. */
static bool place_updates(clade_plan *plan) {
    int32_t end = (int32_t)plan->graph->node_count;
    for (uint32_t i = 0; plan->updates && i < plan->graph->update_count; i++) {
        clade_update_entry update = plan->graph->updates[i];
        clade_plan_slot *root = clade_plan_root_of(plan, update.value);
        plan->aside[i] = -1;
        plan->committed[i] = commits_directly(plan, update.state, update.value);
        if (plan->committed[i]) {
            root->storage = clade_plan_root_of(plan, update.state)->storage;
        } else if (root->storage >= 0 && plan->storages[root->storage].borrowed) {
            clade_interval interval = { .bytes = bytes_of(&root->array), .first = end, .last = end };
            plan->aside[i] =
                new_storage(plan, (clade_storage){ .interval = interval, .name = "a state's old contents" });
            if (plan->aside[i] < 0) return false;
        } else {
            root->last_use = end;
        }
    }
    return true;
}

/* Memory that no other value may take: the contents outlast a run. */
static clade_interval whole_life(const clade_plan *plan, size_t bytes) {
    return (clade_interval){ .bytes = bytes, .first = -1, .last = (int32_t)plan->graph->node_count };
}

/* A storage of an input of NODE that dies there and fits, for its output; -1 when there is none. */
static int32_t dying_input(clade_plan *plan, const clade_node *node, uint32_t output, size_t bytes) {
    for (uint32_t k = 0; k < node->input_count; k++) {
        uint32_t root = clade_plan_slot_of(plan, node->inputs[k])->root;
        const clade_plan_slot *slot = &plan->slots[root];
        if (slot->last_use != (int32_t)node->index || slot->storage < 0) continue;
        const clade_storage *storage = &plan->storages[slot->storage];
        if (storage->borrowed || storage->occupant != root || bytes_of(&slot->array) != bytes) continue;
        if (storage->interval.last > (int32_t)node->index) continue; /* an input of the graph: it stays */
        if (may_overwrite(plan, node, output, k)) return slot->storage;
    }
    return -1;
}

/* For what a sum over devices gives: the storage of what was sent, if nobody reads that any more and the host can sum it
 * there; -1 otherwise. */
static int32_t sent_from(clade_plan *plan, const clade_node *receive, uint32_t output, size_t bytes) {
    const clade_node *send = clade_value_node(receive->inputs[0]);
    const uint32_t root = clade_plan_slot_of(plan, send->inputs[output])->root;
    const clade_plan_slot *slot = &plan->slots[root];
    if (!clade_session_device(plan->session)->capabilities.unified_memory) return -1;
    if (slot->last_use != (int32_t)send->index || slot->storage < 0 || bytes_of(&slot->array) != bytes) return -1;
    const clade_storage *storage = &plan->storages[slot->storage];
    const bool free = !storage->borrowed && storage->occupant == root && storage->interval.last <= (int32_t)send->index;
    return free ? slot->storage : -1;
}

static bool place_output(clade_plan *plan, const clade_node *node, uint32_t output) {
    uint32_t index = plan->nodes[node->index].first_slot + output;
    clade_plan_slot *slot = &plan->slots[index];
    size_t bytes = bytes_of(&slot->array);
    if (slot->root != index || slot->storage >= 0) return true;
    int32_t storage = node->op == &clade_all_reduce_receive ? sent_from(plan, node, output, bytes)
                                                            : dying_input(plan, node, output, bytes);
    if (storage < 0) {
        bool stays = node->op == &clade_op_input;
        clade_interval interval = { .bytes = bytes, .first = (int32_t)node->index, .last = slot->last_use };
        if (stays || plan->nodes[node->index].steady) interval = whole_life(plan, bytes);
        storage = new_storage(
            plan, (clade_storage){ .interval = interval, .name = node->name[0] ? node->name : node->op->name });
        if (storage < 0) return false;
    }
    clade_storage *held = &plan->storages[storage];
    held->occupant = index;
    if (slot->last_use > held->interval.last) held->interval.last = slot->last_use;
    slot->storage = storage;
    return true;
}

/* Leaves that the session keeps: states, scalars, the random state. */
static bool place_borrowed(clade_plan *plan) {
    for (uint32_t i = 0; i < plan->graph->node_count; i++) {
        const clade_buffer *buffer = clade_session_leaf(plan->session, plan->graph->nodes[i]);
        if (!buffer) continue;
        int32_t storage = new_storage(plan, (clade_storage){ .buffer = *buffer, .borrowed = true });
        if (storage < 0) return false;
        plan->slots[plan->nodes[i].first_slot].storage = storage;
    }
    return true;
}

static bool place_workspaces(clade_plan *plan) {
    for (uint32_t i = 0; i < plan->graph->node_count; i++) {
        clade_plan_node *planned = &plan->nodes[i];
        size_t bytes[CLADE_MAX_WORKSPACES] = { 0 };
        if (planned->implementation && planned->implementation->workspace) {
            clade_site site;
            clade_plan_site(plan, plan->graph->nodes[i], &site);
            planned->implementation->workspace(&site, bytes);
        }
        for (int w = 0; w < CLADE_MAX_WORKSPACES; w++) {
            planned->workspaces[w] = -1;
            if (bytes[w] == 0) continue;
            clade_interval interval = { .bytes = bytes[w], .first = (int32_t)i, .last = (int32_t)i };
            planned->workspaces[w] = new_storage(plan, (clade_storage){ .interval = interval, .name = "workspace" });
            if (planned->workspaces[w] < 0) return false;
        }
    }
    return true;
}

/* What implementations prepare of weights: for as long as the plan lives where the weights stay as they are. */
static bool place_prepared(clade_plan *plan) {
    for (uint32_t i = 0; i < plan->graph->node_count; i++) {
        clade_plan_node *planned = &plan->nodes[i];
        if (!planned->implementation) continue;
        clade_site site;
        clade_plan_site(plan, plan->graph->nodes[i], &site);
        size_t bytes = clade_site_prepared(&site, planned->implementation);
        if (bytes == 0) continue;
        clade_interval interval = { .bytes = bytes, .first = (int32_t)i, .last = (int32_t)i };
        if (clade_plan_prepares_once(plan, plan->graph->nodes[i])) interval = whole_life(plan, bytes);
        planned->prepared = new_storage(plan, (clade_storage){ .interval = interval, .name = "prepared weights" });
        if (planned->prepared < 0) return false;
    }
    return true;
}

/* ---- the whole ---- */

static void mark_fetched(clade_plan *plan) {
    for (size_t i = 0; i < plan->target_count; i++) {
        const int32_t storage = clade_plan_root_of(plan, plan->targets[i])->storage;
        if (storage >= 0) plan->storages[storage].fetched = true;
    }
}

static void note_largest(clade_plan *plan) {
    for (size_t i = 0; i < plan->storage_count; i++) {
        const clade_storage *storage = &plan->storages[i];
        if (storage->borrowed) continue;
        if (storage->interval.bytes > plan->memory.largest) {
            plan->memory.largest = storage->interval.bytes;
            plan->memory.largest_name = storage->name;
        }
    }
    for (uint32_t i = 0; i < plan->slot_count; i++) {
        const clade_plan_slot *slot = &plan->slots[i];
        if (slot->root == i && !plan->storages[slot->storage].borrowed)
            plan->memory.unplanned += bytes_of(&slot->array);
    }
    for (uint32_t i = 0; i < plan->graph->node_count; i++)
        for (int w = 0; w < CLADE_MAX_WORKSPACES; w++)
            if (plan->nodes[i].workspaces[w] >= 0)
                plan->memory.unplanned += plan->storages[plan->nodes[i].workspaces[w]].interval.bytes;
    for (uint32_t i = 0; i < plan->graph->node_count; i++)
        if (plan->nodes[i].prepared >= 0)
            plan->memory.unplanned += plan->storages[plan->nodes[i].prepared].interval.bytes;
}

clade_status clade_plan_lay_out(clade_plan *plan) {
    find_roots(plan);
    bool good = place_borrowed(plan);
    find_last_uses(plan);
    good = good && place_updates(plan);
    for (uint32_t i = 0; good && i < plan->graph->node_count; i++)
        for (uint32_t o = 0; good && o < plan->graph->nodes[i]->output_count; o++)
            good = place_output(plan, plan->graph->nodes[i], o);
    good = good && place_workspaces(plan) && place_prepared(plan);
    if (!good) return clade_fail_memory(plan->context, sizeof(clade_storage), "the memory plan");
    mark_fetched(plan);
    note_largest(plan);
    return clade_plan_lay_out_slabs(plan);
}

clade_status clade_plan_place(clade_plan *plan) {
    const size_t room = clade_device_room(clade_session_device(plan->session));
    clade_status status = clade_plan_lay_out(plan);
    const bool has_backward = plan->graph->backward_from > 0 && plan->graph->backward_from < plan->graph->node_count;
    if (status == CLADE_OK && plan->memory.added > room && has_backward) status = clade_plan_recompute(plan, room);
    return status == CLADE_OK ? clade_plan_allocate(plan) : status;
}
