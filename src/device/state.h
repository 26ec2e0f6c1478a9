/* What the files of the device room share and no other room sees: the state behind clade_opencl, the list of devices,
 * and the steps between those files. */
#ifndef CLADE_DEVICE_STATE_H
#define CLADE_DEVICE_STATE_H

#include "base/library.h"
#include "base/thread.h"
#include "device/device.h"
#include "device/passage.h"

#include <stdatomic.h>

/* One device of the list, as it stood when the list was read. */
typedef struct clade_device_record {
    cl_platform_id platform;
    cl_device_id id;
    cl_device_type type;
    char name[256], platform_name[256];
    bool usable;    /* available, with a compiler, little-endian */
    double size;    /* compute units x MHz: ranks devices of one type */
    bool candidate; /* in a choice being made: not tried yet */
    bool probed;    /* whether the probe kernel was tried, and how that went */
    clade_status probe_status;
    clade_property *properties; /* NULL until asked for */
    size_t property_count;
} clade_device_record;

/* CLBlast's entry points and what is known of it (clblast.c). */
typedef struct clade_clblast clade_clblast;

/* A device that is to be lost or to hang (opencl_faults.c). */
typedef struct clade_device_fault {
    const clade_device *device; /* NULL: no fault */
    uint64_t enqueues;          /* that go well yet */
    bool hangs, happened;
    cl_event released; /* what a hanging queue waits for */
} clade_device_fault;

enum { CLADE_MAX_FAULTS = 8 };

struct clade_opencl {
    clade_context *context;
    clade_library library;
    bool trace;
    atomic_uint_fast64_t calls[CLADE_CL_COUNT];
    atomic_uint_fast64_t blocking, bytes_read, creations;
    atomic_int_fast64_t objects; /* made or retained, and not yet released */
    atomic_int_fast64_t until_failure;
    atomic_int failure_code;
    atomic_bool failed;
    clade_mutex lock;
    /* Under the lock: */
    clade_device_fault faults[CLADE_MAX_FAULTS];
    clade_shared_lock launching; /* held together by who enqueues, alone by who runs a list for the first time */
    clade_device *open;          /* chained; changed by who holds LAUNCHING alone */
    atomic_int open_count;
    clade_device *lost; /* devices that were closed without an answer, chained */
    /* Not under it: */
    atomic_int armed; /* faults that are set */
    clade_device_record *devices;
    size_t device_count;
    bool devices_read;
    char *why; /* the phrase of the latest clade_device_choose() */
    clade_clblast *clblast;
#define CLADE_CL_POINTER(NAME, KIND, RESULT, PARAMETERS, ARGUMENTS, NOTE) RESULT(CL_API_CALL *NAME) PARAMETERS;
    CLADE_OPENCL_CALLS(CLADE_CL_POINTER)
#undef CLADE_CL_POINTER
};

/* ---- opencl_faults.c ---- */

/* What CALL on the object ON comes to where a fault is set for its device; CL_SUCCESS: it goes to the driver. */
cl_int clade_opencl_fault_of(clade_opencl *opencl, clade_opencl_call call, const void *on);
/* Takes away what was set for DEVICE. */
void clade_device_forget_faults(clade_device *device);

/* ---- platform.c ---- */

/* Reads the list of devices at first need. */
clade_status clade_devices_read(clade_context *context, clade_opencl **opencl);
/* The record of device INDEX, or CLADE_ERROR_ARGUMENT. */
clade_status clade_devices_get(clade_context *context, size_t index, clade_device_record **record);
void clade_devices_free(clade_opencl *opencl);
/* A text property into TEXT, cut to fit, without trailing blanks. */
cl_int clade_device_text(clade_opencl *opencl, cl_device_id id, cl_device_info name, char *text, size_t size);

/* ---- choose.c ---- */

/* Whether device INDEX runs the probe kernel right; tried once per context. */
bool clade_device_works(clade_context *context, size_t index);

/* ---- parts.c ---- */

/* CLADE_ERROR_ARGUMENT when the device of RECORD cannot be cut into PARTS equal parts. */
clade_status clade_device_check_parts(clade_context *context, const clade_device_record *record, size_t parts);
/* Sub-device PART of PARTS; the caller releases it. */
clade_status clade_device_cut(clade_context *context, const clade_device_record *record, size_t part, size_t parts,
                              cl_device_id *id);

/* ---- capabilities.c ---- */

clade_status clade_capabilities_read(clade_device *device);

/* ---- probe.c ---- */

/* Runs kernels/probe.cl and compares every number: whether the device computes at all. */
clade_status clade_device_probe(clade_device *device);
/* Times a launch on a profiling queue: whether its timestamps can be believed. */
clade_status clade_device_probe_profiling(clade_device *device, bool *works);

/* ---- device.c ---- */

/* Closes what was given up and has answered since; leaves the rest as it is. */
void clade_devices_bury(clade_opencl *opencl);

/* ---- memory.c ---- */

clade_status clade_memory_new(clade_device *device);
void clade_memory_free(clade_device *device);

/* ---- program.c ---- */

clade_status clade_programs_new(clade_device *device);
void clade_programs_free(clade_device *device);
/* Puts what was compiled onto the disk: when the device is closed, and nothing is under way. PoCL's binaries hold the
 * code of those work-group sizes that have run, and a start from such a binary takes 2 ms where one made right after the
 * build takes 40; and asked for a binary, PoCL compiles each kernel of the program once more, which no step should wait
 * for. Never fails: a cache that cannot be written is only slower. */
void clade_programs_save(clade_device *device);

/* ---- program_cache.c ---- */

/* What a disk entry stands under: SHA-256 of everything that decides the binary. */
typedef struct clade_program_key {
    uint8_t digest[32];
} clade_program_key;

/* IDENTITY: device, driver and platform in words. */
clade_program_key clade_program_key_of(const char *identity, const char *source, const char *options);
/* The folder of program binaries; NULL when the disk cache is off. The caller frees. */
char *clade_program_cache_folder(clade_context *context);
/* The entry of KEY in FOLDER. False when there is none, with *DAMAGED telling whether there was one that could not be
 * used. The caller frees *BINARY. */
bool clade_program_cache_load(clade_context *context, const char *folder, const clade_program_key *key,
                              unsigned char **binary, size_t *bytes, bool *damaged);
void clade_program_cache_store(clade_context *context, const char *folder, const clade_program_key *key,
                               const unsigned char *binary, size_t bytes);

/* ---- launch.c ---- */

/* A launch made ready: a kernel of its own, its arguments set, its sizes settled and checked. */
typedef struct clade_ready_launch {
    cl_kernel kernel;
    size_t global[3], local[3];
} clade_ready_launch;

/* On failure nothing is left to release. */
clade_status clade_launch_prepare(clade_device *device, const clade_launch *launch, clade_ready_launch *ready);

/* ---- commands.c ---- */

clade_device *clade_commands_device(const clade_commands *commands);
/* Whether the list only tells what would be in it; tells of LAUNCH (NULL: nothing) if so. */
bool clade_commands_sketched(clade_commands *commands, const clade_launch *launch);

/* Appends a call before which the list stops until the passage that PASSAGE finds in its data has arrived. */
clade_status clade_commands_take(clade_commands *commands, const char *label,
                                 clade_status (*call)(clade_device *device, void *data), const void *data, size_t bytes,
                                 clade_passage *(*passage)(const void *data));

/* ---- reduction.c ---- */

/* What a list sends under one number: a place in host memory, and the ticket that tells when it is all there. */
typedef struct clade_reduction clade_reduction;
/* The chain of a list's reductions, for reduction.c to add to; freed with the list. */
clade_reduction **clade_commands_reductions(clade_commands *commands);
void clade_reductions_free(clade_reduction *chain);
/* After a run that failed: gives back what is mapped. */
void clade_reductions_break_off(clade_reduction *chain);
/* Waits likewise for every other open device of DEVICE's platform, and does not care how that ends. */
void clade_device_settle_others(const clade_device *device);

/* ---- clblast.c ---- */

clade_status clade_clblast_new(clade_opencl *opencl);
void clade_clblast_free(clade_opencl *opencl);
/* Releases what CLBlast keeps of a device about to be closed. */
void clade_clblast_forget(clade_device *device);

#endif
