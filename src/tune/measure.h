/* One site tuned: its candidates verified, measured in turn, and the fastest kept in the user's database. */
#ifndef CLADE_TUNE_MEASURE_H
#define CLADE_TUNE_MEASURE_H

#include "clade/tune.h"
#include "tune/known.h"

typedef struct clade_site_tuning {
    clade_known *known;
    const clade_site *site; /* without buffers */
    const char *label, *signature;
    size_t number; /* for events */
    double seconds;
    void (*report)(void *user, const clade_tune_event *event); /* or NULL */
    void *user;
} clade_site_tuning;

/* The candidates that SITE has: implementations times configurations. */
int clade_site_candidates(const clade_site *site);

/* Measures for about SECONDS, compiling aside, and reports TRYING, REFUSED, MEASURED and CHOSEN. A site whose every candidate
 * is out keeps its default. */
clade_status clade_site_tune(const clade_site_tuning *tuning);

#endif
