/* Point-wise fusion: nodes whose operators are expressions, over the same iteration space, become one `fused` node, and
 * so one generated kernel. Groups grow from producer to consumer, and two are joined only when that makes no cycle: no
 * path may lead out of one and back into the other. A constant is repeated in every group that reads it. */
#include "passes/passes.h"

#include <string.h>

enum { MOST_STEPS = 48, MOST_BUFFERS = 14 }; /* of one kernel: its text and its arguments stay small */

typedef struct fusion {
    const clade_graph *from;
    uint32_t count; /* nodes */
    bool *needed;
    bool *leaves;    /* by node: some output is a target or an update's value */
    uint32_t *group; /* by node: the representative, a node of the group */
    uint32_t *next;  /* the members of a group as a chain in the order of indices; UINT32_MAX ends */
    uint32_t *last;  /* by representative: the last member */
    uint32_t *seen;  /* by representative: the search that visited it last */
    uint32_t search;
    uint32_t *stack;   /* room for every edge and every node */
    uint32_t *readers; /* by node: needed uses of its output */
    uint32_t *uses;    /* by node: scratch, then the uses outside its group */
} fusion;

static bool is_constant(const clade_node *node) {
    return node->op == &clade_op_constant;
}

static bool is_pointwise(const clade_node *node) {
    return node->op->pointwise && !is_constant(node);
}

static void release(fusion *f) {
    clade_context *context = f->from->context;
    void *const all[] = { f->needed, f->leaves, f->group, f->next, f->last, f->seen, f->stack, f->readers, f->uses };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        clade_free(context, all[i]);
}

static bool prepare(fusion *f, const clade_value *targets, size_t target_count, bool updates) {
    clade_context *context = f->from->context;
    f->needed = clade_allocate(context, f->count + 1, sizeof *f->needed);
    f->leaves = clade_allocate(context, f->count + 1, sizeof *f->leaves);
    uint32_t **const arrays[] = { &f->group, &f->next, &f->last, &f->seen, &f->readers, &f->uses };
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) {
        *arrays[i] = clade_allocate(context, f->count + 1, sizeof(uint32_t));
        if (!*arrays[i]) return false;
    }
    if (!f->needed || !f->leaves) return false;
    clade_graph_mark_needed(f->from, targets, target_count, updates, f->needed);
    size_t edges = 0;
    for (uint32_t i = 0; i < f->count; i++) {
        const clade_node *node = f->from->nodes[i];
        edges += node->input_count;
        for (uint32_t k = 0; f->needed[i] && k < node->input_count; k++)
            f->readers[node->inputs[k].node]++;
    }
    f->stack = clade_allocate(context, f->count + edges + 1, sizeof *f->stack);
    if (!f->stack) return false;
    for (size_t i = 0; i < target_count; i++)
        if (clade_value_valid(targets[i])) f->leaves[targets[i].node] = true;
    for (uint32_t i = 0; updates && i < f->from->update_count; i++)
        f->leaves[f->from->updates[i].value.node] = true;
    for (uint32_t i = 0; i < f->count; i++) {
        f->group[i] = f->last[i] = i;
        f->next[i] = UINT32_MAX;
    }
    return true;
}

/* ---- growing groups ---- */

/* Whether group A is reached from group B by a path through some third group: joining them would make a cycle. Groups
 * that end before A begins are not looked into, though one of them may read a group that begins before and ends later:
 * order_groups() sees to that. */
static bool reached_through_others(fusion *f, uint32_t a, uint32_t b) {
    uint32_t depth = 0;
    f->stack[depth++] = b;
    f->seen[b] = ++f->search;
    while (depth > 0) {
        uint32_t g = f->stack[--depth];
        for (uint32_t m = g; m != UINT32_MAX; m = f->next[m]) {
            const clade_node *node = f->from->nodes[m];
            for (uint32_t i = 0; i < node->input_count; i++) {
                uint32_t source = f->group[node->inputs[i].node];
                if (source == a && g != b) return true;
                if (source == a || f->seen[source] == f->search || f->last[source] < a) continue;
                f->seen[source] = f->search;
                f->stack[depth++] = source;
            }
        }
    }
    return false;
}

/* Joins two chains; the smaller index leads, so a representative is its group's first member. */
static void join(fusion *f, uint32_t a, uint32_t b) {
    uint32_t first = a < b ? a : b, x = a, y = b, end = UINT32_MAX;
    while (x != UINT32_MAX || y != UINT32_MAX) {
        uint32_t *from = y == UINT32_MAX || (x != UINT32_MAX && x < y) ? &x : &y;
        uint32_t member = *from;
        *from = f->next[member];
        if (end != UINT32_MAX) f->next[end] = member;
        f->next[member] = UINT32_MAX;
        f->group[member] = first;
        end = member;
    }
    f->last[first] = end;
}

/* Whether groups A and B together stay within the limits of one kernel. */
static bool small_enough(fusion *f, uint32_t a, uint32_t b) {
    uint32_t steps = 0, inputs = 0, outputs = 0;
    const uint32_t groups[2] = { a, b };
    for (int side = 0; side < 2; side++)
        for (uint32_t m = groups[side]; m != UINT32_MAX; m = f->next[m]) {
            const clade_node *node = f->from->nodes[m];
            steps++;
            for (uint32_t i = 0; i < node->input_count; i++) {
                uint32_t source = node->inputs[i].node, g = f->group[source];
                if (g == a || g == b)
                    f->uses[source]++;
                else if (is_constant(f->from->nodes[source]))
                    steps++; /* it becomes one, perhaps shared */
                else
                    inputs++;
            }
        }
    for (int side = 0; side < 2; side++)
        for (uint32_t m = groups[side]; m != UINT32_MAX; m = f->next[m]) {
            outputs += f->leaves[m] || f->readers[m] > f->uses[m];
            f->uses[m] = 0;
        }
    return steps <= MOST_STEPS && inputs + outputs <= MOST_BUFFERS && outputs <= CLADE_MAX_OUTPUTS;
}

static void grow(fusion *f, uint32_t index) {
    const clade_node *node = f->from->nodes[index];
    for (uint32_t i = 0; i < node->input_count; i++) {
        const clade_node *producer = f->from->nodes[node->inputs[i].node];
        uint32_t a = f->group[producer->index], b = f->group[index];
        if (a == b || !is_pointwise(producer)) continue;
        if (!clade_dims_equal(&producer->outputs[0].dims, &node->outputs[0].dims)) continue;
        if (small_enough(f, a, b) && !reached_through_others(f, a, b) && !reached_through_others(f, b, a))
            join(f, a, b);
    }
}

/* ---- an order in which every group can be made at once ---- */

typedef struct ordering {
    uint32_t *order;
    size_t count;
    uint32_t *state; /* by representative: 0 not met, 1 open, 2 placed */
} ordering;

/* A group of several members on the cycle that ends where the stack does, and begins at group FIRST. */
static uint32_t group_on_cycle(const fusion *f, const ordering *o, uint32_t first, uint32_t depth) {
    while (depth > 0) {
        const uint32_t g = f->stack[--depth];
        if (o->state[g] != 1) continue; /* it only waits */
        if (f->next[g] != UINT32_MAX) return g;
        if (g == first) break;
    }
    return UINT32_MAX;
}

/* Places group G after the groups it reads, depth first without recursion: networks are thousands of nodes deep. Returns
 * UINT32_MAX, or a group that has to be split, as groups cannot all be made at once. */
static uint32_t place_group(fusion *f, ordering *o, uint32_t g) {
    uint32_t depth = 0;
    f->stack[depth++] = g;
    while (depth > 0) {
        uint32_t top = f->stack[depth - 1];
        bool ready = true;
        if (o->state[top] == 2) {
            depth--;
            continue;
        }
        bool first_visit = o->state[top] == 0;
        o->state[top] = 1;
        for (uint32_t m = top; first_visit && m != UINT32_MAX; m = f->next[m]) {
            const clade_node *node = f->from->nodes[m];
            for (uint32_t i = 0; i < node->input_count; i++) {
                uint32_t source = f->group[node->inputs[i].node];
                if (source != top && o->state[source] == 1) return group_on_cycle(f, o, source, depth);
                if (source == top || o->state[source] != 0) continue;
                f->stack[depth++] = source;
                ready = false;
            }
        }
        if (!ready) continue;
        depth--;
        o->state[top] = 2;
        for (uint32_t m = top; m != UINT32_MAX; m = f->next[m])
            o->order[o->count++] = m;
    }
    return UINT32_MAX;
}

/* Every member of group G by itself again. */
static void split(fusion *f, uint32_t g) {
    for (uint32_t m = g, next; m != UINT32_MAX; m = next) {
        next = f->next[m];
        f->group[m] = f->last[m] = m;
        f->next[m] = UINT32_MAX;
    }
}

/* ---- emitting ---- */

static int32_t argument_of(clade_value value, clade_value *inputs, uint32_t *input_count) {
    for (uint32_t i = 0; i < *input_count; i++)
        if (clade_value_equal(inputs[i], value)) return (int32_t)i;
    inputs[*input_count] = value;
    return (int32_t)(*input_count)++;
}

/* A group on its way to a fused node: the steps so far, and at which step each member or constant was evaluated. */
typedef struct emission {
    fusion *f;
    clade_rewrite *rewrite;
    clade_fused_step steps[MOST_STEPS];
    uint32_t made_by[MOST_STEPS]; /* the old node of each step */
    int32_t step_count, output_count;
    int32_t outputs[CLADE_MAX_OUTPUTS];
    clade_value inputs[CLADE_MAX_INPUTS];
    uint32_t input_count;
} emission;

static int32_t step_of(const emission *e, uint32_t node) {
    for (int32_t i = 0; i < e->step_count; i++)
        if (e->made_by[i] == node) return i;
    return -1;
}

static int32_t add_step(emission *e, const clade_node *node) {
    clade_fused_step *step = &e->steps[e->step_count];
    *step = (clade_fused_step){ .op = node->op };
    clade_graph *to = e->rewrite->to;
    clade_node *copy = clade_arena_copy(&to->arena, node, sizeof *node);
    if (!copy) return -1;
    copy->graph = to;
    if (node->op->attributes_size)
        copy->attributes = clade_arena_copy(&to->arena, node->attributes, node->op->attributes_size);
    step->node = copy;
    for (uint32_t i = 0; i < node->input_count; i++) {
        clade_value input = node->inputs[i];
        const clade_node *source = e->f->from->nodes[input.node];
        int32_t made = step_of(e, input.node);
        if (made < 0 && is_constant(source)) {
            clade_fused_step kept = *step;
            made = add_step(e, source);
            step = &e->steps[e->step_count];
            *step = kept;
        }
        step->arguments[i] =
            made >= 0 ? -1 - made : argument_of(clade_rewrite_value(e->rewrite, input), e->inputs, &e->input_count);
    }
    e->made_by[e->step_count] = node->index;
    return e->step_count++;
}

/* Whether something outside its group reads member M. */
static bool read_outside(const fusion *f, uint32_t m) {
    return f->leaves[m] || f->uses[m] > 0;
}

static void name_group(const emission *e, char *name, size_t size) {
    size_t used = 0;
    name[0] = 0;
    for (int32_t i = 0; i < e->step_count; i++) {
        if (is_constant(e->steps[i].node) && e->step_count > 1) continue;
        const char *word = e->steps[i].op->name;
        size_t length = strlen(word);
        if (used + length + 2 > size) break;
        if (used) name[used++] = '+';
        memcpy(name + used, word, length + 1);
        used += length;
    }
}

static bool emit(emission *e, uint32_t g) {
    fusion *f = e->f;
    for (uint32_t m = g; m != UINT32_MAX; m = f->next[m]) {
        int32_t step = add_step(e, f->from->nodes[m]);
        if (step < 0) return false;
        if (read_outside(f, m)) e->outputs[e->output_count++] = step;
    }
    clade_graph *to = e->rewrite->to;
    clade_fused_attributes attributes = {
        .output_count = e->output_count,
        .step_count = e->step_count,
        .steps = clade_arena_copy(&to->arena, e->steps, (size_t)e->step_count * sizeof *e->steps),
        .outputs = clade_arena_copy(&to->arena, e->outputs, (size_t)e->output_count * sizeof *e->outputs),
        .dims = f->from->nodes[g]->outputs[0].dims,
    };
    char name[96];
    name_group(e, name, sizeof name);
    clade_value fused = clade_append(to, &clade_op_fused, name, &attributes, e->inputs, e->input_count);
    for (int32_t i = 0; i < e->output_count; i++)
        e->rewrite->map[e->rewrite->first[e->made_by[e->outputs[i]]]] = clade_output(fused, (uint32_t)i);
    return clade_value_valid(fused);
}

static bool fuse_node(void *user, clade_rewrite *rewrite, const clade_node *node, const clade_value *inputs,
                      clade_value *out) {
    (void)inputs;
    fusion *f = user;
    if (!node->op->pointwise) return false;
    uint32_t g = f->group[node->index];
    out[0] = CLADE_NO_VALUE;
    if (node->index != f->last[g]) return true; /* made with the last of its group */
    emission *e = clade_allocate(f->from->context, 1, sizeof *e);
    if (e) {
        e->f = f;
        e->rewrite = rewrite;
    }
    if (!e || !emit(e, g)) clade_invalid(rewrite->to, CLADE_ERROR_MEMORY, "out of memory for a fused node");
    clade_free(f->from->context, e);
    return true;
}

/* Counts, for each member, the readers outside its group (constants travel with their readers). */
static void count_uses(fusion *f) {
    memset(f->uses, 0, (f->count + 1) * sizeof *f->uses);
    for (uint32_t i = 0; i < f->count; i++) {
        const clade_node *node = f->from->nodes[i];
        for (uint32_t k = 0; f->needed[i] && k < node->input_count; k++) {
            uint32_t source = node->inputs[k].node;
            bool travels = is_constant(f->from->nodes[source]) && is_pointwise(node);
            if (f->group[source] != f->group[i] && !travels) f->uses[source]++;
        }
    }
}

/* A constant that only point-wise nodes read has no node of its own. */
static bool dissolves(const fusion *f, uint32_t i) {
    return is_constant(f->from->nodes[i]) && !f->leaves[i] && f->uses[i] == 0;
}

/* Growing looks only as far as is quick (reached_through_others()): where groups wait for each other all the same, one of
 * them is given up. */
static void order_groups(fusion *f, ordering *o) {
    for (uint32_t waits = 0; waits != UINT32_MAX;) {
        waits = UINT32_MAX;
        o->count = 0;
        memset(o->state, 0, (f->count + 1) * sizeof *o->state);
        count_uses(f);
        for (uint32_t i = 0; i < f->count && waits == UINT32_MAX; i++)
            if (f->needed[i] && f->last[f->group[i]] == i && !dissolves(f, i)) waits = place_group(f, o, f->group[i]);
        if (waits != UINT32_MAX) split(f, waits);
    }
}

clade_graph *clade_pass_fuse(const clade_graph *graph, clade_value *targets, size_t count, bool updates,
                             clade_rewrite *rewrite) {
    clade_graph *fused = NULL;
    fusion f = { .from = graph, .count = graph->node_count };
    ordering o = { 0 };
    bool good = prepare(&f, targets, count, updates);
    o.order = clade_allocate(graph->context, f.count + 1, sizeof *o.order);
    o.state = clade_allocate(graph->context, f.count + 1, sizeof *o.state);
    if (good && o.order && o.state) {
        for (uint32_t i = 0; i < f.count; i++)
            if (f.needed[i] && is_pointwise(graph->nodes[i])) grow(&f, i);
        order_groups(&f, &o);
        size_t kept = 0;
        for (size_t i = 0; i < o.count; i++)
            if (!dissolves(&f, o.order[i])) o.order[kept++] = o.order[i];
        fused = clade_graph_rewrite_in_order(graph, o.order, kept, targets, count, updates, fuse_node, &f, rewrite);
    } else {
        clade_fail_memory(graph->context, f.count * sizeof(uint32_t), "the fusion pass");
    }
    release(&f);
    clade_free(graph->context, o.order);
    clade_free(graph->context, o.state);
    return fused;
}
