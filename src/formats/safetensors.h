/* Safetensors: eight bytes with the little-endian length of a JSON header, the header, the tensors' bytes. The header is
 * one object: of each tensor its dtype, shape and the two ends of its bytes, counted from the end of the header; beside
 * them "__metadata__". The tensors fill the rest of the file without holes, and no two share a byte. */
#ifndef CLADE_FORMATS_SAFETENSORS_H
#define CLADE_FORMATS_SAFETENSORS_H

#include "formats/weights.h"

/* From memory; NAME is for error texts. */
clade_status clade_safetensors_decode(clade_context *context, const char *name, const void *bytes, size_t count,
                                      clade_weights **weights);
/* The caller frees *BYTES with clade_free(). */
clade_status clade_safetensors_encode(const clade_weights *weights, char **bytes, size_t *count);

#endif
