/* A model on arrays in NPY files: reading them, binding the model to their dims, running, and writing what came out. */
#include "base/file.h"
#include "device/device.h"
#include "formats/npy.h"
#include "formats/onnx/state.h"
#include "passes/passes.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MOST_BOUND = 64 }; /* elements of floating-point inputs that may be scales or bounds */

/* ---- NPY's types and ONNX's ---- */

static const int onnx_types[CLADE_NPY_TYPES] = {
    [CLADE_NPY_F32] = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT,  [CLADE_NPY_F64] = ONNX__TENSOR_PROTO__DATA_TYPE__DOUBLE,
    [CLADE_NPY_I32] = ONNX__TENSOR_PROTO__DATA_TYPE__INT32,  [CLADE_NPY_I64] = ONNX__TENSOR_PROTO__DATA_TYPE__INT64,
    [CLADE_NPY_U8] = ONNX__TENSOR_PROTO__DATA_TYPE__UINT8,   [CLADE_NPY_F16] = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT16,
    [CLADE_NPY_I8] = ONNX__TENSOR_PROTO__DATA_TYPE__INT8,    [CLADE_NPY_I16] = ONNX__TENSOR_PROTO__DATA_TYPE__INT16,
    [CLADE_NPY_U16] = ONNX__TENSOR_PROTO__DATA_TYPE__UINT16, [CLADE_NPY_U32] = ONNX__TENSOR_PROTO__DATA_TYPE__UINT32,
    [CLADE_NPY_U64] = ONNX__TENSOR_PROTO__DATA_TYPE__UINT64, [CLADE_NPY_BOOL] = ONNX__TENSOR_PROTO__DATA_TYPE__BOOL,
};

/* bfloat16 has no NPY type: float32 holds it, rounded. */
static clade_npy_type npy_type(int type) {
    for (int i = 0; i < CLADE_NPY_TYPES; i++)
        if (onnx_types[i] == type) return (clade_npy_type)i;
    return CLADE_NPY_F32;
}

/* The device's four-byte elements as elements of TYPE. */
static void convert(clade_npy_type type, const void *from, int64_t count, void *to) {
    for (int64_t i = 0; i < count; i++) {
        const float real = ((const float *)from)[i];
        const int32_t whole = ((const int32_t *)from)[i];
        switch (type) {
        case CLADE_NPY_F32:
        case CLADE_NPY_I32:
        case CLADE_NPY_U32:
            ((int32_t *)to)[i] = whole;
            break;
        case CLADE_NPY_F64:
            ((double *)to)[i] = (double)real;
            break;
        case CLADE_NPY_I64:
        case CLADE_NPY_U64:
            ((int64_t *)to)[i] = whole;
            break;
        case CLADE_NPY_F16:
            ((uint16_t *)to)[i] = clade_onnx_half_bits(real);
            break;
        case CLADE_NPY_I16:
        case CLADE_NPY_U16:
            ((uint16_t *)to)[i] = (uint16_t)whole;
            break;
        case CLADE_NPY_U8:
        case CLADE_NPY_I8:
        case CLADE_NPY_BOOL:
            ((uint8_t *)to)[i] = (uint8_t)whole;
            break;
        }
    }
}

/* ---- reading ---- */

/* An NPY file's array as the device keeps it. */
typedef struct array {
    clade_npy npy;
    void *elements; /* 4 bytes each */
} array;

static clade_status store(clade_context *context, const char *path, array *a, bool real) {
    clade_npy *npy = &a->npy;
    a->elements = clade_allocate(context, (size_t)npy->count + 1, 4);
    if (a->elements == NULL) return clade_fail_memory(context, (size_t)npy->count * 4, path);
    const int type = onnx_types[npy->type];
    if (clade_onnx_type_is_float(type) != real)
        return clade_fail(context, CLADE_ERROR_INPUT, "%s: %s where %s is wanted", path, clade_npy_type_name(npy->type),
                          real ? "floating point" : "integers");
    clade_onnx_tensor tensor;
    clade_status status =
        clade_onnx_tensor_from_bytes(context, path, type, npy->rank, npy->sizes, npy->values, &tensor);
    if (status == CLADE_OK) status = clade_onnx_tensor_store(context, path, &tensor, false, a->elements);
    clade_onnx_tensor_free(context, &tensor);
    return status;
}

static void forget(clade_context *context, array *arrays, size_t count) {
    for (size_t i = 0; arrays != NULL && i < count; i++) {
        clade_npy_free(context, &arrays[i].npy);
        clade_free(context, arrays[i].elements);
    }
    clade_free(context, arrays);
}

/* ---- a run ---- */

typedef struct job {
    clade_context *context;
    clade_device *device;
    const clade_onnx_run_options *options;
    clade_onnx *network;
    clade_graph *graph; /* at inference, with gradients */
    clade_rewrite rewrite;
    clade_session *session;
    array *inputs, *gradients;
    clade_binding_array *feeds;
    size_t feed_count;
} job;

/* Inputs of integers are bound to their contents too: they may shape the network. */
static clade_status read_model(job *j, const char *path) {
    const clade_onnx_run_options *options = j->options;
    clade_onnx_binding *bindings = clade_allocate(j->context, options->input_count + 1, sizeof *bindings);
    if (bindings == NULL) return clade_fail_memory(j->context, sizeof *bindings, path);
    clade_status status = CLADE_OK;
    for (size_t i = 0; i < options->input_count && status == CLADE_OK; i++) {
        const clade_npy *npy = &j->inputs[i].npy;
        status = clade_npy_read(j->context, options->inputs[i].path, &j->inputs[i].npy);
        bindings[i] =
            (clade_onnx_binding){ options->inputs[i].name, { .rank = npy->rank }, onnx_types[npy->type], NULL };
        memcpy(bindings[i].dims.size, npy->sizes, sizeof bindings[i].dims.size);
        if (!clade_onnx_type_is_float(bindings[i].type) || npy->count <= MOST_BOUND) bindings[i].contents = npy->values;
    }
    const clade_onnx_options bound = { .size = sizeof bound,
                                       .bindings = bindings,
                                       .binding_count = options->input_count };
    if (status == CLADE_OK) status = clade_onnx_read(j->context, path, &bound, &j->network);
    clade_free(j->context, bindings);
    return status;
}

static const clade_onnx_port *port_named(const clade_onnx_port *ports, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(ports[i].name, name) == 0) return &ports[i];
    return NULL;
}

static clade_status add_feed(job *j, const char *path, clade_value value, array *a) {
    clade_status status = store(j->context, path, a, clade_value_dtype(value) == CLADE_F32);
    j->feeds[j->feed_count++] = (clade_binding_array){ value, a->elements, a->npy.count };
    return status;
}

static clade_status feed_inputs(job *j) {
    const clade_onnx_port *ports;
    const size_t count = clade_onnx_inputs(j->network, &ports);
    clade_status status = CLADE_OK;
    for (size_t i = 0; i < j->options->input_count && status == CLADE_OK; i++) {
        const char *name = j->options->inputs[i].name;
        const clade_onnx_port *port = port_named(ports, count, name);
        if (port == NULL && j->inputs[i].npy.count == 0) continue; /* an empty array has shaped the network */
        if (port == NULL) return clade_fail(j->context, CLADE_ERROR_ARGUMENT, "the model has no input \"%s\"", name);
        status = add_feed(j, j->options->inputs[i].path, clade_rewrite_value(&j->rewrite, port->value), &j->inputs[i]);
    }
    for (size_t i = 0; i < count && status == CLADE_OK; i++) {
        bool given = false;
        for (size_t k = 0; k < j->options->input_count && !given; k++)
            given = strcmp(j->options->inputs[k].name, ports[i].name) == 0;
        if (!given)
            status =
                clade_fail(j->context, CLADE_ERROR_ARGUMENT, "the model's input \"%s\" is not given", ports[i].name);
    }
    return status;
}

/* The graph at inference: what is differentiated must be what runs. Inputs and leaves stay in it. */
static clade_status make_graph(job *j) {
    const clade_onnx_port *inputs, *outputs;
    const size_t input_count = clade_onnx_inputs(j->network, &inputs);
    const size_t output_count = clade_onnx_outputs(j->network, &outputs);
    const size_t count = input_count + output_count + j->network->leaf_count;
    clade_value *targets = clade_allocate(j->context, count + 1, sizeof *targets);
    if (targets == NULL) return clade_fail_memory(j->context, count * sizeof *targets, "the model's outputs");
    size_t target_count = 0;
    for (size_t i = 0; i < count; i++) {
        const clade_value target = i < input_count ? inputs[i].value
                                   : i < input_count + output_count
                                       ? outputs[i - input_count].value
                                       : j->network->leaves[i - input_count - output_count].value;
        if (clade_value_valid(target)) targets[target_count++] = target; /* else an output without elements */
    }
    j->graph = clade_pass_inference(j->network->graph, targets, target_count, &j->rewrite);
    clade_free(j->context, targets);
    return j->graph != NULL ? CLADE_OK : CLADE_ERROR_MEMORY;
}

/* sum over the outputs of y dy. */
static clade_status add_loss(job *j, clade_value *loss) {
    const clade_onnx_port *ports;
    const size_t count = clade_onnx_outputs(j->network, &ports);
    *loss = CLADE_NO_VALUE;
    for (size_t i = 0; i < j->options->gradient_count; i++) {
        const clade_onnx_file_array *given = &j->options->gradients[i];
        const clade_onnx_port *port = port_named(ports, count, given->name);
        if (port == NULL || !clade_value_valid(port->value))
            return clade_fail(j->context, CLADE_ERROR_ARGUMENT, "the model has no output \"%s\" with elements",
                              given->name);
        const clade_value y = clade_rewrite_value(&j->rewrite, port->value);
        if (clade_value_dtype(y) != CLADE_F32)
            return clade_fail(j->context, CLADE_ERROR_ARGUMENT,
                              "output \"%s\" is of integers: nothing flows back to it", given->name);
        clade_status status = clade_npy_read(j->context, given->path, &j->gradients[i].npy);
        if (status != CLADE_OK) return status;
        char name[32];
        snprintf(name, sizeof name, "gradient %zu", i);
        clade_dims dims = { .rank = j->gradients[i].npy.rank };
        memcpy(dims.size, j->gradients[i].npy.sizes, sizeof dims.size);
        const clade_dims wanted = clade_value_dims(y);
        if (!clade_dims_equal(&dims, &wanted))
            return clade_fail(j->context, CLADE_ERROR_INPUT, "%s: its shape is not that of output \"%s\"", given->path,
                              given->name);
        const clade_value dy = clade_input(j->graph, name, CLADE_F32, dims);
        status = add_feed(j, given->path, dy, &j->gradients[i]);
        if (status != CLADE_OK) return status;
        clade_value term = clade_multiply(y, dy);
        if (dims.rank > 0) term = clade_sum(term, CLADE_ALL_AXES, false);
        *loss = clade_value_valid(*loss) ? clade_add(*loss, term) : term;
    }
    return clade_graph_status(j->graph);
}

/* ---- writing ---- */

/* FOLDER/NAME.SUFFIX, in folders below it where the name has slashes. */
static clade_status path_for(job *j, const char *name, const char *suffix, char path[4096]) {
    if (name[0] == '/' || strstr(name, "..") != NULL ||
        snprintf(path, 4096, "%s/%s%s", j->options->folder, name, suffix) >= 4096)
        return clade_fail(j->context, CLADE_ERROR_INPUT, "the name \"%.200s\" is not one for a file", name);
    char *slash = strrchr(path, '/');
    *slash = '\0';
    clade_status status = clade_folder_make(j->context, path);
    *slash = '/';
    return status;
}

/* The graph is that of inference already; with gradients the session must not drop what they need. */
static clade_status fetch(job *j, clade_value value, int type, const char *path) {
    const clade_dims dims = clade_value_dims(value);
    clade_npy out = { .type = npy_type(type), .rank = dims.rank };
    const int64_t count = clade_dims_value(j->graph, &dims, (clade_binding){ 1, 1 }, out.sizes);
    void *elements = clade_allocate(j->context, (size_t)count + 1, 4);
    out.values = clade_allocate(j->context, (size_t)count + 1, clade_npy_type_size(out.type));
    clade_status status = CLADE_OK;
    if (elements == NULL || out.values == NULL) status = clade_fail_memory(j->context, (size_t)count * 8, path);
    const clade_binding_array target = { value, elements, count };
    if (status == CLADE_OK)
        status = clade_session_run(j->session, &(clade_run_options){ .size = sizeof(clade_run_options),
                                                                     .batch = 1,
                                                                     .time = 1,
                                                                     .feeds = j->feeds,
                                                                     .feed_count = j->feed_count,
                                                                     .fetches = &target,
                                                                     .fetch_count = 1,
                                                                     .inference = j->options->gradient_count == 0 });
    if (status == CLADE_OK) {
        for (int64_t i = 0; i < count && clade_onnx_type_is_float(type); i++)
            ((float *)elements)[i] = clade_onnx_shortened(type, ((const float *)elements)[i]);
        convert(out.type, elements, count, out.values);
        status = clade_npy_write(j->context, path, &out);
    }
    clade_free(j->context, elements);
    clade_free(j->context, out.values);
    return status;
}

/* An array without elements. */
static clade_status write_nothing(job *j, const clade_onnx_port *port, const char *path) {
    char nothing[8] = "";
    clade_npy out = { .type = npy_type(port->type), .rank = port->dims.rank, .values = nothing };
    memcpy(out.sizes, port->dims.size, sizeof out.sizes);
    return clade_npy_write(j->context, path, &out);
}

static clade_status write_outputs(job *j) {
    const clade_onnx_port *ports;
    const size_t count = clade_onnx_outputs(j->network, &ports);
    clade_status status = CLADE_OK;
    for (size_t i = 0; i < count && status == CLADE_OK; i++) {
        char path[4096];
        status = path_for(j, ports[i].name, ".npy", path);
        if (status == CLADE_OK && !clade_value_valid(ports[i].value))
            status = write_nothing(j, &ports[i], path);
        else if (status == CLADE_OK)
            status = fetch(j, clade_rewrite_value(&j->rewrite, ports[i].value), ports[i].type, path);
    }
    return status;
}

/* A floating-point input or weight, and its gradient. */
typedef struct wanted {
    const char *name;
    clade_value with, gradient;
    int type; /* ONNX's */
} wanted;

static size_t list_wanted(const job *j, wanted *list) {
    const clade_onnx_port *ports;
    const size_t inputs = clade_onnx_inputs(j->network, &ports);
    size_t count = 0;
    for (size_t i = 0; i < inputs; i++) {
        if (!clade_onnx_type_is_float(ports[i].type)) continue;
        list[count++] = (wanted){ ports[i].name, ports[i].value, CLADE_NO_VALUE, ports[i].type };
    }
    for (size_t i = 0; i < j->network->leaf_count; i++) {
        const clade_onnx_leaf *leaf = &j->network->leaves[i];
        if (!clade_onnx_type_is_float(leaf->tensor->type)) continue;
        list[count++] =
            (wanted){ clade_value_node(leaf->value)->name, leaf->value, CLADE_NO_VALUE, leaf->tensor->type };
    }
    return count;
}

/* Appends the gradients; where nothing flows they are zeros. */
static clade_status differentiate(job *j, clade_value loss, wanted *list, size_t count) {
    clade_value *with = clade_allocate(j->context, 2 * count + 1, sizeof *with), *gradients = with + count;
    if (with == NULL) return clade_fail_memory(j->context, count * sizeof *with, "gradients");
    for (size_t i = 0; i < count; i++)
        with[i] = list[i].with = clade_rewrite_value(&j->rewrite, list[i].with);
    clade_status status = clade_gradient(loss, CLADE_NO_VALUE, with, count, gradients);
    for (size_t i = 0; i < count && status == CLADE_OK; i++)
        list[i].gradient =
            clade_value_valid(gradients[i]) ? gradients[i] : clade_constant(j->graph, clade_value_dims(with[i]), 0);
    clade_free(j->context, with);
    return status == CLADE_OK ? clade_graph_status(j->graph) : status;
}

static clade_status write_gradients(job *j, const wanted *list, size_t count) {
    clade_status status = CLADE_OK;
    for (size_t i = 0; i < count && status == CLADE_OK; i++) {
        char path[4096];
        status = path_for(j, list[i].name, ".grad.npy", path);
        if (status == CLADE_OK) status = fetch(j, list[i].gradient, list[i].type, path);
    }
    return status;
}

static clade_status start(job *j, wanted *list, size_t *count) {
    clade_value loss;
    clade_status status = make_graph(j);
    if (status == CLADE_OK) status = feed_inputs(j);
    if (status == CLADE_OK) status = add_loss(j, &loss);
    if (status == CLADE_OK && clade_value_valid(loss)) {
        *count = list_wanted(j, list);
        status = differentiate(j, loss, list, *count);
    }
    if (status == CLADE_OK) status = clade_session_new(j->device, j->graph, 0, &j->session);
    return status == CLADE_OK ? clade_onnx_fill_session(j->network, j->session) : status;
}

clade_status clade_onnx_run(clade_device *device, const char *path, const clade_onnx_run_options *options) {
    clade_context *context = device->context;
    job j = { .context = context, .device = device, .options = options };
    const size_t given = options->input_count + options->gradient_count;
    j.inputs = clade_allocate(context, options->input_count + 1, sizeof *j.inputs);
    j.gradients = clade_allocate(context, options->gradient_count + 1, sizeof *j.gradients);
    j.feeds = clade_allocate(context, given + 1, sizeof *j.feeds);
    wanted *list = NULL;
    size_t count = 0;
    clade_status status = j.inputs == NULL || j.gradients == NULL || j.feeds == NULL
                              ? clade_fail_memory(context, given * sizeof *j.feeds, path)
                              : read_model(&j, path);
    if (status == CLADE_OK) {
        list = clade_allocate(context, j.network->input_count + j.network->leaf_count + 1, sizeof *list);
        status = list != NULL ? start(&j, list, &count) : clade_fail_memory(context, sizeof *list, path);
    }
    if (status == CLADE_OK) status = write_outputs(&j);
    if (status == CLADE_OK) status = write_gradients(&j, list, count);
    clade_session_free(j.session);
    clade_rewrite_free(&j.rewrite);
    clade_graph_free(j.graph);
    clade_onnx_free(j.network);
    forget(context, j.inputs, options->input_count);
    forget(context, j.gradients, options->gradient_count);
    clade_free(context, j.feeds);
    clade_free(context, list);
    return status;
}
