/* ONNX import: models of one node or few, built here, give what ONNX says; what cannot be read is named. */
#include "support/device.h"
#include "support/scratch.h"

#include "clade/onnx.h"
#include "clade/session.h"
#include "formats/onnx/import.h"
#include "formats/onnx/tensor.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TYPE(NAME) ONNX__TENSOR_PROTO__DATA_TYPE__##NAME
enum { MOST = 16 };

static scratch_folder scratch;

static int open_all(void **state) {
    scratch_make(&scratch);
    return open_graph_fixture(state);
}

static int close_all(void **state) {
    scratch_remove(&scratch);
    return close_graph_fixture(state);
}

/* ---- models in the making: everything lies in static lists, one model at a time ---- */

/* An array; RANK 0 is one number. */
typedef struct array {
    int type, rank;
    int64_t dims[3];
    double numbers[MOST];
} array;

typedef struct setting {
    const char *name;
    int64_t number;
    const char *text;
    Onnx__GraphProto *graph;
} setting;

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

static void clear(void) {
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

static Onnx__NodeProto *node(const char *op, const char *in, const char *out, const setting *settings) {
    Onnx__NodeProto *made = &store.nodes[store.node_count++];
    *made = (Onnx__NodeProto)ONNX__NODE_PROTO__INIT;
    made->op_type = (char *)(uintptr_t)op;
    made->n_input = words(in, &made->input);
    made->n_output = words(out, &made->output);
    made->attribute = kept(MOST, sizeof *made->attribute);
    for (; settings != NULL && settings->name != NULL; settings++) {
        Onnx__AttributeProto *attribute = &store.attributes[store.attribute_count++];
        *attribute = (Onnx__AttributeProto)ONNX__ATTRIBUTE_PROTO__INIT;
        attribute->name = (char *)(uintptr_t)settings->name;
        attribute->has_i = settings->text == NULL && settings->graph == NULL;
        attribute->i = settings->number;
        attribute->g = settings->graph;
        attribute->has_s = settings->text != NULL;
        if (settings->text != NULL)
            attribute->s = (ProtobufCBinaryData){ strlen(settings->text), (uint8_t *)(uintptr_t)settings->text };
        made->attribute[made->n_attribute++] = attribute;
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
static Onnx__GraphProto *graph(const char *in, const char *out, Onnx__NodeProto *const *nodes) {
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
static const char *model_file(Onnx__GraphProto *main_graph, const array *arrays, int count) {
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
static void assert_gives(void **state, Onnx__GraphProto *main_graph, const array *arrays, int count,
                         const array *wanted) {
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
    clear();
}

#define ARRAYS(...) (const array[]){ __VA_ARGS__ }, (int)(sizeof((const array[]){ __VA_ARGS__ }) / sizeof(array))
#define SETTINGS(...)                                                                                                  \
    (const setting[]) {                                                                                                \
        __VA_ARGS__, {                                                                                                 \
            NULL, 0, NULL, NULL                                                                                        \
        }                                                                                                              \
    }

static Onnx__GraphProto *one(const char *op, const char *in, const char *out, const setting *settings) {
    Onnx__NodeProto *const nodes[] = { node(op, in, out, settings), NULL };
    return graph("", out, nodes);
}

/* ---- whole numbers ---- */

static void test_whole_numbers_divide_towards_0_and_wrap_round(void **state) {
    assert_gives(state, one("Div", "a b", "y", NULL),
                 ARRAYS({ TYPE(INT32), 1, { 4 }, { 7, -7, 7, INT32_MIN } }, { TYPE(INT32), 1, { 4 }, { 2, 2, -2, 3 } }),
                 &(const array){ TYPE(INT32), 1, { 4 }, { 3, -3, -3, -715827882 } });
    assert_gives(state, one("Mod", "a b", "y", NULL),
                 ARRAYS({ TYPE(INT64), 1, { 4 }, { 7, -7, 7, -7 } }, { TYPE(INT64), 1, { 4 }, { 3, 3, -3, -3 } }),
                 &(const array){ TYPE(INT64), 1, { 4 }, { 1, 2, -2, -1 } });
    assert_gives(state, one("Mod", "a b", "y", SETTINGS({ "fmod", 1, NULL, NULL })),
                 ARRAYS({ TYPE(INT64), 1, { 3 }, { 7, -7, 7 } }, { TYPE(INT64), 1, { 3 }, { 3, 3, -3 } }),
                 &(const array){ TYPE(INT64), 1, { 3 }, { 1, -1, 1 } });
    assert_gives(state, one("Add", "a b", "y", NULL),
                 ARRAYS({ TYPE(UINT8), 1, { 2 }, { 200, 5 } }, { TYPE(UINT8), 1, { 2 }, { 100, 6 } }),
                 &(const array){ TYPE(UINT8), 1, { 2 }, { 44, 11 } });
    assert_gives(state, one("Mul", "a b", "y", NULL),
                 ARRAYS({ TYPE(INT8), 1, { 2 }, { 100, -3 } }, { TYPE(INT8), 1, { 2 }, { 2, 50 } }),
                 &(const array){ TYPE(INT8), 1, { 2 }, { -56, 106 } });
    assert_gives(state, one("Pow", "a b", "y", NULL),
                 ARRAYS({ TYPE(INT32), 1, { 3 }, { 3, -2, 46341 } }, { TYPE(INT32), 1, { 3 }, { 19, 31, 2 } }),
                 &(const array){ TYPE(INT32), 1, { 3 }, { 1162261467, INT32_MIN, -2147479015 } });
}

static void test_whole_numbers_beyond_float32_are_compared_and_added_exactly(void **state) {
    const array x = { TYPE(INT32), 2, { 2, 3 }, { 16777216, 16777217, 16777216, -16777217, -16777216, -16777218 } };
    assert_gives(state, one("ArgMax", "a", "y", SETTINGS({ "axis", 1, NULL, NULL }, { "keepdims", 0, NULL, NULL })),
                 ARRAYS(x), &(const array){ TYPE(INT64), 1, { 2 }, { 1, 1 } });
    assert_gives(state, one("ReduceMin", "a b", "y", SETTINGS({ "keepdims", 0, NULL, NULL })),
                 ARRAYS(x, { TYPE(INT64), 1, { 1 }, { 1 } }),
                 &(const array){ TYPE(INT32), 1, { 2 }, { 16777216, -16777218 } });
    assert_gives(state, one("ReduceSum", "a b", "y", SETTINGS({ "keepdims", 0, NULL, NULL })),
                 ARRAYS(x, { TYPE(INT64), 1, { 1 }, { 1 } }),
                 &(const array){ TYPE(INT32), 1, { 2 }, { 50331649, -50331651 } });
}

/* ---- quantised numbers ---- */

static void test_quantized_numbers_round_halves_to_even_and_saturate(void **state) {
    assert_gives(state, one("QuantizeLinear", "a b c", "y", NULL),
                 ARRAYS({ TYPE(FLOAT), 1, { 6 }, { 1, 3, -1, 1000, -1000, 5 } }, { TYPE(FLOAT), 0, { 0 }, { 2 } },
                        { TYPE(INT8), 0, { 0 }, { 1 } }),
                 &(const array){ TYPE(INT8), 1, { 6 }, { 1, 3, 1, 127, -128, 3 } });
}

/* ---- subgraphs ---- */

static void test_a_loop_runs_its_steps(void **state) {
    /* total += step; the totals are stacked. */
    Onnx__NodeProto *const inside[] = { node("Cast", "i", "step", SETTINGS({ "to", TYPE(FLOAT), NULL, NULL })),
                                        node("Add", "before step", "after", NULL),
                                        node("Identity", "on", "still", NULL), node("Identity", "after", "seen", NULL),
                                        NULL };
    Onnx__GraphProto *body = graph("i on before", "still after seen", inside);
    Onnx__NodeProto *const nodes[] = { node("Loop", "a b c", "last all", SETTINGS({ "body", 0, NULL, body })), NULL };
    assert_gives(
        state, graph("", "all", nodes),
        ARRAYS({ TYPE(INT64), 0, { 0 }, { 5 } }, { TYPE(BOOL), 0, { 0 }, { 1 } }, { TYPE(FLOAT), 1, { 1 }, { 10 } }),
        &(const array){ TYPE(FLOAT), 2, { 5, 1 }, { 10, 11, 13, 16, 20 } });
}

static void test_a_branch_is_taken(void **state) {
    Onnx__NodeProto *const yes[] = { node("Neg", "b", "y1", NULL), NULL }, *const no[] = { node("Abs", "b", "y2", NULL),
                                                                                           NULL };
    const setting branches[] = { { "then_branch", 0, NULL, graph("", "y1", yes) },
                                 { "else_branch", 0, NULL, graph("", "y2", no) },
                                 { NULL, 0, NULL, NULL } };
    Onnx__NodeProto *const nodes[] = { node("If", "a", "y", branches), NULL };
    assert_gives(state, graph("", "y", nodes),
                 ARRAYS({ TYPE(BOOL), 0, { 0 }, { 1 } }, { TYPE(FLOAT), 1, { 2 }, { 3, -4 } }),
                 &(const array){ TYPE(FLOAT), 1, { 2 }, { -3, 4 } });
}

/* ---- arrays without elements ---- */

static void test_arrays_without_elements_are_outputs_and_reduce(void **state) {
    assert_gives(state, one("ConstantOfShape", "a", "y", NULL), ARRAYS({ TYPE(INT64), 1, { 2 }, { 3, 0 } }),
                 &(const array){ TYPE(FLOAT), 2, { 3, 0 }, { 0 } });
    Onnx__NodeProto *const nodes[] = { node("ConstantOfShape", "a", "none", NULL), node("Exp", "none", "exp", NULL),
                                       node("ReduceProd", "exp b", "y", NULL), NULL };
    assert_gives(state, graph("", "y", nodes),
                 ARRAYS({ TYPE(INT64), 1, { 2 }, { 3, 0 } }, { TYPE(INT64), 1, { 1 }, { 1 } }),
                 &(const array){ TYPE(FLOAT), 2, { 3, 1 }, { 1, 1, 1 } });
}

static void test_arrays_without_elements_are_moved(void **state) {
    /* (3, 0) -> (0, 3) -> (0, 3, 1) -> (0, 6, 1) */
    Onnx__NodeProto *const nodes[] = { node("ConstantOfShape", "a", "none", NULL), node("Transpose", "none", "t", NULL),
                                       node("Unsqueeze", "t b", "wide", NULL), node("Tile", "wide c", "y", NULL),
                                       NULL };
    assert_gives(state, graph("", "y", nodes),
                 ARRAYS({ TYPE(INT64), 1, { 2 }, { 3, 0 } }, { TYPE(INT64), 1, { 1 }, { 2 } },
                        { TYPE(INT64), 1, { 3 }, { 1, 2, 1 } }),
                 &(const array){ TYPE(FLOAT), 3, { 0, 6, 1 }, { 0 } });
    Onnx__NodeProto *const taken[] = { node("Range", "a a b", "places", NULL), node("Gather", "c places", "y", NULL),
                                       NULL };
    assert_gives(state, graph("", "y", taken),
                 ARRAYS({ TYPE(INT64), 0, { 0 }, { 4 } }, { TYPE(INT64), 0, { 0 }, { 1 } },
                        { TYPE(FLOAT), 2, { 2, 3 }, { 1, 2, 3, 4, 5, 6 } }),
                 &(const array){ TYPE(FLOAT), 2, { 0, 3 }, { 0 } });
}

/* ---- names ---- */

static void test_names_are_kept(void **state) {
    const graph_fixture *fixture = *state;
    Onnx__NodeProto *const inside[] = { node("Mul", "before c", "after", NULL), node("Identity", "on", "still", NULL),
                                        NULL };
    Onnx__GraphProto *body = graph("i on before", "still after", inside);
    Onnx__NodeProto *const nodes[] = { node("Loop", "a b c", "squared", SETTINGS({ "body", 0, NULL, body })),
                                       node("Neg", "squared", "y", NULL), NULL };
    nodes[1]->name = "negated";
    clade_onnx *network = NULL;
    const clade_onnx_port *outputs;
    const char *path =
        model_file(graph("", "y", nodes), ARRAYS({ TYPE(INT64), 0, { 0 }, { 2 } }, { TYPE(BOOL), 0, { 0 }, { 1 } },
                                                 { TYPE(FLOAT), 1, { 1 }, { 3 } }));
    assert_good(fixture->context, clade_onnx_read(fixture->context, path, NULL, &network));
    assert_int_equal(clade_onnx_outputs(network, &outputs), 1);
    const clade_node *negated = clade_value_node(outputs[0].value);
    assert_string_equal(negated->name, "negated");
    assert_string_equal(clade_value_node(negated->inputs[0])->name, "after");
    assert_true(clade_value_valid(clade_graph_find(clade_onnx_graph(network), "state", "c")));
    clade_onnx_free(network);
    clear();
}

/* ---- sums of products, determinants ---- */

static void test_einsum_and_det(void **state) {
    assert_gives(state, one("Einsum", "a b", "y", SETTINGS({ "equation", 0, "ij,jk->ki", NULL })),
                 ARRAYS({ TYPE(FLOAT), 2, { 2, 2 }, { 1, 2, 3, 4 } }, { TYPE(FLOAT), 2, { 2, 1 }, { 5, 6 } }),
                 &(const array){ TYPE(FLOAT), 2, { 1, 2 }, { 17, 39 } });
    assert_gives(state, one("Einsum", "a", "y", SETTINGS({ "equation", 0, "ii->i", NULL })),
                 ARRAYS({ TYPE(FLOAT), 2, { 2, 2 }, { 1, 2, 3, 4 } }),
                 &(const array){ TYPE(FLOAT), 1, { 2 }, { 1, 4 } });
    assert_gives(state, one("Det", "a", "y", NULL), ARRAYS({ TYPE(FLOAT), 2, { 3, 3 }, { 0, 2, 1, 3, 0, 4, 1, 1, 1 } }),
                 &(const array){ TYPE(FLOAT), 0, { 0 }, { 5 } });
}

/* ---- pooling ---- */

/* The largest of each 2 x 2 window of a plane of 2 x 4 is at (1, 1) and (0, 2). */
static void test_indices_of_pooling_in_column_order(void **state) {
    static int64_t sides[] = { 2, 2 };
    Onnx__NodeProto *pool = node("MaxPool", "x", "y places", SETTINGS({ "storage_order", 1, NULL, NULL }));
    static const char *const names[] = { "kernel_shape", "strides" };
    for (int i = 0; i < 2; i++) {
        Onnx__AttributeProto *attribute = &store.attributes[store.attribute_count++];
        *attribute = (Onnx__AttributeProto)ONNX__ATTRIBUTE_PROTO__INIT;
        attribute->name = (char *)(uintptr_t)names[i];
        attribute->n_ints = 2;
        attribute->ints = sides;
        pool->attribute[pool->n_attribute++] = attribute;
    }
    Onnx__NodeProto *const nodes[] = { node("Reshape", "a b", "x", NULL), pool, node("Reshape", "places c", "z", NULL),
                                       NULL };
    assert_gives(state, graph("", "z", nodes),
                 ARRAYS({ TYPE(FLOAT), 1, { 8 }, { 1, 2, 9, 4, 5, 6, 7, 8 } },
                        { TYPE(INT64), 1, { 4 }, { 1, 1, 2, 4 } }, { TYPE(INT64), 1, { 1 }, { 2 } }),
                 &(const array){ TYPE(INT64), 1, { 2 }, { 3, 4 } });
}

/* ---- what cannot be read ---- */

static void assert_refused(void **state, Onnx__GraphProto *main_graph, const array *arrays, int count,
                           const char *words_wanted) {
    clade_context *context = ((const graph_fixture *)*state)->context;
    clade_onnx *network = NULL;
    const char *path = model_file(main_graph, arrays, count);
    assert_int_not_equal(clade_onnx_read(context, path, NULL, &network), CLADE_OK);
    assert_null(network);
    if (strstr(clade_error(context), words_wanted) == NULL)
        fail_msg("\"%s\" is not in: %s", words_wanted, clade_error(context));
    clear();
}

static void test_what_is_not_supported_is_named_with_its_node(void **state) {
    const array x = { TYPE(FLOAT), 2, { 2, 2 }, { 1, 2, 3, 4 } };
    assert_refused(state, one("Frobnicate", "a", "odd", NULL), ARRAYS(x), "Frobnicate \"odd\": this operator is not");
    assert_refused(state, one("Abs", "nobody", "odd", NULL), ARRAYS(x), "\"nobody\" is made by no node");
    assert_refused(state, one("ArgMax", "a", "odd", SETTINGS({ "axis", 2, NULL, NULL })), ARRAYS(x),
                   "ArgMax \"odd\": axis 2 of an array of rank 2");
    assert_refused(state, one("Einsum", "a", "odd", SETTINGS({ "equation", 0, "ijk->i", NULL })), ARRAYS(x),
                   "Einsum \"odd\": its equation does not fit");
    assert_refused(state, one("Loop", "a", "odd", NULL), ARRAYS({ TYPE(INT64), 0, { 0 }, { 3 } }),
                   "Loop \"odd\": its subgraph");
}

/* Every operator without inputs, and with inputs that hardly fit: refused or read, in one way or another. */
static void test_no_operator_falls_over_inputs_that_do_not_fit(void **state) {
    static const clade_onnx_translator *const lists[] = {
        clade_onnx_activations, clade_onnx_control,    clade_onnx_einsum, clade_onnx_elementwise, clade_onnx_layers,
        clade_onnx_losses,      clade_onnx_moves,      clade_onnx_norms,  clade_onnx_order,       clade_onnx_quantize,
        clade_onnx_recurrent,   clade_onnx_reductions, clade_onnx_resize, clade_onnx_sampling,    clade_onnx_selections,
        clade_onnx_shapes,      clade_onnx_training,   clade_onnx_types,  clade_onnx_whole,
    };
    static const char *const inputs[] = {
        "", "a", "a b", "b a", "c c c", "a b c d e f g h", "b c d a", "d d d d d d d d"
    };
    const array given[] = {
        { TYPE(FLOAT), 0, { 0 }, { 2 } },
        { TYPE(INT64), 1, { 3 }, { 1, -1, 7 } },
        { TYPE(FLOAT), 3, { 1, 2, 2 }, { 1, 2, 3, 4 } },
        { TYPE(UINT8), 2, { 2, 1 }, { 0, 255 } },
        { TYPE(FLOAT), 1, { 1 }, { -1 } },
        { TYPE(BOOL), 1, { 2 }, { 1, 0 } },
        { TYPE(INT32), 0, { 0 }, { -5 } },
        { TYPE(FLOAT), 2, { 0, 3 }, { 0 } },
    };
    clade_context *context = ((const graph_fixture *)*state)->context;
    for (size_t l = 0; l < sizeof lists / sizeof lists[0]; l++) {
        for (const clade_onnx_translator *row = lists[l]; row->op != NULL; row++) {
            for (size_t i = 0; i < sizeof inputs / sizeof inputs[0]; i++) {
                clade_onnx *network = NULL;
                const char *path = model_file(one(row->op, inputs[i], "y z", NULL), given, 8);
                if (clade_onnx_read(context, path, NULL, &network) != CLADE_OK)
                    assert_true(clade_error(context)[0] != 0);
                clade_onnx_free(network);
                clear();
            }
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, open_all, close_all)
        TEST(test_whole_numbers_divide_towards_0_and_wrap_round),
        TEST(test_whole_numbers_beyond_float32_are_compared_and_added_exactly),
        TEST(test_quantized_numbers_round_halves_to_even_and_saturate),
        TEST(test_a_loop_runs_its_steps),
        TEST(test_a_branch_is_taken),
        TEST(test_arrays_without_elements_are_outputs_and_reduce),
        TEST(test_arrays_without_elements_are_moved),
        TEST(test_names_are_kept),
        TEST(test_einsum_and_det),
        TEST(test_indices_of_pooling_in_column_order),
        TEST(test_what_is_not_supported_is_named_with_its_node),
        TEST(test_no_operator_falls_over_inputs_that_do_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
