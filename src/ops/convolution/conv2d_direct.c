/* Convolution and its gradients on CPU-like devices: the implementation, which takes one of the ways of
 * conv2d_direct.h, and what those share. */
#include "ops/convolution/conv2d_direct.h"

#include <stdio.h>

/* The configurations: bytes of local memory at most, which a core's second-level cache is to hold (how large that is
 * OpenCL does not say). One more for the data gradient goes the way that seems to cost more. */
static const size_t local_limits[] = { 512 << 10, 256 << 10, 896 << 10 };

/* Those that differ on the site's device. */
static int limit_count(const clade_site *site) {
    return site->device->capabilities.local_memory <= local_limits[1]
               ? 1
               : (int)(sizeof local_limits / sizeof local_limits[0]);
}

/* ---- what the ways share ---- */

int64_t clade_direct_tile(const clade_convolution *c, int64_t row_block, int64_t column_block) {
    const int64_t reach[2] = { clade_direct_reach(c, 0), clade_direct_reach(c, 1) };
    const int64_t phases = clade_smaller(c->stride[0], reach[0] + 1) * clade_smaller(c->stride[1], reach[1] + 1);
    return phases * (row_block + reach[0] / c->stride[0]) * (column_block + reach[1] / c->stride[1]);
}

bool clade_direct_fits(const clade_site *site, const clade_direct_cut *t) {
    const int limits = limit_count(site);
    const size_t device = site->device->capabilities.local_memory;
    const size_t most = local_limits[site->configuration < limits ? site->configuration : 0];
    const bool room = t->tile + t->panel + t->taps + t->places <= (device < most ? device : most);
    return room && clade_may_turn(site, t->item); /* a turn takes a cycle or more */
}

void clade_direct_prefer(clade_direct_cut *best, const clade_direct_cut *t) {
    const bool first = best->channel_block == 0;
    if (first || t->fits > best->fits || (t->fits == best->fits && t->cost < best->cost)) *best = *t;
}

void clade_direct_add_tiles(clade_launching *l, const clade_direct_cut *t) {
    clade_launch_add(l, clade_local_argument(t->tile));
    clade_launch_add(l, clade_local_argument(t->panel));
    clade_launch_add(l, clade_local_argument(t->taps));
}

/* ---- the implementation ---- */

static const clade_direct_way *way_of(const clade_site *site, const clade_convolution *c) {
    if (site->node->op == &clade_op_conv2d) return &clade_direct_convolve;
    if (site->node->op == &clade_op_conv2d_filter_gradient) return &clade_direct_filter;
    const clade_direct_cut gathered = clade_direct_convolve.cut(site, c), scattered = clade_direct_scatter.cut(site, c);
    bool scatter = !gathered.fits || (scattered.fits && scattered.cost < gathered.cost);
    if (gathered.fits && scattered.fits && site->configuration == limit_count(site)) scatter = !scatter;
    return scatter ? &clade_direct_scatter : &clade_direct_convolve;
}

static bool applicable(const clade_site *site, char why[128]) {
    const clade_convolution c = clade_convolution_at(site);
    const clade_direct_cut t = way_of(site, &c)->cut(site, &c);
    if (!t.fits)
        snprintf(why, 128, "no block fits: the cheapest needs %zu bytes of local memory and %.0f cycles of a work-item",
                 t.tile + t.panel + t.taps + t.places, t.item);
    return t.fits;
}

static double suitability(const clade_site *site) {
    return site->device->capabilities.is_cpu ? 3 : 0;
}

static void workspace(const clade_site *site, size_t bytes[CLADE_MAX_WORKSPACES]) {
    const clade_convolution c = clade_convolution_at(site);
    const clade_direct_way *way = way_of(site, &c);
    if (way->workspace != NULL) bytes[0] = way->workspace(site, &c);
}

static size_t prepared(const clade_site *site) {
    const clade_convolution c = clade_convolution_at(site);
    const clade_direct_way *way = way_of(site, &c);
    return way->prepared != NULL ? way->prepared(site, &c) : 0;
}

static clade_status prepare(const clade_site *site, clade_commands *commands) {
    const clade_convolution c = clade_convolution_at(site);
    const clade_direct_way *way = way_of(site, &c);
    return way->prepare != NULL ? way->prepare(site, commands, &c) : CLADE_OK;
}

static int configuration_count(const clade_site *site) {
    return limit_count(site) + (site->node->op == &clade_op_conv2d_data_gradient);
}

static clade_status record(const clade_site *site, clade_commands *commands) {
    const clade_convolution c = clade_convolution_at(site);
    return way_of(site, &c)->record(site, commands, &c);
}

const clade_implementation clade_conv2d_direct = {
    .name = "direct",
    .applicable = applicable,
    .suitability = suitability,
    .workspace = workspace,
    .prepared = prepared,
    .prepare = prepare,
    .configurations = configuration_count,
    .tail = true,
    .record = record,
};
