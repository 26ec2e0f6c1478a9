/* The inside of a set of weights: how readers fill one. */
#ifndef CLADE_FORMATS_WEIGHTS_H
#define CLADE_FORMATS_WEIGHTS_H

#include "base/arena.h"
#include "clade/weights.h"

struct clade_weights {
    clade_context *context;
    clade_arena arena; /* names */
    clade_weight *list;
    size_t count, capacity;
};

/* An empty one; NULL when memory is short. */
clade_weights *clade_weights_new(clade_context *context);
/* Appends an array with zeroed contents, for the caller to fill; NULL, with the context's error set, when memory is short.
 * The name is copied; that it is new is the caller's to know. */
void *clade_weights_add(clade_weights *weights, const char *name, clade_dtype dtype, const clade_dims *dims,
                        int64_t count);

#endif
