/* Schedules against numbers worked out by hand. */
#include "support/device.h"

#include "train/schedule.h"

#include <math.h>
#include <string.h>

static clade_context *context;

static int make_context(void **state) {
    (void)state;
    context = clade_context_new(NULL);
    return context ? 0 : -1;
}

static int free_context(void **state) {
    (void)state;
    clade_context_free(context);
    return 0;
}

typedef struct rate_case {
    clade_schedule schedule;
    int64_t step;
    double expected; /* of a run of 100 steps, 10 an epoch, that begins at 0.8 */
} rate_case;

static void test_rates_follow_the_formulas(void **state) {
    (void)state;
    const rate_case cases[] = {
        { { 0 }, 0, 0.8 },
        { { .kind = CLADE_CONSTANT }, 99, 0.8 },
        { { .kind = CLADE_STEP }, 9, 0.8 },
        { { .kind = CLADE_STEP }, 10, 0.08 },
        { { .kind = CLADE_STEP, .factor = 0.5, .every = 3 }, 59, 0.4 },
        { { .kind = CLADE_STEP, .factor = 0.5, .every = 3 }, 60, 0.2 },
        { { .kind = CLADE_COSINE }, 0, 0.8 },
        { { .kind = CLADE_COSINE }, 50, 0.4 },
        { { .kind = CLADE_COSINE }, 75, 0.8 * (1 - 0.70710678118654752) / 2 },
        { { .kind = CLADE_INVERSE, .every = 20 }, 0, 0.8 },
        { { .kind = CLADE_INVERSE, .every = 20 }, 60, 0.2 },
        { { .kind = CLADE_INVERSE }, 100, 0.4 },
        { { .kind = CLADE_PLATEAU }, 99, 0.8 },
        { { .kind = CLADE_COSINE, .warm_up = 20 }, 0, 0.04 },
        { { .kind = CLADE_COSINE, .warm_up = 20 }, 19, 0.8 },
        { { .kind = CLADE_COSINE, .warm_up = 20 }, 20, 0.8 },
        { { .kind = CLADE_COSINE, .warm_up = 20 }, 60, 0.4 },
        { { .kind = CLADE_STEP, .warm_up = 5 }, 14, 0.8 },
        { { .kind = CLADE_STEP, .warm_up = 5 }, 15, 0.08 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        clade_schedule schedule = cases[i].schedule;
        assert_good(context, clade_schedule_complete(context, &schedule, 100));
        clade_schedule_state at = clade_schedule_start(100, 10);
        double rate = clade_schedule_rate(&schedule, &at, 0.8, cases[i].step);
        if (fabs(rate - cases[i].expected) > 1e-12)
            fail_msg("case %zu: %.15g, expected %.15g", i, rate, cases[i].expected);
    }
}

static void test_plateau_halves_when_the_held_out_loss_stays(void **state) {
    (void)state;
    clade_schedule schedule = { .kind = CLADE_PLATEAU, .every = 2 };
    assert_good(context, clade_schedule_complete(context, &schedule, 100));
    clade_schedule_state at = clade_schedule_start(100, 10);
    const double losses[] = { 3, 2, 2.5, 2.1, 1.9, 1.9, 1.9, 2 };
    const double scales[] = { 1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25 };
    for (size_t i = 0; i < sizeof losses / sizeof losses[0]; i++) {
        clade_schedule_observe_held_out(&schedule, &at, losses[i]);
        assert_true(clade_schedule_rate(&schedule, &at, 1, 5) == scales[i]);
    }
}

/* PyTorch's ReduceLROnPlateau(factor 0.5, patience 1, threshold 0.1 relative): it lowers when more than `patience` epochs
 * are bad, so its patience is ours less 1. */
static void test_plateau_with_a_threshold_is_pytorchs(void **state) {
    (void)state;
    clade_schedule schedule = { .kind = CLADE_PLATEAU, .every = 2, .threshold = 0.1 };
    assert_good(context, clade_schedule_complete(context, &schedule, 100));
    clade_schedule_state at = clade_schedule_start(100, 10);
    const double losses[] = { 3, 2, 1.9, 1.85, 1.7, 1.6, 1.5, 1.45, 1.4, 1.3 };
    const double scales[] = { 1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25 };
    for (size_t i = 0; i < sizeof losses / sizeof losses[0]; i++) {
        clade_schedule_observe_held_out(&schedule, &at, losses[i]);
        clade_schedule_observe_epoch(&schedule, &at, 1); /* not this schedule's matter */
        assert_true(clade_schedule_rate(&schedule, &at, 1, 5) == scales[i]);
    }
}

/* Each epoch against the one before: 1.995 and 1.99 are not a hundredth below 2 and 1.995. */
static void test_halving_follows_the_epochs_losses(void **state) {
    (void)state;
    clade_schedule schedule = { .kind = CLADE_HALVE };
    assert_good(context, clade_schedule_complete(context, &schedule, 100));
    clade_schedule_state at = clade_schedule_start(100, 10);
    const double losses[] = { 4, 2, 1.995, 1.99, 1, 1.2, 1.1 };
    const double scales[] = { 1, 1, 0.5, 0.25, 0.25, 0.125, 0.125 };
    for (size_t i = 0; i < sizeof losses / sizeof losses[0]; i++) {
        clade_schedule_observe_epoch(&schedule, &at, losses[i]);
        clade_schedule_observe_held_out(&schedule, &at, 9);
        assert_true(clade_schedule_rate(&schedule, &at, 1, 5) == scales[i]);
    }
}

static void test_wrong_numbers_are_one_clear_line(void **state) {
    (void)state;
    clade_schedule wrong[] = {
        { .kind = (clade_schedule_kind)77 },
        { .kind = CLADE_STEP, .factor = 2 },
        { .kind = CLADE_STEP, .factor = -1 },
        { .kind = CLADE_STEP, .every = NAN },
        { .kind = CLADE_INVERSE, .every = -3 },
        { .kind = CLADE_PLATEAU, .threshold = 1 },
        { .kind = CLADE_HALVE, .threshold = -0.5 },
        { .warm_up = -1 },
        { .warm_up = 100 },
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(clade_schedule_complete(context, &wrong[i], 100), CLADE_ERROR_ARGUMENT);
        assert_non_null(strstr(clade_error(context), "schedule"));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rates_follow_the_formulas),
        cmocka_unit_test(test_plateau_halves_when_the_held_out_loss_stays),
        cmocka_unit_test(test_plateau_with_a_threshold_is_pytorchs),
        cmocka_unit_test(test_halving_follows_the_epochs_losses),
        cmocka_unit_test(test_wrong_numbers_are_one_clear_line),
    };
    return cmocka_run_group_tests(tests, make_context, free_context);
}
