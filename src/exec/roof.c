/* The roof of a device, measured by kernels/roof.cl: multiply-adds without memory, and copying without arithmetic. Times
 * are the host's, around enough launches that the waiting does not count; the best counts, since others may be busy. */
#include "base/thread.h"
#include "exec/inspect.h"

enum { CHAINS = 16, COPY_BYTES = 128 << 20, VECTOR_BYTES = 16 };
enum { TRIES = 25 };
static const double least_seconds = 0.01; /* of a try: long against a launch, short against what else runs */

/* How the multiply-adds are spread: a work-item per group with wide vectors where groups run on cores, else many small
 * work-items. */
typedef struct spread {
    const char *options;
    size_t width; /* floats in a vector */
    size_t global, local;
    int rounds;
} spread;

static spread spread_for(const clade_capabilities *can) {
    size_t units = can->compute_units;
    if (can->is_cpu) return (spread){ "-DV=float16 -DFAST_FMA", 16, units * 16, 1, 65536 };
    size_t local = can->max_group_size < 256 ? can->max_group_size : 256;
    return (spread){ "-DV=float", 1, units * local * 32, local, 1024 };
}

/* Seconds of one enqueueing of COMMANDS, the best of the tries. */
static clade_status best_seconds(clade_device *device, clade_commands *commands, double *best) {
    clade_status status = clade_commands_enqueue(commands);
    if (status == CLADE_OK) status = clade_device_finish(device);
    int repeats = 1;
    *best = 0;
    for (int good = 0; good < TRIES && status == CLADE_OK;) {
        double start = clade_clock_seconds();
        for (int i = 0; i < repeats && status == CLADE_OK; i++)
            status = clade_commands_enqueue(commands);
        if (status == CLADE_OK) status = clade_device_finish(device);
        double seconds = clade_clock_seconds() - start;
        if (seconds < least_seconds && repeats < 1 << 20) {
            repeats *= 2;
            continue;
        }
        good++;
        if (*best == 0 || seconds / repeats < *best) *best = seconds / repeats;
    }
    return status;
}

static clade_status measure_multiply_adds(clade_device *device, double *per_second) {
    const spread s = spread_for(&device->capabilities);
    clade_buffer out = { 0 };
    clade_commands *commands = NULL;
    double seconds = 1;
    clade_status status = clade_buffer_new(device, s.global * s.width * sizeof(float), "the roof's results", &out);
    if (status == CLADE_OK) status = clade_commands_new(device, &commands);
    const clade_argument arguments[] = { clade_buffer_argument(&out), clade_float_argument(0.5f),
                                         clade_float_argument(0.25f), clade_int_argument(s.rounds) };
    const clade_launch launch = { .file = "roof.cl",
                                  .options = s.options,
                                  .kernel = "multiply_adds",
                                  .label = "roof multiply-adds",
                                  .global = { s.global },
                                  .local = { s.local, 1, 1 },
                                  .arguments = arguments,
                                  .argument_count = sizeof arguments / sizeof *arguments };
    if (status == CLADE_OK) status = clade_commands_launch(commands, &launch);
    if (status == CLADE_OK) status = best_seconds(device, commands, &seconds);
    *per_second = 2.0 * CHAINS * s.rounds * (double)(s.global * s.width) / seconds;
    clade_commands_free(commands);
    clade_buffer_free(&out);
    return status;
}

static clade_status measure_copy(clade_device *device, double *per_second) {
    const clade_capabilities *can = &device->capabilities;
    size_t bytes = COPY_BYTES;
    while (bytes > VECTOR_BYTES * 1024 && (bytes > can->largest_allocation || bytes > can->global_memory / 8))
        bytes /= 2;
    clade_buffer from = { 0 }, to = { 0 };
    clade_commands *commands = NULL;
    double seconds = 1;
    clade_status status = clade_buffer_new(device, bytes, "the roof's source", &from);
    if (status == CLADE_OK) status = clade_buffer_new(device, bytes, "the roof's copy", &to);
    if (status == CLADE_OK) status = clade_buffer_fill(&from, 0);
    if (status == CLADE_OK) status = clade_commands_new(device, &commands);
    size_t count = bytes / VECTOR_BYTES, local = can->max_group_size < 256 ? can->max_group_size : 256;
    const clade_argument arguments[] = { clade_buffer_argument(&from), clade_buffer_argument(&to),
                                         clade_int_argument((int64_t)count) };
    const clade_launch launch = { .file = "roof.cl",
                                  .options = "-DV=float",
                                  .kernel = "copy",
                                  .label = "roof copy",
                                  .global = { count },
                                  .local = { local, 1, 1 },
                                  .arguments = arguments,
                                  .argument_count = sizeof arguments / sizeof *arguments };
    if (status == CLADE_OK) status = clade_commands_launch(commands, &launch);
    if (status == CLADE_OK) status = best_seconds(device, commands, &seconds);
    *per_second = 2.0 * (double)bytes / seconds;
    clade_commands_free(commands);
    clade_buffer_free(&from);
    clade_buffer_free(&to);
    return status;
}

clade_status clade_device_roof(clade_device *device, clade_roof *roof) {
    *roof = (clade_roof){ .flops = 0 };
    clade_status status = measure_multiply_adds(device, &roof->flops);
    return status == CLADE_OK ? measure_copy(device, &roof->bytes) : status;
}
