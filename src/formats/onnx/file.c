/* Decoding by protobuf-c. Its decoder calls itself for nested messages and believes counts, so the bytes are walked once
 * before: every length lies within what is around it, and nesting stays below a bound. */
#include "formats/onnx/file.h"

#include "base/file.h"

#include <string.h>

enum {
    DEEPEST = 64,        /* messages within messages; a model with loops in loops needs about 20 */
    EXPANSION = 64,      /* bytes of memory for a byte of the file, at most */
    ALLOWANCE = 1 << 20, /* and so many for any file */
    WIRE_VARINT = 0,     /* wire types */
    WIRE_64 = 1,
    WIRE_BYTES = 2,
    WIRE_32 = 5,
};

/* ---- the walk ---- */

typedef struct level {
    const ProtobufCMessageDescriptor *kind;
    const uint8_t *end;
} level;

static bool read_varint(const uint8_t **at, const uint8_t *end, uint64_t *value) {
    *value = 0;
    for (int shift = 0; shift < 64 && *at < end; shift += 7) {
        const uint8_t byte = *(*at)++;
        *value |= (uint64_t)(byte & 127) << shift;
        if (byte < 128) return true;
    }
    return false;
}

static bool skip(const uint8_t **at, const uint8_t *end, uint64_t bytes) {
    if (bytes > (uint64_t)(end - *at)) return false;
    *at += bytes;
    return true;
}

/* The kind of message that field NUMBER of KIND holds, or NULL: a string, packed numbers, or a field unknown. */
static const ProtobufCMessageDescriptor *nested(const ProtobufCMessageDescriptor *kind, uint64_t number) {
    if (number > UINT32_MAX) return NULL;
    const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field(kind, (unsigned)number);
    return field != NULL && field->type == PROTOBUF_C_TYPE_MESSAGE ? field->descriptor : NULL;
}

/* NULL when the bytes can be decoded, else what is wrong. */
static const char *walk(const uint8_t *at, const uint8_t *end, const ProtobufCMessageDescriptor *kind) {
    level levels[DEEPEST] = { { kind, end } };
    int depth = 0;
    for (;;) {
        while (at == levels[depth].end) {
            if (depth-- == 0) return NULL;
        }
        const level *in = &levels[depth];
        uint64_t tag, length;
        if (!read_varint(&at, in->end, &tag)) return "it ends within a field";
        bool good = false;
        switch (tag & 7) {
        case WIRE_VARINT:
            good = read_varint(&at, in->end, &length);
            break;
        case WIRE_64:
            good = skip(&at, in->end, 8);
            break;
        case WIRE_32:
            good = skip(&at, in->end, 4);
            break;
        case WIRE_BYTES: {
            const ProtobufCMessageDescriptor *inner = nested(in->kind, tag >> 3);
            if (!read_varint(&at, in->end, &length) || length > (uint64_t)(in->end - at)) break;
            good = true;
            if (inner == NULL) {
                at += length;
            } else if (++depth == DEEPEST) {
                return "its messages are nested too deeply";
            } else {
                levels[depth] = (level){ inner, at + length };
            }
            break;
        }
        default:
            return "it has fields of a kind that ONNX does not use";
        }
        if (!good) return "it ends within a field";
    }
}

/* ---- bounded memory ---- */

static void *bounded_allocate(void *user, size_t bytes) {
    clade_onnx_message *message = user;
    if (bytes > message->limit - message->in_use) return NULL;
    message->in_use += bytes;
    return clade_allocate(message->context, bytes > 0 ? bytes : 1, 1);
}

static void bounded_free(void *user, void *pointer) {
    clade_free(((clade_onnx_message *)user)->context, pointer);
}

clade_status clade_onnx_message_decode(clade_context *context, const char *name, const void *bytes, size_t count,
                                       const ProtobufCMessageDescriptor *kind, clade_onnx_message *message) {
    *message = (clade_onnx_message){ .context = context };
    const char *wrong = walk(bytes, (const uint8_t *)bytes + count, kind);
    if (wrong != NULL)
        return clade_fail(context, CLADE_ERROR_INPUT, "%s: not an ONNX %s: %s", name, kind->short_name, wrong);
    message->limit = count > (SIZE_MAX - ALLOWANCE) / EXPANSION ? SIZE_MAX : count * EXPANSION + ALLOWANCE;
    ProtobufCAllocator allocator = { bounded_allocate, bounded_free, message };
    message->message = protobuf_c_message_unpack(kind, &allocator, count, bytes);
    if (message->message != NULL) return CLADE_OK;
    return clade_fail(context, CLADE_ERROR_INPUT, "%s: not an ONNX %s, or damaged", name, kind->short_name);
}

clade_status clade_onnx_message_read(clade_context *context, const char *path, const ProtobufCMessageDescriptor *kind,
                                     clade_onnx_message *message) {
    char *data = NULL;
    size_t bytes = 0;
    *message = (clade_onnx_message){ .context = context };
    clade_status status = clade_file_read(context, path, PTRDIFF_MAX, &data, &bytes);
    if (status == CLADE_OK) status = clade_onnx_message_decode(context, path, data, bytes, kind, message);
    clade_free(context, data);
    return status;
}

void clade_onnx_message_free(clade_onnx_message *message) {
    ProtobufCAllocator allocator = { bounded_allocate, bounded_free, message };
    if (message->message != NULL) protobuf_c_message_free_unpacked(message->message, &allocator);
    *message = (clade_onnx_message){ 0 };
}
