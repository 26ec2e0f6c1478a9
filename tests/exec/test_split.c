/* A session over several devices, cut by layers, is the session on one: gradients, training, states, inference. */
#include "support/device.h"
#include "support/gradients.h"

#include "clade/ops.h"
#include "exec/split.h"
#include "exec/split_costs.h"
#include "passes/passes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DEVICES = 3 };

/* A problem, and sessions of it on one device and over several. */
typedef struct fixture {
    clade_context *context;
    clade_device *devices[DEVICES];
    gradient_problem p;
    clade_session *alone, *split;
} fixture;

static void open_sessions(fixture *f, const char *model, int64_t batch, size_t devices, int64_t micro_batches) {
    size_t index = 0;
    *f = (fixture){ .context = clade_context_new(NULL) };
    assert_non_null(f->context);
    assert_good(f->context, clade_device_choose(f->context, NULL, &index, NULL));
    for (size_t d = 0; d < devices; d++)
        assert_good(f->context, clade_device_open(f->context, index, &f->devices[d]));
    gradient_pose(f->context, model, batch, &f->p);
    gradient_draw_images(&f->p, 1);
    const clade_split_options options = { .batch = batch, .micro_batches = micro_batches };
    assert_good(f->context, clade_session_new(f->devices[0], f->p.graph, 7, &f->alone));
    assert_good(f->context, clade_session_new_split(f->devices, devices, f->p.graph, 7, &options, &f->split));
    clade_session_sync_batch_norm(f->split);
}

static void close_sessions(fixture *f) {
    clade_session_free(f->split);
    clade_session_free(f->alone);
    gradient_withdraw(&f->p);
    for (size_t d = 0; d < DEVICES; d++)
        clade_device_close(f->devices[d]);
    clade_context_free(f->context);
}

/* Reads target INDEX of PLAN to AT, as doubles; returns the place behind it. */
static double *read_target(fixture *f, const clade_plan *plan, size_t index, double *at) {
    const clade_buffer *buffer = clade_plan_target(plan, index);
    float *numbers = malloc(buffer->bytes);
    assert_non_null(numbers);
    assert_good(f->context, clade_buffer_read(buffer, 0, numbers, buffer->bytes));
    for (size_t k = 0; k < buffer->bytes / sizeof *numbers; k++)
        *at++ = (double)numbers[k];
    free(numbers);
    return at;
}

/* The sums of the gradients side by side, behind the loss and the correct count; the caller frees. */
static double *run_gradients(fixture *f, clade_session *session) {
    const gradient_problem *p = &f->p;
    const size_t count = p->trained.count + 2;
    clade_value *targets = calloc(count, sizeof *targets);
    double *out = calloc((size_t)p->trained.parameters + 2, sizeof *out), *at = out;
    clade_plan *plan;
    assert_true(targets != NULL && out != NULL);
    targets[0] = p->summed.loss;
    targets[1] = p->summed.correct;
    memcpy(targets + 2, p->trained.sums, p->trained.count * sizeof *targets);
    const clade_plan_request request = { .targets = targets, .target_count = count, .binding = { .batch = p->batch } };
    clade_session_set_random(session, 5, 0, 0);
    assert_good(f->context, clade_session_plan(session, &request, &plan));
    const clade_buffer *image = clade_plan_input(plan, p->feed.image), *label = clade_plan_input(plan, p->feed.label);
    assert_good(f->context, clade_buffer_write(image, 0, p->images, image->bytes));
    assert_good(f->context, clade_buffer_write(label, 0, p->labels, label->bytes));
    for (int again = 0; again < 2; again++) /* the second time without waiting for each command */
        assert_good(f->context, clade_plan_enqueue(plan));
    for (size_t i = 0; i < count; i++)
        at = read_target(f, plan, i, at);
    free(targets);
    return out;
}

static void expect_gradients(const char *model, int64_t batch, size_t devices, int64_t micro_batches, double most) {
    fixture f;
    open_sessions(&f, model, batch, devices, micro_batches);
    double *one = run_gradients(&f, f.alone), *all = run_gradients(&f, f.split), *same = run_gradients(&f, f.split);
    const int64_t numbers = f.p.trained.parameters;
    const double apart = gradient_difference(all + 2, one + 2, numbers);
    print_message("%s over %zu devices in %d micro-batches: %.2g from one device\n", model, devices, (int)micro_batches,
                  apart);
    if (!(apart < most)) fail_msg("the gradients are %g from one device's", apart);
    assert_true(fabs(all[0] - one[0]) < 1e-5 * one[0]);
    assert_true(all[1] == one[1]);
    assert_memory_equal(all, same, ((size_t)numbers + 2) * sizeof *all);
    for (size_t d = 0; d < devices; d++) {
        clade_split_report report;
        assert_true(clade_session_split_report(f.split, d, &report));
        assert_true(report.bytes > 0 && report.seconds > 0 && report.first[0] != '\0' && report.memory > 0);
    }
    free(one);
    free(all);
    free(same);
    close_sessions(&f);
}

static void test_gradients_of_lenet_are_those_of_one_device(void **state) {
    (void)state;
    expect_gradients("lenet", 12, 2, 1, 1e-6);
    expect_gradients("lenet", 12, 3, 4, 2e-6);
}

/* Dropout draws the same, and nothing is normalised. */
static void test_gradients_of_alexnet_are_those_of_one_device(void **state) {
    (void)state;
    expect_gradients("alexnet", 4, 2, 2, 1e-6);
}

static void test_a_residual_network_goes_over_three_devices(void **state) {
    (void)state;
    expect_gradients("resnet20", 6, 3, 1, 1e-5);
}

/* ---- states ---- */

static void test_states_lie_with_their_layers_and_are_read_and_written_as_one(void **state) {
    fixture f;
    (void)state;
    open_sessions(&f, "lenet", 8, 2, 2);
    const int64_t floats = clade_session_state_floats(f.alone);
    float *one = calloc((size_t)floats, sizeof *one), *all = calloc((size_t)floats, sizeof *all);
    assert_true(one != NULL && all != NULL);
    assert_int_equal(clade_session_state_floats(f.split), floats);
    assert_good(f.context, clade_session_save_states(f.alone, one));
    assert_good(f.context, clade_session_save_states(f.split, all));
    assert_memory_equal(one, all, (size_t)floats * sizeof *one);
    for (int64_t i = 0; i < floats; i++)
        one[i] = (float)(i % 97) / 97;
    assert_good(f.context, clade_session_load_states(f.split, one));
    assert_good(f.context, clade_session_save_states(f.split, all));
    assert_memory_equal(one, all, (size_t)floats * sizeof *one);
    int64_t apart = 0;
    for (size_t d = 0; d < 2; d++) {
        clade_split_report report;
        assert_true(clade_session_split_report(f.split, d, &report));
        apart += (int64_t)report.memory;
    }
    assert_true(apart >= floats * (int64_t)sizeof *one);
    free(one);
    free(all);
    close_sessions(&f);
}

/* ---- the cuts ---- */

static void expect_cuts(const clade_layer_cost *costs, const double room[], size_t devices, double expected_seconds,
                        const uint8_t expected[]) {
    uint8_t stage[6];
    double seconds = 0;
    clade_context *context = clade_context_new(NULL);
    assert_non_null(context);
    clade_cut_problem problem = {
        .costs = costs, .layers = 6, .devices = devices, .room = room, .batch = 8, .micro_batches = 4
    };
    assert_good(context, clade_cut_by_costs(context, &problem, stage, &seconds));
    assert_memory_equal(stage, expected, sizeof stage);
    assert_true(fabs(seconds - expected_seconds) < 1e-9 * expected_seconds);
    problem.layers = devices - 1;
    assert_int_equal(clade_cut_by_costs(context, &problem, stage, &seconds), CLADE_ERROR_ARGUMENT);
    clade_context_free(context);
}

/* A sample takes a second in each layer, so a layer takes two of each of the four micro-batches. */
static void test_cuts_even_out_times_and_mind_memory_and_ways(void **state) {
    (void)state;
    const double plenty[] = { 1e9, 1e9, 1e9 };
    clade_layer_cost costs[6] = { { .name = "a" } };
    for (int i = 0; i < 6; i++)
        costs[i].sample[0] = costs[i].sample[1] = costs[i].sample[2] = 1;
    expect_cuts(costs, plenty, 2, 5 * 6, (const uint8_t[]){ 0, 0, 0, 1, 1, 1 });
    expect_cuts(costs, plenty, 3, 6 * 4, (const uint8_t[]){ 0, 0, 1, 1, 2, 2 });
    for (int i = 0; i < 6; i++)
        costs[i].sample[1] = 0.2; /* a device five times as fast */
    expect_cuts(costs, plenty, 2, 5 * 2, (const uint8_t[]){ 0, 1, 1, 1, 1, 1 });
    for (int i = 0; i < 6; i++) {
        costs[i].sample[1] = 1;
        costs[i].states = 10;
        costs[i].kept = 1;
    }
    expect_cuts(costs, (const double[]){ 45, 1000 }, 2, 5 * 8, (const uint8_t[]){ 0, 0, 1, 1, 1, 1 });
    costs[3].crossing = 40e9; /* as long as many layers on the way */
    expect_cuts(costs, plenty, 2, 5 * 8, (const uint8_t[]){ 0, 0, 1, 1, 1, 1 });
    costs[0].fixed[0] = 100;
    costs[5].update[1] = 10; /* and to add up three times */
    expect_cuts(costs, plenty, 2, 5 * 102, (const uint8_t[]){ 0, 1, 1, 1, 1, 1 });
}

static void test_what_cannot_be_split_is_refused(void **state) {
    fixture f;
    clade_session *session;
    const clade_split_options options = { .batch = 4 };
    (void)state;
    open_sessions(&f, "lenet", 4, 2, 2);
    assert_int_equal(clade_session_new_split(f.devices, 1, f.p.graph, 0, &options, &session), CLADE_ERROR_ARGUMENT);
    clade_device *const twice[] = { f.devices[0], f.devices[0] };
    assert_int_equal(clade_session_new_split(twice, 2, f.p.graph, 0, &options, &session), CLADE_ERROR_ARGUMENT);
    close_sessions(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradients_of_lenet_are_those_of_one_device),
        cmocka_unit_test(test_gradients_of_alexnet_are_those_of_one_device),
        cmocka_unit_test(test_a_residual_network_goes_over_three_devices),
        cmocka_unit_test(test_states_lie_with_their_layers_and_are_read_and_written_as_one),
        cmocka_unit_test(test_cuts_even_out_times_and_mind_memory_and_ways),
        cmocka_unit_test(test_what_cannot_be_split_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
