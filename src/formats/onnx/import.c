/* The import: initialisers and inputs become named values, each node is translated in the file's order (which ONNX
 * requires to be topological), and the outputs are looked up. */
#include "base/hash.h"
#include "formats/onnx/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_OPSET = 1, NEWEST_OPSET = 28 };

/* ---- constants ---- */

static bool grow(clade_context *context, void **list, size_t count, size_t *capacity, size_t size) {
    if (count < *capacity) return true;
    const size_t wanted = *capacity > 0 ? 2 * *capacity : 16;
    void *larger = clade_reallocate(context, *list, wanted, size);
    if (larger == NULL) return false;
    *list = larger;
    *capacity = wanted;
    return true;
}

clade_onnx_tensor *clade_onnx_keep(clade_onnx_import *import, const clade_onnx_tensor *tensor) {
    clade_onnx *network = import->network;
    clade_onnx_tensor *kept = clade_allocate(import->context, 1, sizeof *kept);
    if (kept == NULL || !grow(import->context, (void **)&network->tensors, network->tensor_count,
                              &network->tensor_capacity, sizeof *network->tensors)) {
        clade_free(import->context, kept);
        return NULL;
    }
    *kept = *tensor;
    network->tensors[network->tensor_count++] = kept;
    return kept;
}

const clade_onnx_tensor *clade_onnx_take(clade_onnx_import *import, const Onnx__TensorProto *proto) {
    clade_onnx_tensor read;
    if (clade_onnx_tensor_read(import->context, import->folder, proto, &read) != CLADE_OK) return NULL;
    const clade_onnx_tensor *kept = clade_onnx_keep(import, &read);
    if (kept != NULL) return kept;
    clade_onnx_tensor_free(import->context, &read);
    clade_fail_memory(import->context, sizeof read, "a tensor");
    return NULL;
}

clade_value clade_onnx_lower(clade_onnx_import *import, clade_onnx_value *value) {
    clade_onnx *network = import->network;
    if (clade_value_valid(value->value) || value->tensor == NULL) return value->value;
    clade_dims dims = { .rank = value->tensor->rank };
    memcpy(dims.size, value->tensor->sizes, sizeof dims.size);
    if (value->tensor->count == 0)
        return clade_invalid(network->graph, CLADE_ERROR_UNSUPPORTED, "\"%s\" is an empty array", value->name);
    const bool trained =
        !value->fixed && clade_onnx_type_is_float(value->type) && !(import->options != NULL && import->options->frozen);
    const clade_leaf_attributes attributes = {
        .dims = dims,
        .dtype = clade_onnx_type_storage(value->type),
        .role = !trained                  ? CLADE_ROLE_STATE
                : value->tensor->rank > 1 ? CLADE_ROLE_WEIGHT
                                          : CLADE_ROLE_BIAS,
        .initializer_kind = CLADE_INITIALIZE_CONSTANT,
    };
    /* In a loop's body one name stands for another value at each step. */
    const char *name = value->depth > 0 ? clade_graph_unique_name(network->graph, NULL, value->name) : value->name;
    value->value = clade_append(network->graph, &clade_op_state, name, &attributes, NULL, 0);
    if (!clade_value_valid(value->value)) return value->value;
    if (!grow(import->context, (void **)&network->leaves, network->leaf_count, &network->leaf_capacity,
              sizeof *network->leaves))
        return clade_invalid(network->graph, CLADE_ERROR_MEMORY, "out of memory for the constant \"%s\"", value->name);
    network->leaves[network->leaf_count++] = (clade_onnx_leaf){ .value = value->value, .tensor = value->tensor };
    return value->value;
}

/* The leaf of an input whose contents are known. */
static clade_status add_known_input(clade_onnx_import *import, const clade_onnx_value *value) {
    clade_onnx *network = import->network;
    if (!grow(import->context, (void **)&network->leaves, network->leaf_count, &network->leaf_capacity,
              sizeof *network->leaves))
        return clade_fail_memory(import->context, sizeof *network->leaves, value->name);
    network->leaves[network->leaf_count++] =
        (clade_onnx_leaf){ .value = value->value, .tensor = value->tensor, .is_input = true };
    return CLADE_OK;
}

/* ---- inputs and outputs ---- */

static const Onnx__TypeProto__Tensor *tensor_type(const Onnx__ValueInfoProto *info) {
    if (info->type == NULL || info->type->value_case != ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE) return NULL;
    return info->type->tensor_type;
}

static const clade_onnx_binding *binding_of(const clade_onnx_import *import, const char *name, size_t place) {
    for (size_t i = 0; import->options != NULL && i < import->options->binding_count; i++) {
        const clade_onnx_binding *binding = &import->options->bindings[i];
        if (binding->name != NULL ? strcmp(binding->name, name) == 0 : i == place) return binding;
    }
    return NULL;
}

/* The dims that the file declares: an open first size is the batch, others are 0; NAMES is what it calls the open ones. */
static void declared_dims(const clade_onnx_import *import, const Onnx__TensorShapeProto *shape, clade_dims *dims,
                          const char **names) {
    const clade_onnx_options *options = import->options;
    dims->rank = (int32_t)shape->n_dim;
    for (int32_t i = 0; i < dims->rank; i++) {
        const Onnx__TensorShapeProto__Dimension *size = shape->dim[i];
        const bool opened = i == 0 && size->dim_value == 1 && options != NULL && options->open_batch;
        const bool fixed =
            size->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE && size->dim_value > 0 && !opened;
        const bool named = size->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
        dims->size[i] = fixed ? size->dim_value : i == 0 ? CLADE_BATCH : 0;
        names[i] = named && size->dim_param[0] != '\0' ? size->dim_param : NULL;
    }
}

static clade_status check_rank(const clade_onnx_import *import, const Onnx__ValueInfoProto *info,
                               const clade_dims *dims) {
    const Onnx__TensorShapeProto *shape = tensor_type(info)->shape;
    if (shape == NULL || shape->n_dim == (size_t)dims->rank) return CLADE_OK;
    return clade_fail(import->context, CLADE_ERROR_INPUT, "input \"%s\": an array of rank %d; the model wants rank %zu",
                      info->name, dims->rank, shape->n_dim);
}

static clade_status input_dims(clade_onnx_import *import, const Onnx__ValueInfoProto *info,
                               const clade_onnx_binding *binding, clade_dims *dims) {
    const Onnx__TensorShapeProto *shape = tensor_type(info)->shape;
    const char *names[CLADE_MAX_RANK] = { NULL };
    *dims = binding != NULL ? binding->dims : CLADE_SCALAR;
    if (binding != NULL) return check_rank(import, info, dims);
    if (shape == NULL || shape->n_dim > CLADE_MAX_RANK)
        return clade_fail(import->context, CLADE_ERROR_INPUT,
                          "input \"%s\": the model does not say its rank; give its dims", info->name);
    declared_dims(import, shape, dims, names);
    if (import->options != NULL && import->options->settle != NULL)
        import->options->settle(import->options->user, info->name, names, dims);
    for (int32_t i = 0; i < dims->rank; i++)
        if (dims->size[i] == 0)
            return clade_fail(import->context, CLADE_ERROR_INPUT,
                              "input \"%s\": the model leaves its size %d%s%s%s open; it must be given", info->name, i,
                              names[i] != NULL ? " (" : "", names[i] != NULL ? names[i] : "",
                              names[i] != NULL ? ")" : "");
    return CLADE_OK;
}

/* Keeps the contents that an input is bound to. */
static clade_status bind_contents(clade_onnx_import *import, const clade_onnx_binding *binding,
                                  clade_onnx_value *value) {
    clade_onnx_tensor tensor;
    if (clade_onnx_type_bytes(binding->type) == 0)
        return clade_fail(import->context, CLADE_ERROR_ARGUMENT, "input \"%s\" is bound to contents of no type",
                          value->name);
    clade_status status = clade_onnx_tensor_from_bytes(import->context, value->name, binding->type, binding->dims.rank,
                                                       binding->dims.size, binding->contents, &tensor);
    if (status != CLADE_OK) return status;
    value->tensor = clade_onnx_keep(import, &tensor);
    if (value->tensor != NULL) return CLADE_OK;
    clade_onnx_tensor_free(import->context, &tensor);
    return clade_fail_memory(import->context, sizeof tensor, value->name);
}

static clade_status make_input(clade_onnx_import *import, const Onnx__ValueInfoProto *info, size_t place,
                               clade_onnx_value *value) {
    clade_onnx *network = import->network;
    const clade_onnx_binding *binding = binding_of(import, info->name, place);
    clade_dims dims;
    value->type = tensor_type(info)->elem_type;
    clade_status status = input_dims(import, info, binding, &dims);
    if (status == CLADE_OK && binding != NULL && (binding->contents != NULL || clade_onnx_dims_empty(&dims)))
        status = bind_contents(import, binding, value);
    if (status != CLADE_OK || clade_onnx_dims_empty(&dims)) return status; /* nothing to feed */
    value->value = clade_input(network->graph, value->name, clade_onnx_type_storage(value->type), dims);
    network->inputs[network->input_count++] = (clade_onnx_port){ value->name, value->type, value->value, dims };
    status = clade_graph_status(network->graph);
    return status == CLADE_OK && value->tensor != NULL ? add_known_input(import, value) : status;
}

static clade_status check_input(clade_context *context, const Onnx__ValueInfoProto *info) {
    const Onnx__TypeProto__Tensor *type = tensor_type(info);
    if (type != NULL && clade_onnx_type_bytes(type->elem_type) > 0) return CLADE_OK;
    return clade_fail(context, CLADE_ERROR_UNSUPPORTED, "input \"%s\": only tensors of numbers are supported",
                      info->name != NULL ? info->name : "");
}

static clade_status add_input(clade_onnx_import *import, const Onnx__ValueInfoProto *info, size_t *place) {
    if (info->name == NULL || info->name[0] == '\0')
        return clade_fail(import->context, CLADE_ERROR_INPUT, "the model has an input without a name");
    clade_onnx_value *value = clade_onnx_named(import, info->name, true);
    if (value == NULL) return clade_fail_memory(import->context, sizeof *value, info->name);
    if (value->type != 0) return CLADE_OK; /* an initialiser that is an input too */
    clade_status status = check_input(import->context, info);
    return status == CLADE_OK ? make_input(import, info, (*place)++, value) : status;
}

clade_status clade_onnx_add_initializer(clade_onnx_import *import, const Onnx__TensorProto *proto) {
    clade_onnx_value *value = proto->name != NULL ? clade_onnx_named(import, proto->name, true) : NULL;
    if (value == NULL)
        return clade_fail(import->context, CLADE_ERROR_INPUT, "the model has an initialiser without a name");
    value->tensor = clade_onnx_take(import, proto);
    if (value->tensor == NULL) return CLADE_ERROR_INPUT;
    value->type = value->tensor->type;
    value->depth = import->depth;
    return CLADE_OK;
}

static clade_status add_output(clade_onnx_import *import, const Onnx__ValueInfoProto *info) {
    clade_onnx *network = import->network;
    clade_onnx_value *value = info->name != NULL ? clade_onnx_named(import, info->name, false) : NULL;
    if (value == NULL || value->type == 0)
        return clade_fail(import->context, CLADE_ERROR_INPUT, "output \"%s\" is made by no node",
                          info->name != NULL ? info->name : "");
    clade_onnx_port *port = &network->outputs[network->output_count];
    *port = (clade_onnx_port){ value->name, value->type, CLADE_NO_VALUE, CLADE_SCALAR };
    if (value->tensor != NULL && value->tensor->count == 0) {
        port->dims.rank = value->tensor->rank;
        memcpy(port->dims.size, value->tensor->sizes, sizeof port->dims.size);
        network->output_count++;
        return CLADE_OK;
    }
    port->value = clade_onnx_lower(import, value);
    if (!clade_value_valid(port->value)) return clade_graph_status(network->graph);
    port->dims = clade_value_dims(port->value);
    network->output_count++;
    return CLADE_OK;
}

/* ---- nodes ---- */

static const clade_onnx_translator *find_translator(const char *op) {
    static const clade_onnx_translator *const lists[] = {
        clade_onnx_activations, clade_onnx_control,    clade_onnx_einsum, clade_onnx_elementwise, clade_onnx_layers,
        clade_onnx_losses,      clade_onnx_moves,      clade_onnx_norms,  clade_onnx_order,       clade_onnx_quantize,
        clade_onnx_recurrent,   clade_onnx_reductions, clade_onnx_resize, clade_onnx_sampling,    clade_onnx_selections,
        clade_onnx_shapes,      clade_onnx_training,   clade_onnx_types,  clade_onnx_whole,
    };
    for (size_t l = 0; l < sizeof lists / sizeof lists[0]; l++) {
        for (const clade_onnx_translator *row = lists[l]; row->op != NULL; row++)
            if (strcmp(row->op, op) == 0) return row;
    }
    return NULL;
}

static bool is_onnx_domain(const char *domain) {
    return domain == NULL || domain[0] == '\0' || strcmp(domain, "ai.onnx") == 0;
}

/* The domains whose operators are told apart by their names alone. */
static bool is_known_domain(const char *domain) {
    return is_onnx_domain(domain) || strcmp(domain, "ai.onnx.preview.training") == 0;
}

static clade_status take_outputs(clade_onnx_import *import, clade_onnx_node *node) {
    for (int i = 0; i < node->out_count; i++) {
        const char *name = node->proto->output[i];
        if (name == NULL || name[0] == '\0') continue;
        clade_onnx_value *value = clade_onnx_named(import, name, true);
        if (value == NULL) return clade_fail_memory(import->context, sizeof *value, name);
        if (value->type != 0)
            return clade_fail(import->context, CLADE_ERROR_INPUT, "\"%s\" is the name of two values", name);
        if (node->out[i].type != 0 && clade_onnx_type_bytes(node->out[i].type) == 0)
            return clade_fail(import->context, CLADE_ERROR_UNSUPPORTED, "%s \"%s\": elements of %s are not supported",
                              import->op, import->node, clade_onnx_type_name(node->out[i].type));
        const char *kept = value->name;
        *value = node->out[i];
        value->name = kept;
        value->depth = import->depth;
    }
    return CLADE_OK;
}

static clade_status translate(clade_onnx_import *import, clade_onnx_node *node) {
    const Onnx__NodeProto *proto = node->proto;
    import->row = is_known_domain(proto->domain) ? find_translator(import->op) : NULL;
    if (import->row == NULL)
        return clade_fail(import->context, CLADE_ERROR_UNSUPPORTED, "%s \"%s\": this operator is not supported",
                          import->op, import->node);
    for (int i = 0; i < node->in_count; i++) {
        const char *name = proto->input[i];
        if (name == NULL || name[0] == '\0') continue;
        node->in[i] = clade_onnx_named(import, name, false);
        if (node->in[i] == NULL || node->in[i]->type == 0)
            return clade_fail(import->context, CLADE_ERROR_INPUT,
                              "%s \"%s\": its input \"%s\" is made by no node before it", import->op, import->node,
                              name);
    }
    const uint32_t first = node->graph->node_count;
    const bool good = clade_onnx_is_nothing(node) || import->row->translate(node);
    clade_graph_name_nodes(node->graph, first, import->node);
    clade_status status = clade_graph_status(node->graph);
    if (status != CLADE_OK) /* said with the node's name before Clade's */
        return clade_fail(import->context, status, "%s \"%s\": %s", import->op, import->node, node->graph->fault);
    if (import->refused) return CLADE_ERROR_UNSUPPORTED;
    if (!good) return CLADE_ERROR_MEMORY;
    return take_outputs(import, node);
}

clade_status clade_onnx_add_node(clade_onnx_import *import, const Onnx__NodeProto *proto) {
    import->op = proto->op_type != NULL ? proto->op_type : "";
    import->node = proto->name != NULL && proto->name[0] != '\0'     ? proto->name
                   : proto->n_output > 0 && proto->output[0] != NULL ? proto->output[0]
                                                                     : "";
    clade_onnx_node node = {
        .import = import, .graph = import->network->graph, .proto = proto, .opset = import->opset
    };
    if (proto->n_output == 0)
        return clade_fail(import->context, CLADE_ERROR_INPUT, "%s \"%s\": has no output", import->op, import->node);
    if (proto->n_output > CLADE_ONNX_MOST_OUTPUTS || proto->n_input > INT32_MAX)
        return clade_fail(import->context, CLADE_ERROR_UNSUPPORTED, "%s \"%s\": %zu outputs; at most %d are supported",
                          import->op, import->node, proto->n_output, CLADE_ONNX_MOST_OUTPUTS);
    node.in_count = (int)proto->n_input;
    node.out_count = (int)proto->n_output;
    node.in = clade_allocate(import->context, proto->n_input + 1, sizeof *node.in);
    if (node.in == NULL) return clade_fail_memory(import->context, proto->n_input * sizeof *node.in, import->op);
    clade_status status = translate(import, &node);
    clade_free(import->context, node.in);
    return status;
}

/* ---- the whole ---- */

static clade_status read_opset(clade_onnx_import *import, const Onnx__ModelProto *model) {
    import->opset = 1; /* models of the first versions do not say */
    for (size_t i = 0; i < model->n_opset_import; i++)
        if (is_onnx_domain(model->opset_import[i]->domain)) import->opset = model->opset_import[i]->version;
    if (import->opset >= FIRST_OPSET && import->opset <= NEWEST_OPSET) return CLADE_OK;
    return clade_fail(import->context, CLADE_ERROR_UNSUPPORTED,
                      "the model wants ONNX's operator set %lld; %d to %d are read", (long long)import->opset,
                      FIRST_OPSET, NEWEST_OPSET);
}

static clade_status make_ports(clade_onnx *network, const Onnx__GraphProto *graph) {
    network->inputs = clade_arena_allocate(&network->arena, graph->n_input + 1, sizeof *network->inputs);
    network->outputs = clade_arena_allocate(&network->arena, graph->n_output + 1, sizeof *network->outputs);
    if (network->inputs != NULL && network->outputs != NULL) return CLADE_OK;
    return clade_fail_memory(network->context, graph->n_input * sizeof *network->inputs, "the model's inputs");
}

static clade_status import_graph(clade_onnx_import *import, const Onnx__ModelProto *model) {
    const Onnx__GraphProto *graph = model->graph;
    if (graph == NULL) return clade_fail(import->context, CLADE_ERROR_INPUT, "the model has no graph");
    clade_status status = read_opset(import, model);
    if (status == CLADE_OK) status = clade_onnx_make_names(import, graph);
    if (status == CLADE_OK) status = make_ports(import->network, graph);
    for (size_t i = 0; i < graph->n_initializer && status == CLADE_OK; i++)
        status = clade_onnx_add_initializer(import, graph->initializer[i]);
    size_t place = 0;
    for (size_t i = 0; i < graph->n_input && status == CLADE_OK; i++)
        status = add_input(import, graph->input[i], &place);
    for (size_t i = 0; i < graph->n_node && status == CLADE_OK; i++)
        status = clade_onnx_add_node(import, graph->node[i]);
    for (size_t i = 0; i < graph->n_output && status == CLADE_OK; i++)
        status = add_output(import, graph->output[i]);
    return status == CLADE_OK ? clade_onnx_check_batch(import) : status;
}

static char *folder_of(clade_context *context, const char *path) {
    const char *slash = strrchr(path, '/');
    char *folder = clade_duplicate(context, slash == NULL ? "." : path);
    if (folder != NULL && slash != NULL) folder[slash == path ? 1 : slash - path] = '\0';
    return folder;
}

static clade_status import_model(const char *folder, const Onnx__ModelProto *model, const clade_onnx_options *options,
                                 clade_onnx *network) {
    clade_context *context = network->context;
    clade_onnx_import import = { .context = context, .network = network, .options = options, .folder = folder };
    clade_status status = CLADE_OK;
    network->graph = clade_graph_new(context);
    for (int i = 0; i < 2 && network->graph != NULL; i++)
        import.references[i] = clade_reference_new(network->graph, (clade_binding){ .batch = 1, .time = 1 });
    if (import.references[0] == NULL || import.references[1] == NULL)
        status = clade_fail_memory(context, sizeof import, "a model");
    if (status == CLADE_OK) status = import_graph(&import, model);
    if (status == CLADE_OK) status = clade_onnx_read_classes(network, model);
    for (int i = 0; i < 2; i++)
        clade_reference_free(import.references[i]);
    clade_free(context, import.slots);
    clade_free(context, import.known);
    return status;
}

/* NAME is for error texts; external data lie in FOLDER, NULL: there are none. */
static clade_status import_message(clade_context *context, const char *name, const char *folder,
                                   const clade_onnx_message *message, const clade_onnx_options *options,
                                   clade_onnx **network) {
    clade_onnx *made = clade_allocate(context, 1, sizeof *made);
    if (made == NULL) return clade_fail_memory(context, sizeof *made, name);
    *made = (clade_onnx){ .context = context, .arena = { .context = context } };
    clade_status status = import_model(folder, (const Onnx__ModelProto *)message->message, options, made);
    if (status != CLADE_OK) {
        char *words = clade_duplicate(context, clade_error(context));
        clade_onnx_free(made);
        if (words != NULL) clade_fail(context, status, "%s: %s", name, words);
        clade_free(context, words);
        return status;
    }
    *network = made;
    return CLADE_OK;
}

clade_status clade_onnx_read(clade_context *context, const char *path, const clade_onnx_options *options,
                             clade_onnx **network) {
    clade_onnx_message message;
    *network = NULL;
    clade_status status = clade_onnx_message_read(context, path, &onnx__model_proto__descriptor, &message);
    if (status != CLADE_OK) return status;
    char *folder = folder_of(context, path);
    status = folder != NULL ? import_message(context, path, folder, &message, options, network)
                            : clade_fail_memory(context, strlen(path), path);
    clade_free(context, folder);
    clade_onnx_message_free(&message);
    return status;
}

clade_status clade_onnx_check_inputs(clade_context *context, const char *path) {
    clade_onnx_message message;
    clade_status status = clade_onnx_message_read(context, path, &onnx__model_proto__descriptor, &message);
    if (status != CLADE_OK) return status;
    const Onnx__GraphProto *graph = ((const Onnx__ModelProto *)message.message)->graph;
    for (size_t i = 0; graph != NULL && i < graph->n_input && status == CLADE_OK; i++)
        status = check_input(context, graph->input[i]);
    clade_onnx_message_free(&message);
    return status;
}

clade_status clade_onnx_decode(clade_context *context, const char *name, const void *bytes, size_t count,
                               const clade_onnx_options *options, clade_onnx **network) {
    clade_onnx_message message;
    *network = NULL;
    clade_status status =
        clade_onnx_message_decode(context, name, bytes, count, &onnx__model_proto__descriptor, &message);
    if (status == CLADE_OK) status = import_message(context, name, NULL, &message, options, network);
    clade_onnx_message_free(&message);
    return status;
}

void clade_onnx_free(clade_onnx *network) {
    if (network == NULL) return;
    clade_context *context = network->context;
    clade_graph_free(network->graph);
    for (size_t i = 0; i < network->tensor_count; i++) {
        clade_onnx_tensor_free(context, network->tensors[i]);
        clade_free(context, network->tensors[i]);
    }
    clade_free(context, network->tensors);
    clade_free(context, network->leaves);
    clade_arena_clear(&network->arena);
    clade_free(context, network);
}

clade_graph *clade_onnx_graph(const clade_onnx *network) {
    return network->graph;
}

size_t clade_onnx_inputs(const clade_onnx *network, const clade_onnx_port **ports) {
    *ports = network->inputs;
    return network->input_count;
}

size_t clade_onnx_outputs(const clade_onnx *network, const clade_onnx_port **ports) {
    *ports = network->outputs;
    return network->output_count;
}

clade_status clade_onnx_fill_session(const clade_onnx *network, clade_session *session) {
    clade_context *context = network->context;
    clade_status status = CLADE_OK;
    for (size_t i = 0; i < network->leaf_count && status == CLADE_OK; i++) {
        const clade_onnx_leaf *leaf = &network->leaves[i];
        if (leaf->is_input) continue;
        const char *name = clade_value_node(leaf->value)->name;
        float *elements = clade_allocate(context, (size_t)leaf->tensor->count + 1, sizeof *elements);
        if (elements == NULL) return clade_fail_memory(context, (size_t)leaf->tensor->count * 4, name);
        /* Integers beyond 32 bits are ends of slices and the like; what they mean was read off the file's own numbers. */
        status = clade_onnx_tensor_store(context, name, leaf->tensor, true, elements);
        if (status == CLADE_OK) status = clade_session_write_state(session, name, elements, leaf->tensor->count);
        clade_free(context, elements);
    }
    return status;
}
