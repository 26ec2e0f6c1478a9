/* CLADE_FORCE=clblast: matrix products and convolutions go through CLBlast, and a training step still gives the same
 * numbers as Clade's own kernels within rounding. */
#include "support/device.h"

#include "clade/model.h"
#include "clade/session.h"
#include "clade/train.h"
#include "device/device.h"

#include <math.h>
#include <stdlib.h>

enum { BATCH = 4, PIXELS = 28 * 28 };

/* The loss after two steps of lenet on one fixed batch. */
static float loss_after_two_steps(clade_context *context, clade_device *device) {
    const clade_model *model = clade_model_find("lenet");
    clade_graph *graph = clade_graph_new(context);
    clade_value image = clade_input(graph, "image", CLADE_F32, clade_shape(CLADE_BATCH, 1, 28, 28));
    clade_value label = clade_input(graph, "label", CLADE_I32, clade_shape(CLADE_BATCH));
    clade_value loss = model->build(image, label).loss;
    clade_session *session = NULL;
    const clade_train_options recipe = {
        .size = sizeof recipe, .optimizer = CLADE_SGD_ACCUMULATE, .rate = 0.01, .momentum = 0.9
    };
    assert_good(context, clade_optimize(loss, &recipe));
    assert_good(context, clade_session_new(device, graph, 3, &session));
    float images[BATCH * PIXELS], result = 0;
    int32_t labels[BATCH] = { 1, 7, 2, 9 };
    for (int i = 0; i < BATCH * PIXELS; i++)
        images[i] = (float)(i * 37 % 101) / 101.0f;
    const clade_binding_array feeds[] = { { image, images, BATCH * PIXELS }, { label, labels, BATCH } };
    for (int64_t step = 0; step < 3; step++) {
        const clade_run_options run = { .size = sizeof run,
                                        .batch = BATCH,
                                        .feeds = feeds,
                                        .feed_count = 2,
                                        .fetches = &(clade_binding_array){ loss, &result, 1 },
                                        .fetch_count = 1,
                                        .updates = true };
        assert_good(context, clade_optimize_step(session, &recipe, step));
        assert_good(context, clade_session_run(session, &run));
    }
    clade_session_free(session);
    clade_graph_free(graph);
    return result;
}

static void test_clblast_carries_the_products_when_forced(void **state) {
    (void)state;
    clade_context *context;
    unsetenv("CLADE_FORCE");
    clade_device *device = open_test_device(&context);
    const char *why = "";
    if (!clade_clblast_available(device, &why)) {
        print_message("skipped: %s\n", why);
        close_test_device(context, device);
        skip();
    }
    float own = loss_after_two_steps(context, device);
    uint64_t before = clade_clblast_calls(context);
    setenv("CLADE_FORCE", "clblast", 1);
    float forced = loss_after_two_steps(context, device);
    assert_true(clade_clblast_calls(context) > before + 3 * 10); /* at least the ten products of each step */
    assert_true(fabsf(own - forced) <= 1e-4f * fabsf(own));
    close_test_device(context, device);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_clblast_carries_the_products_when_forced) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
