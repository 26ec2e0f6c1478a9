/* The tiles of kernels/tile.h: which a device takes, and which suits a product. Everything depends on the sizes and on the
 * limits of a group, never on how many groups run at once. */
#include "ops/matmul/tiles.h"

#include "ops/tail.h"

#include <stdio.h>

/* From the smallest group on: the first is what a device must take. */
static const clade_tile tiles[] = {
    { 32, 32, 16, 4, 4, 0.45 }, { 32, 64, 16, 4, 4, 0.55 }, { 64, 64, 8, 8, 8, 0.85 },   { 64, 64, 16, 4, 4, 0.65 },
    { 64, 128, 8, 8, 8, 0.95 }, { 128, 64, 8, 8, 8, 0.95 }, { 128, 128, 8, 8, 8, 1.00 },
};

enum {
    TILES = sizeof tiles / sizeof tiles[0],
    PADDING = 4,         /* of a step of a tile, in floats */
    TABLES = 3,          /* integers for each column of a tile, in the filter gradient */
    ENOUGH_ITEMS = 32768 /* work-items that keep a large GPU busy */
};

int64_t clade_tile_items(const clade_tile *tile) {
    return tile->m / tile->rows * (tile->n / tile->columns);
}

int64_t clade_tile_local_memory(const clade_tile *tile) {
    return 4 * (2 * tile->depth * (tile->m + tile->n + 2 * PADDING) + TABLES * tile->n);
}

static bool fits(const clade_site *site, const clade_tile *tile) {
    const clade_capabilities *can = &site->device->capabilities;
    const size_t items = (size_t)clade_tile_items(tile);
    return items <= can->max_group_size && items <= can->max_group_sizes[0] &&
           (size_t)clade_tile_local_memory(tile) <= can->local_memory;
}

bool clade_tiles_applicable(const clade_site *site, char why[128]) {
    if (fits(site, &tiles[0])) return true;
    snprintf(why, 128, "needs groups of %lld work-items and %lld bytes of local memory",
             (long long)clade_tile_items(&tiles[0]), (long long)clade_tile_local_memory(&tiles[0]));
    return false;
}

int clade_tiles_count(const clade_site *site) {
    int count = 1;
    if (site->device->capabilities.is_cpu) return count;
    for (size_t i = 0; i < TILES; i++) {
        if (fits(site, &tiles[i])) count++;
    }
    return count;
}

/* What part of the device's arithmetic is expected to do useful work. */
static double score(const clade_tile *tile, const clade_tiled_product *p) {
    const double groups = (double)(clade_blocks(p->m, tile->m) * clade_blocks(p->n, tile->n) * p->count);
    const double useful = (double)p->m * (double)p->n * (double)p->count / (groups * (double)(tile->m * tile->n));
    const double items = groups * (double)clade_tile_items(tile) * (double)p->most_parts;
    return tile->rate * useful * (items < ENOUGH_ITEMS ? items / ENOUGH_ITEMS : 1);
}

const clade_tile *clade_tile_for(const clade_site *site, const clade_tiled_product *product) {
    const clade_tile *best = &tiles[0];
    int seen = 0;
    for (size_t i = 0; i < TILES; i++) {
        if (!fits(site, &tiles[i])) continue;
        if (++seen == site->configuration) return &tiles[i];
        if (score(&tiles[i], product) > score(best, product)) best = &tiles[i];
    }
    return best;
}

int64_t clade_tile_parts(const clade_tile *tile, const clade_tiled_product *p) {
    const int64_t groups = clade_blocks(p->m, tile->m) * clade_blocks(p->n, tile->n) * p->count;
    const int64_t wanted = clade_blocks(ENOUGH_ITEMS, groups * clade_tile_items(tile));
    return clade_smaller(wanted, p->most_parts);
}

void clade_tile_options(const clade_tile *tile, const clade_site *site, char options[128]) {
    snprintf(options, 128, "-DTILE_M=%lld -DTILE_N=%lld -DDEPTH=%lld -DROWS=%lld -DCOLUMNS=%lld%s", (long long)tile->m,
             (long long)tile->n, (long long)tile->depth, (long long)tile->rows, (long long)tile->columns,
             site->device->capabilities.is_cpu ? " -DFAST_FMA" : "");
}

clade_status clade_tile_add_parts(const clade_site *site, clade_commands *commands, int index, int64_t parts,
                                  int64_t columns) {
    enum { OWN = 5 };
    clade_argument arguments[OWN + CLADE_TAIL_ARGUMENTS] = {
        clade_buffer_argument(site->workspace[index]),
        clade_buffer_argument(site->out[0].buffer),
        clade_int_argument(site->out[0].count),
        clade_int_argument(parts),
        clade_int_argument(columns),
    };
    clade_tail_arguments(site, arguments + OWN);
    return clade_commands_launch(commands, &(clade_launch){
                                               .file = "parts.cl",
                                               .kernel = "add_parts",
                                               .label = site->label,
                                               .global = { (size_t)site->out[0].count },
                                               .arguments = arguments,
                                               .argument_count = sizeof arguments / sizeof arguments[0],
                                               .bytes = 4.0 * (double)(site->out[0].count * (parts + 1)),
                                           });
}
