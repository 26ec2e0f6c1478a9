/* A resumed run is the unbroken one, bit for bit, wherever it was stopped: asked to at any step, or killed. */
#include "train/helpers.h"

#include "base/random.h"
#include "base/thread.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ---- asked to stop ---- */

typedef struct stopper {
    int64_t asked, stop_at;
} stopper;

static bool stop_there(void *user) {
    stopper *s = user;
    return ++s->asked == s->stop_at;
}

static void expect_same_file(const char *left, const char *right) {
    size_t left_size, right_size;
    char *a = read_whole(left, &left_size), *b = read_whole(right, &right_size);
    assert_int_equal(left_size, right_size);
    assert_memory_equal(a, b, left_size);
    free(a);
    free(b);
}

/* Two trainings of MODEL, one unbroken, one stopped after 3, 4 and 13 more steps: the same weights, metrics, checkpoint.
 * What CHOSEN says that is not zero replaces the small run's options. */
static void expect_resume_changes_nothing(fixture *f, const char *name, const clade_train_options *chosen) {
    const clade_model *model = clade_model_find(name);
    char *whole = path_in(f, "whole"), *broken = path_in(f, "broken");
    clade_train_options options = small_run(f, whole);
    options.schedule = chosen->schedule;
    options.optimizer = chosen->optimizer;
    options.iterations = chosen->iterations;
    options.accumulate = chosen->accumulate;
    options.early_momentum_epochs = chosen->early_momentum_epochs;
    options.patience = chosen->patience;
    options.watch_layers = chosen->watch_layers;
    if (chosen->epochs > 0) options.epochs = chosen->epochs;
    clade_train_result unbroken, resumed;
    assert_good(f->context, clade_train_model(model, &options, &unbroken));
    const int64_t stops[] = { 3, 4, 13 };
    options.folder = broken;
    for (int i = 0; i < 3; i++) {
        stopper stop = { .stop_at = stops[i] };
        options.should_stop = stop_there;
        options.user = &stop;
        options.resume = i > 0;
        assert_int_equal(clade_train_model(model, &options, NULL), CLADE_ERROR_INTERRUPTED);
    }
    options.should_stop = NULL;
    options.resume = true;
    assert_good(f->context, clade_train_model(model, &options, &resumed));
    assert_int_equal(resumed.resumed_from, 20);
    assert_string_equal(resumed.weights_sha256, unbroken.weights_sha256);
    assert_true(resumed.train_loss == unbroken.train_loss);
    assert_true(resumed.held_out_loss == unbroken.held_out_loss);
    assert_int_equal(resumed.steps, unbroken.steps);
    assert_int_equal(resumed.stopped_early, unbroken.stopped_early);
    char last[64];
    snprintf(last, sizeof last, "whole/checkpoint-%d.clade", (int)resumed.steps);
    char *left = path_in(f, last);
    snprintf(last, sizeof last, "broken/checkpoint-%d.clade", (int)resumed.steps);
    char *right = path_in(f, last);
    expect_same_file(left, right);
    char *a = metrics_without_times(whole), *b = metrics_without_times(broken);
    assert_string_equal(a, b);
    free(a);
    free(b);
    free(left);
    free(right);
    free(whole);
    free(broken);
}

static void test_resume_with_momentum_changes_nothing(void **state) {
    const clade_train_options chosen = { .schedule.kind = CLADE_COSINE,
                                         .early_momentum_epochs = 1,
                                         .watch_layers = true };
    expect_resume_changes_nothing(*state, "mlp", &chosen);
}

static void test_resume_with_adam_changes_nothing(void **state) {
    const clade_train_options chosen = { .schedule.kind = CLADE_STEP };
    expect_resume_changes_nothing(*state, "mlp-sigmoid", &chosen);
}

static void test_resume_on_a_plateau_changes_nothing(void **state) {
    const clade_train_options chosen = { .schedule.kind = CLADE_PLATEAU };
    expect_resume_changes_nothing(*state, "softmax", &chosen);
}

/* Three batches an update: the second stop is within a group. */
static void test_resume_between_the_batches_of_an_update_changes_nothing(void **state) {
    const clade_train_options chosen = { .accumulate = 3, .schedule = { .kind = CLADE_HALVE, .threshold = 0.9 } };
    expect_resume_changes_nothing(*state, "mlp", &chosen);
}

/* Patience of three validations, every eighth step: the run cannot end before the last stop. */
static void test_resume_before_an_early_stop_changes_nothing(void **state) {
    const clade_train_options chosen = { .patience = 3, .epochs = 40 };
    expect_resume_changes_nothing(*state, "softmax", &chosen);
}

static void test_resume_with_lbfgs_changes_nothing(void **state) {
    const clade_train_options chosen = { .optimizer = CLADE_LBFGS, .iterations = 2 };
    expect_resume_changes_nothing(*state, "softmax", &chosen);
}

/* ---- a trainer that goes on ---- */

static void test_an_interrupted_trainer_goes_on_when_run_again(void **state) {
    fixture *f = *state;
    clade_train_result results[2];
    for (int i = 0; i < 2; i++) {
        clade_graph *graph = clade_graph_new(f->context);
        clade_value image = clade_input(graph, "image", CLADE_F32, clade_shape(CLADE_BATCH, 1, 28, 28));
        clade_value label = clade_input(graph, "label", CLADE_I32, clade_shape(CLADE_BATCH));
        clade_value x = clade_dropout(clade_relu(clade_dense(image, .units = 12)), 0.3, "drop");
        clade_value logits = clade_dense(x, .units = 10);
        stopper stop = { .stop_at = 14 };
        clade_train_options options = small_run(f, NULL);
        options.should_stop = i == 1 ? stop_there : NULL;
        options.user = &stop;
        clade_trainer *trainer;
        assert_good(f->context,
                    clade_trainer_new(graph, clade_softmax_cross_entropy(logits, label), &options, &trainer));
        if (i == 1) assert_int_equal(clade_trainer_run(trainer, NULL), CLADE_ERROR_INTERRUPTED);
        assert_good(f->context, clade_trainer_run(trainer, &results[i]));
        clade_trainer_free(trainer);
        clade_graph_free(graph);
    }
    assert_string_equal(results[0].weights_sha256, results[1].weights_sha256);
}

/* ---- killed: processes of their own, as a driver's threads do not outlive a fork ---- */

enum { KILLS = 20, EPOCHS = 12 };

/* In a child: trains in FOLDER, resuming, and writes the weights' hash to FOLDER.sha256. */
static void train_and_leave(const char *folder) {
    void *state;
    if (set_up(&state) != 0) _exit(2);
    fixture *f = state;
    clade_train_options options = small_run(f, folder);
    options.epochs = EPOCHS;
    options.checkpoint_every = 2;
    options.resume = true;
    clade_train_result result;
    clade_status status = clade_train_model(clade_model_find("softmax"), &options, &result);
    char path[600];
    snprintf(path, sizeof path, "%s.sha256", folder);
    FILE *file = status == CLADE_OK ? fopen(path, "w") : NULL;
    if (!file || fputs(result.weights_sha256, file) < 0 || fclose(file) != 0) {
        fprintf(stderr, "%s\n", clade_error(f->context));
        _exit(3);
    }
    tear_down(&state);
    _exit(0);
}

static pid_t start_training(const char *folder) {
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) train_and_leave(folder);
    return child;
}

static void sleep_for(double seconds) {
    struct timespec time = { .tv_sec = (time_t)seconds };
    time.tv_nsec = (long)((seconds - (double)time.tv_sec) * 1e9);
    nanosleep(&time, NULL);
}

static void expect_done(pid_t child) {
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void test_resume_after_kill_is_bit_identical(void **state) {
    (void)state;
    scratch_folder scratch;
    scratch_make(&scratch);
    char whole[600], killed[600];
    snprintf(whole, sizeof whole, "%s/whole", scratch.folder);
    snprintf(killed, sizeof killed, "%s/killed", scratch.folder);
    double start = clade_clock_seconds();
    expect_done(start_training(whole));
    double seconds = clade_clock_seconds() - start;
    clade_random random = clade_random_stream(1, "kills", 0);
    for (int i = 0; i < KILLS; i++) {
        pid_t child = start_training(killed);
        sleep_for(seconds * clade_random_uniform(&random));
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, NULL, 0), child);
    }
    expect_done(start_training(killed));
    char whole_hash[700], killed_hash[700];
    snprintf(whole_hash, sizeof whole_hash, "%s.sha256", whole);
    snprintf(killed_hash, sizeof killed_hash, "%s.sha256", killed);
    expect_same_file(whole_hash, killed_hash);
    char *a = metrics_without_times(whole), *b = metrics_without_times(killed);
    assert_string_equal(a, b);
    free(a);
    free(b);
    scratch_remove(&scratch);
}

int main(void) {
#define WITH_FIXTURE(TEST) cmocka_unit_test_setup_teardown(TEST, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            test_resume_after_kill_is_bit_identical), /* first: before this process has a driver's threads */
        WITH_FIXTURE(test_resume_with_momentum_changes_nothing),
        WITH_FIXTURE(test_resume_with_adam_changes_nothing),
        WITH_FIXTURE(test_resume_on_a_plateau_changes_nothing),
        WITH_FIXTURE(test_resume_between_the_batches_of_an_update_changes_nothing),
        WITH_FIXTURE(test_resume_before_an_early_stop_changes_nothing),
        WITH_FIXTURE(test_resume_with_lbfgs_changes_nothing),
        WITH_FIXTURE(test_an_interrupted_trainer_goes_on_when_run_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
