/* The trial of an implementation must find what it is there to find: each kernel below is wrong in one way. The row is
 * the test's own, y = 2x over 70 elements with a workspace of 70 and an int32 output of indices. */
#include "tune/trial.h"

#include "support/device.h"

#include <math.h>
#include <string.h>

enum { COUNT = 70 };

static const char *body; /* of the kernel that the implementation launches */

static bool infer(const clade_node *node, clade_type out[], clade_text *why) {
    (void)why;
    out[0] = *clade_value_type(node->inputs[0]);
    out[1] = (clade_type){ CLADE_I32, out[0].dims };
    return true;
}

static void workspace(const clade_site *site, size_t bytes[CLADE_MAX_WORKSPACES]) {
    bytes[0] = (size_t)site->in[0].count * sizeof(float);
}

static clade_status record(const clade_site *site, clade_commands *commands) {
    char source[1024] = "kernel void twice(global float *x, global float *y, global int *z, global float *w, int n) {\n"
                        "    int i = (int)get_global_id(0);\n"
                        "    if (i >= n) return;\n    ";
    strncat(source, body, sizeof source - strlen(source) - 4);
    strcat(source, "\n}\n");
    const clade_argument arguments[] = {
        clade_buffer_argument(site->in[0].buffer),  clade_buffer_argument(site->out[0].buffer),
        clade_buffer_argument(site->out[1].buffer), clade_buffer_argument(site->workspace[0]),
        clade_int_argument(site->in[0].count),
    };
    return clade_commands_launch(commands, &(clade_launch){ .source = source,
                                                            .title = "twice",
                                                            .kernel = "twice",
                                                            .label = site->label,
                                                            .global = { COUNT },
                                                            .arguments = arguments,
                                                            .argument_count = 5 });
}

static const clade_implementation implementation = { .name = "twice", .workspace = workspace, .record = record };
static const clade_op row = { .name = "twice", .input_minimum = 1, .input_maximum = 1, .outputs = 2, .infer = infer };

typedef struct fixture {
    clade_context *context;
    clade_device *device;
    clade_graph *graph;
    const clade_node *node;
    double x[COUNT], y[COUNT], z[COUNT];
} fixture;

static int set_up(void **state) {
    static fixture f;
    f.device = open_test_device(&f.context);
    f.graph = clade_graph_new(f.context);
    clade_value x = clade_input(f.graph, "x", CLADE_F32, clade_shape(COUNT));
    f.node = clade_value_node(clade_append(f.graph, &row, "", NULL, &x, 1));
    for (int i = 0; i < COUNT; i++) {
        f.x[i] = i + 1;
        f.y[i] = 2 * f.x[i];
        f.z[i] = i;
    }
    *state = &f;
    return 0;
}

static int tear_down(void **state) {
    fixture *f = *state;
    clade_graph_free(f->graph);
    close_test_device(f->context, f->device);
    return 0;
}

/* Whether the kernel of KERNEL_BODY passes; WORDS must occur in what is said against it. */
static void try(fixture *f, const char *kernel_body, int in_place, bool expected, const char *words) {
    body = kernel_body;
    const clade_tensor in = { CLADE_F32, 1, { COUNT }, COUNT, f->x };
    const clade_tensor out[] = { { CLADE_F32, 1, { COUNT }, COUNT, f->y }, { CLADE_I32, 1, { COUNT }, COUNT, f->z } };
    const clade_trial_request request = {
        .device = f->device,
        .node = f->node,
        .implementation = &implementation,
        .binding = { .batch = 1 },
        .in = &in,
        .expected = out,
        .tolerance = 1e-5,
        .in_place = in_place,
    };
    clade_text why = { .context = f->context };
    bool passed = false;
    double error = 0;
    assert_good(f->context, clade_trial_run(&request, &passed, &error, &why));
    if (passed != expected) fail_msg("%s: %s (%s)", kernel_body, passed ? "passed" : "failed", clade_text_get(&why));
    if (strstr(clade_text_get(&why), words) == NULL) fail_msg("\"%s\" lacks \"%s\"", clade_text_get(&why), words);
    clade_text_free(&why);
}

#define RIGHT "y[i] = 2.0f * x[i]; z[i] = i;"

static void test_right_kernel_passes(void **state) {
    try(*state, RIGHT, -1, true, "");
    try(*state, "w[i] = x[i]; y[i] = w[i] + w[i]; z[i] = i;", -1, true, "");
}

static void test_in_place_kernel_is_judged_by_what_replaced_the_input(void **state) {
    try(*state, RIGHT, 0, true, "");
    try(*state, "float v = x[i]; y[i] = v; z[i] = i;", 0, false, "output 0: element 0 is 1");
}

static void test_wrong_number_is_found(void **state) {
    try(*state, "y[i] = (i == n - 1 ? 2.001f : 2.0f) * x[i]; z[i] = i;", -1, false, "output 0: element 69");
    try(*state, "y[i] = 2.0f * x[i]; z[i] = i == 3 ? 4 : i;", -1, false, "output 1: element 3 is 4");
}

static void test_infinities_that_are_right_pass_and_excuse_nothing(void **state) {
    fixture *f = *state;
    const double x = f->x[5], y = f->y[5];
    f->x[5] = f->y[5] = -INFINITY;
    try(f, RIGHT, -1, true, "");
    try(f, "y[i] = i == 5 ? -3e38f : 2.0f * x[i]; z[i] = i;", -1, false, "output 0: element 5");
    try(f, "y[i] = (i == n - 1 ? 2.001f : 2.0f) * x[i]; z[i] = i;", -1, false, "output 0: element 69");
    f->x[5] = x;
    f->y[5] = y;
}

static void test_element_left_unwritten_is_found(void **state) {
    try(*state, "if (i < n - 1) y[i] = 2.0f * x[i]; z[i] = i;", -1, false, "output 0: element 69");
}

static void test_read_past_the_end_is_found(void **state) {
    try(*state, "y[i] = 2.0f * x[i] + 0.0f * x[i + 1]; z[i] = i;", -1, false, "output 0: element 69");
    try(*state, "y[i] = fmax(2.0f * x[i], i == 0 ? x[i - 1] : 0.0f); z[i] = i;", -1, false, "output 0");
}

static void test_write_past_the_end_is_found(void **state) {
    try(*state, RIGHT " y[i + 1 < n ? i : n] = 2.0f * x[i];", -1, false, "past the end of output 0");
    try(*state, RIGHT " if (i == 0) x[-1] = 0.0f;", -1, false, "before the first array");
    try(*state, RIGHT " if (i == 0) w[n] = 0.0f;", -1, false, "past the end of workspace 0");
    try(*state, RIGHT " if (i == 0) y[n] = nan(0x3FFFFFu);", -1, false, "past the end of output 0");
}

static void test_undefined_workspace_is_found(void **state) {
    try(*state, "y[i] = 2.0f * x[i] + 0.0f * w[i]; z[i] = i;", -1, false, "output 0");
    try(*state, "y[i] = 2.0f * x[i] + (w[i] > 0.0f ? 1e-6f * x[i] : 0.0f); z[i] = i;", -1, false, "other bits");
}

static void test_written_input_is_found(void **state) {
    try(*state, RIGHT " x[i] = 0.0f;", -1, false, "input 0 was written");
}

static void test_kernel_that_does_not_compile_is_a_failure_with_its_log(void **state) {
    try(*state, "y[i] = nonsense;", -1, false, "nonsense");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_right_kernel_passes),
        cmocka_unit_test(test_in_place_kernel_is_judged_by_what_replaced_the_input),
        cmocka_unit_test(test_wrong_number_is_found),
        cmocka_unit_test(test_infinities_that_are_right_pass_and_excuse_nothing),
        cmocka_unit_test(test_element_left_unwritten_is_found),
        cmocka_unit_test(test_read_past_the_end_is_found),
        cmocka_unit_test(test_write_past_the_end_is_found),
        cmocka_unit_test(test_undefined_workspace_is_found),
        cmocka_unit_test(test_written_input_is_found),
        cmocka_unit_test(test_kernel_that_does_not_compile_is_a_failure_with_its_log),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
