/* Launches over kernels/gather.cl that the rows for gathering and scattering share. */
#ifndef CLADE_OPS_GATHER_H
#define CLADE_OPS_GATHER_H

#include "ops/shape/copy.h"

/* What becomes of an element that is there and one that is put on it; numbered as in kernels/gather.cl. */
typedef enum clade_combination {
    CLADE_COMBINE_REPLACE,
    CLADE_COMBINE_ADD,
    CLADE_COMBINE_MULTIPLY,
    CLADE_COMBINE_MAXIMUM,
    CLADE_COMBINE_MINIMUM,
} clade_combination;

double clade_combine(clade_combination how, double old, double new);

/* Rows of x (outer, size, inner) and of y (outer, count, inner), of which row j is row places[j] of x. */
typedef struct clade_row_places {
    const clade_buffer *x, *places, *y;
    int64_t outer, size, inner, count;
    bool shared; /* the same places for every outer index */
    clade_dtype dtype;
} clade_row_places;

/* y from x. ROWS: in the form where an item is a thread's work. */
clade_status clade_gather_launch(const clade_site *site, clade_commands *commands, const clade_row_places *what,
                                 bool rows);
/* x from y, on what x holds or, with CLEAR, on zeros. */
clade_status clade_spread_launch(const clade_site *site, clade_commands *commands, const clade_row_places *what,
                                 clade_combination how, bool clear, bool rows);
/* The options that choose an element's type and HOW. */
void clade_gather_options(clade_dtype dtype, clade_combination how, char options[48]);

/* The gradient of a row that gathers from input 0 by the index of input 1: SCATTER with ATTRIBUTES, which add. */
void clade_gather_gradient(clade_tape *tape, const clade_node *node, const clade_value dy[], clade_value dx[],
                           const clade_op *scatter, const void *attributes);
/* The gradients of a row that puts input 2 on input 0 as HOW says; GATHER takes back what it puts, and has its
 * attributes. */
void clade_scatter_gradient(clade_tape *tape, const clade_node *node, const clade_value dy[], clade_value dx[],
                            const clade_op *gather, clade_combination how);

/* INDEX along an axis of SIZE, counted from the end where it is negative; -1: outside. */
int64_t clade_place_of(double index, int64_t size);

#endif
