/* What a sample is held against: numbers, one-hot vectors, class numbers; and several losses at once. */
#include "train/helpers.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- dense targets ---- */

enum { SAMPLES = 24, COLUMNS = 2, TARGETS = 2 };

/* Points in the plane; targets 2 x - 3 y + 0.5 and x + y - 1. */
static clade_dataset *plane(fixture *f) {
    float points[SAMPLES * COLUMNS], targets[SAMPLES * TARGETS];
    for (int i = 0; i < SAMPLES; i++) {
        const float x = (float)((i * 7) % SAMPLES) / SAMPLES - 0.5F,
                    y = (float)((i * 5 + 3) % SAMPLES) / SAMPLES - 0.5F;
        points[2 * i] = x;
        points[2 * i + 1] = y;
        targets[2 * i] = 2 * x - 3 * y + 0.5F;
        targets[2 * i + 1] = x + y - 1;
    }
    const clade_dataset_info info = {
        .name = "plane", .count = SAMPLES, .channels = COLUMNS, .height = 1, .width = 1, .targets = TARGETS
    };
    clade_dataset *dataset;
    assert_good(f->context, clade_dataset_from_arrays(f->context, &info, points, NULL, targets, &dataset));
    return dataset;
}

static void test_a_line_is_found_by_dense_targets(void **state) {
    fixture *f = *state;
    clade_dataset *data = plane(f);
    clade_graph *graph = clade_graph_new(f->context);
    clade_value image = clade_input(graph, "image", CLADE_F32, clade_shape(CLADE_BATCH, COLUMNS));
    clade_value target = clade_input(graph, "label", CLADE_F32, clade_shape(CLADE_BATCH, TARGETS));
    clade_value loss = clade_half_squared_loss(clade_dense(image, .units = TARGETS, .name = "fc"), target);
    clade_train_options options = small_run(f, NULL);
    options.train = options.test = data;
    options.optimizer = CLADE_LBFGS;
    options.batch = SAMPLES;
    options.no_held_out = true;
    options.held_out = 0;
    clade_trainer *trainer;
    clade_train_result result;
    assert_good(f->context, clade_trainer_new(graph, loss, &options, &trainer));
    assert_good(f->context, clade_trainer_run(trainer, &result));
    float weight[TARGETS * COLUMNS], bias[TARGETS];
    static const float expected[] = { 2, -3, 1, 1 };
    assert_good(f->context, clade_session_read_state(clade_trainer_session(trainer), "fc.weight", weight, 4));
    assert_good(f->context, clade_session_read_state(clade_trainer_session(trainer), "fc.bias", bias, 2));
    for (int i = 0; i < 4; i++)
        assert_float_equal(weight[i], expected[i], 1e-3);
    assert_float_equal(bias[0], 0.5F, 1e-3);
    assert_float_equal(bias[1], -1, 1e-3);
    assert_true(result.val_loss < 1e-6);
    assert_true(isnan(result.val_accuracy) && isnan(result.val_top5));
    clade_trainer_free(trainer);
    clade_graph_free(graph);
    clade_dataset_free(data);
}

/* A slice and the loader give the targets of the samples that they give. */
static void test_slices_and_loaders_keep_targets_with_their_samples(void **state) {
    fixture *f = *state;
    clade_dataset *data = plane(f), *rest, *held;
    assert_good(f->context, clade_dataset_split(data, 7, &rest, &held));
    clade_loader *loader;
    const clade_loader_options options = { .size = sizeof options, .batch = 5, .shuffle = true, .targets = TARGETS };
    assert_good(f->context, clade_loader_new(rest, &options, &loader));
    assert_good(f->context, clade_loader_start(loader, 0, 0));
    int64_t seen = 0;
    for (clade_batch batch;; clade_loader_release(loader, &batch)) {
        assert_good(f->context, clade_loader_next(loader, &batch));
        if (batch.count == 0) break;
        for (int64_t i = 0; i < batch.count; i++, seen++)
            assert_float_equal(batch.targets[2 * i], 2 * batch.images[2 * i] - 3 * batch.images[2 * i + 1] + 0.5F,
                               1e-6);
        for (int64_t i = 2 * batch.count; i < 10; i++)
            assert_true(batch.targets[i] == 0);
    }
    assert_int_equal(seen, SAMPLES - 7);
    assert_int_equal(clade_dataset_describe(held).targets, TARGETS);
    clade_loader_free(loader);
    clade_dataset_free(rest);
    clade_dataset_free(held);
    clade_dataset_free(data);
}

static void test_targets_that_do_not_fit_are_one_clear_line(void **state) {
    fixture *f = *state;
    clade_dataset *data = plane(f), *none;
    float targets[16];
    const int64_t first = 0;
    assert_int_equal(clade_dataset_read_targets(data, &first, 1, 3, targets), CLADE_ERROR_ARGUMENT);
    assert_non_null(strstr(clade_error(f->context), "2 numbers each, not 3"));
    assert_int_equal(clade_dataset_read_targets(f->train, &first, 1, 9, targets), CLADE_ERROR_ARGUMENT);
    assert_non_null(strstr(clade_error(f->context), "10 classes do not fit in 9"));
    assert_int_equal(clade_dataset_shuffle_labels(data, 1), CLADE_ERROR_UNSUPPORTED);
    clade_train_options options = small_run(f, NULL);
    options.train = data;
    assert_int_equal(clade_train_model(clade_model_find("softmax"), &options, NULL), CLADE_ERROR_INPUT);
    const float image = 1;
    const int32_t label = 3;
    clade_dataset_info info = { .name = "x", .count = 1, .channels = 1, .height = 1, .width = 1, .classes = 3 };
    assert_int_equal(clade_dataset_from_arrays(f->context, &info, &image, &label, NULL, &none), CLADE_ERROR_ARGUMENT);
    assert_non_null(strstr(clade_error(f->context), "label 3 of sample 0"));
    assert_int_equal(clade_dataset_from_arrays(f->context, &info, &image, NULL, NULL, &none), CLADE_ERROR_ARGUMENT);
    info.height = 0;
    assert_int_equal(clade_dataset_from_arrays(f->context, &info, &image, &(int32_t){ 1 }, NULL, &none),
                     CLADE_ERROR_ARGUMENT);
    clade_dataset_free(data);
}

/* ---- one-hot ---- */

static clade_train_result train_softmax(fixture *f, bool one_hot) {
    clade_graph *graph = clade_graph_new(f->context);
    clade_value image = clade_input(graph, "image", CLADE_F32, clade_shape(CLADE_BATCH, 1, 28, 28));
    clade_value label = one_hot ? clade_input(graph, "label", CLADE_F32, clade_shape(CLADE_BATCH, 10))
                                : clade_input(graph, "label", CLADE_I32, clade_shape(CLADE_BATCH));
    clade_value logits = clade_dense(image, .units = 10, .name = "fc"), loss;
    if (one_hot) {
        clade_value chosen = clade_sum(clade_multiply(label, clade_log_softmax(logits)), 2, false);
        loss = clade_negate(clade_mean(chosen, CLADE_ALL_AXES, false));
    } else {
        loss = clade_softmax_cross_entropy(logits, label);
    }
    clade_train_options options = small_run(f, NULL);
    options.scores = logits;
    clade_trainer *trainer;
    clade_train_result result;
    assert_good(f->context, clade_trainer_new(graph, loss, &options, &trainer));
    assert_good(f->context, clade_trainer_run(trainer, &result));
    clade_trainer_free(trainer);
    clade_graph_free(graph);
    return result;
}

static void test_one_hot_targets_are_class_numbers_in_other_words(void **state) {
    fixture *f = *state;
    const clade_train_result numbers = train_softmax(f, false), vectors = train_softmax(f, true);
    assert_true(fabs(numbers.val_loss - vectors.val_loss) < 1e-4 * numbers.val_loss);
    assert_true(fabs(numbers.val_accuracy - vectors.val_accuracy) < 0.011);
    assert_true(vectors.val_accuracy > 0.2 && vectors.val_top5 > vectors.val_accuracy);
}

/* ---- several losses ---- */

static void test_extra_losses_are_weighed_and_told_apart(void **state) {
    fixture *f = *state;
    char *folder = path_in(f, "run");
    clade_graph *graph = clade_graph_new(f->context);
    clade_value image = clade_input(graph, "image", CLADE_F32, clade_shape(CLADE_BATCH, 1, 28, 28));
    clade_value label = clade_input(graph, "label", CLADE_I32, clade_shape(CLADE_BATCH));
    clade_value hidden = clade_relu(clade_dense(image, .units = 12));
    clade_value logits = clade_dense(hidden, .units = 10);
    const clade_weighted_loss side = {
        "side", 0.3, clade_softmax_cross_entropy(clade_dense(hidden, .units = 10, .name = "side"), label)
    };
    clade_train_options options = small_run(f, folder);
    options.scores = logits;
    options.extra_losses = &side;
    options.extra_loss_count = 1;
    clade_trainer *trainer;
    clade_train_result result;
    assert_good(f->context, clade_trainer_new(graph, clade_softmax_cross_entropy(logits, label), &options, &trainer));
    assert_good(f->context, clade_trainer_run(trainer, &result));
    assert_int_equal(result.parameters, 785 * 12 + 2 * 130);
    char *metrics = metrics_without_times(folder);
    int reports = 0;
    for (const char *line = metrics; *line; line += strcspn(line, "\n") + 1) {
        cJSON *json = cJSON_ParseWithLength(line, strcspn(line, "\n"));
        const cJSON *losses = cJSON_GetObjectItem(json, "losses");
        if (losses) {
            const double total = cJSON_GetObjectItem(json, "loss")->valuedouble;
            const double main_loss = cJSON_GetObjectItem(losses, "main")->valuedouble;
            const double extra = cJSON_GetObjectItem(losses, "side")->valuedouble;
            assert_true(fabs(total - main_loss - 0.3 * extra) < 1e-5);
            reports++;
        }
        cJSON_Delete(json);
    }
    assert_int_equal(reports, 10);
    free(metrics);
    free(folder);
    clade_trainer_free(trainer);
    clade_graph_free(graph);
}

/* GoogLeNet: one step on two pictures, with all three of its losses, each near ln 1000 at the start. */
static void test_googlenet_trains_with_all_three_losses(void **state) {
    fixture *f = *state;
    enum { IMAGES = 2, PIXELS = 3 * 224 * 224 };
    char *folder = path_in(f, "googlenet");
    float *images = malloc(IMAGES * PIXELS * sizeof *images);
    assert_non_null(images);
    for (int i = 0; i < IMAGES * PIXELS; i++)
        images[i] = (float)((i % 1009) * 31 % 1000) / 1000;
    const clade_dataset_info info = { .count = IMAGES, .channels = 3, .height = 224, .width = 224, .classes = 1000 };
    clade_dataset *data;
    assert_good(f->context, clade_dataset_from_arrays(f->context, &info, images, (int32_t[]){ 3, 900 }, NULL, &data));
    free(images);
    clade_train_options options = small_run(f, folder);
    options.train = data;
    options.test = NULL;
    options.held_out = 0;
    options.no_held_out = true;
    options.batch = IMAGES;
    options.epochs = 1;
    options.report_every = 1;
    clade_train_result result;
    assert_good(f->context, clade_train_model(clade_model_find("googlenet"), &options, &result));
    assert_int_equal(result.parameters, 13378280); /* both auxiliary classifiers among them */
    char *metrics = metrics_without_times(folder);
    cJSON *json = cJSON_ParseWithLength(metrics, strcspn(metrics, "\n"));
    const cJSON *losses = cJSON_GetObjectItem(json, "losses");
    static const char *const names[] = { "main", "loss1", "loss2" };
    for (int i = 0; i < 3; i++) {
        const double loss = cJSON_GetObjectItem(losses, names[i])->valuedouble;
        if (!(loss > 5 && loss < 10)) fail_msg("%s: %g", names[i], loss);
    }
    cJSON_Delete(json);
    free(metrics);
    free(folder);
    clade_dataset_free(data);
}

int main(void) {
#define WITH_FIXTURE(TEST) cmocka_unit_test_setup_teardown(TEST, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(test_a_line_is_found_by_dense_targets),
        WITH_FIXTURE(test_slices_and_loaders_keep_targets_with_their_samples),
        WITH_FIXTURE(test_targets_that_do_not_fit_are_one_clear_line),
        WITH_FIXTURE(test_one_hot_targets_are_class_numbers_in_other_words),
        WITH_FIXTURE(test_extra_losses_are_weighed_and_told_apart),
        WITH_FIXTURE(test_googlenet_trains_with_all_three_losses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
