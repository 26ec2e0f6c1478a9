/* The launches of a resize: a table of each place's neighbours and weights (exact in whole numbers where they are chosen),
 * then the sums. */
#include "ops/shape/copy.h"
#include "ops/shape/resize.h"

#include <math.h>
#include <stdio.h>

enum {
    CHUNK = 2048, /* elements of a row that an item takes where it is a thread's work */
    WORK = 16384, /* elements that an item takes in all */
    GROUP = 64,
    FEW_TAPS = 4, /* for which there are kernels of their own */
};

typedef struct geometry {
    int64_t outer, inputs, outputs, inner, taps; /* as x and y lie */
} geometry;

/* How many outputs take one input, at most: those within the support, and at the edges all beyond. */
static double readers_of(const clade_resize_attributes *a) {
    if (a->a == 0) return (double)a->outputs;
    const double support = clade_resize_support(a), per = (double)a->d / (double)a->a;
    const double start = -(double)a->b / (double)a->a; /* the output at input 0 */
    const double inside = 2 * support * per + 3, first = start + support * per + 3;
    const double last = (double)a->outputs - (start + ((double)a->inputs - 1 - support) * per) + 3;
    return fmax(inside, fmax(first, last));
}

static geometry geometry_of(const clade_site *site) {
    const clade_resize_attributes *a = site->node->attributes;
    const int32_t axis = (int32_t)a->axis;
    geometry g = { clade_elements_outside(&site->in[0], axis), site->in[0].size[axis], site->out[0].size[axis],
                   clade_elements_inside(&site->in[0], axis), 1 };
    if (a->transposed)
        g.taps = (int64_t)fmin(readers_of(a), (double)g.inputs);
    else if (a->mode != CLADE_RESIZE_NEAREST)
        g.taps = clade_smaller(2 * (int64_t)clade_resize_support(a), g.inputs);
    return g;
}

static void workspace(const clade_site *site, size_t bytes[CLADE_MAX_WORKSPACES]) {
    const geometry g = geometry_of(site);
    bytes[0] = (size_t)g.outputs * sizeof(int32_t);
    bytes[1] = (size_t)(g.outputs * g.taps) * sizeof(float);
}

/* The two halves of a number of 64 bits, as int arguments. */
static void add_long(clade_argument *arguments, size_t *count, int64_t number) {
    const int64_t low = number & INT64_C(0xffffffff), high = (number - low) / (INT64_C(1) << 32);
    arguments[(*count)++] = clade_int_argument(low > INT32_MAX ? low - (INT64_C(1) << 32) : low);
    arguments[(*count)++] = clade_int_argument(high);
}

static clade_status record_table(const clade_site *site, clade_commands *commands, const geometry *g) {
    const clade_resize_attributes *a = site->node->attributes;
    clade_argument arguments[18] = {
        clade_buffer_argument(site->workspace[0]),
        clade_buffer_argument(site->workspace[1]),
        clade_int_argument(g->inputs),
        clade_int_argument(g->outputs),
        clade_int_argument(g->taps),
        clade_int_argument(a->transposed),
        clade_int_argument(a->inputs),
        clade_int_argument(a->mode),
        clade_int_argument(a->rounding),
        clade_int_argument(a->antialias),
        clade_float_argument((float)a->cubic),
        clade_float_argument((float)clade_resize_stretch(a)),
    };
    size_t count = 12;
    add_long(arguments, &count, a->a);
    add_long(arguments, &count, a->b);
    add_long(arguments, &count, a->d);
    return clade_commands_launch(commands, &(clade_launch){
                                               .file = "resize.cl",
                                               .kernel = "resize_table",
                                               .label = site->label,
                                               .global = { (size_t)g->outputs },
                                               .local = { GROUP },
                                               .arguments = arguments,
                                               .argument_count = count,
                                               .bytes = 4.0 * (double)(g->outputs * (g->taps + 1)),
                                           });
}

static clade_status record(const clade_site *site, clade_commands *commands, bool threads) {
    const geometry g = geometry_of(site);
    clade_status status = record_table(site, commands, &g);
    if (status != CLADE_OK) return status;
    const bool rows = g.inner == 1;
    const int64_t along = rows ? g.outputs : g.inner, across = rows ? g.outer : g.outputs;
    const int64_t chunk = clade_smaller(along, CHUNK), part = clade_smaller(across, clade_blocks(WORK, chunk));
    const clade_argument arguments[] = {
        clade_buffer_argument(site->in[0].buffer),
        clade_buffer_argument(site->out[0].buffer),
        clade_buffer_argument(site->workspace[0]),
        clade_buffer_argument(site->workspace[1]),
        clade_int_argument(chunk),
        clade_int_argument(part),
        clade_int_argument(g.outer),
        clade_int_argument(g.inputs),
        clade_int_argument(g.outputs),
        clade_int_argument(g.inner),
        clade_int_argument(g.taps),
    };
    char options[32];
    snprintf(options, sizeof options, "-DCOUNT=%d", g.taps <= FEW_TAPS ? (int)g.taps : 0);
    clade_launch launch = {
        .file = "resize.cl",
        .options = options,
        .kernel = rows ? "resize_rows" : "resize_columns",
        .label = site->label,
        .global = { (size_t)clade_blocks(along, chunk), (size_t)clade_blocks(across, part),
                    rows ? 1 : (size_t)g.outer },
        .local = { 1, 1, 1 },
        .arguments = arguments,
        .argument_count = sizeof arguments / sizeof arguments[0],
        .flops = 2.0 * (double)g.taps * (double)site->out[0].count,
        .bytes = 4.0 * (double)(site->in[0].count + site->out[0].count),
    };
    if (!threads) {
        launch.kernel = "resize_elements";
        launch.global[0] = (size_t)(g.outputs * g.inner);
        launch.global[1] = (size_t)g.outer;
        launch.global[2] = 1;
        launch.local[0] = GROUP;
    }
    return clade_commands_launch(commands, &launch);
}

static clade_status record_rows(const clade_site *site, clade_commands *commands) {
    return record(site, commands, true);
}

static clade_status record_elements(const clade_site *site, clade_commands *commands) {
    return record(site, commands, false);
}

const clade_implementation *const clade_resize_implementations[] = {
    &(const clade_implementation){
        .name = "rows", .suitability = clade_suits_cpus, .workspace = workspace, .record = record_rows },
    &(const clade_implementation){
        .name = "elements", .suitability = clade_suits_others, .workspace = workspace, .record = record_elements },
    NULL,
};
