/* Parts of a batch follow the time of the ranks' steps: of two ranks inside one process one is slow, and at the next epoch
 * the other takes most of each batch. What is learnt is what one device learns. */
#include "ranks/helpers.h"

#include "clade/ops.h"
#include "device/state.h"
#include "train/trainer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { BATCH = 32, EPOCHS = 3 };

/* Both ranks have devices of one context: a driver's first launches must not meet (device/commands.c). */
typedef struct course {
    clade_context *context;
    clade_device *devices[2];
    bool unlike; /* the ranks count as unlike */
} course;

/* Kernels of device 1 take a while. */
static void slow_down(void *user, clade_log_level level, const char *line) {
    const course *c = user;
    const char *open = level == CLADE_LOG_DEBUG ? strstr(line, "clEnqueueNDRangeKernel(") : NULL;
    void *queue = NULL;
    if (open && sscanf(strchr(open, '('), "(%p", &queue) == 1 && c->devices[1] && queue == c->devices[1]->queue)
        clade_sleep(0.004);
}

static void open_course(course *c, bool unlike) {
    size_t index = 0;
    *c = (course){ .unlike = unlike };
    c->context = clade_context_new(
        &(clade_context_options){ .size = sizeof(clade_context_options), .log = slow_down, .user = c });
    assert_non_null(c->context);
    assert_good(c->context, clade_device_choose(c->context, NULL, &index, NULL));
    for (int i = 0; i < 2; i++)
        assert_good(c->context, clade_device_open(c->context, index, &c->devices[i]));
    clade_context_opencl(c->context)->trace = true;
}

static void close_course(course *c) {
    for (int i = 0; i < 2; i++)
        clade_device_close(c->devices[i]);
    clade_context_free(c->context);
}

/* A run on DEVICE; its loss, and this rank's samples of a batch at its end. */
static clade_status train(const course *c, clade_device *device, clade_ranks *ranks, double *loss, int64_t *samples) {
    clade_dataset *data = NULL, *test = NULL;
    clade_trainer *trainer = NULL;
    clade_graph *graph = clade_graph_new(c->context);
    const clade_value image = clade_input(graph, "image", CLADE_F32, clade_shape(CLADE_BATCH, 1, 28, 28));
    const clade_value label = clade_input(graph, "label", CLADE_I32, clade_shape(CLADE_BATCH));
    const clade_value hidden = clade_tanh(clade_dense(image, .units = 16, .name = "first"));
    const clade_value scores = clade_dense(hidden, .units = 10, .name = "last");
    clade_status status = clade_dataset_open(c->context, "digits:640,10", &data, &test);
    const clade_train_options options = { .size = sizeof options,
                                          .devices = &device,
                                          .device_count = 1,
                                          .train = data,
                                          .scores = scores,
                                          .batch = BATCH,
                                          .epochs = EPOCHS,
                                          .seed = 7,
                                          .no_held_out = true,
                                          .ranks = ranks };
    if (status == CLADE_OK)
        status = clade_trainer_new(graph, clade_softmax_cross_entropy(scores, label), &options, &trainer);
    if (status == CLADE_OK) {
        clade_train_result result;
        trainer->ranks_unlike = c->unlike;
        status = clade_trainer_run(trainer, &result);
        *loss = result.train_loss;
        *samples = clade_trainer_own_count(trainer, BATCH);
    }
    clade_trainer_free(trainer);
    clade_graph_free(graph);
    clade_dataset_free(data);
    clade_dataset_free(test);
    return status;
}

static void train_rank(rank_run *run) {
    course *c = run->given;
    int64_t samples = 0;
    const clade_status status = train(c, c->devices[run->rank], run->ranks, &run->result[1], &samples);
    run->result[0] = status;
    run->result[2] = (double)samples;
    clade_ranks_leave(run->ranks, status == CLADE_OK);
}

/* The samples that rank 0 takes of a batch in the end. */
static double train_together(bool unlike) {
    course c;
    rank_run runs[MOST_RANKS];
    double loss = 0;
    int64_t all = 0;
    open_course(&c, unlike);
    assert_good(c.context, train(&c, c.devices[0], NULL, &loss, &all));
    run_ranks(2, train_rank, &c, runs);
    for (int i = 0; i < 2; i++)
        if ((clade_status)runs[i].result[0] != CLADE_OK) fail_msg("rank %d: %s", i, clade_error(c.context));
    assert_true(runs[0].result[1] == runs[1].result[1]);
    assert_true(fabs(runs[0].result[1] - loss) < 1e-5 * loss);
    assert_true(runs[0].result[2] + runs[1].result[2] == (double)all);
    close_course(&c);
    return runs[0].result[2];
}

static void test_parts_follow_the_time_of_steps(void **state) {
    (void)state;
    const double samples = train_together(true);
    if (!(samples >= 0.625 * BATCH)) fail_msg("the faster rank has %g of %d samples", samples, BATCH);
}

/* So that the same ranks give the same bits. */
static void test_ranks_with_like_devices_keep_their_parts(void **state) {
    (void)state;
    assert_true(train_together(false) == 0.5 * BATCH);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts_follow_the_time_of_steps),
        cmocka_unit_test(test_ranks_with_like_devices_keep_their_parts),
    };
    return cmocka_run_group_tests_name("parts", tests, NULL, NULL);
}
