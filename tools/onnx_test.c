/* clade onnx-test: ONNX's backend tests, folders that each hold a model and what it must give. */
#include "command.h"
#include "report.h"

#include "clade/onnx.h"

#include <stdio.h>

typedef struct arguments {
    const char *device;
    bool json, quiet;
} arguments;

typedef struct progress {
    const arguments *given;
    json report;
    cJSON *others;
    int64_t counts[CLADE_ONNX_UNSUPPORTED + 1];
} progress;

static void report(void *user, const clade_onnx_test_result *result) {
    static const char *const words[] = {
        [CLADE_ONNX_PASSED] = "passed", [CLADE_ONNX_FAILED] = "FAILED", [CLADE_ONNX_UNSUPPORTED] = "skipped"
    };
    progress *p = user;
    p->counts[result->verdict]++;
    if (p->given->json) {
        if (result->verdict == CLADE_ONNX_PASSED) return;
        cJSON *row = json_object(&p->report, p->others, NULL);
        json_text(&p->report, row, "folder", result->folder);
        json_text(&p->report, row, "verdict", words[result->verdict]);
        json_text(&p->report, row, "detail", result->detail);
    } else if (!p->given->quiet || result->verdict != CLADE_ONNX_PASSED) {
        printf("%-8s %s%s%s\n", words[result->verdict], result->folder, result->detail[0] != '\0' ? ": " : "",
               result->detail);
    }
}

static outcome finish(const invocation *call, progress *p) {
    const int64_t *counts = p->counts;
    if (p->given->json) {
        json_number(&p->report, p->report.root, "passed", (double)counts[CLADE_ONNX_PASSED]);
        json_number(&p->report, p->report.root, "failed", (double)counts[CLADE_ONNX_FAILED]);
        json_number(&p->report, p->report.root, "skipped", (double)counts[CLADE_ONNX_UNSUPPORTED]);
        if (!json_print(&p->report)) return FAILED;
    } else {
        printf("%lld passed, %lld failed, %lld skipped\n", (long long)counts[CLADE_ONNX_PASSED],
               (long long)counts[CLADE_ONNX_FAILED], (long long)counts[CLADE_ONNX_UNSUPPORTED]);
    }
    if (counts[CLADE_ONNX_FAILED] == 0) return DONE;
    return failed_because(call, "%lld tests failed", (long long)counts[CLADE_ONNX_FAILED]);
}

static outcome run(invocation *call) {
    progress p = { .given = call->arguments };
    clade_device *device = NULL;
    outcome result = open_device(call, p.given->device, &device);
    if (result != DONE) return result;
    if (p.given->json) {
        p.report = json_new();
        p.others = json_array(&p.report, p.report.root, "not_passed");
    }
    for (int i = 0; i < call->operand_count && result == DONE; i++)
        if (clade_onnx_test(device, call->operands[i], report, &p) != CLADE_OK) result = failed(call);
    clade_device_close(device);
    if (result == DONE) return finish(call, &p);
    cJSON_Delete(p.report.root);
    return result;
}

static const option options[] = {
    OPTION_DEVICE(arguments),
    { "--quiet", OPTION_FLAG, offsetof(arguments, quiet), NULL, 0, "only what did not pass, and the counts" },
    OPTION_JSON(arguments),
    OPTIONS_END,
};

const command command_onnx_test = {
    .name = "onnx-test",
    .operands = "DIR...",
    .title = "ONNX's backend tests",
    .details =
        "Each DIR holds model.onnx and test_data_set_N/input_K.pb and output_K.pb, or such folders below it. A test "
        "is skipped when its model asks for what Clade does not do: nothing of it is run.",
    .operand_minimum = 1,
    .operand_maximum = 10000,
    .options = options,
    .arguments_size = sizeof(arguments),
    .run = run,
};
