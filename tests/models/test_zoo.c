/* The zoo: every model builds, has the parameters that are printed for it, and the perceptron follows its rule. */
#include "support/device.h"

#include "base/random.h"
#include "clade/train.h"
#include "exec/session.h"
#include "models/zoo.h"
#include "train/optimizer.h"

#include <stdlib.h>
#include <string.h>

static clade_context *context;

static int make_context(void **state) {
    (void)state;
    context = clade_context_new(NULL);
    return context ? 0 : -1;
}

static int free_context(void **state) {
    (void)state;
    clade_context_free(context);
    return 0;
}

static void test_names_are_found(void **state) {
    (void)state;
    size_t count = 0;
    for (const clade_model *const *model = clade_model_list(); *model; model++, count++) {
        assert_ptr_equal(clade_model_find((*model)->name), *model);
        assert_true((*model)->recipe.rate > 0 && (*model)->recipe.batch > 0 && (*model)->recipe.epochs > 0);
    }
    assert_int_equal(count, 32);
    assert_null(clade_model_find("lenet-6"));
    assert_null(clade_model_find(NULL));
}

/* The figures are sums of (inputs + 1) * outputs over the layers, and 2 a channel for batch normalisation; of the networks
 * for CIFAR-10 and ImageNet, those of the papers (tests/models/test_architectures.c has them layer by layer). */
static void test_parameters_are_those_of_the_layers(void **state) {
    (void)state;
    static const struct {
        const char *name;
        int64_t parameters;
    } known[] = {
        { "perceptron", 7850 },     { "softmax", 7850 },        { "mlp", 397510 },          { "mlp-sigmoid", 397510 },
        { "lenet", 180880 },        { "lenet5", 61706 },        { "lenet5-deck", 61706 },   { "mnist-cnn", 3274634 },
        { "alexnet", 60965224 },    { "vgg11", 132863336 },     { "vgg11-lrn", 132863336 }, { "vgg13", 133047848 },
        { "vgg16-1x1", 133638952 }, { "vgg16", 138357544 },     { "vgg19", 143667240 },     { "resnet18", 11689512 },
        { "resnet34", 21797672 },   { "resnet50", 25557032 },   { "resnet101", 44549160 },  { "resnet152", 60192808 },
        { "resnet20", 269722 },     { "resnet32", 464154 },     { "resnet44", 658586 },     { "resnet56", 853018 },
        { "resnet110", 1727962 },   { "resnet1202", 19421274 }, { "mlp-points", 4547 },     { "googlenet", 13378280 },
        { "lstm-rows", 82186 },     { "simplenet", 56895 },
    };
    assert_int_equal(sizeof known / sizeof known[0], 30);
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        clade_graph *graph;
        clade_value image, label;
        clade_model_values values;
        int64_t parameters;
        const clade_model *model = clade_model_find(known[i].name);
        assert_good(context, clade_model_graph(context, model, &graph, &image, &label, &values));
        assert_int_equal(clade_value_dims(values.loss).rank, 0);
        clade_dims scores = clade_value_dims(values.scores);
        assert_int_equal(scores.rank, 2);
        assert_int_equal(scores.size[0], CLADE_BATCH);
        assert_int_equal(scores.size[1], model->classes);
        const clade_optimizer optimizer = { .kind = CLADE_SGD };
        assert_good(context, clade_optimizer_append(&optimizer, clade_model_total_loss(&values), &parameters));
        assert_int_equal(parameters, known[i].parameters);
        clade_graph_free(graph);
    }
}

/* Two samples, all weights zero: every unit answers step(0) = 1. Units that should are left alone; the others are wrong,
 * and lose rate / 2 * x of each sample that they are wrong about. */
static void test_the_perceptron_follows_its_rule(void **state) {
    (void)state;
    enum { PIXELS = 784, UNITS = 10, SAMPLES = 2 };
    clade_context *own;
    clade_device *device = open_test_device(&own);
    clade_graph *graph;
    clade_value image, label;
    clade_model_values values;
    assert_good(own, clade_model_graph(own, clade_model_find("perceptron"), &graph, &image, &label, &values));
    const clade_optimizer optimizer = { .kind = CLADE_SGD };
    assert_good(own, clade_optimizer_append(&optimizer, values.loss, NULL));
    clade_session *session;
    assert_good(own, clade_session_new(device, graph, 1, &session));
    assert_good(own, clade_optimizer_set(&optimizer, session, 0, 0.5));

    static float images[SAMPLES * PIXELS], weights[UNITS * PIXELS];
    images[5] = 1;              /* of the first sample, a 3 */
    images[PIXELS + 9] = 0.25F; /* of the second, a 7 */
    int32_t labels[SAMPLES] = { 3, 7 };
    clade_binding_array feeds[] = { { image, images, SAMPLES * PIXELS }, { label, labels, SAMPLES } };
    assert_good(own, clade_session_run(session, &(clade_run_options){ .size = sizeof(clade_run_options),
                                                                      .batch = SAMPLES,
                                                                      .feeds = feeds,
                                                                      .feed_count = 2,
                                                                      .updates = true }));
    assert_good(own, clade_session_read_state(session, "fc.weight", weights, UNITS * PIXELS));
    for (int unit = 0; unit < UNITS; unit++)
        for (int pixel = 0; pixel < PIXELS; pixel++) {
            double expected = 0;
            if (pixel == 5 && unit != 3) expected = -0.5 / 2 * 1;
            if (pixel == 9 && unit != 7) expected = -0.5 / 2 * 0.25;
            assert_float_equal(weights[unit * PIXELS + pixel], expected, 1e-6);
        }
    clade_session_free(session);
    clade_graph_free(graph);
    close_test_device(own, device);
}

/* A residual network with its shortcuts, run forward, backward and updated: it soon knows the few images it is shown. */
static void test_resnet20_learns_a_batch_by_heart(void **state) {
    (void)state;
    enum { BATCH = 8, PIXELS = 3 * 32 * 32, STEPS = 12 };
    clade_context *own;
    clade_device *device = open_test_device(&own);
    clade_graph *graph;
    clade_value image, label;
    clade_model_values values;
    assert_good(own, clade_model_graph(own, clade_model_find("resnet20"), &graph, &image, &label, &values));
    const clade_optimizer optimizer = { .kind = CLADE_SGD, .momentum = 0.9 };
    assert_good(own, clade_optimizer_append(&optimizer, values.loss, NULL));
    clade_session *session;
    assert_good(own, clade_session_new(device, graph, 1, &session));

    static float images[BATCH * PIXELS];
    int32_t labels[BATCH];
    clade_random random = clade_random_stream(1, "images", 0);
    clade_random_fill_uniform(&random, 0, 1, images, BATCH * PIXELS);
    for (int i = 0; i < BATCH; i++)
        labels[i] = i;
    float loss = 0, first = 0;
    clade_binding_array feeds[] = { { image, images, BATCH * PIXELS }, { label, labels, BATCH } };
    const clade_binding_array fetch = { values.loss, &loss, 1 };
    for (int step = 0; step < STEPS; step++) {
        assert_good(own, clade_optimizer_set(&optimizer, session, step, 0.02));
        assert_good(own, clade_session_run(session, &(clade_run_options){ .size = sizeof(clade_run_options),
                                                                          .batch = BATCH,
                                                                          .feeds = feeds,
                                                                          .feed_count = 2,
                                                                          .fetches = &fetch,
                                                                          .fetch_count = 1,
                                                                          .updates = true }));
        if (step == 0) first = loss;
    }
    assert_true(first > 1.5f && first < 6.0f);
    assert_true(loss < 0.5f * first);
    clade_session_free(session);
    clade_graph_free(graph);
    close_test_device(own, device);
}

static void test_images_of_another_size_are_one_clear_line(void **state) {
    (void)state;
    clade_context *own;
    clade_device *device = open_test_device(&own);
    clade_dataset *train;
    assert_good(own, clade_dataset_open(own, "digits:40,1", &train, NULL));
    clade_model other = *clade_model_find("softmax");
    other.image[1] = 32;
    clade_train_options options = { .size = sizeof options, .devices = &device, .device_count = 1, .train = train };
    assert_int_equal(clade_train_model(&other, &options, NULL), CLADE_ERROR_INPUT);
    assert_non_null(strstr(clade_error(own), "its images are 1x28x28, and softmax takes 1x32x28"));
    other = *clade_model_find("softmax");
    other.classes = 4;
    assert_int_equal(clade_train_model(&other, &options, NULL), CLADE_ERROR_INPUT);
    assert_non_null(strstr(clade_error(own), "10 classes"));
    clade_dataset_free(train);
    close_test_device(own, device);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_are_found),
        cmocka_unit_test(test_parameters_are_those_of_the_layers),
        cmocka_unit_test(test_the_perceptron_follows_its_rule),
        cmocka_unit_test(test_resnet20_learns_a_batch_by_heart),
        cmocka_unit_test(test_images_of_another_size_are_one_clear_line),
    };
    return cmocka_run_group_tests(tests, make_context, free_context);
}
