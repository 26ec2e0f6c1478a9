/* What works along axes: places of extremes, orders, running sums, resizing, padding with copies. ONNX's places
 * are int64, Clade's int32: a cast follows. */
#include "formats/onnx/message.h"
#include "ops/pooling/pool.h"
#include "ops/shape/resize.h"

#include <math.h>

static const char *result(clade_onnx_export *export, const clade_node *node, uint32_t output) {
    return clade_export_name(export, (clade_value){ node->graph, node->index, output });
}

static const char *input(clade_onnx_export *export, const clade_node *node, int index) {
    return clade_export_name(export, node->inputs[index]);
}

/* PLACES as output OUTPUT of NODE. */
static void give_places(clade_onnx_export *export, const clade_node *node, const char *places, uint32_t output) {
    clade_export_set_int(export, clade_export_call(export, "Cast", result(export, node, output), places), "to",
                         ONNX__TENSOR_PROTO__DATA_TYPE__INT32);
}

static void write_extreme(clade_onnx_export *export, const clade_node *node, const clade_onnx_writer *writer) {
    const char *places = clade_export_between(export, node, "places");
    Onnx__NodeProto *made = clade_export_call(export, writer->op, places, input(export, node, 0));
    clade_export_set_int(export, made, "axis", clade_export_whole(node, "axis"));
    clade_export_set_int(export, made, "select_last_index", clade_export_flag(node, "later"));
    give_places(export, node, places, 0);
}

static void write_top_k(clade_onnx_export *export, const clade_node *node, const clade_onnx_writer *writer) {
    const int64_t count = clade_export_whole(node, "count");
    const char *places = clade_export_between(export, node, "places");
    Onnx__NodeProto *made = clade_export_call(export, writer->op, result(export, node, 0), input(export, node, 0),
                                              clade_export_wholes(export, &count, 1));
    clade_export_add_output(export, made, places);
    clade_export_set_int(export, made, "axis", clade_export_whole(node, "axis"));
    clade_export_set_int(export, made, "largest", !clade_export_flag(node, "smallest"));
    give_places(export, node, places, 1);
}

static void write_running_sum(clade_onnx_export *export, const clade_node *node, const clade_onnx_writer *writer) {
    const int64_t axis = clade_export_whole(node, "axis");
    Onnx__NodeProto *made = clade_export_call(export, writer->op, result(export, node, 0), input(export, node, 0),
                                              clade_export_wholes(export, &axis, 1));
    clade_export_set_int(export, made, "exclusive", clade_export_flag(node, "exclusive"));
    clade_export_set_int(export, made, "reverse", clade_export_flag(node, "backwards"));
}

static void write_pad_mode(clade_onnx_export *export, const clade_node *node, const clade_onnx_writer *writer) {
    const int64_t *before = clade_export_attribute(node, "before"), *after = clade_export_attribute(node, "after");
    const int64_t mode = clade_export_whole(node, "mode");
    const int32_t rank = node->outputs[0].dims.rank;
    int64_t pads[2 * CLADE_MAX_RANK];
    for (int32_t i = 0; i < rank; i++) {
        pads[i] = before[i];
        pads[rank + i] = after[i];
    }
    if (mode == CLADE_PAD_WRAP) clade_export_refuse(export, node, "operator set 17 has no padding that wraps");
    clade_export_set_text(export,
                          clade_export_call(export, writer->op, result(export, node, 0), input(export, node, 0),
                                            clade_export_wholes(export, pads, 2 * rank)),
                          "mode", mode == CLADE_PAD_REFLECT ? "reflect" : "edge");
}

/* Sums are means times the elements of a window, whose padding counts. */
static void write_sum_pool(clade_onnx_export *export, const clade_node *node, const clade_onnx_writer *writer) {
    const clade_pool_attributes *a = node->attributes;
    const char *means = clade_export_between(export, node, "means");
    Onnx__NodeProto *made = clade_export_call(export, writer->op, means, input(export, node, 0));
    if (a->dilation[0] > 1 || a->dilation[1] > 1 || a->ceil)
        clade_export_refuse(export, node, "operator set 17 has no dilated means, nor whole ones beyond the padding");
    clade_export_set_ints(export, made, "kernel_shape", a->kernel, 2);
    clade_export_set_ints(export, made, "strides", a->stride, 2);
    clade_export_set_ints(export, made, "pads", a->pad, 4);
    clade_export_set_int(export, made, "count_include_pad", 1);
    clade_export_call(export, "Mul", result(export, node, 0), means,
                      clade_export_number(export, (float)(a->kernel[0] * a->kernel[1])));
}

/* ---- resizing ---- */

/* How the places o -> (a o + b) / d are called, with the scale that they come from; NULL: in no way of ONNX's. */
static const char *coordinates_of(const clade_resize_attributes *a, double *scale) {
    *scale = (double)a->outputs / (double)a->inputs;
    if (a->b == 0 && a->a * (a->outputs - 1) == a->d * (a->inputs - 1)) return "align_corners";
    if (a->a != 0) *scale = (double)a->d / (double)a->a;
    if (a->b == 0 && a->a != 0) return "asymmetric";
    return 2 * a->b == a->a - a->d ? "half_pixel" : NULL;
}

/* The scales of all axes, 1 but for the row's; in float32 it must come to the size that there is. */
static const char *write_scales(clade_onnx_export *export, const clade_node *node, double scale) {
    const clade_resize_attributes *a = node->attributes;
    const clade_dims dims = clade_shape(node->outputs[0].dims.rank);
    float *scales = clade_export_memory(export, CLADE_MAX_RANK, sizeof *scales);
    if (scales == NULL) return "";
    for (int i = 0; i < CLADE_MAX_RANK; i++)
        scales[i] = i == a->axis ? (float)scale : 1;
    float *own = &scales[a->axis];
    if (floorf(*own * (float)a->inputs) < (float)a->outputs) *own = nextafterf(*own, INFINITY);
    if (floorf(*own * (float)a->inputs) != (float)a->outputs)
        clade_export_refuse(export, node, "its size does not follow from a scale");
    const char *name = clade_export_unique(export, "scales");
    clade_export_initializer(export, name, ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, &dims, scales,
                             (size_t)dims.size[0] * sizeof *scales);
    return name;
}

static void write_resize(clade_onnx_export *export, const clade_node *node, const clade_onnx_writer *writer) {
    static const char *const modes[] = { "nearest", "linear", "cubic" };
    static const char *const roundings[] = { "round_prefer_floor", "round_prefer_ceil", "floor", "ceil" };
    const clade_resize_attributes *a = node->attributes;
    double scale;
    const char *coordinates = coordinates_of(a, &scale);
    if (coordinates == NULL || a->transposed || a->antialias) {
        clade_export_refuse(export, node, "operator set 17 has no such resizing");
        return;
    }
    Onnx__NodeProto *made = clade_export_call(export, writer->op, result(export, node, 0), input(export, node, 0), "",
                                              write_scales(export, node, scale));
    clade_export_set_text(export, made, "mode", modes[a->mode]);
    clade_export_set_text(export, made, "coordinate_transformation_mode", coordinates);
    if (a->mode == CLADE_RESIZE_NEAREST) clade_export_set_text(export, made, "nearest_mode", roundings[a->rounding]);
    if (a->mode == CLADE_RESIZE_CUBIC) clade_export_set_float(export, made, "cubic_coeff_a", a->cubic);
}

const clade_onnx_writer clade_onnx_line_writers[] = {
    { "argmax", "ArgMax", write_extreme, NULL, 1 },
    { "argmin", "ArgMin", write_extreme, NULL, 1 },
    { "cumulative_sum", "CumSum", write_running_sum, NULL, 1 },
    { "pad_mode", "Pad", write_pad_mode, NULL, 1 },
    { "resize", "Resize", write_resize, NULL, 1 },
    { "sum_pool", "AveragePool", write_sum_pool, NULL, 1 },
    { "top_k", "TopK", write_top_k, NULL, 2 },
    { NULL, NULL, NULL, NULL, 0 },
};
