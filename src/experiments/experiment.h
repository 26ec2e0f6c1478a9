/* The inside of experiments. Adding one is a file that defines a row, and its line in experiment.c's table.
 *
 * A row's run() gets a lab: the device to work on, the settings, and where results go. What is noted in the lab is
 * sticky: when memory is short nothing more is taken, and the run fails at its end. */
#ifndef CLADE_EXPERIMENTS_EXPERIMENT_H
#define CLADE_EXPERIMENTS_EXPERIMENT_H

#include "base/context.h"
#include "base/text.h"
#include "clade/experiment.h"
#include "formats/pgm.h"

typedef struct clade_lab {
    clade_context *context;
    clade_device *device;
    const char *data; /* NULL: the experiment reads none */
    uint64_t seed;
    const char *folder; /* for pictures; NULL: none are wanted, so none need be drawn */
    struct clade_notes *notes;
} clade_lab;

typedef struct clade_experiment_row {
    clade_experiment about; /* first: the table holds these */
    clade_status (*run)(clade_lab *lab);
} clade_experiment_row;

/* The value of a setting of the row's; as a whole number. */
double clade_lab_setting(const clade_lab *lab, const char *name);
int64_t clade_lab_count(const clade_lab *lab, const char *name);

/* A column of the table, before any cell; static text. */
void clade_lab_column(clade_lab *lab, const char *title);
/* The next cell, row by row; a number that is none (NAN) is shown as "-". FORMAT is for one double: "%.4f". */
void clade_lab_text(clade_lab *lab, const char *text);
void clade_lab_number(clade_lab *lab, const char *format, double number) CLADE_PRINTF(2, 0);
/* A number that has a name, which is a JSON key; static text. */
void clade_lab_figure(clade_lab *lab, const char *name, double value);

/* Writes PICTURE, an SVG, as NAME ("decision.svg") into the lab's folder and empties it; without a folder only that. */
clade_status clade_lab_svg(clade_lab *lab, const char *name, clade_text *picture);
/* The same of grey levels. */
clade_status clade_lab_pgm(clade_lab *lab, const char *name, const clade_pgm *picture);

extern const clade_experiment_row clade_experiment_activations, clade_experiment_boltzmann, clade_experiment_drumbeat,
    clade_experiment_gradients, clade_experiment_hopfield, clade_experiment_perceptron, clade_experiment_points,
    clade_experiment_ravine, clade_experiment_regression;

#endif
