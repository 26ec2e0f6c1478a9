/* Gradients over several devices are those of one, in whatever parts the devices take the batch, batch norm being over all
 * samples; against the sums of the devices' own gradients, added in double on the host, against one device, and against the
 * references in double (support/gradients.h). The same devices give the same bits. */
#include "train/helpers.h"

#include "support/gradients.h"

#include "base/thread.h"
#include "device/group.h"
#include "train/shares.h"

#include <stdlib.h>
#include <string.h>

enum { MOST = 5, DRAWS = 8 };

/* ---- several devices ---- */

/* Unequal shares of COUNT devices. */
static void run_together(const gradient_judge *judge, size_t count, gradient_part *parts) {
    static const double weights[MOST] = { 5, 2, 1, 3, 0.5 };
    clade_context *context = judge->p.context;
    clade_group *group;
    clade_thread threads[MOST];
    int64_t samples[MOST], first = 0;
    size_t index = 0;
    clade_shares_divide(judge->p.batch, weights, count, samples);
    assert_good(context, clade_group_new(context, count, &group));
    assert_good(context, clade_device_choose(context, NULL, &index, NULL));
    for (size_t i = 0; i < count; first += samples[i++]) {
        clade_device *device;
        assert_good(context, clade_device_open(context, index, &device));
        assert_good(context, clade_device_join(device, group, i));
        gradient_part_make(&judge->p, device, first, samples[i], &parts[i]);
    }
    for (size_t i = 0; i < count; i++)
        assert_good(context, clade_thread_start(context, &threads[i], gradient_part_run, &parts[i]));
    for (size_t i = 0; i < count; i++)
        clade_thread_join(&threads[i]);
    for (size_t i = 0; i < count; i++) {
        assert_good(context, parts[i].status);
        assert_good(context, clade_device_join(parts[i].device, NULL, 0));
    }
    clade_group_free(group);
}

static void free_parts(gradient_part *parts, size_t count) {
    for (size_t i = 0; i < count; i++) {
        clade_device_close(parts[i].device);
        gradient_part_free(&parts[i]);
    }
}

static void expect_same_bits_again(const gradient_judge *judge, const gradient_part *parts, size_t count) {
    gradient_part again[MOST];
    run_together(judge, count, again);
    assert_memory_equal(again[0].sums, parts[0].sums, (size_t)judge->p.trained.parameters * sizeof *again[0].sums);
    free_parts(again, count);
}

/* Whether this draw counted. */
static bool expect_gradient_of_one(const gradient_judge *judge, size_t count) {
    gradient_part parts[MOST];
    run_together(judge, count, parts);
    const gradient_verdict verdict = gradient_judge_parts(judge, "devices", parts, count);
    if (verdict.alike) expect_same_bits_again(judge, parts, count);
    free_parts(parts, count);
    return verdict.alike;
}

static void expect_gradients(fixture *f, const char *model, int64_t batch) {
    static const size_t counts[] = { 2, 3, 5 };
    bool counted[3] = { false };
    gradient_judge judge;
    gradient_judge_open(f->context, model, batch, &judge);
    for (uint64_t seed = 0; seed < DRAWS && !(counted[0] && counted[1] && counted[2]); seed++) {
        gradient_judge_draw(&judge, seed);
        for (int i = 0; i < 3; i++)
            if (!counted[i]) counted[i] = expect_gradient_of_one(&judge, counts[i]);
    }
    gradient_judge_close(&judge);
    for (int i = 0; i < 3; i++)
        if (!counted[i]) fail_msg("%s on %zu devices: every draw met a kink", model, counts[i]);
}

static void test_gradients_of_lenet_are_those_of_one_device(void **state) {
    expect_gradients(*state, "lenet", 13);
}

static void test_gradients_of_resnet20_are_those_of_one_device(void **state) {
    expect_gradients(*state, "resnet20", 7);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_gradients_of_lenet_are_those_of_one_device, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_gradients_of_resnet20_are_those_of_one_device, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
