/* Which candidate is taken, and which never again. The row is the test's own, y = 2x, with implementations that are good,
 * wrong and not even OpenCL C; their order of suitability puts the bad ones first. */
#include "support/device.h"

#include "clade/tune.h"
#include "support/scratch.h"
#include "tune/choose.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { COUNT = 1000 };

static bool infer(const clade_node *node, clade_type out[], clade_text *why) {
    (void)why;
    out[0] = *clade_value_type(node->inputs[0]);
    return true;
}

static void reference(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    (void)node;
    for (int64_t i = 0; i < in[0].count; i++)
        out[0].data[i] = 2 * in[0].data[i];
}

static double reference_at(const clade_node *node, const clade_tensor in[], const clade_tensor *out, int64_t element) {
    (void)node, (void)out;
    return 2 * in[0].data[element];
}

static clade_status record(const clade_site *site, clade_commands *commands, const char *statement) {
    char source[512];
    snprintf(source, sizeof source,
             "kernel void twice(global float *x, global float *y, int n) { int i = get_global_id(0); if (i < n) %s }\n",
             statement);
    const clade_argument arguments[] = {
        clade_buffer_argument(site->in[0].buffer),
        clade_buffer_argument(site->out[0].buffer),
        clade_int_argument(site->in[0].count),
    };
    return clade_commands_launch(commands, &(clade_launch){ .source = source,
                                                            .title = "twice",
                                                            .kernel = "twice",
                                                            .label = site->label,
                                                            .global = { COUNT },
                                                            .arguments = arguments,
                                                            .argument_count = 3 });
}

static const char *statements[] = { "y[i] = 2 * x[i];", "if (i != 999) y[i] = 2 * x[i];", "no kernel",
                                    "y[i] = x[i] + x[i];" };

static clade_status record_good(const clade_site *site, clade_commands *commands) {
    return record(site, commands, statements[site->configuration == 0 ? 0 : 3]);
}
static clade_status record_wrong(const clade_site *site, clade_commands *commands) {
    return record(site, commands, statements[1]);
}
static clade_status record_broken(const clade_site *site, clade_commands *commands) {
    return record(site, commands, statements[2]);
}

static double low(const clade_site *site) {
    (void)site;
    return 1;
}
static double high(const clade_site *site) {
    (void)site;
    return 2;
}
static int two(const clade_site *site) {
    (void)site;
    return 2;
}

static const clade_implementation good = {
    .name = "good", .suitability = low, .configurations = two, .record = record_good
};
static const clade_implementation spare = { .name = "spare", .record = record_good };
static const clade_implementation wrong = { .name = "wrong", .suitability = high, .record = record_wrong };
static const clade_implementation broken = { .name = "broken", .suitability = high, .record = record_broken };
static const clade_implementation *const implementations[] = { &spare, &good, &wrong, &broken, NULL };
static const clade_implementation wrong_too = { .name = "wrong too", .record = record_wrong };
static const clade_implementation broken_too = { .name = "broken too", .record = record_broken };
static const clade_implementation *const only_wrong[] = { &wrong, &wrong_too, NULL };
static const clade_implementation *const only_broken[] = { &broken, &broken_too, NULL };

static clade_op row = { .name = "twice",
                        .input_minimum = 1,
                        .input_maximum = 1,
                        .outputs = 1,
                        .infer = infer,
                        .reference = reference,
                        .reference_at = reference_at,
                        .implementations = implementations };

typedef struct fixture {
    clade_context *context;
    clade_device *device;
    clade_graph *graph;
    clade_site site;
    clade_choices choices;
    int warnings;
    char reasons[2048], error[1024];
} fixture;

static void keep_warnings(void *user, clade_log_level level, const char *line) {
    (void)line;
    if (level == CLADE_LOG_WARNING) ((fixture *)user)->warnings++;
}

/* One cache folder for all: drivers keep theirs in it too, and do not like to see it go. */
static scratch_folder scratch;

static int make_cache(void **state) {
    char folder[1024];
    (void)state;
    scratch_make(&scratch);
    assert_non_null(getcwd(folder, sizeof folder - sizeof scratch.folder - 1));
    strcat(strcat(folder, "/"), scratch.folder);
    return setenv("XDG_CACHE_HOME", folder, 1);
}

static int remove_cache(void **state) {
    (void)state;
    scratch_remove(&scratch);
    return 0;
}

/* Each test has a row of its own name, of which nothing is known. */
static int set_up(void **state) {
    static fixture f;
    static char name[24];
    static int number;
    size_t index;
    f = (fixture){ .warnings = 0 };
    snprintf(name, sizeof name, "twice%d", ++number);
    row.name = name;
    unsetenv("CLADE_FORCE");
    unsetenv("CLADE_TUNE_DB");
    f.context = clade_context_new(
        &(clade_context_options){ .size = sizeof(clade_context_options), .log = keep_warnings, .user = &f });
    assert_good(f.context, clade_device_choose(f.context, NULL, &index, NULL));
    assert_good(f.context, clade_device_open(f.context, index, &f.device));
    f.graph = clade_graph_new(f.context);
    row.implementations = implementations;
    clade_value x = clade_input(f.graph, "x", CLADE_F32, clade_shape(COUNT));
    const clade_node *node = clade_value_node(clade_append(f.graph, &row, "", NULL, &x, 1));
    f.site = (clade_site){ .node = node,
                           .device = f.device,
                           .binding = { 1, 1 },
                           .in = { { CLADE_F32, 1, { COUNT }, COUNT, NULL } },
                           .out = { { CLADE_F32, 1, { COUNT }, COUNT, NULL } },
                           .label = "twice" };
    f.choices.context = f.context;
    *state = &f;
    return 0;
}

static int tear_down(void **state) {
    fixture *f = *state;
    clade_choices_free(&f->choices);
    clade_graph_free(f->graph);
    clade_device_close(f->device);
    clade_context_free(f->context);
    unsetenv("CLADE_FORCE");
    unsetenv("CLADE_TUNE_DB");
    return 0;
}

/* A choice, or the error; what was kept in memory is forgotten first when AFRESH, as in another process. */
static const char *choose(fixture *f, bool afresh) {
    clade_choice chosen;
    clade_text reasons = { .context = f->context };
    static clade_choice_name name;
    if (afresh) clade_choices_free(&f->choices);
    clade_status status = clade_choose(&f->site, &f->choices, &chosen, &reasons);
    snprintf(f->reasons, sizeof f->reasons, "%s", clade_text_get(&reasons));
    clade_text_free(&reasons);
    snprintf(f->error, sizeof f->error, "%s", status == CLADE_OK ? "" : clade_error(f->context));
    if (status != CLADE_OK) return f->error;
    name = clade_choice_text(chosen);
    return name.text;
}

/* A record of the user's database, for kernels as they are (or others than those). */
static void measured(fixture *f, const char *kind, const clade_choice choice, double microseconds, bool other_kernels) {
    clade_known *known;
    clade_kernels kernels;
    clade_text signature = { .context = f->context };
    clade_site_signature(&f->site, &signature);
    assert_good(f->context, clade_known_new(f->device, &known));
    assert_good(f->context, clade_choice_kernels(&f->site, choice, &known->hashes, &kernels));
    const clade_record one = { .kind = kind,
                               .kernels = kernels.hash + other_kernels,
                               .candidate = clade_choice_text(choice).text,
                               .microseconds = microseconds,
                               .signature = clade_text_get(&signature),
                               .detail = "" };
    assert_good(f->context, clade_records_append(&known->choices, &one));
    clade_text_free(&signature);
    clade_known_free(known);
}

static void test_wrong_and_broken_candidates_are_told_once_and_not_taken_again(void **state) {
    fixture *f = *state;
    assert_string_equal(choose(f, true), "good");
    assert_int_equal(f->warnings, 2);
    assert_non_null(strstr(f->reasons, "good: can, suitability 1, the default"));
    assert_non_null(strstr(f->reasons, "wrong: can, suitability 2, output 0: element 999 "));
    assert_string_equal(choose(f, true), "good");
    assert_non_null(strstr(f->reasons, "broken: can, suitability 2, quarantined: twice: does not build or run"));
    assert_int_equal(f->warnings, 2);
}

static void test_changed_kernels_are_judged_anew(void **state) {
    fixture *f = *state;
    const char *was = statements[1];
    assert_string_equal(choose(f, true), "good");
    statements[1] = "y[i] = x[i] * 2;";
    assert_string_equal(choose(f, true), "wrong");
    statements[1] = was;
    assert_string_equal(choose(f, true), "good");
    assert_int_equal(f->warnings, 2);
}

static void test_when_all_are_wrong_the_error_names_them(void **state) {
    fixture *f = *state;
    row.implementations = only_wrong;
    assert_non_null(strstr(choose(f, true), "twice cannot run on "));
    assert_non_null(strstr(f->error, "wrong: can"));
    assert_non_null(strstr(f->error, "wrong too: can"));
}

/* A full disk, a compiler that is gone: no candidate's fault. */
static void test_when_none_builds_none_is_quarantined(void **state) {
    fixture *f = *state;
    row.implementations = only_broken;
    for (int i = 0; i < 2; i++) {
        assert_non_null(strstr(choose(f, true), "does not compile"));
        assert_int_equal(f->warnings, 0);
    }
}

static void test_force_takes_even_a_wrong_one(void **state) {
    fixture *f = *state;
    setenv("CLADE_FORCE", "wrong", 1);
    assert_string_equal(choose(f, true), "wrong");
    assert_non_null(strstr(f->reasons, "forced by CLADE_FORCE"));
    setenv("CLADE_FORCE", "good/1", 1);
    assert_string_equal(choose(f, true), "good/1");
    setenv("CLADE_FORCE", "good/7", 1); /* there is none */
    assert_string_equal(choose(f, true), "good");
    setenv("CLADE_FORCE", "another", 1);
    assert_string_equal(choose(f, true), "good");
}

static void test_the_database_decides_unless_it_is_ignored_or_the_kernels_changed(void **state) {
    fixture *f = *state;
    measured(f, "best", (clade_choice){ &good, 1 }, 50, false);
    measured(f, "time", (clade_choice){ &good, 0 }, 75, false);
    measured(f, "best", (clade_choice){ &spare, 0 }, 10, true); /* of other kernels: as if it were not there */
    assert_string_equal(choose(f, true), "good/1");
    assert_non_null(strstr(f->reasons, "good/1: can, suitability 1, measured 0.05 ms, fastest by the user's database"));
    assert_non_null(strstr(f->reasons, "good: can, suitability 1, measured 0.075 ms\n"));
    setenv("CLADE_TUNE_DB", "none", 1);
    assert_string_equal(choose(f, true), "good");
}

static void test_a_session_keeps_its_choices_against_the_database(void **state) {
    fixture *f = *state;
    clade_text text = { .context = f->context };
    assert_string_equal(choose(f, true), "good");
    measured(f, "best", (clade_choice){ &spare, 0 }, 50, false);
    assert_string_equal(choose(f, false), "good");
    assert_non_null(strstr(f->reasons, "chosen before"));
    clade_choices_print(&f->choices, &text);
    clade_choices_free(&f->choices);
    assert_good(f->context, clade_choices_parse(&f->choices, clade_text_get(&text)));
    assert_string_equal(choose(f, false), "good");
    assert_string_equal(choose(f, true), "spare");
    clade_text_free(&text);
}

static void test_a_kept_choice_that_is_bad_is_replaced(void **state) {
    fixture *f = *state;
    clade_text text = { .context = f->context };
    char line[64];
    snprintf(line, sizeof line, "%s 1000 -> 1000 = wrong\n", row.name);
    assert_good(f->context, clade_choices_parse(&f->choices, line));
    assert_string_equal(choose(f, false), "good");
    clade_choices_print(&f->choices, &text);
    assert_non_null(strstr(clade_text_get(&text), " 1000 -> 1000 = good\n"));
    clade_text_free(&text);
}

/* ---- the journal ---- */

static void try_and_die(fixture *f, bool die) {
    clade_known *known;
    clade_journal_entry entry;
    char signature[64];
    snprintf(signature, sizeof signature, "%s 1000 -> 1000", row.name);
    clade_subject subject = { .signature = signature, .op = row.name, .choice = { &good, 0 } };
    subject.name = clade_choice_text(subject.choice);
    assert_good(f->context, clade_known_new(f->device, &known));
    assert_good(f->context, clade_choice_kernels(&f->site, subject.choice, &known->hashes, &subject.kernels));
    clade_journal_begin(known, &subject, &entry);
    assert_non_null(entry.path);
    if (die) clade_file_lock_drop(&entry.lock); /* as the end of the process would */
    assert_string_equal(choose(f, true), die ? "spare" : "good");
    clade_journal_end(known, &entry);
    clade_known_free(known);
}

static void test_what_a_dead_process_was_trying_is_quarantined(void **state) {
    fixture *f = *state;
    try_and_die(f, true);
    assert_int_equal(f->warnings, 3);
    assert_string_equal(choose(f, true), "spare");
    assert_non_null(
        strstr(f->reasons, "good: can, suitability 1, quarantined: twice: was being tried when its process"));
    assert_int_equal(f->warnings, 3);
}

static void test_what_a_living_process_is_trying_is_left_alone(void **state) {
    try_and_die(*state, false);
    assert_int_equal(((fixture *)*state)->warnings, 2);
}

static void count_entries(void *user, const clade_quarantined *entry) {
    if (strcmp(entry->op, row.name) == 0) ++*(int *)user;
}

static void test_a_cleared_quarantine_is_tried_again(void **state) {
    fixture *f = *state;
    int count = 0;
    assert_string_equal(choose(f, true), "good");
    assert_good(f->context, clade_quarantine_list(f->context, count_entries, &count));
    assert_int_equal(count, 2);
    assert_good(f->context, clade_quarantine_clear(f->device));
    count = 0;
    assert_good(f->context, clade_quarantine_list(f->context, count_entries, &count));
    assert_int_equal(count, 0);
    assert_string_equal(choose(f, true), "good");
    assert_int_equal(f->warnings, 4);
}

static void test_without_a_cache_folder_choices_are_made_all_the_same(void **state) {
    fixture *f = *state;
    const char *home = getenv("HOME");
    char kept[1024];
    snprintf(kept, sizeof kept, "%s", home != NULL ? home : "");
    unsetenv("XDG_CACHE_HOME");
    unsetenv("HOME");
    assert_string_equal(choose(f, true), "good");
    setenv("HOME", kept, 1);
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_wrong_and_broken_candidates_are_told_once_and_not_taken_again),
        TEST(test_changed_kernels_are_judged_anew),
        TEST(test_when_all_are_wrong_the_error_names_them),
        TEST(test_when_none_builds_none_is_quarantined),
        TEST(test_force_takes_even_a_wrong_one),
        TEST(test_the_database_decides_unless_it_is_ignored_or_the_kernels_changed),
        TEST(test_a_session_keeps_its_choices_against_the_database),
        TEST(test_a_kept_choice_that_is_bad_is_replaced),
        TEST(test_what_a_dead_process_was_trying_is_quarantined),
        TEST(test_what_a_living_process_is_trying_is_left_alone),
        TEST(test_a_cleared_quarantine_is_tried_again),
        TEST(test_without_a_cache_folder_choices_are_made_all_the_same),
    };
    return cmocka_run_group_tests(tests, make_cache, remove_cache);
}
