#include "ops/matmul/panels.h"

enum { PACK_DEPTH = 256 /* of kernels/gemm_packed.cl */ };

size_t clade_panels_bytes(const clade_rows *rows) {
    return (size_t)(rows->count * clade_blocks(rows->rows, CLADE_PANEL_ROWS) * CLADE_PANEL_ROWS * rows->depth) *
           sizeof(float);
}

size_t clade_panels_local(int64_t steps) {
    return (size_t)((steps + CLADE_PANEL_ROWS) * CLADE_PANEL_COLUMNS) * sizeof(float);
}

const char *clade_panels_options(const clade_site *site) {
    return site->device->capabilities.is_cpu ? "-DFAST_FMA" : NULL;
}

clade_status clade_panels_pack(const clade_site *site, clade_commands *commands, const clade_buffer *from,
                               const clade_buffer *to, const clade_rows *rows) {
    const int64_t panels = clade_blocks(rows->rows, CLADE_PANEL_ROWS);
    const clade_argument arguments[] = {
        clade_buffer_argument(from),        clade_buffer_argument(to),
        clade_int_argument(rows->rows),     clade_int_argument(rows->depth),
        clade_int_argument(rows->row_step), clade_int_argument(rows->step_step),
        clade_int_argument(panels),         clade_int_argument(rows->group_step),
    };
    return clade_commands_launch(
        commands, &(clade_launch){
                      .file = "gemm_packed.cl",
                      .options = clade_panels_options(site),
                      .kernel = "pack_a",
                      .label = site->label,
                      .global = { (size_t)panels, (size_t)clade_blocks(rows->depth, PACK_DEPTH), (size_t)rows->count },
                      .local = { 1 },
                      .arguments = arguments,
                      .argument_count = sizeof arguments / sizeof arguments[0],
                      .bytes = 8.0 * (double)(rows->count * rows->rows * rows->depth),
                  });
}
