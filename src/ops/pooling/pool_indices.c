/* Places in planes and places in the whole array: plane_offset (N, C, ...) int32 -> the same dims,
 *   y[n,c,...] = x[n,c,...] + cells * (n * C + c)
 * with CELLS the elements of a plane of the array that x points into, or their negative, for the way back. What x says
 * of no place (a negative number) stays as it is on the way there. No gradient. */
#include "ops/pooling/pool.h"

#include <stddef.h>

extern const clade_op clade_op_plane_offset;

typedef struct offset_attributes {
    int64_t cells;
} offset_attributes;

static const clade_attribute schema[] = {
    { "cells", CLADE_ATTRIBUTE_INT, offsetof(offset_attributes, cells), 0 },
    { NULL, 0, 0, 0 },
};

static bool infer(const clade_node *node, clade_type out[], clade_text *why) {
    const int64_t cells = ((const offset_attributes *)node->attributes)->cells;
    out[0] = *clade_value_type(node->inputs[0]);
    if (out[0].dtype == CLADE_I32 && out[0].dims.rank >= 2 && cells >= -INT32_MAX && cells <= INT32_MAX) return true;
    clade_text_add(why, "expected int32 (N, C, ...) and a plane of at most %d elements", INT32_MAX);
    return false;
}

static void reference(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    const int64_t cells = ((const offset_attributes *)node->attributes)->cells;
    const int64_t area = in[0].count / (in[0].size[0] * in[0].size[1]);
    for (int64_t i = 0; i < in[0].count; i++) {
        const double x = in[0].data[i];
        out[0].data[i] = x < 0 ? x : x + (double)(cells * (i / area));
    }
}

static clade_status record(const clade_site *site, clade_commands *commands) {
    const int64_t planes = site->in[0].size[0] * site->in[0].size[1];
    const clade_argument arguments[] = {
        clade_buffer_argument(site->in[0].buffer),
        clade_buffer_argument(site->out[0].buffer),
        clade_int_argument(planes),
        clade_int_argument(site->in[0].count / planes),
        clade_int_argument(((const offset_attributes *)site->node->attributes)->cells),
    };
    return clade_commands_launch(commands, &(clade_launch){
                                               .file = "plane_offset.cl",
                                               .kernel = "plane_offset",
                                               .label = site->label,
                                               .global = { (size_t)(site->in[0].count / planes), (size_t)planes },
                                               .arguments = arguments,
                                               .argument_count = 5,
                                               .bytes = 8.0 * (double)site->in[0].count,
                                           });
}

static const clade_implementation *const implementations[] = {
    &(const clade_implementation){ .name = "elements", .record = record },
    NULL,
};

#define CASE(NAME, CELLS, RANK, ...)                                                                                   \
    {                                                                                                                  \
        .name = NAME, .in = { { RANK, { __VA_ARGS__ } } }, .input_count = 1, .fill = { CLADE_FILL_LABELS },            \
        .label_bound = 30, .attributes = &(const offset_attributes) {                                                  \
            CELLS                                                                                                      \
        }                                                                                                              \
    }

static const clade_case cases[] = {
    CASE("planes", 35, 4, 2, 3, 3, 5),
    CASE("rows and back", -7, 3, 2, 3, 37),
    CASE("no plane", 1, 2, 3, 67),
    CASE("one plane", 16, 4, 1, 1, 1, 17),
    { .name = NULL },
};

const clade_op clade_op_plane_offset = {
    .name = "plane_offset",
    .attributes = schema,
    .attributes_size = sizeof(offset_attributes),
    .input_minimum = 1,
    .input_maximum = 1,
    .outputs = 1,
    .infer = infer,
    .reference = reference,
    .implementations = implementations,
    .cases = cases,
};

static clade_value offset_by(clade_value indices, int64_t cells) {
    return clade_append(indices.graph, &clade_op_plane_offset, "", &(const offset_attributes){ cells }, &indices, 1);
}

clade_value clade_indices_in_whole(clade_value indices, int64_t cells) {
    return offset_by(indices, cells);
}

clade_value clade_indices_in_planes(clade_value indices, int64_t cells) {
    return offset_by(indices, -cells);
}
