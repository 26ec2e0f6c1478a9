/* What the files behind clade/inspect.h share. */
#ifndef CLADE_EXEC_INSPECT_H
#define CLADE_EXEC_INSPECT_H

#include "clade/inspect.h"
#include "exec/plan.h"

/* The session's plan for RUN, with the feeds copied to the device. Fetches name targets only. */
clade_status clade_run_prepare(clade_session *session, const clade_run_options *run, clade_plan **plan);
/* One run of it, waited for; STEP counts them. */
clade_status clade_run_step(clade_session *session, clade_plan *plan, uint64_t step);

/* The node that recorded command AT of the plan's list, for those before plan->update_command. */
uint32_t clade_profile_node_of(const clade_plan *plan, size_t at);
/* Sets the layer of each row, as a name in the plan's graph (profile_layers.c). */
clade_status clade_profile_find_layers(const clade_plan *plan, clade_profile_row *rows, size_t count);

/* The middle of NUMBERS, which it sorts. */
double clade_median(double *numbers, size_t count);

#endif
