/* The order of computation that dropping values leads to, and the memory and work that it takes. */
#include "passes/recompute.h"

#include <string.h>

enum { IN_PLACE, FOR_BACKWARD };

uint32_t clade_schedule_slot(const clade_schedule *schedule, clade_value value) {
    return schedule->costs->root[schedule->costs->first[value.node] + value.output];
}

static bool is_forward(const clade_schedule *s, uint32_t node) {
    return node < s->graph->backward_from;
}

/* ---- life ---- */

static void read_graph(clade_schedule *s, const clade_value *targets, size_t count, bool updates) {
    for (uint32_t i = 0; i < s->graph->node_count; i++) {
        const clade_node *node = s->graph->nodes[i];
        for (uint32_t o = 0; o < node->output_count; o++)
            s->last_forward[s->costs->first[i] + o] = i;
        for (uint32_t k = 0; k < node->input_count; k++) {
            const uint32_t slot = clade_schedule_slot(s, node->inputs[k]);
            if (is_forward(s, i))
                s->last_forward[slot] = i;
            else
                s->late[slot] = true;
        }
    }
    for (size_t i = 0; i < count; i++)
        if (clade_value_valid(targets[i])) s->stays[clade_schedule_slot(s, targets[i])] = true;
    for (uint32_t i = 0; updates && i < s->graph->update_count; i++)
        s->stays[clade_schedule_slot(s, s->graph->updates[i].value)] = true;
}

/* Whether NODE only sets states, in their own memory, and so may come early. */
static bool sets_states(const clade_schedule *s, const clade_node *node) {
    bool sets =
        node->input_count > 0 && !is_forward(s, node->index) && !node->op->view && !s->costs->fixed[node->index];
    for (uint32_t o = 0; sets && o < node->output_count; o++)
        sets = s->stays[s->costs->first[node->index] + o] && s->costs->bytes[s->costs->first[node->index] + o] == 0;
    return sets;
}

/* The place of each node that may come early: after what it reads, and after all that read the states it sets. */
static void find_places(clade_schedule *s, uint32_t *last_reader) {
    const clade_graph *graph = s->graph;
    for (uint32_t i = 0; i < graph->node_count; i++) {
        const clade_node *node = graph->nodes[i];
        uint32_t after = 0;
        for (uint32_t k = 0; k < node->input_count; k++) {
            const uint32_t source = node->inputs[k].node, place = s->moved_to[source];
            const bool is_leaf = graph->nodes[source]->input_count == 0;
            if (!is_leaf && place > after) after = place;
            if (is_leaf && last_reader[source] > after)
                after = last_reader[source]; /* a state's, set here or elsewhere */
        }
        const bool early = s->costs->early_updates && after >= graph->backward_from && sets_states(s, node);
        s->moved_to[i] = early ? after : i;
        s->moved_here[i] = UINT32_MAX;
        for (uint32_t k = 0; k < node->input_count; k++)
            if (clade_value_type(node->inputs[k])->dims.rank > 0) last_reader[node->inputs[k].node] = s->moved_to[i];
    }
    for (uint32_t i = graph->node_count; i-- > 0;) {
        if (s->moved_to[i] == i) continue;
        s->moved_next[i] = s->moved_here[s->moved_to[i]];
        s->moved_here[s->moved_to[i]] = i;
    }
}

bool clade_schedule_new(clade_schedule *s, const clade_graph *graph, const clade_recompute_costs *costs,
                        const clade_value *targets, size_t count, bool updates) {
    clade_context *context = graph->context;
    const size_t nodes = graph->node_count;
    *s = (clade_schedule){ .graph = graph, .costs = costs };
    for (uint32_t i = 0; i < nodes; i++)
        s->slot_count += graph->nodes[i]->output_count;
    bool **const by_slot[] = { &s->stays, &s->late, &s->dropped },
                 **const by_node[] = { &s->first_time, &s->again, &s->marked };
    bool good = true;
    for (int i = 0; i < 3; i++) {
        *by_slot[i] = clade_allocate(context, s->slot_count + 1, sizeof(bool));
        *by_node[i] = clade_allocate(context, nodes + 1, sizeof(bool));
        good = good && *by_slot[i] && *by_node[i];
    }
    s->last_forward = clade_allocate(context, s->slot_count + 1, sizeof *s->last_forward);
    s->moved_to = clade_allocate(context, nodes + 1, sizeof *s->moved_to);
    s->moved_here = clade_allocate(context, nodes + 1, sizeof *s->moved_here);
    s->moved_next = clade_allocate(context, nodes + 1, sizeof *s->moved_next);
    s->order = clade_allocate(context, 2 * nodes + 1, sizeof *s->order);
    s->change = clade_allocate(context, 2 * nodes + 2, sizeof *s->change);
    for (int i = 0; i < 2; i++)
        s->spans[i] = clade_allocate(context, s->slot_count + 1, sizeof *s->spans[i]);
    good = good && s->last_forward && s->order && s->change && s->spans[0] && s->spans[1] && s->moved_to &&
           s->moved_here && s->moved_next;
    if (good) {
        read_graph(s, targets, count, updates);
        find_places(s, s->moved_next); /* which is filled last */
    } else {
        clade_fail_memory(context, s->slot_count * sizeof *s->spans[0], "the pass for recomputation");
    }
    return good;
}

void clade_schedule_free(clade_schedule *s) {
    void *const all[] = { s->stays,    s->late,       s->dropped,    s->first_time,  s->again,
                          s->marked,   s->order,      s->change,     s->spans[0],    s->spans[1],
                          s->moved_to, s->moved_here, s->moved_next, s->last_forward };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        clade_free(s->graph->context, all[i]);
}

/* ---- the walk ---- */

/* Forward nodes whose results are dropped before anybody reads them are computed for backward alone. */
static void find_first_times(clade_schedule *s) {
    memset(s->first_time, 0, s->graph->node_count);
    for (uint32_t i = s->graph->node_count; i-- > 0;) {
        const clade_node *node = s->graph->nodes[i];
        bool needed = s->first_time[i] || !is_forward(s, i);
        for (uint32_t o = 0; o < node->output_count; o++)
            needed = needed || !s->dropped[clade_schedule_slot(s, (clade_value){ node->graph, i, o })];
        s->first_time[i] = needed;
        for (uint32_t k = 0; needed && is_forward(s, i) && k < node->input_count; k++)
            s->first_time[node->inputs[k].node] = true;
    }
}

static void step(clade_schedule *s, uint32_t index, int kind) {
    const clade_node *node = s->graph->nodes[index];
    const uint32_t now = (uint32_t)s->order_count;
    const bool late = kind == FOR_BACKWARD || !is_forward(s, index);
    for (uint32_t k = 0; k < node->input_count; k++) {
        const uint32_t slot = clade_schedule_slot(s, node->inputs[k]);
        s->spans[late && s->dropped[slot] ? FOR_BACKWARD : IN_PLACE][slot].last = now;
    }
    for (uint32_t o = 0; o < node->output_count; o++) {
        const uint32_t slot = s->costs->first[index] + o;
        if (s->costs->root[slot] != slot || (kind == FOR_BACKWARD && !s->dropped[slot])) continue;
        s->spans[kind][slot] = (clade_span){ now, now };
    }
    if (kind == FOR_BACKWARD && s->first_time[index]) s->effort += s->costs->effort[index];
    s->order[s->order_count++] = index;
}

/* Marks the nodes to be computed again for VALUE; LOWEST becomes the first of them. */
static void mark_again(clade_schedule *s, clade_value value, uint32_t *lowest) {
    uint32_t waiting = 1;
    *lowest = value.node;
    s->marked[value.node] = true;
    for (uint32_t i = value.node; waiting > 0; i--) {
        if (!s->marked[i]) continue;
        *lowest = i;
        waiting--;
        const clade_node *node = s->graph->nodes[i];
        for (uint32_t k = 0; k < node->input_count; k++) {
            const uint32_t source = node->inputs[k].node;
            if (!s->dropped[clade_schedule_slot(s, node->inputs[k])] || s->again[source] || s->marked[source]) continue;
            s->marked[source] = true;
            waiting++;
        }
    }
}

static void compute_again(clade_schedule *s, clade_value value) {
    if (!s->dropped[clade_schedule_slot(s, value)] || s->again[value.node]) return;
    uint32_t lowest;
    mark_again(s, value, &lowest);
    for (uint32_t i = lowest; i <= value.node; i++) {
        if (!s->marked[i]) continue;
        step(s, i, FOR_BACKWARD);
        s->again[i] = true;
        s->marked[i] = false;
    }
}

/* The bytes of what is there at each step, and the most of them. */
static void find_peak(clade_schedule *s) {
    memset(s->change, 0, (s->order_count + 2) * sizeof *s->change);
    for (uint32_t slot = 0; slot < s->slot_count; slot++) {
        const int64_t bytes = (int64_t)s->costs->bytes[slot];
        for (int kind = IN_PLACE; kind <= FOR_BACKWARD; kind++) {
            const clade_span span = s->spans[kind][slot];
            if (bytes == 0 || span.born == UINT32_MAX) continue;
            s->change[span.born] += bytes;
            s->change[s->stays[slot] ? s->order_count : span.last + 1] -= bytes;
        }
    }
    int64_t live = 0, peak = 0;
    for (size_t i = 0; i < s->order_count; i++) {
        live += s->change[i];
        const int64_t now = live + (int64_t)s->costs->scratch[s->order[i]];
        if (now > peak) peak = now;
    }
    s->peak = (size_t)peak;
}

/* NODE in its place, after what it needs computed again. */
static void compute(clade_schedule *s, uint32_t index) {
    const clade_node *node = s->graph->nodes[index];
    for (uint32_t k = 0; !is_forward(s, index) && k < node->input_count; k++)
        compute_again(s, node->inputs[k]);
    if (s->first_time[index]) step(s, index, IN_PLACE);
}

void clade_schedule_walk(clade_schedule *s) {
    for (uint32_t slot = 0; slot < s->slot_count; slot++)
        s->spans[IN_PLACE][slot].born = s->spans[FOR_BACKWARD][slot].born = UINT32_MAX;
    memset(s->again, 0, s->graph->node_count);
    s->order_count = 0;
    s->effort = 0;
    find_first_times(s);
    for (uint32_t i = 0; i < s->graph->node_count; i++)
        if (s->graph->nodes[i]->input_count == 0) step(s, i, IN_PLACE);
    for (uint32_t i = 0; i < s->graph->node_count; i++) {
        if (s->graph->nodes[i]->input_count > 0 && s->moved_to[i] == i) compute(s, i);
        for (uint32_t m = s->moved_here[i]; m != UINT32_MAX; m = s->moved_next[m])
            compute(s, m);
    }
    find_peak(s);
}
