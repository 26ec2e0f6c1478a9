/* Tails: what a convolution or matrix product does to its sums before it stores them (see clade_tail_attributes). */
#ifndef CLADE_OPS_TAIL_H
#define CLADE_OPS_TAIL_H

#include "ops/op.h"

enum { CLADE_TAIL_INPUTS = 3, CLADE_TAIL_ARGUMENTS = 5 };

/* Schema entries for attributes STRUCT with a member `tail`. */
#define CLADE_TAIL_SCHEMA(STRUCT)                                                                                      \
    { "tail_bias", CLADE_ATTRIBUTE_BOOL, offsetof(STRUCT, tail.bias), 0 },                                             \
        { "tail_residual", CLADE_ATTRIBUTE_BOOL, offsetof(STRUCT, tail.residual), 0 },                                 \
        { "tail_relu", CLADE_ATTRIBUTE_BOOL, offsetof(STRUCT, tail.relu), 0 }, {                                       \
        "tail_mask", CLADE_ATTRIBUTE_BOOL, offsetof(STRUCT, tail.mask), 0                                              \
    }

/* A node's tail; NULL for a row without one. */
const clade_tail_attributes *clade_tail_of(const clade_node *node);
bool clade_tail_empty(const clade_tail_attributes *tail);
/* Whether NODE's inputs after its own are what its tail says, for the result type Y. */
bool clade_tail_infer(const clade_node *node, const clade_type *y, clade_text *why);
/* Carries out the tail on the sums in OUT. */
void clade_tail_reference(const clade_node *node, const clade_tensor in[], clade_tensor *out);
/* The same for one sum, to be element ELEMENT of OUT. */
double clade_tail_reference_at(const clade_node *node, const clade_tensor in[], const clade_tensor *out,
                               int64_t element, double sum);
/* The gradient of the sums from that of NODE's output; sets dx of the tail's inputs. */
clade_value clade_tail_gradient(clade_tape *tape, const clade_node *node, clade_value dy, clade_value dx[]);

/* ---- at a site ---- */

/* The arguments of TAIL_PARAMETERS (kernels/tail.h), in order. Inputs that the tail has not are given the output's
 * buffer, which the kernel leaves alone. */
void clade_tail_arguments(const clade_site *site, clade_argument arguments[CLADE_TAIL_ARGUMENTS]);
/* Arguments that say that there is no tail, for launches before the last. */
void clade_tail_no_arguments(const clade_site *site, clade_argument arguments[CLADE_TAIL_ARGUMENTS]);

/* Bytes of site->prepared for IMPLEMENTATION, 0 for none; and the launches that fill it. */
size_t clade_site_prepared(const clade_site *site, const clade_implementation *implementation);
clade_status clade_site_prepare(const clade_site *site, const clade_implementation *implementation,
                                clade_commands *commands);
/* Everything that IMPLEMENTATION does at SITE after its preparation: record(), and the tail where that leaves it out. */
clade_status clade_site_record(const clade_site *site, const clade_implementation *implementation,
                               clade_commands *commands);

#endif
