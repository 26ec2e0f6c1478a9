/* Eight processes on one cache at once, while entries are damaged beneath them: every one gets right results. The
 * parent loads no driver, since drivers do not survive a fork. */
#include "helpers.h"

#include "base/file.h"
#include "device/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PROCESSES = 8, PROGRAMS = 3, ROUNDS = 3 };

/* Cuts or alters an entry of the cache, or removes it, as another process's crash or a bad disk might. */
static void damage_one(clade_context *context, int choice) {
    clade_folder_entry *entries = NULL;
    size_t count = 0;
    char path[2048];
    char *folder = clade_program_cache_folder(context);
    if (folder != NULL && clade_folder_list(context, folder, &entries, &count) == CLADE_OK && count > 0) {
        const clade_folder_entry *entry = &entries[(size_t)choice % count];
        snprintf(path, sizeof path, "%s/%s", folder, entry->name);
        if (choice % 3 == 0)
            remove(path);
        else if (truncate(path, choice % 3 == 1 ? (off_t)(entry->bytes / 2) : 0) != 0)
            remove(path);
    }
    clade_folder_free(context, entries, count);
    clade_free(context, folder);
}

static clade_status run_programs(clade_context *context, clade_device *device) {
    clade_commands *commands = NULL;
    clade_buffer out = { 0 };
    int32_t got[PROGRAMS] = { 0 };
    char options[64];
    clade_status status = clade_buffer_new(device, sizeof got, "out", &out);
    if (status == CLADE_OK) status = clade_commands_new(device, &commands);
    for (int i = 0; i < PROGRAMS && status == CLADE_OK; i++) {
        const clade_argument arguments[] = { clade_buffer_argument(&out), clade_int_argument(i) };
        snprintf(options, sizeof options, "-DVALUE=%d", 100 + i);
        status = clade_commands_launch(
            commands, &(clade_launch){ .source = "__kernel void put(__global int *out, int at) { out[at] = VALUE; }\n",
                                       .title = "put",
                                       .kernel = "put",
                                       .options = options,
                                       .local = { 1 },
                                       .arguments = arguments,
                                       .argument_count = 2 });
    }
    if (status == CLADE_OK) status = clade_commands_enqueue(commands);
    if (status == CLADE_OK) status = clade_buffer_read(&out, 0, got, sizeof got);
    for (int i = 0; i < PROGRAMS && status == CLADE_OK; i++)
        if (got[i] != 100 + i) status = clade_fail(context, CLADE_ERROR_DEVICE, "program %d gave %d", i, got[i]);
    clade_commands_free(commands);
    clade_buffer_free(&out);
    return status;
}

/* The life of one process; its exit status. */
static int process(int number) {
    clade_context *context = clade_context_new(NULL);
    clade_status status = CLADE_OK;
    size_t index = 0;
    for (int round = 0; round < ROUNDS && status == CLADE_OK; round++) {
        clade_device *device = NULL;
        status = clade_device_choose(context, NULL, &index, NULL);
        if (status == CLADE_OK) status = clade_device_open(context, index, &device);
        if (status == CLADE_OK) status = run_programs(context, device);
        if (status != CLADE_OK) fprintf(stderr, "process %d: %s\n", number, clade_error(context));
        clade_device_close(device);
        damage_one(context, number * ROUNDS + round);
    }
    clade_context_free(context);
    return status == CLADE_OK ? 0 : 1;
}

static void test_eight_processes_share_a_cache_that_is_damaged_beneath_them(void **state) {
    (void)state;
    scratch_folder cache;
    pid_t children[PROCESSES];
    scratch_make(&cache);
    use_own_cache(&cache);
    for (int i = 0; i < PROCESSES; i++) {
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (children[i] == 0) _exit(process(i));
    }
    int failures = 0;
    for (int i = 0; i < PROCESSES; i++) {
        int result = -1;
        assert_int_equal(waitpid(children[i], &result, 0), children[i]);
        failures += !WIFEXITED(result) || WEXITSTATUS(result) != 0;
    }
    assert_int_equal(failures, 0);
    scratch_remove(&cache);
}

int main(void) {
    setenv("CLADE_DEVICE", "0", 0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_eight_processes_share_a_cache_that_is_damaged_beneath_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
