/* The part of a data set's spec behind its colon where it is a path and options: "PATH[,OPTION[=VALUE]]...". The
 * first comma ends the path, unless the whole text is the path of something that is there. */
#ifndef CLADE_DATA_SPEC_H
#define CLADE_DATA_SPEC_H

#include "base/context.h"

typedef struct clade_spec {
    char *text; /* owned; the rest points into it */
    char *path, *next;
} clade_spec;

/* CLADE_ERROR_ARGUMENT where there is no path: "WORD needs ... USAGE". Free with clade_spec_free(). */
clade_status clade_spec_open(clade_context *context, const char *word, const char *rest, const char *usage,
                             clade_spec *spec);
void clade_spec_free(clade_context *context, clade_spec *spec);

/* The next option and its value ("" without one); false past the last. */
bool clade_spec_next(clade_spec *spec, const char **option, const char **value);
/* A whole number from LEAST to MOST, and nothing after it. */
bool clade_spec_number(const char *value, int64_t least, int64_t most, int64_t *number);
/* The usual fault of an option that is not understood. */
clade_status clade_spec_unknown(clade_context *context, const char *word, const char *option, const char *value,
                                const char *usage);

#endif
