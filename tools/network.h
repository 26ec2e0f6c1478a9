/* Opening the network that a subcommand speaks of, and the options that say how an ONNX file's input is made. */
#ifndef NETWORK_H
#define NETWORK_H

#include "command.h"

typedef struct input_options {
    const char *sizes, *mean, *deviation; /* as on the command line; NULL: not given */
    double scale;                         /* 0: not given */
} input_options;

/* Its rows, where ARGUMENTS is the struct, with a field `input_options input`. */
#define OPTIONS_INPUT(ARGUMENTS)                                                                                       \
    { "--scale", OPTION_REAL, offsetof(ARGUMENTS, input.scale),                                                        \
      "S",       1e-12,       "of an ONNX file: it takes (S x - M) / D of pictures x in [0, 1]; default 1" },          \
        { "--mean",  OPTION_TEXT, offsetof(ARGUMENTS, input.mean),                                                     \
          "M[,M,M]", 0,           "its M, one or one for each channel; default 0" },                                   \
        { "--std", OPTION_TEXT, offsetof(ARGUMENTS, input.deviation), "D[,D,D]", 0, "its D; default 1" }, {            \
        "--input", OPTION_TEXT, offsetof(ARGUMENTS, input.sizes), "C,H,W", 0,                                          \
            "sizes of its images, where the file leaves them open"                                                     \
    }

/* Whether NAME ends in END. */
bool ends_in(const char *name, const char *end);

/* Opens NAME with OPTIONS, to which GIVEN (NULL: none) is added. DONE, or how the subcommand ends: wrong usage for numbers
 * that are none, and where a model of the zoo may be meant, for an unknown one. */
outcome open_network(const invocation *call, const char *name, const input_options *given,
                     clade_network_options options, clade_network **network);

/* What --size NAME=N ... gives to sizes that an ONNX file leaves open: NAME is what the file calls them, or INPUT:AXIS. */
typedef struct open_sizes {
    const option_pairs *given;
    int64_t sizes[OPTION_MOST_PAIRS];
    bool used[OPTION_MOST_PAIRS];
} open_sizes;

/* Its row, where ARGUMENTS is the struct, with a field `option_pairs sizes`. */
#define OPTION_SIZES(ARGUMENTS)                                                                                        \
    {                                                                                                                  \
        "--size", OPTION_PAIRS, offsetof(ARGUMENTS, sizes), "NAME=N ...", 0,                                           \
            "sizes that an ONNX file leaves open: by their names there (height=224), or as INPUT:AXIS=N"               \
    }

/* Reads GIVEN, which SIZES borrows; the import is then given settle_open_sizes() with SIZES, and check_open_sizes() after it
 * says which of them the file does not know. */
outcome read_open_sizes(const invocation *call, const option_pairs *given, open_sizes *sizes);
clade_onnx_settle settle_open_sizes;
outcome check_open_sizes(const invocation *call, const char *path, const open_sizes *sizes);

/* The lines of the text file PATH, of at most 1 MiB, each ended by a zero, and how many; the caller frees. NULL when it
 * cannot be read. */
char *read_lines(const char *path, int64_t *count);

#endif
