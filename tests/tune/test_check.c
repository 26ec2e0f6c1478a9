/* Checks by samples on real rows: large sites are cut in size and still find a kernel that is off in a corner. */
#include "support/device.h"

#include "clade/ops.h"
#include "exec/cases.h"
#include "ops/convolution/convolution.h"
#include "ops/matmul/matmul.h"
#include "tune/check.h"
#include "tune/trial.h"

#include <string.h>

/* The choice that a plan would make first. */
static clade_choice any_choice(const clade_site *site) {
    char why[128];
    for (const clade_implementation *const *list = site->node->op->implementations; *list != NULL; list++) {
        if (strstr((*list)->name, "clblast") != NULL) continue;
        if ((*list)->applicable == NULL || (*list)->applicable(site, why)) return (clade_choice){ *list, 0 };
    }
    fail_msg("%s: nothing applies", site->node->op->name);
    return (clade_choice){ NULL, 0 };
}

static void passes(graph_fixture *f, clade_value y, clade_binding binding, int64_t limit) {
    clade_site site;
    clade_check check;
    assert_good(f->context, clade_graph_status(f->graph));
    assert_good(f->context, clade_trial_site(f->device, clade_value_node(y), binding, &site));
    assert_good(f->context, clade_check_choice(&site, any_choice(&site), limit, &check));
    if (!check.passed) fail_msg("%s", check.why);
}

static void test_products_pass_whole_and_cut(void **state) {
    graph_fixture *f = *state;
    clade_value a = clade_input(f->graph, "a", CLADE_F32, clade_shape(150, 70));
    clade_value b = clade_input(f->graph, "b", CLADE_F32, clade_shape(70, 130));
    clade_value t = clade_input(f->graph, "t", CLADE_F32, clade_shape(130, 70));
    passes(f, clade_matmul(a, b, false, false), (clade_binding){ 1, 1 }, CLADE_CHECK_QUICK);
    passes(f, clade_matmul(a, b, false, false), (clade_binding){ 1, 1 }, 10000);
    passes(f, clade_matmul(a, t, false, true), (clade_binding){ 1, 1 }, 10000);
}

static void test_convolutions_and_their_gradients_pass_whole_and_cut(void **state) {
    graph_fixture *f = *state;
    const int64_t limits[] = { CLADE_CHECK_QUICK, 4000 };
    clade_value x = clade_input(f->graph, "x", CLADE_F32, clade_shape(CLADE_BATCH, 4, 13, 11));
    clade_value w = clade_input(f->graph, "w", CLADE_F32, clade_shape(6, 4, 3, 3));
    clade_value dy = clade_input(f->graph, "dy", CLADE_F32, clade_shape(CLADE_BATCH, 6, 13, 11));
    const clade_conv2d_attributes geometry = { .stride = { 1, 1 },
                                               .pad = { 1, 1, 1, 1 },
                                               .dilation = { 1, 1 },
                                               .groups = 1,
                                               .kernel = { 3, 3 },
                                               .image = { 13, 11 } };
    const struct {
        const clade_op *op;
        clade_value one, other;
    } rows[] = { { &clade_op_conv2d, x, w },
                 { &clade_op_conv2d_data_gradient, dy, w },
                 { &clade_op_conv2d_filter_gradient, x, dy } };
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 2; k++)
            passes(f,
                   clade_append(f->graph, rows[i].op, "", &geometry, (clade_value[]){ rows[i].one, rows[i].other }, 2),
                   (clade_binding){ 7, 1 }, limits[k]);
}

static void test_rows_without_single_elements_pass_with_a_smaller_batch(void **state) {
    graph_fixture *f = *state;
    clade_value x = clade_input(f->graph, "x", CLADE_F32, clade_shape(CLADE_BATCH, 5, 12, 12));
    clade_value y = clade_max_pool(x, .kernel = { 2, 2 });
    passes(f, y, (clade_binding){ 9, 1 }, CLADE_CHECK_QUICK);
    passes(f, y, (clade_binding){ 9, 1 }, 2000);
}

/* A product whose last element alone is wrong. */
static clade_status record_all_but_the_last(const clade_site *site, clade_commands *commands) {
    static const char source[] =
        "kernel void almost(global float *a, global float *b, global float *c, int n, int k) {\n"
        "    int i = get_global_id(1), j = get_global_id(0);\n"
        "    float sum = 0;\n"
        "    for (int l = 0; l < k; l++) sum += a[i * k + l] * b[l * n + j];\n"
        "    int last = i == (int)get_global_size(1) - 1 && j == n - 1;\n"
        "    c[i * n + j] = last ? sum * 1.01f : sum;\n"
        "}\n";
    const clade_argument arguments[] = {
        clade_buffer_argument(site->in[0].buffer),  clade_buffer_argument(site->in[1].buffer),
        clade_buffer_argument(site->out[0].buffer), clade_int_argument(site->out[0].size[1]),
        clade_int_argument(site->in[0].size[1]),
    };
    return clade_commands_launch(
        commands, &(clade_launch){ .source = source,
                                   .title = "almost",
                                   .kernel = "almost",
                                   .label = site->label,
                                   .global = { (size_t)site->out[0].size[1], (size_t)site->out[0].size[0] },
                                   .local = { 1, 1 },
                                   .arguments = arguments,
                                   .argument_count = 5 });
}

static void test_one_wrong_corner_is_found_also_in_a_cut_site(void **state) {
    graph_fixture *f = *state;
    const clade_implementation almost = { .name = "almost", .tail = true, .record = record_all_but_the_last };
    clade_value a = clade_input(f->graph, "a", CLADE_F32, clade_shape(150, 70));
    clade_value b = clade_input(f->graph, "b", CLADE_F32, clade_shape(70, 130));
    clade_value y = clade_matmul(a, b, false, false);
    clade_site site;
    clade_check check;
    assert_good(f->context, clade_trial_site(f->device, clade_value_node(y), (clade_binding){ 1, 1 }, &site));
    for (int64_t limit = 10000; limit < 1000000; limit *= 90) {
        assert_good(f->context, clade_check_choice(&site, (clade_choice){ &almost, 0 }, limit, &check));
        assert_false(check.passed);
        assert_int_equal(check.fault, CLADE_OK);
        assert_non_null(strstr(check.why, "the reference says"));
    }
}

/* A gather that takes the first place whatever the index says: right where all indices are 0. */
static clade_status record_the_first(const clade_site *site, clade_commands *commands) {
    static const char source[] = "kernel void first(global float *x, global float *y, int inner) { y[get_global_id(0)] "
                                 "= x[get_global_id(0) % inner]; }";
    const clade_argument arguments[] = { clade_buffer_argument(site->in[0].buffer),
                                         clade_buffer_argument(site->out[0].buffer),
                                         clade_int_argument(site->in[0].size[1]) };
    return clade_commands_launch(commands, &(clade_launch){ .source = source,
                                                            .title = "first",
                                                            .kernel = "first",
                                                            .label = site->label,
                                                            .global = { (size_t)site->out[0].count, 1 },
                                                            .local = { 1, 1 },
                                                            .arguments = arguments,
                                                            .argument_count = 3 });
}

static void test_indices_are_filled_with_more_than_zeros(void **state) {
    graph_fixture *f = *state;
    const clade_implementation first = { .name = "first", .record = record_the_first };
    clade_value x = clade_input(f->graph, "x", CLADE_F32, clade_shape(50, 6));
    clade_value index = clade_input(f->graph, "index", CLADE_I32, clade_shape(9));
    clade_value y = clade_gather(x, index, 0);
    clade_site site;
    clade_check check;
    assert_good(f->context, clade_trial_site(f->device, clade_value_node(y), (clade_binding){ 1, 1 }, &site));
    assert_good(f->context, clade_check_choice(&site, (clade_choice){ &first, 0 }, CLADE_CHECK_QUICK, &check));
    assert_false(check.passed);
    passes(f, y, (clade_binding){ 1, 1 }, CLADE_CHECK_QUICK);
}

/* Every implementation that competes with another, at the sizes of its row's cases. */
static void check_row(graph_fixture *f, const clade_op *op) {
    for (const clade_case *one = op->cases; one != NULL && one->name != NULL; one++) {
        clade_case_graph built;
        clade_site site;
        char why[128];
        assert_good(f->context, clade_case_build(f->context, op, one, &built));
        assert_good(f->context, clade_trial_site(f->device, clade_value_node(built.y), built.binding, &site));
        for (const clade_implementation *const *list = op->implementations; *list != NULL; list++) {
            clade_check check;
            if ((*list)->applicable != NULL && !(*list)->applicable(&site, why)) continue;
            assert_good(f->context, clade_check_choice(&site, (clade_choice){ *list, 0 }, CLADE_CHECK_QUICK, &check));
            if (!check.passed) fail_msg("%s %s, %s: %s", op->name, (*list)->name, one->name, check.why);
        }
        clade_graph_free(built.graph);
    }
}

static void test_all_that_choose_by_integers_pass(void **state) {
    graph_fixture *f = *state;
    for (const clade_op *const *row = clade_op_table; *row != NULL; row++)
        if ((*row)->sample != NULL) check_row(f, *row);
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, open_graph_fixture, close_graph_fixture)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_products_pass_whole_and_cut),
        TEST(test_convolutions_and_their_gradients_pass_whole_and_cut),
        TEST(test_rows_without_single_elements_pass_with_a_smaller_batch),
        TEST(test_one_wrong_corner_is_found_also_in_a_cut_site),
        TEST(test_indices_are_filled_with_more_than_zeros),
        TEST(test_all_that_choose_by_integers_pass),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
