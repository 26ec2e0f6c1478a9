/* clade bench: a matrix product, a convolution or another layer and its gradients, a training step, or inference, timed. */
#include "report.h"
#include "workload.h"

#include <stdio.h>
#include <string.h>

typedef struct arguments {
    bool json;
    const char *device;
    int64_t batch, steps, memory;
} arguments;

/* ---- reports ---- */

static const char *const conv_keys[CLADE_CONV_DIRECTIONS] = { "forward", "backward_data", "backward_filter" };

static json open_report(const char *work, clade_device *device) {
    json report = json_new();
    json_text(&report, report.root, "work", work);
    json_text(&report, report.root, "device", clade_device_name(device));
    return report;
}

static void add_times(json *report, const clade_bench_result *result) {
    json_number(report, report->root, "min_ms", result->times.min * 1e3);
    json_number(report, report->root, "median_ms", result->times.median * 1e3);
    json_number(report, report->root, "steps", (double)result->times.steps);
    json_text(report, report->root, "implementation", result->implementation);
}

static void print_times(const char *what, const clade_bench_result *result, const char *rate) {
    printf("%-16s min %s, median %s of %lld steps, %s by %s\n", what, words_seconds(result->times.min),
           words_seconds(result->times.median), (long long)result->times.steps, rate, result->implementation);
}

/* ---- the kinds of work ---- */

static outcome bench_gemm(const invocation *call, clade_device *device, const clade_bench_options *options) {
    const arguments *given = call->arguments;
    int64_t size[3];
    clade_bench_result result;
    outcome read = read_sizes(call, 3, -1, size);
    if (read != DONE) return read;
    if (clade_bench_gemm(device, size[0], size[1], size[2], options, &result) != CLADE_OK) return failed(call);
    if (given->json) {
        json report = open_report("gemm", device);
        add_times(&report, &result);
        json_number(&report, report.root, "gflops", result.flops / result.times.min * 1e-9);
        return json_print(&report) ? DONE : FAILED;
    }
    print_times("gemm", &result, words_rate(result.flops / result.times.min, "FLOP/s"));
    return DONE;
}

static outcome bench_conv(const invocation *call, clade_device *device, const clade_bench_options *options) {
    const arguments *given = call->arguments;
    clade_conv_shape shape;
    clade_bench_result results[CLADE_CONV_DIRECTIONS];
    outcome read = read_conv_shape(call, &shape);
    if (read != DONE) return read;
    if (clade_bench_conv(device, &shape, options, results) != CLADE_OK) return failed(call);
    if (!given->json) {
        for (int i = 0; i < CLADE_CONV_DIRECTIONS; i++)
            print_times(conv_keys[i], &results[i], words_rate(results[i].flops / results[i].times.min, "FLOP/s"));
        return DONE;
    }
    json report = open_report("conv", device);
    for (int i = 0; i < CLADE_CONV_DIRECTIONS; i++) {
        char key[48];
        snprintf(key, sizeof key, "%s_ms", conv_keys[i]);
        json_number(&report, report.root, key, results[i].times.min * 1e3);
        snprintf(key, sizeof key, "%s_median_ms", conv_keys[i]);
        json_number(&report, report.root, key, results[i].times.median * 1e3);
        snprintf(key, sizeof key, "%s_steps", conv_keys[i]);
        json_number(&report, report.root, key, (double)results[i].times.steps);
        snprintf(key, sizeof key, "%s_gflops", conv_keys[i]);
        json_number(&report, report.root, key, results[i].flops / results[i].times.min * 1e-9);
        snprintf(key, sizeof key, "%s_implementation", conv_keys[i]);
        json_text(&report, report.root, key, results[i].implementation);
    }
    json_text(&report, report.root, "implementation", results[CLADE_CONV_FORWARD].implementation);
    return json_print(&report) ? DONE : FAILED;
}

/* NAME N C H W, and of a pooling KERNEL STRIDE PAD. */
static outcome read_layer(const invocation *call, clade_layer_shape *shape) {
    enum { DIMS = 4, SIZES = 7, PAD = 6 };
    const char *name = call->operands[1];
    const int count = clade_bench_layer_has_windows(name) ? SIZES : DIMS;
    int64_t size[SIZES] = { 0 };
    size_t index = 0;
    while (clade_bench_layer_name(index) != NULL && strcmp(clade_bench_layer_name(index), name) != 0)
        index++;
    if (clade_bench_layer_name(index) == NULL) {
        char known[256] = "";
        for (size_t i = 0; clade_bench_layer_name(i) != NULL; i++)
            snprintf(known + strlen(known), sizeof known - strlen(known), " %s", clade_bench_layer_name(i));
        return wrong_usage(call->command, "unknown layer \"%.100s\"; it is one of%s", name, known);
    }
    if (call->operand_count != count + 2)
        return wrong_usage(call->command, "%s wants N C H W%s", name, count == SIZES ? " KERNEL STRIDE PAD" : "");
    invocation sizes = *call;
    sizes.operands++;
    outcome read = read_sizes(&sizes, count, PAD, size);
    *shape = (clade_layer_shape){ size[0], size[1], size[2], size[3], size[4], size[5], size[PAD] };
    return read;
}

static outcome bench_layer(const invocation *call, clade_device *device, const clade_bench_options *options) {
    const arguments *given = call->arguments;
    clade_layer_shape shape;
    clade_bench_result forward, both;
    outcome read = read_layer(call, &shape);
    if (read != DONE) return read;
    if (clade_bench_layer(device, call->operands[1], &shape, options, &forward, &both) != CLADE_OK) return failed(call);
    if (!given->json) {
        printf("%-16s forward min %s, with backward min %s, median %s and %s\n", call->operands[1],
               words_seconds(forward.times.min), words_seconds(both.times.min), words_seconds(forward.times.median),
               words_seconds(both.times.median));
        return DONE;
    }
    json report = open_report("layer", device);
    json_text(&report, report.root, "layer", call->operands[1]);
    json_number(&report, report.root, "forward_ms", forward.times.min * 1e3);
    json_number(&report, report.root, "backward_ms", (both.times.min - forward.times.min) * 1e3);
    json_number(&report, report.root, "step_ms", both.times.min * 1e3);
    json_number(&report, report.root, "forward_median_ms", forward.times.median * 1e3);
    json_number(&report, report.root, "step_median_ms", both.times.median * 1e3);
    json_number(&report, report.root, "steps", (double)both.times.steps);
    return json_print(&report) ? DONE : FAILED;
}

static outcome bench_model(const invocation *call, clade_device *device, const clade_bench_options *options,
                           bool training) {
    const arguments *given = call->arguments;
    const clade_model *model = find_model(call, call->operands[1]);
    if (model == NULL) return WRONG_USAGE;
    int64_t batch = given->batch > 0 ? given->batch : model->recipe.batch;
    workload w;
    clade_bench_result result = { .flops = 0 };
    outcome ended = workload_open(call, model, device, batch, training, &w);
    if (ended == DONE && clade_bench_run(w.session, &w.run, options, &result) != CLADE_OK) ended = failed(call);
    double images = ended == DONE ? (double)batch / result.times.median : 0;
    if (ended == DONE && given->json) {
        json report = open_report(training ? "train" : "infer", device);
        json_text(&report, report.root, "model", model->name);
        json_number(&report, report.root, "batch", (double)batch);
        add_times(&report, &result);
        json_number(&report, report.root, "parameters", (double)clade_session_parameter_count(w.session));
        json_number(&report, report.root, "images_per_second", images);
        json_number(&report, report.root, "peak_device_bytes", (double)clade_device_memory(device).peak);
        if (!json_print(&report)) ended = FAILED;
    } else if (ended == DONE) {
        char rate[64];
        snprintf(rate, sizeof rate, "%s images/s", words_count(images));
        print_times(model->name, &result, rate);
    }
    workload_close(&w);
    return ended;
}

static outcome bench_training(const invocation *call, clade_device *device, const clade_bench_options *options) {
    return bench_model(call, device, options, true);
}

static outcome bench_inference(const invocation *call, clade_device *device, const clade_bench_options *options) {
    return bench_model(call, device, options, false);
}

/* The kinds of work, with what each wants after its name and how long it is measured. */
static const struct {
    const char *name, *operands;
    int operand_count; /* -1: more than one number, which the work looks at itself */
    double seconds;
    outcome (*run)(const invocation *call, clade_device *device, const clade_bench_options *options);
} works[] = {
    { "gemm", "M N K", 3, 2, bench_gemm },
    { "conv", "N C H W K R S STRIDE PAD GROUPS", 10, 0.7, bench_conv },
    { "layer", "NAME N C H W [KERNEL STRIDE PAD]", -1, 1, bench_layer },
    { "train", "MODEL", 1, 2, bench_training },
    { "infer", "MODEL", 1, 2, bench_inference },
};

static outcome run(invocation *call) {
    const arguments *given = call->arguments;
    for (size_t i = 0; i < sizeof works / sizeof works[0]; i++) {
        if (strcmp(works[i].name, call->operands[0]) != 0) continue;
        if (works[i].operand_count < 0 ? call->operand_count < 2 : call->operand_count != works[i].operand_count + 1)
            return wrong_usage(call->command, "%s wants %s", works[i].name, works[i].operands);
        const clade_bench_options options = { .size = sizeof options,
                                              .steps = given->steps,
                                              .seconds = works[i].seconds };
        clade_device *device = NULL;
        outcome result = open_device(call, given->device, &device);
        if (result == DONE && given->memory > 0) clade_device_limit_memory(device, (size_t)given->memory);
        if (result == DONE) result = works[i].run(call, device, &options);
        clade_device_close(device);
        return result;
    }
    return wrong_usage(call->command, "unknown work \"%.100s\"; it is gemm, conv, layer, train or infer",
                       call->operands[0]);
}

static const option options[] = {
    { "--batch", OPTION_INTEGER, offsetof(arguments, batch), "N", 1, "images in a step; default the recipe's" },
    { "--steps", OPTION_INTEGER, offsetof(arguments, steps), "N", 1,
      "steps timed; default at least 5, and at least 2 seconds" },
    { "--memory", OPTION_BYTES, offsetof(arguments, memory), "BYTES", 1,
      "most device memory to use: a training step that does not fit computes values again in backward" },
    OPTION_DEVICE(arguments),
    OPTION_JSON(arguments),
    OPTIONS_END,
};

const command command_bench = {
    .name = "bench",
    .operands = "gemm M N K | conv N C H W K R S STRIDE PAD GROUPS | layer NAME N C H W [KERNEL STRIDE PAD] | "
                "train MODEL | infer MODEL",
    .title = "a matrix product, a convolution, a layer, a training step or inference, timed",
    .details =
        "A layer is one of those that `clade bench layer` lists, on x of N x C x H x W, poolings with a window; it is "
        "timed "
        "alone, and together with its gradients. Each step is timed to its completion on the device, after "
        "three that are not counted. Compiling is "
        "outside. Training is whole steps with the update (SGD, momentum 0.9, weight decay 1e-4) on drawn images.",
    .operand_minimum = 1,
    .operand_maximum = 11,
    .options = options,
    .arguments_size = sizeof(arguments),
    .run = run,
};
