/* ONNX's tensors as arrays of the host, whichever way a file encodes them. */
#ifndef CLADE_FORMATS_ONNX_TENSOR_H
#define CLADE_FORMATS_ONNX_TENSOR_H

#include "clade/graph.h"
#include "formats/onnx/file.h"

/* An element type is ONNX's number for it (ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, ...). On devices Clade keeps floating
 * point as float32, integers and truth values as int32; what that cannot hold is refused, not changed. */
const char *clade_onnx_type_name(int type); /* "float16"; "type 99" is not told apart: "unknown" */
size_t clade_onnx_type_bytes(int type);     /* of one element in raw data; 0: a type that is not read */
bool clade_onnx_type_is_float(int type);    /* float, double, float16, bfloat16 */
clade_dtype clade_onnx_type_storage(int type);

/* COUNT elements, row by row. Integers and truth values are in WHOLE, the others in REAL. */
typedef struct clade_onnx_tensor {
    int type, rank;
    int64_t sizes[CLADE_MAX_RANK];
    int64_t count;
    double *real;
    int64_t *whole; /* a uint64 above INT64_MAX is refused */
} clade_onnx_tensor;

/* FOLDER is where external data lie, beside the model; NULL: there is none. Free with clade_onnx_tensor_free(). */
clade_status clade_onnx_tensor_read(clade_context *context, const char *folder, const Onnx__TensorProto *proto,
                                    clade_onnx_tensor *tensor);
/* The same from dense little-endian elements in memory. */
clade_status clade_onnx_tensor_from_bytes(clade_context *context, const char *name, int type, int rank,
                                          const int64_t *sizes, const void *bytes, clade_onnx_tensor *tensor);
void clade_onnx_tensor_free(clade_context *context, clade_onnx_tensor *tensor);

/* Into 4-byte elements as devices keep them (float or int32_t, COUNT of them). WHAT is for the error when one does not
 * fit. With CLAMP integers beyond int32 become its ends (a slice's end may be "as far as there is"), doubles beyond
 * float32 infinite. */
clade_status clade_onnx_tensor_store(clade_context *context, const char *what, const clade_onnx_tensor *tensor,
                                     bool clamp, void *elements);

/* The value of 16 bits read as IEEE half precision, or as bfloat16. */
double clade_onnx_half(uint16_t bits);
double clade_onnx_bfloat16(uint16_t bits);
/* The half-precision bits nearest to VALUE, ties to even. */
uint16_t clade_onnx_half_bits(float value);
/* VALUE as an array of TYPE holds it: nearest, ties to even, where that is float16 or bfloat16. */
float clade_onnx_shortened(int type, float value);

#endif
