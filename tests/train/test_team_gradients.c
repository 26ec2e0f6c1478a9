/* Gradients over several devices are those of one: the sums are what the host sums in double, and with batch norm over all
 * samples they are the whole batch's, in whatever parts the devices take it. */
#include "train/helpers.h"

#include "base/random.h"
#include "base/thread.h"
#include "device/group.h"
#include "exec/plan.h"
#include "passes/passes.h"
#include "train/shares.h"
#include "train/sum_over_devices.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 5, BATCH = 13 };

/* A model's graph with its gradients, and a batch. */
typedef struct problem {
    fixture *f;
    clade_graph *graph;
    clade_feed feed, summed;
    clade_trained trained;
    int64_t pixels;
    float *images;
    int32_t labels[BATCH];
} problem;

/* One device's part in it. */
typedef struct part {
    const problem *p;
    clade_device *device;
    int64_t first, count;
    double *own, *sums; /* gradients, side by side: of the device, and over all */
    float loss, correct;
    clade_status status;
} part;

static void pose(fixture *f, const char *name, problem *p) {
    const clade_model *model = clade_model_find(name);
    assert_non_null(model);
    *p = (problem){ .f = f, .graph = clade_graph_new(f->context) };
    const int64_t *size = model->image;
    p->pixels = size[0] * size[1] * size[2];
    p->feed.image = clade_input(p->graph, "image", CLADE_F32, clade_shape(CLADE_BATCH, size[0], size[1], size[2]));
    p->feed.label = clade_input(p->graph, "label", CLADE_I32, clade_shape(CLADE_BATCH));
    clade_model_values values = model->build(p->feed.image, p->feed.label);
    p->feed.loss = values.loss;
    p->feed.correct = clade_count_correct(values.scores, p->feed.label);
    const clade_optimizer plain = { .kind = CLADE_SGD };
    assert_good(f->context, clade_optimizer_find(&plain, values.loss, clade_device_share(p->graph), &p->trained));
    assert_good(f->context, clade_sum_over_devices(&p->feed, &p->summed, &p->trained));
    p->images = calloc((size_t)(BATCH * p->pixels), sizeof *p->images);
    assert_non_null(p->images);
    for (int i = 0; i < BATCH; i++)
        p->labels[i] = 3 * i % 10;
}

static void draw_images(problem *p, uint64_t seed) {
    clade_random random = clade_random_stream(seed, "images", 0);
    for (int64_t i = 0; i < BATCH * p->pixels; i++)
        p->images[i] = (float)clade_random_uniform(&random);
}

static void withdraw(problem *p) {
    clade_trained_free(p->f->context, &p->trained);
    clade_graph_free(p->graph);
    free(p->images);
}

static clade_status read_all(const part *part, const clade_plan *plan, size_t first, double *out) {
    clade_status status = CLADE_OK;
    float *numbers = calloc((size_t)part->p->trained.parameters, sizeof *numbers);
    for (size_t i = 0; i < part->p->trained.count && status == CLADE_OK; i++) {
        const clade_buffer *buffer = clade_plan_target(plan, first + i);
        status = clade_buffer_read(buffer, 0, numbers, buffer->bytes);
        for (size_t k = 0; k < buffer->bytes / sizeof *numbers; k++)
            *out++ = (double)numbers[k];
    }
    free(numbers);
    return status;
}

/* The device's own gradients, the sums, loss and correct count of its part. */
static clade_status run_part(part *part, clade_session *session) {
    const problem *p = part->p;
    const size_t count = p->trained.count, pixels = (size_t)p->pixels;
    clade_value *targets = calloc(2 * count + 2, sizeof *targets);
    memcpy(targets, p->trained.gradients, count * sizeof *targets);
    memcpy(targets + count, p->trained.sums, count * sizeof *targets);
    targets[2 * count] = p->summed.loss;
    targets[2 * count + 1] = p->summed.correct;
    clade_plan *plan;
    clade_status status = clade_session_plan(
        session,
        &(clade_plan_request){ .targets = targets, .target_count = 2 * count + 2, .binding = { .batch = part->count } },
        &plan);
    free(targets);
    if (status == CLADE_OK)
        status = clade_session_set_scalar(session, CLADE_DEVICE_SHARE, (float)part->count / (float)BATCH);
    if (status == CLADE_OK)
        status = clade_buffer_write(clade_plan_input(plan, p->feed.image), 0, p->images + (size_t)part->first * pixels,
                                    (size_t)part->count * pixels * sizeof(float));
    if (status == CLADE_OK)
        status = clade_buffer_write(clade_plan_input(plan, p->feed.label), 0, p->labels + part->first,
                                    (size_t)part->count * sizeof *p->labels);
    if (status == CLADE_OK) status = clade_plan_enqueue(plan);
    if (status == CLADE_OK) status = read_all(part, plan, 0, part->own);
    if (status == CLADE_OK) status = read_all(part, plan, count, part->sums);
    if (status == CLADE_OK)
        status = clade_buffer_read(clade_plan_target(plan, 2 * count), 0, &part->loss, sizeof part->loss);
    if (status == CLADE_OK)
        status = clade_buffer_read(clade_plan_target(plan, 2 * count + 1), 0, &part->correct, sizeof part->correct);
    return status;
}

static void *work(void *argument) {
    part *part = argument;
    clade_session *session;
    part->status = clade_session_new(part->device, part->p->graph, 3, &session);
    if (part->status == CLADE_OK) clade_session_sync_batch_norm(session);
    if (part->status == CLADE_OK) part->status = run_part(part, session);
    clade_session_free(session);
    return NULL;
}

/* The norm of A - B as a share of B's. */
static double difference(const double *a, const double *b, int64_t count) {
    double apart = 0, whole = 0;
    for (int64_t i = 0; i < count; i++) {
        apart += (a[i] - b[i]) * (a[i] - b[i]);
        whole += b[i] * b[i];
    }
    return sqrt(apart / whole);
}

static void open_part(const problem *p, part *part) {
    const size_t numbers = (size_t)p->trained.parameters;
    *part = (struct part){ .p = p, .own = calloc(numbers, sizeof(double)), .sums = calloc(numbers, sizeof(double)) };
    assert_non_null(part->own);
    assert_non_null(part->sums);
    size_t index = 0;
    assert_good(p->f->context, clade_device_choose(p->f->context, NULL, &index, NULL));
    assert_good(p->f->context, clade_device_open(p->f->context, index, &part->device));
}

static void close_part(part *part) {
    clade_device_close(part->device);
    free(part->own);
    free(part->sums);
}

static void run_together(const problem *p, const double *weights, size_t count, part *parts) {
    clade_context *context = p->f->context;
    clade_group *group;
    clade_thread threads[MOST];
    int64_t samples[MOST], first = 0;
    clade_shares_divide(BATCH, weights, count, samples);
    assert_good(context, clade_group_new(context, count, &group));
    for (size_t i = 0; i < count; first += samples[i++]) {
        open_part(p, &parts[i]);
        parts[i].first = first;
        parts[i].count = samples[i];
        assert_good(context, clade_device_join(parts[i].device, group, i));
    }
    for (size_t i = 0; i < count; i++)
        assert_good(context, clade_thread_start(context, &threads[i], work, &parts[i]));
    for (size_t i = 0; i < count; i++)
        clade_thread_join(&threads[i]);
    for (size_t i = 0; i < count; i++) {
        assert_good(context, parts[i].status);
        assert_good(context, clade_device_join(parts[i].device, NULL, 0));
    }
    clade_group_free(group);
}

/* How far the gradients of COUNT devices are from those of one. */
static double compare_with_one(const problem *p, const part *alone, const double *weights, size_t count) {
    const int64_t numbers = p->trained.parameters;
    part parts[MOST];
    run_together(p, weights, count, parts);
    double *host = calloc((size_t)numbers, sizeof *host);
    assert_non_null(host);
    for (size_t i = 0; i < count; i++)
        for (int64_t k = 0; k < numbers; k++)
            host[k] += parts[i].own[k];
    const double rounding = difference(parts[0].sums, host, numbers);
    const double apart = difference(parts[0].sums, alone->own, numbers);
    if (!(rounding < 1e-7)) fail_msg("%zu devices: the sums are %g from the host's", count, rounding);
    for (size_t i = 0; i < count; i++) {
        assert_memory_equal(parts[i].sums, parts[0].sums, (size_t)numbers * sizeof *host);
        assert_true(fabsf(parts[i].loss - alone->loss) < 1e-5f * alone->loss);
        assert_true(parts[i].correct == alone->correct);
    }
    for (size_t i = 0; i < count; i++)
        close_part(&parts[i]);
    free(host);
    print_message("%zu devices: %.2g from the host's sums, %.2g from one device\n", count, rounding, apart);
    return apart;
}

/* Rounding may take an activation to the other side of a ReLU's kink, which changes gradients by more than rounding, with
 * one device too: of some draws of the images one without that is enough. */
static void expect_gradients(fixture *f, const char *model, size_t count, double tolerance) {
    static const double weights[] = { 5, 2, 1, 3, 0.5 };
    enum { DRAWS = 8 };
    problem p;
    double least = 1;
    pose(f, model, &p);
    for (uint64_t draw = 0; draw < DRAWS && !(least < tolerance); draw++) {
        part alone;
        draw_images(&p, draw);
        open_part(&p, &alone);
        alone.count = BATCH;
        work(&alone);
        assert_good(f->context, alone.status);
        least = compare_with_one(&p, &alone, weights, count);
        close_part(&alone);
    }
    withdraw(&p);
    if (!(least < tolerance)) fail_msg("%s on %zu devices: %g from one device's gradients", model, count, least);
}

static void test_gradients_of_lenet_are_those_of_one_device(void **state) {
    for (size_t count = 2; count <= MOST; count++)
        expect_gradients(*state, "lenet", count, 2e-6);
}

static void test_gradients_of_resnet20_are_those_of_one_device(void **state) {
    expect_gradients(*state, "resnet20", 3, 5e-6);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_gradients_of_lenet_are_those_of_one_device, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_gradients_of_resnet20_are_those_of_one_device, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
