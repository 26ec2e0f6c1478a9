#include "train/helpers.h"

#include <cjson/cJSON.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void keep(void *user, clade_log_level level, const char *line) {
    fixture *f = user;
    if (level == CLADE_LOG_DEBUG) {
        if (f->traced) f->traced(f->traced_user, line);
        return;
    }
    size_t used = strlen(f->log);
    snprintf(f->log + used, sizeof f->log - used, "%s\n", line);
}

int set_up(void **state) {
    fixture *f = calloc(1, sizeof *f);
    size_t index = 0;
    assert_non_null(f);
    f->context =
        clade_context_new(&(clade_context_options){ .size = sizeof(clade_context_options), .log = keep, .user = f });
    assert_non_null(f->context);
    assert_good(f->context, clade_device_choose(f->context, NULL, &index, NULL));
    assert_good(f->context, clade_device_open(f->context, index, &f->device));
    assert_good(f->context, clade_dataset_open(f->context, "digits:600,200", &f->train, &f->test));
    scratch_make(&f->scratch);
    *state = f;
    return 0;
}

int tear_down(void **state) {
    fixture *f = *state;
    scratch_remove(&f->scratch);
    clade_dataset_free(f->train);
    clade_dataset_free(f->test);
    clade_device_close(f->device);
    clade_context_free(f->context);
    free(f);
    return 0;
}

clade_train_options small_run(fixture *f, const char *folder) {
    return (clade_train_options){
        .size = sizeof(clade_train_options),
        .devices = &f->device,
        .device_count = 1,
        .train = f->train,
        .test = f->test,
        .batch = 56, /* of 540 samples, so that the tenth batch is smaller */
        .epochs = 3,
        .seed = 7,
        .held_out = 60,
        .validate_every = 8,
        .report_every = 3,
        .checkpoint_every = 5,
        .checkpoint_seconds = 1e9,
        .folder = folder,
    };
}

char *path_in(fixture *f, const char *name) {
    char *path = strdup(scratch_path(&f->scratch, name));
    assert_non_null(path);
    return path;
}

char *read_whole(const char *path, size_t *bytes) {
    FILE *file = fopen(path, "rb");
    if (!file) fail_msg("%s cannot be opened", path);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    long length = ftell(file);
    assert_true(length >= 0);
    rewind(file);
    char *data = malloc((size_t)length + 1);
    assert_non_null(data);
    assert_int_equal(fread(data, 1, (size_t)length, file), length);
    data[length] = 0;
    fclose(file);
    if (bytes) *bytes = (size_t)length;
    return data;
}

char *metrics_without_times(const char *folder) {
    char path[600];
    snprintf(path, sizeof path, "%s/metrics.jsonl", folder);
    size_t bytes, length = 0;
    char *file = read_whole(path, &bytes), *out = calloc(bytes + 1, 1);
    assert_non_null(out);
    for (const char *line = file; *line; line += strcspn(line, "\n") + 1) {
        cJSON *json = cJSON_ParseWithLength(line, strcspn(line, "\n"));
        assert_non_null(json);
        cJSON_DeleteItemFromObject(json, "seconds");
        cJSON_DeleteItemFromObject(json, "images_per_second");
        char *text = cJSON_PrintUnformatted(json);
        length += (size_t)sprintf(out + length, "%s\n", text);
        cJSON_free(text);
        cJSON_Delete(json);
    }
    free(file);
    return out;
}

size_t count_checkpoints(const char *folder) {
    DIR *open_folder = opendir(folder);
    assert_non_null(open_folder);
    size_t count = 0;
    for (const struct dirent *entry; (entry = readdir(open_folder)) != NULL;)
        count += strncmp(entry->d_name, "checkpoint-", 11) == 0;
    closedir(open_folder);
    return count;
}
