/* A plan's commands: each node's launches in order, then the updates that could not be written in place; what gives the
 * same at every run goes into a list of its own, the preparation. With poisoning on (a test's tool) memory is filled
 * with NaNs before a value comes to lie there and after it is dead. */
#include "exec/plan.h"

#include "device/passage.h"
#include "ops/hand_over.h"

#include <stdio.h>

static clade_array array_of(const clade_plan *plan, clade_value value) {
    clade_array array = clade_plan_slot_of(plan, value)->array;
    int32_t storage = clade_plan_root_of(plan, value)->storage;
    array.buffer = storage >= 0 && plan->storages[storage].buffer.memory ? &plan->storages[storage].buffer : NULL;
    return array;
}

void clade_plan_site(const clade_plan *plan, const clade_node *node, clade_site *site) {
    *site = (clade_site){ .node = node, .device = clade_session_device(plan->session), .binding = plan->binding };
    for (uint32_t i = 0; i < node->input_count; i++)
        site->in[i] = array_of(plan, node->inputs[i]);
    for (uint32_t i = 0; i < node->output_count; i++)
        site->out[i] = array_of(plan, (clade_value){ plan->graph, node->index, i });
    for (int w = 0; w < CLADE_MAX_WORKSPACES; w++) {
        int32_t storage = plan->nodes[node->index].workspaces[w];
        site->workspace[w] = storage >= 0 ? &plan->storages[storage].buffer : NULL;
    }
    int32_t prepared = plan->nodes[node->index].prepared;
    site->prepared = prepared >= 0 ? &plan->storages[prepared].buffer : NULL;
    site->configuration = plan->nodes[node->index].configuration;
    site->prepares_once = clade_plan_prepares_once(plan, node);
    site->label = node->name[0] ? node->name : node->op->name;
}

/* Fills what begins (or, AFTERWARDS, what ended) at node INDEX with bytes of ones: NaN as a float, -1 as an int. */
static clade_status poison(clade_plan *plan, int32_t index, bool afterwards) {
    for (size_t i = 0; plan->poison && i < plan->storage_count; i++) {
        const clade_storage *storage = &plan->storages[i];
        int32_t moment = afterwards ? storage->interval.last : storage->interval.first;
        if (storage->borrowed || moment != index) continue;
        clade_status status = clade_commands_fill(plan->commands, "poison", &storage->buffer, 0xFF);
        if (status != CLADE_OK) return status;
    }
    return CLADE_OK;
}

static clade_status record_copy(clade_plan *plan, clade_value state, const clade_buffer *from, const clade_buffer *to) {
    return clade_commands_copy(plan->commands, clade_value_node(state)->name, from, to, to->bytes);
}

/* The updates left over: first the states that others are set from are copied aside, then all are set. */
static clade_status record_updates(clade_plan *plan) {
    clade_status status = CLADE_OK;
    uint32_t count = plan->updates ? plan->graph->update_count : 0;
    const clade_update_entry *updates = plan->graph->updates;
    for (uint32_t i = 0; status == CLADE_OK && i < count; i++)
        if (plan->aside[i] >= 0)
            status = record_copy(plan, updates[i].state, array_of(plan, updates[i].value).buffer,
                                 &plan->storages[plan->aside[i]].buffer);
    for (uint32_t i = 0; status == CLADE_OK && i < count; i++) {
        if (plan->committed[i]) continue;
        const clade_buffer *from =
            plan->aside[i] >= 0 ? &plan->storages[plan->aside[i]].buffer : array_of(plan, updates[i].value).buffer;
        status = record_copy(plan, updates[i].state, from, array_of(plan, updates[i].state).buffer);
    }
    return status;
}

static clade_status record_launches(clade_plan *plan, const clade_node *node, const char *label) {
    const clade_plan_node *planned = &plan->nodes[node->index];
    clade_commands *commands = planned->steady ? plan->preparation : plan->commands;
    clade_site site;
    clade_plan_site(plan, node, &site);
    site.label = label;
    clade_status status = clade_site_prepare(&site, planned->implementation,
                                             clade_plan_prepares_once(plan, node) ? plan->preparation : commands);
    return status == CLADE_OK ? clade_site_record(&site, planned->implementation, commands) : status;
}

/* The node that receives what the node SEND sends. */
static const clade_node *receiver_of(const clade_plan *plan, const clade_node *send) {
    for (uint32_t i = send->index + 1; i < plan->graph->node_count; i++) {
        const clade_node *node = plan->graph->nodes[i];
        if (node->op == &clade_all_reduce_receive && node->inputs[0].node == send->index) return node;
    }
    return NULL;
}

static clade_status record_send(clade_plan *plan, const clade_node *node, const char *label) {
    const clade_buffer *from[CLADE_MAX_OUTPUTS], *to[CLADE_MAX_OUTPUTS];
    const clade_all_reduce_send_attributes *a = node->attributes;
    const clade_node *receiver = receiver_of(plan, node);
    if (!receiver) return CLADE_OK; /* nobody asks for the sums */
    clade_site sender_site, receiver_site;
    clade_plan_site(plan, node, &sender_site);
    clade_plan_site(plan, receiver, &receiver_site);
    for (uint32_t i = 0; i < node->input_count; i++) {
        from[i] = sender_site.in[i].buffer;
        to[i] = receiver_site.out[i].buffer;
    }
    return clade_commands_send(plan->commands, label, a->number, from, to, node->input_count);
}

/* One end of a way to another device. */
static clade_status record_passage(clade_plan *plan, const clade_node *node, const char *label) {
    clade_site site;
    clade_plan_site(plan, node, &site);
    if (node->op == &clade_stage_send) {
        const clade_stage_send_attributes *a = node->attributes;
        return clade_commands_hand_over(plan->commands, label, site.in[0].buffer, plan->passages[a->number - 1]);
    }
    const clade_stage_receive_attributes *a = node->attributes;
    return clade_commands_take_over(plan->commands, label, plan->passages[a->number - 1], site.out[0].buffer);
}

/* Half of a sum over devices, or of a way to another. */
static clade_status record_transfer(clade_plan *plan, const clade_node *node, const char *label) {
    const clade_all_reduce_receive_attributes *a = node->attributes;
    if (node->op == &clade_all_reduce_send) return record_send(plan, node, label);
    if (node->op != &clade_all_reduce_receive) return record_passage(plan, node, label);
    return clade_commands_receive(plan->commands, label, a->number, (int64_t)node->index == plan->last_receive);
}

static clade_status record_node(clade_plan *plan, const clade_node *node) {
    char label[160];
    snprintf(label, sizeof label, "%.70s%s%.70s", node->name, node->name[0] ? " " : "", node->op->name);
    clade_status status = poison(plan, (int32_t)node->index, false);
    if (status == CLADE_OK)
        status = clade_is_transfer(node->op) ? record_transfer(plan, node, label) : record_launches(plan, node, label);
    return status == CLADE_OK ? poison(plan, (int32_t)node->index, true) : status;
}

clade_status clade_plan_record(clade_plan *plan) {
    clade_device *device = clade_session_device(plan->session);
    clade_status status = clade_commands_new(device, &plan->preparation);
    if (status == CLADE_OK) status = clade_commands_new(device, &plan->commands);
    for (uint32_t i = 0; status == CLADE_OK && i < plan->graph->node_count; i++) {
        const clade_node *node = plan->graph->nodes[i];
        plan->nodes[i].first_command = clade_commands_count(plan->commands);
        if (plan->nodes[i].implementation || clade_is_transfer(node->op)) status = record_node(plan, node);
    }
    if (status != CLADE_OK) return status;
    plan->update_command = clade_commands_count(plan->commands);
    return record_updates(plan);
}
