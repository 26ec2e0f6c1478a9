#include "ops/tail.h"

#include <math.h>

/* The flags of kernels/tail.h. */
enum { TAIL_BIAS = 1, TAIL_RESIDUAL = 2, TAIL_MASK = 4 };

const clade_tail_attributes *clade_tail_of(const clade_node *node) {
    if (node->op->tail_input == 0) return NULL;
    return (const clade_tail_attributes *)(const void *)((const char *)node->attributes + node->op->tail_offset);
}

bool clade_tail_empty(const clade_tail_attributes *tail) {
    return tail == NULL || !(tail->bias || tail->residual || tail->relu || tail->mask);
}

/* The numbers of the tail's inputs; -1 for those that it has not. */
typedef struct places {
    int bias, residual, mask, end;
} places;

static places places_of(const clade_node *node) {
    const clade_tail_attributes *tail = clade_tail_of(node);
    int next = node->op->tail_input;
    places p = { -1, -1, -1, next };
    if (tail == NULL) return p;
    if (tail->bias) p.bias = next++;
    if (tail->residual) p.residual = next++;
    if (tail->mask) p.mask = next++;
    p.end = next;
    return p;
}

/* ---- the row's part ---- */

static bool is_bias(const clade_type *type, int64_t channels) {
    int64_t count = 1;
    for (int32_t i = 0; i < type->dims.rank; i++) {
        count *= type->dims.size[i];
    }
    return type->dtype == CLADE_F32 && count == channels;
}

bool clade_tail_infer(const clade_node *node, const clade_type *y, clade_text *why) {
    const places p = places_of(node);
    if ((int)node->input_count != p.end) {
        clade_text_add(why, "expected %d inputs for this tail", p.end);
        return false;
    }
    if (p.bias >= 0 && !is_bias(clade_value_type(node->inputs[p.bias]), y->dims.size[1])) {
        clade_text_add(why, "expected one bias for each of the result's %lld channels", (long long)y->dims.size[1]);
        return false;
    }
    const int same[] = { p.residual, p.mask };
    for (int i = 0; i < 2; i++) {
        if (same[i] < 0) continue;
        const clade_type *type = clade_value_type(node->inputs[same[i]]);
        if (type->dtype == CLADE_F32 && clade_dims_equal(&type->dims, &y->dims)) continue;
        clade_text_add(why, "expected the tail's input %d to have the result's sizes", same[i]);
        return false;
    }
    return true;
}

double clade_tail_reference_at(const clade_node *node, const clade_tensor in[], const clade_tensor *out,
                               int64_t element, double sum) {
    const clade_tail_attributes *tail = clade_tail_of(node);
    const places p = places_of(node);
    int64_t plane = 1;
    for (int32_t axis = 2; axis < out->rank; axis++) {
        plane *= out->size[axis];
    }
    if (p.bias >= 0) sum += in[p.bias].data[element / plane % out->size[1]];
    if (p.residual >= 0) sum += in[p.residual].data[element];
    if (tail->relu && sum < 0) sum = 0;
    return p.mask >= 0 && in[p.mask].data[element] <= 0 ? 0 : sum;
}

void clade_tail_reference(const clade_node *node, const clade_tensor in[], clade_tensor *out) {
    if (clade_tail_empty(clade_tail_of(node))) return;
    for (int64_t e = 0; e < out->count; e++) {
        out->data[e] = clade_tail_reference_at(node, in, out, e, out->data[e]);
    }
}

/* d t = dy where the mask and the ReLU let it pass; the residual's gradient is d t, the bias's its sum by channel. */
clade_value clade_tail_gradient(clade_tape *tape, const clade_node *node, clade_value dy, clade_value dx[]) {
    const clade_tail_attributes *tail = clade_tail_of(node);
    const places p = places_of(node);
    if (p.mask >= 0) dy = clade_relu_gradient(node->inputs[p.mask], dy);
    if (tail->relu) dy = clade_relu_gradient((clade_value){ tape->graph, node->index, 0 }, dy);
    if (p.residual >= 0) dx[p.residual] = dy;
    if (p.bias >= 0 && tape->wanted[p.bias]) {
        const uint32_t all = (1u << node->outputs[0].dims.rank) - 1, channels = 1u << 1;
        dx[p.bias] = clade_reshape(clade_sum(dy, all & ~channels, false), clade_value_type(node->inputs[p.bias])->dims);
    }
    return dy;
}

/* ---- at a site ---- */

static clade_argument buffer_or_output(const clade_site *site, int input) {
    return clade_buffer_argument(input >= 0 ? site->in[input].buffer : site->out[0].buffer);
}

void clade_tail_arguments(const clade_site *site, clade_argument arguments[CLADE_TAIL_ARGUMENTS]) {
    const clade_tail_attributes *tail = clade_tail_of(site->node);
    const places p = places_of(site->node);
    const int flags =
        (p.bias >= 0 ? TAIL_BIAS : 0) | (p.residual >= 0 ? TAIL_RESIDUAL : 0) | (p.mask >= 0 ? TAIL_MASK : 0);
    arguments[0] = buffer_or_output(site, p.bias);
    arguments[1] = buffer_or_output(site, p.residual);
    arguments[2] = buffer_or_output(site, p.mask);
    arguments[3] = clade_int_argument(flags);
    arguments[4] = clade_float_argument(tail != NULL && tail->relu ? 0.0f : -INFINITY);
}

void clade_tail_no_arguments(const clade_site *site, clade_argument arguments[CLADE_TAIL_ARGUMENTS]) {
    for (int i = 0; i < CLADE_TAIL_INPUTS; i++) {
        arguments[i] = buffer_or_output(site, -1);
    }
    arguments[3] = clade_int_argument(0);
    arguments[4] = clade_float_argument(-INFINITY);
}

/* The tail alone, over sums that lie in the output: a work-item for up to PART elements of a plane. */
static clade_status record_tail(const clade_site *site, clade_commands *commands) {
    enum { PART = 4096, BUFFERS = 1, SIZES = 4 };
    const clade_array *y = &site->out[0];
    const bool is_cpu = site->device->capabilities.is_cpu;
    int64_t plane = 1;
    for (int32_t axis = 2; axis < y->rank; axis++) {
        plane *= y->size[axis];
    }
    const int64_t part = is_cpu ? PART : 1, row = plane > 1 ? plane : y->size[1], rows = y->count / row;
    clade_argument arguments[BUFFERS + CLADE_TAIL_ARGUMENTS + SIZES];
    arguments[0] = clade_buffer_argument(y->buffer);
    clade_tail_arguments(site, arguments + BUFFERS);
    clade_argument *sizes = arguments + BUFFERS + CLADE_TAIL_ARGUMENTS;
    sizes[0] = clade_int_argument(rows);
    sizes[1] = clade_int_argument(y->size[1]);
    sizes[2] = clade_int_argument(plane);
    sizes[3] = clade_int_argument(part);
    clade_launch launch = {
        .file = "tail.cl",
        .kernel = plane > 1 ? "planes" : "columns",
        .label = site->label,
        .arguments = arguments,
        .argument_count = sizeof arguments / sizeof arguments[0],
        .bytes = 8.0 * (double)y->count,
    };
    launch.global[0] = (size_t)((row + part - 1) / part);
    launch.global[1] = (size_t)rows;
    if (is_cpu) launch.local[0] = launch.local[1] = 1;
    return clade_commands_launch(commands, &launch);
}

size_t clade_site_prepared(const clade_site *site, const clade_implementation *implementation) {
    return implementation->prepared != NULL ? implementation->prepared(site) : 0;
}

clade_status clade_site_prepare(const clade_site *site, const clade_implementation *implementation,
                                clade_commands *commands) {
    return site->prepared != NULL ? implementation->prepare(site, commands) : CLADE_OK;
}

clade_status clade_site_record(const clade_site *site, const clade_implementation *implementation,
                               clade_commands *commands) {
    clade_status status = implementation->record(site, commands);
    if (status != CLADE_OK || implementation->tail || clade_tail_empty(clade_tail_of(site->node))) return status;
    return record_tail(site, commands);
}
