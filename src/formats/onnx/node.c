/* What translators ask of a node: its inputs, their numbers where those are known, its attributes; and its outputs. */
#include "formats/onnx/state.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

int64_t clade_onnx_argument(const clade_onnx_node *node) {
    return node->import->row->argument;
}

const clade_onnx_translator *clade_onnx_row(const clade_onnx_node *node) {
    return node->import->row;
}

bool clade_onnx_refuse(clade_onnx_node *node, const char *format, ...) {
    clade_onnx_import *import = node->import;
    if (import->refused) return false;
    char words[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    clade_fail(import->context, CLADE_ERROR_UNSUPPORTED, "%s \"%s\": %s", import->op, import->node, words);
    import->refused = true;
    return false;
}

/* ---- inputs ---- */

bool clade_onnx_has(const clade_onnx_node *node, int index) {
    return index < node->in_count && node->in[index] != NULL;
}

int clade_onnx_type(const clade_onnx_node *node, int index) {
    return clade_onnx_has(node, index) ? node->in[index]->type : 0;
}

clade_value clade_onnx_in(clade_onnx_node *node, int index) {
    return clade_onnx_has(node, index) ? clade_onnx_lower(node->import, node->in[index]) : CLADE_NO_VALUE;
}

clade_dims clade_onnx_dims_of(clade_onnx_node *node, int index) {
    if (!clade_onnx_has(node, index)) return CLADE_SCALAR;
    const clade_onnx_tensor *tensor = node->in[index]->tensor;
    if (tensor == NULL) return clade_value_dims(node->in[index]->value);
    clade_dims dims = { .rank = tensor->rank };
    memcpy(dims.size, tensor->sizes, sizeof dims.size);
    return dims;
}

bool clade_onnx_known(clade_onnx_node *node, int index) {
    if (!clade_onnx_has(node, index)) return false;
    return node->in[index]->tensor != NULL || clade_onnx_depends_on_constants(node->import, node->in[index]->value);
}

static bool refuse_batch(clade_onnx_node *node, int index) {
    return clade_onnx_refuse(node, "input %d depends on the batch, which is open; give the input's dims", index);
}

/* LEAST receives them with the least batch; NULL: what they are may not depend on it. */
static bool read_numbers(clade_onnx_node *node, int index, double *numbers, double *least, int most, int *count) {
    const clade_tensor *others = NULL;
    *count = 0;
    if (!clade_onnx_has(node, index)) return clade_onnx_refuse(node, "input %d is missing", index);
    const clade_onnx_tensor *tensor = node->in[index]->tensor;
    const clade_tensor *value =
        tensor == NULL ? clade_onnx_evaluate(node->import, node->in[index]->value, least != NULL ? &others : NULL)
                       : NULL;
    if (tensor == NULL && value == NULL && clade_onnx_known(node, index)) return refuse_batch(node, index);
    if (tensor == NULL && value == NULL)
        return clade_onnx_refuse(node, "input %d is computed from the network's inputs; here it must be constant",
                                 index);
    const int64_t there = tensor != NULL ? tensor->count : value->count;
    if (there > most)
        return clade_onnx_refuse(node, "input %d has %" PRId64 " elements; at most %d are supported", index, there,
                                 most);
    *count = (int)there;
    for (int i = 0; i < *count; i++) {
        numbers[i] = tensor == NULL         ? value->data[i]
                     : tensor->real != NULL ? tensor->real[i]
                                            : (double)tensor->whole[i];
        if (least != NULL) least[i] = others != NULL ? others->data[i] : numbers[i];
    }
    return true;
}

bool clade_onnx_numbers(clade_onnx_node *node, int index, double *numbers, int most, int *count) {
    return read_numbers(node, index, numbers, NULL, most, count);
}

static int64_t whole(double number) {
    return number >= 9.2e18 ? INT64_MAX : number <= -9.2e18 ? INT64_MIN : (int64_t)llround(number);
}

bool clade_onnx_sizes(clade_onnx_node *node, int index, int64_t *numbers, clade_size *sizes, int most, int *count) {
    double *reals = clade_allocate(node->import->context, 2 * (size_t)most + 1, sizeof *reals);
    if (reals == NULL) return clade_onnx_refuse(node, "out of memory");
    double *least = reals + most;
    bool good = read_numbers(node, index, reals, least, most, count);
    for (int i = 0; good && i < *count; i++) {
        sizes[i] = numbers[i] = whole(reals[i]);
        if (reals[i] == least[i]) continue;
        if (!(least[i] > 0 && reals[i] * CLADE_ONNX_LEAST_BATCH == least[i] * CLADE_ONNX_BATCH))
            good = refuse_batch(node, index);
        else
            sizes[i] = clade_size_multiply(node->graph, CLADE_BATCH, numbers[i] / CLADE_ONNX_BATCH);
    }
    clade_free(node->import->context, reals);
    return good;
}

bool clade_onnx_whole_numbers(clade_onnx_node *node, int index, int64_t *numbers, int most, int *count) {
    const clade_onnx_tensor *tensor = clade_onnx_has(node, index) ? node->in[index]->tensor : NULL;
    if (tensor != NULL && tensor->whole != NULL && tensor->count <= most) { /* without a way through double */
        *count = (int)tensor->count;
        memcpy(numbers, tensor->whole, (size_t)tensor->count * sizeof *numbers);
        return true;
    }
    double *reals = clade_allocate(node->import->context, (size_t)most + 1, sizeof *reals);
    if (reals == NULL) return clade_onnx_refuse(node, "out of memory");
    const bool good = clade_onnx_numbers(node, index, reals, most, count);
    for (int i = 0; good && i < *count; i++)
        numbers[i] = whole(reals[i]);
    clade_free(node->import->context, reals);
    return good;
}

/* ---- attributes ---- */

const Onnx__AttributeProto *clade_onnx_attribute(const clade_onnx_node *node, const char *name) {
    for (size_t i = 0; i < node->proto->n_attribute; i++) {
        const Onnx__AttributeProto *attribute = node->proto->attribute[i];
        if (attribute->name != NULL && strcmp(attribute->name, name) == 0) return attribute;
    }
    return NULL;
}

int64_t clade_onnx_int(const clade_onnx_node *node, const char *name, int64_t otherwise) {
    const Onnx__AttributeProto *attribute = clade_onnx_attribute(node, name);
    return attribute != NULL && attribute->has_i ? attribute->i : otherwise;
}

double clade_onnx_float(const clade_onnx_node *node, const char *name, double otherwise) {
    const Onnx__AttributeProto *attribute = clade_onnx_attribute(node, name);
    return attribute != NULL && attribute->has_f ? (double)attribute->f : otherwise;
}

const char *clade_onnx_text(const clade_onnx_node *node, const char *name, const char *otherwise, char text[64]) {
    const Onnx__AttributeProto *attribute = clade_onnx_attribute(node, name);
    if (attribute == NULL || !attribute->has_s)
        snprintf(text, 64, "%s", otherwise);
    else
        snprintf(text, 64, "%.*s", (int)(attribute->s.len < 63 ? attribute->s.len : 63),
                 (const char *)attribute->s.data);
    return text;
}

bool clade_onnx_word(clade_onnx_node *node, const char *name, const char *otherwise, const char *const *words,
                     int *which) {
    char text[64];
    clade_onnx_text(node, name, otherwise, text);
    for (*which = 0; words[*which] != NULL; (*which)++)
        if (strcmp(words[*which], text) == 0) return true;
    return clade_onnx_refuse(node, "%s \"%s\"", name, text);
}

int clade_onnx_ints(clade_onnx_node *node, const char *name, int64_t *numbers, int most) {
    const Onnx__AttributeProto *attribute = clade_onnx_attribute(node, name);
    if (attribute == NULL) return 0;
    if (attribute->n_ints > (size_t)most) {
        clade_onnx_refuse(node, "attribute \"%s\" has %zu numbers; at most %d are supported", name, attribute->n_ints,
                          most);
        return -1;
    }
    for (size_t i = 0; i < attribute->n_ints; i++)
        numbers[i] = attribute->ints[i];
    return (int)attribute->n_ints;
}

bool clade_onnx_list_axes(clade_onnx_node *node, int64_t since, int64_t list[CLADE_MAX_RANK], int *count) {
    *count = clade_onnx_ints(node, "axes", list, CLADE_MAX_RANK);
    if (*count < 0) return false;
    return node->opset < since || !clade_onnx_has(node, 1) ||
           clade_onnx_whole_numbers(node, 1, list, CLADE_MAX_RANK, count);
}

bool clade_onnx_axis(clade_onnx_node *node, int64_t axis, int rank, int *result) {
    if (axis < -rank || axis >= rank)
        return clade_onnx_refuse(node, "axis %" PRId64 " of an array of rank %d", axis, rank);
    *result = (int)(axis < 0 ? axis + rank : axis);
    return true;
}

/* ---- outputs ---- */

void clade_onnx_out(clade_onnx_node *node, int index, clade_value value, int type) {
    if (index < node->out_count) node->out[index] = (clade_onnx_value){ .type = type, .value = value };
}

bool clade_onnx_give(clade_onnx_node *node, clade_value x) {
    clade_onnx_out(node, 0, x, clade_onnx_type(node, 0));
    return true;
}

/* A tensor of the import's own, zeros; NULL with the graph's fault set. */
static clade_onnx_tensor *make_tensor(clade_onnx_node *node, int type, const clade_dims *dims) {
    clade_onnx_import *import = node->import;
    clade_onnx_tensor made = { .type = type, .rank = dims->rank, .count = 1 };
    for (int i = 0; i < dims->rank; i++)
        made.count *= made.sizes[i] = dims->size[i];
    void *elements = clade_allocate(import->context, (size_t)made.count + 1, 8);
    if (elements == NULL) {
        clade_invalid(node->graph, CLADE_ERROR_MEMORY, "out of memory for a constant");
        return NULL;
    }
    if (clade_onnx_type_is_float(type))
        made.real = elements;
    else
        made.whole = elements;
    clade_onnx_tensor *kept = clade_onnx_keep(import, &made);
    if (kept != NULL) return kept;
    clade_onnx_tensor_free(import->context, &made);
    clade_invalid(node->graph, CLADE_ERROR_MEMORY, "out of memory for a constant");
    return NULL;
}

clade_value clade_onnx_constant(clade_onnx_node *node, int type, const clade_dims *dims, const double *numbers) {
    clade_onnx_tensor *tensor = make_tensor(node, type, dims);
    if (tensor == NULL) return CLADE_NO_VALUE;
    for (int64_t i = 0; i < tensor->count; i++) {
        if (tensor->real != NULL)
            tensor->real[i] = numbers[i];
        else
            tensor->whole[i] = llround(numbers[i]);
    }
    clade_onnx_value value = { .type = type, .tensor = tensor, .value = CLADE_NO_VALUE };
    value.name = clade_graph_unique_name(node->graph, NULL, "onnx_constant");
    return clade_onnx_lower(node->import, &value);
}

bool clade_onnx_empty(clade_onnx_node *node, int index, int type, const clade_dims *dims) {
    const clade_onnx_tensor *tensor = make_tensor(node, type, dims);
    if (tensor != NULL && index < node->out_count)
        node->out[index] = (clade_onnx_value){ .type = type, .tensor = tensor, .value = CLADE_NO_VALUE };
    return tensor != NULL;
}

bool clade_onnx_constant_tensor(clade_onnx_node *node, int index, const Onnx__TensorProto *proto) {
    const clade_onnx_tensor *tensor = clade_onnx_take(node->import, proto);
    if (tensor == NULL) { /* the words are in the context */
        node->import->refused = true;
        return false;
    }
    if (index < node->out_count)
        node->out[index] = (clade_onnx_value){ .type = tensor->type, .tensor = tensor, .value = CLADE_NO_VALUE };
    return true;
}
