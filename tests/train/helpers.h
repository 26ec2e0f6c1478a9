/* What tests of training share: a small fast run, and looking at what it left. */
#ifndef CLADE_TESTS_TRAIN_HELPERS_H
#define CLADE_TESTS_TRAIN_HELPERS_H

#include "support/device.h"
#include "support/scratch.h"

#include "clade/ops.h"
#include "clade/train.h"

/* A device with small data: 600 training digits and 200 to test on. */
typedef struct fixture {
    clade_context *context;
    clade_device *device;
    clade_dataset *train, *test;
    scratch_folder scratch;
    char log[4096];                               /* every warning and word so far, a line each */
    void (*traced)(void *user, const char *line); /* gets every line of a trace; NULL: they are dropped */
    void *traced_user;
} fixture;

int set_up(void **state); /* *state: a fixture */
int tear_down(void **state);

/* The options of a run of 10 steps an epoch, 3 epochs, of which a validation and a checkpoint are due now and then.
 * FOLDER may be NULL. */
clade_train_options small_run(fixture *f, const char *folder);

/* The path of NAME in the fixture's scratch folder; the caller frees. */
char *path_in(fixture *f, const char *name);
/* A file's bytes, the caller frees; fails the test when it cannot be read. */
char *read_whole(const char *path, size_t *bytes);
/* metrics.jsonl of FOLDER without its times; the caller frees. */
char *metrics_without_times(const char *folder);
/* The checkpoints in FOLDER. */
size_t count_checkpoints(const char *folder);

#endif
