/* clade gradcheck: the gradient graph against finite differences, in double on the host. No device is used. */
#include "command.h"
#include "report.h"

#include <stdio.h>
#include <string.h>

typedef struct arguments {
    bool json, quiet;
    int64_t batch, samples;
    uint64_t seed;
} arguments;

typedef struct progress {
    bool json, quiet;
    json report;
    cJSON *failures;
    char first[512];
} progress;

static void report(void *user, const clade_gradcheck_result *result) {
    progress *p = user;
    bool failed_now = result->verdict == CLADE_VERDICT_FAILED;
    char what[320];
    snprintf(what, sizeof what, "%s%s%s, %s, order %d", result->op, result->case_name[0] != '\0' ? ", " : "",
             result->case_name, result->input, result->order);
    if (failed_now && p->first[0] == '\0')
        snprintf(p->first, sizeof p->first, "%s (error %.1e of %.1e)", what, result->error, result->tolerance);
    if (p->json) {
        if (!failed_now) return;
        cJSON *row = json_object(&p->report, p->failures, NULL);
        json_text(&p->report, row, "op", result->op);
        json_text(&p->report, row, "case", result->case_name);
        json_text(&p->report, row, "input", result->input);
        json_number(&p->report, row, "order", result->order);
        json_number(&p->report, row, "error", result->error);
        json_number(&p->report, row, "tolerance", result->tolerance);
        json_text(&p->report, row, "detail", result->detail);
        return;
    }
    if (p->quiet && !failed_now) return;
    printf("%-12s  %s", clade_verdict_text(result->verdict), what);
    if (result->checked > 0)
        printf("  error %.1e of %.1e, %lld of %lld elements", result->error, result->tolerance,
               (long long)result->checked, (long long)result->elements);
    printf("%s%s\n", result->detail[0] != '\0' ? ": " : "", result->detail);
}

static outcome unknown(const char *name) {
    fprintf(stderr, "clade gradcheck: \"%.100s\" is neither an operator nor a model; the models are ", name);
    print_models(stderr);
    fprintf(stderr, "; the operators ");
    print_operators(stderr);
    fputc('\n', stderr);
    return WRONG_USAGE;
}

/* How the check of a whole model went: DONE when it could be made. */
static outcome check_model(const invocation *call, const clade_model *model, clade_gradcheck_options *options,
                           clade_verify_summary *summary) {
    const arguments *given = call->arguments;
    model_inputs inputs;
    clade_model_values built;
    clade_graph *graph = build_model(call, model, NULL, &inputs, &built);
    if (graph == NULL) return FAILED;
    options->label_bound = model->classes;
    if (options->samples == 0) options->samples = 20; /* each takes two evaluations of the whole network */
    clade_status status = clade_gradcheck_loss(clade_model_total_loss(&built), given->batch, options, summary);
    clade_graph_free(graph);
    return status == CLADE_OK ? DONE : failed(call);
}

static outcome check_operators(const invocation *call, const char *name, const clade_gradcheck_options *options,
                               clade_verify_summary *summary) {
    return clade_gradcheck_op(call->context, name, options, summary) == CLADE_OK ? DONE : failed(call);
}

static outcome finish(const invocation *call, progress *p, const clade_verify_summary *summary) {
    outcome result = DONE;
    if (p->json) {
        json_number(&p->report, p->report.root, "passed", (double)summary->passed);
        json_number(&p->report, p->report.root, "failed", (double)summary->failed);
        json_number(&p->report, p->report.root, "inapplicable", (double)summary->inapplicable);
        if (!json_print(&p->report)) result = FAILED;
    } else {
        printf("%lld passed, %lld failed, %lld inapplicable\n", (long long)summary->passed, (long long)summary->failed,
               (long long)summary->inapplicable);
    }
    if (summary->failed > 0)
        result = failed_because(call, "%lld gradients differ from finite differences, first %s",
                                (long long)summary->failed, p->first);
    return result;
}

static outcome run(invocation *call) {
    const arguments *given = call->arguments;
    const char *name = call->operands[0];
    const clade_model *model = clade_model_find(name);
    bool all = strcmp(name, "all") == 0;
    if (!all && model == NULL && !is_operator(name)) return unknown(name);

    progress p = { .json = given->json, .quiet = given->quiet };
    if (p.json) {
        p.report = json_new();
        json_text(&p.report, p.report.root, "checked", name);
        p.failures = json_array(&p.report, p.report.root, "failures");
    }
    clade_gradcheck_options options = {
        .size = sizeof options, .samples = given->samples, .seed = given->seed, .report = report, .user = &p
    };
    clade_verify_summary summary = { .passed = 0 };
    bool rows = all || is_operator(name);
    outcome result = rows ? check_operators(call, all ? NULL : name, &options, &summary)
                          : check_model(call, model, &options, &summary);
    if (result != DONE) {
        cJSON_Delete(p.report.root);
        return result;
    }
    return finish(call, &p, &summary);
}

static const option options[] = {
    { "--batch", OPTION_INTEGER, offsetof(arguments, batch), "N", 1, "images, for a model; default 2" },
    { "--samples", OPTION_INTEGER, offsetof(arguments, samples), "N", 1,
      "elements checked of each input that has more; default 200, of a model 20" },
    { "--seed", OPTION_SEED, offsetof(arguments, seed), "S", 0, "of what is drawn" },
    { "--quiet", OPTION_FLAG, offsetof(arguments, quiet), NULL, 0, "only failures and the counts" },
    OPTION_JSON(arguments),
    OPTIONS_END,
};

static const arguments defaults = { .batch = 2 };

const command command_gradcheck = {
    .name = "gradcheck",
    .operands = "OP|MODEL|all",
    .title = "the gradient graph against finite differences, in double",
    .operand_minimum = 1,
    .operand_maximum = 1,
    .options = options,
    .arguments_size = sizeof(arguments),
    .defaults = &defaults,
    .run = run,
};
