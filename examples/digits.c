/* A small network of your own, trained on digits that Clade draws: the whole way from a context to an accuracy.
 * Needs an OpenCL device. Prints one line. */
#include <clade/clade.h>

#include <stdio.h>

/* Two convolutions and a classifier for 28x28 images of ten classes. */
static clade_value network(clade_value image) {
    clade_value x = image;
    x = clade_conv2d(x, .filters = 16, .kernel = { 3, 3 }, .pad = { 1, 1, 1, 1 }, .name = "conv1");
    x = clade_batch_norm(x);
    x = clade_relu(x);
    x = clade_max_pool(x, .kernel = { 2, 2 });
    x = clade_conv2d(x, .filters = 32, .kernel = { 3, 3 }, .pad = { 1, 1, 1, 1 }, .name = "conv2");
    x = clade_batch_norm(x);
    x = clade_relu(x);
    x = clade_max_pool(x, .kernel = { 2, 2 });
    return clade_dense(x, .units = 10, .name = "fc");
}

static clade_status train(clade_graph *graph, clade_device *device, clade_dataset *training, clade_dataset *test,
                          clade_train_result *result) {
    clade_value image = clade_input(graph, "image", CLADE_F32, clade_shape(CLADE_BATCH, 1, 28, 28));
    clade_value label = clade_input(graph, "label", CLADE_I32, clade_shape(CLADE_BATCH));
    clade_value scores = network(image);
    clade_value loss = clade_softmax_cross_entropy(scores, label);

    clade_trainer *trainer;
    clade_status status = clade_trainer_new(graph, loss,
                                            &(clade_train_options){ .size = sizeof(clade_train_options),
                                                                    .devices = &device,
                                                                    .device_count = 1,
                                                                    .train = training,
                                                                    .test = test,
                                                                    .optimizer = CLADE_SGD,
                                                                    .rate = 0.01,
                                                                    .momentum = 0.9,
                                                                    .epochs = 1,
                                                                    .scores = scores },
                                            &trainer);
    if (status != CLADE_OK) return status;
    status = clade_trainer_run(trainer, result);
    clade_trainer_free(trainer);
    return status;
}

int main(int argc, char **argv) {
    clade_context *context = clade_context_new(NULL);
    if (context == NULL) return 1;
    clade_device *device = NULL;
    clade_dataset *training = NULL, *test = NULL;
    clade_graph *graph = NULL;
    clade_train_result result;

    size_t index;
    clade_status status = clade_device_choose(context, NULL, &index, NULL);
    if (status == CLADE_OK) status = clade_device_open(context, index, &device);
    if (status == CLADE_OK)
        status = clade_dataset_open(context, argc > 1 ? argv[1] : "digits:2000,500", &training, &test);
    if (status == CLADE_OK) graph = clade_graph_new(context);
    if (status == CLADE_OK && graph == NULL) status = CLADE_ERROR_MEMORY;
    if (status == CLADE_OK) status = train(graph, device, training, test, &result);

    if (status == CLADE_OK)
        printf("%s: %.1f %% of the test digits after %lld steps\n", result.device, 100 * result.val_accuracy,
               (long long)result.steps);
    else
        fprintf(stderr, "%s: %s\n", clade_status_text(status), clade_error(context));

    clade_graph_free(graph);
    clade_dataset_free(test);
    clade_dataset_free(training);
    clade_device_close(device);
    clade_context_free(context);
    return status == CLADE_OK ? 0 : 1;
}
