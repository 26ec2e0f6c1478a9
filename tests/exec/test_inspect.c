/* What inspecting reports: layers of a graph, counted steps, phases and traces. No time is judged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "clade/clade.h"
#include "exec/inspect.h"

static int set_up(void **state) {
    *state = clade_context_new(NULL);
    return *state == NULL;
}

static int tear_down(void **state) {
    clade_context_free(*state);
    return 0;
}

/* ---- summary ---- */

static const clade_layer *layer_named(const clade_summary *summary, const char *name) {
    for (size_t i = 0; i < summary->layer_count; i++)
        if (strcmp(summary->layers[i].name, name) == 0) return &summary->layers[i];
    fail_msg("no layer %s", name);
    return NULL;
}

/* Deck 004: 400 features of 8x8 over 96x96 images are (96 - 8 + 1)^2 * 400 = 3,168,400 activations. */
static void test_96x96_image_with_400_features_has_3168400_activations(void **state) {
    clade_graph *graph = clade_graph_new(*state);
    clade_value x = clade_input(graph, "image", CLADE_F32, clade_shape(CLADE_BATCH, 1, 96, 96));
    x = clade_conv2d(x, .filters = 400, .kernel = { 8, 8 }, .name = "features");
    clade_summary *summary = NULL;
    assert_int_equal(clade_summary_new(x, 1, &summary), CLADE_OK);
    assert_int_equal(summary->layer_count, 1);
    const clade_layer *layer = layer_named(summary, "features");
    assert_int_equal(layer->activation_bytes / 4, 3168400);
    assert_int_equal(layer->parameters, 400 * 64 + 400);
    assert_true(layer->multiply_adds == 3168400.0 * 64);
    clade_summary_free(summary);
    clade_graph_free(graph);
}

/* Deck 002: a convolution of K and a pooling of P see K + P - 1 together, and each later pixel steps by the strides. */
static void test_receptive_field_follows_strides_and_dilation(void **state) {
    clade_graph *graph = clade_graph_new(*state);
    clade_value x = clade_input(graph, "image", CLADE_F32, clade_shape(CLADE_BATCH, 1, 40, 40));
    x = clade_conv2d(x, .filters = 2, .kernel = { 5, 3 }, .name = "a");
    x = clade_max_pool(x, .kernel = { 2, 2 }, .name = "p");
    x = clade_conv2d(x, .filters = 2, .kernel = { 3, 3 }, .stride = { 2, 1 }, .dilation = { 2, 1 }, .name = "b");
    x = clade_relu(x);
    x = clade_conv2d(x, .filters = 2, .kernel = { 3, 3 }, .name = "c");
    x = clade_dense(x, .units = 3, .name = "d");
    clade_summary *summary = NULL;
    assert_int_equal(clade_summary_new(x, 7, &summary), CLADE_OK);
    static const struct {
        const char *name;
        int64_t height, width;
    } expected[] = { { "a", 5, 3 }, { "p", 6, 4 }, { "b", 14, 8 }, { "c", 22, 12 }, { "d", 0, 0 } };
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        const clade_layer *layer = layer_named(summary, expected[i].name);
        assert_int_equal(layer->receptive_field[0], expected[i].height);
        assert_int_equal(layer->receptive_field[1], expected[i].width);
        assert_int_equal(layer->output.size[0], 7);
    }
    clade_summary_free(summary);
    clade_graph_free(graph);
}

static void test_weights_used_twice_count_once(void **state) {
    clade_graph *graph = clade_graph_new(*state);
    clade_value x = clade_input(graph, "x", CLADE_F32, clade_shape(CLADE_BATCH, 6));
    clade_value w = clade_state(graph, "w", clade_shape(6, 6), CLADE_ROLE_WEIGHT, (clade_initializer){ 0 });
    x = clade_matmul(clade_matmul(x, w, false, false), w, false, false);
    clade_summary *summary = NULL;
    assert_int_equal(clade_summary_new(x, 1, &summary), CLADE_OK);
    assert_int_equal(summary->parameters, 36);
    assert_true(summary->multiply_adds == 72);
    clade_summary_free(summary);
    clade_graph_free(graph);
}

static void test_summary_of_an_invalid_value_gives_its_fault(void **state) {
    clade_graph *graph = clade_graph_new(*state);
    clade_value x = clade_input(graph, "x", CLADE_F32, clade_shape(CLADE_BATCH, 1, 4, 4));
    x = clade_conv2d(x, .filters = 2, .kernel = { 9, 9 });
    clade_summary *summary = NULL;
    assert_int_equal(clade_summary_new(x, 1, &summary), CLADE_ERROR_ARGUMENT);
    assert_null(summary);
    clade_graph_free(graph);
}

/* ---- bench ---- */

typedef struct counter {
    int64_t calls, fails_at;
} counter;

static clade_status count_call(void *user) {
    counter *c = user;
    return ++c->calls == c->fails_at ? CLADE_ERROR_DEVICE : CLADE_OK;
}

static void test_bench_takes_exactly_the_steps_asked_for(void **state) {
    counter c = { 0 };
    clade_times times;
    const clade_bench_options options = { .size = sizeof options, .steps = 7 };
    assert_int_equal(clade_bench(*state, count_call, &c, &options, &times), CLADE_OK);
    assert_int_equal(times.steps, 7);
    assert_int_equal(c.calls, 7 + 3);
    assert_true(times.min >= 0 && times.min <= times.median);
}

static void test_bench_takes_five_steps_however_short_the_time(void **state) {
    counter c = { 0 };
    clade_times times;
    const clade_bench_options options = { .size = sizeof options, .seconds = 1e-9 };
    assert_int_equal(clade_bench(*state, count_call, &c, &options, &times), CLADE_OK);
    assert_int_equal(times.steps, 5);
}

static void test_bench_stops_at_a_failing_step(void **state) {
    clade_times times;
    const clade_bench_options options = { .size = sizeof options, .steps = 7 };
    for (int64_t at = 1; at <= 10; at++) {
        counter c = { .fails_at = at };
        assert_int_equal(clade_bench(*state, count_call, &c, &options, &times), CLADE_ERROR_DEVICE);
        assert_int_equal(c.calls, at);
    }
}

static void test_median_is_the_middle_one(void **state) {
    (void)state;
    double odd[] = { 5, 1, 3 }, even[] = { 4, 1, 3, 2 };
    assert_true(clade_median(odd, 3) == 3);
    assert_true(clade_median(even, 4) == 3);
}

/* ---- profile and explain: on whatever device is the default ---- */

typedef struct step {
    clade_device *device;
    clade_graph *graph;
    clade_session *session;
    float images[4 * 36];
    int32_t labels[4];
    clade_binding_array feeds[2], fetch;
    clade_run_options run;
} step;

static void open_step(clade_context *context, step *s) {
    *s = (step){ .graph = clade_graph_new(context) };
    clade_device_pick pick = { .parts = 1 };
    assert_int_equal(clade_device_choose(context, NULL, &pick.index, NULL), CLADE_OK);
    assert_int_equal(clade_device_open_profiled(context, &pick, &s->device), CLADE_OK);
    clade_value image = clade_input(s->graph, "image", CLADE_F32, clade_shape(CLADE_BATCH, 1, 6, 6));
    clade_value label = clade_input(s->graph, "label", CLADE_I32, clade_shape(CLADE_BATCH));
    clade_value x = clade_relu(clade_dense(image, .units = 5, .name = "one"));
    clade_value loss = clade_mean(clade_softmax_cross_entropy(clade_dense(x, .units = 3, .name = "two"), label),
                                  CLADE_ALL_AXES, false);
    const clade_train_options options = { .size = sizeof options, .momentum = 0.9, .rate = 0.1 };
    assert_int_equal(clade_optimize(loss, &options), CLADE_OK);
    assert_int_equal(clade_session_new(s->device, s->graph, 0, &s->session), CLADE_OK);
    assert_int_equal(clade_optimize_step(s->session, &options, 0), CLADE_OK);
    s->feeds[0] = (clade_binding_array){ image, s->images, 4 * 36 };
    s->feeds[1] = (clade_binding_array){ label, s->labels, 4 };
    s->fetch = (clade_binding_array){ .value = loss };
    s->run = (clade_run_options){ .size = sizeof s->run,
                                  .batch = 4,
                                  .feeds = s->feeds,
                                  .feed_count = 2,
                                  .fetches = &s->fetch,
                                  .fetch_count = 1,
                                  .updates = true };
}

static void close_step(step *s) {
    clade_session_free(s->session);
    clade_graph_free(s->graph);
    clade_device_close(s->device);
}

/* That the track of kernels has the profile's rows, each beginning where the one before ends, and no other event lies
 * outside of them. */
static void assert_kernels_follow_each_other(const cJSON *events, const clade_profile *profile) {
    const double microsecond = 1e6, rounding = 0.002;
    double at = 0;
    size_t row = 0;
    const cJSON *event;
    cJSON_ArrayForEach(event, events) {
        const char *kind = cJSON_GetObjectItem(event, "ph")->valuestring;
        if (strcmp(kind, "X") != 0) {
            assert_string_equal(kind, "M"); /* names of tracks */
            continue;
        }
        double start = cJSON_GetObjectItem(event, "ts")->valuedouble,
               length = cJSON_GetObjectItem(event, "dur")->valuedouble;
        assert_true(start + length <= profile->seconds * microsecond + rounding * (double)profile->row_count);
        if (!cJSON_HasObjectItem(event, "args")) continue; /* a phase or a layer */
        assert_true(row < profile->row_count);
        assert_string_equal(cJSON_GetObjectItem(event, "name")->valuestring, profile->rows[row].label);
        assert_string_equal(cJSON_GetObjectItem(event, "cat")->valuestring, clade_phase_name(profile->rows[row].phase));
        assert_true(start > at - rounding && start < at + rounding);
        at += profile->rows[row++].seconds * microsecond;
    }
    assert_int_equal(row, profile->row_count);
}

static void test_profile_adds_up_by_layer(void **state) {
    step s;
    open_step(*state, &s);
    clade_profile *profile = NULL;
    assert_int_equal(clade_profile_new(s.session, &s.run, 1, &profile), CLADE_OK);
    double seconds = 0;
    bool found[2] = { false };
    for (size_t i = 0; i < profile->layer_count; i++) {
        const clade_profile_layer *layer = &profile->layers[i];
        double sum = 0, flops = 0;
        for (size_t r = 0; r < profile->row_count; r++)
            if (strcmp(profile->rows[r].layer, layer->name) == 0) {
                sum += profile->rows[r].seconds;
                flops += profile->rows[r].flops;
            }
        assert_true(fabs(sum - layer->seconds) <= 1e-9 * profile->seconds);
        assert_true(fabs(flops - layer->flops) <= 1e-9 * flops);
        seconds += layer->seconds;
        int dense = strcmp(layer->name, "one") == 0 ? 0 : strcmp(layer->name, "two") == 0 ? 1 : -1;
        if (dense < 0) continue;
        assert_false(found[dense]);
        found[dense] = true;
        for (int phase = 0; phase < CLADE_PHASE_COUNT; phase++)
            assert_true(layer->phase_seconds[phase] > 0);
    }
    assert_true(found[0] && found[1]);
    assert_true(fabs(seconds - profile->seconds) <= 1e-9 * profile->seconds);
    clade_profile_free(profile);
    close_step(&s);
}

static void test_profile_has_all_phases_and_a_readable_trace(void **state) {
    step s;
    open_step(*state, &s);
    clade_profile *profile = NULL;
    assert_int_equal(clade_profile_new(s.session, &s.run, 2, &profile), CLADE_OK);
    assert_true(profile->row_count > 0);
    size_t rows[CLADE_PHASE_COUNT] = { 0 };
    double sum = 0;
    for (size_t i = 0; i < profile->row_count; i++) {
        rows[profile->rows[i].phase]++;
        sum += profile->rows[i].seconds;
    }
    for (int phase = 0; phase < CLADE_PHASE_COUNT; phase++)
        assert_true(rows[phase] > 0);
    assert_true(sum > profile->seconds * 0.999 && sum < profile->seconds * 1.001);

    assert_int_equal(clade_profile_write_trace(*state, profile, "inspect-trace.json"), CLADE_OK);
    char *text = NULL;
    size_t bytes = 0;
    assert_int_equal(clade_file_read(*state, "inspect-trace.json", 1 << 20, &text, &bytes), CLADE_OK);
    cJSON *trace = cJSON_Parse(text);
    assert_non_null(trace);
    assert_kernels_follow_each_other(cJSON_GetObjectItem(trace, "traceEvents"), profile);
    cJSON_Delete(trace);
    clade_free(*state, text);
    clade_profile_free(profile);
    close_step(&s);
}

static void test_explain_prints_the_part_asked_for(void **state) {
    step s;
    open_step(*state, &s);
    for (size_t i = 0; clade_explain_part(i) != NULL; i++) {
        const char *part = clade_explain_part(i);
        clade_explain_options options = { .size = sizeof options, .pass = part, .batch = 4 };
        options.inference = strcmp(part, "inference") == 0 || strcmp(part, "fold") == 0;
        char *text = NULL, title[64];
        assert_int_equal(clade_explain(s.session, &s.fetch.value, 1, &options, &text), CLADE_OK);
        snprintf(title, sizeof title, "== %s", part);
        assert_memory_equal(text, title, strlen(title));
        assert_null(strstr(text + 1, "\n== "));
        clade_text_release(*state, text);
    }
    close_step(&s);
}

static void test_bench_run_moves_the_weights(void **state) {
    step s;
    open_step(*state, &s);
    float before[15], after[15];
    const clade_bench_options options = { .size = sizeof options, .steps = 2 };
    clade_bench_result result;
    for (int i = 0; i < 4 * 36; i++)
        s.images[i] = (float)i / 144.0f;
    assert_int_equal(clade_session_read_state(s.session, "two.weight", before, 15), CLADE_OK);
    assert_int_equal(clade_bench_run(s.session, &s.run, &options, &result), CLADE_OK);
    assert_int_equal(clade_session_read_state(s.session, "two.weight", after, 15), CLADE_OK);
    assert_memory_not_equal(before, after, sizeof before);
    assert_true(strlen(result.implementation) > 0);
    assert_int_equal(clade_session_parameter_count(s.session), 36 * 5 + 5 + 5 * 3 + 3);
    close_step(&s);
}

static void test_memory_limit_refuses_what_is_above_it(void **state) {
    clade_context *context = *state;
    clade_device *device = NULL;
    size_t index = 0;
    assert_int_equal(clade_device_choose(context, NULL, &index, NULL), CLADE_OK);
    assert_int_equal(clade_device_open(context, index, &device), CLADE_OK);
    clade_buffer buffer;
    clade_device_limit_memory(device, 4096);
    assert_int_equal(clade_buffer_new(device, 4097, "more", &buffer), CLADE_ERROR_MEMORY);
    assert_non_null(strstr(clade_error(context), "4 KiB allowed"));
    assert_int_equal(clade_buffer_new(device, 4096, "as much", &buffer), CLADE_OK);
    clade_buffer_free(&buffer);
    clade_device_limit_memory(device, 0);
    assert_int_equal(clade_buffer_new(device, 8192, "no limit", &buffer), CLADE_OK);
    clade_buffer_free(&buffer);
    clade_device_close(device);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_96x96_image_with_400_features_has_3168400_activations, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_receptive_field_follows_strides_and_dilation, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_weights_used_twice_count_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_summary_of_an_invalid_value_gives_its_fault, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bench_takes_exactly_the_steps_asked_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bench_takes_five_steps_however_short_the_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bench_stops_at_a_failing_step, set_up, tear_down),
        cmocka_unit_test(test_median_is_the_middle_one),
        cmocka_unit_test_setup_teardown(test_profile_adds_up_by_layer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_profile_has_all_phases_and_a_readable_trace, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_explain_prints_the_part_asked_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bench_run_moves_the_weights, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_memory_limit_refuses_what_is_above_it, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
