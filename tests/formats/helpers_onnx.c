#include "formats/helpers_onnx.h"

#include "clade/onnx.h"
#include "clade/session.h"
#include "formats/onnx/tensor.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static scratch_folder scratch;

int open_models(void **state) {
    scratch_make(&scratch);
    return open_graph_fixture(state);
}

int close_models(void **state) {
    scratch_remove(&scratch);
    return close_graph_fixture(state);
}

/* ---- models in the making ---- */

static struct store {
    Onnx__TensorProto tensors[MOST];
    Onnx__NodeProto nodes[MOST];
    Onnx__AttributeProto attributes[MOST];
    Onnx__GraphProto graphs[MOST];
    Onnx__ValueInfoProto ports[MOST];
    void *lists[64];
    size_t tensor_count, node_count, attribute_count, graph_count, port_count, list_count;
} store;

static void *kept(size_t count, size_t size) {
    assert_true(store.list_count < 64);
    void *list = calloc(count + 1, size);
    assert_non_null(list);
    return store.lists[store.list_count++] = list;
}

void forget_models(void) {
    for (size_t i = 0; i < store.list_count; i++)
        free(store.lists[i]);
    store = (struct store){ .list_count = 0 };
}

static Onnx__TensorProto *tensor(const char *name, const array *a) {
    Onnx__TensorProto *made = &store.tensors[store.tensor_count++];
    size_t count = 1;
    *made = (Onnx__TensorProto)ONNX__TENSOR_PROTO__INIT;
    made->name = (char *)(uintptr_t)name;
    made->has_data_type = 1;
    made->data_type = a->type;
    made->n_dims = (size_t)a->rank;
    made->dims = kept((size_t)a->rank, sizeof *made->dims);
    for (int i = 0; i < a->rank; i++)
        count *= (size_t)(made->dims[i] = a->dims[i]);
    if (a->type == TYPE(FLOAT)) {
        made->n_float_data = count;
        made->float_data = kept(count, sizeof *made->float_data);
    } else if (a->type == TYPE(INT64)) {
        made->n_int64_data = count;
        made->int64_data = kept(count, sizeof *made->int64_data);
    } else {
        made->n_int32_data = count;
        made->int32_data = kept(count, sizeof *made->int32_data);
    }
    for (size_t i = 0; i < count; i++) {
        if (made->float_data != NULL) made->float_data[i] = (float)a->numbers[i];
        if (made->int64_data != NULL) made->int64_data[i] = (int64_t)a->numbers[i];
        if (made->int32_data != NULL) made->int32_data[i] = (int32_t)a->numbers[i];
    }
    return made;
}

/* Words, separated by blanks, as a list. */
static size_t words(const char *text, char ***list) {
    char *copy = kept(strlen(text) + 1, 1);
    size_t count = 0;
    memcpy(copy, text, strlen(text) + 1);
    *list = kept(MOST, sizeof **list);
    for (char *word = strtok(copy, " "); word != NULL && count < MOST; word = strtok(NULL, " "))
        (*list)[count++] = word;
    return count;
}

static void set_list(Onnx__AttributeProto *attribute, const char *text) {
    char **list;
    const size_t count = words(text, &list);
    const bool numbers = strchr("-.0123456789", text[0]) != NULL;
    attribute->floats = kept(count, sizeof *attribute->floats);
    attribute->strings = kept(count, sizeof *attribute->strings);
    *(numbers ? &attribute->n_floats : &attribute->n_strings) = count;
    for (size_t i = 0; i < count; i++) {
        attribute->floats[i] = strtof(list[i], NULL);
        attribute->strings[i] = (ProtobufCBinaryData){ strlen(list[i]), (uint8_t *)list[i] };
    }
}

Onnx__AttributeProto *add_attribute(Onnx__NodeProto *node, const char *name) {
    Onnx__AttributeProto *made = &store.attributes[store.attribute_count++];
    *made = (Onnx__AttributeProto)ONNX__ATTRIBUTE_PROTO__INIT;
    made->name = (char *)(uintptr_t)name;
    return node->attribute[node->n_attribute++] = made;
}

Onnx__NodeProto *node(const char *op, const char *in, const char *out, const setting *settings) {
    Onnx__NodeProto *made = &store.nodes[store.node_count++];
    *made = (Onnx__NodeProto)ONNX__NODE_PROTO__INIT;
    made->op_type = (char *)(uintptr_t)op;
    made->n_input = words(in, &made->input);
    made->n_output = words(out, &made->output);
    made->attribute = kept(MOST, sizeof *made->attribute);
    for (; settings != NULL && settings->name != NULL; settings++) {
        Onnx__AttributeProto *attribute = add_attribute(made, settings->name);
        attribute->has_i = settings->text == NULL && settings->graph == NULL;
        attribute->i = settings->number;
        attribute->g = settings->graph;
        const bool list = strncmp(settings->name, "activation", strlen("activation")) == 0;
        attribute->has_s = settings->text != NULL && !list;
        if (list) set_list(attribute, settings->text);
        if (attribute->has_s)
            attribute->s = (ProtobufCBinaryData){ strlen(settings->text), (uint8_t *)(uintptr_t)settings->text };
    }
    return made;
}

static size_t ports(const char *names, Onnx__ValueInfoProto ***list) {
    char **all;
    const size_t count = words(names, &all);
    *list = kept(count, sizeof **list);
    for (size_t i = 0; i < count; i++) {
        Onnx__ValueInfoProto *port = (*list)[i] = &store.ports[store.port_count++];
        *port = (Onnx__ValueInfoProto)ONNX__VALUE_INFO_PROTO__INIT;
        port->name = all[i];
    }
    return count;
}

/* NODES, ended by NULL. */
Onnx__GraphProto *graph(const char *in, const char *out, Onnx__NodeProto *const *nodes) {
    Onnx__GraphProto *made = &store.graphs[store.graph_count++];
    *made = (Onnx__GraphProto)ONNX__GRAPH_PROTO__INIT;
    made->node = kept(MOST, sizeof *made->node);
    for (; *nodes != NULL; nodes++)
        made->node[made->n_node++] = *nodes;
    made->n_input = ports(in, &made->input);
    made->n_output = ports(out, &made->output);
    return made;
}

/* The model of MAIN with initialisers a, b, c, ... of ARRAYS, in a file. */
const char *model_file(Onnx__GraphProto *main_graph, const array *arrays, int count) {
    static const char *const names[] = { "a", "b", "c", "d", "e", "f", "g", "h" };
    Onnx__ModelProto model = ONNX__MODEL_PROTO__INIT;
    Onnx__OperatorSetIdProto set = ONNX__OPERATOR_SET_ID_PROTO__INIT, *sets[] = { &set };
    set.has_version = 1;
    set.version = 21;
    model.n_opset_import = 1;
    model.opset_import = sets;
    model.graph = main_graph;
    main_graph->initializer = kept((size_t)count, sizeof *main_graph->initializer);
    for (int i = 0; i < count; i++)
        main_graph->initializer[main_graph->n_initializer++] = tensor(names[i], &arrays[i]);
    uint8_t *bytes = kept(onnx__model_proto__get_packed_size(&model), 1);
    const size_t size = onnx__model_proto__pack(&model, bytes);
    const char *path = scratch_path(&scratch, "model.onnx");
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
    return path;
}

/* ---- running ---- */

/* The first output of the model that was written is WANTED, on the device. */
void assert_gives(void **state, Onnx__GraphProto *main_graph, const array *arrays, int count, const array *wanted) {
    const graph_fixture *fixture = *state;
    clade_context *context = fixture->context;
    const char *path = model_file(main_graph, arrays, count);
    clade_onnx *network = NULL;
    clade_session *session = NULL;
    const clade_onnx_port *outputs;
    union {
        float real[MOST];
        int32_t whole[MOST];
    } got = { { 0 } };
    assert_good(context, clade_onnx_read(context, path, NULL, &network));
    assert_true(clade_onnx_outputs(network, &outputs) >= 1);
    assert_int_equal(outputs[0].type, wanted->type);
    assert_int_equal(outputs[0].dims.rank, wanted->rank);
    int64_t elements = 1;
    for (int i = 0; i < wanted->rank; i++) {
        assert_int_equal(outputs[0].dims.size[i], wanted->dims[i]);
        elements *= wanted->dims[i];
    }
    if (elements > 0) {
        const clade_binding_array fetch = { outputs[0].value, &got, elements };
        const clade_run_options options = {
            .size = sizeof options, .batch = 1, .time = 1, .fetches = &fetch, .fetch_count = 1, .inference = true
        };
        assert_good(context, clade_session_new(fixture->device, clade_onnx_graph(network), 0, &session));
        assert_good(context, clade_onnx_fill_session(network, session));
        assert_good(context, clade_session_run(session, &options));
        clade_session_free(session);
    } else {
        assert_false(outputs[0].value.graph != NULL);
    }
    for (int64_t i = 0; i < elements; i++) {
        const bool real = clade_onnx_type_is_float(wanted->type);
        const double is = real ? (double)got.real[i] : (double)got.whole[i];
        if (!(fabs(is - wanted->numbers[i]) <= (real ? 1e-5 * fabs(wanted->numbers[i]) : 0)))
            fail_msg("element %d: %.9g, not %.9g", (int)i, is, wanted->numbers[i]);
    }
    clade_onnx_free(network);
    forget_models();
}

Onnx__GraphProto *one(const char *op, const char *in, const char *out, const setting *settings) {
    Onnx__NodeProto *const nodes[] = { node(op, in, out, settings), NULL };
    return graph("", out, nodes);
}
