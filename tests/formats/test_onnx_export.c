/* ONNX export: what is written reads back as the same network, with the same bits in its weights. */
#include "support/device.h"
#include "support/scratch.h"

#include "clade/onnx.h"
#include "exec/cases.h"
#include "exec/session.h"
#include "formats/onnx/export.h"
#include "formats/onnx/file.h"
#include "models/zoo.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static scratch_folder scratch;

static int open_all(void **state) {
    scratch_make(&scratch);
    return open_graph_fixture(state);
}

static int close_all(void **state) {
    scratch_remove(&scratch);
    return close_graph_fixture(state);
}

static void assert_same_weights(const clade_weights *a, const clade_weights *b) {
    const clade_weight *list;
    for (size_t i = clade_weights_list(a, &list); i-- > 0;) {
        const clade_weight *other = clade_weights_find(b, list[i].name);
        if (other == NULL) fail_msg("%s is lost", list[i].name);
        assert_true(clade_dims_equal(&list[i].dims, &other->dims));
        assert_int_equal(memcmp(list[i].data, other->data, (size_t)list[i].count * 4), 0);
    }
}

/* ---- the zoo ---- */

static clade_onnx *written_and_read(clade_context *context, clade_value scores, const clade_weights *weights) {
    const clade_onnx_result output = { "scores", scores };
    const char *path = scratch_path(&scratch, "model.onnx");
    clade_onnx *network = NULL;
    assert_good(context, clade_onnx_write(&output, 1, weights, NULL, path));
    assert_good(context, clade_onnx_read(context, path, NULL, &network));
    return network;
}

static void run_once(clade_session *session, clade_value image, float *pixels, int64_t pixel_count, clade_value scores,
                     float *result, int64_t result_count) {
    const clade_binding_array feed = { image, pixels, pixel_count }, fetch = { scores, result, result_count };
    const clade_run_options options = { .size = sizeof options,
                                        .batch = 2,
                                        .time = 1,
                                        .feeds = &feed,
                                        .feed_count = 1,
                                        .fetches = &fetch,
                                        .fetch_count = 1,
                                        .inference = true };
    assert_good(scores.graph->context, clade_session_run(session, &options));
}

/* Whether A and B are within MOST, or neither is a number: fresh, resnet1202 overflows. */
static bool same_score(float a, float b, float most) {
    return fabsf(a - b) <= most || (isnan(a) && isnan(b));
}

/* The outputs of two networks for two images, within 1e-5 of the largest. */
static void assert_same_scores(clade_device *device, const clade_model *model, clade_value image, clade_value scores,
                               const clade_weights *weights, const clade_onnx *network) {
    clade_context *context = scores.graph->context;
    const int64_t pixels = 2 * model->image[0] * model->image[1] * model->image[2], classes = 2 * model->classes;
    float *in = malloc((size_t)pixels * sizeof *in), *a = malloc((size_t)classes * sizeof *a),
          *b = malloc((size_t)classes * sizeof *b), largest = 0;
    for (int64_t i = 0; i < pixels; i++)
        in[i] = (float)(i * 7919 % 1000) / 1000;
    clade_session *session;
    const clade_onnx_port *inputs, *outputs;
    assert_int_equal(clade_onnx_inputs(network, &inputs), 1);
    assert_int_equal(clade_onnx_outputs(network, &outputs), 1);
    assert_good(context, clade_session_new(device, scores.graph, 0, &session));
    assert_good(context, clade_weights_fill_session(weights, session));
    run_once(session, image, in, pixels, scores, a, classes);
    clade_session_free(session);
    assert_good(context, clade_session_new(device, clade_onnx_graph(network), 0, &session));
    assert_good(context, clade_onnx_fill_session(network, session));
    run_once(session, inputs[0].value, in, pixels, outputs[0].value, b, classes);
    clade_session_free(session);
    for (int64_t i = 0; i < classes; i++)
        largest = fmaxf(largest, fabsf(a[i]));
    for (int64_t i = 0; i < classes; i++)
        if (!same_score(a[i], b[i], 1e-5f * largest)) fail_msg("%s: %g became %g", model->name, a[i], b[i]);
    free(in);
    free(a);
    free(b);
}

/* With CLADE_LARGE set all of it: else large ones, which are of the same families, are left out. */
static void test_the_zoo_comes_back(void **state) {
    enum { SMALL = 4000000, LARGE = 30000000 };
    const bool all = getenv("CLADE_LARGE") != NULL;
    const graph_fixture *fixture = *state;
    clade_context *context = fixture->context;
    for (const clade_model *const *model = clade_model_list(); *model != NULL; model++) {
        clade_graph *graph;
        clade_value image, label;
        clade_model_values values;
        clade_weights *weights, *back;
        int64_t elements = 0;
        assert_good(context, clade_model_graph(context, *model, &graph, &image, &label, &values));
        for (uint32_t i = 0; i < graph->node_count; i++)
            if (graph->nodes[i]->op == &clade_op_state)
                elements += clade_dims_value(graph, &graph->nodes[i]->outputs[0].dims, (clade_binding){ 1, 1 }, NULL);
        if (all || elements < LARGE) {
            assert_good(context, clade_weights_of_graph(&values.scores, 1, NULL, 3, &weights));
            clade_onnx *network = written_and_read(context, values.scores, weights);
            assert_good(context, clade_onnx_weights(network, &back));
            assert_same_weights(weights, back);
            if (all || (elements < SMALL && (*model)->image[1] <= 32))
                assert_same_scores(fixture->device, *model, image, values.scores, weights, network);
            clade_weights_free(back);
            clade_onnx_free(network);
            clade_weights_free(weights);
        }
        clade_graph_free(graph);
    }
}

/* ---- rows, by their references ---- */

/* OUTPUT under the references, its inputs filled by FILL in the order of LEAVES; the states with WEIGHTS. */
typedef struct evaluation {
    clade_reference *reference;
    const clade_tensor *y;
} evaluation;

static void fill_states(clade_reference *reference, const clade_graph *graph, const clade_weights *weights) {
    const clade_weight *list;
    for (size_t i = clade_weights_list(weights, &list); i-- > 0;) {
        clade_tensor *place = clade_reference_leaf(reference, clade_graph_find(graph, "state", list[i].name));
        for (int64_t k = 0; k < list[i].count; k++)
            place->data[k] = list[i].dtype == CLADE_F32 ? (double)((const float *)list[i].data)[k]
                                                        : (double)((const int32_t *)list[i].data)[k];
    }
}

static void assert_same_tensors(const char *what, const clade_tensor *a, const clade_tensor *b) {
    double largest = 0;
    assert_non_null(a);
    assert_non_null(b);
    if (a->count != b->count) fail_msg("%s: %d elements became %d", what, (int)a->count, (int)b->count);
    for (int64_t i = 0; i < a->count; i++)
        if (isfinite(a->data[i])) largest = fmax(largest, fabs(a->data[i]));
    for (int64_t i = 0; i < a->count; i++) {
        const bool same = a->data[i] == b->data[i] || (isnan(a->data[i]) && isnan(b->data[i]));
        if (!same && !(fabs(a->data[i] - b->data[i]) <= 1e-6 * largest))
            fail_msg("%s: element %d, %g, became %g", what, (int)i, a->data[i], b->data[i]);
    }
}

/* Y with the weights WEIGHTS, and what it is after being written and read; input I of the graph is filled by FILL. */
static void assert_comes_back(clade_value y, const clade_weights *weights, const char *what, clade_binding binding,
                              void (*fill)(void *user, int index, clade_tensor *place), void *user) {
    clade_graph *graph = y.graph;
    clade_weights *back;
    clade_onnx *network = written_and_read(graph->context, y, weights);
    const clade_graph *other = clade_onnx_graph(network);
    assert_good(graph->context, clade_onnx_weights(network, &back));
    assert_same_weights(weights, back);
    clade_reference *a = clade_reference_new(graph, binding), *b = clade_reference_new(other, binding);
    fill_states(a, graph, weights);
    fill_states(b, other, back);
    int index = 0;
    for (uint32_t i = 0; i < graph->node_count; i++) {
        if (graph->nodes[i]->op != &clade_op_input) continue;
        const clade_value leaf = clade_graph_find(other, "input", graph->nodes[i]->name);
        fill(user, index, clade_reference_leaf(a, (clade_value){ graph, i, 0 }));
        if (clade_value_valid(leaf)) fill(user, index, clade_reference_leaf(b, leaf));
        index++;
    }
    const clade_onnx_port *outputs;
    assert_int_equal(clade_onnx_outputs(network, &outputs), 1);
    assert_same_tensors(what, clade_reference_value(a, y), clade_reference_value(b, outputs[0].value));
    clade_reference_free(a);
    clade_reference_free(b);
    clade_weights_free(back);
    clade_onnx_free(network);
}

typedef struct case_fill {
    clade_context *context;
    const clade_op *op;
    const clade_case *one;
} case_fill;

static void fill_case(void *user, int index, clade_tensor *place) {
    const case_fill *f = user;
    assert_good(f->context, clade_case_fill(f->context, f->op, f->one, index, place->data, place->count));
}

/* What ONNX does not have, or has otherwise. */
static bool is_known_to_be_refused(clade_context *context) {
    static const char *const words[] = { "operator set 17 has no",
                                         "does not come between",
                                         "whole numbers",
                                         "open size",
                                         "open ends",
                                         "follow from a scale",
                                         "is not before it",
                                         "output 1 is used",
                                         "fused with what follows" };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strstr(clade_error(context), words[i]) != NULL) return true;
    return false;
}

static int rows_that_come_back(clade_context *context, const clade_onnx_writer *writer) {
    int count = 0;
    for (; writer->row != NULL; writer++) {
        const clade_op *op = clade_op_find(writer->row);
        if (op == NULL) fail_msg("no row %s", writer->row);
        if (strcmp(writer->row, "dropout") == 0) continue; /* its reference draws */
        for (const clade_case *one = op->cases; one->name != NULL; one++) {
            clade_case_graph built;
            clade_weights *none;
            char what[200];
            snprintf(what, sizeof what, "%s, %s", op->name, one->name);
            assert_good(context, clade_case_build(context, op, one, &built));
            assert_good(context, clade_weights_of_graph(&built.y, 1, NULL, 0, &none));
            const clade_onnx_result output = { "y", built.y };
            if (clade_onnx_write(&output, 1, none, NULL, scratch_path(&scratch, "case.onnx")) != CLADE_OK) {
                if (!is_known_to_be_refused(context)) fail_msg("%s: %s", what, clade_error(context));
            } else {
                assert_comes_back(built.y, none, what, built.binding, fill_case, &(case_fill){ context, op, one });
                count++;
            }
            clade_weights_free(none);
            clade_graph_free(built.graph);
        }
    }
    return count;
}

static void test_rows_come_back(void **state) {
    const graph_fixture *fixture = *state;
    assert_true(rows_that_come_back(fixture->context, clade_onnx_layer_writers) > 60);
    assert_true(rows_that_come_back(fixture->context, clade_onnx_line_writers) > 25);
    assert_true(rows_that_come_back(fixture->context, clade_onnx_move_writers) > 20);
    assert_true(rows_that_come_back(fixture->context, clade_onnx_pointwise_writers) > 100);
}

static void fill_waves(void *user, int index, clade_tensor *place) {
    (void)user;
    for (int64_t i = 0; i < place->count; i++)
        place->data[i] = place->dtype == CLADE_I32 ? (double)(1 + i % 3) : sin(0.7 * (double)(i + 3 * index));
}

static void test_recurrent_layers_come_back(void **state) {
    const graph_fixture *fixture = *state;
    clade_context *context = fixture->context;
    for (int i = 0; i < 9; i++) {
        clade_graph *graph = clade_graph_new(context);
        clade_value x = clade_input(graph, "x", CLADE_F32, clade_shape(3, 2, 5)), y;
        clade_value lengths = clade_input(graph, "lengths", CLADE_I32, clade_shape(2));
        switch (i) {
        case 0:
            y = clade_lstm(x, .units = 4, .forget_bias = 1).y;
            break;
        case 1:
            y = clade_lstm(x, .units = 4, .direction = CLADE_BIDIRECTIONAL, .lengths = lengths).y;
            break;
        case 2:
            y = clade_lstm(x, .units = 4, .peepholes = true, .direction = CLADE_REVERSE).cell;
            break;
        case 3:
            y = clade_lstm(x, .units = 4, .no_bias = true, .clip = 0.5).hidden;
            break;
        case 4:
            y = clade_gru(x, .units = 4).y;
            break;
        case 5:
            y = clade_gru(x, .units = 4, .reset_before = true, .direction = CLADE_BIDIRECTIONAL).y;
            break;
        case 6:
            y = clade_gru(x, .units = 4, .no_bias = true).hidden;
            break;
        case 7:
            y = clade_rnn(x, .units = 4, .relu = true, .direction = CLADE_REVERSE).y;
            break;
        default:
            y = clade_rnn(x, .units = 4, .direction = CLADE_BIDIRECTIONAL).y;
            break;
        }
        clade_weights *weights;
        assert_good(context, clade_weights_of_graph(&y, 1, NULL, 5, &weights));
        char what[32];
        snprintf(what, sizeof what, "recurrent layer %d", i);
        assert_comes_back(y, weights, what, (clade_binding){ 2, 1 }, fill_waves, NULL);
        clade_weights_free(weights);
        clade_graph_free(graph);
    }
}

/* ---- shapes of the file ---- */

static void test_biases_are_part_of_their_products(void **state) {
    const graph_fixture *fixture = *state;
    clade_graph *graph = fixture->graph;
    clade_value x = clade_input(graph, "x", CLADE_F32, clade_shape(CLADE_BATCH, 3, 8, 8));
    clade_value y = clade_conv2d(x, .filters = 4, .kernel = { 3, 3 }, .name = "conv1");
    y = clade_dense(clade_dropout(y, 0.5, "drop"), .units = 5, .name = "fc1");
    clade_weights *weights;
    assert_good(fixture->context, clade_weights_of_graph(&y, 1, NULL, 0, &weights));
    clade_onnx_free(written_and_read(fixture->context, y, weights));
    clade_onnx_message message;
    assert_good(fixture->context, clade_onnx_message_read(fixture->context, scratch_path(&scratch, "model.onnx"),
                                                          &onnx__model_proto__descriptor, &message));
    const Onnx__ModelProto *model = (const Onnx__ModelProto *)message.message;
    static const char *const ops[] = { "Conv", "Dropout", "Flatten", "Gemm" };
    assert_int_equal(model->ir_version, 8);
    assert_int_equal(model->opset_import[0]->version, 17);
    assert_string_equal(model->producer_name, "clade");
    assert_int_equal(model->graph->n_node, 4);
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(model->graph->node[i]->op_type, ops[i]);
    assert_int_equal(model->graph->node[0]->n_input, 3);
    assert_string_equal(model->graph->node[0]->input[2], "conv1.bias");
    assert_string_equal(model->graph->node[3]->input[1], "fc1.weight");
    assert_string_equal(model->graph->input[0]->type->tensor_type->shape->dim[0]->dim_param, "N");
    assert_string_equal(model->graph->output[0]->name, "scores");
    clade_onnx_message_free(&message);
    clade_weights_free(weights);
}

static void test_outputs_that_are_inputs_or_twice_are_copied(void **state) {
    const graph_fixture *fixture = *state;
    clade_value x = clade_input(fixture->graph, "x", CLADE_F32, clade_shape(CLADE_BATCH, 3)), y = clade_relu(x);
    const clade_onnx_result outputs[] = { { "x", x }, { "a", y }, { "b", y } };
    const clade_onnx_port *ports;
    clade_weights *weights;
    clade_onnx *network;
    assert_good(fixture->context, clade_weights_of_graph(&y, 1, NULL, 0, &weights));
    const char *path = scratch_path(&scratch, "model.onnx");
    assert_good(fixture->context, clade_onnx_write(outputs, 3, weights, "three", path));
    assert_good(fixture->context, clade_onnx_read(fixture->context, path, NULL, &network));
    assert_int_equal(clade_onnx_outputs(network, &ports), 3);
    assert_string_equal(ports[0].name, "x_1");
    assert_string_equal(ports[1].name, "a");
    assert_string_equal(ports[2].name, "b");
    clade_onnx_free(network);
    clade_weights_free(weights);
}

static void test_what_onnx_has_not_is_named(void **state) {
    const graph_fixture *fixture = *state;
    clade_value label = clade_input(fixture->graph, "label", CLADE_I32, clade_shape(CLADE_BATCH));
    clade_value x = clade_input(fixture->graph, "x", CLADE_F32, clade_shape(CLADE_BATCH, 3));
    clade_value loss = clade_softmax_cross_entropy(x, label);
    const clade_onnx_result output = { "loss", loss };
    clade_weights *weights;
    assert_good(fixture->context, clade_weights_of_graph(&loss, 1, NULL, 0, &weights));
    assert_int_equal(clade_onnx_write(&output, 1, weights, NULL, scratch_path(&scratch, "none.onnx")),
                     CLADE_ERROR_UNSUPPORTED);
    assert_non_null(strstr(clade_error(fixture->context), "softmax_cross_entropy"));
    assert_int_equal(scratch_count(&scratch), 0);
    clade_weights_free(weights);
}

static void test_other_weights_are_refused(void **state) {
    const graph_fixture *fixture = *state;
    clade_context *context = fixture->context;
    clade_value x = clade_input(fixture->graph, "x", CLADE_F32, clade_shape(CLADE_BATCH, 3));
    clade_value y = clade_dense(x, .units = 2, .name = "fc"), z;
    clade_graph *other = clade_graph_new(context);
    z = clade_dense(clade_input(other, "x", CLADE_F32, clade_shape(CLADE_BATCH, 3)), .units = 4, .name = "fc");
    clade_weights *weights, *taken;
    assert_good(context, clade_weights_of_graph(&z, 1, NULL, 0, &weights));
    assert_int_equal(clade_weights_of_graph(&y, 1, weights, 0, &taken), CLADE_ERROR_INPUT);
    assert_non_null(strstr(clade_error(context), "\"fc.weight\" is (4,3)"));
    const clade_onnx_result output = { "y", y };
    assert_int_not_equal(clade_onnx_write(&output, 1, weights, NULL, scratch_path(&scratch, "none.onnx")), CLADE_OK);
    clade_weights_free(weights);
    clade_graph_free(other);
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, open_all, close_all)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_the_zoo_comes_back),
        TEST(test_rows_come_back),
        TEST(test_recurrent_layers_come_back),
        TEST(test_biases_are_part_of_their_products),
        TEST(test_outputs_that_are_inputs_or_twice_are_copied),
        TEST(test_what_onnx_has_not_is_named),
        TEST(test_other_weights_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
