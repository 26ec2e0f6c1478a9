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

/* --size NAME=N ...: its row, where ARGUMENTS is the struct, with a field `option_pairs sizes`. */
#define OPTION_SIZES(ARGUMENTS)                                                                                        \
    {                                                                                                                  \
        "--size", OPTION_PAIRS, offsetof(ARGUMENTS, sizes), "NAME=N ...", 0,                                           \
            "sizes that an ONNX file leaves open: by their names there (height=224), or as INPUT:AXIS=N"               \
    }

/* Reads the ONNX file PATH with OPTIONS and the SIZES of that row, of which NAME is what the file calls an open size, or
 * INPUT:AXIS; one that the file does not leave open is a fault. DONE, or how the subcommand ends; the caller frees *NETWORK. */
outcome open_onnx(const invocation *call, const char *path, const option_pairs *sizes, clade_onnx_options options,
                  clade_onnx **network);

/* The lines of the text file PATH, of at most 1 MiB, each ended by a zero, and how many; the caller frees. NULL when it
 * cannot be read. */
char *read_lines(const char *path, int64_t *count);

#endif
