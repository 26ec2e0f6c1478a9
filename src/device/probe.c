/* Trying a device: does it compute, and can its clock be believed? Both by kernels/probe.cl. */
#include "device/state.h"

#include "base/thread.h"

enum { ITEMS = 4096, GROUP = 64, TIMED_ITEMS = 1 << 14 };
static const float scale = 2.5f;

static uint32_t mixed(uint32_t i) {
    uint32_t h = i * 2654435761u;
    return h ^ (h >> 15);
}

/* What the kernel must give for item I in groups of SIZE. All floats here are exact. */
static uint32_t expected(uint32_t i, uint32_t size) {
    uint32_t first = i / size * size;
    uint32_t mirrored = first + (size - 1 - (i - first));
    return mixed(mirrored) + (uint32_t)((float)(i & 1023u) * scale + 0.5f);
}

/* The largest group up to GROUP that the device allows, as a power of two: every count of items divides by it. */
static size_t group_of(const clade_device *device) {
    size_t most = device->capabilities.max_group_size, size = GROUP;
    if (device->capabilities.max_group_sizes[0] < most) most = device->capabilities.max_group_sizes[0];
    while (size > most && size > 1)
        size /= 2;
    return size;
}

/* The probe over ITEMS into OUT, as a list of one command. */
static clade_status record(clade_device *device, const clade_buffer *out, size_t items, clade_commands **commands) {
    const size_t group = group_of(device);
    const clade_argument arguments[] = { clade_buffer_argument(out), clade_local_argument(group * sizeof(uint32_t)),
                                         clade_float_argument(scale) };
    const clade_launch launch = { .file = "probe.cl",
                                  .kernel = "probe",
                                  .label = "probe",
                                  .global = { items },
                                  .local = { group, 1, 1 },
                                  .arguments = arguments,
                                  .argument_count = 3 };
    clade_status status = clade_commands_new(device, commands);
    if (status == CLADE_OK) status = clade_commands_launch(*commands, &launch);
    return status;
}

clade_status clade_device_probe(clade_device *device) {
    static const char what[] = "the probe";
    uint32_t *got = clade_allocate(device->context, ITEMS, sizeof *got);
    if (got == NULL) return clade_fail_memory(device->context, ITEMS * sizeof *got, what);
    clade_buffer out = { 0 };
    clade_commands *commands = NULL;
    clade_status status = clade_buffer_new(device, ITEMS * sizeof *got, what, &out);
    if (status == CLADE_OK) status = record(device, &out, ITEMS, &commands);
    if (status == CLADE_OK) status = clade_commands_enqueue(commands);
    if (status == CLADE_OK) status = clade_buffer_read(&out, 0, got, ITEMS * sizeof *got);
    const uint32_t group = (uint32_t)group_of(device);
    for (uint32_t i = 0; i < ITEMS && status == CLADE_OK; i++)
        if (got[i] != expected(i, group))
            status = clade_fail(device->context, CLADE_ERROR_DEVICE,
                                "%s computes wrongly: item %u of the probe kernel gave %u instead of %u", device->name,
                                i, got[i], expected(i, group));
    clade_commands_free(commands);
    clade_buffer_free(&out);
    clade_free(device->context, got);
    return status;
}

/* The device's time of the second of two equal launches (the first may compile), and the host's around it. */
static clade_status time_launch(clade_device *device, const clade_buffer *out, double *by_device, double *by_host) {
    clade_commands *commands = NULL;
    clade_command_time time;
    clade_status status = record(device, out, TIMED_ITEMS, &commands);
    if (status == CLADE_OK) status = clade_commands_time(commands, &time);
    device->capabilities.profiling_works = true;
    *by_host = clade_clock_seconds();
    if (status == CLADE_OK) status = clade_commands_time(commands, &time);
    *by_host = clade_clock_seconds() - *by_host;
    device->capabilities.profiling_works = false;
    *by_device = time.seconds;
    clade_commands_free(commands);
    return status;
}

clade_status clade_device_probe_profiling(clade_device *device, bool *works) {
    clade_buffer out = { 0 };
    double by_device = 0, by_host = 0;
    clade_status status = clade_buffer_new(device, TIMED_ITEMS * sizeof(uint32_t), "the probe of the clock", &out);
    if (status == CLADE_OK) status = time_launch(device, &out, &by_device, &by_host);
    clade_buffer_free(&out);
    /* No device starts and ends some 256 groups with a barrier in 100 ns; rusticl (Mesa 22.3) answers 1 ns. */
    *works = status == CLADE_OK && by_device > 100e-9 && by_device < 1.5 * by_host + 1e-3;
    return status;
}
