/* Which implementation carries out a node: what is forced, else what was chosen before, else the instant default. */
#ifndef CLADE_TUNE_CHOOSE_H
#define CLADE_TUNE_CHOOSE_H

#include "ops/op.h"

/* Choices by site: a site's signature and the name of the implementation that it was given. */
typedef struct clade_choices {
    clade_context *context;
    struct clade_kept_choice {
        char *signature, *implementation;
    } * entries;
    size_t count, capacity;
} clade_choices;

void clade_choices_free(clade_choices *choices);
/* "signature = implementation" a line; parsing takes the same. A malformed line is CLADE_ERROR_INPUT. */
void clade_choices_print(const clade_choices *choices, clade_text *out);
clade_status clade_choices_parse(clade_choices *choices, const char *text);

/* An implementation and one of its configurations; in words "packed", or "packed/2" for configuration 2. */
typedef struct clade_choice {
    const clade_implementation *implementation;
    int configuration;
} clade_choice;

/* The implementation for SITE (its arrays without buffers). In this order: the one that the environment variable
 * CLADE_FORCE names, where it is applicable; the one in CHOICES; the applicable one of the highest suitability. The
 * choice is kept in CHOICES, and REASONS gets one line about each candidate. CLADE_ERROR_UNSUPPORTED when none applies,
 * with every refusal. */
clade_status clade_choose(const clade_site *site, clade_choices *choices, clade_choice *chosen, clade_text *reasons);

#endif
