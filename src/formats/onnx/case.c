/* ONNX's backend tests: what a model must give for inputs that come with it. */
#include "base/file.h"
#include "clade/onnx.h"
#include "device/device.h"
#include "formats/onnx/state.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const double relative = 1e-3, absolute = 1e-7;
enum { MOST_ARRAYS = 64, DEEPEST_FOLDER = 3, MOST_BOUND = 4096 };

/* A tensor's elements as they lie here: 64 bits each. */
#define WIDE(TENSOR) ((TENSOR)->real != NULL ? (const void *)(TENSOR)->real : (const void *)(TENSOR)->whole)
#define WIDE_TYPE(TENSOR)                                                                                              \
    ((TENSOR)->real != NULL ? ONNX__TENSOR_PROTO__DATA_TYPE__DOUBLE : ONNX__TENSOR_PROTO__DATA_TYPE__INT64)

/* The arrays of one data set, and the network bound to their dims. */
typedef struct data_set {
    clade_context *context;
    clade_device *device;
    char folder[4096];
    clade_onnx_tensor in[MOST_ARRAYS], wanted[MOST_ARRAYS];
    int in_count, wanted_count;
    clade_onnx *network;
    clade_session *session;
    void *fed[MOST_ARRAYS], *got[MOST_ARRAYS];
    clade_onnx_test_result *result;
} data_set;

CLADE_PRINTF(3, 4)
static void differ(data_set *set, clade_onnx_verdict verdict, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(set->result->detail, sizeof set->result->detail, format, arguments);
    va_end(arguments);
    set->result->verdict = verdict;
}

/* ---- reading ---- */

static clade_status read_tensor(data_set *set, const char *path, clade_onnx_tensor *tensor) {
    clade_onnx_message message;
    clade_status status = clade_onnx_message_read(set->context, path, &onnx__tensor_proto__descriptor, &message);
    if (status == CLADE_OK)
        status = clade_onnx_tensor_read(set->context, set->folder, (const Onnx__TensorProto *)message.message, tensor);
    clade_onnx_message_free(&message);
    return status;
}

static clade_status read_arrays(data_set *set, const char *what, clade_onnx_tensor *arrays, int *count) {
    char path[4200];
    for (*count = 0; *count < MOST_ARRAYS; (*count)++) {
        snprintf(path, sizeof path, "%s/%s_%d.pb", set->folder, what, *count);
        if (!clade_file_exists(path)) return CLADE_OK;
        clade_status status = read_tensor(set, path, &arrays[*count]);
        if (status != CLADE_OK) return status;
    }
    return clade_fail(set->context, CLADE_ERROR_UNSUPPORTED, "%s: more than %d arrays", set->folder, MOST_ARRAYS);
}

/* ---- running ---- */

static clade_dims dims_of(const clade_onnx_tensor *tensor) {
    clade_dims dims = { .rank = tensor->rank };
    memcpy(dims.size, tensor->sizes, sizeof dims.size);
    return dims;
}

/* Small inputs are bound to their contents: any may shape the network. */
static clade_status open_network(data_set *set, const char *model) {
    clade_onnx_binding bindings[MOST_ARRAYS];
    for (int i = 0; i < set->in_count; i++) {
        const clade_onnx_tensor *in = &set->in[i];
        bindings[i] =
            (clade_onnx_binding){ NULL, dims_of(in), WIDE_TYPE(in), in->count <= MOST_BOUND ? WIDE(in) : NULL };
    }
    const clade_onnx_options options = {
        .size = sizeof options, .bindings = bindings, .binding_count = (size_t)set->in_count, .frozen = true
    };
    clade_status status = clade_onnx_read(set->context, model, &options, &set->network);
    if (status == CLADE_OK) status = clade_session_new(set->device, clade_onnx_graph(set->network), 0, &set->session);
    return status == CLADE_OK ? clade_onnx_fill_session(set->network, set->session) : status;
}

/* The data of the input called NAME: inputs are in the file's order, those that are empty left out. */
static clade_status feed(data_set *set, const clade_onnx_port *port, int index, clade_binding_array *feed) {
    const clade_onnx_tensor *tensor = &set->in[index];
    set->fed[index] = clade_allocate(set->context, (size_t)tensor->count + 1, 4);
    if (set->fed[index] == NULL) return clade_fail_memory(set->context, (size_t)tensor->count * 4, port->name);
    *feed = (clade_binding_array){ port->value, set->fed[index], tensor->count };
    return clade_onnx_tensor_store(set->context, port->name, tensor,
                                   tensor->real == NULL && tensor->count <= MOST_BOUND, set->fed[index]);
}

static clade_status feed_all(data_set *set, clade_binding_array *feeds) {
    const clade_onnx_port *ports;
    const size_t count = clade_onnx_inputs(set->network, &ports);
    clade_status status = CLADE_OK;
    size_t port = 0;
    for (int i = 0; i < set->in_count && status == CLADE_OK; i++) {
        if (set->in[i].count == 0) continue;
        if (port == count) break;
        status = feed(set, &ports[port], i, &feeds[port]);
        port++;
    }
    if (status == CLADE_OK && port < count)
        status = clade_fail(set->context, CLADE_ERROR_INPUT, "the model has %zu inputs, the data fewer", count);
    return status;
}

static clade_status run(data_set *set) {
    clade_binding_array feeds[MOST_ARRAYS], fetches[MOST_ARRAYS];
    const clade_onnx_port *inputs, *outputs;
    const size_t input_count = clade_onnx_inputs(set->network, &inputs);
    const size_t output_count = clade_onnx_outputs(set->network, &outputs);
    if (input_count > MOST_ARRAYS || output_count != (size_t)set->wanted_count)
        return clade_fail(set->context, CLADE_ERROR_INPUT, "%zu outputs; the data have %d", output_count,
                          set->wanted_count);
    clade_status status = feed_all(set, feeds);
    size_t fetch_count = 0;
    for (size_t i = 0; i < output_count && status == CLADE_OK; i++) {
        int64_t sizes[CLADE_MAX_RANK];
        if (!clade_value_valid(outputs[i].value)) continue; /* no elements */
        const clade_dims dims = clade_value_dims(outputs[i].value);
        const int64_t count = clade_dims_value(clade_onnx_graph(set->network), &dims, (clade_binding){ 1, 1 }, sizes);
        set->got[i] = clade_allocate(set->context, (size_t)count + 1, 4);
        if (set->got[i] == NULL) status = clade_fail_memory(set->context, (size_t)count * 4, outputs[i].name);
        fetches[fetch_count++] = (clade_binding_array){ outputs[i].value, set->got[i], count };
    }
    if (status != CLADE_OK || fetch_count == 0) return status;
    return clade_session_run(set->session, &(clade_run_options){ .size = sizeof(clade_run_options),
                                                                 .batch = 1,
                                                                 .time = 1,
                                                                 .feeds = feeds,
                                                                 .feed_count = input_count,
                                                                 .fetches = fetches,
                                                                 .fetch_count = fetch_count,
                                                                 .inference = true });
}

/* ---- comparing ---- */

static bool same_dims(const clade_dims *dims, const clade_onnx_tensor *wanted) {
    bool same = dims->rank == wanted->rank;
    for (int i = 0; same && i < dims->rank; i++)
        same = dims->size[i] == wanted->sizes[i];
    return same;
}

/* The error as a share of what is allowed. */
static double error_of(double got, double wanted) {
    if (isnan(got) || isnan(wanted)) return isnan(got) && isnan(wanted) ? 0 : INFINITY;
    if (isinf(got) || isinf(wanted)) return got == wanted ? 0 : INFINITY;
    return fabs(got - wanted) / (absolute + relative * fabs(wanted));
}

/* Element I of what the device gave for an output of TYPE, as that holds it. */
static double element_of(int type, const void *got, int64_t i) {
    if (clade_onnx_type_is_float(type)) return (double)clade_onnx_shortened(type, ((const float *)got)[i]);
    if (type == ONNX__TENSOR_PROTO__DATA_TYPE__UINT32) return (double)((const uint32_t *)got)[i];
    return (double)((const int32_t *)got)[i];
}

static void compare(data_set *set, const clade_onnx_port *port, const clade_onnx_tensor *wanted, const void *got) {
    const clade_dims dims = port->dims;
    if (port->type != wanted->type) {
        differ(set, CLADE_ONNX_FAILED, "output \"%s\" is %s, not %s", port->name, clade_onnx_type_name(port->type),
               clade_onnx_type_name(wanted->type));
        return;
    }
    if (!same_dims(&dims, wanted)) {
        const clade_type type = { clade_value_dtype(port->value), dims };
        differ(set, CLADE_ONNX_FAILED, "output \"%s\" has other dims than wanted: %s", port->name,
               clade_type_text(clade_onnx_graph(set->network), &type));
        return;
    }
    for (int64_t i = 0; i < wanted->count; i++) {
        const double value = element_of(wanted->type, got, i);
        const double is = wanted->real != NULL ? wanted->real[i] : (double)wanted->whole[i];
        const double error = wanted->real != NULL ? error_of(value, is) : value == is ? 0 : INFINITY;
        if (error > set->result->worst) set->result->worst = error;
        if (error <= 1 || set->result->verdict == CLADE_ONNX_FAILED) continue;
        differ(set, CLADE_ONNX_FAILED, "output \"%s\", element %lld: %.9g, not %.9g", port->name, (long long)i, value,
               is);
    }
}

/* ---- a data set ---- */

static void forget(data_set *set) {
    clade_session_free(set->session);
    clade_onnx_free(set->network);
    for (int i = 0; i < MOST_ARRAYS; i++) {
        clade_onnx_tensor_free(set->context, &set->in[i]);
        clade_onnx_tensor_free(set->context, &set->wanted[i]);
        clade_free(set->context, set->fed[i]);
        clade_free(set->context, set->got[i]);
    }
}

/* Files of arrays are read where the model says that they are of arrays: sequences and the like look much the same. */
static clade_status test_set(data_set *set, const char *model) {
    const clade_onnx_port *outputs;
    clade_status status = clade_onnx_check_inputs(set->context, model);
    if (status == CLADE_OK) status = read_arrays(set, "input", set->in, &set->in_count);
    if (status == CLADE_OK) status = open_network(set, model);
    if (status == CLADE_OK) status = read_arrays(set, "output", set->wanted, &set->wanted_count);
    if (status == CLADE_OK) status = run(set);
    const size_t count = status == CLADE_OK ? clade_onnx_outputs(set->network, &outputs) : 0;
    for (size_t i = 0; i < count; i++)
        compare(set, &outputs[i], &set->wanted[i], set->got[i]);
    if (status == CLADE_ERROR_MEMORY || status == CLADE_ERROR_DEVICE) return status;
    if (status != CLADE_OK)
        differ(set, status == CLADE_ERROR_UNSUPPORTED ? CLADE_ONNX_UNSUPPORTED : CLADE_ONNX_FAILED, "%s",
               clade_error(set->context));
    return CLADE_OK;
}

/* ---- a folder ---- */

static clade_status test_case(clade_device *device, const char *folder, clade_onnx_test_result *result) {
    clade_context *context = device->context;
    char model[4200];
    snprintf(model, sizeof model, "%s/model.onnx", folder);
    clade_status status = CLADE_OK;
    int sets = 0;
    for (; status == CLADE_OK && result->verdict == CLADE_ONNX_PASSED; sets++) {
        data_set *set = clade_allocate(context, 1, sizeof *set);
        if (set == NULL) return clade_fail_memory(context, sizeof *set, folder);
        set->context = context;
        set->device = device;
        set->result = result;
        snprintf(set->folder, sizeof set->folder, "%s/test_data_set_%d", folder, sets);
        const bool there = clade_file_is_folder(set->folder);
        if (there) status = test_set(set, model);
        forget(set);
        clade_free(context, set);
        if (!there) break;
    }
    if (status == CLADE_OK && sets == 0)
        return clade_fail(context, CLADE_ERROR_INPUT, "%s: a model.onnx without a test_data_set_0", folder);
    return status;
}

typedef struct walk {
    clade_device *device;
    void (*report)(void *user, const clade_onnx_test_result *result);
    void *user;
    int64_t cases;
} walk;

static bool is_case(const char *folder) {
    char path[4200];
    snprintf(path, sizeof path, "%s/model.onnx", folder);
    return clade_file_exists(path);
}

static clade_status walk_folder(walk *w, const char *folder, int depth) {
    if (is_case(folder)) {
        clade_onnx_test_result result = { .folder = folder, .verdict = CLADE_ONNX_PASSED };
        clade_status status = test_case(w->device, folder, &result);
        w->cases++;
        if (status == CLADE_OK) w->report(w->user, &result);
        return status;
    }
    clade_folder_entry *entries = NULL;
    size_t count = 0;
    if (depth == DEEPEST_FOLDER) return CLADE_OK;
    clade_status status = clade_folder_list(w->device->context, folder, &entries, &count);
    for (size_t i = 0; i < count && status == CLADE_OK; i++) {
        char path[4096];
        if (!entries[i].is_folder) continue;
        if (snprintf(path, sizeof path, "%s/%s", folder, entries[i].name) < (int)sizeof path)
            status = walk_folder(w, path, depth + 1);
    }
    clade_folder_free(w->device->context, entries, count);
    return status;
}

clade_status clade_onnx_test(clade_device *device, const char *folder,
                             void (*report)(void *user, const clade_onnx_test_result *result), void *user) {
    walk w = { device, report, user, 0 };
    clade_status status = walk_folder(&w, folder, 0);
    if (status == CLADE_OK && w.cases == 0)
        return clade_fail(device->context, CLADE_ERROR_INPUT, "%s: no model.onnx in it or below it", folder);
    return status;
}
