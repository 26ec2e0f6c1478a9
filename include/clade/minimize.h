/* Minimising a graph's scalar over its states: limited-memory BFGS with a line search.
 *
 * L-BFGS after Nocedal and Wright, Numerical Optimization (2nd ed. 2006): the two-loop recursion (algorithm 7.4) over the
 * last MEMORY pairs s = x' - x, y = g' - g, begun with s.y / y.y times the identity, and a line search for the strong
 * Wolfe conditions (algorithms 3.5 and 3.6, cubic interpolation, c1 = 1e-4, c2 = 0.9). The vectors are states of the graph
 * and stay on the device: the host sees their inner products only, and does the recursion on these.
 *
 *     clade_minimizer_new(loss, &(clade_minimize_options){ .size = sizeof(clade_minimize_options) }, &minimizer);
 *     clade_session_new(device, graph, seed, &session);
 *     clade_minimizer_run(minimizer, session, &(clade_run_options){ .feeds = ... }, NULL, &result);
 *
 * leaves the states of SESSION where the search has ended. */
#ifndef CLADE_MINIMIZE_H
#define CLADE_MINIMIZE_H

#include <stdbool.h>

#include "clade/graph.h"
#include "clade/session.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct clade_minimizer clade_minimizer;

typedef struct clade_minimize_options {
    size_t size;
    int64_t memory;          /* pairs kept, 1 to 100; default 10 */
    const clade_value *over; /* the states to move; default: every trained state that the loss depends on */
    size_t over_count;
} clade_minimize_options;

/* Appends to LOSS's graph (a scalar, without other updates of those states) its gradient and the states of the method:
 * (2 MEMORY + 4) times the numbers that are moved. Make the session after it. A graph has one minimiser.
 * CLADE_ERROR_ARGUMENT when LOSS depends on no such state. OPTIONS may be NULL. */
CLADE_API clade_status clade_minimizer_new(clade_value loss, const clade_minimize_options *options,
                                           clade_minimizer **minimizer);
/* Before the graph. */
CLADE_API void clade_minimizer_free(clade_minimizer *minimizer);

typedef enum clade_minimize_end {
    CLADE_MINIMIZE_CONVERGED = 1, /* the gradient's norm is small enough */
    CLADE_MINIMIZE_SETTLED,       /* the loss has not changed for three iterations */
    CLADE_MINIMIZE_STUCK,         /* no lower place along the gradient: as low as these numbers allow */
    CLADE_MINIMIZE_LIMIT,         /* iterations or evaluations are used up */
    CLADE_MINIMIZE_STOPPED,       /* progress() said so */
} clade_minimize_end;

typedef struct clade_minimize_result {
    clade_minimize_end end;
    double first_loss, loss;
    double gradient_norm;            /* Euclidean */
    int64_t iterations, evaluations; /* evaluations of the loss with its gradient, the first included */
} clade_minimize_result;

typedef struct clade_minimize_limits {
    size_t size;
    int64_t iterations;        /* default 100 */
    int64_t evaluations;       /* default 5/4 of the iterations, and 25 more */
    double gradient_tolerance; /* default 1e-5; negative: none */
    double change_tolerance;   /* of the loss, as a share of it; default 1e-9; negative: none */
    double first_step;         /* that each line search tries first, 1 by default; the very first tries this over the
                                  gradient's norm, where that is above 1 */
    bool (*progress)(void *user, const clade_minimize_result *so_far); /* after each iteration; false: stop */
    void *user;
} clade_minimize_limits;

/* Searches from where SESSION's states are. RUN says batch, time and feeds, which hold for the whole search; its fetches
 * and updates are not read (NULL: none). Called again it goes on with the pairs that it has, on another batch too; the
 * pairs are states, so a saved session keeps them. LIMITS may be NULL. CLADE_ERROR_ARGUMENT when the loss is not a number
 * where the search begins. */
CLADE_API clade_status clade_minimizer_run(clade_minimizer *minimizer, clade_session *session,
                                           const clade_run_options *run, const clade_minimize_limits *limits,
                                           clade_minimize_result *result);
/* Forgets the pairs. */
CLADE_API clade_status clade_minimizer_reset(clade_minimizer *minimizer, clade_session *session);

#ifdef __cplusplus
}
#endif
#endif
