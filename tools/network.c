#include "network.h"

#include "system.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool ends_in(const char *name, const char *end) {
    const size_t length = strlen(name), wanted = strlen(end);
    return length > wanted && strcmp(name + length - wanted, end) == 0;
}

/* Reads numbers with commas between; returns how many, 0 when something is not understood. */
static int read_numbers(const char *text, double *numbers, int most) {
    for (int count = 0; count < most;) {
        char *end = NULL;
        numbers[count++] = strtod(text, &end);
        if (end == text || !isfinite(numbers[count - 1])) return 0;
        if (*end == '\0') return count;
        if (*end != ',') return 0;
        text = end + 1;
    }
    return 0;
}

static bool read_list(const char *text, double *list, int *count) {
    if (text != NULL) *count = read_numbers(text, list, CLADE_MOST_SCALED);
    return text == NULL || *count > 0;
}

static bool read_sizes_of(const char *text, int64_t image[3]) {
    double sizes[3];
    if (text == NULL) return true;
    if (read_numbers(text, sizes, 3) != 3) return false;
    for (int i = 0; i < 3; i++) {
        if (!(sizes[i] >= 1 && sizes[i] <= INT32_MAX) || sizes[i] != floor(sizes[i])) return false;
        image[i] = (int64_t)sizes[i];
    }
    return true;
}

static outcome read_input(const invocation *call, const input_options *given, clade_network_options *options) {
    clade_input_scaling *scaling = &options->scaling;
    scaling->scale = given->scale;
    if (!read_list(given->mean, scaling->mean, &scaling->mean_count))
        return wrong_usage(call->command, "--mean wants M or M,M,M: at most %d numbers", CLADE_MOST_SCALED);
    if (!read_list(given->deviation, scaling->deviation, &scaling->deviation_count))
        return wrong_usage(call->command, "--std wants D or D,D,D: at most %d numbers", CLADE_MOST_SCALED);
    if (!read_sizes_of(given->sizes, options->image))
        return wrong_usage(call->command, "--input wants C,H,W, not \"%.100s\"", given->sizes);
    return DONE;
}

outcome open_network(const invocation *call, const char *name, const input_options *given,
                     clade_network_options options, clade_network **network) {
    options.size = sizeof options;
    outcome result = given != NULL ? read_input(call, given, &options) : DONE;
    if (result != DONE) return result;
    const bool file = options.trained || ends_in(name, ".onnx") || system_exists(name);
    if (!file && find_model(call, name) == NULL) return WRONG_USAGE;
    return clade_network_open(call->context, name, &options, network) == CLADE_OK ? DONE : failed(call);
}

/* ---- sizes that a file leaves open ---- */

typedef struct open_sizes {
    const option_pairs *given;
    int64_t sizes[OPTION_MOST_PAIRS];
    bool used[OPTION_MOST_PAIRS];
} open_sizes;

/* The letters of pair I before its last "=", so that names may have one. */
static int name_length(const open_sizes *sizes, int i) {
    return (int)(strrchr(sizes->given->words[i], '=') - sizes->given->words[i]);
}

static outcome read_open_sizes(const invocation *call, const option_pairs *given, open_sizes *sizes) {
    *sizes = (open_sizes){ .given = given };
    for (int i = 0; i < given->count; i++) {
        char *end = NULL;
        const char *number = given->words[i] + name_length(sizes, i) + 1;
        sizes->sizes[i] = strtoll(number, &end, 10);
        if (end == number || *end != '\0' || sizes->sizes[i] < 1 || sizes->sizes[i] > INT32_MAX)
            return wrong_usage(call->command, "--size wants NAME=N, N at least 1, not \"%.100s\"", given->words[i]);
    }
    return DONE;
}

static bool is_named(const open_sizes *sizes, int i, const char *name) {
    const int length = name_length(sizes, i);
    return name != NULL && (int)strlen(name) == length && memcmp(sizes->given->words[i], name, (size_t)length) == 0;
}

/* A clade_onnx_settle of what is given. */
static void settle(void *user, const char *input, const char *const *names, clade_dims *dims) {
    open_sizes *sizes = user;
    for (int32_t axis = 0; axis < dims->rank; axis++) {
        if (dims->size[axis] > 0) continue;
        char place[512];
        snprintf(place, sizeof place, "%s:%d", input, (int)axis);
        for (int i = 0; i < sizes->given->count; i++) {
            if (!is_named(sizes, i, names[axis]) && !is_named(sizes, i, place)) continue;
            dims->size[axis] = sizes->sizes[i];
            sizes->used[i] = true;
        }
    }
}

outcome open_onnx(const invocation *call, const char *path, const option_pairs *given, clade_onnx_options options,
                  clade_onnx **network) {
    open_sizes sizes;
    const outcome result = read_open_sizes(call, given, &sizes);
    if (result != DONE) return result;
    options.size = sizeof options;
    options.settle = settle;
    options.user = &sizes;
    if (clade_onnx_read(call->context, path, &options, network) != CLADE_OK) return failed(call);
    for (int i = 0; i < given->count; i++)
        if (!sizes.used[i])
            return failed_because(call, "%s: leaves no size \"%.*s\" open", path, name_length(&sizes, i),
                                  given->words[i]);
    return DONE;
}

/* ---- text ---- */

char *read_lines(const char *path, int64_t *count) {
    enum { MOST = 1 << 20 };
    FILE *file = fopen(path, "rb");
    char *text = file != NULL ? calloc(MOST + 1, 1) : NULL;
    const size_t length = text != NULL ? fread(text, 1, MOST, file) : 0;
    const bool whole = text != NULL && ferror(file) == 0 && feof(file) != 0;
    size_t kept = 0;
    if (file != NULL) fclose(file);
    *count = 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\r') continue;
        *count += text[i] == '\n' || i + 1 == length;
        text[kept++] = text[i] == '\n' ? '\0' : text[i];
    }
    if (text != NULL) text[kept] = '\0';
    if (whole && length > 0) return text;
    free(text);
    return NULL;
}
