/* Paths with options behind them, as specs of data sets name them. */
#include "data/spec.h"

#include "base/file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

clade_status clade_spec_open(clade_context *context, const char *word, const char *rest, const char *usage,
                             clade_spec *spec) {
    *spec = (clade_spec){ 0 };
    if (!rest || !*rest || *rest == ',')
        return clade_fail(context, CLADE_ERROR_ARGUMENT, "%s needs to be told where its files are: %s", word, usage);
    spec->text = clade_duplicate(context, rest);
    if (!spec->text) return clade_fail_memory(context, strlen(rest), rest);
    spec->path = spec->text;
    if (clade_file_exists(rest) || clade_file_is_folder(rest)) return CLADE_OK;
    char *comma = strchr(spec->text, ',');
    if (comma) {
        *comma = '\0';
        spec->next = comma + 1;
    }
    return CLADE_OK;
}

void clade_spec_free(clade_context *context, clade_spec *spec) {
    clade_free(context, spec->text);
    *spec = (clade_spec){ 0 };
}

bool clade_spec_next(clade_spec *spec, const char **option, const char **value) {
    if (!spec->next) return false;
    char *text = spec->next, *comma = strchr(text, ',');
    if (comma) *comma = '\0';
    spec->next = comma ? comma + 1 : NULL;
    char *equals = strchr(text, '=');
    if (equals) *equals = '\0';
    *option = text;
    *value = equals ? equals + 1 : "";
    return true;
}

bool clade_spec_number(const char *value, int64_t least, int64_t most, int64_t *number) {
    if (*value < '0' || *value > '9') return false;
    char *end = NULL;
    errno = 0;
    const long long read = strtoll(value, &end, 10);
    if (errno != 0 || *end != '\0' || read < least || read > most) return false;
    *number = read;
    return true;
}

clade_status clade_spec_unknown(clade_context *context, const char *word, const char *option, const char *value,
                                const char *usage) {
    return clade_fail(context, CLADE_ERROR_ARGUMENT, "%s: '%s%s%s' is not understood: %s", word, option,
                      *value ? "=" : "", value, usage);
}
