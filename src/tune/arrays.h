/* The memory that a site's candidates are measured in: its arrays at full size with random contents, and scratch that each
 * candidate in turn may use. */
#ifndef CLADE_TUNE_ARRAYS_H
#define CLADE_TUNE_ARRAYS_H

#include "ops/tail.h"

typedef struct clade_site_arrays {
    clade_buffer in[CLADE_MAX_INPUTS], out[CLADE_MAX_OUTPUTS], workspace[CLADE_MAX_WORKSPACES], prepared;
} clade_site_arrays;

/* Makes the inputs and outputs of SITE, which afterwards names their buffers. Free on failure too. */
clade_status clade_site_arrays_make(clade_site *site, clade_site_arrays *arrays);
void clade_site_arrays_free(clade_site_arrays *arrays);
/* Makes room for what IMPLEMENTATION needs at SITE beside: buffers grow, so every candidate is asked before any is recorded. */
clade_status clade_site_arrays_grow(const clade_site *site, const clade_implementation *implementation,
                                    clade_site_arrays *arrays);
/* Names those buffers in SITE, as far as IMPLEMENTATION wants them. */
void clade_site_arrays_lend(clade_site *site, const clade_implementation *implementation, clade_site_arrays *arrays);

#endif
