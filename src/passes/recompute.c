/* Recomputation: a training step in less memory. Forward values that backward reads are dropped, and computed again when
 * backward comes to them (Chen, Xu, Zhang and Guestrin, "Training Deep Nets with Sublinear Memory Cost", 2016). The nodes
 * that compute them again are copies: the same operators with the same attributes on the same values, and so the same bits,
 * drawn numbers among them.
 *
 * What to drop is found by trying. Values are put in the order of the work that a byte of them costs; the first K of them
 * are dropped. Where more than B bytes of dropped values hang together, so that one needs another to be computed again, the
 * run is cut where the fewest bytes cross, and what crosses is kept: B near the square root of the whole gives the least
 * memory. For several B the least K that fits is looked for, and the pair with the least work is taken. */
#include "passes/recompute.h"

#include "ops/normalization/batch_norm.h"

#include <stdlib.h>
#include <string.h>

enum {
    LEAST = 4096,    /* bytes of a value that is worth the trouble */
    SMALL_PART = 16, /* outputs smaller than the largest of their node by this factor are kept */
    GROWTH = 2,      /* from one B to the next */
};

/* A node whose results may be dropped. */
typedef struct candidate {
    uint32_t node;
    double rate; /* work for a byte */
} candidate;

typedef struct search {
    clade_schedule schedule;
    candidate *candidates;
    size_t candidate_count;
    size_t late_bytes, largest; /* of all candidates, and of one */
    size_t *crossing;           /* by forward node: bytes of dropped values that are read on both sides of its end */
    /* the best so far */
    size_t best_k, best_b, best_peak;
    double best_effort;
    bool fits;
} search;

/* ---- candidates ---- */

/* Whether output O of NODE is large enough for it to be worth dropping. */
static bool is_large(const search *s, const clade_node *node, uint32_t o) {
    const size_t *bytes = &s->schedule.costs->bytes[s->schedule.costs->first[node->index]];
    size_t largest = 0;
    for (uint32_t i = 0; i < node->output_count; i++)
        if (bytes[i] > largest) largest = bytes[i];
    return bytes[o] > 0 && bytes[o] >= largest / SMALL_PART;
}

/* Bytes of what backward reads of NODE and could do without. */
static size_t droppable_bytes(const search *s, const clade_node *node) {
    const clade_schedule *schedule = &s->schedule;
    size_t sum = 0;
    for (uint32_t o = 0; !schedule->costs->fixed[node->index] && o < node->output_count; o++) {
        const uint32_t slot = schedule->costs->first[node->index] + o;
        if (schedule->late[slot] && !schedule->stays[slot] && is_large(s, node, o)) sum += schedule->costs->bytes[slot];
    }
    return sum;
}

static int cheaper_first(const void *left, const void *right) {
    const candidate *a = left, *b = right;
    if (a->rate != b->rate) return a->rate < b->rate ? -1 : 1;
    return a->node < b->node ? -1 : a->node > b->node;
}

/* The work of computing each node again with those before it that nothing keeps. */
static void add_up_work(const clade_schedule *schedule, double *work) {
    for (uint32_t i = 0; i < schedule->graph->backward_from; i++) {
        const clade_node *node = schedule->graph->nodes[i];
        work[i] = schedule->costs->fixed[i] ? 0 : schedule->costs->effort[i];
        for (uint32_t k = 0; work[i] > 0 && k < node->input_count; k++)
            if (!schedule->late[clade_schedule_slot(schedule, node->inputs[k])]) work[i] += work[node->inputs[k].node];
    }
}

static bool list_candidates(search *s) {
    const clade_graph *graph = s->schedule.graph;
    double *work = clade_allocate(graph->context, graph->backward_from + 1, sizeof *work);
    s->candidates = clade_allocate(graph->context, graph->backward_from + 1, sizeof *s->candidates);
    if (work && s->candidates) {
        add_up_work(&s->schedule, work);
        for (uint32_t i = 0; i < graph->backward_from; i++) {
            const size_t bytes = droppable_bytes(s, graph->nodes[i]);
            if (bytes < LEAST) continue;
            s->candidates[s->candidate_count++] = (candidate){ i, work[i] / (double)bytes };
            s->late_bytes += bytes;
            if (bytes > s->largest) s->largest = bytes;
        }
        qsort(s->candidates, s->candidate_count, sizeof *s->candidates, cheaper_first);
    }
    const bool good = work && s->candidates;
    clade_free(graph->context, work);
    return good;
}

/* ---- what K and B decide ---- */

static void set_dropped(search *s, const clade_node *node, bool late) {
    clade_schedule *schedule = &s->schedule;
    for (uint32_t o = 0; o < node->output_count; o++) {
        const uint32_t slot = schedule->costs->first[node->index] + o;
        if (schedule->late[slot] == late && !schedule->stays[slot] && (!late || is_large(s, node, o)))
            schedule->dropped[slot] = true;
    }
}

/* Drops the results of the first K candidates, and what only forward nodes read. */
static void drop_first(search *s, size_t k) {
    clade_schedule *schedule = &s->schedule;
    memset(schedule->dropped, 0, schedule->slot_count);
    for (uint32_t i = 0; i < schedule->graph->backward_from; i++)
        if (!schedule->costs->fixed[i]) set_dropped(s, schedule->graph->nodes[i], false);
    for (size_t i = 0; i < k; i++)
        set_dropped(s, schedule->graph->nodes[s->candidates[i].node], true);
}

static void find_crossings(search *s) {
    const clade_schedule *schedule = &s->schedule;
    const uint32_t end = schedule->graph->backward_from;
    memset(s->crossing, 0, (end + 1) * sizeof *s->crossing);
    for (uint32_t i = 0; i < end; i++)
        for (uint32_t o = 0; o < schedule->graph->nodes[i]->output_count; o++) {
            const uint32_t slot = schedule->costs->first[i] + o;
            if (!schedule->dropped[slot]) continue;
            s->crossing[i] += schedule->costs->bytes[slot];
            s->crossing[schedule->last_forward[slot]] -= schedule->costs->bytes[slot]; /* modulo the size of a size_t */
        }
    for (uint32_t i = 1; i < end; i++)
        s->crossing[i] += s->crossing[i - 1];
}

/* Bytes of node I's results that are dropped though backward reads them. */
static size_t dropped_bytes(const clade_schedule *schedule, uint32_t i) {
    size_t sum = 0;
    for (uint32_t o = 0; o < schedule->graph->nodes[i]->output_count; o++) {
        const uint32_t slot = schedule->costs->first[i] + o;
        if (schedule->dropped[slot] && schedule->late[slot]) sum += schedule->costs->bytes[slot];
    }
    return sum;
}

/* Keeps what nodes FIRST to LAST made if a node after UNTIL reads it. */
static void keep(clade_schedule *schedule, uint32_t first, uint32_t last, uint32_t until) {
    for (uint32_t i = first; i <= last; i++)
        for (uint32_t o = 0; o < schedule->graph->nodes[i]->output_count; o++) {
            const uint32_t slot = schedule->costs->first[i] + o;
            if (schedule->last_forward[slot] > until) schedule->dropped[slot] = false;
        }
}

/* Cuts what hangs together into runs of at most about B bytes. The last run is not dropped at all: backward begins with
 * it, when there is room for it. */
static void cut(search *s, size_t b) {
    clade_schedule *schedule = &s->schedule;
    const uint32_t end = schedule->graph->backward_from;
    uint32_t first = 0, best = UINT32_MAX; /* of the run; the node after which to cut it */
    size_t bytes = 0;
    find_crossings(s);
    for (uint32_t i = 0; i < end; i++) {
        bytes += dropped_bytes(schedule, i);
        if (bytes > 0 && s->crossing[i] == 0 && i + 1 < end) {
            first = i + 1;
            best = UINT32_MAX;
            bytes = 0;
        } else if (bytes > b / 2 && (best == UINT32_MAX || s->crossing[i] <= s->crossing[best])) {
            best = i;
        }
        if (bytes <= b || best == UINT32_MAX) continue;
        keep(schedule, first, best, best);
        first = best + 1;
        i = best; /* what lies beyond is walked again, as part of the next run */
        best = UINT32_MAX;
        bytes = 0;
    }
    for (uint32_t i = first; i < end; i++)
        for (uint32_t o = 0; o < schedule->graph->nodes[i]->output_count; o++)
            if (schedule->late[schedule->costs->first[i] + o]) schedule->dropped[schedule->costs->first[i] + o] = false;
}

/* ---- search ---- */

static void decide(search *s, size_t k, size_t b) {
    drop_first(s, k);
    cut(s, b);
    clade_schedule_walk(&s->schedule);
}

/* Keeps K and B when they are better than the best so far. */
static bool consider(search *s, size_t k, size_t b, size_t budget) {
    decide(s, k, b);
    const clade_schedule *now = &s->schedule;
    const bool fits = now->peak <= budget;
    const bool better = fits != s->fits             ? fits
                        : fits                      ? now->effort < s->best_effort
                        : now->peak != s->best_peak ? now->peak < s->best_peak
                                                    : now->effort < s->best_effort;
    if (better) {
        s->best_k = k;
        s->best_b = b;
        s->best_peak = now->peak;
        s->best_effort = now->effort;
        s->fits = fits;
    }
    return fits;
}

static void look(search *s, size_t budget) {
    s->best_peak = SIZE_MAX;
    for (size_t b = s->largest; b / GROWTH <= s->late_bytes && s->candidate_count > 0; b *= GROWTH) {
        size_t least = 1, most = s->candidate_count;
        if (!consider(s, most, b, budget)) continue;
        while (least < most) {
            const size_t middle = least + (most - least) / 2;
            if (consider(s, middle, b, budget))
                most = middle;
            else
                least = middle + 1;
        }
    }
    decide(s, s->best_k, s->best_b);
}

/* ---- the new graph ---- */

typedef struct emission {
    const clade_schedule *schedule;
    clade_recomputation *report;
    bool *seen; /* by node of the old graph */
} emission;

/* The copy that runs for backward must not read the running statistics: they could then not be updated in their place. Its
 * own new ones are read by nobody, and gamma and beta are of the same dims. */
static void spare_running_statistics(const clade_node *node, clade_value *inputs) {
    if (node->op != &clade_op_batch_norm) return;
    inputs[3] = inputs[1];
    inputs[4] = inputs[2];
}

static bool emit(void *user, clade_rewrite *rewrite, const clade_node *node, const clade_value *inputs,
                 clade_value *out) {
    emission *e = user;
    const clade_schedule *schedule = e->schedule;
    const bool twice = e->seen[node->index];
    clade_value taken[CLADE_MAX_INPUTS];
    clade_fused_attributes fused;
    const void *attributes = node->attributes;
    if (node->input_count > 0) memcpy(taken, inputs, node->input_count * sizeof *taken);
    if (twice) spare_running_statistics(node, taken);
    if (node->op == &clade_op_fused) {
        if (!clade_fused_copy(rewrite->to, node, &fused))
            clade_invalid(rewrite->to, CLADE_ERROR_MEMORY, "out of memory for a fused node");
        attributes = &fused;
    }
    const uint32_t index = rewrite->to->node_count;
    const clade_value copy = clade_append(rewrite->to, node->op, node->name, attributes, taken, node->input_count);
    for (uint32_t o = 0; o < node->output_count; o++)
        if (!twice || schedule->dropped[clade_schedule_slot(schedule, (clade_value){ node->graph, node->index, o })])
            out[o] = clade_output(copy, o);
    e->report->origin[index] = node->index;
    e->report->again[index] = twice;
    e->report->count += twice && !node->op->view;
    e->seen[node->index] = true;
    return true;
}

static clade_graph *rewrite(const search *s, clade_value *targets, size_t count, bool updates,
                            clade_recomputation *report) {
    const clade_schedule *schedule = &s->schedule;
    clade_context *context = schedule->graph->context;
    emission e = { .schedule = schedule, .report = report };
    e.seen = clade_allocate(context, schedule->graph->node_count + 1, sizeof *e.seen);
    report->origin = clade_allocate(context, schedule->order_count + 1, sizeof *report->origin);
    report->again = clade_allocate(context, schedule->order_count + 1, sizeof *report->again);
    clade_graph *again = NULL;
    if (e.seen && report->origin && report->again)
        again = clade_graph_rewrite_in_order(schedule->graph, schedule->order, schedule->order_count, targets, count,
                                             updates, emit, &e, NULL);
    else
        clade_fail_memory(context, schedule->order_count * sizeof *report->origin, "the pass for recomputation");
    clade_free(context, e.seen);
    return again;
}

void clade_recomputation_free(clade_context *context, clade_recomputation *report) {
    clade_free(context, report->origin);
    clade_free(context, report->again);
    *report = (clade_recomputation){ 0 };
}

clade_graph *clade_pass_recompute(const clade_graph *graph, clade_value *targets, size_t count, bool updates,
                                  const clade_recompute_costs *costs, size_t budget, clade_recomputation *report) {
    search s = { .best_peak = SIZE_MAX };
    clade_graph *again = NULL;
    *report = (clade_recomputation){ 0 };
    bool good = clade_schedule_new(&s.schedule, graph, costs, targets, count, updates);
    s.crossing = clade_allocate(graph->context, graph->node_count + 1, sizeof *s.crossing);
    if (good && (!s.crossing || !list_candidates(&s))) {
        clade_fail_memory(graph->context, graph->node_count * sizeof *s.crossing, "the pass for recomputation");
        good = false;
    }
    if (good) {
        look(&s, budget);
        report->peak = s.schedule.peak;
        again = rewrite(&s, targets, count, updates, report);
    }
    clade_free(graph->context, s.crossing);
    clade_free(graph->context, s.candidates);
    clade_schedule_free(&s.schedule);
    if (again == NULL) clade_recomputation_free(graph->context, report);
    return again;
}
