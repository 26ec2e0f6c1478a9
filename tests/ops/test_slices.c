/* The builder's slices, pads, global pooling and local response normalisation: what their options mean in numbers, and
 * what a wrong one is told. */
#include "support/device.h"

#include "clade/session.h"
#include "ops/op.h"

#include <math.h>
#include <string.h>

enum { BATCH = 2, CHANNELS = 2, SIDE = 4, COUNT = BATCH * CHANNELS * SIDE * SIDE, MOST = 256 };

static float images[COUNT], fetched[MOST];

static clade_value image_of(graph_fixture *f) {
    for (int i = 0; i < COUNT; i++)
        images[i] = (float)i;
    return clade_input(f->graph, "image", CLADE_F32, clade_shape(CLADE_BATCH, CHANNELS, SIDE, SIDE));
}

/* Runs Y, which has COUNT elements, into `fetched`. */
static void run(graph_fixture *f, clade_value image, clade_value y, int64_t count) {
    clade_session *session;
    assert_good(f->context, clade_graph_status(f->graph));
    assert_good(f->context, clade_session_new(f->device, f->graph, 1, &session));
    const clade_binding_array feed = { image, images, COUNT }, fetch = { y, fetched, count };
    assert_good(f->context, clade_session_run(session, &(clade_run_options){ .size = sizeof(clade_run_options),
                                                                             .batch = BATCH,
                                                                             .feeds = &feed,
                                                                             .feed_count = 1,
                                                                             .fetches = &fetch,
                                                                             .fetch_count = 1 }));
    clade_session_free(session);
}

static void assert_dims(clade_value value, clade_dims dims) {
    clade_dims got = clade_value_dims(value);
    assert_true(clade_value_valid(value));
    assert_true(clade_dims_equal(&got, &dims));
}

static void test_negative_ends_count_from_the_end(void **state) {
    graph_fixture *f = *state;
    clade_value image = image_of(f);
    clade_value y = clade_slice(image, .begin = { 0, -1, 1, -3 }, .end = { 0, 0, -1, 3 });
    assert_dims(y, clade_shape(CLADE_BATCH, 1, 2, 2));
    run(f, image, y, BATCH * 4);
    static const float expected[] = { 21, 22, 25, 26, 53, 54, 57, 58 };
    assert_memory_equal(fetched, expected, sizeof expected);
}

static void test_steps_and_padding_leave_room_between(void **state) {
    graph_fixture *f = *state;
    clade_value image = image_of(f);
    clade_value y = clade_slice(image, .begin = { 0, 1, 3 }, .step = { 0, 0, 0, 3 });
    run(f, image, y, BATCH * 2);
    assert_true(fetched[0] == 28 && fetched[1] == 31 && fetched[2] == 60 && fetched[3] == 63);
    run(f, image, clade_pad(y, .before = { 0, 0, 0, 1 }, .step = { 0, 0, 0, 2 }, .value = -1), BATCH * 4);
    static const float expected[] = { -1, 28, -1, 31, -1, 60, -1, 63 };
    assert_memory_equal(fetched, expected, sizeof expected);
}

/* The shortcut without weights of a residual network: every other pixel, channels of zeros before and after. */
static void test_shortcut_without_weights(void **state) {
    graph_fixture *f = *state;
    clade_value image = image_of(f);
    clade_value y = clade_pad(clade_slice(image, .step = { 1, 1, 2, 2 }), .before = { 0, 1 }, .after = { 0, 1 });
    assert_dims(y, clade_shape(CLADE_BATCH, 4, 2, 2));
    run(f, image, y, BATCH * 16);
    static const float expected[] = { 0, 0, 0, 0, 0,  2,  8,  10, 16, 18, 24, 26, 0, 0, 0, 0,
                                      0, 0, 0, 0, 32, 34, 40, 42, 48, 50, 56, 58, 0, 0, 0, 0 };
    assert_memory_equal(fetched, expected, sizeof expected);
}

static void test_global_pooling_is_the_mean_of_a_plane(void **state) {
    graph_fixture *f = *state;
    clade_value image = image_of(f), y = clade_global_average_pool(image);
    assert_dims(y, clade_shape(CLADE_BATCH, CHANNELS, 1, 1));
    run(f, image, y, 4);
    for (int i = 0; i < 4; i++)
        assert_true(fetched[i] == 16.0f * (float)i + 7.5f);
}

/* Both channels are in the window of five; the defaults are alpha 1e-4, beta 3/4, k 1. */
static void test_local_response_norm_has_its_defaults(void **state) {
    graph_fixture *f = *state;
    clade_value image = image_of(f);
    run(f, image, clade_local_response_norm(image), COUNT);
    double squares = 5.0 * 5.0 + 21.0 * 21.0;
    assert_true(fabs((double)fetched[21] - 21 * pow(1 + 1e-4 / 5 * squares, -0.75)) < 1e-5);
}

static void assert_fault(graph_fixture *f, clade_value value, const char *words) {
    assert_false(clade_value_valid(value));
    assert_int_equal(clade_graph_status(f->graph), CLADE_ERROR_ARGUMENT);
    if (!strstr(clade_error(f->context), words)) fail_msg("'%s' is not in '%s'", words, clade_error(f->context));
    assert_null(strchr(clade_error(f->context), '\n'));
}

#define FAULT_TEST(NAME, CALL, WORDS)                                                                                  \
    static void NAME(void **state) {                                                                                   \
        graph_fixture *f = *state;                                                                                     \
        clade_value image = image_of(f);                                                                               \
        assert_fault(f, CALL, WORDS);                                                                                  \
    }

FAULT_TEST(test_slice_beyond_the_end, clade_slice(image, .end = { 0, 0, 5 }), "no part of axis 2")
FAULT_TEST(test_slice_of_nothing, clade_slice(image, .begin = { 0, 0, 2 }, .end = { 0, 0, 2 }), "no part of axis 2")
FAULT_TEST(test_slice_from_the_end_of_a_batch, clade_slice(image, .begin = { -1 }), "no part of axis 0")
FAULT_TEST(test_slice_in_steps_of_a_batch, clade_slice(image, .step = { 2 }), "expected it to be left whole")
FAULT_TEST(test_pad_of_a_batch, clade_pad(image, .before = { 1 }), "expected it to be left whole")
FAULT_TEST(test_slice_backwards_to_above,
           clade_slice(image, .begin = { 0, 0, 1 }, .end = { 0, 0, 2 }, .step = { 0, 0, -1 }), "no part of axis 2")
FAULT_TEST(test_pad_of_less_than_nothing, clade_pad(image, .after = { 0, 0, -1 }), "-1 after")
FAULT_TEST(test_global_pooling_without_planes, clade_global_average_pool(clade_sum(image, 1u << 2 | 1u << 3, false)),
           "expected (N, C, ...)")
FAULT_TEST(test_window_of_no_channels, clade_local_response_norm(image, .window = -1), "expected a size of 1 to")

int main(void) {
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, open_graph_fixture, close_graph_fixture)
    const struct CMUnitTest tests[] = {
        TEST(test_negative_ends_count_from_the_end),
        TEST(test_steps_and_padding_leave_room_between),
        TEST(test_shortcut_without_weights),
        TEST(test_global_pooling_is_the_mean_of_a_plane),
        TEST(test_local_response_norm_has_its_defaults),
        TEST(test_slice_beyond_the_end),
        TEST(test_slice_of_nothing),
        TEST(test_slice_from_the_end_of_a_batch),
        TEST(test_slice_in_steps_of_a_batch),
        TEST(test_pad_of_a_batch),
        TEST(test_slice_backwards_to_above),
        TEST(test_pad_of_less_than_nothing),
        TEST(test_global_pooling_without_planes),
        TEST(test_window_of_no_channels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
