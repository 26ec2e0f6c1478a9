/* Tuning the sites of a run (clade/tune.h): the nodes of its plan that several candidates compete for, each signature once,
 * those with most work first. */
#include "clade/tune.h"

#include "base/thread.h"
#include "exec/plan.h"
#include "tune/measure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Measuring a site's candidates takes about so long, when there is no limit. */
static const double usual_seconds = 1.0;

typedef struct job {
    clade_site site;
    char *signature, label[160];
    double flops; /* of all nodes of this signature */
    size_t order;
} job;

typedef struct tuning {
    clade_context *context;
    clade_known *known;
    const clade_tune_options *options;
    job *jobs;
    size_t count;
    double start;
} tuning;

/* ---- the sites ---- */

static double flops_of(const clade_site *site) {
    return site->node->op->flops != NULL ? site->node->op->flops(site) : (double)site->out[0].count;
}

static clade_status add_job(tuning *t, const clade_site *site) {
    clade_text signature = { .context = t->context };
    clade_site_signature(site, &signature);
    job *made = &t->jobs[t->count];
    clade_status status = signature.failed ? clade_fail_memory(t->context, signature.length, "a site") : CLADE_OK;
    for (size_t i = 0; i < t->count && status == CLADE_OK; i++) {
        if (strcmp(t->jobs[i].signature, clade_text_get(&signature)) != 0) continue;
        t->jobs[i].flops += flops_of(site);
        clade_text_free(&signature);
        return CLADE_OK;
    }
    *made = (job){ .site = *site, .flops = flops_of(site), .order = t->count };
    made->signature = clade_duplicate(t->context, clade_text_get(&signature));
    if (status == CLADE_OK && made->signature == NULL)
        status = clade_fail_memory(t->context, signature.length, "a site");
    snprintf(made->label, sizeof made->label, "%.70s%s%.70s", site->node->name, site->node->name[0] ? " " : "",
             site->node->op->name);
    clade_text_free(&signature);
    if (status == CLADE_OK) t->count++;
    return status;
}

static clade_status list_jobs(tuning *t, const clade_plan *plan) {
    clade_status status = CLADE_OK;
    t->jobs = clade_allocate(t->context, plan->graph->node_count + 1, sizeof *t->jobs);
    if (t->jobs == NULL) return clade_fail_memory(t->context, plan->graph->node_count * sizeof *t->jobs, "the sites");
    for (uint32_t i = 0; i < plan->graph->node_count && status == CLADE_OK; i++) {
        const clade_node *node = plan->graph->nodes[i];
        clade_site site;
        if (node->op->implementations == NULL || node->op->view) continue;
        clade_plan_site(plan, node, &site);
        if (clade_site_candidates(&site) > 1) status = add_job(t, &site);
    }
    return status;
}

static int by_work(const void *a, const void *b) {
    const job *x = a, *y = b;
    if (x->flops != y->flops) return x->flops > y->flops ? -1 : 1;
    return x->order < y->order ? -1 : 1;
}

/* ---- tuning them ---- */

static const clade_record *known_best(const tuning *t, const char *signature) {
    for (size_t i = 0; i < t->known->choices.count; i++) {
        const clade_record *record = &t->known->choices.list[i];
        if (strcmp(record->kind, "best") == 0 && strcmp(record->signature, signature) == 0) return record;
    }
    return NULL;
}

/* Whether RECORD still holds: its candidate is there, with the kernels that it was measured with. */
static bool holds(tuning *t, const job *j, const clade_record *record) {
    for (const clade_implementation *const *list = j->site.node->op->implementations; *list != NULL; list++) {
        const size_t length = strlen((*list)->name);
        if (strncmp(record->candidate, (*list)->name, length) != 0) continue;
        clade_choice choice = { *list, record->candidate[length] == '/' ? atoi(record->candidate + length + 1) : 0 };
        clade_kernels kernels;
        if (strcmp(clade_choice_text(choice).text, record->candidate) == 0)
            return clade_choice_kernels(&j->site, choice, &t->known->hashes, &kernels) == CLADE_OK &&
                   kernels.hash == record->kernels;
    }
    return false;
}

static void tell(const tuning *t, clade_tune_kind kind, const job *j, size_t number, const clade_record *best) {
    const clade_tune_event event = {
        .kind = kind,
        .site = number,
        .label = j->label,
        .signature = j->signature,
        .candidate = best != NULL ? best->candidate : "",
        .seconds = best != NULL ? best->microseconds * 1e-6 : 0,
        .detail = "",
    };
    if (t->options->report != NULL) t->options->report(t->options->user, &event);
}

static clade_status tune_job(tuning *t, const job *j, size_t number, double seconds) {
    const clade_record *best = known_best(t, j->signature);
    tell(t, CLADE_TUNE_SITE, j, number, NULL);
    if (best != NULL && !t->options->retune && holds(t, j, best)) {
        tell(t, CLADE_TUNE_KNOWN, j, number, best);
        return CLADE_OK;
    }
    return clade_site_tune(&(clade_site_tuning){
        .known = t->known,
        .site = &j->site,
        .label = j->label,
        .signature = j->signature,
        .number = number,
        .seconds = seconds,
        .report = t->options->report,
        .user = t->options->user,
    });
}

/* Time goes to the sites by their work, as far as there is a limit. */
static clade_status tune_jobs(tuning *t) {
    const clade_tune_options *options = t->options;
    clade_status status = CLADE_OK;
    double work = 0;
    size_t own = 0, *seen = options->seen != NULL ? options->seen : &own;
    for (size_t i = 0; i < t->count; i++)
        work += t->jobs[i].flops;
    for (size_t i = 0; i < t->count && status == CLADE_OK; i++) {
        const job *j = &t->jobs[i];
        double seconds = usual_seconds;
        if (options->seconds > 0) {
            const double left = options->seconds - (clade_clock_seconds() - t->start);
            if (left <= 0) break;
            if (left * j->flops / work < seconds) seconds = left * j->flops / work;
        }
        work -= j->flops;
        if (++*seen > options->skip) status = tune_job(t, j, *seen, seconds);
    }
    return status;
}

clade_status clade_tune_run(clade_session *session, const clade_run_options *run, const clade_tune_options *options) {
    clade_device *device = clade_session_device(session);
    tuning t = { .context = device->context, .options = options, .start = clade_clock_seconds() };
    clade_plan *plan = NULL;
    clade_value *targets = clade_allocate(t.context, run->fetch_count + 1, sizeof *targets);
    if (targets == NULL) return clade_fail_memory(t.context, run->fetch_count * sizeof *targets, "a run's targets");
    for (size_t i = 0; i < run->fetch_count; i++)
        targets[i] = run->fetches[i].value;
    const clade_plan_request request = { .targets = targets,
                                         .target_count = run->fetch_count,
                                         .binding = { .batch = run->batch, .time = run->time },
                                         .updates = run->updates,
                                         .inference = run->inference };
    clade_status status = clade_plan_sketch(session, &request, &plan);
    if (status == CLADE_OK) status = clade_known_new(device, &t.known);
    if (status == CLADE_OK) status = list_jobs(&t, plan);
    if (status == CLADE_OK && t.count > 0) qsort(t.jobs, t.count, sizeof *t.jobs, by_work);
    if (status == CLADE_OK) status = tune_jobs(&t);
    for (size_t i = 0; i < t.count; i++)
        clade_free(t.context, t.jobs[i].signature);
    clade_free(t.context, t.jobs);
    clade_known_free(t.known);
    clade_plan_free(plan);
    clade_free(t.context, targets);
    return status;
}
