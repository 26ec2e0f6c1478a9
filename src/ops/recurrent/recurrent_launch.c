/* How recurrent rows are carried out: `slabs` for CPU-like devices (kernels/recurrent_slabs.cl: one launch, a work-item for
 * some samples over all time steps), `steps` for GPU-like ones (kernels/recurrent_steps.cl: a launch for each time step). */
#include "ops/recurrent/recurrent.h"

#include <math.h>
#include <stdio.h>

enum {
    BLOCK = 16, /* units that a slab's forward step finishes together; of an RNN twice as many, as backward */
    TILE_FLOATS = 512,
    ROWS = 8,       /* samples of a slab's product */
    MOST_ROWS = 32, /* samples of a slab: a block of the weights stays in a core's cache for so many */
    ENOUGH_SLABS = 4,
    STEP_TILE = 16, /* samples, and units, of a group of the steps */
    STEP_ITEMS = 64,
    MOST_ARGUMENTS = 32,
};

typedef struct launcher {
    const clade_site *site;
    clade_recurrent_place p;
    clade_recurrent_sizes s;
    const clade_recurrent_attributes *a;
    char options[64];
    clade_argument arguments[MOST_ARGUMENTS];
    size_t count;
} launcher;

static launcher launcher_of(const clade_site *site) {
    launcher l = { .site = site, .p = clade_recurrent_place_of(site->node), .a = site->node->attributes };
    l.s = clade_recurrent_sizes_of(site->in[0].size, site->in[1].size);
    const int cell = l.p.cell == CLADE_CELL_GRU && l.a->reset_after ? 4 : (int)l.p.cell;
    snprintf(l.options, sizeof l.options, "-DCELL=%d%s%s", cell, l.a->relu ? " -DRELU" : "",
             site->device->capabilities.is_cpu ? " -DFAST_FMA" : "");
    return l;
}

static void add_buffer(launcher *l, const clade_buffer *buffer) {
    l->arguments[l->count++] = clade_buffer_argument(buffer);
}

/* Input INDEX; for one that is not there, another that is not looked at. */
static void add_input(launcher *l, int index) {
    add_buffer(l, l->site->in[index >= 0 ? index : 1].buffer);
}

static void add_output(launcher *l, int index) {
    add_buffer(l, l->site->out[index >= 0 ? index : 0].buffer);
}

static void add_int(launcher *l, int64_t value) {
    l->arguments[l->count++] = clade_int_argument(value);
}

static void add_float(launcher *l, double value) {
    l->arguments[l->count++] = clade_float_argument((float)value);
}

static void add_sizes(launcher *l) {
    add_int(l, l->s.time);
    add_int(l, l->s.samples);
    add_int(l, l->s.units);
    add_int(l, l->s.directions);
    add_int(l, clade_recurrent_reversed(l->site->node));
    add_int(l, l->p.lengths >= 0);
    add_int(l, l->p.extra >= 0);
}

/* The arguments that both forms begin with; WEIGHTS as they want them. */
static void add_forward(launcher *l, const clade_buffer *weights) {
    const int lstm = l->p.memory >= 0, last = (int)l->site->node->output_count - 1;
    const bool keeps = l->a->keeps && l->p.keeps > 0, scratch = l->p.cell == CLADE_CELL_GRU && !l->a->reset_after;
    add_input(l, 0);
    add_buffer(l, weights);
    add_input(l, l->p.hidden);
    add_input(l, l->p.memory);
    add_input(l, l->p.lengths);
    add_input(l, l->p.extra);
    add_output(l, 0);
    add_output(l, 1);
    add_output(l, lstm ? 2 : -1);
    add_output(l, keeps ? last : -1);
    add_buffer(l, scratch ? l->site->workspace[0] : l->site->out[0].buffer);
    add_sizes(l);
    add_int(l, keeps);
    add_float(l, l->a->clip > 0 ? l->a->clip : INFINITY);
}

static void add_backward(launcher *l, const clade_buffer *weights) {
    const int lstm = l->p.memory >= 0, others = 3 + lstm;
    double of_sigmoid, of_other;
    clade_recurrent_bounds(l->a, &of_sigmoid, &of_other);
    add_input(l, 0);
    add_buffer(l, weights);
    add_input(l, l->p.hidden);
    add_input(l, l->p.memory);
    add_input(l, l->p.lengths);
    add_input(l, l->p.extra);
    add_input(l, l->p.kept);
    add_input(l, l->p.dy);
    add_input(l, l->p.last_dhidden);
    add_input(l, l->p.last_dcell);
    add_output(l, 0);
    add_output(l, 1);
    add_output(l, 2);
    add_output(l, lstm ? 3 : -1);
    add_output(l, (int)l->site->node->output_count > others ? others : -1);
    add_sizes(l);
    add_int(l, l->p.dy >= 0);
    add_int(l, l->p.last_dhidden >= 0);
    add_int(l, l->p.last_dcell >= 0);
    add_float(l, of_sigmoid);
    add_float(l, of_other);
}

static double bytes_of(const clade_site *site) {
    double count = 0;
    for (uint32_t i = 0; i < site->node->input_count; i++) {
        count += (double)site->in[i].count;
    }
    for (uint32_t o = 0; o < site->node->output_count; o++) {
        count += (double)site->out[o].count;
    }
    return 4 * count;
}

/* Bytes of what lies between the halves of a step where the reset gate comes before the product. */
static void workspace(const clade_site *site, size_t bytes[CLADE_MAX_WORKSPACES]) {
    const launcher l = launcher_of(site);
    if (l.p.backward || l.p.cell != CLADE_CELL_GRU || l.a->reset_after) return;
    bytes[0] = 2 * (size_t)(l.s.directions * l.s.samples * l.s.units) * sizeof(float);
}

/* ---- slabs ---- */

static int64_t block_of(const launcher *l) {
    return l->p.backward || l->p.cell == CLADE_CELL_RNN ? 2 * BLOCK : BLOCK;
}

static int64_t blocks_of(const launcher *l) {
    return clade_blocks(l->s.units, block_of(l));
}

/* Samples of a slab: many where that leaves enough slabs. Configurations 1 to 3 are 8, 16 and 32. */
static int64_t slab_of(const launcher *l) {
    int64_t slab = MOST_ROWS;
    if (l->site->configuration > 0) return (int64_t)ROWS << (l->site->configuration - 1);
    while (slab > ROWS && clade_blocks(l->s.samples, slab) * l->s.directions < ENOUGH_SLABS) {
        slab /= 2;
    }
    return slab;
}

static int configurations(const clade_site *site) {
    (void)site;
    return 4;
}

/* Forward a row of 16 columns for each gate and input of a block, for an RNN of 32; backward 32 for each row of R. */
static size_t prepared(const clade_site *site) {
    const launcher l = launcher_of(site);
    const int64_t gates = l.p.cell == CLADE_CELL_RNN || l.p.backward ? 2 * l.p.gates : l.p.gates;
    return (size_t)(l.s.directions * blocks_of(&l) * gates * BLOCK * l.s.units) * sizeof(float);
}

static clade_status prepare(const clade_site *site, clade_commands *commands) {
    launcher l = launcher_of(site);
    const int64_t rows = l.p.backward ? l.p.gates * l.s.units : clade_blocks(l.s.units, BLOCK);
    add_input(&l, 1);
    add_buffer(&l, site->prepared);
    add_int(&l, l.s.units);
    add_int(&l, blocks_of(&l));
    return clade_commands_launch(commands,
                                 &(clade_launch){
                                     .file = "recurrent_slabs.cl",
                                     .options = l.options,
                                     .kernel = l.p.backward ? "pack_backward" : "pack_forward",
                                     .label = site->label,
                                     .global = { (size_t)rows, (size_t)blocks_of(&l), (size_t)l.s.directions },
                                     .local = { 1 },
                                     .arguments = l.arguments,
                                     .argument_count = l.count,
                                     .bytes = 8.0 * (double)site->in[1].count,
                                 });
}

static clade_status record_slabs(const clade_site *site, clade_commands *commands) {
    launcher l = launcher_of(site);
    (l.p.backward ? add_backward : add_forward)(&l, site->prepared);
    const int64_t slab = slab_of(&l);
    add_int(&l, blocks_of(&l));
    add_int(&l, slab);
    l.arguments[l.count++] = clade_local_argument(TILE_FLOATS * sizeof(float));
    return clade_commands_launch(commands,
                                 &(clade_launch){
                                     .file = "recurrent_slabs.cl",
                                     .options = l.options,
                                     .kernel = l.p.backward ? "backward_slabs" : "forward_slabs",
                                     .label = site->label,
                                     .global = { (size_t)clade_blocks(l.s.samples, slab), (size_t)l.s.directions },
                                     .local = { 1 },
                                     .arguments = l.arguments,
                                     .argument_count = l.count,
                                     .flops = clade_recurrent_flops(site),
                                     .bytes = bytes_of(site),
                                 });
}

/* ---- steps ---- */

static bool steps_applicable(const clade_site *site, char why[128]) {
    const clade_capabilities *can = &site->device->capabilities;
    if (can->max_group_size >= STEP_ITEMS && can->max_group_sizes[0] >= STEP_ITEMS) return true;
    snprintf(why, 128, "needs groups of %d work-items", STEP_ITEMS);
    return false;
}

static clade_status launch_step(launcher *l, clade_commands *commands, const char *kernel, int64_t step) {
    const size_t count = l->count;
    add_int(l, step);
    clade_status status = clade_commands_launch(
        commands, &(clade_launch){
                      .file = "recurrent_steps.cl",
                      .options = l->options,
                      .kernel = kernel,
                      .label = l->site->label,
                      .global = { (size_t)clade_blocks(l->s.units, STEP_TILE) * STEP_ITEMS,
                                  (size_t)clade_blocks(l->s.samples, STEP_TILE), (size_t)l->s.directions },
                      .local = { STEP_ITEMS, 1, 1 },
                      .arguments = l->arguments,
                      .argument_count = l->count,
                      .flops = clade_recurrent_flops(l->site) / (double)l->s.time,
                      .bytes = bytes_of(l->site) / (double)l->s.time,
                  });
    l->count = count;
    return status;
}

static clade_status record_steps(const clade_site *site, clade_commands *commands) {
    launcher l = launcher_of(site);
    (l.p.backward ? add_backward : add_forward)(&l, site->in[1].buffer);
    const bool halves = l.p.cell == CLADE_CELL_GRU && !l.a->reset_after;
    clade_status status = CLADE_OK;
    for (int64_t step = 0; step < l.s.time + l.p.backward && status == CLADE_OK; step++) {
        status = launch_step(&l, commands, l.p.backward ? "backward_step" : "forward_step", step);
        if (status == CLADE_OK && halves && step < l.s.time)
            status = launch_step(&l, commands, l.p.backward ? "backward_reset" : "forward_candidate", step);
    }
    return status;
}

#define IMPLEMENTATIONS                                                                                                \
    &(const clade_implementation){ .name = "slabs",                                                                    \
                                   .suitability = clade_suits_cpus,                                                    \
                                   .workspace = workspace,                                                             \
                                   .prepared = prepared,                                                               \
                                   .prepare = prepare,                                                                 \
                                   .configurations = configurations,                                                   \
                                   .record = record_slabs },                                                           \
        &(const clade_implementation){ .name = "steps",                                                                \
                                       .applicable = steps_applicable,                                                 \
                                       .suitability = clade_suits_others,                                              \
                                       .workspace = workspace,                                                         \
                                       .record = record_steps },                                                       \
        NULL

const clade_implementation *const clade_recurrent_implementations[] = { IMPLEMENTATIONS };
const clade_implementation *const clade_recurrent_gradient_implementations[] = { IMPLEMENTATIONS };
