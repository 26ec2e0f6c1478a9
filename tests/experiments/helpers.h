/* What tests of experiments share: running one, and looking up what it found. */
#ifndef CLADE_TESTS_EXPERIMENTS_HELPERS_H
#define CLADE_TESTS_EXPERIMENTS_HELPERS_H

#include "support/device.h"
#include "support/scratch.h"

#include "clade/experiment.h"

typedef struct fixture {
    clade_context *context;
    clade_device *device;
    scratch_folder scratch;
} fixture;

int set_up(void **state); /* *state: a fixture */
int tear_down(void **state);

/* Runs NAME; DATA may be NULL. The settings are pairs of a name and a double, ended by NULL. Pictures go to the scratch
 * folder. Fails the test when it fails; free the result. */
clade_experiment_result *run(fixture *f, const char *name, const char *data, ...);

/* The figure of that name; fails the test when there is none. */
double figure(const clade_experiment_result *result, const char *name);
/* The picture whose name ends in NAME is there, and begins with WITH. */
void expect_picture(const clade_experiment_result *result, const char *name, const char *with);

#define assert_at_least(VALUE, LEAST)                                                                                  \
    do {                                                                                                               \
        double value_ = (VALUE), least_ = (LEAST);                                                                     \
        if (!(value_ >= least_)) fail_msg("%s is %g, below %g", #VALUE, value_, least_);                               \
    } while (0)
#define assert_at_most(VALUE, MOST)                                                                                    \
    do {                                                                                                               \
        double value_ = (VALUE), most_ = (MOST);                                                                       \
        if (!(value_ <= most_)) fail_msg("%s is %g, above %g", #VALUE, value_, most_);                                 \
    } while (0)

#endif
