/* ONNX import: models of one node or few, built here, give what ONNX says; what cannot be read is named. */
#include "formats/helpers_onnx.h"

#include "clade/onnx.h"
#include "formats/onnx/import.h"
#include "formats/onnx/tensor.h"

#include <math.h>
#include <string.h>

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
    forget_models();
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
        Onnx__AttributeProto *attribute = add_attribute(pool, names[i]);
        attribute->n_ints = 2;
        attribute->ints = sides;
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
    forget_models();
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
                forget_models();
            }
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, open_models, close_models)
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
