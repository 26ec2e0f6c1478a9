/* Which implementation carries out a node, and in which configuration: what is forced, else what was chosen before, else
 * what was measured, else the instant default; and never one that is known to be wrong. */
#ifndef CLADE_TUNE_CHOOSE_H
#define CLADE_TUNE_CHOOSE_H

#include "tune/known.h"
#include "tune/signature.h"

/* Choices by site: a site's signature and the name of the implementation that it was given. */
typedef struct clade_choices {
    clade_context *context;
    struct clade_kept_choice {
        char *signature, *implementation;
    } * entries;
    size_t count, capacity;
    clade_known *known; /* read at the first choice */
} clade_choices;

void clade_choices_free(clade_choices *choices);
/* "signature = implementation" a line; parsing takes the same. A malformed line is CLADE_ERROR_INPUT. */
void clade_choices_print(const clade_choices *choices, clade_text *out);
clade_status clade_choices_parse(clade_choices *choices, const char *text);
/* The name kept for SIGNATURE, or NULL. Keeping replaces. */
const char *clade_choices_find(const clade_choices *choices, const char *signature);
clade_status clade_choices_keep(clade_choices *choices, const char *signature, const char *implementation);

/* The choice for SITE (its arrays without buffers). In this order:
 *   1. what the environment variable CLADE_FORCE names ("packed", "packed/2"), where it is applicable;
 *   2. the one in CHOICES;
 *   3. the fastest by the user's database, if its kernels are as they were then;
 *   4. that of the table that Clade comes with;
 *   5. the applicable implementation of the highest suitability.
 * CLADE_TUNE_DB=none leaves out 3 and 4. A candidate that is quarantined is passed over, and where there are several to
 * choose from, one that was never verified with this driver and these kernels is checked first (tune/check.h); neither
 * holds for what is forced. The choice is kept in CHOICES, and REASONS gets one line about each candidate.
 * CLADE_ERROR_UNSUPPORTED when none is left, with every refusal. */
clade_status clade_choose(const clade_site *site, clade_choices *choices, clade_choice *chosen, clade_text *reasons);

#endif
