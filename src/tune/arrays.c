/* A site's arrays: see arrays.h. Large inputs repeat a stretch of random numbers: times do not depend on more. */
#include "tune/arrays.h"

#include "tune/fill.h"

#include <string.h>

enum { STRETCH = 1 << 16 };

static size_t bytes_of(const clade_array *array) {
    return (size_t)array->count * clade_dtype_size(array->dtype);
}

/* STRETCH elements as the row's first case fills its input INDEX; integers that count or choose are zeros. */
static clade_status draw(const clade_site *site, uint32_t index, double *numbers, void *elements) {
    const clade_case *one = site->node->op->cases;
    const bool integers = site->in[index].dtype == CLADE_I32;
    clade_fill fill = one != NULL && (int)index < one->input_count ? one->fill[index] : CLADE_FILL_UNIFORM;
    if (integers && fill != CLADE_FILL_RANDOM_STATE) fill = CLADE_FILL_LABELS;
    clade_status status = clade_fill_array(site->device->context, fill, 1, "tune", index, numbers, STRETCH);
    for (size_t i = 0; i < STRETCH && status == CLADE_OK; i++) {
        const float real = (float)numbers[i];
        const int32_t integer = integers ? (int32_t)numbers[i] : 0;
        memcpy((char *)elements + 4 * i, integers ? (const void *)&integer : (const void *)&real, 4);
    }
    return status;
}

static clade_status fill_input(const clade_site *site, uint32_t index, const clade_buffer *buffer) {
    clade_context *context = site->device->context;
    double *numbers = clade_allocate(context, STRETCH, sizeof *numbers);
    char *elements = clade_allocate(context, STRETCH, 4);
    clade_status status = numbers != NULL && elements != NULL ? draw(site, index, numbers, elements)
                                                              : clade_fail_memory(context, STRETCH, "random numbers");
    for (size_t at = 0; at < buffer->bytes && status == CLADE_OK; at += (size_t)4 * STRETCH) {
        const size_t left = buffer->bytes - at, all = (size_t)4 * STRETCH;
        status = clade_buffer_write(buffer, at, elements, left < all ? left : all);
    }
    clade_free(context, numbers);
    clade_free(context, elements);
    return status;
}

clade_status clade_site_arrays_make(clade_site *site, clade_site_arrays *arrays) {
    clade_status status = CLADE_OK;
    *arrays = (clade_site_arrays){ .prepared = { .device = NULL } };
    for (uint32_t i = 0; i < site->node->input_count && status == CLADE_OK; i++) {
        if (!clade_value_valid(site->node->inputs[i])) continue;
        status = clade_buffer_new(site->device, bytes_of(&site->in[i]), "an array to be tuned on", &arrays->in[i]);
        if (status == CLADE_OK) status = fill_input(site, i, &arrays->in[i]);
        site->in[i].buffer = &arrays->in[i];
    }
    for (uint32_t o = 0; o < site->node->output_count && status == CLADE_OK; o++) {
        status = clade_buffer_new(site->device, bytes_of(&site->out[o]), "an array to be tuned on", &arrays->out[o]);
        site->out[o].buffer = &arrays->out[o];
    }
    return status;
}

void clade_site_arrays_free(clade_site_arrays *arrays) {
    for (int i = 0; i < CLADE_MAX_INPUTS; i++)
        clade_buffer_free(&arrays->in[i]);
    for (int o = 0; o < CLADE_MAX_OUTPUTS; o++)
        clade_buffer_free(&arrays->out[o]);
    for (int w = 0; w < CLADE_MAX_WORKSPACES; w++)
        clade_buffer_free(&arrays->workspace[w]);
    clade_buffer_free(&arrays->prepared);
}

static clade_status grow(clade_device *device, size_t bytes, clade_buffer *buffer) {
    if (bytes <= buffer->bytes) return CLADE_OK;
    clade_buffer_free(buffer);
    return clade_buffer_new(device, bytes, "scratch to be tuned with", buffer);
}

clade_status clade_site_arrays_grow(const clade_site *site, const clade_implementation *implementation,
                                    clade_site_arrays *arrays) {
    size_t bytes[CLADE_MAX_WORKSPACES] = { 0 };
    if (implementation->workspace != NULL) implementation->workspace(site, bytes);
    clade_status status = grow(site->device, clade_site_prepared(site, implementation), &arrays->prepared);
    for (int w = 0; w < CLADE_MAX_WORKSPACES && status == CLADE_OK; w++)
        status = grow(site->device, bytes[w], &arrays->workspace[w]);
    return status;
}

void clade_site_arrays_lend(clade_site *site, const clade_implementation *implementation, clade_site_arrays *arrays) {
    size_t bytes[CLADE_MAX_WORKSPACES] = { 0 };
    if (implementation->workspace != NULL) implementation->workspace(site, bytes);
    for (int w = 0; w < CLADE_MAX_WORKSPACES; w++)
        site->workspace[w] = bytes[w] > 0 ? &arrays->workspace[w] : NULL;
    site->prepared = clade_site_prepared(site, implementation) > 0 ? &arrays->prepared : NULL;
}
