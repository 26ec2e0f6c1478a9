/* The batched matrix product on GPU-like devices: tiles in local memory, blocked in registers
 * (kernels/gemm_batched_tiled.cl). */
#include "ops/matmul/batched_matmul.h"
#include "ops/matmul/tiles.h"

enum { OWN_ARGUMENTS = 10 };

static double suitability(const clade_site *site) {
    return site->device->capabilities.is_cpu ? 0 : 3;
}

static clade_status record(const clade_site *site, clade_commands *commands) {
    const clade_batched_product p = clade_batched_product_at(site);
    const clade_tiled_product product = { p.m, p.n, p.k, p.count, 1 };
    const clade_tile *tile = clade_tile_for(site, &product);
    const size_t items = (size_t)clade_tile_items(tile);
    clade_argument arguments[OWN_ARGUMENTS + CLADE_BATCH_ARGUMENTS] = {
        clade_buffer_argument(site->in[0].buffer),
        clade_buffer_argument(site->in[1].buffer),
        clade_buffer_argument(site->out[0].buffer),
        clade_int_argument(p.m),
        clade_int_argument(p.n),
        clade_int_argument(p.k),
        clade_int_argument(p.a_row_step),
        clade_int_argument(p.a_k_step),
        clade_int_argument(p.b_k_step),
        clade_int_argument(p.b_column_step),
    };
    clade_batched_arguments(&p, arguments + OWN_ARGUMENTS);
    char options[128];
    clade_tile_options(tile, site, options);
    return clade_commands_launch(
        commands, &(clade_launch){
                      .file = "gemm_batched_tiled.cl",
                      .options = options,
                      .kernel = "multiply_batch_tiled",
                      .label = site->label,
                      .global = { (size_t)clade_blocks(p.n, tile->n) * items, (size_t)clade_blocks(p.m, tile->m),
                                  (size_t)p.count },
                      .local = { items, 1, 1 },
                      .local_memory = (size_t)clade_tile_local_memory(tile),
                      .arguments = arguments,
                      .argument_count = sizeof arguments / sizeof arguments[0],
                      .flops = 2.0 * (double)p.count * (double)p.m * (double)p.n * (double)p.k,
                      .bytes = 4.0 * (double)(site->in[0].count + site->in[1].count + site->out[0].count),
                  });
}

const clade_implementation clade_batched_matmul_tiled = {
    .name = "tiled",
    .applicable = clade_tiles_applicable,
    .suitability = suitability,
    .configurations = clade_tiles_count,
    .record = record,
};
