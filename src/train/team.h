/* A trainer's devices, and the steps that they take together.
 *
 * Each device has a session, a pipeline and plans for its part of a batch. One alone is driven by the caller's thread.
 * Several are members of a group (device/group.h) and have a thread each: a step is queued for all of them, each uploads
 * its own range of the batch's samples and runs, and the sums in the graph (train/sum_over_devices.h) keep their states
 * the same. Outcomes come back in order, on the caller's thread.
 *
 * A device that fails or hangs is dropped, and the others go on. What they have in flight stands where its sums were
 * complete; the steps after that are taken anew by those that are left, from the same states with the same samples. At
 * clade_team_epoch() it is opened anew and let back in. Work on the states between steps (a validation, a checkpoint) goes
 * on with another device's, which are the same: clade_team_pass_on().
 *
 * The batch is divided by the speeds measured: see clade_team_look(). A device that holds the others up even with the
 * least part rests: it takes no steps, and is tried again at a later epoch. One thread calls all functions. */
#ifndef CLADE_TRAIN_TEAM_H
#define CLADE_TRAIN_TEAM_H

#include "clade/train.h"
#include "device/group.h"
#include "train/optimizer.h"
#include "train/pipeline.h"

typedef struct clade_team clade_team;

typedef struct clade_team_options {
    clade_device *const *devices; /* borrowed */
    size_t count;                 /* 1 to CLADE_MAX_TRAIN_DEVICES */
    const clade_graph *graph;
    uint64_t seed;
    const clade_optimizer *optimizer; /* borrowed */
    int64_t batch;                    /* samples of a whole batch, */
    int64_t rest;                     /* and of an epoch's last when it is smaller; -1: it is not */
    bool only_rest;                   /* an epoch has no whole batch */
    const double *weights;            /* shares that stay as they are; NULL: by measured speed */
    double limit;                     /* seconds that a device may keep the others waiting; 0: any */
    bool sync_batch_norm;
    bool split_layers; /* one session over all devices, cut by layers (exec/split.h): a team of one member */
    int64_t micro_batches;
    const char *const *split_at;
    /* Other machines take the same steps (see clade_team_step.of): sums over the devices go on through CARRY. NULL: none.
     * With it a failure is everybody's: no step is taken anew. */
    clade_group_carry *carry;
    void *carry_user;
    /* Told before a session is freed while the team lives: its plans go with it. NULL: nobody. */
    void (*leaves)(void *user, clade_session *session);
    void *leaves_user;
} clade_team_options;

/* Opens the sessions, with initial states. A device that fails here fails the whole. */
clade_status clade_team_new(clade_context *context, const clade_team_options *options, clade_team **team);
/* Waits for what is in flight. Before the loader is freed. */
void clade_team_free(clade_team *team);

/* The session of the first device that takes part: its states are everybody's. It changes when that device is lost or
 * rests. When the last device was lost: that one's, where its states are whole, for a last checkpoint; else NULL. */
clade_session *clade_team_session(const clade_team *team);
/* Whether several devices, or micro-batches, make up a step, so that outcomes are those of SUMMED in
 * clade_sum_over_devices(). */
bool clade_team_sums(const clade_team *team);

/* Before the first push: FEED names what comes back of each step. Makes the plans. The states that were written into
 * clade_team_session() go to all. Once; later calls do nothing. */
clade_status clade_team_start(clade_team *team, clade_loader *loader, const clade_feed *feed,
                              clade_status (*receive)(void *user, const clade_outcome *outcome), void *user);

/* One step, as every device takes it. */
typedef struct clade_team_step {
    uint64_t seed, number;     /* of random draws */
    clade_optimizer optimizer; /* as it is at the update, */
    int64_t update;            /* whose number this is, */
    double rate;
    double share; /* where batches are accumulated: the batch's, in the samples of its update */
    int64_t of;   /* samples of the step on all machines; 0: those of the batch */
    bool ends;    /* whether the update comes after this batch */
} clade_team_step;

/* Sends BATCH. Its slot goes back to the loader when every device is done with it, or at once on a fault.
 * CLADE_ERROR_DEVICE when no device is left. */
clade_status clade_team_push(clade_team *team, const clade_team_step *step, const clade_batch *batch);
/* Waits for everything in flight, and receives its outcomes. */
clade_status clade_team_drain(clade_team *team);

/* After a fault of these two: receives the outcomes of the steps that all devices finished. The states are those after
 * them. CLADE_ERROR_DEVICE when there is no device to read them from. */
clade_status clade_team_stand(clade_team *team);

/* ---- between steps: nothing is in flight ---- */

/* After the fault STATUS of work on clade_team_session(): true when its device may be why and others are there. It is then
 * dropped, and the session is another's, with the same states: the work can be done again. Else nothing changes. */
bool clade_team_pass_on(clade_team *team, clade_status status);
/* An epoch begins: devices lost before, and those that rested for long enough, are tried again. */
clade_status clade_team_epoch(clade_team *team);
/* Gives the states of the first device to those that are unlike it, whose roundings differ. At places that do not depend on
 * time, so that a run can be repeated. A device that fails at it is dropped. */
clade_status clade_team_level(clade_team *team);
/* Whether the speeds measured since the last look are worth one. The first looks come after a few steps, then after twice
 * as many. Nothing needs to have been waited for. */
bool clade_team_look_due(const clade_team *team);
/* Divides batches by the speeds measured, when that gains a tenth at least; has the slowest rest where it gains as much to
 * be without it. */
clade_status clade_team_look(clade_team *team);
/* Seconds in which the slowest device was at work in a step, since batches were last divided; 0: in too few steps. */
double clade_team_step_seconds(clade_team *team);
/* Whole batches have BATCH samples from now on, an epoch's last has REST, as in clade_team_options, and LOADER gives them. */
clade_status clade_team_resize(clade_team *team, clade_loader *loader, int64_t batch, int64_t rest);
/* States were written into clade_team_session(): gives them to all. Another device that fails at it is dropped. */
clade_status clade_team_spread(clade_team *team);

/* The samples of a whole batch that each device takes, by device; 0: lost; CLADE_PART_RESTS: it rests. For checkpoints. */
void clade_team_parts(const clade_team *team, int64_t parts[CLADE_MAX_TRAIN_DEVICES]);
/* Takes such parts over, before states are written and clade_team_start(): another device's session may be the first
 * then. Without effect when they are not of so many devices and samples. */
void clade_team_use_parts(clade_team *team, const int64_t parts[CLADE_MAX_TRAIN_DEVICES]);
/* What each device did so far. */
size_t clade_team_report(clade_team *team, clade_train_device devices[CLADE_MAX_TRAIN_DEVICES]);

#endif
