/* ONNX files as others write them: sizes of pictures left open, which the data, a caller or a name gives; arrays in a file
 * beside the model. The files are Clade's own, changed. */
#include "train/helpers.h"

#include "clade/network.h"
#include "clade/onnx.h"
#include "formats/onnx/file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char external[] = "arrays.bin";

/* A small convolutional network of any size of picture, written for 16x16, as the file NAME; the caller frees the path. */
static char *written(fixture *f, const char *name) {
    clade_graph *graph = clade_graph_new(f->context);
    clade_value x = clade_input(graph, "x", CLADE_F32, clade_shape(CLADE_BATCH, 1, 16, 16));
    x = clade_relu(clade_conv2d(x, .filters = 6, .kernel = { 3, 3 }, .stride = { 2, 2 }, .name = "conv"));
    const clade_dims pooled = clade_shape(CLADE_BATCH, 6);
    clade_value y = clade_dense(clade_reshape(clade_global_average_pool(x), pooled), .units = 10, .name = "fc");
    const clade_onnx_result output = { "scores", y };
    clade_weights *weights;
    char *path = path_in(f, name);
    assert_good(f->context, clade_graph_status(graph));
    assert_good(f->context, clade_weights_of_graph(&y, 1, NULL, 3, &weights));
    assert_good(f->context, clade_onnx_write(&output, 1, weights, NULL, path));
    clade_weights_free(weights);
    clade_graph_free(graph);
    return path;
}

/* ---- changing files ---- */

typedef void change(fixture *f, Onnx__ModelProto *model);

static void rewrite(fixture *f, const char *path, change *change) {
    size_t size;
    char *before = read_whole(path, &size);
    Onnx__ModelProto *model = onnx__model_proto__unpack(NULL, size, (const uint8_t *)before);
    assert_non_null(model);
    change(f, model);
    uint8_t *after = malloc(onnx__model_proto__get_packed_size(model));
    assert_non_null(after);
    size = onnx__model_proto__pack(model, after);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(after, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
    onnx__model_proto__free_unpacked(model, NULL);
    free(before);
    free(after);
}

static char *copied(const char *text) {
    char *copy = strdup(text);
    assert_non_null(copy);
    return copy;
}

static void set_text(char **place, const char *text) {
    free(*place);
    *place = copied(text);
}

/* The picture's height and width are open; only the height has a name. */
static void open_sizes(fixture *f, Onnx__ModelProto *model) {
    Onnx__TensorShapeProto *shape = model->graph->input[0]->type->tensor_type->shape;
    (void)f;
    shape->dim[2]->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
    shape->dim[2]->dim_param = copied("height");
    shape->dim[3]->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE__NOT_SET;
}

/* ---- open sizes ---- */

static clade_network *opened(fixture *f, const char *path, const clade_network_options *options) {
    clade_network *network;
    assert_good(f->context, clade_network_open(f->context, path, options, &network));
    return network;
}

static void test_sizes_that_a_file_leaves_open_are_the_data_s(void **state) {
    fixture *f = *state;
    char *path = written(f, "open.onnx"), *folder = path_in(f, "run");
    rewrite(f, path, open_sizes);
    clade_network *network = opened(f, path, NULL);
    const clade_model *model = clade_network_model(network);
    clade_predictor *predictor;
    assert_true(clade_network_is_open(network));
    assert_int_equal(model->image[0], 1);
    assert_int_equal(model->image[1], 0);
    assert_int_equal(clade_predictor_new(f->device, network, &predictor), CLADE_ERROR_INPUT);
    assert_non_null(strstr(clade_error(f->context), "leaves the sizes of its images open"));
    assert_int_equal(clade_network_load(network, path, NULL), CLADE_ERROR_INPUT);
    const int64_t coloured[] = { 3, 28, 28 };
    assert_int_equal(clade_network_size(network, coloured), CLADE_ERROR_INPUT);
    assert_non_null(strstr(clade_error(f->context), "takes images of 1 channels, and these have 3"));

    assert_good(f->context, clade_network_fit(network, f->train));
    assert_false(clade_network_is_open(network));
    assert_int_equal(clade_network_model(network)->image[2], 28);
    clade_train_options options = small_run(f, folder);
    clade_train_result result;
    clade_evaluation evaluation;
    assert_good(f->context, clade_train_network(network, &options, &result));
    clade_network_free(network);

    /* The run knows the sizes that it was trained with. */
    assert_good(f->context, clade_predictor_open(f->device, folder, &predictor));
    assert_good(f->context, clade_predictor_evaluate(predictor, f->test, 0, &evaluation));
    assert_true(evaluation.loss == result.val_loss);
    clade_predictor_free(predictor);
    free(folder);
    free(path);
}

/* Scores of one picture of 16x16, in which the networks agree however the size was given. */
static void score(fixture *f, const clade_network *network, float scores[10]) {
    float image[16 * 16];
    clade_predictor *predictor;
    for (int i = 0; i < 16 * 16; i++)
        image[i] = (float)((i * 31) % 17) / 17;
    assert_good(f->context, clade_predictor_new(f->device, network, &predictor));
    assert_good(f->context, clade_predictor_scores(predictor, image, 1, scores));
    clade_predictor_free(predictor);
}

static void test_sizes_may_be_given_in_every_way(void **state) {
    fixture *f = *state;
    char *fixed = written(f, "fixed.onnx"), *open = written(f, "open.onnx");
    rewrite(f, open, open_sizes);
    const int64_t image[] = { 1, 16, 16 };
    const clade_network_options options = { .size = sizeof options, .image = { 1, 16, 16 } };
    float wanted[10], got[10];
    clade_network *networks[] = { opened(f, fixed, NULL), opened(f, open, &options), opened(f, open, NULL) };
    assert_good(f->context, clade_network_size(networks[2], image));
    score(f, networks[0], wanted);
    for (int i = 1; i < 3; i++) {
        score(f, networks[i], got);
        assert_memory_equal(got, wanted, sizeof wanted);
    }
    for (int i = 0; i < 3; i++)
        clade_network_free(networks[i]);
    free(fixed);
    free(open);
}

/* ---- shapes made of the batch ---- */

static Onnx__NodeProto *new_node(const char *op, const char *a, const char *b, const char *out) {
    Onnx__NodeProto *made = malloc(sizeof *made);
    assert_non_null(made);
    onnx__node_proto__init(made);
    made->op_type = copied(op);
    made->n_input = b != NULL ? 2 : 1;
    made->input = malloc(2 * sizeof *made->input);
    made->n_output = 1;
    made->output = malloc(sizeof *made->output);
    assert_true(made->input != NULL && made->output != NULL);
    made->input[0] = copied(a);
    if (b != NULL) made->input[1] = copied(b);
    made->output[0] = copied(out);
    return made;
}

static Onnx__AttributeProto **one_attribute(const char *name, int64_t number) {
    Onnx__AttributeProto **list = malloc(sizeof *list), *made = malloc(sizeof *made);
    assert_true(list != NULL && made != NULL);
    onnx__attribute_proto__init(made);
    made->name = copied(name);
    made->has_i = made->has_type = 1;
    made->i = number;
    made->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT;
    list[0] = made;
    return list;
}

/* Puts MADE before node AT. */
static void insert(Onnx__GraphProto *graph, size_t at, Onnx__NodeProto *made) {
    graph->node = realloc(graph->node, (graph->n_node + 1) * sizeof *graph->node);
    assert_non_null(graph->node);
    memmove(graph->node + at + 1, graph->node + at, (graph->n_node - at) * sizeof *graph->node);
    graph->node[at] = made;
    graph->n_node++;
}

static size_t find_node(const Onnx__GraphProto *graph, const char *op) {
    size_t at = 0;
    while (at < graph->n_node && strcmp(graph->node[at]->op_type, op) != 0)
        at++;
    assert_true(at < graph->n_node);
    return at;
}

/* The flattening (N, 6, 1, 1) -> (N, 6) becomes a reshape that takes its sizes from x, as tracing exporters write x.view(x.size(0), -1): N of a shape,
 * and what is left. */
static void compute_sizes(fixture *f, Onnx__ModelProto *model) {
    Onnx__GraphProto *graph = model->graph;
    const size_t at = find_node(graph, "Flatten");
    Onnx__NodeProto *before = graph->node[at];
    (void)f;
    graph->node[at] = new_node("Reshape", before->input[0], "sizes", before->output[0]);
    onnx__node_proto__free_unpacked(before, NULL);
    insert(graph, at, new_node("Shape", "x", NULL, "batch"));
    graph->node[at]->n_attribute = 1;
    graph->node[at]->attribute = one_attribute("end", 1);
    insert(graph, at + 1, new_node("Neg", "one", NULL, "rest"));
    insert(graph, at + 1, new_node("Div", "batch", "batch", "one"));
    insert(graph, at + 3, new_node("Concat", "batch", "rest", "sizes"));
    graph->node[at + 3]->n_attribute = 1;
    graph->node[at + 3]->attribute = one_attribute("axis", 0);
}

/* What is reshaped is multiplied by N, which is then a number for the device. */
static void compute_with_the_batch(fixture *f, Onnx__ModelProto *model) {
    Onnx__GraphProto *graph = model->graph;
    compute_sizes(f, model);
    const size_t at = find_node(graph, "Reshape");
    insert(graph, at, new_node("Mul", graph->node[at]->input[0], "number", "many"));
    insert(graph, at, new_node("Cast", "batch", NULL, "number"));
    graph->node[at]->n_attribute = 1;
    graph->node[at]->attribute = one_attribute("to", ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT);
    set_text(&graph->node[at + 2]->input[0], "many");
}

static void test_shapes_that_are_made_of_an_open_batch(void **state) {
    fixture *f = *state;
    char *plain = written(f, "plain.onnx"), *computed = written(f, "computed.onnx"), *used = written(f, "used.onnx");
    rewrite(f, computed, compute_sizes);
    rewrite(f, used, compute_with_the_batch);
    clade_network *networks[] = { opened(f, plain, NULL), opened(f, computed, NULL) };
    float wanted[10], got[10];
    score(f, networks[0], wanted);
    score(f, networks[1], got);
    assert_memory_equal(got, wanted, sizeof wanted);
    clade_onnx *network;
    assert_int_equal(clade_onnx_read(f->context, used, NULL, &network), CLADE_ERROR_UNSUPPORTED);
    assert_non_null(strstr(clade_error(f->context), "it computes with the size of the batch, which is open"));
    const clade_onnx_binding two = { .dims = clade_shape(2, 1, 16, 16) };
    const clade_onnx_options bound = { .size = sizeof bound, .bindings = &two, .binding_count = 1 };
    assert_good(f->context, clade_onnx_read(f->context, used, &bound, &network));
    clade_onnx_free(network);
    for (int i = 0; i < 2; i++)
        clade_network_free(networks[i]);
    free(plain);
    free(computed);
    free(used);
}

/* USER has the width; the height only where it is not 0. */
static void settle(void *user, const char *input, const char *const *names, clade_dims *dims) {
    const int64_t *sizes = user;
    assert_string_equal(input, "x");
    assert_int_equal(dims->size[0], CLADE_BATCH);
    assert_int_equal(dims->size[1], 1);
    assert_int_equal(dims->size[2], 0);
    assert_string_equal(names[2], "height");
    assert_int_equal(dims->size[3], 0);
    assert_null(names[3]);
    dims->size[2] = sizes[0];
    dims->size[3] = sizes[1];
}

static void test_a_size_that_nobody_gives_is_named(void **state) {
    fixture *f = *state;
    char *path = written(f, "open.onnx");
    int64_t sizes[] = { 0, 12 };
    const clade_onnx_port *ports;
    const clade_onnx_options options = { .size = sizeof options, .settle = settle, .user = sizes };
    clade_onnx *network;
    rewrite(f, path, open_sizes);
    assert_int_equal(clade_onnx_read(f->context, path, &options, &network), CLADE_ERROR_INPUT);
    assert_non_null(strstr(clade_error(f->context), "input \"x\": the model leaves its size 2 (height) open"));
    assert_int_equal(clade_onnx_read(f->context, path, NULL, &network), CLADE_ERROR_INPUT);
    sizes[0] = 9;
    assert_good(f->context, clade_onnx_read(f->context, path, &options, &network));
    assert_int_equal(clade_onnx_inputs(network, &ports), 1);
    assert_int_equal(ports[0].dims.size[2], 9);
    clade_onnx_free(network);
    const clade_onnx_binding row = { .dims = clade_shape(1, 256) };
    const clade_onnx_options bound = { .size = sizeof bound, .bindings = &row, .binding_count = 1 };
    assert_int_equal(clade_onnx_read(f->context, path, &bound, &network), CLADE_ERROR_INPUT);
    assert_non_null(strstr(clade_error(f->context), "an array of rank 2; the model wants rank 4"));
    free(path);
}

/* ---- arrays in another file ---- */

static Onnx__StringStringEntryProto *entry(const char *key, const char *value) {
    Onnx__StringStringEntryProto *made = malloc(sizeof *made);
    assert_non_null(made);
    onnx__string_string_entry_proto__init(made);
    made->key = copied(key);
    made->value = copied(value);
    return made;
}

/* Puts every initialiser into one file, behind each other, with 8 bytes before the first. */
static void put_outside(fixture *f, Onnx__ModelProto *model) {
    FILE *file = fopen(scratch_path(&f->scratch, external), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite("8 bytes.", 1, 8, file), 8);
    for (size_t i = 0; i < model->graph->n_initializer; i++) {
        Onnx__TensorProto *tensor = model->graph->initializer[i];
        char offset[24], length[24];
        assert_true(tensor->has_raw_data);
        snprintf(offset, sizeof offset, "%ld", ftell(file));
        snprintf(length, sizeof length, "%zu", tensor->raw_data.len);
        assert_int_equal(fwrite(tensor->raw_data.data, 1, tensor->raw_data.len, file), tensor->raw_data.len);
        tensor->has_raw_data = 0;
        tensor->has_data_location = 1;
        tensor->data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
        tensor->external_data = malloc(3 * sizeof *tensor->external_data);
        assert_non_null(tensor->external_data);
        tensor->n_external_data = 3;
        tensor->external_data[0] = entry("location", external);
        tensor->external_data[1] = entry("offset", offset);
        tensor->external_data[2] = entry("length", length);
    }
    assert_int_equal(fclose(file), 0);
}

static void test_arrays_beside_the_model_are_read_and_not_trained_from(void **state) {
    fixture *f = *state;
    char *inside = written(f, "inside.onnx"), *outside = written(f, "outside.onnx"), *folder = path_in(f, "run");
    float wanted[10], got[10];
    rewrite(f, outside, put_outside);
    clade_network *first = opened(f, inside, NULL), *second = opened(f, outside, NULL);
    score(f, first, wanted);
    score(f, second, got);
    assert_memory_equal(got, wanted, sizeof wanted);
    const clade_network_options options = { .size = sizeof options, .image = { 1, 28, 28 } };
    clade_network_free(first);
    clade_network_free(second);

    /* What a run leaves must be whole, so the arrays have to come into the file first. */
    clade_train_options run = small_run(f, folder);
    clade_network *network = opened(f, outside, &options);
    assert_int_equal(clade_train_network(network, &run, NULL), CLADE_ERROR_INPUT);
    assert_non_null(strstr(clade_error(f->context), "keeps arrays in other files; `clade convert` makes one file"));
    const clade_onnx_result output = { "scores", clade_network_scores(network) };
    assert_good(f->context, clade_onnx_write(&output, 1, clade_network_weights(network), NULL, inside));
    clade_network_free(network);
    network = opened(f, inside, NULL);
    run.epochs = 1;
    assert_good(f->context, clade_train_network(network, &run, NULL));
    clade_network_free(network);
    free(folder);
    free(outside);
    free(inside);
}

static void climb(fixture *f, Onnx__ModelProto *model) {
    (void)f;
    set_text(&model->graph->initializer[0]->external_data[0]->value, "below/../../arrays.bin");
}

static void lie_about_the_place(fixture *f, Onnx__ModelProto *model) {
    (void)f;
    set_text(&model->graph->initializer[0]->external_data[1]->value, "8 and more");
}

static void lie_about_the_length(fixture *f, Onnx__ModelProto *model) {
    (void)f;
    set_text(&model->graph->initializer[0]->external_data[2]->value, "4096");
}

/* Dims of an exabyte, of which the file has nothing. */
static void lie_about_the_dims(fixture *f, Onnx__ModelProto *model) {
    Onnx__TensorProto *tensor = model->graph->initializer[0];
    (void)f;
    for (size_t i = 0; i < tensor->n_dims; i++)
        tensor->dims[i] = i == 0 ? INT64_C(1) << 58 : 1;
    set_text(&tensor->external_data[2]->value, "1152921504606846976");
}

static void test_arrays_that_are_not_there_are_refused(void **state) {
    static const struct {
        change *change;
        const char *words;
    } cases[] = {
        { climb, "not beside the model" },
        { lie_about_the_place, "are no numbers" },
        { lie_about_the_length, "4096 bytes of data" },
        { lie_about_the_dims, "bytes are wanted from byte 8 on" },
    };
    fixture *f = *state;
    clade_onnx *network;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *path = written(f, "outside.onnx");
        rewrite(f, path, put_outside);
        rewrite(f, path, cases[i].change);
        assert_int_equal(clade_onnx_read(f->context, path, NULL, &network), CLADE_ERROR_INPUT);
        if (strstr(clade_error(f->context), cases[i].words) == NULL)
            fail_msg("no \"%s\" in: %s", cases[i].words, clade_error(f->context));
        free(path);
    }
    char *path = written(f, "outside.onnx");
    rewrite(f, path, put_outside);
    assert_int_equal(remove(scratch_path(&f->scratch, external)), 0);
    assert_int_equal(clade_onnx_read(f->context, path, NULL, &network), CLADE_ERROR_INPUT);
    assert_non_null(strstr(clade_error(f->context), "arrays.bin: cannot open"));
    free(path);
}

/* ---- on several devices ---- */

/* PATH with a new head for the digits, everything else frozen, on DEVICES. */
static clade_train_result finetuned(fixture *f, const char *path, clade_device *const *devices, size_t count,
                                    const char *folder) {
    const clade_network_options options = { .size = sizeof options, .replace_head = true };
    clade_network *network = opened(f, path, &options);
    clade_layer_rule rules[3] = { { .states = NULL } };
    const char *const *head;
    clade_train_options run = small_run(f, folder);
    clade_train_result result;
    assert_good(f->context, clade_network_fit(network, f->train));
    assert_int_equal(clade_network_head(network, &head), 2);
    for (int i = 0; i < 2; i++)
        rules[i] = (clade_layer_rule){ .states = head[i], .rate = 1 };
    rules[2] = (clade_layer_rule){ .states = "*", .frozen = true };
    run.devices = devices;
    run.device_count = count;
    run.layer_rules = rules;
    run.layer_rule_count = 3;
    run.rate = 0.1;
    assert_good(f->context, clade_train_network(network, &run, &result));
    clade_network_free(network);
    return result;
}

static void assert_same_array(const clade_network *a, const clade_network *b, const char *name) {
    const clade_weight *lists[2];
    const size_t counts[] = { clade_weights_list(clade_network_weights(a), &lists[0]),
                              clade_weights_list(clade_network_weights(b), &lists[1]) };
    const clade_weight *found[2] = { NULL };
    for (int k = 0; k < 2; k++)
        for (size_t i = 0; i < counts[k]; i++)
            if (strcmp(lists[k][i].name, name) == 0) found[k] = &lists[k][i];
    assert_non_null(found[0]);
    assert_non_null(found[1]);
    assert_int_equal(found[0]->count, found[1]->count);
    assert_memory_equal(found[0]->data, found[1]->data, (size_t)found[0]->count * sizeof(float));
}

static void test_an_import_is_finetuned_on_several_devices_as_on_one(void **state) {
    fixture *f = *state;
    size_t index = 0;
    clade_device *devices[] = { f->device, NULL };
    char *path = written(f, "open.onnx"), *alone = path_in(f, "alone"), *shared = path_in(f, "shared");
    rewrite(f, path, open_sizes);
    assert_good(f->context, clade_device_choose(f->context, NULL, &index, NULL));
    assert_good(f->context, clade_device_open(f->context, index, &devices[1]));
    const clade_train_result one = finetuned(f, path, devices, 1, alone);
    const clade_train_result two = finetuned(f, path, devices, 2, shared);
    assert_int_equal(one.parameters, 6 * 10 + 10);
    assert_int_equal(two.parameters, one.parameters);
    assert_true(fabs(two.val_loss - one.val_loss) <= 1e-5 * one.val_loss);
    assert_true(two.train_loss < 2.3); /* it did learn: less than log 10 */

    const clade_network_options options = { .size = sizeof options, .image = { 1, 28, 28 } };
    clade_network *left = opened(f, shared, NULL), *file = opened(f, path, &options);
    assert_same_array(left, file, "conv.weight");
    assert_same_array(left, file, "conv.bias");
    clade_network_free(left);
    clade_network_free(file);
    clade_device_close(devices[1]);
    free(shared);
    free(alone);
    free(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_sizes_that_a_file_leaves_open_are_the_data_s, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sizes_may_be_given_in_every_way, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_shapes_that_are_made_of_an_open_batch, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_size_that_nobody_gives_is_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_arrays_beside_the_model_are_read_and_not_trained_from, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_arrays_that_are_not_there_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_import_is_finetuned_on_several_devices_as_on_one, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
