#include "train/helpers_team.h"

#include "device/state.h"

#include <math.h>
#include <stdlib.h>

int set_up_team(void **state) {
    void *inner;
    size_t index = 0;
    team_fixture *t = calloc(1, sizeof *t);
    assert_non_null(t);
    if (set_up(&inner) != 0) return -1;
    t->f = inner;
    t->devices[0] = t->f->device;
    assert_good(t->f->context, clade_device_choose(t->f->context, NULL, &index, NULL));
    for (int i = 1; i < TEAM_DEVICES; i++)
        assert_good(t->f->context, clade_device_open(t->f->context, index, &t->devices[i]));
    *state = t;
    return 0;
}

int tear_down_team(void **state) {
    team_fixture *t = *state;
    void *inner = t->f;
    for (int i = 1; i < TEAM_DEVICES; i++)
        clade_device_close(t->devices[i]);
    free(t);
    return tear_down(&inner);
}

static clade_value build(clade_graph *graph, clade_value *label) {
    clade_value image = clade_input(graph, "image", CLADE_F32, clade_shape(CLADE_BATCH, 1, 28, 28));
    *label = clade_input(graph, "label", CLADE_I32, clade_shape(CLADE_BATCH));
    clade_value x = clade_max_pool(image, .kernel = { 4, 4 }, .stride = { 4, 4 });
    x = clade_dropout(clade_tanh(clade_dense(x, .units = 20, .name = "first")), 0.3, "drop");
    return clade_dense(x, .units = 10, .name = "last");
}

/* Lets devices go on that hang, and waits for them. */
static void end_faults(team_fixture *t) {
    for (int i = 0; i < TEAM_DEVICES; i++) {
        clade_device *device = t->devices[i];
        clade_device_release(device);
        if (atomic_load(&device->given_up)) clade_cl_Finish(device->opencl, device->queue);
    }
}

team_outcome *train_team(team_fixture *t, clade_train_options options, bool all_right) {
    team_outcome *o = calloc(1, sizeof *o);
    clade_graph *graph = clade_graph_new(t->f->context);
    clade_trainer *trainer = NULL;
    clade_value label, scores = build(graph, &label);
    assert_non_null(o);
    options.scores = all_right ? clade_one_hot(label, 10) : scores;
    o->status = clade_trainer_new(graph, clade_softmax_cross_entropy(scores, label), &options, &trainer);
    if (o->status == CLADE_OK) o->status = clade_trainer_run(trainer, &o->result);
    if (o->status == CLADE_OK) {
        clade_session *session = clade_trainer_session(trainer);
        assert_good(t->f->context, clade_session_read_state(session, "first.weight", o->weights, 49 * 20));
        assert_good(t->f->context, clade_session_read_state(session, "last.weight", o->weights + 980, 200));
    }
    end_faults(t);
    clade_trainer_free(trainer);
    clade_graph_free(graph);
    return o;
}

clade_train_options team_options(team_fixture *t, size_t devices, const double *shares, const char *folder) {
    clade_train_options options = small_run(t->f, folder);
    options.devices = t->devices;
    options.device_count = devices;
    options.device_shares = shares;
    return options;
}

void expect_close(const team_outcome *a, const team_outcome *b) {
    double apart = 0, whole = 0;
    for (int i = 0; i < TEAM_WEIGHTS; i++) {
        apart += pow((double)a->weights[i] - (double)b->weights[i], 2);
        whole += pow((double)b->weights[i], 2);
    }
    if (!(sqrt(apart / whole) < 1e-5)) fail_msg("the weights are %g apart", sqrt(apart / whole));
    assert_true(fabs(a->result.train_loss - b->result.train_loss) < 1e-5 * b->result.train_loss);
    assert_int_equal(a->result.steps, b->result.steps);
}
