/* Experiments: small systems, each complete: it draws or reads its data, runs on a device, and gives a table, figures and
 * pictures. docs/experiments.md says what each shows. */
#ifndef CLADE_EXPERIMENT_H
#define CLADE_EXPERIMENT_H

#include <stdbool.h>

#include "clade/device.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A number that a caller may set. */
typedef struct clade_setting {
    const char *name; /* "steps"; NULL ends a list */
    double value;     /* unless set */
    double least, most;
    bool whole;       /* a whole number is wanted */
    const char *help; /* one line */
} clade_setting;

typedef struct clade_experiment {
    const char *name;  /* "perceptron" */
    const char *title; /* what it shows, in one line */
    const char *data;  /* the data set that it reads where the caller names none ("digits"); NULL: it reads none */
    const clade_setting *settings; /* ended by a NULL name; NULL: none */
} clade_experiment;

/* All experiments, by name, ended by NULL. Static. */
CLADE_API const clade_experiment *const *clade_experiment_list(void);
/* The experiment of that name; NULL when there is none. */
CLADE_API const clade_experiment *clade_experiment_find(const char *name);

typedef struct clade_setting_value {
    const char *name;
    double value;
} clade_setting_value;

typedef struct clade_experiment_options {
    size_t size;          /* sizeof(clade_experiment_options) */
    clade_device *device; /* required */
    const char *folder;   /* for pictures, made if absent; NULL: none are drawn */
    const char *data;     /* a spec as of clade_dataset_open(); NULL: the experiment's own */
    uint64_t seed;        /* of points, weights and draws; default 0, which is a seed like any other */
    const clade_setting_value *settings;
    size_t setting_count;
} clade_experiment_options;

typedef struct clade_cell {
    const char *text; /* for people */
    double number;    /* NAN where it is text, or a number that is none */
    bool is_number;
} clade_cell;

typedef struct clade_figure {
    const char *name; /* "momentum_steps": a JSON key */
    double value;
} clade_figure;

/* What came out. Owned by the caller: clade_experiment_result_free(). */
typedef struct clade_experiment_result {
    const char *const *columns; /* of the table */
    size_t column_count, row_count;
    const clade_cell *cells; /* row by row */
    const clade_figure *figures;
    size_t figure_count;
    const char *const *pictures; /* the files written, each "FOLDER/NAME" */
    size_t picture_count;
} clade_experiment_result;

/* Runs the experiment NAME. The same options on the same device give the same result, to the bit. Each picture is
 * written whole or not at all. CLADE_ERROR_ARGUMENT for an unknown name (the text lists them), a setting that it has not
 * or that is out of range, or data for one that reads none; CLADE_ERROR_INPUT for data that it cannot use;
 * CLADE_ERROR_SYSTEM when a picture cannot be written. *RESULT is NULL on a failure. */
CLADE_API clade_status clade_experiment_run(clade_context *context, const char *name,
                                            const clade_experiment_options *options, clade_experiment_result **result);
/* Accepts NULL. */
CLADE_API void clade_experiment_result_free(clade_experiment_result *result);

#ifdef __cplusplus
}
#endif
#endif
