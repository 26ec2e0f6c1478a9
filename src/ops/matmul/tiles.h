/* The shapes in which GPU-like devices cut matrix products (kernels/tile.h), for everything that multiplies by tiles. */
#ifndef CLADE_OPS_TILES_H
#define CLADE_OPS_TILES_H

#include "ops/op.h"

/* A group computes M x N elements, DEPTH steps at a time; a work-item ROWS x COLUMNS of them. */
typedef struct clade_tile {
    int64_t m, n, depth, rows, columns;
    double
        rate; /* of the device's arithmetic where all of it is busy: what a work-item reads is less for larger blocks */
} clade_tile;

/* A product of M x N elements over DEPTH steps, COUNT times side by side, whose depth may be cut into MOST_PARTS. */
typedef struct clade_tiled_product {
    int64_t m, n, depth, count, most_parts;
} clade_tiled_product;

/* Whether the device takes the smallest tile; if not, WHY says so. */
bool clade_tiles_applicable(const clade_site *site, char why[128]);
/* How many configurations there are at SITE: the default and each tile that its device takes; on a CPU-like device, where
 * tiles are never the best choice, the default alone. */
int clade_tiles_count(const clade_site *site);
/* The tile of site->configuration; for 0, or a number beyond clade_tiles_count, the one that suits the sizes best. Expects
 * a device that takes the smallest tile (clade_tiles_applicable). */
const clade_tile *clade_tile_for(const clade_site *site, const clade_tiled_product *product);
/* Work-items of a group, and the most bytes of local memory that its kernels declare. */
int64_t clade_tile_items(const clade_tile *tile);
int64_t clade_tile_local_memory(const clade_tile *tile);
/* Into how many parts the depth is to be cut so that the device has enough to do. */
int64_t clade_tile_parts(const clade_tile *tile, const clade_tiled_product *product);
/* The options for programs that include kernels/tile.h. */
void clade_tile_options(const clade_tile *tile, const clade_site *site, char options[128]);

/* Appends kernels/parts.cl: output 0 is the sum of PARTS arrays in workspace INDEX, with the row's tail, whose channel is
 * the remainder of the element's number by COLUMNS. */
clade_status clade_tile_add_parts(const clade_site *site, clade_commands *commands, int index, int64_t parts,
                                  int64_t columns);

#endif
