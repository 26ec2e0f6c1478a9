/* What the files of a team share: team.c (the queue of steps), team_member.c (a device), team_split.c (who takes how
 * much), team_loss.c (devices that are lost), team_return.c (devices that rest or come back). */
#ifndef CLADE_TRAIN_TEAM_INSIDE_H
#define CLADE_TRAIN_TEAM_INSIDE_H

#include "base/thread.h"
#include "train/team.h"

/* Steps queued or in flight: two more than a pipeline holds, so that a device that is done finds the next one. A step is
 * received when every pipeline has let go of it, which it does when it takes the one CLADE_PIPELINE_RUNS later. */
enum { CLADE_TEAM_STEPS = CLADE_PIPELINE_RUNS + 2 };
_Static_assert((int)CLADE_TEAM_STEPS < (int)CLADE_PIPELINE_SLOTS, "a slot is left to be filled");

typedef struct clade_team_job {
    clade_team_step step;
    clade_batch batch;
    clade_outcome outcome; /* of whoever was done first: all have the same */
} clade_team_job;

typedef enum clade_member_state {
    CLADE_MEMBER_LIVES,     /* and takes part */
    CLADE_MEMBER_RESTS,     /* without a part; its states grow old */
    CLADE_MEMBER_LOST,      /* what it had is freed */
    CLADE_MEMBER_ABANDONED, /* it hangs, and is not tried again */
} clade_member_state;

/* Of a batch: which samples, and in how many of the step's. Without any, a device runs the first with the share 0. */
typedef struct clade_member_part {
    int64_t first, count;
} clade_member_part;

/* A device. What stands under the lock is so while it has a thread. */
typedef struct clade_member {
    clade_team *team;
    size_t index;
    clade_device *given, *device; /* the caller's, and the one in use: the same unless it was opened anew */
    clade_session *session;
    clade_pipeline *pipeline;
    clade_plan *full, *rest,
        *apply; /* of whole batches, of an epoch's last; the update, where batches are accumulated */
    clade_member_part full_part, rest_part;
    clade_thread thread;
    bool has_thread;
    /* Under the lock: */
    clade_member_state state;
    bool busy, draining;
    bool failed;           /* by itself, when what it had in flight was waited for */
    bool stepping;         /* a step was begun, and not enqueued to its end */
    uint64_t sums;         /* that it had got in all before that step; */
    uint64_t sums_of_step; /* and those that the step before took */
    int64_t sent;          /* steps enqueued to their end */
    int64_t received;      /* steps whose outcomes came back, or were given up */
    double clock;          /* when the measuring of speeds began */
    double idle;           /* seconds without a step to take, since then, up to the latest: */
    double idle_since;
    int64_t measured; /* steps since then */
    /* Of the report. */
    uint64_t bytes;
    double waited;
    int64_t lost_at; /* the step at which it was last lost; -1: never */
    int losses;
    int rests;       /* how often it was sent to rest, */
    int64_t wake_at; /* and the epoch (of clade_team.epochs) at which it is tried again */
} clade_member;

struct clade_team {
    clade_context *context;
    clade_team_options options;
    clade_group *group; /* NULL: a device alone */
    clade_member *members[CLADE_MAX_TRAIN_DEVICES];
    size_t count;
    int64_t parts[CLADE_MAX_TRAIN_DEVICES];
    double weights[CLADE_MAX_TRAIN_DEVICES]; /* shares that stay as they are; 0: by measured speed */
    int64_t epochs;                          /* begun */
    clade_member *keeper;  /* the last device that was lost, with the states after its last step; NULL: none is kept */
    clade_loader *loader;  /* NULL: not started */
    int64_t pixels, width; /* floats of a sample's image and target */
    clade_feed feed;
    clade_status (*receive)(void *user, const clade_outcome *outcome);
    void *user;
    clade_mutex lock;
    clade_condition changed;
    /* Under the lock: */
    clade_team_job jobs[CLADE_TEAM_STEPS];
    int64_t pushed, received; /* steps, from the first of this team */
    bool halted;              /* a device failed: nobody takes another step */
    bool stopping;
    int64_t measure_from; /* the step at which speeds begin to be measured, */
    int64_t look_at;      /* and that after which they are looked at */
};

/* ---- team_member.c ---- */

/* Opens MEMBER's session on its device, with initial states. */
clade_status clade_member_open(clade_member *member);
/* Frees what it has, its device too where that was opened anew; of the keeper, and of one that is abandoned at work,
 * nothing. */
void clade_member_close(clade_member *member);
/* Makes its pipeline and the plans for its parts. */
clade_status clade_member_prepare(clade_member *member);
clade_status clade_member_send(clade_member *member, const clade_team_job *job);
clade_status clade_member_start(clade_member *member); /* its thread */
bool clade_member_lives(const clade_member *member);
bool clade_member_rests(const clade_member *member);
/* All states as one array, which the caller frees; and into MEMBER. One that does not answer is given up. */
clade_status clade_member_read_states(clade_member *member, float **states);
clade_status clade_member_write_states(clade_member *member, const float *states);

/* ---- team_layers.c: a team whose devices share the layers ---- */

/* The device of member I: of a team over layers the one that gives its results. */
clade_device *clade_team_device(const clade_team *team, size_t i);
/* MEMBER's session over all devices. */
clade_status clade_team_open_layers(clade_team *team, clade_session **session);
size_t clade_team_report_layers(const clade_team *team, clade_train_device devices[CLADE_MAX_TRAIN_DEVICES]);
/* NAME into TEXT of SIZE bytes, cut where it is longer. */
void clade_team_copy_name(char *text, size_t size, const char *name);

/* ---- team_split.c ---- */

/* Makes one group of the devices that live: each gets its part of a batch and plans for it. One that cannot make them is
 * dropped. CLADE_ERROR_DEVICE when nobody is left. Nobody is at work. */
clade_status clade_team_form(clade_team *team);
/* The first device that lives, or NULL; and how many do. */
clade_member *clade_team_first(const clade_team *team);
size_t clade_team_living(const clade_team *team);
/* What a step of MEMBER's came to since the last division, into DEVICE. Its thread has nothing to do; the lock is held. */
void clade_member_report(const clade_member *member, clade_train_device *device);

/* ---- team_loss.c ---- */

/* MEMBER is lost, for WHY: what it has is freed, and everybody told. Nobody is at work. */
void clade_team_drop(clade_team *team, clade_member *member, const char *why);
/* After a failure (team->halted): waits for those that go on, drops the others, divides the batch anew, and lets the
 * steps go on. The lock is held. CLADE_ERROR_DEVICE when nobody is left. */
clade_status clade_team_go_on(clade_team *team);
/* Lets every device wait for what it has in flight, until all have, or one failed. The lock is held. */
void clade_team_settle(clade_team *team);

/* ---- team_return.c ---- */

/* MEMBER takes no part from now on: a step takes WITH seconds with it, and WITHOUT without. The caller forms the team. The
 * lock is held. */
void clade_team_rest(clade_team *team, clade_member *member, double with, double without);
/* MEMBER, which rests, takes part again, SENT steps after the first, with STATES; it is dropped when that fails. The caller
 * forms the team. The lock is held. */
void clade_team_wake(clade_team *team, clade_member *member, const float *states, int64_t sent);

#endif
