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
