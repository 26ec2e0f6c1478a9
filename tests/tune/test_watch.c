/* Events as lines, children that end well, badly or not at all, and the table that Clade comes with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/process.h"
#include "clade/tune.h"
#include "ops/op.h"
#include "tune/shipped.h"

#include <signal.h>
#include <string.h>

static int set_up(void **state) {
    *state = clade_context_new(NULL);
    return *state == NULL;
}

static int tear_down(void **state) {
    clade_context_free(*state);
    return 0;
}

/* ---- events ---- */

static void test_an_event_survives_being_a_line(void **state) {
    (void)state;
    char line[512];
    clade_tune_event read, event = { .kind = CLADE_TUNE_CHOSEN,
                                     .site = 17,
                                     .seconds = 1.25e-3,
                                     .default_seconds = 0.5,
                                     .label = "conv1 conv2d",
                                     .signature = "conv2d 1,1 64x16 -> 64x32",
                                     .candidate = "direct/2",
                                     .detail = "with\ta tab\nand a line" };
    clade_tune_event_print(&event, line, sizeof line);
    assert_null(strchr(line, '\n'));
    assert_true(clade_tune_event_read(line, &read));
    assert_int_equal(read.kind, CLADE_TUNE_CHOSEN);
    assert_int_equal(read.site, 17);
    assert_true(read.seconds == 1.25e-3 && read.default_seconds == 0.5);
    assert_string_equal(read.label, event.label);
    assert_string_equal(read.signature, event.signature);
    assert_string_equal(read.candidate, event.candidate);
    assert_string_equal(read.detail, "with a tab and a line");
}

static void test_other_lines_are_no_events(void **state) {
    (void)state;
    char lines[][64] = { "", "a driver's remark", "tune\t3", "tune\t99\t1\t0\t0\ta\tb\tc\td",
                         "tuna\t1\t1\t0\t0\ta\tb\tc\td" };
    clade_tune_event event;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        assert_false(clade_tune_event_read(lines[i], &event));
}

static void test_a_long_event_is_cut(void **state) {
    (void)state;
    char line[64];
    const clade_tune_event event = { .kind = CLADE_TUNE_SITE,
                                     .label = "label",
                                     .signature = "a signature that is too long" };
    clade_tune_event_print(&event, line, sizeof line);
    assert_true(strlen(line) < sizeof line);
}

/* ---- children ---- */

static clade_process *start(void **state, const char *script) {
    clade_process *process = NULL;
    const char *const words[] = { "sh", "-c", script, NULL };
    if (clade_process_start(*state, words, &process) != CLADE_OK) fail_msg("%s", clade_error(*state));
    return process;
}

static void test_the_lines_of_a_child_are_read_to_its_end(void **state) {
    const char *line;
    clade_process *process = start(state, "echo one; printf 'two\\n\\nend'; exit 3");
    const char *const expected[] = { "one", "two", "" };
    for (int i = 0; i < 3; i++) {
        assert_int_equal(clade_process_read(process, 60, &line), CLADE_PROCESS_LINE);
        assert_string_equal(line, expected[i]);
    }
    assert_int_equal(clade_process_read(process, 60, &line), CLADE_PROCESS_ENDED);
    assert_int_equal(clade_process_finish(process, false), 3);
}

static void test_a_line_longer_than_the_buffer_is_cut(void **state) {
    const char *line;
    clade_process *process = start(state, "head -c 10000 /dev/zero | tr '\\0' x; echo; echo last");
    size_t length = 0;
    do {
        assert_int_equal(clade_process_read(process, 60, &line), CLADE_PROCESS_LINE);
        length += line[0] == 'x' ? strlen(line) : 0;
    } while (strcmp(line, "last") != 0);
    assert_int_equal(length, 10000);
    assert_int_equal(clade_process_finish(process, false), 0);
}

static void test_a_silent_child_is_ended(void **state) {
    const char *line;
    clade_process *process = start(state, "exec sleep 1000");
    assert_int_equal(clade_process_read(process, 0.3, &line), CLADE_PROCESS_SILENT);
    assert_int_equal(clade_process_finish(process, true), -SIGKILL);
}

static void test_a_crash_is_told_by_its_signal(void **state) {
    const char *line;
    clade_process *process = start(state, "kill -SEGV $$");
    assert_int_equal(clade_process_read(process, 60, &line), CLADE_PROCESS_ENDED);
    assert_int_equal(clade_process_finish(process, false), -SIGSEGV);
}

static void test_a_program_that_is_not_there_is_an_error(void **state) {
    clade_process *process = NULL;
    const char *const words[] = { "no-such-program-of-clade", NULL };
    assert_int_equal(clade_process_start(*state, words, &process), CLADE_ERROR_SYSTEM);
    assert_null(process);
    assert_non_null(strstr(clade_error(*state), "no-such-program-of-clade: cannot start it"));
}

/* ---- the table ---- */

static void test_the_table_names_candidates_that_exist(void **state) {
    (void)state;
    for (const clade_shipped_device *device = clade_shipped_devices; device->name != NULL; device++) {
        for (const clade_shipped_choice *choice = device->choices; choice->signature != NULL; choice++) {
            char op[64] = "";
            bool found = false;
            strncat(op, choice->signature, strcspn(choice->signature, " ") < 63 ? strcspn(choice->signature, " ") : 63);
            const clade_op *row = clade_op_find(op);
            if (row == NULL) fail_msg("no operator %s", op);
            const size_t length = strcspn(choice->candidate, "/");
            for (const clade_implementation *const *list = row->implementations; *list != NULL; list++)
                found = found ||
                        (strlen((*list)->name) == length && strncmp((*list)->name, choice->candidate, length) == 0);
            if (!found) fail_msg("%s has no %s", op, choice->candidate);
        }
    }
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_an_event_survives_being_a_line),
        TEST(test_other_lines_are_no_events),
        TEST(test_a_long_event_is_cut),
        TEST(test_the_lines_of_a_child_are_read_to_its_end),
        TEST(test_a_line_longer_than_the_buffer_is_cut),
        TEST(test_a_silent_child_is_ended),
        TEST(test_a_crash_is_told_by_its_signal),
        TEST(test_a_program_that_is_not_there_is_an_error),
        TEST(test_the_table_names_candidates_that_exist),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
