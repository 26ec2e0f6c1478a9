/* A line search for the strong Wolfe conditions: Nocedal and Wright 2006, algorithms 3.5 and 3.6. */
#ifndef CLADE_TRAIN_LINE_SEARCH_H
#define CLADE_TRAIN_LINE_SEARCH_H

#include "clade/context.h"

#include <stdbool.h>
#include <stdint.h>

/* What a function of one variable is at T. */
typedef struct clade_line_point {
    double t, value, slope;
} clade_line_point;

typedef struct clade_line_search {
    /* Sets value and slope at point->t. */
    clade_status (*evaluate)(void *user, clade_line_point *point);
    void *user;
    int64_t most; /* evaluations */
    double noise; /* the differences of values that mean nothing */
} clade_line_search;

typedef struct clade_line_result {
    clade_line_point point; /* the lowest that was found; the start when nothing lower was */
    int64_t evaluations;
    bool good; /* the point satisfies both conditions */
} clade_line_result;

/* Searches along t > 0 from START (t = 0, slope below 0), trying FIRST first. */
clade_status clade_line_search_run(const clade_line_search *search, clade_line_point start, double first,
                                   clade_line_result *result);

/* Where the cubic through both points with their slopes is least; NAN where it has no minimum. */
double clade_line_cubic(const clade_line_point *a, const clade_line_point *b);

#endif
