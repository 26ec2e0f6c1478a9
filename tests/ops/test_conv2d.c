/* Convolution beyond what the self-test's walk over the cases shows: the layer's states and faults, and the direct
 * implementation and Winograd's cut into the smallest blocks. */
#include "ops/convolution/convolution.h"
#include "tune/trial.h"

#include "support/device.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

typedef graph_fixture fixture;

static clade_value image(fixture *f, int64_t channels, int64_t height, int64_t width) {
    return clade_input(f->graph, "image", CLADE_F32, clade_shape(CLADE_BATCH, channels, height, width));
}

static void assert_dims(clade_value value, clade_dims expected) {
    assert_true(clade_value_valid(value));
    clade_dims dims = clade_value_dims(value);
    assert_true(clade_dims_equal(&dims, &expected));
}

static void assert_fault(fixture *f, clade_value value, const char *words) {
    assert_false(clade_value_valid(value));
    assert_int_not_equal(clade_graph_status(f->graph), CLADE_OK);
    if (strstr(clade_error(f->context), words) == NULL) fail_msg("\"%s\" lacks \"%s\"", clade_error(f->context), words);
}

/* ---- the layer ---- */

static void test_layer_keeps_the_batch_symbolic_and_names_its_states(void **state) {
    fixture *f = *state;
    clade_value y = clade_conv2d(image(f, 6, 11, 9), .filters = 8, .kernel = { 3, 5 }, .stride = { 2, 1 },
                                 .pad = { 1, 2, 0, 2 }, .groups = 2, .name = "first");
    assert_good(f->context, clade_graph_status(f->graph));
    assert_dims(y, clade_shape(CLADE_BATCH, 8, 5, 9));
    assert_dims(clade_graph_find(f->graph, "state", "first.weight"), clade_shape(8, 3, 3, 5));
    assert_dims(clade_graph_find(f->graph, "state", "first.bias"), clade_shape(8));
}

static void test_weights_start_by_msra_over_the_inputs_of_one_filter(void **state) {
    fixture *f = *state;
    clade_conv2d(image(f, 6, 8, 8), .filters = 4, .kernel = { 3, 3 }, .groups = 2, .name = "a");
    clade_value weight = clade_graph_find(f->graph, "state", "a.weight");
    const clade_leaf_attributes *leaf = clade_value_node(weight)->attributes;
    assert_int_equal(leaf->initializer_kind, CLADE_INITIALIZE_MSRA);
    assert_int_equal(leaf->fan_in, 27);
    assert_int_equal(leaf->fan_out, 18);
}

static void test_unnamed_layers_are_numbered_and_bias_can_be_left_out(void **state) {
    fixture *f = *state;
    clade_value y = clade_conv2d(image(f, 1, 8, 8), .filters = 2, .kernel = { 3, 3 }, .no_bias = true);
    clade_conv2d(y, .filters = 2, .kernel = { 3, 3 });
    assert_good(f->context, clade_graph_status(f->graph));
    assert_true(clade_value_valid(clade_graph_find(f->graph, "state", "conv2d_1.weight")));
    assert_false(clade_value_valid(clade_graph_find(f->graph, "state", "conv2d_1.bias")));
    assert_true(clade_value_valid(clade_graph_find(f->graph, "state", "conv2d_2.bias")));
}

static void test_options_of_an_older_caller_are_read_only_as_far_as_they_go(void **state) {
    fixture *f = *state;
    const clade_conv2d_options options = {
        .size = offsetof(clade_conv2d_options, stride),
        .x = image(f, 1, 8, 8),
        .filters = 2,
        .kernel = { 3, 3 },
        .stride = { 2, 2 },
    };
    assert_dims(clade_conv2d_with(&options), clade_shape(CLADE_BATCH, 2, 6, 6));
}

static void test_dense_flattens_its_input(void **state) {
    fixture *f = *state;
    clade_value y = clade_dense(image(f, 2, 3, 4), .units = 5, .name = "fc");
    assert_good(f->context, clade_graph_status(f->graph));
    assert_dims(y, clade_shape(CLADE_BATCH, 5));
    assert_dims(clade_graph_find(f->graph, "state", "fc.weight"), clade_shape(5, 24));
}

/* ---- faults ---- */

static void test_channels_that_groups_do_not_divide_are_a_fault(void **state) {
    fixture *f = *state;
    assert_fault(f, clade_conv2d(image(f, 5, 8, 8), .filters = 4, .kernel = { 3, 3 }, .groups = 2, .name = "bad"),
                 "conv2d bad of float32 (N, 5, 8, 8)");
}

static void test_a_kernel_that_does_not_fit_is_a_fault(void **state) {
    fixture *f = *state;
    assert_fault(f, clade_conv2d(image(f, 1, 8, 6), .filters = 1, .kernel = { 3, 4 }, .dilation = { 1, 2 }),
                 "kernel's width of 4 (dilation 2) does not fit into 6");
}

static void test_negative_padding_is_a_fault(void **state) {
    fixture *f = *state;
    assert_fault(f, clade_conv2d(image(f, 1, 8, 8), .filters = 1, .kernel = { 3, 3 }, .pad = { 0, -1, 0, 0 }),
                 "padding of at least 0");
}

static void test_dense_without_units_is_a_fault(void **state) {
    fixture *f = *state;
    assert_fault(f, clade_dense(image(f, 1, 8, 8), .units = 0), "at least 1 unit");
}

static void test_matrices_of_unequal_depth_are_a_fault(void **state) {
    fixture *f = *state;
    clade_value a = clade_input(f->graph, "a", CLADE_F32, clade_shape(CLADE_BATCH, 3));
    clade_value b = clade_input(f->graph, "b", CLADE_F32, clade_shape(4, 5));
    assert_fault(f, clade_matmul(a, b, false, false), "same K");
}

/* ---- implementations that cut the work, on a device with little local memory ---- */

static double number(int64_t i) {
    return (double)((i * 7919 + 13) % 101) / 101.0 - 0.5;
}

static clade_tensor new_tensor(const clade_type *type) {
    clade_tensor t = { .dtype = CLADE_F32, .rank = type->dims.rank, .count = 1 };
    for (int32_t i = 0; i < t.rank; i++) {
        t.size[i] = type->dims.size[i];
        t.count *= t.size[i];
    }
    t.data = calloc((size_t)t.count, sizeof *t.data);
    assert_non_null(t.data);
    for (int64_t i = 0; i < t.count; i++) {
        t.data[i] = (double)(float)number(i);
    }
    return t;
}

static const clade_implementation *find(const clade_op *op, const char *name) {
    const clade_implementation *const *list = op->implementations;
    while (strcmp((*list)->name, name) != 0) {
        list++;
    }
    return *list;
}

/* Tries OP's implementation NAME on the shapes of ONE; true when it accepts them. */
static bool try_case(fixture *f, const clade_op *op, const char *name, const clade_case *one) {
    clade_graph *graph = clade_graph_new(f->context);
    clade_value inputs[CLADE_CASE_INPUTS];
    clade_tensor in[CLADE_CASE_INPUTS];
    for (int i = 0; i < one->input_count; i++) {
        inputs[i] = clade_input(graph, (const char[]){ (char)('a' + i), '\0' }, CLADE_F32, one->in[i]);
        in[i] = new_tensor(clade_value_type(inputs[i]));
    }
    clade_value y = clade_append(graph, op, "", one->attributes, inputs, (uint32_t)one->input_count);
    assert_good(f->context, clade_graph_status(graph));
    const clade_node *node = clade_value_node(y);
    clade_tensor out = new_tensor(&node->outputs[0]);
    op->reference(node, in, &out);
    clade_site site;
    char why[128];
    assert_good(f->context, clade_trial_site(f->device, node, (clade_binding){ 1, 1 }, &site));
    const clade_implementation *tried = find(op, name);
    const bool room = tried->applicable(&site, why);
    if (room) {
        const clade_trial_request request = { .device = f->device,
                                              .node = node,
                                              .implementation = tried,
                                              .binding = { 1, 1 },
                                              .in = in,
                                              .expected = &out,
                                              .tolerance = 1e-5,
                                              .in_place = -1 };
        bool passed;
        double error;
        clade_text text = { .context = f->context };
        assert_good(f->context, clade_trial_run(&request, &passed, &error, &text));
        if (!passed) fail_msg("%s, %s: %s", op->name, one->name, clade_text_get(&text));
        clade_text_free(&text);
    } else {
        assert_true(strstr(why, "local memory") != NULL || strstr(why, "needs") != NULL);
    }
    for (int i = 0; i < one->input_count; i++)
        free(in[i].data);
    free(out.data);
    clade_graph_free(graph);
    return room;
}

/* The cases of OPS that the implementation accepted, tried with each of SIZES (ended by 0) bytes of local memory. */
static int try_sizes(fixture *f, const clade_op *const ops[], const char *name, const size_t sizes[]) {
    const size_t whole = f->device->capabilities.local_memory;
    int tried = 0;
    for (; *sizes > 0; sizes++) {
        f->device->capabilities.local_memory = *sizes < whole ? *sizes : whole;
        for (size_t o = 0; ops[o] != NULL; o++)
            for (const clade_case *one = ops[o]->cases; one->name != NULL; one++)
                tried += try_case(f, ops[o], name, one);
    }
    f->device->capabilities.local_memory = whole;
    return tried;
}

static void test_direct_is_right_in_the_smallest_blocks(void **state) {
    const clade_op *const ops[] = { &clade_op_conv2d, &clade_op_conv2d_data_gradient, &clade_op_conv2d_filter_gradient,
                                    NULL };
    assert_true(try_sizes(*state, ops, "direct", (const size_t[]){ 2048, 4096, 12288, 0 }) > 100);
}

static void test_winograd_is_right_in_the_smallest_blocks(void **state) {
    fixture *f = *state;
    const clade_op *const ops[] = { &clade_op_conv2d, &clade_op_conv2d_data_gradient, &clade_op_conv2d_filter_gradient,
                                    NULL };
    const int tried = try_sizes(f, ops, "winograd", (const size_t[]){ 64 << 10, 128 << 10, 192 << 10, 0 });
    assert_true(f->device->capabilities.local_memory < 192 << 10 || tried > 50);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_layer_keeps_the_batch_symbolic_and_names_its_states, open_graph_fixture,
                                        close_graph_fixture),
        cmocka_unit_test_setup_teardown(test_weights_start_by_msra_over_the_inputs_of_one_filter, open_graph_fixture,
                                        close_graph_fixture),
        cmocka_unit_test_setup_teardown(test_unnamed_layers_are_numbered_and_bias_can_be_left_out, open_graph_fixture,
                                        close_graph_fixture),
        cmocka_unit_test_setup_teardown(test_options_of_an_older_caller_are_read_only_as_far_as_they_go,
                                        open_graph_fixture, close_graph_fixture),
        cmocka_unit_test_setup_teardown(test_dense_flattens_its_input, open_graph_fixture, close_graph_fixture),
        cmocka_unit_test_setup_teardown(test_channels_that_groups_do_not_divide_are_a_fault, open_graph_fixture,
                                        close_graph_fixture),
        cmocka_unit_test_setup_teardown(test_a_kernel_that_does_not_fit_is_a_fault, open_graph_fixture,
                                        close_graph_fixture),
        cmocka_unit_test_setup_teardown(test_negative_padding_is_a_fault, open_graph_fixture, close_graph_fixture),
        cmocka_unit_test_setup_teardown(test_dense_without_units_is_a_fault, open_graph_fixture, close_graph_fixture),
        cmocka_unit_test_setup_teardown(test_matrices_of_unequal_depth_are_a_fault, open_graph_fixture,
                                        close_graph_fixture),
        cmocka_unit_test_setup_teardown(test_direct_is_right_in_the_smallest_blocks, open_graph_fixture,
                                        close_graph_fixture),
        cmocka_unit_test_setup_teardown(test_winograd_is_right_in_the_smallest_blocks, open_graph_fixture,
                                        close_graph_fixture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
