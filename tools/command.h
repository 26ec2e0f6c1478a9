/* A subcommand of `clade` is one row in one file: tools/<name>.c defines `const command command_<name>`, and main.c
 * lists the rows. A row says what its command line holds (options.h); main.c reads it into the row's struct of
 * arguments, makes a context, calls run(), and turns what comes back into the exit status:
 *     0 done, 1 a failure with one line on standard error, 2 wrong usage with one line on standard error. */
#ifndef COMMAND_H
#define COMMAND_H

#include "clade/clade.h"
#include "options.h"

#include <stdio.h>

typedef struct invocation {
    clade_context *context;
    const char *program; /* as it was called: argv[0] */
    const struct command *command;
    void *arguments; /* the row's struct, filled by its options */
    const char **operands;
    int operand_count;
    bool silent; /* another process says what went wrong: failed() prints nothing */
} invocation;

/* How a subcommand ended. */
typedef enum outcome { DONE = 0, FAILED = 1, WRONG_USAGE = 2 } outcome;

typedef struct command {
    const char *name;     /* "train" */
    const char *operands; /* "MODEL"; "" for none */
    const char *title;    /* what it does, in one line */
    const char *details;  /* more lines for its help; NULL: none */
    int operand_minimum, operand_maximum;
    const option *options; /* ended by a NULL name */
    size_t arguments_size; /* at most sizeof(max_align_t) * MAX_ARGUMENTS */
    const void *defaults;  /* what the arguments are before the options are read; NULL: zeros */
    outcome (*run)(invocation *call);
} command;

/* One line on standard error, "clade NAME: ...; see `clade NAME --help`", and WRONG_USAGE. */
outcome wrong_usage(const command *command, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* One line on standard error with the context's error text, and FAILED. */
outcome failed(const invocation *call);
/* One line on standard error, and FAILED: for faults that the library has no words for. */
outcome failed_because(const invocation *call, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Opens the one device that CHOICE means (of --device; NULL: CLADE_DEVICE or the default). DONE, or how the subcommand
 * ends. */
outcome open_device(const invocation *call, const char *choice, clade_device **device);
/* The zoo's model of that name; NULL after a line that lists the names. */
const clade_model *find_model(const invocation *call, const char *name);
void print_models(FILE *stream);

typedef struct model_inputs {
    clade_value image, label;
} model_inputs;
/* A graph that holds MODEL for images of IMAGE (channels, height, width; NULL: the model's own). NULL after a line. */
clade_graph *build_model(const invocation *call, const clade_model *model, const int64_t image[3], model_inputs *inputs,
                         clade_model_values *values);

/* The operands after the first as COUNT sizes, each at least 1 (number MAY_BE_ZERO at least 0; -1: none); as those of
 * `conv N C H W K R S STRIDE PAD GROUPS`. */
outcome read_sizes(const invocation *call, int count, int may_be_zero, int64_t *sizes);
outcome read_conv_shape(const invocation *call, clade_conv_shape *shape);

bool is_operator(const char *name);
void print_operators(FILE *stream);

extern const command command_devices, command_selftest, command_gradcheck, command_train, command_eval, command_predict,
    command_summary, command_explain, command_profile, command_bench, command_tune, command_kernels, command_experiment,
    command_onnx_test, command_run, command_convert, command_compare;

#endif
