/* Folding, for inference: a convolution or dense layer whose result is multiplied by and added to numbers of each channel
 * that depend on states alone (a batch norm's, there) gets them into its weights and bias:
 *     (w x) * s + b  =  (w * s) x + b
 * What is computed from states alone is computed once for all runs. */
#include "ops/convolution/convolution.h"
#include "ops/matmul/matmul.h"
#include "passes/passes.h"
#include "passes/uses.h"

extern const clade_op clade_op_add, clade_op_multiply, clade_op_subtract;

/* What happens to one node's result, by channel: times the scales, plus the shifts, in turn. */
typedef struct folding {
    clade_uses uses;
    bool *fixed;       /* by node: depends on states and constants alone */
    uint32_t *host_of; /* by node: 1 + the node whose channels it scales or shifts; 0: none's */
    uint32_t *last;    /* by host: the last such node; UINT32_MAX: none */
} folding;

static void find_fixed(folding *f) {
    const clade_graph *graph = f->uses.graph;
    for (uint32_t i = 0; i < graph->node_count; i++) {
        const clade_node *node = graph->nodes[i];
        f->last[i] = UINT32_MAX;
        f->fixed[i] = node->input_count > 0 || node->op == &clade_op_state || node->op == &clade_op_constant;
        for (uint32_t k = 0; k < node->input_count; k++)
            f->fixed[i] = f->fixed[i] && f->fixed[node->inputs[k].node];
    }
}

static bool is_host(const folding *f, const clade_node *node) {
    if (node->op != &clade_op_conv2d && node->op != &clade_op_matmul) return false;
    return f->fixed[node->inputs[1].node] && !f->fixed[node->index] && clade_tail_empty(clade_tail_of(node));
}

/* Whether VALUE is fixed and broadcasts to Y as one number for each of Y's axis 1. */
static bool by_channel(const folding *f, clade_value value, const clade_dims *y) {
    const clade_dims *dims = &clade_value_type(value)->dims;
    if (!f->fixed[value.node] || y->size[1] <= 0) return false;
    for (int32_t axis = 0; axis < dims->rank; axis++) {
        const int32_t of_y = axis + y->rank - dims->rank;
        if (dims->size[axis] != 1 && (of_y != 1 || dims->size[axis] != y->size[1])) return false;
    }
    return true;
}

/* Which input of NODE is what is done to the other, VALUE, by channel; -1: none. */
static int operand_of(const folding *f, const clade_node *node, clade_value value, const clade_dims *y) {
    const bool commutes = node->op == &clade_op_add || node->op == &clade_op_multiply;
    if (!commutes && node->op != &clade_op_subtract) return -1;
    const int operand = clade_value_equal(node->inputs[0], value) ? 1 : 0;
    if (operand == 0 && !commutes) return -1;
    return by_channel(f, node->inputs[operand], y) ? operand : -1;
}

static void follow(folding *f, const clade_node *host) {
    clade_value value = { (clade_graph *)(uintptr_t)host->graph, host->index, 0 };
    const clade_dims *y = &host->outputs[0].dims;
    bool scaled = false;
    const clade_node *reader;
    uint32_t last = UINT32_MAX;
    while ((reader = clade_uses_only_reader(&f->uses, value)) != NULL && operand_of(f, reader, value, y) >= 0) {
        scaled = scaled || reader->op == &clade_op_multiply;
        last = reader->index;
        value.node = last;
    }
    if (!scaled) return;
    f->last[host->index] = last;
    for (value.node = host->index; value.node != last; value.node = reader->index) {
        reader = clade_uses_only_reader(&f->uses, value);
        f->host_of[reader->index] = 1 + host->index;
    }
}

/* ---- emitting ---- */

/* VALUE, one number or one for each channel, as DIMS with the channels in AXIS. */
static clade_value along(clade_value value, int32_t rank, int32_t axis) {
    const clade_dims own = clade_value_dims(value);
    clade_dims dims = { .rank = rank };
    clade_size count = 1;
    for (int32_t i = 0; i < own.rank; i++)
        if (own.size[i] != 1) count = own.size[i];
    for (int32_t i = 0; i < rank; i++)
        dims.size[i] = i == axis ? count : 1;
    return clade_reshape(value, dims);
}

/* The axis of HOST's weights that counts the channels of its result. */
static int32_t channel_axis(const clade_node *host) {
    if (host->op == &clade_op_conv2d) return 0;
    const clade_matmul_attributes *a = host->attributes;
    return a->transpose_b ? 0 : 1;
}

static clade_value emit(const folding *f, clade_rewrite *rewrite, const clade_node *host) {
    const clade_dims *y = &host->outputs[0].dims;
    clade_value x = clade_rewrite_value(rewrite, host->inputs[0]), w = clade_rewrite_value(rewrite, host->inputs[1]);
    clade_value shift = CLADE_NO_VALUE, value = { (clade_graph *)(uintptr_t)host->graph, host->index, 0 };
    const int32_t weight_rank = clade_value_dims(w).rank;
    while (value.node != f->last[host->index]) {
        const clade_node *node = clade_uses_only_reader(&f->uses, value);
        const int operand = operand_of(f, node, value, y);
        const clade_value by = clade_rewrite_value(rewrite, node->inputs[operand]);
        const clade_value aligned = along(by, y->rank - 1, 0);
        if (node->op == &clade_op_multiply) {
            w = clade_multiply(w, along(by, weight_rank, channel_axis(host)));
            if (clade_value_valid(shift)) shift = clade_multiply(shift, aligned);
        } else if (node->op == &clade_op_add) {
            shift = clade_value_valid(shift) ? clade_add(shift, aligned) : aligned;
        } else {
            shift = clade_value_valid(shift) ? clade_subtract(shift, aligned) : clade_negate(aligned);
        }
        value.node = node->index;
    }
    const clade_value sum =
        clade_append(rewrite->to, host->op, host->name, host->attributes, (const clade_value[]){ x, w }, 2);
    return clade_value_valid(shift) ? clade_add(sum, shift) : sum;
}

static bool folded(void *user, clade_rewrite *rewrite, const clade_node *node, const clade_value *inputs,
                   clade_value *out) {
    (void)inputs;
    const folding *f = user;
    const uint32_t host = f->host_of[node->index];
    if (host == 0 && f->last[node->index] == UINT32_MAX) return false;
    out[0] = CLADE_NO_VALUE;
    if (host > 0 && f->last[host - 1] == node->index) out[0] = emit(f, rewrite, node->graph->nodes[host - 1]);
    return true;
}

clade_graph *clade_pass_fold(const clade_graph *graph, clade_value *targets, size_t count, clade_rewrite *rewrite) {
    clade_graph *to = NULL;
    folding f = { .fixed = NULL };
    const bool good = clade_uses_find(&f.uses, graph, targets, count, false);
    f.fixed = clade_allocate(graph->context, graph->node_count + 1, sizeof *f.fixed);
    f.host_of = clade_allocate(graph->context, graph->node_count + 1, sizeof *f.host_of);
    f.last = clade_allocate(graph->context, graph->node_count + 1, sizeof *f.last);
    if (good && f.fixed && f.host_of && f.last) {
        find_fixed(&f);
        for (uint32_t i = 0; i < graph->node_count; i++)
            if (f.uses.needed[i] && is_host(&f, graph->nodes[i])) follow(&f, graph->nodes[i]);
        to = clade_graph_rewrite(graph, targets, count, false, folded, &f, rewrite);
    } else if (good) {
        clade_fail_memory(graph->context, graph->node_count * sizeof *f.last, "the folding pass");
    }
    clade_free(graph->context, f.fixed);
    clade_free(graph->context, f.host_of);
    clade_free(graph->context, f.last);
    clade_uses_free(&f.uses);
    return to;
}
