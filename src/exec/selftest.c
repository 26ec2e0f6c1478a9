/* The self-test: walks the table of operators, and tries each implementation on each case (tune/trial.c).
 *
 * A point-wise row has no implementation of its own: it is tried as a `fused` node of one step, which is how it runs.
 *
 * An implementation that accepted no case is looked at again: would it accept one on another kind of device? Then this
 * device is the cause, and the refusal is reported as such. Otherwise the cases are at fault, and that is a failure. */
#include "exec/cases.h"
#include "exec/session.h"
#include "tune/signature.h"
#include "tune/trial.h"

#include "clade/verify.h"

#include <stdio.h>
#include <string.h>

enum { MAX_IMPLEMENTATIONS = 32 };

typedef struct exercise {
    bool run, left_out; /* a case ran; a case was too large, and might have been accepted */
    bool elsewhere;     /* a case would be accepted on another kind of device */
    int accepted;       /* cases, where the configurations take turns */
    char why[128];      /* the latest refusal */
} exercise;

typedef struct selftest {
    clade_device *device;
    clade_context *context;
    clade_selftest_options options;
    clade_verify_summary summary;
    exercise fused[MAX_IMPLEMENTATIONS]; /* over all point-wise rows */
    clade_trial_kept kept;
    bool stop;
} selftest;

/* A case ready to be tried: the graph, the node that runs, and what goes in and must come out. */
typedef struct prepared {
    clade_case_graph built;
    clade_reference *reference;
    const clade_node *node;
    clade_tensor in[CLADE_CASE_INPUTS], expected[CLADE_MAX_OUTPUTS];
    int64_t largest; /* elements of the largest array */
} prepared;

const char *clade_verdict_text(clade_verdict verdict) {
    static const char *const texts[] = {
        [CLADE_VERDICT_PASSED] = "passed",
        [CLADE_VERDICT_FAILED] = "FAILED",
        [CLADE_VERDICT_INAPPLICABLE] = "not applicable",
        [CLADE_VERDICT_LEFT_OUT] = "left out",
    };
    size_t index = (size_t)verdict;
    return index >= 1 && index < sizeof texts / sizeof texts[0] ? texts[index] : "unknown";
}

static void report(selftest *s, clade_selftest_result result) {
    if (result.variant == NULL) result.variant = "";
    if (result.detail == NULL) result.detail = "";
    switch (result.verdict) {
    case CLADE_VERDICT_PASSED:
        s->summary.passed++;
        break;
    case CLADE_VERDICT_FAILED:
        s->summary.failed++;
        break;
    case CLADE_VERDICT_INAPPLICABLE:
        s->summary.inapplicable++;
        break;
    case CLADE_VERDICT_LEFT_OUT:
        s->summary.left_out++;
        break;
    }
    if (s->options.report != NULL) s->options.report(s->options.user, &result);
    if (result.verdict == CLADE_VERDICT_FAILED && s->options.stop_at_failure) s->stop = true;
}

/* ---- preparing a case ---- */

static void unprepare(prepared *p) {
    clade_reference_free(p->reference);
    clade_graph_free(p->built.graph);
}

static void note_largest(prepared *p, int64_t count) {
    if (count > p->largest) p->largest = count;
}

/* The case as a graph, with the sizes but without contents. */
static clade_status prepare(selftest *s, const clade_op *op, const clade_case *one, prepared *p) {
    *p = (prepared){ 0 };
    clade_status status = clade_case_build(s->context, op, one, &p->built);
    if (status != CLADE_OK) return status;
    clade_value runs = op->pointwise != NULL ? clade_case_fuse(&p->built) : p->built.y;
    status = clade_graph_status(p->built.graph);
    if (status == CLADE_OK && !clade_value_valid(runs)) status = CLADE_ERROR_MEMORY;
    clade_site site;
    if (status == CLADE_OK) {
        p->node = clade_value_node(runs);
        status = clade_trial_site(s->device, p->node, p->built.binding, &site);
    }
    if (status != CLADE_OK) {
        unprepare(p);
        return status;
    }
    for (uint32_t i = 0; i < p->node->input_count; i++) {
        note_largest(p, site.in[i].count);
    }
    for (uint32_t o = 0; o < p->node->output_count; o++) {
        note_largest(p, site.out[o].count);
    }
    return CLADE_OK;
}

/* Contents of the inputs, and the reference's outputs. */
static clade_status evaluate(const clade_op *op, const clade_case *one, prepared *p) {
    clade_graph *graph = p->built.graph;
    p->reference = clade_reference_new(graph, p->built.binding);
    if (p->reference == NULL) return clade_fail_memory(graph->context, sizeof *p, "the reference");
    for (int i = 0; i < one->input_count; i++) {
        clade_tensor *leaf = clade_reference_leaf(p->reference, p->built.inputs[i]);
        if (leaf == NULL) return CLADE_ERROR_MEMORY;
        clade_status status = clade_case_fill(graph->context, op, one, i, leaf->data, leaf->count);
        if (status != CLADE_OK) return status;
        p->in[i] = *leaf;
    }
    for (uint32_t o = 0; o < p->node->output_count; o++) {
        const clade_tensor *out = clade_reference_value(p->reference, clade_output(p->built.y, o));
        if (out == NULL) return CLADE_ERROR_MEMORY;
        p->expected[o] = *out;
    }
    return CLADE_OK;
}

/* ---- trying a case ---- */

static bool applicable(const clade_implementation *implementation, const clade_site *site, char why[128]) {
    why[0] = '\0';
    return implementation->applicable == NULL || implementation->applicable(site, why);
}

/* Whether IMPLEMENTATION would accept SITE on a device unlike this one. */
static bool applicable_elsewhere(const clade_implementation *implementation, const clade_site *site) {
    clade_capabilities gpu = site->device->capabilities;
    gpu.type = CL_DEVICE_TYPE_GPU;
    gpu.is_cpu = gpu.local_memory_is_memory = gpu.unified_memory = false;
    gpu.fp64 = gpu.fp16 = gpu.subgroups = true;
    gpu.max_group_size = gpu.max_group_sizes[0] = gpu.max_group_sizes[1] = gpu.max_group_sizes[2] = 1024;
    gpu.preferred_multiple = 32;
    gpu.local_memory = 64 * 1024;
    clade_capabilities cpu = gpu;
    cpu.type = CL_DEVICE_TYPE_CPU;
    cpu.is_cpu = cpu.local_memory_is_memory = cpu.unified_memory = true;
    cpu.preferred_multiple = cpu.float_vector = 8;
    cpu.local_memory = 1 << 20;
    const clade_capabilities *const kinds[] = { &gpu, &cpu };
    for (int i = 0; i < 2; i++) {
        clade_device imagined = *site->device;
        imagined.capabilities = *kinds[i];
        clade_site there = *site;
        there.device = &imagined;
        char why[128];
        if (applicable(implementation, &there, why)) return true;
    }
    return false;
}

/* A refusal that another device would not give, or that a missing library is the cause of. */
static bool refused_by_device(const clade_implementation *implementation, const clade_site *site) {
    if (applicable_elsewhere(implementation, site)) return true;
    return strstr(implementation->name, "clblast") != NULL && !clade_clblast_available(site->device, NULL);
}

/* ---- only some kernels ---- */

typedef struct search {
    const clade_selftest_options *options;
    bool found;
} search;

/* Whether NAME ("pool.cl:max_rows" or "pool.cl") means the kernel of LAUNCH. */
static bool means(const char *name, const clade_launch *launch) {
    size_t length = strlen(launch->file);
    if (strncmp(name, launch->file, length) != 0) return false;
    return name[length] == '\0' || (name[length] == ':' && strcmp(name + length + 1, launch->kernel) == 0);
}

static void look_at(void *user, const clade_launch *launch) {
    search *looking = user;
    for (size_t i = 0; launch->file != NULL && i < looking->options->kernel_count; i++) {
        if (means(looking->options->kernels[i], launch)) looking->found = true;
    }
}

/* Whether the choice launches one of the kernels asked for. */
static clade_status is_wanted(const selftest *s, const clade_site *site, clade_choice choice, bool *wanted) {
    search looking = { .options = &s->options, .found = s->options.kernel_count == 0 };
    clade_status status = looking.found ? CLADE_OK : clade_choice_launches(site, choice, look_at, &looking);
    *wanted = looking.found;
    return status;
}

static clade_status try_variant(selftest *s, const clade_op *op, const clade_case *one, const prepared *p,
                                const clade_implementation *implementation, int configuration, int in_place) {
    clade_trial_request request = {
        .device = s->device,
        .node = p->node,
        .implementation = implementation,
        .configuration = configuration,
        .binding = p->built.binding,
        .in = p->in,
        .expected = p->expected,
        .tolerance = one->tolerance > 0 ? one->tolerance : 1e-5,
        .in_place = in_place,
        .kept = s->options.separate_buffers ? &s->kept : NULL,
    };
    clade_text why = { .context = s->context };
    bool passed;
    double error;
    clade_status status = clade_trial_run(&request, &passed, &error, &why);
    char variant[48] = "";
    if (in_place >= 0) snprintf(variant, sizeof variant, "in place of input %d", in_place);
    if (configuration > 0) snprintf(variant, sizeof variant, "configuration %d", configuration);
    if (status == CLADE_OK)
        report(s, (clade_selftest_result){ .op = op->name,
                                           .implementation = implementation->name,
                                           .case_name = one->name,
                                           .variant = variant,
                                           .verdict = passed ? CLADE_VERDICT_PASSED : CLADE_VERDICT_FAILED,
                                           .error = error,
                                           .tolerance = request.tolerance,
                                           .detail = clade_text_get(&why) });
    clade_text_free(&why);
    return status;
}

/* Whether output 0 can lie where input I lay: the row says so in general, the sizes say so here. */
static bool may_lie_over(const prepared *p, const clade_site *site, uint32_t i) {
    if ((p->node->op->in_place >> i & 1) == 0 || !clade_value_valid(p->node->inputs[i])) return false;
    return site->in[i].count == site->out[0].count && site->in[i].dtype == site->out[0].dtype;
}

static clade_status try_implementation(selftest *s, const clade_op *op, const clade_case *one, const prepared *p,
                                       const clade_implementation *implementation, exercise *seen) {
    clade_site site;
    clade_status status = clade_trial_site(s->device, p->node, p->built.binding, &site);
    if (status != CLADE_OK) return status;
    char why[128];
    if (!applicable(implementation, &site, why)) {
        if (refused_by_device(implementation, &site)) seen->elsewhere = true;
        memcpy(seen->why, why, sizeof why);
        report(s, (clade_selftest_result){ .op = op->name,
                                           .implementation = implementation->name,
                                           .case_name = one->name,
                                           .verdict = CLADE_VERDICT_INAPPLICABLE,
                                           .detail = why });
        return CLADE_OK;
    }
    seen->run = true;
    const int configurations = implementation->configurations ? implementation->configurations(&site) : 1;
    const int first = s->options.in_turn ? seen->accepted++ % configurations : 0;
    const int end = s->options.in_turn ? first + 1 : configurations;
    bool wanted = true;
    for (int k = first; k < end && status == CLADE_OK && !s->stop; k++) {
        status = is_wanted(s, &site, (clade_choice){ implementation, k }, &wanted);
        if (status == CLADE_OK && wanted) status = try_variant(s, op, one, p, implementation, k, -1);
    }
    if (status == CLADE_OK) status = is_wanted(s, &site, (clade_choice){ implementation, 0 }, &wanted);
    for (uint32_t i = 0; i < p->node->input_count && status == CLADE_OK && wanted && !s->stop; i++) {
        if (may_lie_over(p, &site, i)) status = try_variant(s, op, one, p, implementation, 0, (int)i);
    }
    return status;
}

static void leave_out(selftest *s, const clade_op *op, const clade_case *one, const prepared *p, exercise *seen) {
    char detail[96];
    snprintf(detail, sizeof detail, "has an array of %lld elements", (long long)p->largest);
    const clade_implementation *const *list = p->node->op->implementations;
    for (size_t i = 0; list != NULL && list[i] != NULL && i < MAX_IMPLEMENTATIONS; i++) {
        seen[i].left_out = true;
        report(s, (clade_selftest_result){ .op = op->name,
                                           .implementation = list[i]->name,
                                           .case_name = one->name,
                                           .verdict = CLADE_VERDICT_LEFT_OUT,
                                           .detail = detail });
    }
}

static clade_status test_case(selftest *s, const clade_op *op, const clade_case *one, exercise *seen) {
    prepared p;
    clade_status status = prepare(s, op, one, &p);
    if (status != CLADE_OK) return status;
    if (s->options.largest > 0 && p.largest > s->options.largest) {
        leave_out(s, op, one, &p, seen);
        goto done;
    }
    status = evaluate(op, one, &p);
    if (status != CLADE_OK) goto done;
    const clade_implementation *const *list = p.node->op->implementations;
    for (size_t i = 0; list != NULL && list[i] != NULL && i < MAX_IMPLEMENTATIONS && !s->stop; i++) {
        status = try_implementation(s, op, one, &p, list[i], &seen[i]);
        if (status != CLADE_OK) break;
    }
done:
    unprepare(&p);
    return status;
}

/* ---- walking the table ---- */

static void judge_exercise(selftest *s, const clade_op *op, const exercise *seen) {
    const clade_implementation *const *list = op->implementations;
    for (size_t i = 0; list != NULL && list[i] != NULL && i < MAX_IMPLEMENTATIONS && !s->stop; i++) {
        if (seen[i].run) continue;
        clade_selftest_result result = { .op = op->name, .implementation = list[i]->name };
        char detail[192];
        if (seen[i].elsewhere) {
            result.verdict = CLADE_VERDICT_INAPPLICABLE;
            snprintf(detail, sizeof detail, "not on this device: %s", seen[i].why);
        } else if (seen[i].left_out) {
            result.verdict = CLADE_VERDICT_LEFT_OUT;
            snprintf(detail, sizeof detail, "only by cases that were left out");
        } else {
            result.verdict = CLADE_VERDICT_FAILED;
            snprintf(detail, sizeof detail, "no case exercises it%s%s", seen[i].why[0] != '\0' ? ": " : "",
                     seen[i].why);
        }
        result.detail = detail;
        report(s, result);
    }
}

static clade_status test_row(selftest *s, const clade_op *op) {
    exercise own[MAX_IMPLEMENTATIONS] = { 0 };
    bool runs_fused = op->pointwise != NULL || op == &clade_op_fused;
    exercise *seen = runs_fused ? s->fused : own;
    clade_status status = CLADE_OK;
    for (const clade_case *one = op->cases; one != NULL && one->name != NULL && status == CLADE_OK && !s->stop; one++) {
        status = test_case(s, op, one, seen);
    }
    if (status == CLADE_OK && !runs_fused && s->options.kernel_count == 0) judge_exercise(s, op, own);
    return status;
}

static bool chosen(const clade_selftest_options *options, const clade_op *op) {
    for (size_t i = 0; i < options->op_count; i++) {
        if (strcmp(options->ops[i], op->name) == 0) return true;
    }
    return options->op_count == 0;
}

static clade_status unknown_row(clade_context *context, const char *name) {
    clade_text names = { .context = context };
    for (const clade_op *const *row = clade_op_table; *row != NULL; row++) {
        clade_text_add(&names, " %s", (*row)->name);
    }
    clade_status status = clade_fail(context, CLADE_ERROR_ARGUMENT, "no operator is called \"%s\"; there are%s", name,
                                     clade_text_get(&names));
    clade_text_free(&names);
    return status;
}

const char *clade_operator_name(size_t index) {
    for (const clade_op *const *row = clade_op_table; *row != NULL; row++) {
        if (index-- == 0) return (*row)->name;
    }
    return NULL;
}

clade_status clade_selftest(clade_device *device, const clade_selftest_options *options,
                            clade_verify_summary *summary) {
    selftest s = { .device = device, .context = device->context, .kept = { .context = device->context } };
    if (options != NULL) {
        size_t given = options->size == 0 || options->size > sizeof s.options ? sizeof s.options : options->size;
        memcpy(&s.options, options, given);
    }
    for (size_t i = 0; i < s.options.op_count; i++) {
        if (clade_op_find(s.options.ops[i]) == NULL) return unknown_row(s.context, s.options.ops[i]);
    }
    clade_status status = CLADE_OK;
    for (const clade_op *const *row = clade_op_table; *row != NULL && status == CLADE_OK && !s.stop; row++) {
        if (chosen(&s.options, *row)) status = test_row(&s, *row);
    }
    if (status == CLADE_OK && s.options.op_count == 0 && s.options.kernel_count == 0)
        judge_exercise(&s, &clade_op_fused, s.fused);
    clade_trial_free_kept(&s.kept);
    if (summary != NULL) *summary = s.summary;
    return status;
}
