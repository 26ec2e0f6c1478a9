/* Gradients over ranks are those of one device, as over the devices of one process (train/test_team_gradients.c): over the
 * wire inside one process, and where there is an mpirun also over MPI. For that the program starts itself under mpirun;
 * started so, with the model's name, it is a rank, and rank 0 judges. By hand, over machines: mpirun ... PROGRAM lenet */
#include "ranks/helpers.h"

#include "support/gradients.h"

#include "device/group.h"
#include "train/shares.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

enum { DRAWS = 8 };

static const double weights[MOST_RANKS] = { 3, 1, 2, 4, 1, 1, 1, 1 };
static const char *program;

static int64_t batch_of(const char *model) {
    return strcmp(model, "lenet") == 0 ? 13 : 7;
}

/* The part of rank RANK of COUNT: unequal ones. */
static void divide(int64_t batch, int count, int rank, int64_t *first, int64_t *samples) {
    int64_t parts[MOST_RANKS];
    clade_shares_divide(batch, weights, (size_t)count, parts);
    *first = 0;
    for (int i = 0; i < rank; i++)
        *first += parts[i];
    *samples = parts[rank];
}

/* A device that is a rank's only one. */
static void open_rank(const gradient_problem *p, int count, int rank, gradient_part *part, clade_group **group) {
    clade_device *device;
    size_t index = 0;
    int64_t first, samples;
    divide(p->batch, count, rank, &first, &samples);
    assert_good(p->context, clade_device_choose(p->context, NULL, &index, NULL));
    assert_good(p->context, clade_device_open(p->context, index, &device));
    assert_good(p->context, clade_group_new(p->context, 1, group));
    assert_good(p->context, clade_device_join(device, *group, 0));
    gradient_part_make(p, device, first, samples, part);
}

static void close_rank(gradient_part *part, clade_group *group) {
    clade_device_join(part->device, NULL, 0);
    clade_device_close(part->device);
    clade_group_free(group);
    gradient_part_free(part);
}

/* ---- inside one process ---- */

typedef struct together {
    gradient_part parts[MOST_RANKS];
    clade_group *groups[MOST_RANKS];
} together;

static void run_rank(rank_run *run) {
    together *t = run->given;
    clade_group_outside(t->groups[run->rank], clade_ranks_carry, run->ranks);
    gradient_part_run(&t->parts[run->rank]);
    clade_ranks_leave(run->ranks, t->parts[run->rank].status == CLADE_OK);
}

/* Whether the draw counted. */
static bool judge_ranks(const gradient_judge *judge, int count) {
    together t;
    rank_run runs[MOST_RANKS];
    for (int i = 0; i < count; i++)
        open_rank(&judge->p, count, i, &t.parts[i], &t.groups[i]);
    run_ranks(count, run_rank, &t, runs);
    for (int i = 0; i < count; i++)
        assert_good(judge->p.context, t.parts[i].status);
    const gradient_verdict verdict = gradient_judge_parts(judge, "ranks", t.parts, (size_t)count);
    for (int i = 0; i < count; i++)
        close_rank(&t.parts[i], t.groups[i]);
    return verdict.alike;
}

static void expect_gradients(const char *model) {
    bool counted[2] = { false };
    gradient_judge judge;
    clade_context *context = clade_context_new(NULL);
    gradient_judge_open(context, model, batch_of(model), &judge);
    for (uint64_t seed = 0; seed < DRAWS && !(counted[0] && counted[1]); seed++) {
        gradient_judge_draw(&judge, seed);
        for (int i = 0; i < 2; i++)
            if (!counted[i]) counted[i] = judge_ranks(&judge, 2 << i);
    }
    gradient_judge_close(&judge);
    clade_context_free(context);
    if (!(counted[0] && counted[1])) fail_msg("%s: every draw met a kink", model);
}

static void test_gradients_of_lenet_over_ranks_are_those_of_one_device(void **state) {
    (void)state;
    expect_gradients("lenet");
}

static void test_gradients_of_resnet20_over_ranks_are_those_of_one_device(void **state) {
    (void)state;
    expect_gradients("resnet20");
}

/* ---- over MPI ---- */

/* Every rank's part, gathered; the caller frees what is in them. The ranks' own parts are of unequal sizes: what they
 * decided goes in arrays of the whole batch's. */
static void gather_parts(const gradient_problem *p, clade_ranks *ranks, const gradient_part *own,
                         gradient_part parts[]) {
    const size_t count = (size_t)clade_ranks_size(ranks), numbers = (size_t)p->trained.parameters;
    const size_t decided = (size_t)p->batch * p->decisions_per;
    double *gradients = calloc(count, numbers * sizeof *gradients), *sums = calloc(count, numbers * sizeof *sums);
    uint16_t *mine = calloc(decided, sizeof *mine), *decisions = calloc(count, decided * sizeof *decisions);
    float *losses = calloc(count, sizeof *losses), *correct = calloc(count, sizeof *correct);
    memcpy(mine, own->decisions, (size_t)own->count * p->decisions_per * sizeof *mine);
    assert_good(p->context, clade_ranks_gather(ranks, own->own, gradients, numbers * sizeof *gradients));
    assert_good(p->context, clade_ranks_gather(ranks, own->sums, sums, numbers * sizeof *sums));
    assert_good(p->context, clade_ranks_gather(ranks, mine, decisions, decided * sizeof *decisions));
    assert_good(p->context, clade_ranks_gather(ranks, &own->loss, losses, sizeof *losses));
    assert_good(p->context, clade_ranks_gather(ranks, &own->correct, correct, sizeof *correct));
    for (size_t i = 0; i < count; i++) {
        int64_t first, samples;
        divide(p->batch, (int)count, (int)i, &first, &samples);
        gradient_part_make(p, NULL, first, samples, &parts[i]);
        memcpy(parts[i].own, gradients + i * numbers, numbers * sizeof *gradients);
        memcpy(parts[i].sums, sums + i * numbers, numbers * sizeof *sums);
        memcpy(parts[i].decisions, decisions + i * decided, (size_t)samples * p->decisions_per * sizeof *decisions);
        parts[i].loss = losses[i];
        parts[i].correct = correct[i];
    }
    free(gradients), free(sums), free(mine), free(decisions), free(losses), free(correct);
}

/* One draw: every rank computes its part, and rank 0 judges. Whether it counted. */
static bool judge_draw(const gradient_problem *p, gradient_judge *judge, clade_ranks *ranks, uint64_t seed) {
    const int count = clade_ranks_size(ranks), rank = clade_ranks_rank(ranks);
    gradient_part own, parts[MOST_RANKS];
    clade_group *group;
    char counted = 0;
    open_rank(p, count, rank, &own, &group);
    clade_group_outside(group, clade_ranks_carry, ranks);
    gradient_part_run(&own);
    assert_good(p->context, clade_ranks_agree(ranks, own.status));
    gather_parts(p, ranks, &own, parts);
    if (rank == 0) {
        gradient_judge_draw(judge, seed);
        counted = gradient_judge_parts(judge, "ranks of MPI", parts, (size_t)count).alike;
    }
    assert_good(p->context, clade_ranks_broadcast(ranks, &counted, sizeof counted));
    for (int i = 0; i < count; i++)
        gradient_part_free(&parts[i]);
    close_rank(&own, group);
    return counted != 0;
}

/* What main() hands a rank. */
static struct {
    clade_context *context;
    clade_ranks *ranks;
    const char *model;
} self;

static void be_a_rank(void **state) {
    (void)state;
    const bool first = clade_ranks_rank(self.ranks) == 0;
    gradient_judge judge;
    gradient_problem p;
    bool counted = false;
    assert_true(clade_ranks_size(self.ranks) <= MOST_RANKS);
    if (first) gradient_judge_open(self.context, self.model, batch_of(self.model), &judge);
    gradient_pose(self.context, self.model, batch_of(self.model), &p);
    for (uint64_t seed = 0; seed < DRAWS && !counted; seed++) {
        gradient_draw_images(&p, seed);
        counted = judge_draw(&p, first ? &judge : NULL, self.ranks, seed);
    }
    gradient_withdraw(&p);
    if (first) gradient_judge_close(&judge);
    if (!counted) fail_msg("%s: every draw met a kink", self.model);
}

/* Where there is no mpirun, or the build has no MPI, it is skipped. */
static void expect_gradients_over_mpi(const char *model, int count) {
    char command[2048];
    if (system("command -v mpirun > /dev/null 2>&1") != 0) skip();
    setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 1);
    setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 1);
    snprintf(command, sizeof command,
             "ASAN_OPTIONS=\"${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0\" TMPDIR=\"$PWD\" "
             "mpirun --oversubscribe --bind-to none -n %d '%s' %s",
             count, program, model);
    const int status = system(command);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) skip();
    if (status != 0) fail_msg("%s over %d ranks of MPI: %d", model, count, status);
}

static void test_gradients_over_two_ranks_of_mpi(void **state) {
    (void)state;
    expect_gradients_over_mpi("lenet", 2);
    expect_gradients_over_mpi("resnet20", 2);
}

static void test_gradients_over_four_ranks_of_mpi(void **state) {
    (void)state;
    expect_gradients_over_mpi("lenet", 4);
    expect_gradients_over_mpi("resnet20", 4);
}

/* 77: this build has no MPI. */
static int run_as_rank(const char *model) {
    const struct CMUnitTest rank[] = { cmocka_unit_test(be_a_rank) };
    self.context = clade_context_new(NULL);
    self.model = model;
    if (clade_ranks_join(self.context, &self.ranks) != CLADE_OK || !self.ranks) return 77;
    const int failed = cmocka_run_group_tests_name("a rank", rank, NULL, NULL);
    clade_ranks_leave(self.ranks, failed == 0);
    clade_context_free(self.context);
    return failed;
}

int main(int count, char **words) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradients_of_lenet_over_ranks_are_those_of_one_device),
        cmocka_unit_test(test_gradients_of_resnet20_over_ranks_are_those_of_one_device),
        cmocka_unit_test(test_gradients_over_two_ranks_of_mpi),
        cmocka_unit_test(test_gradients_over_four_ranks_of_mpi),
    };
    program = words[0];
    return count < 2 ? cmocka_run_group_tests_name("gradients over ranks", tests, NULL, NULL) : run_as_rank(words[1]);
}
