/* Whole runs on a little data: that they learn, what they cost, what they say and leave behind. */
#include "train/helpers.h"

#include "base/context.h"
#include "device/device.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- learning ---- */

static void test_softmax_learns_digits(void **state) {
    fixture *f = *state;
    clade_dataset *train, *test;
    assert_good(f->context, clade_dataset_open(f->context, "digits:3000,500", &train, &test));
    clade_train_options options = small_run(f, NULL);
    options.train = train;
    options.test = test;
    clade_train_result result;
    assert_good(f->context, clade_train_model(clade_model_find("softmax"), &options, &result));
    assert_true(result.val_accuracy > 0.6);
    assert_true(result.val_loss < 1.5);
    assert_int_equal(result.parameters, 7850);
    assert_int_equal(result.epochs, 3);
    assert_int_equal(result.steps, 3 * 53); /* 2,940 samples in batches of 56 */
    assert_int_equal(strlen(result.weights_sha256), 64);
    clade_dataset_free(train);
    clade_dataset_free(test);
}

static void test_permuted_labels_teach_nothing(void **state) {
    fixture *f = *state;
    clade_dataset *train, *test;
    assert_good(f->context, clade_dataset_open(f->context, "digits:3000,500", &train, &test));
    assert_good(f->context, clade_dataset_shuffle_labels(train, 3));
    clade_train_options options = small_run(f, NULL);
    options.train = train;
    options.test = test;
    options.epochs = 1;
    clade_train_result result;
    assert_good(f->context, clade_train_model(clade_model_find("softmax"), &options, &result));
    assert_true(result.val_accuracy < 0.25);
    clade_dataset_free(train);
    clade_dataset_free(test);
}

static void test_same_seed_same_weights(void **state) {
    fixture *f = *state;
    clade_train_result first, second, other;
    clade_train_options options = small_run(f, NULL);
    const clade_model *model = clade_model_find("mlp");
    assert_good(f->context, clade_train_model(model, &options, &first));
    assert_good(f->context, clade_train_model(model, &options, &second));
    options.seed = 8;
    assert_good(f->context, clade_train_model(model, &options, &other));
    assert_string_equal(first.weights_sha256, second.weights_sha256);
    assert_string_not_equal(first.weights_sha256, other.weights_sha256);
    assert_true(first.val_loss == second.val_loss);
}

/* ---- what a steady step costs ---- */

typedef struct counts {
    const clade_opencl *opencl;
    int64_t asked;
    uint64_t blocking[2], created[2], arguments[2], read[2];
} counts;

enum { STEADY_FROM = 20, STEADY_TO = 45 };

static bool count_calls(void *user) {
    counts *c = user;
    c->asked++;
    if (c->asked != STEADY_FROM && c->asked != STEADY_TO) return false;
    int at = c->asked == STEADY_TO;
    c->blocking[at] = clade_opencl_blocking_calls(c->opencl);
    c->created[at] = clade_opencl_creations(c->opencl);
    c->arguments[at] = clade_opencl_calls(c->opencl, CLADE_CL_SetKernelArg);
    c->read[at] = clade_opencl_bytes_read(c->opencl);
    return false;
}

static void assert_steady_steps_only_enqueue(fixture *f) {
    counts counted = { .opencl = clade_context_opencl(f->context) };
    clade_train_options options = small_run(f, NULL);
    options.batch = 10; /* 54 steps in the first epoch */
    options.epochs = 1;
    options.validate_every = 1000;
    options.should_stop = count_calls;
    options.user = &counted;
    assert_good(f->context, clade_train_model(clade_model_find("lenet"), &options, NULL));
    assert_int_equal(counted.blocking[0], counted.blocking[1]);
    assert_int_equal(counted.created[0], counted.created[1]);
    assert_int_equal(counted.arguments[0], counted.arguments[1]);
    assert_true(counted.read[1] - counted.read[0] <= 64 * (STEADY_TO - STEADY_FROM));
    assert_true(counted.read[1] > counted.read[0]);
}

static void test_a_steady_step_only_enqueues(void **state) {
    assert_steady_steps_only_enqueue(*state);
}

static void test_a_steady_step_with_uploads_beside_only_enqueues(void **state) {
    fixture *f = *state;
    f->device->capabilities.unified_memory = false;
    assert_steady_steps_only_enqueue(f);
    assert_non_null(f->device->transfers);
}

static void test_uploads_beside_change_no_weight(void **state) {
    fixture *f = *state;
    clade_train_result direct, beside;
    clade_train_options options = small_run(f, NULL);
    const clade_model *model = clade_model_find("mlp");
    f->device->capabilities.unified_memory = true;
    assert_good(f->context, clade_train_model(model, &options, &direct));
    f->device->capabilities.unified_memory = false;
    assert_good(f->context, clade_train_model(model, &options, &beside));
    assert_string_equal(direct.weights_sha256, beside.weights_sha256);
    assert_true(direct.val_loss == beside.val_loss);
}

/* ---- what a start costs ---- */

static void open_device_again(fixture *f) {
    size_t index = 0;
    clade_device_close(f->device);
    f->device = NULL;
    assert_good(f->context, clade_device_choose(f->context, NULL, &index, NULL));
    assert_good(f->context, clade_device_open(f->context, index, &f->device));
}

static void test_a_start_with_a_warm_cache_compiles_nothing(void **state) {
    fixture *f = *state;
    const clade_opencl *opencl = clade_context_opencl(f->context);
    clade_train_options options = small_run(f, NULL);
    options.epochs = 1;
    assert_good(f->context, clade_train_model(clade_model_find("lenet"), &options, NULL));
    open_device_again(f);
    uint64_t compiled = clade_opencl_calls(opencl, CLADE_CL_CreateProgramWithSource);
    uint64_t loaded = clade_opencl_calls(opencl, CLADE_CL_CreateProgramWithBinary);
    assert_good(f->context, clade_train_model(clade_model_find("lenet"), &options, NULL));
    assert_int_equal(clade_opencl_calls(opencl, CLADE_CL_CreateProgramWithSource), compiled);
    loaded = clade_opencl_calls(opencl, CLADE_CL_CreateProgramWithBinary) - loaded;
    assert_true(loaded > 0);
    assert_true(loaded <= 32); /* programs are few: each costs a start some milliseconds */
}

/* ---- the run folder ---- */

static double number_in(const cJSON *line, const char *name) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(line, name);
    if (!cJSON_IsNumber(item)) fail_msg("metrics line without %s", name);
    return item->valuedouble;
}

static void test_metrics_have_a_line_for_each_event(void **state) {
    fixture *f = *state;
    char *folder = path_in(f, "run");
    clade_train_options options = small_run(f, folder);
    clade_train_result result;
    assert_good(f->context, clade_train_model(clade_model_find("softmax"), &options, &result));
    char *metrics = metrics_without_times(folder);
    int trained = 0, validated = 0, final = 0;
    for (const char *line = metrics; *line; line += strcspn(line, "\n") + 1) {
        cJSON *json = cJSON_ParseWithLength(line, strcspn(line, "\n"));
        const char *event = cJSON_GetObjectItemCaseSensitive(json, "event")->valuestring;
        trained += strcmp(event, "train") == 0;
        validated += strcmp(event, "validation") == 0;
        if (strcmp(event, "final") == 0) {
            final++;
            assert_true(fabs(number_in(json, "val_accuracy") - result.val_accuracy) < 1e-9);
        } else {
            number_in(json, "loss");
            number_in(json, "accuracy");
        }
        cJSON_Delete(json);
    }
    assert_int_equal(trained, 10);  /* 30 steps, every third */
    assert_int_equal(validated, 4); /* after 8, 16, 24 and 30 */
    assert_int_equal(final, 1);
    assert_int_equal(count_checkpoints(folder), 3);
    free(metrics);
    free(folder);
}

static void test_the_picture_is_drawn(void **state) {
    fixture *f = *state;
    char *folder = path_in(f, "run"), *picture = path_in(f, "run/training.svg");
    clade_train_options options = small_run(f, folder);
    assert_good(f->context, clade_train_model(clade_model_find("softmax"), &options, NULL));
    char *svg = read_whole(picture, NULL);
    assert_int_equal(strncmp(svg, "<?xml", 5), 0);
    assert_non_null(strstr(svg, "accuracy (%)"));
    assert_non_null(strstr(svg, "training (smoothed)"));
    assert_non_null(strstr(svg, "stroke-dasharray"));
    assert_null(strstr(svg, "nan"));
    assert_non_null(strstr(svg, "</svg>\n"));
    free(svg);
    free(picture);
    free(folder);
}

/* ---- a graph of one's own ---- */

static void test_an_own_graph_trains_and_can_be_run(void **state) {
    fixture *f = *state;
    clade_graph *graph = clade_graph_new(f->context);
    clade_value image = clade_input(graph, "image", CLADE_F32, clade_shape(CLADE_BATCH, 1, 28, 28));
    clade_value label = clade_input(graph, "label", CLADE_I32, clade_shape(CLADE_BATCH));
    clade_value hidden = clade_tanh(clade_dense(image, .units = 16));
    clade_value logits = clade_dense(clade_dropout(hidden, 0.1, "drop"), .units = 10);
    clade_value loss = clade_softmax_cross_entropy(logits, label);
    clade_train_options options = small_run(f, NULL);
    options.scores = logits;
    clade_trainer *trainer;
    clade_train_result result;
    assert_good(f->context, clade_trainer_new(graph, loss, &options, &trainer));
    assert_good(f->context, clade_trainer_run(trainer, &result));
    assert_true(result.val_accuracy > 0.2);
    float pixels[784], scores[10];
    assert_good(f->context, clade_dataset_read(f->test, &(int64_t){ 0 }, 1, pixels, NULL));
    clade_binding_array feed = { image, pixels, 784 }, fetch = { logits, scores, 10 };
    assert_good(f->context, clade_session_run(clade_trainer_session(trainer),
                                              &(clade_run_options){ .size = sizeof(clade_run_options),
                                                                    .batch = 1,
                                                                    .feeds = &feed,
                                                                    .feed_count = 1,
                                                                    .fetches = &fetch,
                                                                    .fetch_count = 1,
                                                                    .inference = true }));
    assert_true(isfinite(scores[0]));
    clade_trainer_free(trainer);
    clade_graph_free(graph);
}

/* ---- refusals ---- */

static void expect_refusal(fixture *f, const clade_train_options *options, clade_status expected, const char *words) {
    clade_status status = clade_train_model(clade_model_find("softmax"), options, NULL);
    if (status != expected || !strstr(clade_error(f->context), words))
        fail_msg("status %d, %s; expected %d with \"%s\"", status, clade_error(f->context), expected, words);
    assert_null(strchr(clade_error(f->context), '\n'));
}

static void test_wrong_options_are_one_clear_line(void **state) {
    fixture *f = *state;
    clade_device *two[] = { f->device, f->device };
    clade_train_options options = small_run(f, NULL);
    options.devices = two;
    options.device_count = 2;
    expect_refusal(f, &options, CLADE_ERROR_ARGUMENT, "options.devices[1] is also devices[0]");
    options = small_run(f, NULL);
    options.rate = -1;
    expect_refusal(f, &options, CLADE_ERROR_ARGUMENT, "rate -1");
    options = small_run(f, NULL);
    options.batch = -5;
    expect_refusal(f, &options, CLADE_ERROR_ARGUMENT, "batch -5");
    options = small_run(f, NULL);
    options.held_out = 600;
    expect_refusal(f, &options, CLADE_ERROR_ARGUMENT, "held out");
    options = small_run(f, NULL);
    options.held_out = 0;
    options.no_held_out = true;
    options.schedule.kind = CLADE_PLATEAU;
    expect_refusal(f, &options, CLADE_ERROR_ARGUMENT, "plateau");
    options = small_run(f, NULL);
    options.resume = true;
    expect_refusal(f, &options, CLADE_ERROR_ARGUMENT, "folder");
    options = small_run(f, NULL);
    options.train = NULL;
    expect_refusal(f, &options, CLADE_ERROR_ARGUMENT, "data set");
}

static void test_a_loss_that_leaves_the_numbers_stops_the_run(void **state) {
    fixture *f = *state;
    clade_train_options options = small_run(f, NULL);
    options.rate = 1e38;
    options.no_held_out = true;
    options.held_out = 0;
    clade_status status = clade_train_model(clade_model_find("mlp"), &options, NULL);
    assert_int_equal(status, CLADE_ERROR_ARGUMENT);
    assert_non_null(strstr(clade_error(f->context), "lower rate"));
}

int main(void) {
#define WITH_FIXTURE(TEST) cmocka_unit_test_setup_teardown(TEST, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(test_softmax_learns_digits),
        WITH_FIXTURE(test_permuted_labels_teach_nothing),
        WITH_FIXTURE(test_same_seed_same_weights),
        WITH_FIXTURE(test_a_steady_step_only_enqueues),
        WITH_FIXTURE(test_a_steady_step_with_uploads_beside_only_enqueues),
        WITH_FIXTURE(test_uploads_beside_change_no_weight),
        WITH_FIXTURE(test_a_start_with_a_warm_cache_compiles_nothing),
        WITH_FIXTURE(test_metrics_have_a_line_for_each_event),
        WITH_FIXTURE(test_the_picture_is_drawn),
        WITH_FIXTURE(test_an_own_graph_trains_and_can_be_run),
        WITH_FIXTURE(test_wrong_options_are_one_clear_line),
        WITH_FIXTURE(test_a_loss_that_leaves_the_numbers_stops_the_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
