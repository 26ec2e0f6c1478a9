/* One implementation tried on one node: arrays between guard bytes, run twice over different garbage, compared with
 * the reference. */
#ifndef CLADE_TUNE_TRIAL_H
#define CLADE_TUNE_TRIAL_H

#include "ops/op.h"

/* Buffers of trials with separate buffers, kept until the last is done: Oclgrind 21.10 takes what it knows of a freed
 * buffer for the next one at its address, and then calls initialised values uninitialised. */
typedef struct clade_trial_kept {
    clade_context *context;
    clade_buffer *buffers;
    size_t count, capacity;
} clade_trial_kept;
void clade_trial_free_kept(clade_trial_kept *kept);

/* What some elements of output 0, a float, must be: a check by samples. */
typedef struct clade_samples {
    const int64_t *elements;
    const double *values;
    int count;
} clade_samples;

typedef struct clade_trial_request {
    clade_device *device;
    const clade_node *node; /* its inputs are leaves */
    const clade_implementation *implementation;
    int configuration;
    clade_binding binding;
    const clade_tensor *in;       /* contents of the inputs */
    const clade_tensor *expected; /* of the outputs */
    const clade_samples *samples; /* not NULL: instead of EXPECTED; besides, every element must have been written */
    bool once;                    /* one run instead of two */
    double tolerance;
    int in_place;           /* the input over which output 0 is written, or -1 */
    clade_trial_kept *kept; /* not NULL: separate buffers (see clade_selftest_options), which go there */
    clade_status *fault;    /* not NULL: gets how building and running went */
} clade_trial_request;

/* SITE for NODE under BINDING without buffers: for asking whether an implementation is applicable. */
clade_status clade_trial_site(clade_device *device, const clade_node *node, clade_binding binding, clade_site *site);

/* Runs the trial. *PASSED says whether it held; if not, WHY says what did not. *ERROR is the largest relative error. A
 * status other than CLADE_OK is a fault of the machinery: host memory, the device's memory. */
clade_status clade_trial_run(const clade_trial_request *request, bool *passed, double *error, clade_text *why);

#endif
