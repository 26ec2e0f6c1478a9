/* ONNX's protobuf messages from files: what is read may come from anybody. Nesting is counted before it is followed, and
 * the memory that decoding may take is bounded by the file's size. */
#ifndef CLADE_FORMATS_ONNX_FILE_H
#define CLADE_FORMATS_ONNX_FILE_H

#include "base/context.h"
#include "onnx.pb-c.h"

/* A decoded message and what it was decoded from. */
typedef struct clade_onnx_message {
    clade_context *context;
    ProtobufCMessage *message; /* NULL: none */
    size_t in_use, limit;      /* bytes that decoding took, and may take */
} clade_onnx_message;

/* Reads PATH as a message of KIND (&onnx__model_proto__descriptor, &onnx__tensor_proto__descriptor, ...).
 * CLADE_ERROR_INPUT when it is not one. Free with clade_onnx_message_free(). */
clade_status clade_onnx_message_read(clade_context *context, const char *path, const ProtobufCMessageDescriptor *kind,
                                     clade_onnx_message *message);
/* The same from memory; NAME is for error texts. */
clade_status clade_onnx_message_decode(clade_context *context, const char *name, const void *bytes, size_t count,
                                       const ProtobufCMessageDescriptor *kind, clade_onnx_message *message);
/* Accepts a zeroed one. */
void clade_onnx_message_free(clade_onnx_message *message);

#endif
