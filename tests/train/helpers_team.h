/* What tests of several devices share: three handles of the default device, a small network with dropout, and what a run
 * of it left. */
#ifndef CLADE_TESTS_TRAIN_HELPERS_TEAM_H
#define CLADE_TESTS_TRAIN_HELPERS_TEAM_H

#include "train/helpers.h"

enum { TEAM_DEVICES = 3, TEAM_WEIGHTS = 4096 };

/* The fixture's device and two more handles of it. */
typedef struct team_fixture {
    fixture *f;
    clade_device *devices[TEAM_DEVICES];
} team_fixture;

int set_up_team(void **state); /* *state: a team_fixture */
int tear_down_team(void **state);

/* What a run left. */
typedef struct team_outcome {
    clade_status status;
    clade_train_result result;
    float weights[TEAM_WEIGHTS]; /* "first.weight" (20, 49) and "last.weight" (10, 20), of a run that ended well */
} team_outcome;

/* The run of the network; the caller frees. Afterwards faults that were set for the devices are over. ALL_RIGHT: every
 * answer counts as correct, so that the accuracy is 1 where every sample was counted once. */
team_outcome *train_team(team_fixture *t, clade_train_options options, bool all_right);
/* small_run() on the first DEVICES handles; SHARES may be NULL. */
clade_train_options team_options(team_fixture *t, size_t devices, const double *shares, const char *folder);
/* Fails the test unless both runs ended with the same weights and loss, but for rounding. */
void expect_close(const team_outcome *a, const team_outcome *b);

#endif
