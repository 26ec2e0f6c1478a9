/* What a trainer does beside plain steps: momentum that changes, updates by several batches, halving, early stopping, the
 * wiggle, L-BFGS. The smallest problem has one weight and a gradient of 1, so that its numbers can be written down. */
#include "train/helpers.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- one weight: the loss is the mean of w * image, the images are 1 ---- */

enum { SAMPLES = 4 };

typedef struct slope {
    clade_dataset *data;
    clade_graph *graph;
    clade_value loss;
    clade_trainer *trainer;
} slope;

static slope make_slope(fixture *f) {
    const float ones[SAMPLES] = { 1, 1, 1, 1 };
    const int32_t labels[SAMPLES] = { 0 };
    slope s = { .graph = clade_graph_new(f->context) };
    const clade_dataset_info info = { .count = SAMPLES, .channels = 1, .height = 1, .width = 1, .classes = 1 };
    assert_good(f->context, clade_dataset_from_arrays(f->context, &info, ones, labels, NULL, &s.data));
    clade_value image = clade_input(s.graph, "image", CLADE_F32, clade_shape(CLADE_BATCH, 1));
    clade_input(s.graph, "label", CLADE_I32, clade_shape(CLADE_BATCH));
    clade_value w = clade_state(s.graph, "w", clade_shape(1), CLADE_ROLE_WEIGHT,
                                (clade_initializer){ .kind = CLADE_INITIALIZE_CONSTANT, .value = 1 });
    s.loss = clade_mean(clade_multiply(image, w), CLADE_ALL_AXES, false);
    return s;
}

static clade_train_options slope_options(fixture *f, const slope *s) {
    return (clade_train_options){ .size = sizeof(clade_train_options),
                                  .devices = &f->device,
                                  .device_count = 1,
                                  .train = s->data,
                                  .no_held_out = true,
                                  .rate = 0.1,
                                  .batch = SAMPLES,
                                  .epochs = 4 };
}

/* Runs it; the weight at the end. */
static double run_slope(fixture *f, slope *s, const clade_train_options *options) {
    float w;
    assert_good(f->context, clade_trainer_new(s->graph, s->loss, options, &s->trainer));
    assert_good(f->context, clade_trainer_run(s->trainer, NULL));
    assert_good(f->context, clade_session_read_state(clade_trainer_session(s->trainer), "w", &w, 1));
    clade_trainer_free(s->trainer);
    clade_graph_free(s->graph);
    clade_dataset_free(s->data);
    return (double)w;
}

/* v: -0.1, -0.15 at momentum 0.5; -0.235, -0.3115 at 0.9. */
static void test_momentum_changes_after_the_early_epochs(void **state) {
    fixture *f = *state;
    slope s = make_slope(f);
    clade_train_options options = slope_options(f, &s);
    options.early_momentum_epochs = 2;
    assert_true(fabs(run_slope(f, &s, &options) - 0.2035) < 1e-6);
}

/* Two batches of two make one update by the same mean: four updates, v: -0.1, -0.19, -0.271, -0.3439. */
static void test_accumulated_batches_make_one_update(void **state) {
    fixture *f = *state;
    slope s = make_slope(f);
    clade_train_options options = slope_options(f, &s);
    options.batch = 2;
    options.full_batch = true;
    assert_true(fabs(run_slope(f, &s, &options) - 0.0951) < 1e-6);
}

/* A loss that falls by less than its half in each epoch halves the rate: 0.1 twice (the first epoch has none before it),
 * then 0.05, 0.025. */
static void test_the_rate_is_halved_as_convergence_slows(void **state) {
    fixture *f = *state;
    slope s = make_slope(f);
    clade_train_options options = slope_options(f, &s);
    options.no_momentum = true;
    options.schedule = (clade_schedule){ .kind = CLADE_HALVE, .threshold = 0.5 };
    assert_true(fabs(run_slope(f, &s, &options) - 0.725) < 1e-6);
}

/* The mean of w is lowered by the rate in each step, as its sign says; decay pulls no harder than that. */
static void test_the_wiggle_goes_down_by_the_rate(void **state) {
    fixture *f = *state;
    slope s = make_slope(f);
    clade_train_options options = slope_options(f, &s);
    options.optimizer = CLADE_WIGGLE;
    options.weight_decay = 0.1;
    assert_true(fabs(run_slope(f, &s, &options) - 0.6) < 1e-6);
}

static void test_what_does_not_go_together_is_one_clear_line(void **state) {
    fixture *f = *state;
    static const struct {
        clade_train_options options;
        const char *words;
    } cases[] = {
        { { .optimizer = CLADE_ADAM, .early_momentum_epochs = 2 }, "adam" },
        { { .early_momentum_epochs = 2, .no_momentum = true }, "momentum 0" },
        { { .optimizer = CLADE_LBFGS, .momentum = 0.5 }, "lbfgs knows no momentum" },
        { { .optimizer = CLADE_LBFGS, .clip_norm = 1 }, "clipping" },
        { { .optimizer = CLADE_WIGGLE, .full_batch = true }, "accumulation" },
        { { .optimizer = CLADE_WIGGLE, .watch_layers = true }, "gradients" },
        { { .patience = 2 }, "early stopping" },
        { { .patience = -1 }, "patience -1" },
        { { .accumulate = -1 }, "accumulate -1" },
        { { .optimizer = CLADE_LBFGS, .memory = 1000 }, "memory" },
        { { .schedule = { .kind = CLADE_HALVE, .threshold = 1 } }, "threshold 1" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        slope s = make_slope(f);
        clade_train_options options = cases[i].options;
        const clade_train_options plain = slope_options(f, &s);
        options.size = sizeof options;
        options.devices = plain.devices;
        options.device_count = 1;
        options.train = s.data;
        options.no_held_out = true;
        assert_int_equal(clade_trainer_new(s.graph, s.loss, &options, &s.trainer), CLADE_ERROR_ARGUMENT);
        if (!strstr(clade_error(f->context), cases[i].words)) fail_msg("%zu: %s", i, clade_error(f->context));
        assert_null(strchr(clade_error(f->context), '\n'));
        clade_graph_free(s.graph);
        clade_dataset_free(s.data);
    }
}

/* ---- digits ---- */

/* The held-out losses in FOLDER's metrics; how many. */
static size_t held_out_losses(const char *folder, double *losses, size_t most) {
    char *metrics = metrics_without_times(folder);
    size_t count = 0;
    for (const char *line = metrics; *line; line += strcspn(line, "\n") + 1) {
        cJSON *json = cJSON_ParseWithLength(line, strcspn(line, "\n"));
        if (strcmp(cJSON_GetObjectItem(json, "event")->valuestring, "validation") == 0 && count < most)
            losses[count++] = cJSON_GetObjectItem(json, "loss")->valuedouble;
        cJSON_Delete(json);
    }
    free(metrics);
    return count;
}

/* The number of validations after which a run of patience PATIENCE ends; 0: it does not. */
static size_t end_of(const double *losses, size_t count, int patience, double least_gain) {
    double least = INFINITY;
    int waited = 0;
    for (size_t i = 0; i < count; i++) {
        waited = losses[i] < least - least_gain ? 0 : waited + 1;
        if (waited == 0) least = losses[i];
        if (waited == patience) return i + 1;
    }
    return 0;
}

static void test_a_run_stops_when_the_held_out_loss_stays(void **state) {
    fixture *f = *state;
    enum { MOST = 200 };
    double losses[MOST];
    char *folder = path_in(f, "run");
    clade_train_options options = small_run(f, folder);
    options.epochs = 60;
    options.patience = 2;
    options.least_gain = 0.05;
    clade_train_result result, again;
    assert_good(f->context, clade_train_model(clade_model_find("softmax"), &options, &result));
    const size_t count = held_out_losses(folder, losses, MOST);
    assert_true(result.stopped_early);
    assert_true(result.steps < 600);
    assert_int_equal(count, end_of(losses, count, 2, 0.05));
    assert_int_equal(result.steps, 8 * (int64_t)count); /* a validation every eight steps */
    /* To resume it changes nothing; to begin anew replaces it, as it is over. */
    options.resume = true;
    assert_good(f->context, clade_train_model(clade_model_find("softmax"), &options, &again));
    assert_string_equal(again.weights_sha256, result.weights_sha256);
    assert_true(again.stopped_early);
    options.resume = false;
    assert_good(f->context, clade_train_model(clade_model_find("softmax"), &options, &again));
    assert_string_equal(again.weights_sha256, result.weights_sha256);
    free(folder);
}

static void test_all_batches_together_are_one_batch(void **state) {
    fixture *f = *state;
    clade_train_result parts, whole;
    clade_train_options options = small_run(f, NULL);
    options.weight_decay = 0.01;
    options.clip_norm = 1;
    options.epochs = 6;
    options.full_batch = true;
    assert_good(f->context, clade_train_model(clade_model_find("mlp"), &options, &parts));
    options.full_batch = false;
    options.batch = 540;
    assert_good(f->context, clade_train_model(clade_model_find("mlp"), &options, &whole));
    assert_true(fabs(parts.val_loss - whole.val_loss) < 1e-3 * whole.val_loss);
    assert_int_equal(parts.parameters, whole.parameters);
}

static void test_lbfgs_trains_on_the_whole_set(void **state) {
    fixture *f = *state;
    clade_train_result result;
    clade_train_options options = small_run(f, NULL);
    options.optimizer = CLADE_LBFGS;
    options.batch = 540;
    options.iterations = 15;
    options.weight_decay = 0.01;
    assert_good(f->context, clade_train_model(clade_model_find("softmax"), &options, &result));
    assert_int_equal(result.steps, 3);
    assert_true(result.val_accuracy > 0.5);
    assert_true(result.train_loss < 0.5);
}

int main(void) {
#define WITH_FIXTURE(TEST) cmocka_unit_test_setup_teardown(TEST, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(test_momentum_changes_after_the_early_epochs),
        WITH_FIXTURE(test_accumulated_batches_make_one_update),
        WITH_FIXTURE(test_the_rate_is_halved_as_convergence_slows),
        WITH_FIXTURE(test_the_wiggle_goes_down_by_the_rate),
        WITH_FIXTURE(test_what_does_not_go_together_is_one_clear_line),
        WITH_FIXTURE(test_a_run_stops_when_the_held_out_loss_stays),
        WITH_FIXTURE(test_all_batches_together_are_one_batch),
        WITH_FIXTURE(test_lbfgs_trains_on_the_whole_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
