/* What the files behind clade/inspect.h share. */
#ifndef CLADE_EXEC_INSPECT_H
#define CLADE_EXEC_INSPECT_H

#include "clade/inspect.h"
#include "exec/plan.h"

/* The session's plan for RUN, with the feeds copied to the device. Fetches name targets only. */
clade_status clade_run_prepare(clade_session *session, const clade_run_options *run, clade_plan **plan);
/* One run of it, waited for; STEP counts them. */
clade_status clade_run_step(clade_session *session, clade_plan *plan, uint64_t step);

/* The middle of NUMBERS, which it sorts. */
double clade_median(double *numbers, size_t count);

#endif
