/* ONNX's constants, and operators that change elements' types. Clade keeps floating point as float32 and integers as int32
 * (formats/onnx/tensor.h); what changes here is what the elements may hold. */
#include "formats/onnx/import.h"

#include <math.h>
#include <string.h>

#define FLOAT ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT
#define INT64 ONNX__TENSOR_PROTO__DATA_TYPE__INT64

/* ---- constants ---- */

static bool give_constant(clade_onnx_node *node, int type, const clade_dims *dims, const double *numbers) {
    clade_onnx_out(node, 0, clade_onnx_constant(node, type, dims, numbers), type);
    return true;
}

static bool give_list(clade_onnx_node *node, const Onnx__AttributeProto *list, int type) {
    const size_t count = type == FLOAT ? list->n_floats : list->n_ints;
    double *numbers = clade_allocate(node->graph->context, count + 1, sizeof *numbers);
    if (numbers == NULL) return false;
    for (size_t i = 0; i < count; i++)
        numbers[i] = type == FLOAT ? (double)list->floats[i] : (double)list->ints[i];
    const clade_dims dims = clade_shape((int64_t)count);
    const bool good = count > 0 ? give_constant(node, type, &dims, numbers) : clade_onnx_empty(node, 0, type, &dims);
    clade_free(node->graph->context, numbers);
    return good;
}

static bool translate_constant(clade_onnx_node *node) {
    const Onnx__AttributeProto *tensor = clade_onnx_attribute(node, "value");
    const Onnx__AttributeProto *floats = clade_onnx_attribute(node, "value_floats");
    const Onnx__AttributeProto *ints = clade_onnx_attribute(node, "value_ints");
    const double one_float = clade_onnx_float(node, "value_float", 0),
                 one_int = (double)clade_onnx_int(node, "value_int", 0);
    if (tensor != NULL && tensor->t != NULL) return clade_onnx_constant_tensor(node, 0, tensor->t);
    if (floats != NULL) return give_list(node, floats, FLOAT);
    if (ints != NULL) return give_list(node, ints, INT64);
    if (clade_onnx_attribute(node, "value_float") != NULL) return give_constant(node, FLOAT, &CLADE_SCALAR, &one_float);
    if (clade_onnx_attribute(node, "value_int") != NULL) return give_constant(node, INT64, &CLADE_SCALAR, &one_int);
    return clade_onnx_refuse(node, "a constant of another kind than numbers");
}

/* The element that attribute `value` holds, 0 of float32 without it. */
static bool read_fill(clade_onnx_node *node, int *type, double *number) {
    const Onnx__AttributeProto *value = clade_onnx_attribute(node, "value");
    *type = FLOAT;
    *number = 0;
    if (value == NULL || value->t == NULL) return true;
    clade_onnx_tensor tensor;
    if (clade_onnx_tensor_read(node->graph->context, NULL, value->t, &tensor) != CLADE_OK || tensor.count != 1) {
        clade_onnx_tensor_free(node->graph->context, &tensor);
        return clade_onnx_refuse(node, "its value is not one number");
    }
    *type = tensor.type;
    *number = tensor.real != NULL ? tensor.real[0] : (double)tensor.whole[0];
    clade_onnx_tensor_free(node->graph->context, &tensor);
    return true;
}

static bool translate_constant_of_shape(clade_onnx_node *node) {
    clade_dims dims = { 0 };
    int64_t numbers[CLADE_MAX_RANK];
    double number;
    int type;
    if (!clade_onnx_sizes(node, 0, numbers, dims.size, CLADE_MAX_RANK, &dims.rank) || !read_fill(node, &type, &number))
        return false;
    for (int i = 0; i < dims.rank; i++)
        if (numbers[i] < 0) return clade_onnx_refuse(node, "a size of %lld", (long long)numbers[i]);
    if (clade_onnx_dims_empty(&dims)) return clade_onnx_empty(node, 0, type, &dims);
    clade_value y = clade_constant(node->graph, dims, (float)number);
    if (!clade_onnx_type_is_float(type)) y = clade_cast(y, CLADE_I32);
    clade_onnx_out(node, 0, y, type);
    return true;
}

/* ---- casts ---- */

static bool give_cast(clade_onnx_node *node, int to) {
    const int from = clade_onnx_type(node, 0);
    if (clade_onnx_type_bytes(to) == 0) return clade_onnx_refuse(node, "a cast to %s", clade_onnx_type_name(to));
    clade_onnx_out(node, 0, clade_onnx_cast(clade_onnx_in(node, 0), from, to), to);
    return true;
}

/* Before operator set 6 the type was a word. */
static bool translate_cast(clade_onnx_node *node) {
    char word[64];
    if (node->opset >= 6) return give_cast(node, (int)clade_onnx_int(node, "to", 0));
    clade_onnx_text(node, "to", "", word);
    const ProtobufCEnumValue *named =
        protobuf_c_enum_descriptor_get_value_by_name(&onnx__tensor_proto__data_type__descriptor, word);
    return named != NULL ? give_cast(node, named->value) : clade_onnx_refuse(node, "a cast to \"%s\"", word);
}

static bool translate_cast_like(clade_onnx_node *node) {
    return give_cast(node, clade_onnx_type(node, 1));
}

/* ---- arrays from numbers alone ---- */

static bool translate_range(clade_onnx_node *node) {
    double ends[3];
    for (int i = 0, count; i < 3; i++)
        if (!clade_onnx_numbers(node, i, &ends[i], 1, &count)) return false;
    const double steps = ceil((ends[1] - ends[0]) / ends[2]);
    if (steps <= 0) return clade_onnx_empty(node, 0, clade_onnx_type(node, 0), &clade_shape(0));
    if (!(steps <= 1 << 24)) return clade_onnx_refuse(node, "a range of %g numbers", steps);
    double *numbers = clade_allocate(node->graph->context, (size_t)steps, sizeof *numbers);
    if (numbers == NULL) return false;
    for (int64_t i = 0; i < (int64_t)steps; i++)
        numbers[i] = ends[0] + (double)i * ends[2];
    const clade_dims dims = clade_shape((int64_t)steps);
    const bool good = give_constant(node, clade_onnx_type(node, 0), &dims, numbers);
    clade_free(node->graph->context, numbers);
    return good;
}

static bool translate_eye_like(clade_onnx_node *node) {
    const clade_dims dims = clade_onnx_dims_of(node, 0);
    const int64_t diagonal = clade_onnx_int(node, "k", 0);
    const int type = (int)clade_onnx_int(node, "dtype", clade_onnx_type(node, 0));
    if (dims.rank != 2 || dims.size[0] < 0 || dims.size[1] < 0)
        return clade_onnx_refuse(node, "like what is no matrix");
    double *numbers = clade_allocate(node->graph->context, (size_t)(dims.size[0] * dims.size[1]) + 1, sizeof *numbers);
    if (numbers == NULL) return false;
    for (int64_t i = 0; i < dims.size[0]; i++)
        if (i + diagonal >= 0 && i + diagonal < dims.size[1]) numbers[i * dims.size[1] + i + diagonal] = 1;
    const bool good = give_constant(node, type, &dims, numbers);
    clade_free(node->graph->context, numbers);
    return good;
}

const clade_onnx_translator clade_onnx_types[] = {
    { "Cast", translate_cast, 0 },
    { "CastLike", translate_cast_like, 0 },
    { "Constant", translate_constant, 0 },
    { "ConstantOfShape", translate_constant_of_shape, 0 },
    { "EyeLike", translate_eye_like, 0 },
    { "Range", translate_range, 0 },
    { NULL, NULL, 0 },
};
