/* Networks from files: an import is trained, measured, gone on with and given back like a model of the zoo; a network
 * taught before and given a new head does better on few images than one from scratch; inputs of every layout are fed. */
#include "train/helpers.h"

#include "clade/network.h"
#include "clade/onnx.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE = 28, PIXELS = SIDE * SIDE };

/* ---- making and opening files ---- */

static clade_network *open_with(fixture *f, const char *name, clade_network_options options) {
    clade_network *network;
    options.size = sizeof options;
    assert_good(f->context, clade_network_open(f->context, name, &options, &network));
    return network;
}

static clade_network *open_plain(fixture *f, const char *name) {
    return open_with(f, name, (clade_network_options){ .scaling.scale = 0 });
}

static void write_network(const clade_network *network, const char *path) {
    const clade_onnx_result output = { "scores", clade_network_scores(network) };
    assert_int_equal(clade_onnx_write(&output, 1, clade_network_weights(network), "network", path), CLADE_OK);
}

/* GRAPH's SCORES with weights of seed 3 as the file PATH. */
static void write_graph(fixture *f, clade_graph *graph, clade_value scores, const char *path) {
    const clade_onnx_result output = { "scores", scores };
    clade_weights *weights;
    assert_good(f->context, clade_graph_status(graph));
    assert_good(f->context, clade_weights_of_graph(&scores, 1, NULL, 3, &weights));
    assert_good(f->context, clade_onnx_write(&output, 1, weights, NULL, path));
    clade_weights_free(weights);
    clade_graph_free(graph);
}

/* Digits as a task of other classes: COUNT of DATA from FIRST on, even or odd. */
static clade_dataset *parity(fixture *f, clade_dataset *data, int64_t first, int64_t count) {
    float *images = calloc((size_t)count * PIXELS, sizeof *images);
    int32_t *labels = calloc((size_t)count, sizeof *labels);
    const clade_dataset_info info = {
        .name = "parity", .count = count, .channels = 1, .height = SIDE, .width = SIDE, .classes = 2
    };
    clade_dataset *dataset;
    assert_non_null(images);
    assert_non_null(labels);
    for (int64_t i = 0; i < count; i++) {
        const int64_t index = first + i;
        assert_good(f->context, clade_dataset_read(data, &index, 1, images + i * PIXELS, &labels[i]));
        labels[i] %= 2;
    }
    assert_good(f->context, clade_dataset_from_arrays(f->context, &info, images, labels, NULL, &dataset));
    free(images);
    free(labels);
    return dataset;
}

static clade_evaluation evaluated(fixture *f, const char *path, clade_dataset *data) {
    clade_predictor *predictor;
    clade_evaluation evaluation;
    assert_good(f->context, clade_predictor_open(f->device, path, &predictor));
    assert_good(f->context, clade_predictor_evaluate(predictor, data, 0, &evaluation));
    clade_predictor_free(predictor);
    evaluation.confusion = NULL;
    return evaluation;
}

/* MODEL taught digits, as the file NAME in the scratch folder, whose path the caller frees. */
static char *taught(fixture *f, const char *model, const char *name) {
    char *folder = path_in(f, "taught"), *file = path_in(f, name);
    clade_train_options options = small_run(f, folder);
    options.epochs = 8;
    assert_good(f->context, clade_train_model(clade_model_find(model), &options, NULL));
    clade_network *network = open_plain(f, folder);
    write_network(network, file);
    clade_network_free(network);
    free(folder);
    return file;
}

/* ---- finetuning ---- */

/* A run of FILE with a new head on TRAIN. */
static clade_status finetune(fixture *f, const char *file, bool fresh, clade_dataset *train, clade_dataset *test,
                             const char *folder, clade_train_result *result) {
    clade_network *network = open_with(f, file, (clade_network_options){ .replace_head = true, .fresh = fresh });
    const char *const *head;
    clade_layer_rule rules[8] = { { .states = NULL } };
    clade_train_options options = small_run(f, folder);
    assert_good(f->context, clade_network_fit(network, train));
    const size_t count = clade_network_head(network, &head);
    assert_int_equal(count, 2);
    for (size_t i = 0; i < count; i++)
        rules[i] = (clade_layer_rule){ .states = head[i], .rate = 1 };
    rules[count] = (clade_layer_rule){ .states = "*", .rate = fresh ? 1 : 0.1 };
    options.train = train;
    options.test = test;
    options.batch = 8;
    options.epochs = 10;
    options.held_out = 0;
    options.no_held_out = true;
    options.rate = 0.02;
    options.layer_rules = rules;
    options.layer_rule_count = count + 1;
    options.resume = folder != NULL;
    clade_status status = clade_train_network(network, &options, result);
    clade_network_free(network);
    return status;
}

static void test_finetuning_beats_training_from_scratch(void **state) {
    fixture *f = *state;
    char *file = taught(f, "mlp", "taught.onnx"), *folder = path_in(f, "finetuned"), *given = path_in(f, "given.onnx");
    clade_dataset *few = parity(f, f->train, 0, 40), *test = parity(f, f->test, 0, 200);
    clade_train_result tuned, scratch;
    assert_good(f->context, finetune(f, file, false, few, test, folder, &tuned));
    assert_good(f->context, finetune(f, file, true, few, test, NULL, &scratch));
    assert_true(tuned.val_accuracy > scratch.val_accuracy + 0.03);
    assert_int_equal(tuned.parameters, PIXELS * 500 + 500 + 500 * 2 + 2);

    /* What the run left is whole, without the file that it began with, and its export is the same network. */
    assert_int_equal(remove(file), 0);
    assert_true(evaluated(f, folder, test).accuracy == tuned.val_accuracy);
    clade_network *left = open_plain(f, folder);
    assert_int_equal(clade_network_model(left)->classes, 2);
    write_network(left, given);
    clade_network_free(left);
    assert_true(evaluated(f, given, test).accuracy == tuned.val_accuracy);

    /* Another file in its place is seen. */
    char *kept = path_in(f, "finetuned/network.onnx");
    assert_int_equal(rename(given, kept), 0);
    clade_predictor *predictor;
    assert_int_equal(clade_predictor_open(f->device, folder, &predictor), CLADE_ERROR_INPUT);
    assert_non_null(strstr(clade_error(f->context), "is not the file"));
    clade_dataset_free(few);
    clade_dataset_free(test);
    free(kept);
    free(given);
    free(folder);
    free(file);
}

static bool stop_at_once(void *user) {
    int *asked = user;
    return ++*asked == 7;
}

/* Convolutions, batch normalisation and its statistics, interrupted in mid-epoch. */
static void test_an_import_resumes_to_the_same_bits(void **state) {
    fixture *f = *state;
    char *file = taught(f, "lenet", "lenet.onnx"), *folders[] = { path_in(f, "whole"), path_in(f, "broken") };
    clade_train_result results[2];
    for (int i = 0; i < 2; i++) {
        int asked = 0;
        clade_train_options options = small_run(f, folders[i]);
        options.epochs = 2;
        options.resume = true;
        for (int part = 1 - i; part < 2; part++) {
            clade_network *network = open_plain(f, file);
            options.should_stop = i == 1 && part == 0 ? stop_at_once : NULL;
            options.user = &asked;
            clade_status status = clade_train_network(network, &options, &results[i]);
            assert_int_equal(status, options.should_stop != NULL ? CLADE_ERROR_INTERRUPTED : CLADE_OK);
            clade_network_free(network);
        }
    }
    assert_int_equal(results[1].resumed_from, 7);
    assert_string_equal(results[0].weights_sha256, results[1].weights_sha256);
    clade_network *before = open_plain(f, file), *after = open_plain(f, folders[0]);
    const clade_weight *a = clade_weights_find(clade_network_weights(before), "bn1.running_mean");
    const clade_weight *b = clade_weights_find(clade_network_weights(after), "bn1.running_mean");
    assert_non_null(a);
    assert_non_null(b);
    assert_true(memcmp(a->data, b->data, (size_t)a->count * sizeof(float)) != 0);
    clade_network_free(before);
    clade_network_free(after);
    free(folders[0]);
    free(folders[1]);
    free(file);
}

/* An import of a model, and the model itself, learn alike: the same steps from the same weights. */
static void test_an_import_learns_as_the_model_does(void **state) {
    fixture *f = *state;
    char *file = taught(f, "lenet", "lenet.onnx"), *folder = path_in(f, "taught");
    double losses[2];
    for (int i = 0; i < 2; i++) {
        clade_network *network = open_plain(f, i == 0 ? file : folder);
        clade_train_options options = small_run(f, NULL);
        clade_train_result result;
        options.optimizer = CLADE_SGD;
        options.rate = 0.01;
        options.weight_decay = 5e-4;
        options.schedule.kind = CLADE_CONSTANT;
        options.epochs = 1;
        assert_good(f->context, clade_train_network(network, &options, &result));
        losses[i] = result.train_loss;
        clade_network_free(network);
    }
    assert_true(fabs(losses[0] - losses[1]) < 1e-4 * losses[1]);
    free(folder);
    free(file);
}

/* ---- weights by name ---- */

static void test_weights_are_taken_by_name_and_size(void **state) {
    fixture *f = *state;
    char *path = path_in(f, "some.safetensors");
    clade_network *network = open_plain(f, "mlp");
    clade_graph *graph = clade_graph_new(f->context);
    const clade_initializer half = { .kind = CLADE_INITIALIZE_CONSTANT, .value = 0.5F };
    const clade_value states[] = {
        clade_state(graph, "fc1.bias", clade_shape(500), CLADE_ROLE_BIAS, half),
        clade_state(graph, "fc2.bias", clade_shape(11), CLADE_ROLE_BIAS, half),
        clade_state(graph, "other.weight", clade_shape(4), CLADE_ROLE_WEIGHT, half),
    };
    clade_weights *weights;
    clade_network_loading loading;
    assert_good(f->context, clade_weights_of_graph(states, 3, NULL, 0, &weights));
    assert_good(f->context, clade_weights_write(weights, path));
    assert_good(f->context, clade_network_load(network, path, &loading));
    assert_int_equal(loading.taken, 1);
    assert_int_equal(loading.unused_count, 1);
    assert_string_equal(loading.unused[0], "other.weight");
    assert_int_equal(loading.different_count, 1);
    assert_string_equal(loading.different[0], "fc2.bias");
    assert_int_equal(loading.missing_count, 2);
    const clade_weight *bias = clade_weights_find(clade_network_weights(network), "fc1.bias");
    assert_non_null(bias);
    assert_float_equal(((const float *)bias->data)[499], 0.5, 0);
    clade_network_free(network);
    network = open_plain(f, "softmax");
    assert_int_equal(clade_network_load(network, path, NULL), CLADE_ERROR_INPUT);
    assert_non_null(strstr(clade_error(f->context), "fc.weight"));
    clade_network_free(network);
    clade_weights_free(weights);
    clade_graph_free(graph);
    free(path);
}

/* ---- inputs of every layout ---- */

/* Scores of two images of SIZE by the file PATH, read with OPTIONS; SCORES has room for 2 * classes. */
static void score_two(fixture *f, const char *path, clade_network_options options, const float *images, float *scores) {
    clade_network *network = open_with(f, path, options);
    clade_predictor *predictor;
    assert_good(f->context, clade_predictor_new(f->device, network, &predictor));
    assert_good(f->context, clade_predictor_scores(predictor, images, 2, scores));
    clade_predictor_free(predictor);
    clade_network_free(network);
}

/* Three colours of 4x2 pixels as (N, C, H, W), as (1, H, W, C) and as (N, F): the same dense layer over pixels and then
 * colours gives the same scores. The second file says a batch of 1, in a reshape too. */
static void test_inputs_of_every_layout_are_fed(void **state) {
    enum { COLOURS = 3, HEIGHT = 4, WIDTH = 2, ALL = COLOURS * HEIGHT * WIDTH, CLASSES = 5 };
    fixture *f = *state;
    static const char *const names[] = { "planes.onnx", "pixels.onnx", "rows.onnx" };
    float images[2 * ALL], scaled[2 * ALL], scores[4][2 * CLASSES];
    for (int i = 0; i < 2 * ALL; i++) {
        images[i] = (float)((i * 37) % 19) / 19;
        scaled[i] = (2 * images[i] - (i / (HEIGHT * WIDTH) % COLOURS == 1 ? 0.5F : 0.25F)) / 4;
    }
    for (int layout = 0; layout < 3; layout++) {
        clade_graph *graph = clade_graph_new(f->context);
        const clade_dims dims[] = { clade_shape(CLADE_BATCH, COLOURS, HEIGHT, WIDTH),
                                    clade_shape(1, HEIGHT, WIDTH, COLOURS), clade_shape(CLADE_BATCH, ALL) };
        clade_value x = clade_input(graph, "x", CLADE_F32, dims[layout]);
        if (layout == 1) x = clade_reshape(clade_transpose(x, 0, 3, 1, 2), clade_shape(1, ALL));
        write_graph(f, graph, clade_dense(x, .units = CLASSES, .name = "fc"), scratch_path(&f->scratch, names[layout]));
        score_two(f, scratch_path(&f->scratch, names[layout]), (clade_network_options){ .fresh = false }, images,
                  scores[layout]);
    }
    for (int i = 0; i < 2 * CLASSES; i++) {
        assert_float_equal(scores[1][i], scores[0][i], 1e-5);
        assert_float_equal(scores[2][i], scores[0][i], 1e-5);
    }
    const clade_input_scaling scaling = {
        .scale = 2, .mean = { 0.25, 0.5, 0.25 }, .mean_count = 3, .deviation = { 4 }, .deviation_count = 1
    };
    const char *planes = scratch_path(&f->scratch, names[0]);
    score_two(f, planes, (clade_network_options){ .scaling = scaling }, images, scores[2]);
    score_two(f, scratch_path(&f->scratch, names[0]), (clade_network_options){ .fresh = false }, scaled, scores[3]);
    for (int i = 0; i < 2 * CLASSES; i++)
        assert_float_equal(scores[2][i], scores[3][i], 1e-5);
}

static void expect_refused(fixture *f, const char *path, const clade_network_options *options, const char *words) {
    clade_network *network;
    assert_int_not_equal(clade_network_open(f->context, path, options, &network), CLADE_OK);
    assert_null(network);
    if (strstr(clade_error(f->context), words) == NULL) fail_msg("no \"%s\" in: %s", words, clade_error(f->context));
}

static void test_what_cannot_be_fed_or_scored_is_refused(void **state) {
    fixture *f = *state;
    char *path = path_in(f, "odd.onnx");
    clade_graph *graph = clade_graph_new(f->context);
    clade_value x = clade_input(graph, "x", CLADE_F32, clade_shape(CLADE_BATCH, 1, 8, 8));
    write_graph(f, graph, clade_conv2d(x, .filters = 3, .kernel = { 3, 3 }, .name = "c"), path);
    expect_refused(f, path, NULL, "scores (N, classes) are wanted");
    graph = clade_graph_new(f->context);
    x = clade_input(graph, "x", CLADE_F32, clade_shape(CLADE_BATCH, 4));
    clade_value y = clade_input(graph, "y", CLADE_F32, clade_shape(CLADE_BATCH, 4));
    write_graph(f, graph, clade_dense(clade_add(x, y), .units = 3), path);
    expect_refused(f, path, NULL, "2 inputs");
    graph = clade_graph_new(f->context);
    x = clade_input(graph, "x", CLADE_F32, clade_shape(CLADE_BATCH, 2, 4, 4));
    write_graph(f, graph, clade_global_average_pool(x), path);
    clade_network *network = open_with(f, path, (clade_network_options){ .replace_head = true });
    clade_dataset *data;
    assert_good(f->context, clade_dataset_open(f->context, "points:moons,20,20", &data, NULL));
    assert_int_equal(clade_network_fit(network, data), CLADE_ERROR_UNSUPPORTED);
    assert_non_null(strstr(clade_error(f->context), "no head to replace"));
    clade_network_free(network);
    clade_dataset_free(data);
    const clade_network_options wrong = { .size = sizeof wrong,
                                          .scaling = { .deviation = { 1, 0 }, .deviation_count = 2 } };
    expect_refused(f, path, &wrong, "deviations other than 0");
    expect_refused(f, "lenet", &wrong, "are of an ONNX file");
    expect_refused(f, "nowhere", NULL, "nowhere");
    free(path);
}

/* ---- open sizes ---- */

/* Three numbers, of which the first less the second decides; and that difference itself, foretold. */
static clade_dataset *table(fixture *f, bool targets) {
    enum { ROWS = 120, COLUMNS = 3 };
    float rows[ROWS * COLUMNS], differences[ROWS];
    int32_t labels[ROWS];
    for (int i = 0; i < ROWS; i++) {
        float *row = rows + (ptrdiff_t)COLUMNS * i;
        for (int k = 0; k < COLUMNS; k++)
            row[k] = (float)((i * (7 + 4 * k) + 5 * k) % ROWS) / ROWS * 2 - 1;
        differences[i] = row[0] - row[1];
        labels[i] = differences[i] > 0;
    }
    const clade_dataset_info info = { .name = "table",
                                      .count = ROWS,
                                      .channels = COLUMNS,
                                      .height = 1,
                                      .width = 1,
                                      .classes = targets ? 0 : 2,
                                      .targets = targets ? 1 : 0 };
    clade_dataset *data;
    assert_good(f->context, clade_dataset_from_arrays(f->context, &info, rows, targets ? NULL : labels,
                                                      targets ? differences : NULL, &data));
    return data;
}

static void test_a_model_of_open_sizes_takes_its_data(void **state) {
    fixture *f = *state;
    static const char *const models[] = { "table-mlp", "table-linear" };
    for (int i = 0; i < 2; i++) {
        clade_dataset *data = table(f, i == 1);
        char *folder = path_in(f, models[i]);
        clade_train_options options = small_run(f, folder);
        clade_train_result result;
        options.train = options.test = data;
        options.epochs = 100;
        options.batch = 16;
        options.rate = 0.03;
        assert_good(f->context, clade_train_model(clade_model_find(models[i]), &options, &result));
        if (i == 0) assert_true(result.val_accuracy > 0.95);
        if (i == 1) assert_true(isnan(result.val_accuracy) && result.val_loss < 1e-3);
        const clade_evaluation again = evaluated(f, folder, data);
        assert_true(again.loss == result.val_loss);
        clade_network *network = open_plain(f, folder);
        assert_int_equal(clade_network_model(network)->image[0], 3);
        assert_int_equal(clade_network_foretells(network), i == 1);
        assert_int_equal(clade_network_check(network, f->train), CLADE_ERROR_INPUT);
        clade_network_free(network);
        clade_dataset_free(data);
        free(folder);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_finetuning_beats_training_from_scratch, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_import_resumes_to_the_same_bits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_import_learns_as_the_model_does, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_weights_are_taken_by_name_and_size, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_inputs_of_every_layout_are_fed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_cannot_be_fed_or_scored_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_model_of_open_sizes_takes_its_data, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
