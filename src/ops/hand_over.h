/* Values that go from one device to another where a graph is cut by layers (passes/stages.h): the halves of each way.
 *
 * They belong to plans alone and are no rows of the table: they have no meaning one without the other. A half takes the
 * token of the half before it on its device, so that no pass changes their order.
 *   stage_send      x, [token] -> token, int32 ()
 *   stage_receive   [token] -> y, token: what was sent under the same number */
#ifndef CLADE_OPS_HAND_OVER_H
#define CLADE_OPS_HAND_OVER_H

#include "ops/op.h"

extern const clade_op clade_stage_send, clade_stage_receive;

typedef struct clade_stage_send_attributes {
    int64_t number; /* tells the ways of a cut apart */
} clade_stage_send_attributes;

typedef struct clade_stage_receive_attributes {
    int32_t output_count; /* 2 */
    int32_t dtype;
    int64_t number;
    clade_dims dims;
} clade_stage_receive_attributes;

#endif
