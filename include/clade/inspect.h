/* Inspecting: what a network costs, how a plan carries it out, where the time goes, and how fast a device is. */
#ifndef CLADE_INSPECT_H
#define CLADE_INSPECT_H

#include <stdbool.h>
#include <stdint.h>

#include "clade/device.h"
#include "clade/graph.h"
#include "clade/session.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- summary: a table of layers, from the graph alone ---- */

/* A layer: a node, together with the bias that it carries. */
typedef struct clade_layer {
    const char *name;           /* "conv1"; "" when the layer has none */
    const char *type;           /* "conv2d" */
    clade_dims output;          /* numbers: the batch is bound */
    int64_t parameters;         /* trained numbers: weights, biases, gains */
    double multiply_adds;       /* of the products (convolution, matrix), for the whole batch */
    int64_t receptive_field[2]; /* height and width of what one output sees of the input; 0, 0: all of it */
    int64_t activations;        /* numbers in the output; 0 where it is the input with other sizes */
    int64_t activation_bytes;   /* that they take */
    /* Of a convolution of I numbers to O, of one image: its weights as they are, every place of a picture having the same;
     * those of filters of its own for each place, O * (channels of a group) * height * width of a filter; and those of a
     * fully connected layer, I * O. Without biases; 0 for any other layer. */
    double shared_weights, local_weights, dense_weights;
} clade_layer;

typedef struct clade_summary {
    const clade_layer *layers;
    size_t layer_count;
    int64_t parameters, activation_bytes;
    double multiply_adds;
} clade_summary;

/* The layers between the inputs of OUTPUT's graph and OUTPUT, at a batch of BATCH. The receptive field follows
 *     r' = r + (dilation * (kernel - 1)) * j,   j' = j * stride
 * from r = j = 1 at the input; where several paths meet, the largest. */
CLADE_API clade_status clade_summary_new(clade_value output, int64_t batch, clade_summary **summary);
CLADE_API void clade_summary_free(clade_summary *summary);

/* ---- explain: the graph after each pass, and the plan ---- */

typedef struct clade_explain_options {
    size_t size;
    const char *pass; /* only that part; NULL: all */
    bool inference;   /* what clade_run_options.inference does; else a run with updates */
    int64_t batch;    /* what N is */
} clade_explain_options;

/* The name of part INDEX: "graph" (as built), the passes in order, "plan" (implementations, reasons, memory); NULL past
 * the last. */
CLADE_API const char *clade_explain_part(size_t index);
/* The parts in words, for the run of the session's graph that fetches TARGETS. *TEXT is freed by clade_text_release(). */
CLADE_API clade_status clade_explain(clade_session *session, const clade_value *targets, size_t target_count,
                                     const clade_explain_options *options, char **text);
CLADE_API void clade_text_release(clade_context *context, char *text);

/* ---- kernels: what would be compiled for a device, for compilers of other devices ---- */

#define CLADE_NO_PROGRAM SIZE_MAX /* the program of what a library enqueues */

typedef struct clade_kernel_use {
    const char *op, *implementation;
    int configuration;
    size_t program;      /* number of the source and options that hold the kernel */
    const char *name;    /* the kernel */
    const char *title;   /* the kernel's file, or what stands for one where the source is generated */
    const char *source;  /* with everything that it includes; NULL when the program was reported before */
    const char *options; /* of the compiler; "" for none */
    size_t local_bytes;  /* of local memory that the host adds to the kernel's own */
    size_t group;        /* work-items of a group; 0: as many as suit the launch */
} clade_kernel_use;

typedef struct clade_kernel_list_options {
    size_t size;
    void (*report)(void *user, const clade_kernel_use *use);
    void *user;
} clade_kernel_list_options;

/* Reports every kernel of every implementation that DEVICE's capabilities accept, over the operators' own test cases, once
 * for each operator, implementation and configuration; nothing is compiled. Then, unless SESSION is NULL, those of the run
 * that RUN describes, with the implementations that it would take. */
CLADE_API clade_status clade_kernel_list(clade_device *device, clade_session *session, const clade_run_options *run,
                                         const clade_kernel_list_options *options);

/* ---- what a device can do, measured ---- */

typedef struct clade_roof {
    double flops; /* a second: independent fused multiply-adds, each counted as 2 */
    double bytes; /* a second: copying between two buffers larger than caches, read and written bytes both counted */
} clade_roof;

/* Measures in about a second. */
CLADE_API clade_status clade_device_roof(clade_device *device, clade_roof *roof);

/* ---- profile: where the time of a step goes ---- */

typedef enum clade_phase {
    CLADE_PHASE_FORWARD,
    CLADE_PHASE_BACKWARD,
    CLADE_PHASE_UPDATE,
    CLADE_PHASE_COUNT
} clade_phase;
CLADE_API const char *clade_phase_name(clade_phase phase); /* "forward", "backward", "update" */

typedef struct clade_profile_row {
    const char *label;  /* "conv1 conv2d direct" */
    const char *kernel; /* the kernel's name; "" for what a library enqueues */
    const char *layer;  /* "conv1"; "" when it belongs to none */
    clade_phase phase;
    double seconds; /* the median over the steps */
    double flops, bytes;
} clade_profile_row;

/* The rows of one layer together. What has no name of its own (an activation, a bias's gradient, a point-wise chain)
 * belongs to the layer whose result it takes first, an update to the layer whose state it sets. */
typedef struct clade_profile_layer {
    const char *name; /* "" for the rows of no layer */
    double phase_seconds[CLADE_PHASE_COUNT];
    double seconds; /* sum of the phases */
    double flops, bytes;
} clade_profile_layer;

typedef struct clade_profile {
    const clade_profile_row *rows; /* a row for each command of a step, in order */
    size_t row_count;
    const clade_profile_layer *layers; /* in the order of their first rows */
    size_t layer_count;
    double seconds; /* sum of the rows */
    double phase_seconds[CLADE_PHASE_COUNT];
    double step_seconds; /* of a step run whole, commands not waited for one by one: the median */
} clade_profile;

/* Profiles the run that OPTIONS describes (feeds are copied once), over STEPS steps, each command waited for alone. The
 * session should be on a device opened for it by clade_device_open_profiled(). */
CLADE_API clade_status clade_profile_new(clade_session *session, const clade_run_options *options, int64_t steps,
                                         clade_profile **profile);
CLADE_API void clade_profile_free(clade_profile *profile);
/* Writes the rows, one after the other, as a trace for Chrome's viewer (chrome://tracing, ui.perfetto.dev): a track of
 * phases, one of layers and one of kernels. */
CLADE_API clade_status clade_profile_write_trace(clade_context *context, const clade_profile *profile,
                                                 const char *path);
/* Opens a device so that its own clock times commands; slower steps, otherwise as clade_device_open_pick(). */
CLADE_API clade_status clade_device_open_profiled(clade_context *context, const clade_device_pick *pick,
                                                  clade_device **device);

/* ---- bench: single operators and whole runs, timed ---- */

typedef struct clade_times {
    double min, median; /* seconds */
    int64_t steps;
} clade_times;

typedef struct clade_bench_options {
    size_t size;
    int64_t steps;  /* exactly so many; 0: at least 5, and at least SECONDS */
    double seconds; /* default 2 */
} clade_bench_options;

/* Times STEP: three times unmeasured, then each call alone. STEP returns when its work is done on the device. */
CLADE_API clade_status clade_bench(clade_context *context, clade_status (*step)(void *user), void *user,
                                   const clade_bench_options *options, clade_times *times);

typedef struct clade_bench_result {
    clade_times times;
    double flops;            /* of one step; 0: not counted */
    char implementation[64]; /* the one chosen; several: joined by "+" */
} clade_bench_result;

/* C (M, N) = A (M, K) B (K, N). */
CLADE_API clade_status clade_bench_gemm(clade_device *device, int64_t m, int64_t n, int64_t k,
                                        const clade_bench_options *options, clade_bench_result *result);

typedef struct clade_conv_shape {
    int64_t n, c, h, w; /* the input */
    int64_t k, r, s;    /* filters of r x s */
    int64_t stride, pad, groups;
} clade_conv_shape;
enum { CLADE_CONV_FORWARD, CLADE_CONV_BACKWARD_DATA, CLADE_CONV_BACKWARD_FILTER, CLADE_CONV_DIRECTIONS };
/* A convolution without bias, and its gradients by the input and by the filters. */
CLADE_API clade_status clade_bench_conv(clade_device *device, const clade_conv_shape *shape,
                                        const clade_bench_options *options,
                                        clade_bench_result results[CLADE_CONV_DIRECTIONS]);

/* The input (N, C, H, W) of a layer; of a pooling its window, else zeros. */
typedef struct clade_layer_shape {
    int64_t n, c, h, w;
    int64_t kernel, stride, pad;
} clade_layer_shape;
/* The layer of that name alone, as it is in training (FORWARD), and together with its gradients by its inputs and its
 * parameters, given that by its output (BOTH). softmax and layer_norm take x as (N, C * H * W); swish is
 * x * sigmoid(x) + another input. CLADE_ERROR_ARGUMENT for a name that is none. */
CLADE_API clade_status clade_bench_layer(clade_device *device, const char *name, const clade_layer_shape *shape,
                                         const clade_bench_options *options, clade_bench_result *forward,
                                         clade_bench_result *both);
/* The name of layer INDEX, NULL past the last; whether it pools. */
CLADE_API const char *clade_bench_layer_name(size_t index);
CLADE_API bool clade_bench_layer_has_windows(const char *name);

/* Repeats the run that OPTIONS describes, feeds and fetches aside: inputs are copied once, before the clock starts. */
CLADE_API clade_status clade_bench_run(clade_session *session, const clade_run_options *run,
                                       const clade_bench_options *options, clade_bench_result *result);

/* Trained numbers of a session's graph: weights and biases. */
CLADE_API int64_t clade_session_parameter_count(const clade_session *session);

#ifdef __cplusplus
}
#endif
#endif
