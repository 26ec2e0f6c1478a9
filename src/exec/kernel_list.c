/* The kernels that a device would be given (clade/inspect.h): each implementation is asked what it would launch, and
 * nothing is compiled or run. */
#include "exec/cases.h"
#include "exec/inspect.h"

#include "base/hash.h"
#include "tune/signature.h"
#include "tune/trial.h"

#include <string.h>

typedef struct known_program {
    uint64_t source, options;
} known_program;

/* What has been reported already. */
typedef struct listing {
    clade_device *device;
    clade_context *context;
    const clade_kernel_list_options *options;
    known_program *programs;
    size_t program_count, program_capacity;
    uint64_t *uses;
    size_t use_count, use_capacity;
    clade_kernel_use use; /* what is being looked at */
    clade_status status;
} listing;

/* Room for one more element of BYTES in a LIST of COUNT. */
static void *grow(listing *l, void *list, size_t count, size_t *capacity, size_t bytes) {
    if (count < *capacity) return list;
    const size_t wanted = *capacity > 0 ? 2 * *capacity : 64;
    void *grown = clade_reallocate(l->context, list, wanted, bytes);
    if (grown != NULL)
        *capacity = wanted;
    else
        l->status = clade_fail_memory(l->context, wanted * bytes, "the list of kernels");
    return grown;
}

/* The program's number; *IS_NEW when it had none. */
static size_t number_of(listing *l, const char *source, const char *options, bool *is_new) {
    const known_program program = { clade_hash_text(source), clade_hash_text(options) };
    *is_new = false;
    for (size_t i = 0; i < l->program_count; i++) {
        if (memcmp(&l->programs[i], &program, sizeof program) == 0) return i;
    }
    known_program *grown = grow(l, l->programs, l->program_count, &l->program_capacity, sizeof program);
    if (grown == NULL) return 0;
    l->programs = grown;
    l->programs[l->program_count] = program;
    *is_new = true;
    return l->program_count++;
}

static bool used_before(listing *l, const clade_kernel_use *use) {
    clade_text text = { .context = l->context };
    clade_text_add(&text, "%s/%s/%d/%zu/%s", use->op, use->implementation, use->configuration, use->program, use->name);
    const uint64_t hash = clade_hash_text(clade_text_get(&text));
    clade_text_free(&text);
    for (size_t i = 0; i < l->use_count; i++) {
        if (l->uses[i] == hash) return true;
    }
    uint64_t *grown = grow(l, l->uses, l->use_count, &l->use_capacity, sizeof hash);
    if (grown == NULL) return true;
    l->uses = grown;
    l->uses[l->use_count++] = hash;
    return false;
}

static void note(void *user, const clade_launch *launch) {
    listing *l = user;
    char *read = NULL;
    const char *source = launch->source;
    if (l->status == CLADE_OK && launch->file != NULL) {
        l->status = clade_kernel_source(l->context, launch->file, &read);
        source = read;
    }
    if (l->status != CLADE_OK) return;
    clade_kernel_use use = l->use;
    bool is_new = false;
    use.name = launch->kernel;
    use.title = launch->file != NULL ? launch->file : launch->title;
    use.options = launch->options != NULL ? launch->options : "";
    use.program = source[0] != '\0' ? number_of(l, source, use.options, &is_new) : CLADE_NO_PROGRAM;
    use.source = is_new ? source : NULL;
    use.group = launch->local[0] > 0 ? launch->local[0] : 0;
    for (int i = 1; i < 3; i++) {
        if (launch->local[i] > 0) use.group *= launch->local[i];
    }
    for (size_t i = 0; i < launch->argument_count; i++) {
        if (launch->arguments[i].kind == CLADE_ARGUMENT_LOCAL) use.local_bytes += launch->arguments[i].bytes;
    }
    if (l->status == CLADE_OK && (!used_before(l, &use) || is_new)) l->options->report(l->options->user, &use);
    clade_free(l->context, read);
}

static clade_status list_choice(listing *l, const char *op, const clade_site *site, clade_choice choice) {
    l->use = (clade_kernel_use){ .op = op,
                                 .implementation = choice.implementation->name,
                                 .configuration = choice.configuration };
    clade_status status = clade_choice_launches(site, choice, note, l);
    return status != CLADE_OK ? status : l->status;
}

/* ---- the operators' cases ---- */

static clade_status list_case(listing *l, const clade_op *op, const clade_case *one) {
    clade_case_graph built;
    clade_status status = clade_case_build(l->context, op, one, &built);
    if (status != CLADE_OK) return status;
    const clade_value runs = op->pointwise != NULL ? clade_case_fuse(&built) : built.y;
    clade_site site = { .node = NULL };
    status = clade_value_valid(runs) ? CLADE_OK : CLADE_ERROR_MEMORY;
    if (status == CLADE_OK) status = clade_trial_site(l->device, clade_value_node(runs), built.binding, &site);
    const clade_implementation *const *list = status == CLADE_OK ? site.node->op->implementations : NULL;
    for (; list != NULL && *list != NULL && status == CLADE_OK; list++) {
        char why[128];
        if ((*list)->applicable != NULL && !(*list)->applicable(&site, why)) continue;
        const int configurations = (*list)->configurations != NULL ? (*list)->configurations(&site) : 1;
        for (int k = 0; k < configurations && status == CLADE_OK; k++) {
            status = list_choice(l, op->name, &site, (clade_choice){ *list, k });
        }
    }
    clade_graph_free(built.graph);
    return status;
}

/* ---- a run ---- */

static clade_status list_plan(listing *l, const clade_plan *plan) {
    clade_status status = CLADE_OK;
    for (uint32_t i = 0; i < plan->graph->node_count && status == CLADE_OK; i++) {
        const clade_node *node = plan->graph->nodes[i];
        if (node->op->implementations == NULL || node->op->view) continue;
        clade_site site;
        clade_choice choice;
        clade_text reasons = { .context = l->context };
        clade_plan_site(plan, node, &site);
        status = clade_choose(&site, clade_session_choice_table(plan->session), &choice, &reasons);
        clade_text_free(&reasons);
        if (status == CLADE_OK) status = list_choice(l, node->op->name, &site, choice);
    }
    return status;
}

static clade_status list_run(listing *l, clade_session *session, const clade_run_options *run) {
    clade_plan *plan = NULL;
    clade_value *targets = clade_allocate(l->context, run->fetch_count + 1, sizeof *targets);
    if (targets == NULL) return clade_fail_memory(l->context, run->fetch_count * sizeof *targets, "a run's targets");
    for (size_t i = 0; i < run->fetch_count; i++) {
        targets[i] = run->fetches[i].value;
    }
    const clade_plan_request request = {
        .targets = targets,
        .target_count = run->fetch_count,
        .binding = { .batch = run->batch, .time = run->time },
        .updates = run->updates,
        .inference = run->inference,
    };
    clade_status status = clade_plan_sketch(session, &request, &plan);
    if (status == CLADE_OK) status = list_plan(l, plan);
    clade_plan_free(plan);
    clade_free(l->context, targets);
    return status;
}

clade_status clade_kernel_list(clade_device *device, clade_session *session, const clade_run_options *run,
                               const clade_kernel_list_options *options) {
    listing l = { .device = device, .context = device->context, .options = options, .status = CLADE_OK };
    clade_status status = CLADE_OK;
    for (const clade_op *const *row = clade_op_table; *row != NULL && status == CLADE_OK; row++) {
        for (const clade_case *one = (*row)->cases; one != NULL && one->name != NULL && status == CLADE_OK; one++) {
            status = list_case(&l, *row, one);
        }
    }
    if (status == CLADE_OK && session != NULL) status = list_run(&l, session, run);
    clade_free(l.context, l.programs);
    clade_free(l.context, l.uses);
    return status;
}
