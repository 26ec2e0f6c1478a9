/* Whether a way to carry out a site computes what the row's reference says, by samples: quick enough for first use. */
#ifndef CLADE_TUNE_CHECK_H
#define CLADE_TUNE_CHECK_H

#include "tune/signature.h"

/* Arrays of more elements than this together are cut in size first: for a first use, and for tuning. */
enum { CLADE_CHECK_QUICK = 1 << 20, CLADE_CHECK_WHOLE = 1 << 23 };

typedef struct clade_check {
    bool passed;
    clade_status fault; /* of building or running, if that failed */
    char why[400];      /* one line, when it did not pass */
} clade_check;

/* Tries CHOICE at SITE (its arrays without buffers) on random contents, in memory of its own between guard bytes: corners,
 * edges and random elements of the output, every one of which must have been written. Where the arrays have more than
 * LIMIT elements, a smaller batch (fewer rows and columns of a product) stands for the whole. A status other than
 * CLADE_OK is a fault of the machinery: memory. */
clade_status clade_check_choice(const clade_site *site, clade_choice choice, int64_t limit, clade_check *check);

#endif
