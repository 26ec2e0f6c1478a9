/* Finding each node's stage, and cutting a graph into one for each. */
#include "passes/stages.h"

#include "ops/hand_over.h"
#include "passes/layers.h"

#include <string.h>

/* ---- stages ---- */

enum { UNKNOWN = CLADE_EVERY_STAGE - 1 };

static uint8_t stage_of(const clade_placement *placed, size_t count, const char *name) {
    for (size_t i = 0; i < count && name[0] != '\0'; i++)
        if (strcmp(placed[i].name, name) == 0) return placed[i].stage;
    return UNKNOWN;
}

/* Whether each stage can have a NODE of its own: it depends on nothing that is in one place only. */
static bool is_everywhere(const clade_node *node, const uint8_t *stage) {
    if (node->op == &clade_op_input || node->op == &clade_op_state) return false;
    for (uint32_t k = 0; k < node->input_count; k++)
        if (stage[node->inputs[k].node] != CLADE_EVERY_STAGE) return false;
    return true;
}

/* What is used by a node of stage USER is of that stage, or of an earlier one that uses it too. */
static void take_from_user(uint8_t *stage, bool *fixed, uint32_t node, uint8_t user) {
    if (!fixed[node] && user < stage[node]) stage[node] = user;
}

static void find_by_users(const clade_graph *graph, uint8_t *stage, bool *fixed) {
    for (uint32_t i = 0; i < graph->update_count; i++)
        take_from_user(stage, fixed, graph->updates[i].value.node, stage[graph->updates[i].state.node]);
    for (uint32_t i = graph->node_count; i-- > 0;) {
        const clade_node *node = graph->nodes[i];
        if (stage[i] == UNKNOWN) stage[i] = 0;
        for (uint32_t k = 0; k < node->input_count && stage[i] != CLADE_EVERY_STAGE; k++)
            take_from_user(stage, fixed, node->inputs[k].node, stage[i]);
    }
}

bool clade_find_stages(const clade_graph *graph, const clade_placement *placed, size_t count, uint8_t *stage) {
    const char **layers = clade_allocate(graph->context, (size_t)graph->node_count + 1, sizeof *layers);
    bool *fixed = clade_allocate(graph->context, (size_t)graph->node_count + 1, sizeof *fixed);
    const bool good = layers && fixed;
    if (good) {
        clade_find_layers(graph, layers);
        for (uint32_t i = 0; i < graph->node_count; i++) {
            const clade_node *node = graph->nodes[i];
            stage[i] = stage_of(placed, count, node->op == &clade_op_state ? node->name : layers[i]);
            if (is_everywhere(node, stage)) stage[i] = CLADE_EVERY_STAGE;
            fixed[i] = stage[i] != UNKNOWN;
        }
        find_by_users(graph, stage, fixed);
    } else {
        clade_fail_memory(graph->context, graph->node_count * sizeof *layers, "the stages of a graph");
    }
    clade_free(graph->context, (void *)layers);
    clade_free(graph->context, fixed);
    return good;
}

/* ---- the cut ---- */

typedef struct cut {
    const clade_graph *from;
    const uint8_t *stage;
    clade_stage *stages;
    size_t count;
    uint32_t *first;  /* by node: its first output's slot */
    clade_value *map; /* by stage and slot; invalid: not there */
    uint32_t slots;
    int64_t number; /* of the latest way */
} cut;

static clade_value *mapped(const cut *c, size_t stage, clade_value old) {
    return &c->map[stage * c->slots + c->first[old.node] + old.output];
}

static clade_value get(cut *c, size_t stage, clade_value old);

static void append(cut *c, size_t stage, const clade_node *node) {
    clade_value inputs[CLADE_MAX_INPUTS];
    for (uint32_t k = 0; k < node->input_count; k++)
        inputs[k] = get(c, stage, node->inputs[k]);
    const clade_value made =
        clade_append(c->stages[stage].graph, node->op, node->name, node->attributes, inputs, node->input_count);
    for (uint32_t o = 0; o < node->output_count; o++)
        c->map[stage * c->slots + c->first[node->index] + o] = clade_value_valid(made) ? clade_output(made, o) : made;
}

/* OLD goes from its own stage to STAGE. */
static void hand_over(cut *c, size_t stage, clade_value old) {
    const clade_type *type = clade_value_type(old);
    const char *name = clade_value_node(old)->name;
    clade_stage *from = &c->stages[c->stage[old.node]], *to = &c->stages[stage];
    const clade_stage_send_attributes send = { ++c->number };
    const clade_stage_receive_attributes receive = {
        .output_count = 2, .dtype = (int32_t)type->dtype, .number = c->number, .dims = type->dims
    };
    const clade_value sent[] = { get(c, c->stage[old.node], old), from->token };
    from->token =
        clade_append(from->graph, &clade_stage_send, name, &send, sent, clade_value_valid(from->token) ? 2 : 1);
    const clade_value y =
        clade_append(to->graph, &clade_stage_receive, name, &receive, &to->token, clade_value_valid(to->token) ? 1 : 0);
    to->token = clade_value_valid(y) ? clade_output(y, 1) : y;
    *mapped(c, stage, old) = y;
}

/* OLD on STAGE, made or sent there if it is not there yet. What every stage makes for itself hangs on few nodes. */
static clade_value get(cut *c, size_t stage, clade_value old) {
    clade_value *value = mapped(c, stage, old);
    if (clade_value_valid(*value)) return *value;
    if (c->stage[old.node] == CLADE_EVERY_STAGE)
        append(c, stage, clade_value_node(old));
    else if (c->stage[old.node] != stage)
        hand_over(c, stage, old);
    return *value;
}

static void begin_backward(cut *c) {
    for (size_t s = 0; s < c->count; s++)
        c->stages[s].graph->backward_from = c->stages[s].graph->node_count;
}

static void walk(cut *c, const bool *needed, clade_value *targets, size_t target_count, bool updates) {
    const clade_graph *from = c->from;
    for (uint32_t i = 0; i < from->node_count; i++) {
        if (i == from->backward_from && i > 0) begin_backward(c);
        if (needed[i] && c->stage[i] != CLADE_EVERY_STAGE) append(c, c->stage[i], from->nodes[i]);
    }
    for (uint32_t i = 0; updates && i < from->update_count; i++) {
        const uint8_t home = c->stage[from->updates[i].state.node];
        const clade_value value = get(c, home, from->updates[i].value);
        clade_update(get(c, home, from->updates[i].state), value);
    }
    for (size_t i = 0; i < target_count; i++)
        targets[i] = get(c, c->count - 1, targets[i]);
}

static bool prepare(cut *c) {
    c->first = clade_allocate(c->from->context, (size_t)c->from->node_count + 1, sizeof *c->first);
    for (uint32_t i = 0; c->first && i < c->from->node_count; i++) {
        c->first[i] = c->slots;
        c->slots += c->from->nodes[i]->output_count;
    }
    c->map = clade_allocate(c->from->context, c->count * c->slots + 1, sizeof *c->map);
    bool good = c->first && c->map;
    for (size_t s = 0; s < c->count; s++) {
        c->stages[s] = (clade_stage){ .graph = clade_graph_empty_like(c->from) };
        good = good && c->stages[s].graph;
    }
    return good;
}

bool clade_cut_into_stages(const clade_graph *graph, const uint8_t *stage, clade_value *targets, size_t target_count,
                           bool updates, clade_stage stages[], size_t count) {
    cut c = { .from = graph, .stage = stage, .stages = stages, .count = count };
    bool *needed = clade_allocate(graph->context, (size_t)graph->node_count + 1, sizeof *needed);
    bool good = prepare(&c) && needed;
    if (good) {
        clade_graph_mark_needed(graph, targets, target_count, updates, needed);
        walk(&c, needed, targets, target_count, updates);
    } else {
        clade_fail_memory(graph->context, graph->node_count * sizeof(clade_value), "a graph cut by layers");
    }
    for (size_t s = 0; s < count && good; s++)
        good = clade_graph_status(stages[s].graph) == CLADE_OK;
    for (size_t s = 0; s < count && !good; s++) {
        clade_graph_free(stages[s].graph);
        stages[s].graph = NULL;
    }
    clade_free(graph->context, needed);
    clade_free(graph->context, c.first);
    clade_free(graph->context, c.map);
    return good;
}
