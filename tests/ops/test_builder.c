/* Wrong calls of the builder: one clear line each, that names the operator, what it got and what it expects; and what
 * the shapes of right calls are. */
#include "support/device.h"

#include "ops/op.h"

#include <string.h>

typedef struct fixture {
    clade_context *context;
    clade_graph *graph;
    clade_value image, rows, label;
} fixture;

static int set_up(void **state) {
    static fixture f;
    f.context = clade_context_new(NULL);
    f.graph = f.context ? clade_graph_new(f.context) : NULL;
    if (!f.graph) return -1;
    f.image = clade_input(f.graph, "image", CLADE_F32, clade_shape(CLADE_BATCH, 3, 7, 9));
    f.rows = clade_input(f.graph, "rows", CLADE_F32, clade_shape(CLADE_BATCH, 10));
    f.label = clade_input(f.graph, "label", CLADE_I32, clade_shape(CLADE_BATCH));
    *state = &f;
    return 0;
}

static int tear_down(void **state) {
    fixture *f = *state;
    clade_graph_free(f->graph);
    clade_context_free(f->context);
    return 0;
}

static void assert_fault(fixture *f, clade_value value, const char *words) {
    assert_false(clade_value_valid(value));
    assert_int_equal(clade_graph_status(f->graph), CLADE_ERROR_ARGUMENT);
    if (!strstr(clade_error(f->context), words)) fail_msg("'%s' is not in '%s'", words, clade_error(f->context));
    assert_null(strchr(clade_error(f->context), '\n'));
}

static void assert_dims(clade_value value, clade_dims dims) {
    assert_true(clade_value_valid(value));
    clade_dims got = clade_value_dims(value);
    assert_true(clade_dims_equal(&got, &dims));
}

#define FAULT_TEST(NAME, CALL, WORDS)                                                                                  \
    static void NAME(void **state) {                                                                                   \
        fixture *f = *state;                                                                                           \
        assert_fault(f, CALL, WORDS);                                                                                  \
    }

FAULT_TEST(test_sizes_that_do_not_broadcast, clade_add(f->image, f->rows), "do not broadcast")
FAULT_TEST(test_labels_are_not_added, clade_add(clade_sum(f->rows, 1u << 1, false), f->label),
           "expected inputs of one type")
FAULT_TEST(test_bias_of_another_channel_count, clade_bias(f->image, clade_constant(f->graph, clade_shape(4), 0)),
           "expected x (N, C, ...) and bias (C)")
FAULT_TEST(test_reshape_to_another_count, clade_reshape(f->rows, clade_shape(CLADE_BATCH, 11)),
           "another number of elements")
FAULT_TEST(test_reshape_with_two_rests, clade_reshape(f->rows, clade_shape(CLADE_REST, CLADE_REST)), "CLADE_REST once")
FAULT_TEST(test_sum_over_an_axis_beyond_the_last, clade_sum(f->rows, 1u << 2, false), "axis beyond the last")
FAULT_TEST(test_pool_without_a_kernel, clade_max_pool(f->image), "expected each at least 1")
FAULT_TEST(test_pool_larger_than_its_plane, clade_max_pool(f->image, .kernel = { 8, 2 }),
           "larger than the 7 padded rows")
FAULT_TEST(test_pad_as_large_as_the_kernel, clade_average_pool(f->image, .kernel = { 2, 2 }, .pad = { 2, 0, 0, 0 }),
           "less than the kernel's 2")
FAULT_TEST(test_pool_of_rows, clade_max_pool(f->rows, .kernel = { 2, 2 }), "expected float32 (N, C, H, W)")
FAULT_TEST(test_softmax_along_no_axis, clade_softmax_along(f->rows, 2), "expected float32 with an axis 2")
FAULT_TEST(test_loss_with_images_for_labels, clade_softmax_cross_entropy(f->rows, f->image),
           "expected class numbers int32 (N, ...)")
FAULT_TEST(test_half_squared_loss_of_other_dims, clade_half_squared_loss(f->rows, f->image), "expected the same dims")
FAULT_TEST(test_dropout_of_everything, clade_dropout(f->rows, 1.0, "drop"), "expected 0 <= rate < 1")
FAULT_TEST(test_batch_norm_of_labels, clade_batch_norm(f->label), "expected (N, C)")
FAULT_TEST(test_input_twice, clade_input(f->graph, "rows", CLADE_F32, clade_shape(1)), "has an input of that name")
FAULT_TEST(test_state_that_grows_with_the_batch,
           clade_state(f->graph, "s", clade_shape(CLADE_BATCH), CLADE_ROLE_STATE, (clade_initializer){ 0 }),
           "cannot grow with the batch")

static void test_first_fault_stays(void **state) {
    fixture *f = *state;
    clade_value wrong = clade_add(f->image, f->rows);
    assert_fault(f, clade_relu(clade_sum(wrong, CLADE_ALL_AXES, false)), "do not broadcast");
}

static void test_same_scalar_again_is_the_same_value(void **state) {
    fixture *f = *state;
    clade_value rate = clade_scalar(f->graph, "rate", 0.1f);
    assert_true(clade_value_equal(rate, clade_scalar(f->graph, "rate", 0.5f)));
    assert_true(clade_value_equal(clade_random_state(f->graph), clade_random_state(f->graph)));
}

static void test_shapes_of_right_calls(void **state) {
    fixture *f = *state;
    assert_dims(clade_flatten(f->image), clade_shape(CLADE_BATCH, 189));
    assert_dims(clade_reshape(f->image, clade_shape(CLADE_BATCH, CLADE_REST)), clade_shape(CLADE_BATCH, 189));
    assert_dims(clade_max_pool(f->image, .kernel = { 2, 2 }), clade_shape(CLADE_BATCH, 3, 3, 4));
    assert_dims(clade_max_pool(f->image, .kernel = { 2, 2 }, .ceil = true), clade_shape(CLADE_BATCH, 3, 4, 5));
    assert_dims(clade_max_pool(f->image, .kernel = { 3, 3 }, .stride = { 2, 2 }, .pad = { 1, 1, 1, 1 }),
                clade_shape(CLADE_BATCH, 3, 4, 5));
    assert_dims(clade_sum(f->image, 0xd, false), clade_shape(3));
    assert_dims(clade_mean(f->image, 0xc, true), clade_shape(CLADE_BATCH, 3, 1, 1));
    assert_dims(clade_softmax_cross_entropy(f->rows, f->label), CLADE_SCALAR);
    assert_dims(clade_one_hot(f->label, 10), clade_shape(CLADE_BATCH, 10));
    assert_true(clade_value_equal(clade_dropout(f->rows, 0, "drop"), f->rows));
    assert_good(f->context, clade_graph_status(f->graph));
}

/* A last window that would begin in the padding below is left out, as in Caffe: 3 cells, 1 more above and below, windows
 * of 2 at stride 2 begin at -1 and 1, and not at 3. */
static void test_window_beyond_the_plane_is_left_out(void **state) {
    fixture *f = *state;
    clade_value x = clade_input(f->graph, "small", CLADE_F32, clade_shape(1, 1, 3, 3));
    assert_dims(clade_max_pool(x, .kernel = { 2, 2 }, .stride = { 2, 2 }, .pad = { 1, 1, 1, 1 }, .ceil = true),
                clade_shape(1, 1, 2, 2));
}

static void test_batch_norm_owns_its_states(void **state) {
    fixture *f = *state;
    assert_dims(clade_batch_norm(f->image, .name = "bn"), clade_shape(CLADE_BATCH, 3, 7, 9));
    static const char *const names[] = { "bn.weight", "bn.bias", "bn.running_mean", "bn.running_variance" };
    for (int i = 0; i < 4; i++) {
        clade_value found = clade_graph_find(f->graph, "state", names[i]);
        assert_dims(found, clade_shape(3));
        assert_int_equal(clade_value_valid(clade_graph_update_of(f->graph, found)), i >= 2);
    }
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_sizes_that_do_not_broadcast),
        TEST(test_labels_are_not_added),
        TEST(test_bias_of_another_channel_count),
        TEST(test_reshape_to_another_count),
        TEST(test_reshape_with_two_rests),
        TEST(test_sum_over_an_axis_beyond_the_last),
        TEST(test_pool_without_a_kernel),
        TEST(test_pool_larger_than_its_plane),
        TEST(test_pad_as_large_as_the_kernel),
        TEST(test_pool_of_rows),
        TEST(test_softmax_along_no_axis),
        TEST(test_loss_with_images_for_labels),
        TEST(test_half_squared_loss_of_other_dims),
        TEST(test_dropout_of_everything),
        TEST(test_batch_norm_of_labels),
        TEST(test_input_twice),
        TEST(test_state_that_grows_with_the_batch),
        TEST(test_first_fault_stays),
        TEST(test_same_scalar_again_is_the_same_value),
        TEST(test_shapes_of_right_calls),
        TEST(test_window_beyond_the_plane_is_left_out),
        TEST(test_batch_norm_owns_its_states),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
