/* Tensors: raw bytes (little-endian), typed fields, or a part of a file beside the model. */
#include "formats/onnx/tensor.h"

#include "base/file.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TYPE(NAME) ONNX__TENSOR_PROTO__DATA_TYPE__##NAME

static const struct type {
    const char *name;
    size_t bytes;
    bool is_float;
} types[] = {
    [TYPE(FLOAT)] = { "float32", 4, true },
    [TYPE(UINT8)] = { "uint8", 1, false },
    [TYPE(INT8)] = { "int8", 1, false },
    [TYPE(UINT16)] = { "uint16", 2, false },
    [TYPE(INT16)] = { "int16", 2, false },
    [TYPE(INT32)] = { "int32", 4, false },
    [TYPE(INT64)] = { "int64", 8, false },
    [TYPE(STRING)] = { "string", 0, false },
    [TYPE(BOOL)] = { "bool", 1, false },
    [TYPE(FLOAT16)] = { "float16", 2, true },
    [TYPE(DOUBLE)] = { "float64", 8, true },
    [TYPE(UINT32)] = { "uint32", 4, false },
    [TYPE(UINT64)] = { "uint64", 8, false },
    [TYPE(COMPLEX64)] = { "complex64", 0, false },
    [TYPE(COMPLEX128)] = { "complex128", 0, false },
    [TYPE(BFLOAT16)] = { "bfloat16", 2, true },
    [17] = { "float8e4m3fn", 0, true }, /* which an older onnx.proto does not name */
    [18] = { "float8e4m3fnuz", 0, true },
    [19] = { "float8e5m2", 0, true },
    [20] = { "float8e5m2fnuz", 0, true },
    [21] = { "uint4", 0, false },
    [22] = { "int4", 0, false },
    [23] = { "float4e2m1", 0, true },
    [24] = { "float8e8m0", 0, true },
    [25] = { "uint2", 0, false },
    [26] = { "int2", 0, false },
};
enum { TYPES = sizeof types / sizeof types[0] };

static const struct type *type_of(int type) {
    return type > 0 && type < TYPES && types[type].name != NULL ? &types[type] : NULL;
}

const char *clade_onnx_type_name(int type) {
    const struct type *found = type_of(type);
    return found != NULL ? found->name : "an unknown type";
}

size_t clade_onnx_type_bytes(int type) {
    const struct type *found = type_of(type);
    return found != NULL ? found->bytes : 0;
}

bool clade_onnx_type_is_float(int type) {
    const struct type *found = type_of(type);
    return found != NULL && found->is_float;
}

clade_dtype clade_onnx_type_storage(int type) {
    return clade_onnx_type_is_float(type) ? CLADE_F32 : CLADE_I32;
}

/* ---- sixteen bits ---- */

double clade_onnx_half(uint16_t bits) {
    const int exponent = bits >> 10 & 31, fraction = bits & 1023;
    double size;
    if (exponent == 31)
        size = fraction != 0 ? (double)NAN : (double)INFINITY;
    else
        size = exponent == 0 ? ldexp(fraction, -24) : ldexp(1024 + fraction, exponent - 25);
    return bits & 0x8000 ? -size : size;
}

uint16_t clade_onnx_half_bits(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    const uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
    const double size = fabs((double)value);
    if (isnan(value)) return (uint16_t)(sign | 0x7e00);
    if (size >= 65520) return (uint16_t)(sign | 0x7c00);
    if (size < ldexp(1, -14)) return (uint16_t)(sign | (uint16_t)nearbyint(ldexp(size, 24)));
    int exponent;
    const double fraction = frexp(size, &exponent);        /* 0.5 to 1 */
    const int steps = (int)nearbyint(ldexp(fraction, 11)); /* 1024 to 2048, which carries into the exponent */
    return (uint16_t)(sign | (uint16_t)(((exponent + 14) << 10) + steps - 1024));
}

float clade_onnx_shortened(int type, float value) {
    uint32_t bits;
    if (type == TYPE(FLOAT16)) return (float)clade_onnx_half(clade_onnx_half_bits(value));
    if (type != TYPE(BFLOAT16) || isnan(value)) return value;
    memcpy(&bits, &value, sizeof bits);
    return (float)clade_onnx_bfloat16((uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16));
}

double clade_onnx_bfloat16(uint16_t bits) {
    const uint32_t wide = (uint32_t)bits << 16;
    float value;
    memcpy(&value, &wide, sizeof value);
    return (double)value;
}

/* ---- raw bytes ---- */

static double real_at(int type, const uint8_t *bytes) {
    uint16_t half;
    float single;
    double value;
    switch (type) {
    case TYPE(FLOAT):
        memcpy(&single, bytes, sizeof single);
        return (double)single;
    case TYPE(DOUBLE):
        memcpy(&value, bytes, sizeof value);
        return value;
    default:
        memcpy(&half, bytes, sizeof half);
        return type == TYPE(FLOAT16) ? clade_onnx_half(half) : clade_onnx_bfloat16(half);
    }
}

/* Sign-extends, or not, as the type says. */
static int64_t whole_at(int type, const uint8_t *bytes) {
    const size_t width = types[type].bytes;
    uint64_t value = 0;
    for (size_t i = 0; i < width; i++)
        value |= (uint64_t)bytes[i] << (8 * i);
    if (type == TYPE(BOOL)) return value != 0;
    const bool is_signed = type == TYPE(INT8) || type == TYPE(INT16) || type == TYPE(INT32) || type == TYPE(INT64);
    if (is_signed && width < 8 && (value >> (8 * width - 1) & 1) != 0) value |= UINT64_MAX << (8 * width);
    int64_t result;
    memcpy(&result, &value, sizeof result);
    return result;
}

static clade_status from_bytes(clade_context *context, const char *name, const uint8_t *bytes, size_t count,
                               clade_onnx_tensor *tensor) {
    const size_t width = types[tensor->type].bytes;
    if (count != (size_t)tensor->count * width)
        return clade_fail(context, CLADE_ERROR_INPUT, "tensor \"%s\": %zu bytes of data for %" PRId64 " elements of %s",
                          name, count, tensor->count, types[tensor->type].name);
    for (int64_t i = 0; i < tensor->count; i++) {
        const uint8_t *at = bytes + (size_t)i * width;
        if (tensor->real != NULL)
            tensor->real[i] = real_at(tensor->type, at);
        else
            tensor->whole[i] = whole_at(tensor->type, at);
        if (tensor->type == TYPE(UINT64) && tensor->whole[i] < 0)
            return clade_fail(context, CLADE_ERROR_UNSUPPORTED, "tensor \"%s\": an uint64 above the largest int64",
                              name);
    }
    return CLADE_OK;
}

static clade_status make_room(clade_context *context, const char *name, clade_onnx_tensor *tensor) {
    void *elements = clade_allocate(context, (size_t)tensor->count + 1, 8);
    if (elements == NULL) return clade_fail_memory(context, (size_t)tensor->count * 8, name);
    if (clade_onnx_type_is_float(tensor->type))
        tensor->real = elements;
    else
        tensor->whole = elements;
    return CLADE_OK;
}

/* ---- data in other files ---- */

static const char *entry_of(const Onnx__TensorProto *proto, const char *key) {
    for (size_t i = 0; i < proto->n_external_data; i++) {
        const Onnx__StringStringEntryProto *entry = proto->external_data[i];
        if (entry->key != NULL && entry->value != NULL && strcmp(entry->key, key) == 0) return entry->value;
    }
    return NULL;
}

/* A place beside the model: no absolute path, and none that climbs. */
static bool stays_beside(const char *path) {
    if (path == NULL || path[0] == '\0' || path[0] == '/') return false;
    for (const char *part = path; part != NULL; part = strchr(part, '/')) {
        if (*part == '/') part++;
        if (strncmp(part, "..", 2) == 0 && (part[2] == '/' || part[2] == '\0')) return false;
    }
    return true;
}

/* The number that KEY is; OTHERWISE where it is absent. */
static bool entry_number(const Onnx__TensorProto *proto, const char *key, uint64_t otherwise, uint64_t *number) {
    const char *text = entry_of(proto, key);
    char *end = NULL;
    *number = otherwise;
    if (text == NULL) return true;
    if (text[0] < '0' || text[0] > '9') return false;
    errno = 0;
    *number = strtoull(text, &end, 10);
    return errno == 0 && *end == '\0';
}

/* Only what is the tensor's is read, and its elements get room when it is there. */
static clade_status read_external(clade_context *context, const char *folder, const char *name,
                                  const Onnx__TensorProto *proto, clade_onnx_tensor *tensor) {
    const char *location = entry_of(proto, "location");
    const uint64_t wanted = (uint64_t)tensor->count * types[tensor->type].bytes;
    char path[4096], *data = NULL;
    uint64_t begin, length;
    size_t bytes = 0;
    if (folder == NULL || !stays_beside(location))
        return clade_fail(context, CLADE_ERROR_INPUT, "tensor \"%s\": its data are at \"%s\", not beside the model",
                          name, location != NULL ? location : "");
    if (snprintf(path, sizeof path, "%s/%s", folder, location) >= (int)sizeof path)
        return clade_fail(context, CLADE_ERROR_INPUT, "tensor \"%s\": the path of its data is too long", name);
    if (!entry_number(proto, "offset", 0, &begin) || !entry_number(proto, "length", wanted, &length))
        return clade_fail(context, CLADE_ERROR_INPUT, "tensor \"%s\": offset and length of its data are no numbers",
                          name);
    if (length != wanted)
        return clade_fail(context, CLADE_ERROR_INPUT,
                          "tensor \"%s\": %" PRIu64 " bytes of data in %s for %" PRId64 " elements of %s", name, length,
                          path, tensor->count, types[tensor->type].name);
    clade_status status = clade_file_read_part(context, path, begin, (size_t)wanted, &data, &bytes);
    if (status == CLADE_OK) status = make_room(context, name, tensor);
    if (status == CLADE_OK) status = from_bytes(context, name, (const uint8_t *)data, bytes, tensor);
    clade_free(context, data);
    return status;
}

/* ---- typed fields ---- */

/* The number of elements in the field that a tensor's type is kept in. */
static size_t field_count(const Onnx__TensorProto *proto, int type) {
    switch (type) {
    case TYPE(FLOAT):
        return proto->n_float_data;
    case TYPE(DOUBLE):
        return proto->n_double_data;
    case TYPE(INT64):
        return proto->n_int64_data;
    case TYPE(UINT32):
    case TYPE(UINT64):
        return proto->n_uint64_data;
    default:
        return proto->n_int32_data;
    }
}

static void take_field(const Onnx__TensorProto *proto, size_t i, clade_onnx_tensor *tensor) {
    switch (tensor->type) {
    case TYPE(FLOAT):
        tensor->real[i] = (double)proto->float_data[i];
        break;
    case TYPE(DOUBLE):
        tensor->real[i] = proto->double_data[i];
        break;
    case TYPE(FLOAT16):
        tensor->real[i] = clade_onnx_half((uint16_t)proto->int32_data[i]);
        break;
    case TYPE(BFLOAT16):
        tensor->real[i] = clade_onnx_bfloat16((uint16_t)proto->int32_data[i]);
        break;
    case TYPE(INT64):
        tensor->whole[i] = proto->int64_data[i];
        break;
    case TYPE(UINT32):
    case TYPE(UINT64):
        tensor->whole[i] = (int64_t)proto->uint64_data[i];
        break;
    case TYPE(BOOL):
        tensor->whole[i] = proto->int32_data[i] != 0;
        break;
    default:
        tensor->whole[i] = proto->int32_data[i];
        break;
    }
}

static clade_status from_fields(clade_context *context, const char *name, const Onnx__TensorProto *proto,
                                clade_onnx_tensor *tensor) {
    const size_t there = field_count(proto, tensor->type);
    if (there != (size_t)tensor->count)
        return clade_fail(context, CLADE_ERROR_INPUT, "tensor \"%s\": %zu elements of data; its dims say %" PRId64,
                          name, there, tensor->count);
    for (size_t i = 0; i < there; i++)
        take_field(proto, i, tensor);
    return CLADE_OK;
}

/* ---- the whole ---- */

/* A size is believed only up to what the file can hold: an element takes at least a byte of it, wherever it lies. */
static clade_status take_sizes(clade_context *context, const char *name, const Onnx__TensorProto *proto,
                               clade_onnx_tensor *tensor) {
    if (proto->n_dims > CLADE_MAX_RANK)
        return clade_fail(context, CLADE_ERROR_UNSUPPORTED, "tensor \"%s\": rank %zu; at most %d is supported", name,
                          proto->n_dims, CLADE_MAX_RANK);
    tensor->rank = (int)proto->n_dims;
    tensor->count = 1;
    for (int i = 0; i < tensor->rank; i++) {
        const int64_t size = tensor->sizes[i] = proto->dims[i];
        if (size < 0 || (size > 0 && tensor->count > PTRDIFF_MAX / 8 / size))
            return clade_fail(context, CLADE_ERROR_INPUT, "tensor \"%s\": its dims are not those of an array", name);
        tensor->count *= size;
    }
    const bool external = proto->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
    const size_t there =
        proto->has_raw_data ? proto->raw_data.len / types[tensor->type].bytes : field_count(proto, tensor->type);
    if (external || (size_t)tensor->count == there) return CLADE_OK;
    return clade_fail(context, CLADE_ERROR_INPUT, "tensor \"%s\": dims of %" PRId64 " elements, data of %zu", name,
                      tensor->count, there);
}

clade_status clade_onnx_tensor_from_bytes(clade_context *context, const char *name, int type, int rank,
                                          const int64_t *sizes, const void *bytes, clade_onnx_tensor *tensor) {
    *tensor = (clade_onnx_tensor){ .type = type, .rank = rank, .count = 1 };
    for (int i = 0; i < rank; i++)
        tensor->count *= tensor->sizes[i] = sizes[i];
    clade_status status = make_room(context, name, tensor);
    if (status == CLADE_OK)
        status = from_bytes(context, name, bytes, (size_t)tensor->count * clade_onnx_type_bytes(type), tensor);
    if (status != CLADE_OK) clade_onnx_tensor_free(context, tensor);
    return status;
}

clade_status clade_onnx_tensor_read(clade_context *context, const char *folder, const Onnx__TensorProto *proto,
                                    clade_onnx_tensor *tensor) {
    const char *name = proto->name != NULL ? proto->name : "";
    *tensor = (clade_onnx_tensor){ .type = proto->data_type };
    if (clade_onnx_type_bytes(tensor->type) == 0)
        return clade_fail(context, CLADE_ERROR_UNSUPPORTED, "tensor \"%s\": elements of %s are not supported", name,
                          clade_onnx_type_name(tensor->type));
    const bool external = proto->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
    clade_status status = take_sizes(context, name, proto, tensor);
    if (status == CLADE_OK && !external) status = make_room(context, name, tensor);
    if (status != CLADE_OK) return status;
    if (external)
        status = read_external(context, folder, name, proto, tensor);
    else if (proto->has_raw_data)
        status = from_bytes(context, name, proto->raw_data.data, proto->raw_data.len, tensor);
    else
        status = from_fields(context, name, proto, tensor);
    if (status != CLADE_OK) clade_onnx_tensor_free(context, tensor);
    return status;
}

void clade_onnx_tensor_free(clade_context *context, clade_onnx_tensor *tensor) {
    clade_free(context, tensor->real);
    clade_free(context, tensor->whole);
    *tensor = (clade_onnx_tensor){ 0 };
}

clade_status clade_onnx_tensor_store(clade_context *context, const char *what, const clade_onnx_tensor *tensor,
                                     bool clamp, void *elements) {
    float *reals = elements;
    int32_t *wholes = elements;
    for (int64_t i = 0; i < tensor->count; i++) {
        if (tensor->real != NULL) {
            reals[i] = (float)tensor->real[i];
            if (!clamp && isinf(reals[i]) && !isinf(tensor->real[i]))
                return clade_fail(context, CLADE_ERROR_UNSUPPORTED,
                                  "\"%s\": %g does not fit the 32 bits that floating point has on the device", what,
                                  tensor->real[i]);
            continue;
        }
        const int64_t value = tensor->whole[i];
        if (!clamp && (value < INT32_MIN || value > INT32_MAX))
            return clade_fail(context, CLADE_ERROR_UNSUPPORTED,
                              "\"%s\": %" PRId64 " does not fit the 32 bits that integers have on the device", what,
                              value);
        wholes[i] = value < INT32_MIN ? INT32_MIN : value > INT32_MAX ? INT32_MAX : (int32_t)value;
    }
    return CLADE_OK;
}
