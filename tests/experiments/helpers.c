#include "experiments/helpers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int set_up(void **state) {
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->device = open_test_device(&f->context);
    scratch_make(&f->scratch);
    *state = f;
    return 0;
}

int tear_down(void **state) {
    fixture *f = *state;
    scratch_remove(&f->scratch);
    close_test_device(f->context, f->device);
    free(f);
    return 0;
}

clade_experiment_result *run(fixture *f, const char *name, const char *data, ...) {
    clade_setting_value settings[8];
    clade_experiment_options options = {
        .size = sizeof options, .device = f->device, .folder = f->scratch.folder, .data = data, .settings = settings
    };
    clade_experiment_result *result = NULL;
    va_list list;
    va_start(list, data);
    for (const char *setting; (setting = va_arg(list, const char *)) != NULL; options.setting_count++) {
        assert_true(options.setting_count < sizeof settings / sizeof *settings);
        settings[options.setting_count] = (clade_setting_value){ setting, va_arg(list, double) };
    }
    va_end(list);
    assert_good(f->context, clade_experiment_run(f->context, name, &options, &result));
    return result;
}

double figure(const clade_experiment_result *result, const char *name) {
    for (size_t i = 0; i < result->figure_count; i++)
        if (strcmp(result->figures[i].name, name) == 0) return result->figures[i].value;
    fail_msg("no figure %s", name);
    return 0;
}

void expect_picture(const clade_experiment_result *result, const char *name, const char *with) {
    char head[64] = "";
    size_t length = strlen(name);
    for (size_t i = 0; i < result->picture_count; i++) {
        const char *path = result->pictures[i];
        if (strlen(path) < length || strcmp(path + strlen(path) - length, name) != 0) continue;
        FILE *file = fopen(path, "rb");
        if (!file) fail_msg("%s cannot be opened", path);
        assert_int_equal(fread(head, 1, strlen(with), file), strlen(with));
        fclose(file);
        assert_string_equal(head, with);
        return;
    }
    fail_msg("no picture %s", name);
}
