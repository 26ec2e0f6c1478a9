/* A chain of point-wise steps as one node: y[o] = the result of step outputs[o], over the iteration space DIMS, to which
 * the inputs broadcast. Steps take inputs and earlier steps' results. The fusion pass makes these nodes; every point-wise
 * row runs as one. The kernel is generated (ops/elementwise/fused_source.c). */
#include "ops/elementwise/fused_source.h"

#include <stddef.h>

/* The pass that fuses comes after differentiation, so there is no gradient; the steps are printed by `clade explain`. */
static const clade_attribute schema[] = {
    { "dims", CLADE_ATTRIBUTE_DIMS, offsetof(clade_fused_attributes, dims), 0 },
    { NULL, 0, 0, 0 },
};

static bool check_steps(const clade_node *node, clade_text *why) {
    const clade_fused_attributes *fused = node->attributes;
    for (int32_t step = 0; step < fused->step_count; step++) {
        const clade_fused_step *what = &fused->steps[step];
        for (int a = 0; a < clade_fused_argument_count(what); a++) {
            int32_t argument = what->arguments[a];
            if (argument >= (int32_t)node->input_count || argument < -step) {
                clade_text_add(why, "step %d (%s) takes what is neither an input nor an earlier step", (int)step,
                               what->op->name);
                return false;
            }
        }
    }
    for (int32_t o = 0; o < fused->output_count; o++) {
        if (fused->outputs[o] < 0 || fused->outputs[o] >= fused->step_count) {
            clade_text_add(why, "output %d is not a step", (int)o);
            return false;
        }
    }
    return true;
}

bool clade_fused_types(const clade_fused_attributes *fused, const clade_dtype in[], clade_dtype steps[]) {
    for (int32_t step = 0; step < fused->step_count; step++) {
        const clade_fused_step *what = &fused->steps[step];
        clade_dtype types[4];
        for (int a = 0; a < clade_fused_argument_count(what); a++) {
            types[a] = what->arguments[a] >= 0 ? in[what->arguments[a]] : steps[-1 - what->arguments[a]];
        }
        steps[step] = clade_pointwise_dtype(what->op->pointwise, types, clade_fused_argument_count(what));
        if (steps[step] == 0) return false;
    }
    return true;
}

static bool infer_types(const clade_node *node, clade_type out[], clade_text *why) {
    const clade_fused_attributes *fused = node->attributes;
    clade_dtype in[CLADE_MAX_INPUTS], steps[CLADE_MAX_FUSED_STEPS];
    for (uint32_t i = 0; i < node->input_count; i++) {
        in[i] = clade_value_type(node->inputs[i])->dtype;
    }
    if (!clade_fused_types(fused, in, steps)) {
        clade_text_add(why, "a step does not take the type of an argument");
        return false;
    }
    for (int32_t o = 0; o < fused->output_count; o++) {
        out[o] = (clade_type){ steps[fused->outputs[o]], fused->dims };
    }
    return true;
}

static bool infer(const clade_node *node, clade_type out[], clade_text *why) {
    const clade_fused_attributes *fused = node->attributes;
    for (uint32_t i = 0; i < node->input_count; i++) {
        const clade_type *type = clade_value_type(node->inputs[i]);
        clade_dims wide;
        if (!clade_dims_broadcast(&fused->dims, &type->dims, &wide) || !clade_dims_equal(&wide, &fused->dims)) {
            const clade_type space = { CLADE_F32, fused->dims };
            clade_text_add(why, "input %u does not broadcast to %s", (unsigned)i, clade_type_text(node->graph, &space));
            return false;
        }
    }
    if (fused->output_count < 1 || fused->output_count > CLADE_MAX_OUTPUTS) {
        clade_text_add(why, "%d outputs; expected 1 to %d", (int)fused->output_count, CLADE_MAX_OUTPUTS);
        return false;
    }
    if (fused->step_count > CLADE_MAX_FUSED_STEPS) {
        clade_text_add(why, "%d steps; expected at most %d", (int)fused->step_count, CLADE_MAX_FUSED_STEPS);
        return false;
    }
    return check_steps(node, why) && infer_types(node, out, why);
}

static void step_parameters(const clade_fused_step *step, clade_binding binding, double p[CLADE_MAX_PARAMETERS]) {
    for (int i = 0; i < CLADE_MAX_PARAMETERS; i++) {
        p[i] = step->parameters[i];
    }
    if (step->node && step->op->pointwise->parameters) step->op->pointwise->parameters(step->node, binding, p);
}

bool clade_fused_copy(clade_graph *to, const clade_node *node, clade_fused_attributes *copy) {
    *copy = *(const clade_fused_attributes *)node->attributes;
    clade_fused_step *steps = clade_arena_copy(&to->arena, copy->steps, (size_t)copy->step_count * sizeof *steps);
    copy->outputs = clade_arena_copy(&to->arena, copy->outputs, (size_t)copy->output_count * sizeof *copy->outputs);
    copy->steps = steps;
    bool good = steps != NULL && copy->outputs != NULL;
    for (int32_t i = 0; good && i < copy->step_count; i++) {
        clade_node *inner = clade_arena_copy(&to->arena, steps[i].node, sizeof *inner);
        good = inner != NULL;
        if (!good) break;
        inner->graph = to;
        if (inner->op->attributes_size > 0)
            inner->attributes = clade_arena_copy(&to->arena, inner->attributes, inner->op->attributes_size);
        good = inner->attributes != NULL;
        steps[i].node = inner;
    }
    return good;
}

/* ---- reference ---- */

static int64_t broadcast_offset(const clade_tensor *x, const clade_tensor *out, int64_t element) {
    int64_t offset = 0, stride = 1;
    for (int32_t axis = out->rank - 1; axis >= 0; axis--) {
        int32_t own = axis - (out->rank - x->rank);
        if (own >= 0 && x->size[own] != 1) offset += element % out->size[axis] * stride;
        if (own >= 0) stride *= x->size[own];
        element /= out->size[axis];
    }
    return offset;
}

static void reference(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    const clade_fused_attributes *fused = node->attributes;
    clade_binding binding = clade_binding_of(node, in, out);
    double p[CLADE_MAX_FUSED_STEPS][CLADE_MAX_PARAMETERS], results[CLADE_MAX_FUSED_STEPS];
    for (int32_t step = 0; step < fused->step_count; step++) {
        step_parameters(&fused->steps[step], binding, p[step]);
    }
    for (int64_t e = 0; e < out[0].count; e++) {
        for (int32_t step = 0; step < fused->step_count; step++) {
            const clade_fused_step *what = &fused->steps[step];
            double x[4] = { 0 };
            for (int a = 0; a < clade_fused_argument_count(what); a++) {
                int32_t argument = what->arguments[a];
                x[a] = argument >= 0 ? in[argument].data[broadcast_offset(&in[argument], &out[0], e)]
                                     : results[-1 - argument];
            }
            results[step] = what->op->pointwise->evaluate(x, p[step]);
        }
        for (int32_t o = 0; o < fused->output_count; o++) {
            out[o].data[e] = results[fused->outputs[o]];
        }
    }
}

/* ---- the launch ---- */

enum {
    MAX_ARGUMENTS = 256,
    PART = 4096, /* elements that an item takes where an item is a thread's work: about a microsecond */
};

typedef struct arguments {
    clade_argument list[MAX_ARGUMENTS];
    size_t count;
} arguments;

static void add(arguments *to, clade_argument argument) {
    if (to->count < MAX_ARGUMENTS) to->list[to->count] = argument;
    to->count++;
}

/* In the order of fused_source.c's signature. */
static void add_buffers_and_parameters(const clade_site *site, const clade_fused_space *space, arguments *to) {
    const clade_fused_attributes *fused = site->node->attributes;
    for (uint32_t i = 0; i < site->node->input_count; i++) {
        if (space->place[i] < 0) add(to, clade_buffer_argument(site->in[i].buffer));
    }
    for (int32_t o = 0; o < fused->output_count; o++) {
        add(to, clade_buffer_argument(site->out[o].buffer));
    }
    for (int32_t step = 0; step < fused->step_count; step++) {
        double p[CLADE_MAX_PARAMETERS];
        step_parameters(&fused->steps[step], site->binding, p);
        for (int i = 0; i < fused->steps[step].op->pointwise->parameter_count; i++) {
            add(to, clade_float_argument((float)p[i]));
        }
    }
}

/* What an item takes: elements along axis 0, and rows along axis 1. */
typedef struct parts {
    int64_t elements, rows;
} parts;

static parts parts_of(const clade_site *site, const clade_fused_space *space) {
    parts p = { 1, 1 };
    if (!site->device->capabilities.is_cpu || space->rank == 0) return p;
    p.elements = space->size[0] < PART ? space->size[0] : PART;
    if (space->rank > 1) p.rows = PART / p.elements < space->size[1] ? PART / p.elements : space->size[1];
    return p;
}

static void add_sizes(const clade_site *site, const clade_fused_space *space, parts p, arguments *to) {
    add(to, clade_int_argument(space->rank > 0 ? space->size[0] : 1));
    add(to, clade_int_argument(p.elements));
    if (space->rank > 1) {
        add(to, clade_int_argument(space->size[1]));
        add(to, clade_int_argument(p.rows));
    }
    for (int32_t axis = 2; axis < space->rank; axis++) {
        add(to, clade_int_argument(space->size[axis]));
    }
    for (uint32_t i = 0; i < site->node->input_count; i++) {
        if (clade_fused_input_is_dense(space, i)) continue;
        for (int32_t axis = 1; axis < space->rank; axis++) {
            if (space->stride[i][axis] != 0) add(to, clade_int_argument(space->stride[i][axis]));
        }
    }
}

static void set_range(const clade_site *site, const clade_fused_space *space, parts p, clade_launch *launch) {
    launch->global[0] = (size_t)clade_blocks(space->rank > 0 ? space->size[0] : 1, p.elements);
    launch->global[1] = (size_t)(space->rank > 1 ? clade_blocks(space->size[1], p.rows) : 1);
    launch->global[2] = 1;
    for (int32_t axis = 2; axis < space->rank; axis++) {
        launch->global[2] *= (size_t)space->size[axis];
    }
    if (site->device->capabilities.is_cpu) launch->local[0] = launch->local[1] = launch->local[2] = 1;
}

static double bytes_moved(const clade_site *site) {
    double elements = 0;
    for (uint32_t i = 0; i < site->node->input_count; i++) {
        elements += (double)site->in[i].count;
    }
    return 4 * (elements + (double)site->out[0].count * site->node->output_count);
}

static double flops(const clade_site *site) {
    const clade_fused_attributes *fused = site->node->attributes;
    return (double)site->out[0].count * fused->step_count;
}

static clade_status record(const clade_site *site, clade_commands *commands) {
    clade_context *context = site->node->graph->context;
    clade_fused_space space = clade_fused_space_of(site);
    parts parts = parts_of(site, &space);

    arguments arguments = { .count = 0 };
    add_buffers_and_parameters(site, &space, &arguments);
    add_sizes(site, &space, parts, &arguments);
    if (arguments.count > MAX_ARGUMENTS) {
        return clade_fail(context, CLADE_ERROR_UNSUPPORTED, "%s: %zu arguments of a fused kernel, at most %d",
                          site->label, arguments.count, MAX_ARGUMENTS);
    }
    clade_text source = { .context = context };
    clade_status status = clade_fused_source(site, &source);
    if (status == CLADE_OK) {
        clade_launch launch = {
            .source = clade_text_get(&source),
            .title = "fused",
            .kernel = "fused",
            .label = site->label,
            .arguments = arguments.list,
            .argument_count = arguments.count,
            .flops = flops(site),
            .bytes = bytes_moved(site),
        };
        set_range(site, &space, parts, &launch);
        status = clade_commands_launch(commands, &launch);
    }
    clade_text_free(&source);
    return status;
}

static const clade_implementation *const implementations[] = {
    &(const clade_implementation){ .name = "generated", .record = record },
    NULL,
};

/* ---- cases ---- */

extern const clade_op clade_op_add, clade_op_multiply, clade_op_scale, clade_op_relu, clade_op_sigmoid,
    clade_op_subtract;

/* out0 = relu(x0 + x1), out1 = 3 (x0 + x1). */
static const clade_fused_step bias_relu_steps[] = {
    { .op = &clade_op_add, .arguments = { 0, 1 } },
    { .op = &clade_op_relu, .arguments = { -1 } },
    { .op = &clade_op_scale, .parameters = { 3.0 }, .arguments = { -1 } },
};
static const int32_t bias_relu_outputs[] = { 1, 2 };

/* sigmoid((x0 - x1) x2) x0, with x0 read twice. */
static const clade_fused_step gate_steps[] = {
    { .op = &clade_op_subtract, .arguments = { 0, 1 } },
    { .op = &clade_op_multiply, .arguments = { -1, 2 } },
    { .op = &clade_op_sigmoid, .arguments = { -2 } },
    { .op = &clade_op_multiply, .arguments = { -3, 0 } },
};
static const int32_t gate_outputs[] = { 3 };

#define DIMS(RANK, ...)                                                                                                \
    {                                                                                                                  \
        RANK, {                                                                                                        \
            __VA_ARGS__                                                                                                \
        }                                                                                                              \
    }
#define BIAS_RELU(DIMS_)                                                                                               \
    &(const clade_fused_attributes) {                                                                                  \
        2, 3, bias_relu_steps, bias_relu_outputs, DIMS_                                                                \
    }
#define GATE(DIMS_)                                                                                                    \
    &(const clade_fused_attributes) {                                                                                  \
        1, 4, gate_steps, gate_outputs, DIMS_                                                                          \
    }

static const clade_case cases[] = {
    { .name = "two outputs, one run of axes",
      .in = { DIMS(3, 3, 7, 13), DIMS(3, 3, 7, 13) },
      .input_count = 2,
      .attributes = BIAS_RELU(DIMS(3, 3, 7, 13)) },
    { .name = "two outputs, a number for each channel",
      .in = { DIMS(4, 3, 5, 7, 3), DIMS(3, 5, 1, 1) },
      .input_count = 2,
      .attributes = BIAS_RELU(DIMS(4, 3, 5, 7, 3)) },
    { .name = "a row wider than a part",
      .in = { DIMS(2, 3, 4099), DIMS(2, 3, 1) },
      .input_count = 2,
      .attributes = BIAS_RELU(DIMS(2, 3, 4099)) },
    { .name = "a row, a column and a scalar",
      .in = { DIMS(2, 9, 1), DIMS(1, 37), DIMS(0, 0) },
      .input_count = 3,
      .attributes = GATE(DIMS(2, 9, 37)) },
    { .name = "five runs of axes",
      .in = { DIMS(5, 2, 1, 3, 1, 5), DIMS(5, 1, 3, 1, 2, 1), DIMS(0, 0) },
      .input_count = 3,
      .attributes = GATE(DIMS(5, 2, 3, 3, 2, 5)) },
    { .name = "rank 0",
      .in = { DIMS(0, 0), DIMS(0, 0), DIMS(0, 0) },
      .input_count = 3,
      .attributes = GATE(DIMS(0, 0)) },
    { .name = NULL },
};

const clade_op clade_op_fused = {
    .name = "fused",
    .attributes = schema,
    .attributes_size = sizeof(clade_fused_attributes),
    .input_minimum = 0,
    .input_maximum = CLADE_MAX_INPUTS,
    .outputs = 0,
    .infer = infer,
    .reference = reference,
    .in_place = (1u << CLADE_MAX_INPUTS) - 1,
    .flops = flops,
    .implementations = implementations,
    .cases = cases,
};
