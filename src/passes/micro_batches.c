/* One step in several micro-batches (Huang et al. 2019, GPipe): what depends on samples is there once for each.
 *
 * To the graph a micro-batch is what a device of a group is (train/sum_over_devices.h): its share of the samples scales
 * what it adds, and the sums over devices become sums over micro-batches. So loss and gradients are those of the whole
 * batch, and batch norm normalises by each micro-batch's own samples, or, after clade_pass_sync_batch_norm(), by all.
 *
 * The copies stand in the order: forward of the first micro-batch, of the second, ..., then backward of the first, ...;
 * where a sum has to be known before the rest can go on, everything that it takes comes before. A sum grows with each
 * micro-batch, so that no more than one term of it is kept. */
#include "ops/all_reduce.h"
#include "passes/passes.h"

#include <stdlib.h>
#include <string.h>

/* A node for one micro-batch, with what its place in the order goes by. */
typedef struct copy {
    uint32_t level; /* sums over micro-batches before it */
    bool backward;
    int64_t batch;
    const clade_node *node;
} copy;

typedef struct division {
    const clade_graph *from;
    clade_graph *to;
    int64_t count, samples; /* micro-batches, and the samples of each */
    bool *fed;              /* by node: it depends on samples */
    uint32_t *level;        /* by node */
    uint32_t *first;        /* by node: its first output's slot */
    uint32_t slots;
    clade_value *map; /* by micro-batch and slot */
    copy *copies;
    size_t copy_count;
} division;

static clade_value *mapped(const division *d, int64_t batch, clade_value old) {
    return &d->map[(size_t)batch * d->slots + d->first[old.node] + old.output];
}

static bool is_sum(const clade_node *node) {
    return node->op == &clade_op_all_reduce;
}

/* ---- what is there several times, and in which order ---- */

static bool begins_with_batch(const clade_node *input) {
    const clade_dims *dims = &input->outputs[0].dims;
    return dims->rank > 0 && dims->size[0] == CLADE_BATCH;
}

static void look_at(division *d, const clade_node *node) {
    const uint32_t i = node->index;
    d->fed[i] = node->op == &clade_op_random_state || (node->op == &clade_op_input && begins_with_batch(node));
    for (uint32_t k = 0; k < node->input_count; k++) {
        const clade_node *source = clade_value_node(node->inputs[k]);
        const uint32_t level = d->level[source->index] + is_sum(source);
        if (level > d->level[i]) d->level[i] = level;
        d->fed[i] = d->fed[i] || (d->fed[source->index] && !is_sum(source));
    }
    d->first[i] = d->slots;
    d->slots += node->output_count;
}

static void add_copies(division *d, const clade_node *node) {
    const int64_t times = d->fed[node->index] || is_sum(node) ? d->count : 1;
    for (int64_t m = 0; m < times; m++)
        d->copies[d->copy_count++] = (copy){
            .level = d->level[node->index], .backward = node->index >= d->from->backward_from, .batch = m, .node = node
        };
}

static int in_order(const void *left, const void *right) {
    const copy *a = left, *b = right;
    if (a->level != b->level) return a->level < b->level ? -1 : 1;
    if (a->backward != b->backward) return a->backward ? 1 : -1;
    if (a->batch != b->batch) return a->batch < b->batch ? -1 : 1;
    return (a->node->index > b->node->index) - (a->node->index < b->node->index);
}

/* ---- what stands in the new graph ---- */

static void set_all(division *d, clade_value old, clade_value value) {
    for (int64_t m = 0; m < d->count; m++)
        *mapped(d, m, old) = value;
}

static clade_value as_made_by(const clade_node *node, uint32_t output) {
    return (clade_value){ (clade_graph *)node->graph, node->index, output };
}

/* The whole batch comes in at once, and each micro-batch takes its samples. */
static void divide_input(division *d, const clade_node *node) {
    const clade_type *type = &node->outputs[0];
    clade_dims whole = type->dims, apart = { .rank = type->dims.rank + 1, .size = { d->count } };
    whole.size[0] = clade_size_multiply(d->to, CLADE_BATCH, d->count);
    memcpy(apart.size + 1, type->dims.size, (size_t)type->dims.rank * sizeof *apart.size);
    const clade_value all = clade_input(d->to, node->name, type->dtype, whole);
    const clade_value rows = clade_reshape(all, apart);
    for (int64_t m = 0; m < d->count; m++) {
        const clade_value row = clade_slice(rows, .begin = { m }, .end = { m + 1 });
        *mapped(d, m, as_made_by(node, 0)) = clade_reshape(row, type->dims);
    }
}

/* Random numbers follow the sample: word 4 is the number of the first (ops/random/draws.h). */
static void divide_random_state(division *d, const clade_node *node) {
    enum { FIRST_SAMPLE = 4, BEHIND = 3 };
    const clade_value state = clade_append(d->to, node->op, node->name, node->attributes, NULL, 0);
    *mapped(d, 0, as_made_by(node, 0)) = state;
    for (int64_t m = 1; m < d->count; m++) {
        const clade_value samples = clade_constant(d->to, clade_shape(1), (float)(m * d->samples));
        const clade_value offset =
            clade_pad(clade_cast(samples, CLADE_I32), .before = { FIRST_SAMPLE }, .after = { BEHIND });
        *mapped(d, m, as_made_by(node, 0)) = clade_add(state, offset);
    }
}

/* Adds micro-batch BATCH's term; one that is the same for all is multiplied. */
static void add_term(division *d, const clade_node *node, int64_t batch) {
    for (uint32_t i = 0; i < node->input_count; i++) {
        const clade_value before = *mapped(d, 0, as_made_by(node, i)), term = *mapped(d, batch, node->inputs[i]);
        const bool differs = d->fed[node->inputs[i].node];
        if (batch == 0)
            set_all(d, as_made_by(node, i), differs ? term : clade_scale(term, (double)d->count));
        else if (differs)
            set_all(d, as_made_by(node, i), clade_add(before, term));
    }
}

static bool is_share(const clade_node *node) {
    return node->op == &clade_op_scalar && strcmp(node->name, CLADE_DEVICE_SHARE) == 0;
}

static void append_copy(division *d, const clade_node *node, int64_t batch) {
    clade_value inputs[CLADE_MAX_INPUTS];
    for (uint32_t k = 0; k < node->input_count; k++)
        inputs[k] = *mapped(d, batch, node->inputs[k]);
    const clade_value made = clade_append(d->to, node->op, node->name, node->attributes, inputs, node->input_count);
    for (uint32_t o = 0; o < node->output_count; o++) {
        const clade_value out = clade_value_valid(made) ? clade_output(made, o) : made;
        if (d->fed[node->index])
            *mapped(d, batch, as_made_by(node, o)) = out;
        else
            set_all(d, as_made_by(node, o), out);
    }
}

static void place(division *d, const copy *c) {
    const clade_node *node = c->node;
    if (d->to->backward_from == 0 && c->backward) d->to->backward_from = d->to->node_count;
    if (is_sum(node))
        add_term(d, node, c->batch);
    else if (is_share(node))
        set_all(d, as_made_by(node, 0), clade_constant(d->to, CLADE_SCALAR, (float)(1 / (double)d->count)));
    else if (node->op == &clade_op_input && d->fed[node->index] && c->batch == 0)
        divide_input(d, node);
    else if (node->op == &clade_op_random_state && c->batch == 0)
        divide_random_state(d, node);
    else if (node->input_count > 0 || !d->fed[node->index])
        append_copy(d, node, c->batch);
}

/* What OLD is for the whole batch. */
static clade_value whole_of(division *d, clade_value old) {
    const clade_node *node = clade_value_node(old);
    if (!d->fed[old.node] || is_sum(node)) return *mapped(d, 0, old);
    return clade_invalid(d->to, CLADE_ERROR_UNSUPPORTED,
                         "%s %s: what a step gives must be summed over micro-batches, and this is not", node->op->name,
                         node->name);
}

static void finish(division *d, clade_value *targets, size_t count, bool updates) {
    for (size_t i = 0; i < count; i++)
        targets[i] = whole_of(d, targets[i]);
    for (uint32_t i = 0; updates && i < d->from->update_count; i++)
        clade_update(whole_of(d, d->from->updates[i].state), whole_of(d, d->from->updates[i].value));
}

/* ---- the whole ---- */

static bool prepare(division *d, const clade_value *targets, size_t count, bool updates) {
    const clade_graph *from = d->from;
    const size_t nodes = (size_t)from->node_count + 1;
    bool *needed = clade_allocate(from->context, nodes, sizeof *needed);
    d->fed = clade_allocate(from->context, nodes, sizeof *d->fed);
    d->level = clade_allocate(from->context, nodes, sizeof *d->level);
    d->first = clade_allocate(from->context, nodes, sizeof *d->first);
    d->copies = clade_allocate(from->context, nodes * (size_t)d->count, sizeof *d->copies);
    const bool good = needed && d->fed && d->level && d->first && d->copies;
    if (good) {
        clade_graph_mark_needed(from, targets, count, updates, needed);
        for (uint32_t i = 0; i < from->node_count; i++)
            look_at(d, from->nodes[i]);
        for (uint32_t i = 0; i < from->node_count; i++)
            if (needed[i]) add_copies(d, from->nodes[i]);
        qsort(d->copies, d->copy_count, sizeof *d->copies, in_order);
        d->map = clade_allocate(from->context, (size_t)d->count * (d->slots + 1), sizeof *d->map);
        d->to = clade_graph_empty_like(from);
    }
    clade_free(from->context, needed);
    return good && d->map && d->to;
}

static void release(division *d) {
    void *const all[] = { d->fed, d->level, d->first, d->copies, d->map };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        clade_free(d->from->context, all[i]);
}

clade_graph *clade_pass_micro_batches(const clade_graph *graph, clade_value *targets, size_t count, bool updates,
                                      int64_t parts, int64_t samples) {
    division d = { .from = graph, .count = parts, .samples = samples };
    if (prepare(&d, targets, count, updates)) {
        for (size_t i = 0; i < d.copy_count; i++)
            place(&d, &d.copies[i]);
        finish(&d, targets, count, updates);
    } else {
        clade_fail_memory(graph->context, (size_t)parts * graph->node_count * sizeof(clade_value), "micro-batches");
    }
    release(&d);
    if (d.to && clade_graph_status(d.to) == CLADE_OK && d.map) return d.to;
    clade_graph_free(d.to);
    return NULL;
}
