/* Tuning: which implementation and configuration is fastest for a node at its sizes on a device. Nothing here is needed:
 * every device and shape has an instant default. What tuning finds is kept in the folder "tune" of Clade's cache, for
 * each device and driver, and used by every plan made afterwards; CLADE_TUNE_DB=none leaves it out.
 *
 * Each candidate is verified against the reference on sampled elements before it is measured. One that is wrong or does not
 * build is quarantined: named by clade_quarantine_list(), and not used again on that driver until its kernels change or
 * the quarantine is cleared. One that takes its process with it, or never ends, is caught by clade_tune_watch(), or by the
 * next process that finds its entry in the journal. */
#ifndef CLADE_TUNE_H
#define CLADE_TUNE_H

#include "clade/inspect.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum clade_tune_kind {
    CLADE_TUNE_SITE = 1, /* a site comes up: LABEL, SIGNATURE */
    CLADE_TUNE_KNOWN,    /* it was measured before: CANDIDATE, SECONDS */
    CLADE_TUNE_TRYING,   /* CANDIDATE is about to be verified and measured */
    CLADE_TUNE_REFUSED,  /* CANDIDATE is out: DETAIL says why */
    CLADE_TUNE_ROUND,    /* those that are left are measured in turn once more: a sign of life */
    CLADE_TUNE_MEASURED, /* CANDIDATE took SECONDS */
    CLADE_TUNE_CHOSEN,   /* CANDIDATE is fastest with SECONDS; DEFAULT_SECONDS is what the default takes (0: unknown) */
} clade_tune_kind;

/* What happens while tuning. The texts are good during the call. */
typedef struct clade_tune_event {
    clade_tune_kind kind;
    size_t site; /* counted from 1 over the runs that are tuned together */
    double seconds, default_seconds;
    const char *label;     /* "conv1 conv2d" */
    const char *signature; /* of the site: operator, attributes, sizes */
    const char *candidate; /* "packed/2" */
    const char *detail;
} clade_tune_event;

typedef struct clade_tune_options {
    size_t size;
    double seconds; /* stop after so many (0: when all is measured); the sites with most work come first */
    bool retune;    /* also what was measured before */
    size_t skip;    /* leave out so many sites */
    size_t *seen;   /* not NULL: counts the sites, over several calls */
    void (*report)(void *user, const clade_tune_event *event);
    void *user;
} clade_tune_options;

/* Measures the candidates of every node of the plan that RUN would have, where there are several; of RUN, feeds are not
 * looked at. */
CLADE_API clade_status clade_tune_run(clade_session *session, const clade_run_options *run,
                                      const clade_tune_options *options);
/* The same for a matrix product, and for a convolution and its gradients, as clade_bench_gemm() and _conv() run them. */
CLADE_API clade_status clade_tune_gemm(clade_device *device, int64_t m, int64_t n, int64_t k,
                                       const clade_tune_options *options);
CLADE_API clade_status clade_tune_conv(clade_device *device, const clade_conv_shape *shape,
                                       const clade_tune_options *options);

/* ---- in a child process, which a bad candidate may end ---- */

/* An event as a line of text, without its newline, and back (TEXT is cut up; false when it is no such line). */
CLADE_API void clade_tune_event_print(const clade_tune_event *event, char *line, size_t size);
CLADE_API bool clade_tune_event_read(char *text, clade_tune_event *event);

enum { CLADE_TUNE_WORDS = 32 };
typedef struct clade_tune_watch {
    size_t size;
    /* Fills WORDS, ended by NULL, with the command line of a child that tunes with these options and prints a line for
     * each event. The words stay as they are until the next call. */
    void (*command)(void *user, size_t skip, double seconds, const char *words[CLADE_TUNE_WORDS]);
    double seconds; /* as in clade_tune_options */
    double limit;   /* seconds without an event after which the child is ended; default 60 */
    void (*report)(void *user, const clade_tune_event *event);
    void *user;
} clade_tune_watch;

/* Lets a child tune, and another go on where it ended, until all is done; what ended it, or made it fall silent, is
 * quarantined. *EXIT is the exit status of a child that failed by itself, having said why; else 0. */
CLADE_API clade_status clade_tune_watch_child(clade_context *context, const clade_tune_watch *watch, int *exit);

/* ---- quarantine ---- */

typedef struct clade_quarantined {
    const char *device;    /* name, driver and platform */
    const char *op;        /* "conv2d" */
    const char *candidate; /* "direct/1" */
    const char *reason;    /* "conv_direct.cl: computes something else than the reference: ..." */
    const char *site;      /* where that was seen */
    const char *file;      /* which remembers it */
} clade_quarantined;

/* Calls REPORT for each candidate that is quarantined, on any device and driver; first for what the journal says of processes
 * that did not come back. The texts are good during the call. */
CLADE_API clade_status clade_quarantine_list(clade_context *context,
                                             void (*report)(void *user, const clade_quarantined *entry), void *user);
/* Forgets what is quarantined on DEVICE and its driver. */
CLADE_API clade_status clade_quarantine_clear(clade_device *device);

/* The user's choices for DEVICE as a list of src/tune/shipped_table.c. *TEXT is freed by clade_text_release(). */
CLADE_API clade_status clade_tune_export(clade_device *device, char **text);

#ifdef __cplusplus
}
#endif
#endif
