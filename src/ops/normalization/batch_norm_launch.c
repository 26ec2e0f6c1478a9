/* How batch normalisation is carried out (kernels/batch_norm.cl): moments or sums in parts, the parts joined, then every
 * element. */
#include "ops/normalization/batch_norm.h"

#include <stdio.h>
#include <string.h>

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

static int64_t part_rows(clade_batch_norm_sizes s, const form *how) {
    int64_t rows = s.space > 0 ? how->part / s.space : 1;
    return rows < 1 ? 1 : rows > s.samples ? s.samples : rows;
}

static void workspace_for(const clade_site *site, const form *how, size_t bytes[CLADE_MAX_WORKSPACES]) {
    clade_batch_norm_sizes s = clade_batch_norm_sizes_of(site->in[0].size, site->in[0].count);
    bytes[0] = (size_t)(s.channels * clade_blocks(s.samples, part_rows(s, how))) * 2 * sizeof(float);
}

typedef struct launcher {
    const clade_site *site;
    clade_commands *commands;
    const form *how;
    clade_batch_norm_sizes s;
    int64_t rows, parts;
    clade_argument arguments[20];
    size_t count;
} launcher;

static launcher start(const clade_site *site, clade_commands *commands, const form *how) {
    launcher l = { .site = site, .commands = commands, .how = how };
    l.s = clade_batch_norm_sizes_of(site->in[0].size, site->in[0].count);
    l.rows = part_rows(l.s, how);
    l.parts = clade_blocks(l.s.samples, l.rows);
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
        const size_t global[3] = { (size_t)l->parts, (size_t)clade_blocks(l->s.channels, l->how->width), 1 };
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
    int64_t row = columns ? l->s.channels : l->s.space, all = l->s.samples * l->s.channels;
    int64_t part = l->how->apply_part < row ? l->how->apply_part : row, rows = l->how->apply_part / part;
    add_int(l, l->s.channels);
    if (!columns) add_int(l, l->s.space);
    add_int(l, part);
    if (!columns) {
        add_int(l, all);
        add_int(l, rows);
    }
    if (takes_per_m) add_float(l, 1.0 / ((double)l->s.samples * (double)l->s.space));
    snprintf(kernel, sizeof kernel, "%s_%s", name, columns ? "columns" : "planes");
    size_t across = (size_t)clade_blocks(row, part);
    size_t group = l->how->group < across ? l->how->group : across;
    const size_t global[3] = { across, (size_t)(columns ? l->s.samples : clade_blocks(all, rows)), 1 };
    return launch(l, kernel, global, (const size_t[3]){ group, 1, 1 });
}

static clade_status record(const clade_site *site, clade_commands *commands, const form *how) {
    const clade_batch_norm_attributes *a = site->node->attributes;
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
    clade_tail_arguments(site, l.arguments + l.count);
    l.count += CLADE_TAIL_ARGUMENTS;
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

const clade_implementation *const clade_batch_norm_implementations[] = {
    &(const clade_implementation){ .name = "vectors",
                                   .suitability = clade_suits_cpus,
                                   .workspace = workspace_vectors,
                                   .tail = true,
                                   .record = record_vectors },
    &(const clade_implementation){ .name = "groups",
                                   .suitability = clade_suits_others,
                                   .workspace = workspace_groups,
                                   .tail = true,
                                   .record = record_groups },
    NULL,
};
const clade_implementation *const clade_batch_norm_gradient_implementations[] = {
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
