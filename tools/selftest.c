/* clade selftest: every kernel against its reference, on this device and driver. */
#include "command.h"
#include "report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct arguments {
    bool json, list, quiet, separate, in_turn, stop;
    int64_t largest;
    const char *device, *kernels;
} arguments;

/* Failures that are named in the closing line. */
typedef struct progress {
    bool json, quiet;
    json report;
    cJSON *failures;
    char first[512]; /* the first failure, in words */
} progress;

static void describe(const clade_selftest_result *result, char *text, size_t size) {
    snprintf(text, size, "%s %s%s%s%s%s", result->op, result->implementation, result->case_name != NULL ? ", " : "",
             result->case_name != NULL ? result->case_name : "", result->variant[0] != '\0' ? ", " : "",
             result->variant);
}

static void add_failure(progress *p, const clade_selftest_result *result) {
    cJSON *row = json_object(&p->report, p->failures, NULL);
    json_text(&p->report, row, "op", result->op);
    json_text(&p->report, row, "implementation", result->implementation);
    json_text(&p->report, row, "case", result->case_name != NULL ? result->case_name : "");
    json_text(&p->report, row, "variant", result->variant);
    json_number(&p->report, row, "error", result->error);
    json_number(&p->report, row, "tolerance", result->tolerance);
    json_text(&p->report, row, "detail", result->detail);
}

static void report(void *user, const clade_selftest_result *result) {
    progress *p = user;
    bool failed_now = result->verdict == CLADE_VERDICT_FAILED;
    char what[320];
    describe(result, what, sizeof what);
    if (failed_now && p->first[0] == '\0') {
        snprintf(p->first, sizeof p->first, "%s (%.*s)", what, (int)strcspn(result->detail, "\n"), result->detail);
    }
    if (p->json) {
        if (failed_now) add_failure(p, result);
        return;
    }
    if (p->quiet && !failed_now) return;
    printf("%-12s  %s", clade_verdict_text(result->verdict), what);
    if (result->error > 0) printf("  error %.1e of %.1e", result->error, result->tolerance);
    printf("%s%s\n", result->detail[0] != '\0' ? ": " : "", result->detail);
}

static outcome list(void) {
    for (size_t i = 0; clade_operator_name(i) != NULL; i++)
        printf("%s\n", clade_operator_name(i));
    return DONE;
}

/* Whether each operand names a row. */
static outcome check_names(const invocation *call) {
    for (int i = 0; i < call->operand_count; i++) {
        if (is_operator(call->operands[i])) continue;
        fprintf(stderr, "clade selftest: unknown operator \"%.100s\"; the operators are ", call->operands[i]);
        print_operators(stderr);
        fputc('\n', stderr);
        return WRONG_USAGE;
    }
    return DONE;
}

static outcome finish(const invocation *call, progress *p, const char *device, const clade_verify_summary *summary) {
    outcome result = DONE;
    if (p->json) {
        json_text(&p->report, p->report.root, "device", device);
        json_number(&p->report, p->report.root, "passed", (double)summary->passed);
        json_number(&p->report, p->report.root, "failed", (double)summary->failed);
        json_number(&p->report, p->report.root, "inapplicable", (double)summary->inapplicable);
        json_number(&p->report, p->report.root, "left_out", (double)summary->left_out);
        if (!json_print(&p->report)) result = FAILED;
    } else {
        printf("%lld passed, %lld failed, %lld inapplicable, %lld left out on %s\n", (long long)summary->passed,
               (long long)summary->failed, (long long)summary->inapplicable, (long long)summary->left_out, device);
    }
    if (summary->failed > 0)
        result =
            failed_because(call, "%lld tests failed on %s, first %s", (long long)summary->failed, device, p->first);
    return result;
}

/* The words of LIST between commas, COUNT of them; the words lie behind the pointers. The caller frees. NULL when memory
 * is short. */
static const char **split(const char *list, size_t *count) {
    size_t length = strlen(list), words = 1;
    for (size_t i = 0; i < length; i++)
        words += list[i] == ',';
    const char **split = malloc(words * sizeof *split + length + 1);
    if (split == NULL) return NULL;
    char *text = (char *)(void *)(split + words);
    memcpy(text, list, length + 1);
    for (*count = 0; *count < words; text += strlen(text) + 1) {
        text[strcspn(text, ",")] = '\0';
        split[(*count)++] = text;
    }
    return split;
}

static outcome test(const invocation *call, clade_device *device, const char *const *kernels, size_t kernel_count) {
    const arguments *given = call->arguments;
    progress p = { .json = given->json, .quiet = given->quiet };
    if (p.json) {
        p.report = json_new();
        p.failures = json_array(&p.report, p.report.root, "failures");
    }
    clade_selftest_options options = {
        .size = sizeof options,
        .ops = call->operands,
        .op_count = (size_t)call->operand_count,
        .largest = given->largest,
        .separate_buffers = given->separate,
        .stop_at_failure = given->stop,
        .report = report,
        .user = &p,
        .kernels = kernels,
        .kernel_count = kernel_count,
        .in_turn = given->in_turn,
    };
    clade_verify_summary summary = { .passed = 0 };
    if (clade_selftest(device, &options, &summary) == CLADE_OK)
        return finish(call, &p, clade_device_name(device), &summary);
    cJSON_Delete(p.report.root);
    return failed(call);
}

static outcome run(invocation *call) {
    const arguments *given = call->arguments;
    if (given->list) return list();
    outcome result = check_names(call);
    if (result != DONE) return result;
    size_t kernel_count = 0;
    const char **kernels = given->kernels != NULL ? split(given->kernels, &kernel_count) : NULL;
    if (given->kernels != NULL && kernels == NULL) return failed_because(call, "memory is short for --kernels");
    clade_device *device = NULL;
    result = open_device(call, given->device, &device);
    if (result == DONE) result = test(call, device, kernels, kernel_count);
    clade_device_close(device);
    free((void *)kernels);
    return result;
}

static const option options[] = {
    OPTION_DEVICE(arguments),
    { "--list", OPTION_FLAG, offsetof(arguments, list), NULL, 0, "only name the operators" },
    { "--quiet", OPTION_FLAG, offsetof(arguments, quiet), NULL, 0, "only failures and the counts" },
    { "--largest", OPTION_INTEGER, offsetof(arguments, largest), "N", 1,
      "leave out cases with an array of more elements" },
    { "--kernels", OPTION_TEXT, offsetof(arguments, kernels), "LIST", 0,
      "only what launches one of these: FILE:KERNEL or FILE, with commas between" },
    { "--separate", OPTION_FLAG, offsetof(arguments, separate), NULL, 0,
      "every array in a buffer of its own, unwritten: for memory checkers" },
    { "--in-turn", OPTION_FLAG, offsetof(arguments, in_turn), NULL, 0,
      "each case in one configuration, the next case in the next: for slow devices" },
    { "--stop", OPTION_FLAG, offsetof(arguments, stop), NULL, 0, "end at the first failure" },
    OPTION_JSON(arguments),
    OPTIONS_END,
};

const command command_selftest = {
    .name = "selftest",
    .operands = "[OP...]",
    .title = "every kernel against its reference on this driver",
    .details =
        "Every implementation of the named operators (default: all) runs on every case that it accepts. It fails "
        "when a result is off, a buffer is written outside its bounds, or an implementation was never exercised.",
    .operand_maximum = 1000,
    .options = options,
    .arguments_size = sizeof(arguments),
    .run = run,
};
