/* The sum over devices, and the two halves into which the schedule pass cuts it, so that the step goes on between them. */
#ifndef CLADE_OPS_ALL_REDUCE_H
#define CLADE_OPS_ALL_REDUCE_H

#include "ops/op.h"

extern const clade_op clade_op_all_reduce;

typedef struct clade_all_reduce_attributes {
    int32_t output_count; /* as many as inputs */
} clade_all_reduce_attributes;

/* The halves. They belong to plans alone and are no rows of the table: they have no meaning one without the other, and a
 * plan carries them out by clade_commands_send() and clade_commands_receive().
 *   all_reduce_send      x... -> a token, int32 ()
 *   all_reduce_receive   token -> y..., of the dims of what was sent under the same number */
extern const clade_op clade_all_reduce_send, clade_all_reduce_receive;

typedef struct clade_all_reduce_send_attributes {
    int64_t number; /* tells the sums of a graph apart */
} clade_all_reduce_send_attributes;

typedef struct clade_all_reduce_receive_attributes {
    int32_t output_count;
    int64_t number;
    clade_dims dims[CLADE_MAX_OUTPUTS];
} clade_all_reduce_receive_attributes;

/* Whether OP is either half, or one of a way between devices (ops/hand_over.h): recorded by the plan itself, in its place,
 * at every run. */
bool clade_is_transfer(const clade_op *op);

#endif
