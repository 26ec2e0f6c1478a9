/* What is measured beside loss and accuracy: the first five, confusions, and layers. */
#include "train/helpers.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CLASSES = 10, TESTED = 200 };

static void test_first_five_and_confusions_are_those_of_the_scores(void **state) {
    fixture *f = *state;
    char *folder = path_in(f, "run");
    clade_train_options options = small_run(f, folder);
    clade_train_result result;
    assert_good(f->context, clade_train_model(clade_model_find("softmax"), &options, &result));
    clade_predictor *predictor;
    assert_good(f->context, clade_predictor_open(f->device, folder, &predictor));
    clade_evaluation evaluation;
    assert_good(f->context, clade_predictor_evaluate(predictor, f->test, 64, &evaluation));
    assert_true(evaluation.top5 == result.val_top5);
    assert_int_equal(evaluation.classes, CLASSES);

    static float images[TESTED * 784], scores[TESTED * CLASSES];
    int64_t indices[TESTED], expected[CLASSES * CLASSES] = { 0 }, five = 0;
    int32_t labels[TESTED];
    for (int64_t i = 0; i < TESTED; i++)
        indices[i] = i;
    assert_good(f->context, clade_dataset_read(f->test, indices, TESTED, images, labels));
    assert_good(f->context, clade_predictor_scores(predictor, images, TESTED, scores));
    for (int i = 0; i < TESTED; i++) {
        int64_t top[5];
        assert_int_equal(clade_top_classes(scores + CLASSES * i, CLASSES, 5, top), 5);
        expected[labels[i] * CLASSES + top[0]]++;
        for (int k = 0; k < 5; k++)
            five += top[k] == labels[i];
    }
    assert_true(fabs(evaluation.top5 * TESTED - (double)five) < 1e-9);
    assert_memory_equal(evaluation.confusion, expected, sizeof expected);
    clade_predictor_free(predictor);
    free(folder);
}

static void test_the_run_folder_has_the_confusion_matrix(void **state) {
    fixture *f = *state;
    char *folder = path_in(f, "run"), *json_path = path_in(f, "run/confusion.json");
    char *text_path = path_in(f, "run/confusion.txt"), *svg_path = path_in(f, "run/confusion.svg");
    clade_train_options options = small_run(f, folder);
    clade_train_result result;
    assert_good(f->context, clade_train_model(clade_model_find("softmax"), &options, &result));
    char *json = read_whole(json_path, NULL), *text = read_whole(text_path, NULL), *svg = read_whole(svg_path, NULL);
    cJSON *parsed = cJSON_Parse(json);
    const cJSON *rows = cJSON_GetObjectItem(parsed, "confusion");
    assert_int_equal(cJSON_GetArraySize(rows), CLASSES);
    double right = 0, all = 0;
    for (int i = 0; i < CLASSES; i++)
        for (int k = 0; k < CLASSES; k++) {
            const double count = cJSON_GetArrayItem(cJSON_GetArrayItem(rows, i), k)->valuedouble;
            all += count;
            right += i == k ? count : 0;
        }
    assert_true(all == TESTED);
    assert_true(fabs(right / all - result.val_accuracy) < 1e-9);
    assert_non_null(strstr(text, "class \\ taken for"));
    assert_non_null(strstr(svg, "</svg>"));
    cJSON_Delete(parsed);
    free(json);
    free(text);
    free(svg);
    free(json_path);
    free(text_path);
    free(svg_path);
    free(folder);
}

/* Of many classes the text names the commonest confusions, the most frequent first. */
static void test_many_classes_are_told_by_their_confusions(void **state) {
    fixture *f = *state;
    enum { MANY = 60 };
    static int64_t counts[MANY * MANY];
    counts[3 * MANY + 3] = 50;
    counts[5 * MANY + 9] = 2;
    counts[59 * MANY + 0] = 7;
    counts[8 * MANY + 2] = 2;
    char *text = clade_confusion_text(f->context, counts, MANY);
    assert_string_equal(text, "the commonest confusions\n"
                              " count  class  taken for\n"
                              "     7     59      0\n"
                              "     2      5      9\n"
                              "     2      8      2\n");
    clade_confusion_text_free(f->context, text);
}

/* ---- layers ---- */

/* The first look, before any step, against the gradient as a session of the test's own computes it. */
static double first_norm(const char *folder, const char *layer, double *zeros) {
    char *metrics = metrics_without_times(folder);
    double norm = -1;
    for (const char *line = metrics; *line && norm < 0; line += strcspn(line, "\n") + 1) {
        cJSON *json = cJSON_ParseWithLength(line, strcspn(line, "\n"));
        const cJSON *norms = cJSON_GetObjectItem(json, "gradient_norm");
        if (norms) {
            assert_int_equal(cJSON_GetObjectItem(json, "step")->valueint, 0);
            norm = cJSON_GetObjectItem(norms, layer)->valuedouble;
            *zeros = cJSON_GetObjectItem(cJSON_GetObjectItem(json, "zeros"), "fc1 relu")->valuedouble;
        }
        cJSON_Delete(json);
    }
    free(metrics);
    return norm;
}

static void test_the_norms_of_gradients_are_recorded(void **state) {
    fixture *f = *state;
    char *folder = path_in(f, "run"), *table_path = path_in(f, "run/layers.txt"),
         *svg_path = path_in(f, "run/layers.svg");
    clade_train_options options = small_run(f, folder), plain = small_run(f, NULL);
    options.watch_layers = true;
    options.no_momentum = plain.no_momentum = true;
    options.no_weight_decay = plain.no_weight_decay = true;
    clade_train_result watched, alone;
    assert_good(f->context, clade_train_model(clade_model_find("mlp"), &options, &watched));
    assert_good(f->context, clade_train_model(clade_model_find("mlp"), &plain, &alone));
    assert_string_equal(watched.weights_sha256, alone.weights_sha256); /* looking changes nothing */

    /* The gradient from outside: what one step of rate 1 on the same batch moves. */
    double zeros = 0, norm = first_norm(folder, "fc2.weight", &zeros), squares = 0;
    enum { BATCH = 56, WEIGHTS = 5000 };
    clade_dataset *rest, *held, *batch;
    assert_good(f->context, clade_dataset_split(f->train, 60, &rest, &held));
    assert_good(f->context, clade_dataset_slice(rest, 0, BATCH, &batch));
    static float before[WEIGHTS], after[WEIGHTS];
    for (int run = 0; run < 2; run++) {
        clade_graph *graph = clade_graph_new(f->context);
        clade_value image = clade_input(graph, "image", CLADE_F32, clade_shape(CLADE_BATCH, 1, 28, 28));
        clade_value label = clade_input(graph, "label", CLADE_I32, clade_shape(CLADE_BATCH));
        clade_model_values values = clade_model_find("mlp")->build(image, label);
        clade_train_options step = plain;
        step.train = batch;
        step.test = NULL;
        step.held_out = 0;
        step.no_held_out = true;
        step.epochs = 1;
        step.rate = 1;
        clade_trainer *trainer;
        assert_good(f->context, clade_trainer_new(graph, values.loss, &step, &trainer));
        if (run == 1) assert_good(f->context, clade_trainer_run(trainer, NULL));
        assert_good(f->context, clade_session_read_state(clade_trainer_session(trainer), "fc2.weight",
                                                         run == 0 ? before : after, WEIGHTS));
        clade_trainer_free(trainer);
        clade_graph_free(graph);
    }
    for (int i = 0; i < WEIGHTS; i++)
        squares += pow((double)before[i] - (double)after[i], 2);
    assert_true(fabs(sqrt(squares) / norm - 1) < 1e-3);
    assert_true(zeros > 0.2 &&
                zeros < 0.8); /* about half of ReLU's outputs, as weights are as often below 0 as above */

    char *table = read_whole(table_path, NULL), *svg = read_whole(svg_path, NULL);
    assert_non_null(strstr(table, "fc1.weight"));
    assert_non_null(strstr(table, "fc1 relu"));
    assert_non_null(strstr(svg, "norm of the gradient"));
    assert_null(strstr(svg, "nan"));
    free(table);
    free(svg);
    free(table_path);
    free(svg_path);
    free(folder);
    clade_dataset_free(batch);
    clade_dataset_free(rest);
    clade_dataset_free(held);
}

int main(void) {
#define WITH_FIXTURE(TEST) cmocka_unit_test_setup_teardown(TEST, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(test_first_five_and_confusions_are_those_of_the_scores),
        WITH_FIXTURE(test_the_run_folder_has_the_confusion_matrix),
        WITH_FIXTURE(test_many_classes_are_told_by_their_confusions),
        WITH_FIXTURE(test_the_norms_of_gradients_are_recorded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
