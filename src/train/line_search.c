/* The line search: outwards until an interval holds a good point, then into it. A place where the function is no number is
 * taken for one that lies too far out. Where values differ by no more than their noise, the slopes alone decide (after Hager
 * and Zhang's approximate Wolfe conditions, 2005): a gradient goes on telling the way when the loss no longer does. */
#include "train/line_search.h"

#include <math.h>

static const double c1 = 1e-4, c2 = 0.9; /* Nocedal and Wright's for quasi-Newton methods */

typedef struct state {
    const clade_line_search *search;
    clade_line_point start;
    clade_line_result *result;
    clade_status status;
} state;

/* Equation 3.59. */
double clade_line_cubic(const clade_line_point *a, const clade_line_point *b) {
    const double d1 = a->slope + b->slope - 3 * (a->value - b->value) / (a->t - b->t);
    const double square = d1 * d1 - a->slope * b->slope;
    if (!(square >= 0)) return NAN;
    const double d2 = copysign(sqrt(square), b->t - a->t);
    return b->t - (b->t - a->t) * ((b->slope + d2 - d1) / (b->slope - a->slope + 2 * d2));
}

static bool is_number(const clade_line_point *point) {
    return isfinite(point->value) && isfinite(point->slope);
}

static bool evaluate(state *s, double t, clade_line_point *point) {
    if (s->result->evaluations >= s->search->most) return false;
    *point = (clade_line_point){ .t = t };
    s->status = s->search->evaluate(s->search->user, point);
    s->result->evaluations++;
    return s->status == CLADE_OK;
}

/* Whether POINT has not fallen as much as its distance asks for. */
static bool is_high(const state *s, const clade_line_point *point) {
    return !is_number(point) || point->value > s->start.value + c1 * point->t * s->start.slope + s->search->noise;
}

static bool is_flat(const state *s, const clade_line_point *point) {
    return fabs(point->slope) <= -c2 * s->start.slope;
}

/* A place strictly within the interval: the cubic's minimum where it is not too close to an end. */
static double within(const clade_line_point *low, const clade_line_point *high) {
    const double left = fmin(low->t, high->t), width = fabs(high->t - low->t);
    const double t = is_number(high) ? clade_line_cubic(low, high) : NAN;
    return t >= left + 0.1 * width && t <= left + 0.9 * width ? t : left + 0.5 * width;
}

/* Algorithm 3.6: LOW is the lowest place so far that has fallen enough, and its slope leads towards HIGH. */
static void zoom(state *s, clade_line_point low, clade_line_point high) {
    const double least_width = 1e-7;
    s->result->point = low;
    while (fabs(high.t - low.t) > least_width * fmax(fabs(high.t), fabs(low.t))) {
        clade_line_point point;
        if (!evaluate(s, within(&low, &high), &point)) return;
        if (is_high(s, &point) || point.value >= low.value + s->search->noise) {
            high = point;
            continue;
        }
        if (point.slope * (high.t - low.t) >= 0) high = low;
        s->result->point = low = point;
        if (is_flat(s, &point)) {
            s->result->good = true;
            return;
        }
    }
}

/* The next place further out: as the cubic says, within bounds. */
static double beyond(const clade_line_point *before, const clade_line_point *point) {
    const double least = point->t + 0.01 * (point->t - before->t), most = 10 * point->t;
    const double t = clade_line_cubic(before, point);
    return t >= least && t <= most ? t : isnan(t) || t > most ? most : least;
}

/* Algorithm 3.5. */
clade_status clade_line_search_run(const clade_line_search *search, clade_line_point start, double first,
                                   clade_line_result *result) {
    *result = (clade_line_result){ .point = start };
    state s = { .search = search, .start = start, .result = result, .status = CLADE_OK };
    clade_line_point before = start, point;
    double t = first;
    while (evaluate(&s, t, &point)) {
        if (is_high(&s, &point) || (result->evaluations > 1 && point.value >= before.value + search->noise)) {
            zoom(&s, before, point);
            break;
        }
        result->point = point;
        if (is_flat(&s, &point)) {
            result->good = true;
            break;
        }
        if (point.slope >= 0) {
            zoom(&s, point, before);
            break;
        }
        t = beyond(&before, &point);
        before = point;
    }
    return s.status;
}
