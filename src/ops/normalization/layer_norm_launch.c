/* How normalisation of rows is carried out (kernels/layer_norm.cl). The gradient's sums for parameters come in parts,
 * which the sizes alone decide. */
#include "ops/normalization/layer_norm.h"

enum {
    GROUP = 64,
    FORWARD_PART = 8192, /* elements that an item takes where it is a thread's work */
    BACKWARD_PART = 65536,
    MOST_PARTS = 64, /* of the sums for parameters */
};

static int64_t at_least(int64_t a, int64_t b) {
    return a > b ? a : b;
}

/* Of ROWS rows of COUNT elements those that a part of about ELEMENTS takes, MOST parts at most. */
static int64_t rows_of_part(int64_t rows, int64_t count, int64_t elements, int64_t most) {
    return at_least(at_least(elements / count, 1), clade_blocks(rows, most));
}

/* Rows in a part of the gradient's sums: rows (r, g), or of groups' launches all of an r. */
static int64_t gradient_part(clade_layer_norm_sizes s, bool vectors) {
    if (vectors) return rows_of_part(s.r * s.g, s.k * s.i, BACKWARD_PART, MOST_PARTS);
    return rows_of_part(s.r, s.i, GROUP, MOST_PARTS);
}

static int64_t gradient_parts(clade_layer_norm_sizes s, bool vectors) {
    return clade_blocks(vectors ? s.r * s.g : s.r, gradient_part(s, vectors));
}

static void workspace(const clade_site *site, bool vectors, size_t bytes[CLADE_MAX_WORKSPACES]) {
    const clade_layer_norm_sizes s = clade_layer_norm_sizes_of(site->in[0].size);
    bytes[0] = (size_t)(gradient_parts(s, vectors) * 2 * s.g * s.k) * sizeof(float);
}

/* ---- launches ---- */

enum { MOST_ARGUMENTS = 16 };

typedef struct launcher {
    const clade_site *site;
    clade_commands *commands;
    clade_argument arguments[MOST_ARGUMENTS];
    size_t count;
} launcher;

static void add_buffer(launcher *l, const clade_buffer *buffer) {
    l->arguments[l->count++] = clade_buffer_argument(buffer);
}

static void add_int(launcher *l, int64_t value) {
    l->arguments[l->count++] = clade_int_argument(value);
}

/* BYTES: for each element of x. */
static clade_status launch(launcher *l, const char *kernel, int64_t across, int64_t down, size_t group, double bytes) {
    const clade_launch what = {
        .file = "layer_norm.cl",
        .kernel = kernel,
        .label = l->site->label,
        .global = { (size_t)across * group, (size_t)down },
        .local = { group, 1 },
        .arguments = l->arguments,
        .argument_count = l->count,
        .flops = 4.0 * (double)l->site->in[0].count,
        .bytes = bytes * (double)l->site->in[0].count,
    };
    return clade_commands_launch(l->commands, &what);
}

static clade_status record(const clade_site *site, clade_commands *commands, bool vectors) {
    const clade_layer_norm_attributes *a = site->node->attributes;
    const clade_layer_norm_sizes s = clade_layer_norm_sizes_of(site->in[0].size);
    const int64_t rows = s.r * s.g, part = rows_of_part(rows, s.k * s.i, FORWARD_PART, INT32_MAX);
    launcher l = { .site = site, .commands = commands };
    for (int i = 0; i < 3; i++) {
        add_buffer(&l, site->in[i].buffer);
    }
    for (int o = 0; o < 3; o++) {
        add_buffer(&l, site->out[o].buffer);
    }
    const int64_t numbers[] = { rows, s.g, s.k, s.i, part };
    for (int i = 0; i < 5; i++) {
        add_int(&l, numbers[i]);
    }
    l.arguments[l.count++] = clade_float_argument((float)a->epsilon);
    add_int(&l, a->uncentred ? 0 : 1);
    if (vectors) return launch(&l, "forward_vectors", clade_blocks(rows, part), 1, 1, 8);
    return launch(&l, "forward_groups", rows, 1, GROUP, 8);
}

/* x, gamma (of a row's dx alone), means, deviations, dy. */
static launcher begin_gradient(const clade_site *site, clade_commands *commands, bool with_gamma) {
    launcher l = { .site = site, .commands = commands };
    for (int i = 0; i < 5; i++) {
        if (i != 1 || with_gamma) add_buffer(&l, site->in[i].buffer);
    }
    return l;
}

static clade_status finish_parameters(const clade_site *site, clade_commands *commands, bool vectors) {
    const clade_layer_norm_sizes s = clade_layer_norm_sizes_of(site->in[0].size);
    launcher l = { .site = site, .commands = commands };
    add_buffer(&l, site->workspace[0]);
    add_buffer(&l, site->out[1].buffer);
    add_buffer(&l, site->out[2].buffer);
    add_int(&l, s.g * s.k);
    add_int(&l, gradient_parts(s, vectors));
    return launch(&l, "finish_parameters", clade_blocks(s.g * s.k, GROUP), 1, GROUP, 0);
}

static clade_status record_gradient_vectors(const clade_site *site, clade_commands *commands) {
    const clade_layer_norm_attributes *a = site->node->attributes;
    const clade_layer_norm_sizes s = clade_layer_norm_sizes_of(site->in[0].size);
    launcher l = begin_gradient(site, commands, true);
    add_buffer(&l, site->out[0].buffer);
    add_buffer(&l, site->workspace[0]);
    const int64_t numbers[] = { s.r * s.g, s.g, s.k, s.i, gradient_part(s, true), a->uncentred ? 0 : 1 };
    for (int i = 0; i < 6; i++) {
        add_int(&l, numbers[i]);
    }
    clade_status status = launch(&l, "gradient_vectors", gradient_parts(s, true), 1, 1, 12);
    return status == CLADE_OK ? finish_parameters(site, commands, true) : status;
}

static clade_status record_gradient_groups(const clade_site *site, clade_commands *commands) {
    const clade_layer_norm_attributes *a = site->node->attributes;
    const clade_layer_norm_sizes s = clade_layer_norm_sizes_of(site->in[0].size);
    launcher l = begin_gradient(site, commands, true);
    add_buffer(&l, site->out[0].buffer);
    const int64_t numbers[] = { s.r * s.g, s.g, s.k, s.i, a->uncentred ? 0 : 1 };
    for (int i = 0; i < 5; i++) {
        add_int(&l, numbers[i]);
    }
    clade_status status = launch(&l, "gradient_groups", s.r * s.g, 1, GROUP, 12);
    if (status != CLADE_OK) return status;

    launcher sums = begin_gradient(site, commands, false);
    add_buffer(&sums, site->workspace[0]);
    const int64_t parameters = s.g * s.k, parts = gradient_parts(s, false);
    add_int(&sums, s.r);
    add_int(&sums, s.g);
    add_int(&sums, s.k);
    if (s.i > 1) add_int(&sums, s.i);
    add_int(&sums, gradient_part(s, false));
    status = s.i > 1 ? launch(&sums, "parameters_groups", parameters, parts, GROUP, 8)
                     : launch(&sums, "parameters_columns", clade_blocks(parameters, GROUP), parts, GROUP, 8);
    return status == CLADE_OK ? finish_parameters(site, commands, false) : status;
}

static clade_status record_vectors(const clade_site *site, clade_commands *commands) {
    return record(site, commands, true);
}

static clade_status record_groups(const clade_site *site, clade_commands *commands) {
    return record(site, commands, false);
}

static void workspace_vectors(const clade_site *site, size_t bytes[CLADE_MAX_WORKSPACES]) {
    workspace(site, true, bytes);
}

static void workspace_groups(const clade_site *site, size_t bytes[CLADE_MAX_WORKSPACES]) {
    workspace(site, false, bytes);
}

const clade_implementation *const clade_layer_norm_implementations[] = {
    &(const clade_implementation){ .name = "vectors", .suitability = clade_suits_cpus, .record = record_vectors },
    &(const clade_implementation){ .name = "groups", .suitability = clade_suits_others, .record = record_groups },
    NULL,
};
const clade_implementation *const clade_layer_norm_gradient_implementations[] = {
    &(const clade_implementation){ .name = "vectors",
                                   .suitability = clade_suits_cpus,
                                   .workspace = workspace_vectors,
                                   .record = record_gradient_vectors },
    &(const clade_implementation){ .name = "groups",
                                   .suitability = clade_suits_others,
                                   .workspace = workspace_groups,
                                   .record = record_gradient_groups },
    NULL,
};
