/* Several devices train one network: the same samples and draws as one, whatever they take of them; the same bits again;
 * and what becomes of a run that loses some of them on the way. */
#include "train/helpers.h"

#include "device/state.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 3, WEIGHTS = 4096 };

/* The fixture's device and two more handles of it, and a small network with dropout. */
typedef struct team_fixture {
    fixture *f;
    clade_device *devices[MOST];
    cl_event gate; /* what a device was made to wait for; NULL: none does */
} team_fixture;

static int set_up_team(void **state) {
    void *inner;
    size_t index = 0;
    team_fixture *t = calloc(1, sizeof *t);
    assert_non_null(t);
    if (set_up(&inner) != 0) return -1;
    t->f = inner;
    t->devices[0] = t->f->device;
    assert_good(t->f->context, clade_device_choose(t->f->context, NULL, &index, NULL));
    for (int i = 1; i < MOST; i++)
        assert_good(t->f->context, clade_device_open(t->f->context, index, &t->devices[i]));
    *state = t;
    return 0;
}

static int tear_down_team(void **state) {
    team_fixture *t = *state;
    void *inner = t->f;
    for (int i = 1; i < MOST; i++)
        clade_device_close(t->devices[i]);
    free(t);
    return tear_down(&inner);
}

/* What a run left. */
typedef struct outcome {
    clade_status status;
    clade_train_result result;
    float weights[WEIGHTS];
} outcome;

static clade_value build(clade_graph *graph) {
    clade_value image = clade_input(graph, "image", CLADE_F32, clade_shape(CLADE_BATCH, 1, 28, 28));
    clade_value label = clade_input(graph, "label", CLADE_I32, clade_shape(CLADE_BATCH));
    clade_value x = clade_max_pool(image, .kernel = { 4, 4 }, .stride = { 4, 4 });
    x = clade_dropout(clade_tanh(clade_dense(x, .units = 20, .name = "first")), 0.3, "drop");
    return clade_softmax_cross_entropy(clade_dense(x, .units = 10, .name = "last"), label);
}

/* Lets a device go on that waits, and waits for it. */
static void open_gate(team_fixture *t) {
    if (t->gate == NULL) return;
    clade_opencl *opencl = t->devices[1]->opencl;
    clade_cl_SetUserEventStatus(opencl, t->gate, CL_COMPLETE);
    clade_cl_Finish(opencl, t->devices[1]->queue);
    clade_cl_ReleaseEvent(opencl, t->gate);
    t->gate = NULL;
}

static outcome *train_with(team_fixture *t, clade_train_options options) {
    outcome *o = calloc(1, sizeof *o);
    clade_graph *graph = clade_graph_new(t->f->context);
    clade_trainer *trainer = NULL;
    assert_non_null(o);
    o->status = clade_trainer_new(graph, build(graph), &options, &trainer);
    if (o->status == CLADE_OK) o->status = clade_trainer_run(trainer, &o->result);
    if (o->status == CLADE_OK) {
        clade_session *session = clade_trainer_session(trainer);
        assert_good(t->f->context, clade_session_read_state(session, "first.weight", o->weights, 49 * 20));
        assert_good(t->f->context, clade_session_read_state(session, "last.weight", o->weights + 980, 200));
    }
    open_gate(t);
    clade_trainer_free(trainer);
    clade_graph_free(graph);
    return o;
}

static clade_train_options options_for(team_fixture *t, size_t devices, const double *shares, const char *folder) {
    clade_train_options options = small_run(t->f, folder);
    options.devices = t->devices;
    options.device_count = devices;
    options.device_shares = shares;
    return options;
}

static void expect_close(const outcome *a, const outcome *b) {
    double apart = 0, whole = 0;
    for (int i = 0; i < WEIGHTS; i++) {
        apart += pow((double)a->weights[i] - (double)b->weights[i], 2);
        whole += pow((double)b->weights[i], 2);
    }
    if (!(sqrt(apart / whole) < 1e-5)) fail_msg("the weights are %g apart", sqrt(apart / whole));
    assert_true(fabs(a->result.train_loss - b->result.train_loss) < 1e-5 * b->result.train_loss);
    assert_int_equal(a->result.steps, b->result.steps);
}

static const double shares[] = { 3, 1, 2 };

/* ---- the numbers ---- */

static void test_several_devices_train_as_one_does(void **state) {
    team_fixture *t = *state;
    outcome *one = train_with(t, options_for(t, 1, NULL, NULL));
    for (size_t devices = 2; devices <= MOST; devices++) {
        outcome *several = train_with(t, options_for(t, devices, shares, NULL));
        assert_good(t->f->context, several->status);
        expect_close(several, one);
        assert_true(fabs(several->result.val_loss - one->result.val_loss) < 1e-5);
        assert_int_equal(several->result.device_count, devices);
        int64_t samples = 0;
        for (size_t i = 0; i < devices; i++)
            samples += several->result.devices[i].samples;
        assert_int_equal(samples, 56);
        free(several);
    }
    free(one);
}

static void test_accumulated_batches_train_as_on_one_device(void **state) {
    team_fixture *t = *state;
    clade_train_options options = options_for(t, 1, NULL, NULL);
    options.accumulate = 3;
    options.clip_norm = 0.5;
    outcome *one = train_with(t, options);
    options.device_count = 3;
    options.device_shares = shares;
    outcome *several = train_with(t, options);
    assert_good(t->f->context, several->status);
    expect_close(several, one);
    free(several);
    free(one);
}

/* 540 samples in batches of 537: of the last batch of three, some devices get one sample, and with 3 of 2 none. */
static void test_a_batch_smaller_than_the_team(void **state) {
    team_fixture *t = *state;
    for (int64_t batch = 538; batch <= 539; batch++) {
        clade_train_options options = options_for(t, 1, NULL, NULL);
        options.batch = batch;
        outcome *one = train_with(t, options);
        options.device_count = 3;
        options.device_shares = shares;
        outcome *several = train_with(t, options);
        assert_good(t->f->context, several->status);
        expect_close(several, one);
        free(several);
        free(one);
    }
}

static bool stop_at(void *user) {
    int *left = user;
    return --*left == 0;
}

static void test_the_same_devices_give_the_same_bits_and_so_does_a_resumed_run(void **state) {
    team_fixture *t = *state;
    outcome *first = train_with(t, options_for(t, 2, shares, NULL));
    outcome *second = train_with(t, options_for(t, 2, shares, NULL));
    assert_string_equal(first->result.weights_sha256, second->result.weights_sha256);
    assert_true(first->result.train_loss == second->result.train_loss);
    char *folder = path_in(t->f, "broken");
    int left = 13;
    clade_train_options options = options_for(t, 2, shares, folder);
    options.should_stop = stop_at;
    options.user = &left;
    outcome *broken = train_with(t, options);
    assert_int_equal(broken->status, CLADE_ERROR_INTERRUPTED);
    options.should_stop = NULL;
    options.resume = true;
    outcome *resumed = train_with(t, options);
    assert_good(t->f->context, resumed->status);
    assert_int_equal(resumed->result.resumed_from, 13);
    assert_string_equal(resumed->result.weights_sha256, first->result.weights_sha256);
    free(folder);
    free(first);
    free(second);
    free(broken);
    free(resumed);
}

/* What two devices began one can finish. */
static void test_a_run_goes_on_with_fewer_devices(void **state) {
    team_fixture *t = *state;
    outcome *whole = train_with(t, options_for(t, 1, NULL, NULL));
    char *folder = path_in(t->f, "fewer");
    int left = 13;
    clade_train_options options = options_for(t, 2, shares, folder);
    options.should_stop = stop_at;
    options.user = &left;
    outcome *broken = train_with(t, options);
    assert_int_equal(broken->status, CLADE_ERROR_INTERRUPTED);
    options = options_for(t, 1, NULL, folder);
    options.resume = true;
    outcome *resumed = train_with(t, options);
    assert_good(t->f->context, resumed->status);
    expect_close(resumed, whole);
    free(folder);
    free(whole);
    free(broken);
    free(resumed);
}

/* ---- losses ---- */

typedef struct injection {
    clade_context *context;
    int steps, at;
    uint64_t nth;
} injection;

/* At step AT the Nth OpenCL call from then on fails. */
static bool inject(void *user) {
    injection *i = user;
    if (++i->steps == i->at) clade_opencl_fail_at(clade_context_opencl(i->context), i->nth, CL_OUT_OF_RESOURCES);
    return false;
}

static void test_a_run_that_loses_a_device_ends_as_if_it_had_not(void **state) {
    team_fixture *t = *state;
    clade_train_options options = options_for(t, 2, shares, NULL);
    outcome *whole = train_with(t, options);
    int losses = 0;
    for (uint64_t nth = 1; nth < 400; nth += nth < 40 ? 1 : 7) {
        injection i = { .context = t->f->context, .at = 3, .nth = nth };
        options.should_stop = inject;
        options.user = &i;
        outcome *broken = train_with(t, options);
        clade_opencl_fail_at(clade_context_opencl(t->f->context), 0, CL_SUCCESS);
        if (broken->status != CLADE_OK) fail_msg("call %d: %s", (int)nth, clade_error(t->f->context));
        expect_close(broken, whole);
        losses += broken->result.devices[0].losses + broken->result.devices[1].losses;
        free(broken);
    }
    assert_true(losses > 40);
    free(whole);
}

typedef struct hanging {
    team_fixture *t;
    int steps;
} hanging;

/* At the third step device 1 stops answering: everything enqueued from now on waits. */
static bool hang(void *user) {
    hanging *h = user;
    clade_device *device = h->t->devices[1];
    cl_int code = CL_SUCCESS;
    if (++h->steps != 3) return false;
    h->t->gate = clade_cl_CreateUserEvent(device->opencl, device->cl_context, &code);
    assert_int_equal(code, CL_SUCCESS);
    assert_int_equal(clade_cl_EnqueueMarkerWithWaitList(device->opencl, device->queue, 1, &h->t->gate, NULL),
                     CL_SUCCESS);
    return false;
}

static void test_a_device_that_hangs_is_left_behind(void **state) {
    team_fixture *t = *state;
    clade_train_options options = options_for(t, 3, shares, NULL);
    outcome *whole = train_with(t, options);
    hanging h = { .t = t };
    options.device_seconds = 2; /* of a busy machine's other devices, too */
    options.should_stop = hang;
    options.user = &h;
    outcome *left = train_with(t, options);
    assert_good(t->f->context, left->status);
    expect_close(left, whole);
    assert_int_equal(left->result.devices[1].samples, 0);
    assert_int_equal(left->result.devices[1].losses, 1);
    assert_non_null(strstr(t->f->log, "is lost at step"));
    free(whole);
    free(left);
}

int main(void) {
#define WITH_TEAM(TEST) cmocka_unit_test_setup_teardown(TEST, set_up_team, tear_down_team)
    const struct CMUnitTest tests[] = {
        WITH_TEAM(test_several_devices_train_as_one_does),
        WITH_TEAM(test_accumulated_batches_train_as_on_one_device),
        WITH_TEAM(test_a_batch_smaller_than_the_team),
        WITH_TEAM(test_the_same_devices_give_the_same_bits_and_so_does_a_resumed_run),
        WITH_TEAM(test_a_run_goes_on_with_fewer_devices),
        WITH_TEAM(test_a_run_that_loses_a_device_ends_as_if_it_had_not),
        WITH_TEAM(test_a_device_that_hangs_is_left_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
