/* Options of a command line, read by tables: --name VALUE or --name=VALUE in any place, "--" before operands that begin
 * with a dash. Of an option given twice the last counts. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum option_kind {
    OPTION_FLAG,    /* bool: true when given */
    OPTION_INTEGER, /* int64_t, at least the row's minimum */
    OPTION_SEED,    /* uint64_t, any */
    OPTION_REAL,    /* double, finite, at least the row's minimum */
    OPTION_TEXT,    /* const char *: one of the row's words, where it has them; "[DIR]" may be left out at the end of
                     * the command line and before an option, and is "" then */
    OPTION_BYTES,   /* int64_t, at least 1: 4096, 512M, 1.5G (powers of 1024) */
    OPTION_PAIRS,   /* option_pairs: NAME=VALUE, and the words of that form after it; may be given again */
} option_kind;

enum { OPTION_MOST_PAIRS = 32 };
typedef struct option_pairs {
    const char *words[OPTION_MOST_PAIRS]; /* "NAME=VALUE" */
    int count;
} option_pairs;

typedef struct option {
    const char *name; /* "--epochs"; NULL ends a table */
    option_kind kind;
    size_t offset;     /* of its field in the arguments */
    const char *value; /* "N": how help calls the value; "a|b|c" for OPTION_TEXT: the words allowed; NULL for a flag */
    double minimum;
    const char *help;
} option;

/* What a read of the command line came to. FAULT is empty when it was good. */
typedef struct options_result {
    int operand_count;
    bool help; /* --help or -h was given */
    char fault[2048];
} options_result;

/* Reads WORDS[0 .. count - 1] by TABLE into ARGUMENTS; the operands are gathered at the front of WORDS. */
options_result options_read(const option *table, const char **words, int count, void *arguments);

/* Prints a line for each option. */
void options_print(const option *table);

/* The row's usual options. ARGUMENTS is the struct, with fields `bool json` and `const char *device`. */
#define OPTION_JSON(ARGUMENTS)                                                                                         \
    {                                                                                                                  \
        "--json", OPTION_FLAG, offsetof(ARGUMENTS, json), NULL, 0,                                                     \
            "one JSON object on standard output, and nothing else"                                                     \
    }
#define OPTION_DEVICE(ARGUMENTS)                                                                                       \
    {                                                                                                                  \
        "--device", OPTION_TEXT, offsetof(ARGUMENTS, device), "D", 0,                                                  \
            "index, type (gpu, cpu, accelerator) or part of a name, \"/K\" behind it for its K equal parts, \"/K:J\" " \
            "for part J "                                                                                              \
            "(from 0) alone; CLADE_DEVICE does the same"                                                               \
    }
#define OPTIONS_END                                                                                                    \
    { NULL, OPTION_FLAG, 0, NULL, 0, NULL }

#endif
