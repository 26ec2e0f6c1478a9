/* How pooling is carried out: by rows or whole planes where an item is a thread's work (kernels/pool_rows.cl,
 * pool_planes.cl), by elements elsewhere (kernels/pool.cl). */
#include "ops/pooling/pool.h"

#include <stdio.h>
#include <string.h>

static int64_t at_least(int64_t a, int64_t b) {
    return a > b ? a : b;
}

/* Elements of the result that an item takes where an item is a thread's work. */
enum { ROWS_PART = 4096 };

/* How an item's share is cut: rows of the result (of one plane after another), whole planes, or single elements. */
typedef enum share { ROWS, PLANES, ELEMENTS } share;

/* The narrowest vector that holds a row of COUNT windows, up to the device's own. */
static int lanes_for(const clade_device *device, int64_t count) {
    unsigned widest = device->capabilities.float_vector;
    return widest >= 16 && count > 8 ? 16 : widest >= 8 && count > 4 ? 8 : 4;
}

static size_t add_geometry(const clade_site *site, const clade_array *x, const clade_array *y, bool average,
                           int64_t part, clade_argument arguments[], size_t count) {
    const clade_pool_attributes *a = site->node->attributes;
    const int64_t geometry[] = { x->size[0] * x->size[1], x->size[2], x->size[3], y->size[2], y->size[3] };
    for (size_t i = 0; i < sizeof geometry / sizeof geometry[0]; i++) {
        arguments[count++] = clade_int_argument(geometry[i]);
    }
    if (part > 0) arguments[count++] = clade_int_argument(part);
    for (int i = 0; i < 2 && average; i++) {
        arguments[count++] = clade_int_argument(a->exclude_pad ? 0 : -a->pad[i]);
        arguments[count++] = clade_int_argument(x->size[2 + i] + (a->exclude_pad ? 0 : a->pad[2 + i]));
    }
    return count;
}

/* The rows or planes of RESULT that an item takes; 0 for an element. */
static int64_t part_of(share how, const clade_array *result) {
    int64_t row = result->size[3], plane = result->size[2] * result->size[3];
    return how == ELEMENTS ? 0 : at_least(ROWS_PART / (how == ROWS ? row : plane), 1);
}

static void set_range(share how, const clade_array *result, int64_t part, clade_launch *launch) {
    int64_t planes = result->size[0] * result->size[1], rows = planes * result->size[2];
    if (how == ELEMENTS) {
        launch->global[0] = (size_t)result->size[3];
        launch->global[1] = (size_t)result->size[2];
        launch->global[2] = (size_t)planes;
        return;
    }
    launch->global[0] = (size_t)(((how == ROWS ? rows : planes) + part - 1) / part);
    launch->local[0] = 1;
}

enum { OPTIONS_SIZE = 256 };

static void write_options(const clade_node *node, int lanes, char options[OPTIONS_SIZE]) {
    const clade_pool_attributes *a = node->attributes;
    size_t length = (size_t)snprintf(
        options, OPTIONS_SIZE,
        "-DKERNEL_H=%d -DKERNEL_W=%d -DSTRIDE_H=%d -DSTRIDE_W=%d -DPAD_H=%d -DPAD_W=%d -DLANES=%d", (int)a->kernel[0],
        (int)a->kernel[1], (int)a->stride[0], (int)a->stride[1], (int)a->pad[0], (int)a->pad[1], lanes);
    if (a->dilation[0] > 1 || a->dilation[1] > 1)
        length += (size_t)snprintf(options + length, OPTIONS_SIZE - length, " -DDILATION_H=%d -DDILATION_W=%d",
                                   (int)a->dilation[0], (int)a->dilation[1]);
    if (clade_pool_is_sum(node)) length += (size_t)snprintf(options + length, OPTIONS_SIZE - length, " -DSUM");
    if (node->op == &clade_op_lp_pool) snprintf(options + length, OPTIONS_SIZE - length, " -DPOWER=%d", (int)a->power);
}

/* X and Y are the larger and the smaller side, RESULT the one of the two that is written. */
static clade_status launch(const clade_site *site, clade_commands *commands, const char *kernel, const clade_array *x,
                           const clade_array *y, const clade_array *result, share how) {
    const clade_pool_attributes *a = site->node->attributes;
    clade_argument arguments[24];
    size_t count = 0;
    for (uint32_t i = 0; i < site->node->input_count; i++) {
        arguments[count++] = clade_buffer_argument(site->in[i].buffer);
    }
    for (uint32_t o = 0; o < site->node->output_count; o++) {
        arguments[count++] = clade_buffer_argument(site->out[o].buffer);
    }
    const bool average = strncmp(kernel, "average", 7) == 0;
    const int64_t part = part_of(how, how == PLANES ? x : result);
    count = add_geometry(site, x, y, average, part, arguments, count);

    char options[OPTIONS_SIZE];
    write_options(site->node, lanes_for(site->device, how == PLANES ? 16 : y->size[3]), options);
    clade_launch what = {
        .file = how == ELEMENTS ? "pool.cl"
                : how == ROWS   ? "pool_rows.cl"
                                : "pool_planes.cl",
        .options = options,
        .kernel = kernel,
        .label = site->label,
        .arguments = arguments,
        .argument_count = count,
        .flops = (double)y->count * (double)a->kernel[0] * (double)a->kernel[1],
        .bytes = 4.0 * (double)(x->count + (average ? 1 : 2) * y->count),
    };
    set_range(how, result, part, &what);
    return clade_commands_launch(commands, &what);
}

#define RECORD(NAME, KERNEL, X, Y, RESULT, SHARE)                                                                      \
    static clade_status NAME(const clade_site *site, clade_commands *commands) {                                       \
        return launch(site, commands, KERNEL, &site->X, &site->Y, &site->RESULT, SHARE);                               \
    }
RECORD(record_max_rows, "max_rows", in[0], out[0], out[0], ROWS)
RECORD(record_max_planes, "max_planes", in[0], out[0], out[0], PLANES)
RECORD(record_max_pixels, "max_pixels", in[0], out[0], out[0], ELEMENTS)
RECORD(record_max_gradient_rows, "max_gradient_rows", out[0], in[1], out[0], ROWS)
RECORD(record_max_gradient_planes, "max_gradient_planes", out[0], in[1], out[0], PLANES)
RECORD(record_max_gradient_pixels, "max_gradient_pixels", out[0], in[1], out[0], ELEMENTS)
RECORD(record_max_pick, "max_pick", in[1], out[0], out[0], ELEMENTS)
RECORD(record_average_rows, "average_rows", in[0], out[0], out[0], ROWS)
RECORD(record_average_planes, "average_planes", in[0], out[0], out[0], PLANES)
RECORD(record_average_pixels, "average_pixels", in[0], out[0], out[0], ELEMENTS)
RECORD(record_average_gradient_rows, "average_gradient_rows", out[0], in[0], out[0], ROWS)
RECORD(record_average_gradient_planes, "average_gradient_planes", out[0], in[0], out[0], PLANES)
RECORD(record_average_gradient_pixels, "average_gradient_pixels", out[0], in[0], out[0], ELEMENTS)

/* Whether one window covers the whole of X, of which Y is the pooled one. */
static bool covers(const clade_site *site, const clade_array *x, const clade_array *y, char why[128]) {
    const clade_pool_attributes *a = site->node->attributes;
    if (y->size[2] == 1 && y->size[3] == 1 && a->dilation[0] == 1 && a->dilation[1] == 1 &&
        a->kernel[0] >= x->size[2] + a->pad[0] && a->kernel[1] >= x->size[3] + a->pad[1])
        return true;
    snprintf(why, 128, "needs a window that covers the plane");
    return false;
}

static bool takes_whole_planes(const clade_site *site, char why[128]) {
    return covers(site, &site->in[0], &site->out[0], why);
}

/* Of a gradient, whose last input is dy. */
static bool gives_whole_planes(const clade_site *site, char why[128]) {
    return covers(site, &site->out[0], &site->in[site->node->input_count - 1], why);
}

static double whole_for_cpus(const clade_site *site) {
    return site->device->capabilities.is_cpu ? 3 : 0;
}

const clade_implementation *const clade_max_pool_implementations[] = {
    &(const clade_implementation){ .name = "planes",
                                   .applicable = takes_whole_planes,
                                   .suitability = whole_for_cpus,
                                   .record = record_max_planes },
    &(const clade_implementation){ .name = "rows", .suitability = clade_suits_cpus, .record = record_max_rows },
    &(const clade_implementation){ .name = "pixels", .suitability = clade_suits_others, .record = record_max_pixels },
    NULL,
};
const clade_implementation *const clade_max_pool_gradient_implementations[] = {
    &(const clade_implementation){ .name = "planes",
                                   .applicable = gives_whole_planes,
                                   .suitability = whole_for_cpus,
                                   .record = record_max_gradient_planes },
    &(const clade_implementation){
        .name = "rows", .suitability = clade_suits_cpus, .record = record_max_gradient_rows },
    &(const clade_implementation){
        .name = "pixels", .suitability = clade_suits_others, .record = record_max_gradient_pixels },
    NULL,
};
const clade_implementation *const clade_max_pool_pick_implementations[] = {
    &(const clade_implementation){ .name = "pixels", .record = record_max_pick },
    NULL,
};
const clade_implementation *const clade_average_pool_implementations[] = {
    &(const clade_implementation){ .name = "planes",
                                   .applicable = takes_whole_planes,
                                   .suitability = whole_for_cpus,
                                   .record = record_average_planes },
    &(const clade_implementation){ .name = "rows", .suitability = clade_suits_cpus, .record = record_average_rows },
    &(const clade_implementation){
        .name = "pixels", .suitability = clade_suits_others, .record = record_average_pixels },
    NULL,
};
const clade_implementation *const clade_average_pool_gradient_implementations[] = {
    &(const clade_implementation){ .name = "planes",
                                   .applicable = gives_whole_planes,
                                   .suitability = whole_for_cpus,
                                   .record = record_average_gradient_planes },
    &(const clade_implementation){
        .name = "rows", .suitability = clade_suits_cpus, .record = record_average_gradient_rows },
    &(const clade_implementation){
        .name = "pixels", .suitability = clade_suits_others, .record = record_average_gradient_pixels },
    NULL,
};
