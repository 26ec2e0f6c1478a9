/* ONNX import of recurrent layers that Clade's own do not compute: other activations, coupled gates, steps that are not known. */
#include "formats/helpers_onnx.h"

#include "clade/onnx.h"

#include <string.h>

/* An RNN of one unit, backwards: h' = 0.5 (2 x + 3 h + 1 + 4) - 1, of x = 1, 2 and then -1 from the end; the same with
 * LeakyReLU of 0.25, which the middle step's sum needs. */
static void test_other_activations_and_coupled_gates(void **state) {
    const array x = { TYPE(FLOAT), 3, { 3, 1, 1 }, { -1, 2, 1 } }, w = { TYPE(FLOAT), 3, { 1, 1, 1 }, { 2 } },
                r = { TYPE(FLOAT), 3, { 1, 1, 1 }, { 3 } }, b = { TYPE(FLOAT), 2, { 1, 2 }, { 1, 4 } };
    const setting affine[] = { { "direction", 0, "reverse", NULL },
                               { "activations", 0, "Affine", NULL },
                               { "activation_alpha", 0, "0.5", NULL },
                               { "activation_beta", 0, "-1", NULL },
                               { NULL, 0, NULL, NULL } };
    /* 0.5 * 7 - 1 = 2.5; 0.5 (4 + 7.5 + 5) - 1 = 7.25; 0.5 (-2 + 21.75 + 5) - 1 = 11.375 */
    assert_gives(state, one("RNN", "a b c d", "y last", affine), ARRAYS(x, w, r, b),
                 &(const array){ TYPE(FLOAT), 4, { 3, 1, 1, 1 }, { 11.375, 7.25, 2.5 } });
    const setting leaky[] = { { "activations", 0, "leakyrelu", NULL },
                              { "activation_alpha", 0, "0.25", NULL },
                              { NULL, 0, NULL, NULL } };
    const array falling = { TYPE(FLOAT), 3, { 3, 1, 1 }, { -5, -1, 2 } };
    /* 0.25 (-10 + 5) = -1.25; 0.25 (-2 - 3.75 + 5) = -0.1875; 4 - 0.5625 + 5 = 8.4375 */
    assert_gives(state, one("RNN", "a b c d", "y last", leaky), ARRAYS(falling, w, r, b),
                 &(const array){ TYPE(FLOAT), 4, { 3, 1, 1, 1 }, { -1.25, -0.1875, 8.4375 } });
    /* A GRU whose gates are 1/2 whatever comes: h' = 0.5 n + 0.5 h with n = x. */
    const array wide = { TYPE(FLOAT), 3, { 1, 3, 1 }, { 0, 0, 1 } }, none = { TYPE(FLOAT), 3, { 1, 3, 1 }, { 0 } };
    const setting halves[] = { { "activations", 0, "Sigmoid Affine", NULL }, { NULL, 0, NULL, NULL } };
    assert_gives(state, one("GRU", "a b c", "y last", halves), ARRAYS(x, wide, none),
                 &(const array){ TYPE(FLOAT), 4, { 3, 1, 1, 1 }, { -0.5, 0.75, 0.875 } });
    /* An LSTM whose cell takes x and 0.5 of itself, as the forget gate is 1 less the input gate, 1/2. */
    const array gates = { TYPE(FLOAT), 3, { 1, 4, 1 }, { 0, 0, 9, 1 } }, zeros = { TYPE(FLOAT), 3, { 1, 4, 1 }, { 0 } };
    const setting coupled[] = { { "input_forget", 1, NULL, NULL },
                                { "activations", 0, "Sigmoid Affine Affine", NULL },
                                { NULL, 0, NULL, NULL } };
    assert_gives(state, one("LSTM", "a b c", "y", coupled), ARRAYS(x, gates, zeros),
                 &(const array){ TYPE(FLOAT), 4, { 3, 1, 1, 1 }, { -0.25, 0.375, 0.4375 } });
}

static void test_what_is_no_recurrent_layer_is_refused(void **state) {
    const array x = { TYPE(FLOAT), 3, { 3, 1, 1 }, { -1, 2, 1 } }, one_gate = { TYPE(FLOAT), 3, { 1, 1, 1 }, { 2 } },
                flat = { TYPE(FLOAT), 2, { 1, 1 }, { 2 } }, wide = { TYPE(FLOAT), 3, { 1, 2, 1 }, { 2, 3 } };
    const setting affine[] = { { "activations", 0, "Affine", NULL }, { NULL, 0, NULL, NULL } };
    const setting two[] = { { "activations", 0, "Affine Tanh", NULL }, { NULL, 0, NULL, NULL } };
    const setting unknown[] = { { "activations", 0, "Gelu", NULL }, { NULL, 0, NULL, NULL } };
    const struct {
        const setting *settings;
        const array *weight;
        const char *words;
    } cases[] = {
        { affine, &flat, "wants inputs of the sizes that ONNX says" },
        { affine, &wide, "wants inputs of the sizes that ONNX says" },
        { two, &one_gate, "2 activations" },
        { unknown, &one_gate, "activation \"Gelu\"" },
    };
    clade_context *context = ((const graph_fixture *)*state)->context;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        clade_onnx *network;
        const char *path =
            model_file(one("RNN", "a b c", "y last", cases[i].settings), ARRAYS(x, *cases[i].weight, one_gate));
        assert_int_equal(clade_onnx_read(context, path, NULL, &network), CLADE_ERROR_UNSUPPORTED);
        if (strstr(clade_error(context), cases[i].words) == NULL)
            fail_msg("no \"%s\" in: %s", cases[i].words, clade_error(context));
        forget_models();
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_other_activations_and_coupled_gates, open_models, close_models),
        cmocka_unit_test_setup_teardown(test_what_is_no_recurrent_layer_is_refused, open_models, close_models),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
