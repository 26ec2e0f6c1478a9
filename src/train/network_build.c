/* From a model of the zoo or an ONNX file to the graph that is trained and used.
 *
 * A model of the zoo builds its own. An import, and whatever gets a new head, is rewritten: the input becomes "image" (N,
 * channels, height, width), scaled, and laid out as the file wants it; states of an import learn how a fresh one begins;
 * the head's arrays take the new number of classes. Then come the loss, and the updates of running statistics. */
#include "base/file.h"
#include "base/hash.h"
#include "models/zoo.h"
#include "ops/normalization/batch_norm.h"
#include "ops/op.h"
#include "train/head.h"
#include "train/imported_state.h"
#include "train/network.h"

#include <inttypes.h>
#include <string.h>

/* ---- what a file holds ---- */

static clade_status refuse(const clade_network *network, const char *what, const clade_dims *dims) {
    clade_graph *graph = clade_onnx_graph(network->onnx);
    return clade_fail(network->context, CLADE_ERROR_UNSUPPORTED, "%s: %s %s", network->file, what,
                      clade_type_text(graph, &(const clade_type){ CLADE_F32, *dims }));
}

static int64_t root_of(int64_t square) {
    int64_t root = 0;
    while (root * root < square)
        root++;
    return root * root == square ? root : 0;
}

/* Images for an input without their shape: pictures of 8x8 and more, where they are square, else a row of channels. */
static void flat_image(int64_t elements, int64_t image[3]) {
    const int64_t channels = root_of(elements) == 0 && elements % 3 == 0 ? 3 : 1;
    const int64_t side = root_of(elements / channels);
    const bool picture = side >= 8;
    image[0] = picture ? channels : elements;
    image[1] = image[2] = picture ? side : 1;
}

static bool is_colours(int64_t size) {
    return size == 1 || size == 3;
}

/* Of sizes, of which open ones are 0. */
static bool is_columns_last(const clade_dims *dims) {
    return dims->rank == 4 && !is_colours(dims->size[1]) && dims->size[2] != 1 && is_colours(dims->size[3]);
}

/* For an import (clade_onnx_settle): pictures are as options.image has it; of rows the one size that is open follows from
 * their elements. Without options.image what is open stays so. */
static void settle_sizes(void *user, const char *input, const char *const *names, clade_dims *dims) {
    clade_network *network = user;
    const int64_t *image = network->options.image;
    const bool last = is_columns_last(dims);
    int64_t known = 1;
    int32_t open_count = 0, open_axis = 0;
    (void)input;
    (void)names;
    for (int32_t i = 1; i < dims->rank; i++) {
        if (dims->size[i] == 0) {
            open_count++;
            open_axis = i;
        } else {
            known = known <= INT32_MAX / dims->size[i] ? known * dims->size[i] : INT32_MAX;
        }
    }
    if (image[0] == 0) {
        const int64_t channels = dims->rank == 4 ? dims->size[last ? 3 : 1] : 0;
        network->open = network->open || open_count > 0;
        memcpy(network->form.image, (const int64_t[]){ channels, 0, 0 }, sizeof network->form.image);
    } else if (dims->rank == 4) {
        dims->size[last ? 3 : 1] = image[0];
        dims->size[last ? 1 : 2] = image[1];
        dims->size[last ? 2 : 3] = image[2];
    } else if (open_count == 1) {
        const double size = (double)image[0] * (double)image[1] * (double)image[2] / (double)known;
        dims->size[open_axis] = size <= INT32_MAX ? (int64_t)size : 0; /* a remainder is seen when data come */
    }
}

static clade_status settle_input(clade_network *network) {
    const clade_dims dims = network->input->dims;
    int64_t *image = network->form.image, elements = 1;
    bool sized = dims.rank >= 2 && dims.rank <= 4 && dims.size[0] == CLADE_BATCH;
    for (int32_t i = 1; sized && i < dims.rank; i++) {
        sized = dims.size[i] > 0 && elements <= INT32_MAX / dims.size[i];
        if (sized) elements *= dims.size[i];
    }
    if (!sized || clade_value_dtype(network->input->value) != CLADE_F32)
        return refuse(network, "images (N, channels, height, width), or rows (N, numbers), are fed, and its input is",
                      &dims);
    network->flat = dims.rank < 4;
    network->columns_last = is_columns_last(&dims);
    if (network->flat) {
        flat_image(elements, image);
    } else {
        image[0] = dims.size[network->columns_last ? 3 : 1];
        image[1] = dims.size[network->columns_last ? 1 : 2];
        image[2] = dims.size[network->columns_last ? 2 : 3];
    }
    return CLADE_OK;
}

/* Scores are (N, classes), or that with sizes of 1 behind. */
static clade_status settle_scores(clade_network *network, const clade_onnx_port *output) {
    const clade_dims *dims = &output->dims;
    bool good = clade_value_valid(output->value) && clade_value_dtype(output->value) == CLADE_F32 && dims->rank >= 2 &&
                dims->size[0] == CLADE_BATCH && dims->size[1] >= 1;
    for (int32_t i = 2; i < dims->rank; i++)
        good = good && dims->size[i] == 1;
    if (!good) return refuse(network, "scores (N, classes) are wanted, and its first output is", dims);
    network->file_scores = output->value;
    network->form.outputs = dims->size[1];
    return CLADE_OK;
}

static clade_status hash_file(clade_network *network) {
    char *bytes;
    size_t count;
    clade_status status = clade_file_read(network->context, network->file, SIZE_MAX / 2, &bytes, &count);
    if (status != CLADE_OK) return status;
    clade_sha256 hash;
    clade_sha256_start(&hash);
    clade_sha256_add(&hash, bytes, count);
    clade_sha256_finish_hex(&hash, network->sum);
    clade_free(network->context, bytes);
    return CLADE_OK;
}

clade_status clade_network_read_file(clade_network *network) {
    const clade_onnx_options options = {
        .size = sizeof options, .open_batch = true, .settle = settle_sizes, .user = network
    };
    const clade_onnx_port *outputs;
    clade_onnx_free(network->onnx);
    network->onnx = NULL;
    network->input = NULL;
    network->open = false;
    clade_status status = hash_file(network);
    if (status == CLADE_OK) status = clade_onnx_read(network->context, network->file, &options, &network->onnx);
    if (status != CLADE_OK) return network->open ? CLADE_OK : status;
    const size_t inputs = clade_onnx_inputs(network->onnx, &network->input);
    if (inputs != 1 || clade_onnx_outputs(network->onnx, &outputs) < 1)
        return clade_fail(network->context, CLADE_ERROR_UNSUPPORTED,
                          "%s: has %zu inputs; a network with one input, images, and scores is wanted", network->file,
                          inputs);
    status = settle_input(network);
    return status == CLADE_OK ? settle_scores(network, &outputs[0]) : status;
}

/* ---- the input ---- */

/* x * factor + shift with the states input.factor and input.shift, whose contents clade_network_keep() adds. */
static clade_value scaled(const clade_network *network, clade_value x) {
    if (!clade_network_is_scaled(&network->options.scaling)) return x;
    const clade_initializer zero = { .kind = CLADE_INITIALIZE_CONSTANT };
    const clade_dims channels = clade_shape(network->form.image[0], 1, 1);
    clade_value factor = clade_state(x.graph, "input.factor", channels, CLADE_ROLE_STATE, zero);
    clade_value shift = clade_state(x.graph, "input.shift", channels, CLADE_ROLE_STATE, zero);
    return clade_add(clade_multiply(x, factor), shift);
}

static clade_value make_image(clade_network *network, clade_graph *graph) {
    const int64_t *size = network->form.image;
    network->image = clade_input(graph, "image", CLADE_F32, clade_shape(CLADE_BATCH, size[0], size[1], size[2]));
    clade_value x = scaled(network, network->image);
    if (network->columns_last) x = clade_transpose(x, 0, 2, 3, 1);
    return network->flat ? clade_reshape(x, network->input->dims) : x;
}

/* ---- the rewriting ---- */

typedef struct rewriting {
    clade_network *network;
    clade_value image;      /* in the graph that is rewritten */
    const clade_head *head; /* NULL: it stays */
} rewriting;

static bool add_head(clade_network *network, const char *name) {
    const char **longer =
        clade_reallocate(network->context, (void *)network->head, network->head_count + 2, sizeof *longer);
    if (!longer) return false;
    network->head = longer;
    network->head[network->head_count++] = name;
    network->head[network->head_count] = NULL;
    return true;
}

static clade_value make_state(const rewriting *r, clade_graph *graph, const clade_node *node, int axis) {
    clade_leaf_attributes attributes = *(const clade_leaf_attributes *)node->attributes;
    if (!r->network->zoo) {
        const bool drawn = clade_imported_is_drawn(node);
        if (drawn) clade_imported_begin(node, &attributes);
        if (!drawn) attributes.role = CLADE_ROLE_STATE;
    }
    if (axis >= 0) attributes.dims.size[axis] = r->network->form.outputs;
    clade_value state = clade_append(graph, &clade_op_state, node->name, &attributes, NULL, 0);
    if (axis >= 0 && clade_value_valid(state) && !add_head(r->network, clade_value_node(state)->name))
        return clade_invalid(graph, CLADE_ERROR_MEMORY, "out of memory for the names of a head");
    return state;
}

static bool rewrite_node(void *user, clade_rewrite *rewrite, const clade_node *node, const clade_value *inputs,
                         clade_value *out) {
    const rewriting *r = user;
    const int axis = r->head ? r->head->axis[node->index] : -1;
    if (node->index == r->image.node) {
        out[0] = r->network->zoo ? clade_append(rewrite->to, node->op, node->name, node->attributes, NULL, 0)
                                 : make_image(r->network, rewrite->to);
        if (r->network->zoo) r->network->image = out[0];
        return true;
    }
    if (node->op == &clade_op_state) {
        out[0] = make_state(r, rewrite->to, node, axis);
        return true;
    }
    if (axis < 0) return false;
    clade_dims dims = node->outputs[0].dims; /* a reshape */
    dims.size[axis] = r->network->form.outputs;
    out[0] = clade_reshape(inputs[0], dims);
    return true;
}

/* Running statistics move with each step. */
static void update_statistics(clade_graph *graph) {
    const uint32_t count = graph->node_count;
    for (uint32_t i = 0; i < count; i++) {
        const clade_node *node = graph->nodes[i];
        for (uint32_t k = 3; node->op == &clade_op_batch_norm && k < 5; k++) {
            const clade_value state = node->inputs[k];
            if (clade_value_node(state)->op == &clade_op_state &&
                !clade_value_valid(clade_graph_update_of(graph, state)))
                clade_update(state, (clade_value){ graph, i, k });
        }
    }
}

/* ---- the end: scores and loss ---- */

/* (N, outputs) of what has sizes of 1 behind. */
static clade_value as_rows(clade_value scores) {
    const clade_dims dims = clade_value_dims(scores);
    return dims.rank == 2 ? scores : clade_reshape(scores, clade_shape(dims.size[0], dims.size[1]));
}

/* What a network's last softmax takes, if it ends in one; else SCORES. */
static clade_value without_softmax(clade_value scores) {
    const clade_node *node = clade_value_node(scores);
    while (strcmp(node->op->name, "reshape") == 0)
        node = clade_value_node(node->inputs[0]);
    const bool softmax = strcmp(node->op->name, "softmax") == 0 || strcmp(node->op->name, "log_softmax") == 0;
    return softmax ? node->inputs[0] : scores;
}

/* Adds label, loss and scores; LOGITS are of the new graph, SOFTMAX says that the network ended in one. */
static void finish(clade_network *network, clade_value logits, bool softmax) {
    const clade_network_form *form = &network->form;
    logits = as_rows(logits);
    if (form->foretells) {
        network->label = clade_input(network->graph, "label", CLADE_F32, clade_shape(CLADE_BATCH, form->outputs));
        network->values =
            (clade_model_values){ .scores = logits, .loss = clade_half_squared_loss(logits, network->label) };
        return;
    }
    network->label = clade_input(network->graph, "label", CLADE_I32, clade_shape(CLADE_BATCH));
    network->values = clade_classify(logits, network->label);
    if (!softmax) network->values.scores = logits;
}

static clade_status check_outputs(const clade_network *network) {
    clade_status status = clade_graph_status(network->graph);
    if (status != CLADE_OK) return status;
    const clade_dims dims = clade_value_dims(network->values.scores);
    if (dims.rank == 2 && dims.size[1] == network->form.outputs) return CLADE_OK;
    return clade_fail(network->context, CLADE_ERROR_UNSUPPORTED,
                      "%s: its last layer cannot be replaced by one for %" PRId64 " classes", network->path,
                      network->form.outputs);
}

/* Rewrites the graph of IMAGE and SCORES into network->graph. */
static clade_status rewrite(clade_network *network, clade_value image, clade_value scores) {
    const bool as_it_is = network->form.foretells && !network->form.new_head;
    clade_value logits = as_it_is ? scores : without_softmax(scores);
    const bool softmax = !clade_value_equal(logits, scores);
    clade_head head = { 0 };
    clade_status status = network->form.new_head ? clade_head_find(logits, &head) : CLADE_OK;
    if (status == CLADE_OK) {
        rewriting r = { network, image, network->form.new_head ? &head : NULL };
        network->graph = clade_graph_rewrite(image.graph, &logits, 1, false, rewrite_node, &r, NULL);
        if (!network->graph) status = CLADE_ERROR_ARGUMENT;
    }
    clade_head_free(&head);
    if (status != CLADE_OK) return status;
    if (!clade_value_valid(network->image))
        return clade_fail(network->context, CLADE_ERROR_UNSUPPORTED, "%s: its scores do not depend on its input",
                          network->path);
    update_statistics(network->graph);
    finish(network, logits, softmax);
    return check_outputs(network);
}

/* A model of the zoo as it builds itself. */
static clade_status build_zoo(clade_network *network, clade_graph **graph, clade_value *image, clade_value *label,
                              clade_model_values *values) {
    const clade_model *zoo = network->zoo;
    const clade_network_form *form = &network->form;
    if (!zoo->build_open) return clade_model_graph(network->context, zoo, graph, image, label, values);
    *graph = clade_graph_new(network->context);
    if (!*graph) return clade_fail_memory(network->context, sizeof *image, "a graph");
    *image = clade_input(*graph, "image", CLADE_F32,
                         clade_shape(CLADE_BATCH, form->image[0], form->image[1], form->image[2]));
    *label = form->foretells ? clade_input(*graph, "label", CLADE_F32, clade_shape(CLADE_BATCH, form->outputs))
                             : clade_input(*graph, "label", CLADE_I32, clade_shape(CLADE_BATCH));
    *values = zoo->build_open(*image, *label, form->outputs);
    return clade_graph_status(*graph);
}

static clade_status build_graph(clade_network *network) {
    if (!network->zoo) return rewrite(network, network->input->value, network->file_scores);
    if (!network->form.new_head)
        return build_zoo(network, &network->graph, &network->image, &network->label, &network->values);
    clade_graph *whole = NULL;
    clade_value image, label;
    clade_model_values values;
    clade_status status = build_zoo(network, &whole, &image, &label, &values);
    if (status == CLADE_OK) status = rewrite(network, image, values.scores);
    clade_graph_free(whole);
    return status;
}

/* For what comes out of a file: small steps, as its weights are good already. */
static const clade_recipe imported_recipe = { .optimizer = CLADE_SGD,
                                              .rate = 0.01,
                                              .momentum = 0.9,
                                              .weight_decay = 5e-4,
                                              .schedule = { .kind = CLADE_COSINE },
                                              .batch = 32,
                                              .epochs = 20 };

static void describe(clade_network *network) {
    network->model = (clade_model){ .name = network->name,
                                    .title = network->zoo ? network->zoo->title : "a network of an ONNX file",
                                    .classes = network->form.outputs,
                                    .recipe = network->zoo ? network->zoo->recipe : imported_recipe };
    memcpy(network->model.image, network->form.image, sizeof network->model.image);
}

clade_status clade_network_build(clade_network *network) {
    clade_graph_free(network->graph);
    network->graph = NULL;
    network->image = network->label = CLADE_NO_VALUE;
    network->values = (clade_model_values){ 0 };
    network->head_count = 0;
    clade_status status = network->open ? CLADE_OK : build_graph(network);
    if (status == CLADE_OK) describe(network);
    return status;
}
