/* What the tests of the device room share. */
#include "helpers.h"

#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int open_fixture(void **state) {
    static fixture f;
    size_t index = 0;
    f.context = clade_context_new(NULL);
    if (f.context == NULL) return -1;
    if (clade_device_choose(f.context, NULL, &index, NULL) != CLADE_OK ||
        clade_device_open(f.context, index, &f.device) != CLADE_OK) {
        fprintf(stderr, "no device: %s\n", clade_error(f.context));
        return -1;
    }
    *state = &f;
    return 0;
}

int close_fixture(void **state) {
    fixture *f = *state;
    clade_device_close(f->device);
    clade_context_free(f->context);
    return 0;
}

void check_ok(clade_context *context, clade_status status, const char *call, const char *file, int line) {
    if (status == CLADE_OK) return;
    print_error("%s: %s\n", call, clade_error(context));
    _fail(file, line);
}

void check_fault(clade_context *context, clade_status expected, const char *part, clade_status status, const char *call,
                 const char *file, int line) {
    if (status == expected && strstr(clade_error(context), part) != NULL) return;
    print_error("%s gave \"%s\", not \"%s\" with the words \"%s\": %s\n", call, clade_status_text(status),
                clade_status_text(expected), part, clade_error(context));
    _fail(file, line);
}

static const char ramp_source[] = "__kernel void ramp(__global int *out, int n, int factor) {\n"
                                  "    int i = (int)get_global_id(0);\n"
                                  "    if (i < n) out[i] = factor * i;\n"
                                  "}\n";

clade_status record_ramp_in_groups(clade_commands *commands, const clade_buffer *out, int64_t n, int64_t factor,
                                   size_t local) {
    const clade_argument arguments[] = { clade_buffer_argument(out), clade_int_argument(n),
                                         clade_int_argument(factor) };
    return clade_commands_launch(commands, &(clade_launch){ .source = ramp_source,
                                                            .title = "ramp",
                                                            .kernel = "ramp",
                                                            .label = "the ramp",
                                                            .global = { (size_t)n },
                                                            .local = { local },
                                                            .arguments = arguments,
                                                            .argument_count = 3 });
}

clade_status record_ramp(clade_commands *commands, const clade_buffer *out, int64_t n, int64_t factor) {
    return record_ramp_in_groups(commands, out, n, factor, 0);
}

void assert_ramp(clade_context *context, const clade_buffer *out, int64_t n, int64_t factor) {
    int32_t *got = calloc((size_t)n, sizeof *got);
    assert_non_null(got);
    assert_ok(context, clade_buffer_read(out, 0, got, (size_t)n * sizeof *got));
    for (int64_t i = 0; i < n; i++)
        if (got[i] != factor * i) fail_msg("item %lld is %d, not %lld", (long long)i, got[i], (long long)(factor * i));
    free(got);
}

void use_own_cache(const scratch_folder *scratch) {
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    char path[1024];
    snprintf(path, sizeof path, "%s%s/pocl/kcache", cache != NULL ? cache : home, cache != NULL ? "" : "/.cache");
    setenv("POCL_CACHE_DIR", path, 0);
    char *absolute = realpath(scratch->folder, NULL);
    assert_non_null(absolute);
    setenv("XDG_CACHE_HOME", absolute, 1);
    free(absolute);
}
