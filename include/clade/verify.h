/* Verification: every kernel against its reference on a device, and every gradient against finite differences.
 *
 * Both walk the operators' own test cases. Nothing is printed: results go to the caller's function as they come. */
#ifndef CLADE_VERIFY_H
#define CLADE_VERIFY_H

#include <stdbool.h>

#include "clade/device.h"
#include "clade/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum clade_verdict {
    CLADE_VERDICT_PASSED = 1,
    CLADE_VERDICT_FAILED,
    CLADE_VERDICT_INAPPLICABLE, /* the implementation refused the case, or the row has no such gradient: DETAIL says why */
    CLADE_VERDICT_LEFT_OUT,     /* larger than the caller asked for */
} clade_verdict;
CLADE_API const char *clade_verdict_text(clade_verdict verdict); /* "passed", "FAILED", ... */

typedef struct clade_verify_summary {
    int64_t passed, failed, inapplicable, left_out;
} clade_verify_summary;

/* ---- kernels against references ---- */

typedef struct clade_selftest_result {
    const char *op, *implementation;
    const char *case_name; /* NULL: about the implementation as a whole, when no case exercised it on this device */
    const char *variant;   /* "", or "in place" (the output written over an input) */
    clade_verdict verdict;
    double error;     /* largest |result - reference| over the largest |reference| of that output; not when it broke */
    double tolerance; /* what it must stay under */
    const char *detail; /* why it failed, was refused or left out; "" else. Valid during the call */
} clade_selftest_result;

typedef struct clade_selftest_options {
    size_t size;
    const char *const *ops; /* rows by name; none: all */
    size_t op_count;
    int64_t largest;       /* leave out cases with an array of more elements; 0: none */
    bool separate_buffers; /* each array in a buffer of its own, not written before: for checkers that watch bounds and
                              uninitialised reads themselves. Else all lie in one, between guard bytes, poisoned */
    bool stop_at_failure;
    void (*report)(void *user, const clade_selftest_result *result); /* NULL: only the summary */
    void *user;
    const char *const *kernels; /* "pool.cl:max_rows", or a file's name for all its kernels: only what launches one of
                                   these, and nothing is said about the rest; none: everything */
    size_t kernel_count;
    bool in_turn; /* each case in one configuration of an implementation, the next case in the next: for slow devices */
} clade_selftest_options;

/* Runs every implementation of every chosen row (a point-wise row through the generated kernel) on every case that it
 * accepts: twice, over memory of different garbage. It passes when outputs agree with the reference within the case's
 * tolerance and bit for bit with each other, guards are intact and inputs are as they were. An implementation that no case exercises
 * although this device could run it counts as failed. CLADE_OK when the tests could be run, whatever they found; the
 * counts are in SUMMARY (may be NULL). CLADE_ERROR_ARGUMENT for an unknown name. */
CLADE_API clade_status clade_selftest(clade_device *device, const clade_selftest_options *options,
                                      clade_verify_summary *summary);

/* The name of row INDEX in the table, which is sorted by name; NULL past the last. */
CLADE_API const char *clade_operator_name(size_t index);

/* ---- gradients against finite differences ---- */

typedef struct clade_gradcheck_result {
    const char *op;        /* the row; "loss" for a caller's graph */
    const char *case_name; /* "" for a caller's graph */
    const char *input;     /* "input 0", or the name of the state or input */
    int order;             /* 1: the gradient; 2: the gradient of the gradient */
    clade_verdict verdict;
    double error;     /* largest |gradient - difference| over the largest |gradient| of that input */
    double tolerance; /* what it must stay under */
    int64_t checked, elements;
    const char *detail;
} clade_gradcheck_result;

typedef struct clade_gradcheck_options {
    size_t size;
    int64_t samples;     /* elements of each input that are checked, drawn at random when it has more; 0: 200 */
    int64_t label_bound; /* int32 inputs of a caller's graph are drawn from 0 .. label_bound - 1; 0: 2 */
    uint64_t seed;       /* of what is drawn */
    bool stop_at_failure;
    void (*report)(void *user, const clade_gradcheck_result *result);
    void *user;
} clade_gradcheck_options;

/* Checks the rows named OP (NULL: all) on each of their cases, on the host in double: the gradient graph of a weighted
 * sum of each output against central differences, then the gradient of that gradient. */
CLADE_API clade_status clade_gradcheck_op(clade_context *context, const char *op,
                                          const clade_gradcheck_options *options, clade_verify_summary *summary);

/* The same, first order, for LOSS (a scalar): by every float input and every trained state of its graph, at batch
 * BATCH, inputs drawn at random, trained states a little off where they begin. Appends the gradient's nodes to the graph. */
CLADE_API clade_status clade_gradcheck_loss(clade_value loss, int64_t batch, const clade_gradcheck_options *options,
                                            clade_verify_summary *summary);

#ifdef __cplusplus
}
#endif
#endif
