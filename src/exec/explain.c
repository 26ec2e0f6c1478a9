/* A run in words (clade/inspect.h): the graph as it was built, after each pass, and the plan that came of it. */
#include "exec/inspect.h"

#include <inttypes.h>
#include <string.h>

const char *clade_explain_part(size_t index) {
    size_t passes = 0;
    while (clade_plan_passes[passes].name != NULL)
        passes++;
    if (index == 0) return "graph";
    if (index <= passes) return clade_plan_passes[index - 1].name;
    return index == passes + 1 ? "plan" : NULL;
}

static bool wanted(const clade_explain_options *options, const char *part) {
    return options->pass == NULL || strcmp(options->pass, part) == 0;
}

static void print_graph(const clade_graph *graph, const char *title, clade_text *out) {
    clade_text_add(out, "== %s: %u nodes\n", title, graph->node_count);
    clade_graph_print(graph, out);
    clade_text_add(out, "\n");
}

/* Runs the passes as a plan does, printing the graph after each. */
static clade_status print_passes(const clade_session *session, clade_value *targets, size_t count,
                                 const clade_explain_options *options, clade_text *out) {
    const clade_graph *graph = clade_session_graph(session);
    clade_graph *owned = NULL;
    if (wanted(options, "graph")) print_graph(graph, "graph", out);
    for (const clade_plan_pass *pass = clade_plan_passes; pass->name != NULL; pass++) {
        if (!clade_plan_pass_applies(pass, session, options->inference)) {
            if (options->pass != NULL && wanted(options, pass->name))
                clade_text_add(out, "== %s: no part of this run\n\n", pass->name);
            continue;
        }
        clade_graph *next = pass->run(owned != NULL ? owned : graph, targets, count, !options->inference);
        clade_graph_free(owned);
        owned = next;
        if (next == NULL) return CLADE_ERROR_MEMORY; /* the pass has said why */
        if (wanted(options, pass->name)) print_graph(next, pass->name, out);
    }
    clade_graph_free(owned);
    return CLADE_OK;
}

static void print_memory(clade_plan *plan, clade_text *out) {
    clade_plan_memory use = clade_plan_memory_use(plan);
    clade_text_add(out, "\nmemory: %zu bytes planned, %zu unplanned (%.1f times less), %zu of states\n", use.planned,
                   use.unplanned, use.planned > 0 ? (double)use.unplanned / (double)use.planned : 1.0, use.states);
    clade_text_add(out, "largest value: %s, %zu bytes\n", use.largest_name != NULL ? use.largest_name : "none",
                   use.largest);
    if (use.kept_all == 0) return;
    char words[256];
    clade_plan_recompute_words(&use, words);
    clade_text_add(out, "recomputation: the step %s\n", words);
}

static clade_status print_plan(clade_session *session, const clade_value *targets, size_t count,
                               const clade_explain_options *options, clade_text *out) {
    clade_plan *plan = NULL;
    const clade_plan_request request = {
        .targets = targets,
        .target_count = count,
        .binding = { .batch = options->batch, .time = 1 },
        .updates = !options->inference,
        .inference = options->inference,
    };
    clade_status status = clade_session_plan(session, &request, &plan);
    if (status != CLADE_OK) return status;
    clade_text_add(out, "== plan: batch %" PRId64 " on %s, %zu commands\n", options->batch,
                   clade_device_name(clade_session_device(session)), clade_commands_count(clade_plan_commands(plan)));
    clade_plan_explain(plan, out);
    print_memory(plan, out);
    return CLADE_OK;
}

clade_status clade_explain(clade_session *session, const clade_value *targets, size_t target_count,
                           const clade_explain_options *options, char **text) {
    clade_context *context = clade_session_device(session)->context;
    clade_text out = { .context = context };
    *text = NULL;
    size_t bytes = (target_count + 1) * sizeof *targets;
    clade_value *moving = clade_allocate(context, 1, bytes);
    if (moving == NULL) return clade_fail_memory(context, bytes, "the targets");
    if (target_count > 0) memcpy(moving, targets, target_count * sizeof *targets);
    clade_status status = print_passes(session, moving, target_count, options, &out);
    if (status == CLADE_OK && wanted(options, "plan"))
        status = print_plan(session, targets, target_count, options, &out);
    if (status == CLADE_OK && (out.failed || (*text = clade_duplicate(context, clade_text_get(&out))) == NULL))
        status = clade_fail_memory(context, out.length, "the explanation");
    clade_free(context, moving);
    clade_text_free(&out);
    return status;
}

void clade_text_release(clade_context *context, char *text) {
    clade_free(context, text);
}
