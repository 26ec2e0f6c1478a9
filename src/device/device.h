/* An open device: capabilities, OpenCL context, one in-order queue (and one for transfers), memory, programs, commands.
 *
 * Memory: clade_buffer_new() allocates; clade_buffer_slice() cuts a sub-buffer out of a buffer, at an offset that is a
 * multiple of clade_capabilities.slice_alignment. Programs: compiled at first need, kept in memory for the device's
 * life and on disk across runs. Commands: a list of launches prepared once (kernels with their arguments set, local
 * memory and group sizes checked against the limits) and enqueued many times without another OpenCL object. */
#ifndef CLADE_DEVICE_DEVICE_H
#define CLADE_DEVICE_DEVICE_H

#include "clade/device.h"
#include "device/opencl.h"

#include <stdatomic.h>

/* What a device can do. Kernels and their choice depend on these and never on a vendor's name. */
typedef struct clade_capabilities {
    cl_device_type type;
    /* A CPU that takes wide vectors: groups of one work-item, blocking for caches. A driver that runs work-items as the
     * lanes of its vectors answers a vector width of 1 (llvmpipe): what suits a GPU suits that. */
    bool is_cpu;
    bool local_memory_is_memory; /* CL_DEVICE_LOCAL_MEM_TYPE is CL_GLOBAL: local memory costs no less than global */
    bool unified_memory;         /* host and device share memory */
    bool fp64, fp16;
    unsigned compute_units;
    size_t max_group_size; /* work-items in a group */
    size_t max_group_sizes[3];
    size_t preferred_multiple; /* preferred multiple of a group's size; 1 when unknown */
    size_t local_memory;       /* bytes for a group */
    size_t global_memory, largest_allocation;
    size_t slice_alignment; /* bytes: CL_DEVICE_MEM_BASE_ADDR_ALIGN, at least 128 */
    unsigned float_vector;  /* native vector width of float; at least 1 */
    bool subgroups;
    bool profiling_works; /* a probe's timestamps were plausible (rusticl answers 1 ns) */
} clade_capabilities;

struct clade_device {
    clade_context *context;
    clade_opencl *opencl;
    clade_capabilities capabilities;
    cl_platform_id platform;
    cl_device_id id;
    cl_context cl_context;
    cl_command_queue queue;     /* in order; profiling when the device was opened so */
    cl_command_queue transfers; /* in order; NULL until clade_buffer_enqueue_upload() needs it */
    char name[256], platform_name[256], driver[256];
    char title[320];        /* the name for people: of a part, which */
    bool is_part;           /* ID is a sub-device, owned */
    clade_device_pick pick; /* that it was opened by */
    bool profiling;
    struct clade_memory *memory;     /* statistics; src/device/memory.c */
    struct clade_programs *programs; /* src/device/program.c */
    atomic_bool given_up;            /* clade_device_give_up() */
    struct clade_ticket *last_words; /* done when a device that was given up answers after all */
    struct clade_kept *kept;         /* memory of the host that it may still use; freed with the device */
    clade_device *next;              /* in the chain of open devices, or of lost ones */
    struct clade_group *group;       /* that it reduces with; NULL: alone (device/group.h) */
    size_t member;                   /* its number there */
};

/* Opens PICK with a profiling queue (clade_commands_time() needs it). */
clade_status clade_device_open_profiling(clade_context *context, const clade_device_pick *pick, clade_device **device);
/* Opens the same device, or part of one, once more, with OpenCL objects of its own: after a failure of DEVICE. */
clade_status clade_device_reopen(const clade_device *device, clade_device **again);
/* Whether both are of the same name, platform and driver: they round alike. Parts may be of unlike sizes. */
bool clade_devices_alike(const clade_device *a, const clade_device *b);
/* Waits until everything enqueued is done: between runs, never inside a step. */
clade_status clade_device_finish(clade_device *device);
/* The same in a group: no longer than it is whole, and its limit allows; a device that takes longer is given up. */
clade_status clade_device_settle(clade_device *device);
/* From now on nothing waits for DEVICE, which does not answer: waits under way end with CLADE_ERROR_DEVICE, and
 * clade_device_close() leaves its OpenCL objects to a device that has not answered by then. From any thread. */
void clade_device_give_up(clade_device *device);
/* Frees host memory that the device may be reading or writing: with the device, where it was given up, else at once. */
void clade_device_free_later(clade_device *device, void *memory);
/* Hands enqueued work to the device without waiting. */
clade_status clade_device_flush(clade_device *device);

/* ---- memory (memory.c) ---- */

typedef struct clade_buffer {
    clade_device *device;
    cl_mem memory; /* a buffer or a sub-buffer */
    size_t bytes;
    bool is_slice;
} clade_buffer;

/* An uninitialised buffer of BYTES (at least 1) for WHAT, which error texts name. Over the device's largest allocation
 * or total: CLADE_ERROR_MEMORY with the sizes. clade_buffer_free() leaves *BUFFER zeroed and accepts one. */
clade_status clade_buffer_new(clade_device *device, size_t bytes, const char *what, clade_buffer *buffer);
/* Bytes that may still be allocated: of the limit that was set, or of what the device has. */
size_t clade_device_room(const clade_device *device);
/* "13.8 GiB" for people. */
typedef struct clade_size_phrase {
    char text[32];
} clade_size_phrase;
clade_size_phrase clade_size_words(double bytes);
clade_status clade_buffer_slice(const clade_buffer *whole, size_t offset, size_t bytes, const char *what,
                                clade_buffer *slice);
void clade_buffer_free(clade_buffer *buffer);

/* Blocking transfers, for set-up, checkpoints and tests. */
clade_status clade_buffer_write(const clade_buffer *buffer, size_t offset, const void *data, size_t bytes);
clade_status clade_buffer_read(const clade_buffer *buffer, size_t offset, void *data, size_t bytes);
clade_status clade_buffer_fill(const clade_buffer *buffer, uint8_t byte);

/* Transfers that only enqueue; DATA must stay as it is until a ticket taken afterwards is done. */
clade_status clade_buffer_enqueue_write(const clade_buffer *buffer, const void *data, size_t bytes);
/* The same into TO by way of LANDING (transfer.c): DATA travels at once, beside the work enqueued before, and is copied
 * from LANDING to TO after it. LANDING, too, must be left alone until the ticket is done. */
clade_status clade_buffer_enqueue_upload(const clade_buffer *landing, const void *data, size_t bytes,
                                         const clade_buffer *to);
/* Whether that pays: where host and device share memory, a write is no more than the copy. */
bool clade_device_uploads_beside(const clade_device *device);

/* A ticket: one read-back enqueued with its completion. The waiting is on a condition variable that the driver's
 * callback signals, so no OpenCL call blocks. */
typedef struct clade_ticket clade_ticket;
clade_status clade_ticket_new(clade_device *device, clade_ticket **ticket);
void clade_ticket_free(clade_ticket *ticket);  /* waits first, unless the device is given up */
void clade_ticket_leave(clade_ticket *ticket); /* the same of one without reads, and without waiting */
/* Enqueues the read of BYTES from BUFFER into DATA, to be covered by the ticket's next clade_ticket_submit(). */
clade_status clade_ticket_read(clade_ticket *ticket, const clade_buffer *buffer, void *data, size_t bytes);
/* The same for mapping all of BUFFER, to read and to write, at *PLACE: valid when the ticket is done. */
clade_status clade_ticket_map(clade_ticket *ticket, const clade_buffer *buffer, void **place);
/* Marks the point in the queue: the ticket is done when everything enqueued before is done. Flushes. With no read since
 * the last submit it enqueues a marker. */
clade_status clade_ticket_submit(clade_ticket *ticket);
bool clade_ticket_done(clade_ticket *ticket); /* true also when never submitted */
/* The device's failure, if it failed. A device of a group that lets its limit pass is given up. */
clade_status clade_ticket_wait(clade_ticket *ticket);
/* When it was last done, by clade_clock_seconds(); negative: it is not, 0: it never was submitted. */
double clade_ticket_done_at(clade_ticket *ticket);
/* Waits for at most SECONDS; whether it is done, clade_ticket_wait() says how. */
bool clade_ticket_wait_for(clade_ticket *ticket, double seconds);

/* ---- programs (program.c, program_cache.c, kernel_source.c) ----
 *
 * Binaries lie in the folder "programs" of clade_cache_folder(). CLADE_PROGRAM_CACHE=none keeps them off the disk;
 * CLADE_CACHE_LIMIT is the most bytes they may take (256 MiB). */

/* The text of kernels/FILE with its `#include "..."` lines resolved (embedded at build, or read from the folder that
 * CLADE_KERNELS names) and `#line` marks, so that a build log speaks of the file and line. The caller frees. */
clade_status clade_kernel_source(clade_context *context, const char *file, char **source);

/* A kernel of kernels/FILE compiled with OPTIONS ("-DTILE=8 -DT=float"; "" for none). Compiles at first need: memory,
 * then disk, then the compiler. The kernel is new: the caller owns it and releases it with clade_cl_ReleaseKernel. On a
 * failed build the error text holds the whole log with FILE and line, under one first line. */
clade_status clade_program_kernel(clade_device *device, const char *file, const char *options, const char *kernel,
                                  cl_kernel *out);
/* The same for a generated source; TITLE stands for the file's name in logs ("fused"). */
clade_status clade_program_generated(clade_device *device, const char *title, const char *source, const char *options,
                                     const char *kernel, cl_kernel *out);

typedef struct clade_program_statistics {
    size_t compiled, from_disk, from_memory; /* programs, since the device was opened */
    size_t rebuilt;                          /* disk entries found unreadable, truncated or foreign, and rebuilt */
} clade_program_statistics;
clade_program_statistics clade_device_programs(const clade_device *device);

/* ---- commands (commands.c) ---- */

typedef struct clade_commands clade_commands;

typedef enum clade_argument_kind {
    CLADE_ARGUMENT_BUFFER,
    CLADE_ARGUMENT_INT,
    CLADE_ARGUMENT_FLOAT,
    CLADE_ARGUMENT_LOCAL, /* bytes of local memory */
} clade_argument_kind;

typedef struct clade_argument {
    clade_argument_kind kind;
    union {
        const clade_buffer *buffer;
        int64_t integer; /* passed as int: a value that does not fit is an error */
        float real;
        size_t bytes;
    };
} clade_argument;

#define clade_buffer_argument(B) ((clade_argument){ .kind = CLADE_ARGUMENT_BUFFER, .buffer = (B) })
#define clade_int_argument(I) ((clade_argument){ .kind = CLADE_ARGUMENT_INT, .integer = (I) })
#define clade_float_argument(F) ((clade_argument){ .kind = CLADE_ARGUMENT_FLOAT, .real = (F) })
#define clade_local_argument(N) ((clade_argument){ .kind = CLADE_ARGUMENT_LOCAL, .bytes = (N) })

/* One kernel launch. Sizes are numbers of work-items; a zero in GLOBAL means 1; LOCAL of zeros lets commands.c pick a
 * group that divides nothing: GLOBAL is rounded up to LOCAL, so kernels guard their edges. */
typedef struct clade_launch {
    const char *file;   /* in kernels/; NULL: SOURCE is generated text */
    const char *source; /* with TITLE as its name */
    const char *title;
    const char *options; /* NULL: none */
    const char *kernel;
    const char *label; /* who asked: "conv1 direct"; for the profiler and error texts; copied */
    size_t global[3], local[3];
    size_t local_memory; /* at most so many bytes are the kernel's own local variables; 0: as the driver says */
    const clade_argument *arguments;
    size_t argument_count;
    double flops, bytes; /* of one launch, for the profiler; 0: not stated */
} clade_launch;

clade_status clade_commands_new(clade_device *device, clade_commands **commands);
void clade_commands_free(clade_commands *commands);
/* A list that stays empty: it only tells NOTE of each launch that would be appended, and neither compiles nor looks at
 * buffers. For finding out which kernels something uses. CLBlast's are told as one launch with the title "clblast". */
clade_status clade_commands_new_sketch(clade_device *device, void (*note)(void *user, const clade_launch *launch),
                                       void *user, clade_commands **commands);

/* Appends a launch, with everything checked that the driver would abort on: the group's size, and the kernel's own
 * local memory plus the local arguments, against the device's and the kernel's limits. Buffers must outlive the list. */
clade_status clade_commands_launch(clade_commands *commands, const clade_launch *launch);
/* Appends a call that enqueues on the device's queue itself (CLBlast). DATA is copied (BYTES). */
clade_status clade_commands_call(clade_commands *commands, const char *label, double flops,
                                 clade_status (*call)(clade_device *device, void *data), const void *data,
                                 size_t bytes);
/* The same of a call that waits for other devices. */
clade_status clade_commands_wait(clade_commands *commands, const char *label,
                                 clade_status (*call)(clade_device *device, void *data), const void *data,
                                 size_t bytes);
clade_status clade_commands_copy(clade_commands *commands, const char *label, const clade_buffer *from,
                                 const clade_buffer *to, size_t bytes);
clade_status clade_commands_fill(clade_commands *commands, const char *label, const clade_buffer *buffer, uint8_t byte);

/* Appends what sends COUNT buffers of float32 to the host, to be summed over the device's group; it does not wait. The sums
 * will go into TO, which may be the same buffers (at least as fast), then left alone meanwhile. NUMBER tells the list's
 * sums apart. */
clade_status clade_commands_send(clade_commands *commands, const char *label, int64_t number,
                                 const clade_buffer *const from[], const clade_buffer *const to[], size_t count);
/* Appends what waits for the members of the group and puts the sums of what was sent as NUMBER into TO: the one kind of
 * command that waits. On a device without a group the sums are what was sent. LAST: the device has
 * nothing to do meanwhile. CLADE_ERROR_DEVICE when the group breaks before all have sent theirs. */
clade_status clade_commands_receive(clade_commands *commands, const char *label, int64_t number, bool last);

size_t clade_commands_count(const clade_commands *commands);
/* Enqueues all, in order. The first run waits for each command; later ones make no blocking call, set no argument and
 * create nothing. */
clade_status clade_commands_enqueue(clade_commands *commands);

typedef struct clade_command_time {
    const char *label;  /* of the command; owned by the list */
    const char *kernel; /* kernel's name, or "" */
    double seconds;     /* device time of the last clade_commands_time() */
    double flops, bytes;
} clade_command_time;

/* Enqueues each command alone and waits for it, with its time by the device's clock where that works and by the host's
 * elsewhere. TIMES has room for clade_commands_count() entries. For the profiler. */
clade_status clade_commands_time(clade_commands *commands, clade_command_time *times);

/* ---- GEMM by CLBlast (clblast.c) ---- */

/* C = alpha * op(A) op(B) + beta * C, all row-major float32: op(A) is M x K, op(B) K x N, C M x N. Leading dimensions and
 * offsets count floats; the stride between the matrices of a batch counts floats too (BATCH 1: plain GEMM). */
typedef struct clade_gemm {
    bool transpose_a, transpose_b;
    int64_t m, n, k, batch;
    float alpha, beta;
    clade_buffer a, b, c; /* borrowed */
    int64_t a_offset, b_offset, c_offset, lda, ldb, ldc, a_stride, b_stride, c_stride;
} clade_gemm;

/* Whether libclblast can be loaded (CLADE_CLBLAST_LIBRARY names another file); *WHY, when not NULL, says why not. */
bool clade_clblast_available(clade_device *device, const char **why);
/* Appends the GEMM to COMMANDS. CLBlast compiles its kernels now, not at the first enqueue. */
clade_status clade_clblast_gemm(clade_commands *commands, const char *label, const clade_gemm *gemm);
/* GEMMs run through CLBlast since the context was made. */
uint64_t clade_clblast_calls(const clade_context *context);

#endif
