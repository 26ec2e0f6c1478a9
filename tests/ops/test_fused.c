/* The text of fused kernels: what it says, and what it does not depend on. */
#include "support/device.h"

#include "ops/op.h"

#include <string.h>

extern const clade_op clade_op_add, clade_op_relu, clade_op_scale, clade_op_sigmoid;

static const clade_fused_step add_relu_scale[] = {
    { .op = &clade_op_add, .arguments = { 0, 1 } },
    { .op = &clade_op_relu, .arguments = { -1 } },
    { .op = &clade_op_scale, .parameters = { 3.0 }, .arguments = { -2 } },
};
static const clade_fused_step sigmoid[] = { { .op = &clade_op_sigmoid, .arguments = { 0 } } };
static const int32_t first[] = { 0 }, second_and_third[] = { 1, 2 };

typedef struct fixture {
    clade_context *context;
    clade_graph *graph;
    clade_device device; /* only its capabilities are read */
} fixture;

static int set_up(void **state) {
    static fixture f;
    memset(&f, 0, sizeof f);
    f.context = clade_context_new(NULL);
    f.graph = f.context ? clade_graph_new(f.context) : NULL;
    *state = &f;
    return f.graph ? 0 : -1;
}

static int tear_down(void **state) {
    fixture *f = *state;
    clade_graph_free(f->graph);
    clade_context_free(f->context);
    return 0;
}

static void fill_array(clade_array *array, const clade_type *type) {
    *array = (clade_array){ .dtype = type->dtype, .rank = type->dims.rank, .count = 1 };
    for (int32_t i = 0; i < type->dims.rank; i++) {
        array->size[i] = type->dims.size[i];
        array->count *= type->dims.size[i];
    }
}

/* A fused node over inputs of the given dims, at its sizes. */
static clade_site site_of(fixture *f, const clade_fused_attributes *attributes, const clade_dims *dims,
                          uint32_t count) {
    clade_value inputs[CLADE_MAX_INPUTS];
    for (uint32_t i = 0; i < count; i++) {
        const char *name = clade_graph_unique_name(f->graph, NULL, "x");
        inputs[i] = clade_input(f->graph, name, CLADE_F32, dims[i]);
    }
    clade_value y = clade_append(f->graph, &clade_op_fused, "", attributes, inputs, count);
    assert_good(f->context, clade_graph_status(f->graph));
    clade_site site = { .node = clade_value_node(y), .device = &f->device };
    for (uint32_t i = 0; i < count; i++) {
        fill_array(&site.in[i], clade_value_type(inputs[i]));
    }
    for (uint32_t o = 0; o < site.node->output_count; o++) {
        fill_array(&site.out[o], &site.node->outputs[o]);
    }
    return site;
}

/* The text for the chain over x0 of DIMS and x1 of OTHER; the caller frees it. */
static clade_text source_for(fixture *f, clade_dims dims, clade_dims other, bool in_place) {
    const clade_fused_attributes attributes = { 2, 3, add_relu_scale, second_and_third, dims };
    const clade_dims both[] = { dims, other };
    clade_site site = site_of(f, &attributes, both, 2);
    clade_buffer a = { .memory = (cl_mem)1 }, b = { .memory = (cl_mem)2 }, c = { .memory = (cl_mem)3 };
    site.in[0].buffer = &a;
    site.in[1].buffer = &b;
    site.out[0].buffer = in_place ? &a : &c;
    clade_text text = { .context = f->context };
    assert_good(f->context, clade_fused_source(&site, &text));
    return text;
}

static void test_one_run_of_axes_is_one_loop(void **state) {
    clade_text text = source_for(*state, clade_shape(3, 5, 7), clade_shape(3, 5, 7), false);
    assert_string_equal(clade_text_get(&text),
                        "__kernel void fused(__global const float *restrict in0,\n"
                        "                    __global const float *restrict in1,\n"
                        "                    __global float *restrict out0,\n"
                        "                    __global float *restrict out1, float p2_0,\n"
                        "                    int size0, int part0) {\n"
                        "    const int begin0 = (int)get_global_id(0) * part0, end0 = min(begin0 + part0, size0);\n"
                        "    for (int i = begin0; i < end0; i++) {\n"
                        "        const float x0 = in0[i];\n"
                        "        const float x1 = in1[i];\n"
                        "        const float add_0 = x0 + x1;\n"
                        "        const float relu_1 = add_0 < 0.0f ? (float)(0.0f) : add_0;\n"
                        "        const float scale_2 = relu_1 * p2_0;\n"
                        "        out0[i] = relu_1;\n"
                        "        out1[i] = scale_2;\n"
                        "    }\n"
                        "}\n");
    clade_text_free(&text);
}

static void test_text_does_not_depend_on_sizes(void **state) {
    clade_text a = source_for(*state, clade_shape(2, 3, 5, 7), clade_shape(3, 1, 1), false);
    clade_text b = source_for(*state, clade_shape(64, 20, 24, 24), clade_shape(20, 1, 1), false);
    assert_string_equal(clade_text_get(&a), clade_text_get(&b));
    clade_text_free(&a);
    clade_text_free(&b);
}

static void test_axes_that_no_input_tells_apart_are_one(void **state) {
    clade_text a = source_for(*state, clade_shape(4, 6), clade_shape(6), false);
    clade_text b = source_for(*state, clade_shape(2, 2, 3, 2), clade_shape(1, 1, 3, 2), false);
    assert_string_equal(clade_text_get(&a), clade_text_get(&b));
    clade_text_free(&a);
    clade_text_free(&b);
}

static void test_number_for_each_row_is_read_before_the_row(void **state) {
    clade_text text = source_for(*state, clade_shape(2, 3, 5), clade_shape(3, 1), false);
    const char *number = strstr(clade_text_get(&text), "const float x1 = row_in1[0];");
    const char *loop = strstr(clade_text_get(&text), "for (int i = begin0;");
    assert_non_null(number);
    assert_non_null(loop);
    assert_true(number < loop);
    clade_text_free(&text);
}

static void test_input_in_place_is_read_through_the_output(void **state) {
    clade_text text = source_for(*state, clade_shape(4, 6), clade_shape(6), true);
    assert_null(strstr(clade_text_get(&text), "restrict in0"));
    assert_non_null(strstr(clade_text_get(&text), "const float x0 = row_out0[i];"));
    clade_text_free(&text);
}

static void test_calls_come_in_vectors_on_cpus_only(void **state) {
    fixture *f = *state;
    const clade_dims dims = clade_shape(5, 19);
    const clade_fused_attributes attributes = { 1, 1, sigmoid, first, dims };
    for (int is_cpu = 0; is_cpu < 2; is_cpu++) {
        f->device.capabilities.is_cpu = is_cpu;
        clade_site site = site_of(f, &attributes, &dims, 1);
        clade_text text = { .context = f->context };
        assert_good(f->context, clade_fused_source(&site, &text));
        assert_int_equal(strstr(clade_text_get(&text), "vload16") != NULL, is_cpu);
        clade_text_free(&text);
    }
}

static void test_step_that_takes_a_later_one_is_refused(void **state) {
    fixture *f = *state;
    static const clade_fused_step steps[] = { { .op = &clade_op_relu, .arguments = { -1 } } };
    const clade_fused_attributes attributes = { 1, 1, steps, first, clade_shape(3) };
    clade_value x = clade_input(f->graph, "x", CLADE_F32, clade_shape(3));
    clade_append(f->graph, &clade_op_fused, "", &attributes, &x, 1);
    assert_int_equal(clade_graph_status(f->graph), CLADE_ERROR_ARGUMENT);
    assert_non_null(strstr(clade_error(f->context), "step 0 (relu)"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_one_run_of_axes_is_one_loop, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_text_does_not_depend_on_sizes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_axes_that_no_input_tells_apart_are_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_number_for_each_row_is_read_before_the_row, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_input_in_place_is_read_through_the_output, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_calls_come_in_vectors_on_cpus_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_step_that_takes_a_later_one_is_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
