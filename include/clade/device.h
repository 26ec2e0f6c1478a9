/* Devices: every OpenCL device of every platform, what each can do, and which one would be used. */
#ifndef CLADE_DEVICE_H
#define CLADE_DEVICE_H

#include <stdbool.h>

#include "clade/context.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct clade_device clade_device;

/* The number of devices over all platforms, in the platforms' order: indices are 0 .. *count - 1. The list is read once
 * per context. CLADE_ERROR_DEVICE, with what to install, when no OpenCL loader or no platform is present. */
CLADE_API clade_status clade_device_count(clade_context *context, size_t *count);

/* The device table of one device: a row for each property that the device answers. */
typedef struct clade_property {
    const char *key;   /* "global_memory": a JSON key */
    const char *label; /* "global memory" */
    char text[1024];   /* "13.8 GiB": for people */
    bool is_number;    /* NUMBER holds the value in the unit that KEY is documented in (bytes, MHz, counts) */
    double number;
} clade_property;

/* Reads the properties of device INDEX; the array belongs to the context and lives as long as it. */
CLADE_API clade_status clade_device_properties(clade_context *context, size_t index, const clade_property **properties,
                                               size_t *count);

/* Which device CHOICE means. CHOICE is an index, a type ("gpu", "cpu", "accelerator"), or part of a name (of the device
 * or its platform, letters of either case); NULL means CLADE_DEVICE, and where that is unset the default: a GPU that
 * works (it is available, has a compiler, and runs a probe kernel right) before an accelerator before a CPU, the larger
 * (compute units x clock) first. *WHY, when not NULL, gets a phrase owned by the context that says why.
 * CLADE_ERROR_ARGUMENT names the choices when nothing fits or a part of a name fits devices unlike each other. */
CLADE_API clade_status clade_device_choose(clade_context *context, const char *choice, size_t *index, const char **why);

/* Opens a device: an OpenCL context and one in-order queue. Free with clade_device_close(), after everything on it. */
CLADE_API clade_status clade_device_open(clade_context *context, size_t index, clade_device **device);
CLADE_API void clade_device_close(clade_device *device);

/* One device of a list: the whole of device INDEX, or one of the equal parts into which it is cut, a sub-device by
 * itself. */
typedef struct clade_device_pick {
    size_t index;
    size_t part, parts; /* part 0 .. PARTS - 1; of 1 part: the whole */
} clade_device_pick;

enum { CLADE_MAX_PICKS = 64 };

/* The devices that CHOICES means: a choice as above or several with commas between; "all" for every device that works. A
 * choice with "/K" behind it is the K equal parts of what it means without ("0/2": both halves of device 0), with "/K:J"
 * part J of them alone, counted from 0. NULL means CLADE_DEVICE, and where that is unset the default. PICKS has room for
 * CLADE_MAX_PICKS. CLADE_ERROR_ARGUMENT, with the choices, when one fits nothing, a device comes twice, or it cannot be
 * cut so. */
CLADE_API clade_status clade_device_choose_list(clade_context *context, const char *choices, clade_device_pick picks[],
                                                size_t *count);
CLADE_API clade_status clade_device_open_pick(clade_context *context, const clade_device_pick *pick,
                                              clade_device **device);

/* Its name; of a part with "(part 1 of 2)" behind. */
CLADE_API const char *clade_device_name(const clade_device *device);

/* Device memory of this device handle, in bytes. */
typedef struct clade_memory_statistics {
    size_t in_use, peak; /* allocated through Clade now, and the most so far */
    size_t buffers;      /* buffers alive */
    size_t total;        /* what the device says it has */
    size_t largest;      /* the largest single allocation it allows */
} clade_memory_statistics;
CLADE_API clade_memory_statistics clade_device_memory(const clade_device *device);
/* Refuses allocations from now on that would bring what is in use above BYTES (0: what the device has). */
CLADE_API void clade_device_limit_memory(clade_device *device, size_t bytes);

#ifdef __cplusplus
}
#endif
#endif
