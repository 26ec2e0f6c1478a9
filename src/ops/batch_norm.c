/* Batch normalisation (Ioffe and Szegedy 2015), for each channel c over the M = N*H*W elements that it has:
 *   y = gamma * (x - mean) * r + beta,  mean and variance (biased) of the batch, r = 1 / sqrt(variance + epsilon)
 *   new running mean = running mean + momentum * (mean - running mean); the variance likewise, without bias (/ (M-1))
 * x (N, C) or (N, C, H, W), the others (C) -> y as x, then mean, r, new running mean, new running variance, all (C).
 *
 * batch_norm_gradient (x, gamma, mean, r, dy) -> dx, dgamma, dbeta, with xhat = (x - mean) * r:
 *   dbeta = sum of dy, dgamma = sum of dy * xhat, dx = gamma * r * (dy - dbeta/M - xhat * dgamma/M)
 * It has no gradient of its own.
 *
 * At inference the running statistics take the batch's place, and the whole is a multiplication and an addition by
 * numbers of each channel, which fuse. */
#include "ops/op.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

extern const clade_op clade_op_batch_norm, clade_op_batch_norm_gradient;

typedef struct batch_norm_attributes {
    double epsilon, momentum;
} batch_norm_attributes;

static const clade_attribute schema[] = {
    { "epsilon", CLADE_ATTRIBUTE_DOUBLE, offsetof(batch_norm_attributes, epsilon), 0 },
    { "momentum", CLADE_ATTRIBUTE_DOUBLE, offsetof(batch_norm_attributes, momentum), 0 },
    { NULL, 0, 0, 0 },
};

/* ---- types ---- */

/* Whether inputs FIRST to LAST are float32 (C), C that of input 0. */
static bool check_inputs(const clade_node *node, uint32_t first, uint32_t last, clade_text *why) {
    const clade_type *x = clade_value_type(node->inputs[0]);
    if (x->dtype != CLADE_F32 || x->dims.rank < 2) {
        clade_text_add(why, "expected x as float32 (N, C) or (N, C, H, W)");
        return false;
    }
    for (uint32_t i = first; i <= last; i++) {
        const clade_type *type = clade_value_type(node->inputs[i]);
        if (type->dtype != CLADE_F32 || type->dims.rank != 1 || type->dims.size[0] != x->dims.size[1]) {
            clade_text_add(why, "expected input %u as float32 (%s), a number for each channel", (unsigned)i,
                           clade_size_text(node->graph, x->dims.size[1]));
            return false;
        }
    }
    return true;
}

static bool infer(const clade_node *node, clade_type out[], clade_text *why) {
    if (!check_inputs(node, 1, 4, why)) return false;
    out[0] = *clade_value_type(node->inputs[0]);
    for (int i = 1; i < 5; i++) {
        out[i] = *clade_value_type(node->inputs[1]);
    }
    return true;
}

static bool infer_gradient(const clade_node *node, clade_type out[], clade_text *why) {
    if (!check_inputs(node, 1, 3, why)) return false;
    const clade_type *x = clade_value_type(node->inputs[0]), *dy = clade_value_type(node->inputs[4]);
    if (dy->dtype != CLADE_F32 || !clade_dims_equal(&x->dims, &dy->dims)) {
        clade_text_add(why, "expected dy of x's dims");
        return false;
    }
    out[0] = *x;
    out[1] = out[2] = *clade_value_type(node->inputs[1]);
    return true;
}

/* ---- gradient, and what it is at inference ---- */

static void gradient(clade_tape *tape, const clade_node *node, const clade_value dy[], clade_value dx[]) {
    if (!clade_value_valid(dy[0])) return;
    const clade_value inputs[] = {
        node->inputs[0], node->inputs[1], { tape->graph, node->index, 1 }, { tape->graph, node->index, 2 }, dy[0],
    };
    clade_value all = clade_append(tape->graph, &clade_op_batch_norm_gradient, "", node->attributes, inputs, 5);
    for (uint32_t i = 0; i < 3; i++) {
        if (tape->wanted[i]) dx[i] = clade_output(all, i);
    }
}

static bool inference(clade_rewrite *rewrite, const clade_node *node, const clade_value inputs[], clade_value out[]) {
    (void)rewrite;
    const batch_norm_attributes *a = node->attributes;
    clade_value x = inputs[0], gamma = inputs[1], beta = inputs[2], mean = inputs[3], variance = inputs[4];
    clade_value r = clade_reciprocal_square_root(clade_offset(variance, a->epsilon));
    clade_value scale = clade_multiply(gamma, r), shift = clade_subtract(beta, clade_multiply(mean, scale));
    clade_dims channel = { clade_value_dims(x).rank - 1, { clade_value_dims(gamma).size[0] } };
    for (int32_t axis = 1; axis < channel.rank; axis++) {
        channel.size[axis] = 1;
    }
    out[0] = clade_add(clade_multiply(x, clade_reshape(scale, channel)), clade_reshape(shift, channel));
    out[1] = mean;
    out[2] = r;
    out[3] = mean;
    out[4] = variance;
    return true;
}

/* ---- references ---- */

/* (N, C, S): the spatial axes as one. */
typedef struct sizes {
    int64_t samples, channels, space;
} sizes;

static sizes sizes_of(const int64_t size[], int64_t count) {
    return (sizes){ size[0], size[1], count / (size[0] * size[1]) };
}

static double mean_over(sizes s, const double *x, const double *times, int64_t c) {
    double sum = 0;
    for (int64_t n = 0; n < s.samples; n++) {
        for (int64_t i = 0; i < s.space; i++) {
            int64_t at = (n * s.channels + c) * s.space + i;
            sum += x[at] * (times ? times[at] : 1);
        }
    }
    return sum / (double)(s.samples * s.space);
}

static double variance_over(sizes s, const double *x, double mean, int64_t c) {
    double sum = 0;
    for (int64_t n = 0; n < s.samples; n++) {
        for (int64_t i = 0; i < s.space; i++) {
            double difference = x[(n * s.channels + c) * s.space + i] - mean;
            sum += difference * difference;
        }
    }
    return sum / (double)(s.samples * s.space);
}

static void reference(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    const batch_norm_attributes *a = node->attributes;
    sizes s = sizes_of(in[0].size, in[0].count);
    double m = (double)(s.samples * s.space);
    for (int64_t c = 0; c < s.channels; c++) {
        double mean = mean_over(s, in[0].data, NULL, c), variance = variance_over(s, in[0].data, mean, c);
        double r = 1.0 / sqrt(variance + a->epsilon), unbiased = m > 1 ? variance * m / (m - 1) : variance;
        for (int64_t n = 0; n < s.samples; n++) {
            for (int64_t i = 0; i < s.space; i++) {
                int64_t at = (n * s.channels + c) * s.space + i;
                out[0].data[at] = in[1].data[c] * (in[0].data[at] - mean) * r + in[2].data[c];
            }
        }
        out[1].data[c] = mean;
        out[2].data[c] = r;
        out[3].data[c] = in[3].data[c] + a->momentum * (mean - in[3].data[c]);
        out[4].data[c] = in[4].data[c] + a->momentum * (unbiased - in[4].data[c]);
    }
}

static void reference_gradient(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    (void)node;
    sizes s = sizes_of(in[0].size, in[0].count);
    const double *x = in[0].data, *gamma = in[1].data, *mean = in[2].data, *r = in[3].data, *dy = in[4].data;
    double m = (double)(s.samples * s.space);
    for (int64_t c = 0; c < s.channels; c++) {
        double mean_dy = mean_over(s, dy, NULL, c);
        double mean_product = (mean_over(s, dy, x, c) - mean[c] * mean_dy) * r[c];
        out[1].data[c] = m * mean_product;
        out[2].data[c] = m * mean_dy;
        for (int64_t n = 0; n < s.samples; n++) {
            for (int64_t i = 0; i < s.space; i++) {
                int64_t at = (n * s.channels + c) * s.space + i;
                double xhat = (x[at] - mean[c]) * r[c];
                out[0].data[at] = gamma[c] * r[c] * (dy[at] - mean_dy - xhat * mean_product);
            }
        }
    }
}

/* ---- implementations ---- */

enum {
    GROUP = 64,
    CPU_PART = 32768, /* elements whose two passes stay within a core's cache */
    GPU_PART = 8192,
    APPLY_PART = 4096, /* elements of a row that an item takes where an item is a thread's work */
};

/* The two forms: items that work through rows with vectors, and groups of items. */
typedef struct form {
    const char *suffix; /* of the kernels over planes */
    size_t group;
    int width; /* channels that an item of the kernels over columns takes */
    int64_t part, apply_part;
} form;

static const form vectors = { "vectors", 1, 16, CPU_PART, APPLY_PART };
static const form groups = { "groups", GROUP, 1, GPU_PART, 1 };

static int64_t divide_up(int64_t a, int64_t b) {
    return (a + b - 1) / b;
}

static int64_t part_rows(sizes s, const form *how) {
    int64_t rows = s.space > 0 ? how->part / s.space : 1;
    return rows < 1 ? 1 : rows > s.samples ? s.samples : rows;
}

static void workspace_for(const clade_site *site, const form *how, size_t bytes[CLADE_MAX_WORKSPACES]) {
    sizes s = sizes_of(site->in[0].size, site->in[0].count);
    bytes[0] = (size_t)(s.channels * divide_up(s.samples, part_rows(s, how))) * 2 * sizeof(float);
}

typedef struct launcher {
    const clade_site *site;
    clade_commands *commands;
    const form *how;
    sizes s;
    int64_t rows, parts;
    clade_argument arguments[16];
    size_t count;
} launcher;

static launcher start(const clade_site *site, clade_commands *commands, const form *how) {
    launcher l = { .site = site, .commands = commands, .how = how };
    l.s = sizes_of(site->in[0].size, site->in[0].count);
    l.rows = part_rows(l.s, how);
    l.parts = divide_up(l.s.samples, l.rows);
    return l;
}

static void add_buffer(launcher *l, const clade_buffer *buffer) {
    l->arguments[l->count++] = clade_buffer_argument(buffer);
}

static void add_int(launcher *l, int64_t value) {
    l->arguments[l->count++] = clade_int_argument(value);
}

static void add_float(launcher *l, double value) {
    l->arguments[l->count++] = clade_float_argument((float)value);
}

static clade_status launch(launcher *l, const char *kernel, const size_t global[3], const size_t local[3]) {
    char options[32];
    snprintf(options, sizeof options, "-DWIDTH=%d", l->how->width);
    clade_launch what = {
        .file = "batch_norm.cl",
        .options = options,
        .kernel = kernel,
        .label = l->site->label,
        .arguments = l->arguments,
        .argument_count = l->count,
        .flops = 4.0 * (double)l->site->in[0].count,
        .bytes = 8.0 * (double)l->site->in[0].count,
    };
    memcpy(what.global, global, sizeof what.global);
    memcpy(what.local, local, sizeof what.local);
    l->count = 0;
    return clade_commands_launch(l->commands, &what);
}

/* The first launch, of kernels NAME_vectors, NAME_groups or NAME_columns: a pair of sums for each channel and part. */
static clade_status launch_parts(launcher *l, const char *name) {
    char kernel[32];
    bool columns = l->s.space == 1;
    add_int(l, l->s.samples);
    add_int(l, l->s.channels);
    add_int(l, l->s.space);
    add_int(l, l->rows);
    add_int(l, l->parts);
    snprintf(kernel, sizeof kernel, "%s_%s", name, columns ? "columns" : l->how->suffix);
    if (columns) {
        const size_t global[3] = { (size_t)l->parts, (size_t)divide_up(l->s.channels, l->how->width), 1 };
        return launch(l, kernel, global, (const size_t[3]){ 1, l->how->group, 1 });
    }
    const size_t global[3] = { (size_t)l->parts * l->how->group, (size_t)l->s.channels, 1 };
    return launch(l, kernel, global, (const size_t[3]){ l->how->group, 1, 1 });
}

static clade_status launch_channels(launcher *l, const char *kernel) {
    return launch(l, kernel, (const size_t[3]){ (size_t)l->s.channels, 1, 1 }, (const size_t[3]){ GROUP, 1, 1 });
}

/* The last launch, of kernels NAME_planes or NAME_columns: every element. PER_M only where the kernel takes it. */
static clade_status launch_elements(launcher *l, const char *name, bool takes_per_m) {
    char kernel[32];
    bool columns = l->s.space == 1;
    int64_t row = columns ? l->s.channels : l->s.space;
    int64_t part = l->how->apply_part < row ? l->how->apply_part : row;
    add_int(l, l->s.channels);
    if (!columns) add_int(l, l->s.space);
    add_int(l, part);
    if (takes_per_m) add_float(l, 1.0 / ((double)l->s.samples * (double)l->s.space));
    snprintf(kernel, sizeof kernel, "%s_%s", name, columns ? "columns" : "planes");
    size_t across = (size_t)divide_up(row, part);
    size_t group = l->how->group < across ? l->how->group : across;
    const size_t global[3] = { across, (size_t)(columns ? l->s.samples : l->s.channels),
                               (size_t)(columns ? 1 : l->s.samples) };
    return launch(l, kernel, global, (const size_t[3]){ group, 1, 1 });
}

static clade_status record(const clade_site *site, clade_commands *commands, const form *how) {
    const batch_norm_attributes *a = site->node->attributes;
    launcher l = start(site, commands, how);
    add_buffer(&l, site->in[0].buffer);
    add_buffer(&l, site->workspace[0]);
    clade_status status = launch_parts(&l, "moments");
    if (status != CLADE_OK) return status;

    add_buffer(&l, site->workspace[0]);
    add_buffer(&l, site->in[3].buffer);
    add_buffer(&l, site->in[4].buffer);
    for (int o = 1; o < 5; o++) {
        add_buffer(&l, site->out[o].buffer);
    }
    const int64_t geometry[] = { l.s.samples, l.s.channels, l.s.space, l.rows, l.parts };
    for (int i = 0; i < 5; i++) {
        add_int(&l, geometry[i]);
    }
    add_float(&l, a->epsilon);
    add_float(&l, a->momentum);
    status = launch_channels(&l, "finish_moments");
    if (status != CLADE_OK) return status;

    for (int i = 0; i < 3; i++) {
        add_buffer(&l, site->in[i].buffer);
    }
    add_buffer(&l, site->out[1].buffer);
    add_buffer(&l, site->out[2].buffer);
    add_buffer(&l, site->out[0].buffer);
    return launch_elements(&l, "apply", false);
}

static clade_status record_gradient(const clade_site *site, clade_commands *commands, const form *how) {
    launcher l = start(site, commands, how);
    add_buffer(&l, site->in[0].buffer);
    for (int i = 2; i < 5; i++) {
        add_buffer(&l, site->in[i].buffer);
    }
    add_buffer(&l, site->workspace[0]);
    clade_status status = launch_parts(&l, "sums");
    if (status != CLADE_OK) return status;

    add_buffer(&l, site->workspace[0]);
    add_buffer(&l, site->out[1].buffer);
    add_buffer(&l, site->out[2].buffer);
    add_int(&l, l.s.channels);
    add_int(&l, l.parts);
    status = launch_channels(&l, "finish_sums");
    if (status != CLADE_OK) return status;

    for (int i = 0; i < 5; i++) {
        add_buffer(&l, site->in[i].buffer);
    }
    add_buffer(&l, site->out[1].buffer);
    add_buffer(&l, site->out[2].buffer);
    add_buffer(&l, site->out[0].buffer);
    return launch_elements(&l, "gradient", true);
}

static void workspace_vectors(const clade_site *site, size_t bytes[CLADE_MAX_WORKSPACES]) {
    workspace_for(site, &vectors, bytes);
}

static void workspace_groups(const clade_site *site, size_t bytes[CLADE_MAX_WORKSPACES]) {
    workspace_for(site, &groups, bytes);
}

static clade_status record_vectors(const clade_site *site, clade_commands *commands) {
    return record(site, commands, &vectors);
}

static clade_status record_groups(const clade_site *site, clade_commands *commands) {
    return record(site, commands, &groups);
}

static clade_status record_gradient_vectors(const clade_site *site, clade_commands *commands) {
    return record_gradient(site, commands, &vectors);
}

static clade_status record_gradient_groups(const clade_site *site, clade_commands *commands) {
    return record_gradient(site, commands, &groups);
}

static double for_cpus(const clade_site *site) {
    return site->device->capabilities.is_cpu ? 2 : 1;
}

static double for_others(const clade_site *site) {
    return site->device->capabilities.is_cpu ? 1 : 2;
}

static double flops(const clade_site *site) {
    return 8.0 * (double)site->in[0].count;
}

static const clade_implementation *const implementations[] = {
    &(const clade_implementation){
        .name = "vectors", .suitability = for_cpus, .workspace = workspace_vectors, .record = record_vectors },
    &(const clade_implementation){
        .name = "groups", .suitability = for_others, .workspace = workspace_groups, .record = record_groups },
    NULL,
};
static const clade_implementation *const gradient_implementations[] = {
    &(const clade_implementation){
        .name = "vectors", .suitability = for_cpus, .workspace = workspace_vectors, .record = record_gradient_vectors },
    &(const clade_implementation){
        .name = "groups", .suitability = for_others, .workspace = workspace_groups, .record = record_gradient_groups },
    NULL,
};

/* ---- cases ---- */

#define DIMS(RANK, ...)                                                                                                \
    {                                                                                                                  \
        RANK, {                                                                                                        \
            __VA_ARGS__                                                                                                \
        }                                                                                                              \
    }
#define CASE(NAME, X, C)                                                                                               \
    {                                                                                                                  \
        .name = NAME, .in = { X, DIMS(1, C), DIMS(1, C), DIMS(1, C), DIMS(1, C) }, .input_count = 5,                   \
        .fill = { CLADE_FILL_UNIFORM, CLADE_FILL_POSITIVE, CLADE_FILL_UNIFORM, CLADE_FILL_UNIFORM,                     \
                  CLADE_FILL_POSITIVE },                                                                               \
        .attributes = &(const batch_norm_attributes) {                                                                 \
            1e-5, 0.1                                                                                                  \
        }                                                                                                              \
    }
#define GRADIENT_CASE(NAME, X, C)                                                                                      \
    {                                                                                                                  \
        .name = NAME, .in = { X, DIMS(1, C), DIMS(1, C), DIMS(1, C), X }, .input_count = 5,                            \
        .fill = { CLADE_FILL_UNIFORM, CLADE_FILL_POSITIVE, CLADE_FILL_UNIFORM, CLADE_FILL_POSITIVE,                    \
                  CLADE_FILL_UNIFORM },                                                                                \
        .attributes = &(const batch_norm_attributes) {                                                                 \
            1e-5, 0.1                                                                                                  \
        }                                                                                                              \
    }
#define CASES(CASE)                                                                                                    \
    CASE("planes of odd size", DIMS(4, 3, 5, 7, 9), 5), CASE("planes smaller than a vector", DIMS(4, 4, 3, 2, 2), 3),  \
        CASE("several parts", DIMS(4, 3, 2, 131, 193), 2), CASE("one sample", DIMS(4, 1, 3, 4, 5), 3),                 \
        CASE("columns", DIMS(2, 9, 37), 37), CASE("columns in parts", DIMS(2, 8200, 3), 3),                            \
        CASE("one column", DIMS(2, 5, 1), 1)

static const clade_case cases[] = { CASES(CASE), { .name = NULL } };
static const clade_case gradient_cases[] = { CASES(GRADIENT_CASE), { .name = NULL } };

/* ---- the rows ---- */

const clade_op clade_op_batch_norm = {
    .name = "batch_norm",
    .onnx = "BatchNormalization",
    .attributes = schema,
    .attributes_size = sizeof(batch_norm_attributes),
    .input_minimum = 5,
    .input_maximum = 5,
    .outputs = 5,
    .infer = infer,
    .gradient = gradient,
    .inference = inference,
    .reference = reference,
    .flops = flops,
    .implementations = implementations,
    .cases = cases,
};

const clade_op clade_op_batch_norm_gradient = {
    .name = "batch_norm_gradient",
    .attributes = schema,
    .attributes_size = sizeof(batch_norm_attributes),
    .input_minimum = 5,
    .input_maximum = 5,
    .outputs = 3,
    .infer = infer_gradient,
    .reference = reference_gradient,
    .flops = flops,
    .implementations = gradient_implementations,
    .cases = gradient_cases,
};

/* ---- the builder's call ---- */

clade_value clade_batch_norm_with(const clade_batch_norm_options *options) {
    clade_batch_norm_options given = { 0 };
    memcpy(&given, options, options->size < sizeof given ? options->size : sizeof given);
    clade_value x = given.x;
    clade_dims dims = clade_value_dims(x);
    if (!clade_value_valid(x) || dims.rank < 2 || dims.size[1] < 1) {
        if (x.graph && clade_value_valid(x)) {
            return clade_invalid(x.graph, CLADE_ERROR_ARGUMENT,
                                 "batch_norm of %s: expected (N, C) or (N, C, H, W) with C a number",
                                 clade_type_text(x.graph, clade_value_type(x)));
        }
        return clade_invalid(x.graph, CLADE_ERROR_ARGUMENT, "batch_norm: x is not a value");
    }
    const char *name = clade_graph_unique_name(x.graph, given.name, "batch_norm");
    const clade_initializer one = { .kind = CLADE_INITIALIZE_CONSTANT, .value = 1 };
    const clade_initializer zero = { .kind = CLADE_INITIALIZE_CONSTANT, .value = 0 };
    clade_dims channels = clade_shape(dims.size[1]);
    const clade_value inputs[] = {
        x,
        clade_layer_state(x.graph, name, "weight", channels, CLADE_ROLE_BIAS, one, one),
        clade_layer_state(x.graph, name, "bias", channels, CLADE_ROLE_BIAS, zero, zero),
        clade_layer_state(x.graph, name, "running_mean", channels, CLADE_ROLE_STATE, zero, zero),
        clade_layer_state(x.graph, name, "running_variance", channels, CLADE_ROLE_STATE, one, one),
    };
    const batch_norm_attributes a = {
        .epsilon = given.epsilon > 0 ? given.epsilon : 1e-5,
        .momentum = given.momentum > 0 ? given.momentum : 0.1,
    };
    clade_value y = clade_append(x.graph, &clade_op_batch_norm, name, &a, inputs, 5);
    if (clade_value_valid(y)) {
        clade_update(inputs[3], clade_output(y, 3));
        clade_update(inputs[4], clade_output(y, 4));
    }
    return y;
}
