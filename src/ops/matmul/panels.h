/* Panels of CPU-like devices (kernels/panel.h, kernels/gemm_packed.cl): what the implementations that multiply by them
 * share. */
#ifndef CLADE_OPS_PANELS_H
#define CLADE_OPS_PANELS_H

#include "ops/op.h"

enum { CLADE_PANEL_ROWS = 8, CLADE_PANEL_COLUMNS = 32 };

/* COUNT matrices of ROWS x DEPTH, GROUP_STEP floats apart; element (row, step) at row * row_step + step * step_step. */
typedef struct clade_rows {
    int64_t count, group_step, rows, depth, row_step, step_step;
} clade_rows;

/* Bytes of local memory for a panel of STEPS steps and a tile after it. */
size_t clade_panels_local(int64_t steps);
/* Bytes of the matrices packed into panels of CLADE_PANEL_ROWS rows. */
size_t clade_panels_bytes(const clade_rows *rows);
/* Appends the packing of FROM into TO. */
clade_status clade_panels_pack(const clade_site *site, clade_commands *commands, const clade_buffer *from,
                               const clade_buffer *to, const clade_rows *rows);
/* The options for programs that include kernels/panel.h. */
const char *clade_panels_options(const clade_site *site);

#endif
