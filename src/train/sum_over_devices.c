/* Gathers what is to be summed, and appends the sums. */
#include "train/sum_over_devices.h"

#include "base/context.h"
#include "clade/ops.h"
#include "ops/all_reduce.h"
#include "passes/passes.h"
#include "train/row.h"

#include <stdlib.h>

/* So many bytes make a sum of its own: enough that its latency hardly counts, few enough that it begins early. */
enum { SUM_BYTES = 1 << 20 };

typedef struct terms {
    clade_graph *graph;
    clade_value *values; /* of this device */
    clade_value **sums;  /* where their sums go */
    size_t count;
} terms;

clade_value clade_device_share(clade_graph *graph) {
    return clade_scalar(graph, CLADE_DEVICE_SHARE, 1);
}

static void add(terms *all, clade_value value, clade_value *sum) {
    all->values[all->count] = value;
    all->sums[all->count++] = sum;
}

/* ---- what is summed ---- */

static clade_value sharing(clade_value value) {
    return clade_multiply(clade_device_share(value.graph), value);
}

/* COUNT where the device has a share in the batch; 0 where it runs along without one. */
static clade_value counting(clade_value count) {
    return clade_multiply(clade_ceiling(clade_device_share(count.graph)), clade_cast(count, CLADE_F32));
}

static void add_outcome(terms *all, const clade_feed *feed, clade_feed *summed) {
    *summed = *feed;
    add(all, sharing(feed->loss), &summed->loss);
    if (clade_value_valid(feed->correct)) add(all, counting(feed->correct), &summed->correct);
    for (size_t i = 0; i < feed->part_count; i++)
        add(all, sharing(feed->parts[i]), &summed->parts[i]);
}

/* Whether a node depends on the samples: what does not is the same on every device already. */
static bool *find_fed(const clade_graph *graph) {
    bool *fed = clade_allocate(graph->context, graph->node_count + 1, sizeof *fed);
    for (uint32_t i = 0; fed && i < graph->node_count; i++) {
        const clade_node *node = graph->nodes[i];
        fed[i] = node->op == &clade_op_input || node->op == &clade_op_random_state;
        for (uint32_t k = 0; k < node->input_count; k++)
            fed[i] = fed[i] || fed[node->inputs[k].node];
    }
    return fed;
}

static void add_updates(terms *all, uint32_t count, const bool *fed) {
    for (uint32_t i = 0; i < count; i++) {
        clade_value *value = &all->graph->updates[i].value;
        if (fed[value->node]) add(all, sharing(*value), value);
    }
}

static int by_node(const void *left, const void *right) {
    const clade_value *a = *(clade_value *const *)left, *b = *(clade_value *const *)right;
    return a->node != b->node ? (a->node < b->node ? -1 : 1) : a->output < b->output ? -1 : a->output > b->output;
}

/* In the order in which the backward pass computes them. SUMS holds the gradients until they are replaced. */
static void add_gradients(terms *all, clade_trained *trained) {
    const size_t first = all->count;
    for (size_t i = 0; i < trained->count; i++) {
        trained->sums[i] = trained->gradients[i];
        all->sums[all->count++] = &trained->sums[i];
    }
    qsort(all->sums + first, trained->count, sizeof *all->sums, by_node);
    for (size_t i = first; i < all->count; i++)
        all->values[i] = *all->sums[i];
}

/* ---- the sums ---- */

static size_t bytes_of(clade_value value) {
    return (size_t)clade_row_elements(value) * sizeof(float);
}

/* How many values from FIRST on go into one sum. */
static size_t next_sum(const terms *all, size_t first) {
    size_t count = 0, bytes = 0;
    while (first + count < all->count && count < CLADE_MAX_OUTPUTS && bytes < SUM_BYTES)
        bytes += bytes_of(all->values[first + count++]);
    return count;
}

static void append_sums(const terms *all) {
    for (size_t first = 0, count; first < all->count; first += count) {
        clade_value sums[CLADE_MAX_OUTPUTS];
        count = next_sum(all, first);
        clade_all_reduce(all->values + first, count, sums);
        for (size_t i = 0; i < count; i++)
            *all->sums[first + i] = sums[i];
    }
}

clade_status clade_sum_over_devices(const clade_feed *feed, clade_feed *summed, clade_trained *trained) {
    clade_graph *graph = feed->loss.graph;
    const uint32_t updates = graph->update_count;
    const size_t most = trained->count + updates + 2 + feed->part_count;
    bool *fed = find_fed(graph);
    terms all = { .graph = graph,
                  .values = clade_allocate(graph->context, most, sizeof *all.values),
                  .sums = clade_allocate(graph->context, most, sizeof *all.sums) };
    clade_status status = CLADE_OK;
    if (fed && all.values && all.sums) {
        add_gradients(&all, trained);
        add_outcome(&all, feed, summed);
        add_updates(&all, updates, fed);
        append_sums(&all);
        status = clade_graph_status(graph);
    } else {
        status = clade_fail_memory(graph->context, most * sizeof *all.values, "the sums over devices");
    }
    clade_free(graph->context, fed);
    clade_free(graph->context, all.values);
    clade_free(graph->context, all.sums);
    return status;
}
