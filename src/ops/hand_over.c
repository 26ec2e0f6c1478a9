/* The halves of a way between devices: a plan carries them out by clade_commands_hand_over() and _take_over(). */
#include "ops/hand_over.h"

#include <stddef.h>

static const clade_type token = { CLADE_I32, { 0, { 0 } } };

static bool infer_send(const clade_node *node, clade_type out[], clade_text *why) {
    (void)node;
    (void)why;
    out[0] = token;
    return true;
}

static bool infer_receive(const clade_node *node, clade_type out[], clade_text *why) {
    const clade_stage_receive_attributes *a = node->attributes;
    (void)why;
    out[0] = (clade_type){ (clade_dtype)a->dtype, a->dims };
    out[1] = token;
    return true;
}

static const clade_attribute send_schema[] = {
    { "number", CLADE_ATTRIBUTE_INT, offsetof(clade_stage_send_attributes, number), 0 },
    { NULL, 0, 0, 0 },
};
static const clade_attribute receive_schema[] = {
    { "number", CLADE_ATTRIBUTE_INT, offsetof(clade_stage_receive_attributes, number), 0 },
    { "dims", CLADE_ATTRIBUTE_DIMS, offsetof(clade_stage_receive_attributes, dims), 0 },
    { NULL, 0, 0, 0 },
};

const clade_op clade_stage_send = {
    .name = "stage_send",
    .attributes = send_schema,
    .attributes_size = sizeof(clade_stage_send_attributes),
    .input_minimum = 1,
    .input_maximum = 2,
    .outputs = 1,
    .infer = infer_send,
};

const clade_op clade_stage_receive = {
    .name = "stage_receive",
    .attributes = receive_schema,
    .attributes_size = sizeof(clade_stage_receive_attributes),
    .input_minimum = 0,
    .input_maximum = 1,
    .outputs = 0,
    .infer = infer_receive,
};
