/* The schedules, one function each. The warm-up comes before them: of W steps, step t has (t + 1) / W of the rate, and the
 * schedule begins afterwards. */
#include "train/schedule.h"

#include <math.h>

typedef double rate_function(const clade_schedule *schedule, const clade_schedule_state *state, int64_t step);

static double constant(const clade_schedule *schedule, const clade_schedule_state *state, int64_t step) {
    (void)schedule, (void)state, (void)step;
    return 1;
}

static double staircase(const clade_schedule *schedule, const clade_schedule_state *state, int64_t step) {
    double epoch = floor((double)step / (double)state->steps_per_epoch);
    return pow(schedule->factor, floor(epoch / schedule->every));
}

static double cosine(const clade_schedule *schedule, const clade_schedule_state *state, int64_t step) {
    const double pi = 3.14159265358979323846;
    return (1 + cos(pi * (double)step / (double)(state->steps - schedule->warm_up))) / 2;
}

static double observed(const clade_schedule *schedule, const clade_schedule_state *state, int64_t step) {
    (void)schedule, (void)step;
    return state->scale;
}

static double inverse(const clade_schedule *schedule, const clade_schedule_state *state, int64_t step) {
    (void)state;
    return schedule->every / (schedule->every + (double)step);
}

static const struct {
    const char *name;
    rate_function *rate;
    double factor, threshold; /* defaults */
} schedules[] = {
    [CLADE_CONSTANT] = { "constant", constant, 1, 0 }, [CLADE_STEP] = { "step", staircase, 0.1, 0 },
    [CLADE_COSINE] = { "cosine", cosine, 1, 0 },       [CLADE_PLATEAU] = { "plateau", observed, 0.5, 0 },
    [CLADE_INVERSE] = { "inverse", inverse, 1, 0 },    [CLADE_HALVE] = { "halve", observed, 0.5, 0.01 },
};

static bool known(clade_schedule_kind kind) {
    return kind >= CLADE_CONSTANT && kind <= CLADE_HALVE;
}

const char *clade_schedule_name(clade_schedule_kind kind) {
    return known(kind) ? schedules[kind].name : "unknown";
}

clade_status clade_schedule_complete(clade_context *context, clade_schedule *schedule, int64_t steps) {
    if (schedule->kind == 0) schedule->kind = CLADE_CONSTANT;
    if (!known(schedule->kind))
        return clade_fail(context, CLADE_ERROR_ARGUMENT, "schedule %d is not one of clade_schedule_kind",
                          (int)schedule->kind);
    if (schedule->factor == 0) schedule->factor = schedules[schedule->kind].factor;
    if (schedule->threshold == 0) schedule->threshold = schedules[schedule->kind].threshold;
    /* INVERSE without b: the rate has fallen to half at the end. */
    if (schedule->every == 0) schedule->every = schedule->kind == CLADE_INVERSE ? (double)steps : 1;
    if (!(schedule->factor > 0 && schedule->factor <= 1 && schedule->every > 0 && isfinite(schedule->every)))
        return clade_fail(
            context, CLADE_ERROR_ARGUMENT,
            "schedule %s: factor %g and every %g; the factor must be above 0 and at most 1, every above 0",
            schedules[schedule->kind].name, schedule->factor, schedule->every);
    if (!(schedule->threshold >= 0 && schedule->threshold < 1))
        return clade_fail(context, CLADE_ERROR_ARGUMENT,
                          "schedule %s: threshold %g: a share of the loss, at least 0 and below 1",
                          schedules[schedule->kind].name, schedule->threshold);
    if (schedule->warm_up < 0 || (schedule->warm_up > 0 && schedule->warm_up >= steps))
        return clade_fail(context, CLADE_ERROR_ARGUMENT,
                          "schedule %s: a warm-up of %lld steps; the run has %lld, of which it must leave some",
                          schedules[schedule->kind].name, (long long)schedule->warm_up, (long long)steps);
    return CLADE_OK;
}

clade_schedule_state clade_schedule_start(int64_t steps, int64_t steps_per_epoch) {
    return (clade_schedule_state){
        .steps = steps > 0 ? steps : 1,
        .steps_per_epoch = steps_per_epoch > 0 ? steps_per_epoch : 1,
        .best = INFINITY,
        .scale = 1,
    };
}

double clade_schedule_rate(const clade_schedule *schedule, const clade_schedule_state *state, double rate,
                           int64_t step) {
    if (step < schedule->warm_up) return rate * (double)(step + 1) / (double)schedule->warm_up;
    return rate * schedules[schedule->kind].rate(schedule, state, step - schedule->warm_up);
}

/* Multiplies the rate when LOSS has for `every` observations not been below the best by the threshold's share of it. */
static bool observe(const clade_schedule *schedule, clade_schedule_state *state, double loss) {
    if (!isfinite(state->best) || loss < state->best - schedule->threshold * fabs(state->best)) {
        state->waited = 0;
        return true;
    }
    if ((double)++state->waited >= schedule->every) {
        state->scale *= schedule->factor;
        state->waited = 0;
    }
    return false;
}

void clade_schedule_observe_held_out(const clade_schedule *schedule, clade_schedule_state *state, double loss) {
    if (schedule->kind == CLADE_PLATEAU && observe(schedule, state, loss)) state->best = loss;
}

void clade_schedule_observe_epoch(const clade_schedule *schedule, clade_schedule_state *state, double loss) {
    if (schedule->kind != CLADE_HALVE) return;
    observe(schedule, state, loss);
    state->best = loss;
}
