/* The matrix product on GPU-like devices: tiles in local memory, blocked in registers (kernels/gemm_tiled.cl). A long K
 * over a small C is cut into parts, which are added up at the end. */
#include "ops/matmul/matmul.h"
#include "ops/matmul/tiles.h"

enum { SHORTEST_PART = 512, OWN_ARGUMENTS = 11 };

static clade_tiled_product tiled_product_of(const clade_product *p) {
    const int64_t most_parts = p->k / SHORTEST_PART;
    return (clade_tiled_product){ p->m, p->n, p->k, 1, most_parts > 1 ? most_parts : 1 };
}

typedef struct cut {
    const clade_tile *tile;
    int64_t parts, part_depth;
} cut;

static cut cut_of(const clade_site *site, const clade_product *p) {
    const clade_tiled_product product = tiled_product_of(p);
    cut c = { .tile = clade_tile_for(site, &product) };
    c.part_depth = clade_blocks(p->k, clade_tile_parts(c.tile, &product));
    c.parts = clade_blocks(p->k, c.part_depth);
    return c;
}

static double suitability(const clade_site *site) {
    return site->device->capabilities.is_cpu ? 0 : 3;
}

static void workspace(const clade_site *site, size_t bytes[CLADE_MAX_WORKSPACES]) {
    const clade_product p = clade_product_at(site);
    const cut c = cut_of(site, &p);
    if (c.parts > 1) bytes[0] = (size_t)(c.parts * p.m * p.n) * sizeof(float);
}

static clade_status record(const clade_site *site, clade_commands *commands) {
    const clade_product p = clade_product_at(site);
    const cut c = cut_of(site, &p);
    const size_t items = (size_t)clade_tile_items(c.tile);
    clade_argument arguments[OWN_ARGUMENTS + CLADE_TAIL_ARGUMENTS] = {
        clade_buffer_argument(site->in[0].buffer),
        clade_buffer_argument(site->in[1].buffer),
        clade_buffer_argument(c.parts > 1 ? site->workspace[0] : site->out[0].buffer),
        clade_int_argument(p.m),
        clade_int_argument(p.n),
        clade_int_argument(p.k),
        clade_int_argument(p.a_row_step),
        clade_int_argument(p.a_k_step),
        clade_int_argument(p.b_k_step),
        clade_int_argument(p.b_column_step),
        clade_int_argument(c.part_depth),
    };
    (c.parts > 1 ? clade_tail_no_arguments : clade_tail_arguments)(site, arguments + OWN_ARGUMENTS);
    char options[128];
    clade_tile_options(c.tile, site, options);
    clade_status status =
        clade_commands_launch(commands, &(clade_launch){
                                            .file = "gemm_tiled.cl",
                                            .options = options,
                                            .kernel = "multiply_tiled",
                                            .label = site->label,
                                            .global = { (size_t)clade_blocks(p.n, c.tile->n) * items,
                                                        (size_t)clade_blocks(p.m, c.tile->m), (size_t)c.parts },
                                            .local = { items, 1, 1 },
                                            .local_memory = (size_t)clade_tile_local_memory(c.tile),
                                            .arguments = arguments,
                                            .argument_count = sizeof arguments / sizeof arguments[0],
                                            .flops = 2.0 * (double)p.m * (double)p.n * (double)p.k,
                                            .bytes = 4.0 * (double)(p.m * p.k + p.k * p.n + p.m * p.n * c.parts),
                                        });
    if (status != CLADE_OK || c.parts == 1) return status;
    return clade_tile_add_parts(site, commands, 0, c.parts, p.n);
}

const clade_implementation clade_matmul_tiled = {
    .name = "tiled",
    .applicable = clade_tiles_applicable,
    .suitability = suitability,
    .workspace = workspace,
    .configurations = clade_tiles_count,
    .tail = true,
    .record = record,
};
