/* Matrix products by CLBlast, a library loaded at first need.
 *
 * CLBlast compiles the kernels of a routine at its first call, and some drivers finish that work at a kernel's first
 * launch; so every new kind of product is run once on scratch memory when it is recorded. Its programs live in a cache
 * of CLBlast's own, for the whole process, which can only be emptied as a whole: that is done when no open device of
 * this context has used it any more. What it calls inside itself does not pass through the door of opencl.h. */
#include "device/state.h"

#include "base/thread.h"

#include <clblast_c.h>
#include <stdlib.h>
#include <string.h>

/* What decides which of CLBlast's kernels run. */
typedef struct signature {
    bool batched, transpose_a, transpose_b;
    int64_t m, n, k, lda, ldb, ldc;
} signature;

typedef struct warmed {
    const clade_device *device;
    signature signature;
} warmed;

struct clade_clblast {
    clade_context *context;
    atomic_uint_fast64_t calls;
    clade_mutex lock; /* of everything below */
    bool tried, available;
    clade_library library;
    char *why_not;
    __typeof__(&CLBlastSgemm) sgemm;
    __typeof__(&CLBlastSgemmStridedBatched) sgemm_batched;
    __typeof__(&CLBlastClearCache) clear_cache;
    __typeof__(&CLBlastOverrideParameters) override_parameters;
    warmed *list;
    size_t count, capacity;
};

clade_status clade_clblast_new(clade_opencl *opencl) {
    clade_clblast *clblast = clade_allocate(opencl->context, 1, sizeof *clblast);
    if (clblast == NULL) return clade_fail_memory(opencl->context, sizeof *clblast, "CLBlast's entry points");
    clblast->context = opencl->context;
    clade_mutex_init(&clblast->lock);
    opencl->clblast = clblast;
    return CLADE_OK;
}

void clade_clblast_free(clade_opencl *opencl) {
    clade_clblast *clblast = opencl->clblast;
    if (clblast == NULL) return;
    clade_mutex_destroy(&clblast->lock);
    clade_free(clblast->context, clblast->why_not);
    clade_free(clblast->context, clblast->list);
    clade_free(clblast->context, clblast);
    opencl->clblast = NULL;
}

uint64_t clade_clblast_calls(const clade_context *context) {
    const clade_opencl *opencl = clade_context_opencl(context);
    return opencl != NULL ? atomic_load(&opencl->clblast->calls) : 0;
}

/* ---- loading ---- */

/* Under the lock. CLADE_CLBLAST_LIBRARY names another library file. */
static void try_to_load(clade_clblast *clblast) {
    const char *name = clade_environment("CLADE_CLBLAST_LIBRARY");
    clblast->tried = true;
    if (!clade_library_open(clblast->context, name != NULL ? name : "libclblast.so.1", &clblast->library,
                            &clblast->why_not))
        return;
    const struct {
        const char *name;
        void *pointer;
    } symbols[] = {
        { "CLBlastSgemm", &clblast->sgemm },
        { "CLBlastSgemmStridedBatched", &clblast->sgemm_batched },
        { "CLBlastClearCache", &clblast->clear_cache },
        { "CLBlastOverrideParameters", &clblast->override_parameters },
    };
    for (size_t i = 0; i < sizeof symbols / sizeof symbols[0]; i++) {
        void *symbol = clade_library_symbol(&clblast->library, symbols[i].name);
        if (symbol == NULL) {
            clblast->why_not = clade_duplicate(clblast->context, "the library lacks an entry point of CLBlast 1.4");
            return;
        }
        memcpy(symbols[i].pointer, &symbol, sizeof symbol);
    }
    clblast->available = true;
}

bool clade_clblast_available(clade_device *device, const char **why) {
    clade_clblast *clblast = device->opencl->clblast;
    clade_mutex_lock(&clblast->lock);
    if (!clblast->tried) try_to_load(clblast);
    bool available = clblast->available;
    clade_mutex_unlock(&clblast->lock);
    if (why != NULL) *why = available ? NULL : clblast->why_not != NULL ? clblast->why_not : "CLBlast cannot be loaded";
    return available;
}

/* ---- parameters ---- */

typedef struct parameter {
    const char *name;
    size_t value;
} parameter;

static void override(const clade_clblast *clblast, const clade_device *device, const char *kernel,
                     const parameter *parameters, size_t count) {
    enum { MOST = 16 };
    const char *names[MOST];
    size_t values[MOST];
    for (size_t i = 0; i < count; i++) {
        names[i] = parameters[i].name;
        values[i] = parameters[i].value;
    }
    clblast->override_parameters(device->id, kernel, CLBlastPrecisionSingle, count, names, values);
}

/* CLBlast's own parameters for a device that it does not know suit GPUs. On a CPU a work-item alone in its group, which
 * keeps a tile of 32 x 16 of C in vectors of 8, is about five times as fast, and pays from small products on. CLBlast
 * keeps the parameters, and the programs compiled with them, for the whole process and the device: they are set before
 * its first product there. Where a later CLBlast refuses them its own stay, which are right too. */
static void set_parameters(const clade_clblast *clblast, const clade_device *device) {
    static const parameter tile[] = {
        { "GEMMK", 0 }, { "KREG", 1 },  { "KWG", 32 },  { "KWI", 2 },  { "MDIMA", 1 }, { "MDIMC", 1 },
        { "MWG", 32 },  { "NDIMB", 1 }, { "NDIMC", 1 }, { "NWG", 16 }, { "SA", 0 },    { "SB", 0 },
        { "STRM", 0 },  { "STRN", 0 },  { "VWM", 8 },   { "VWN", 8 },
    };
    static const parameter threshold[] = { { "XGEMM_MIN_INDIRECT_SIZE", 32 } };
    if (!device->capabilities.is_cpu) return;
    override(clblast, device, "Xgemm", tile, sizeof tile / sizeof tile[0]);
    override(clblast, device, "GemmRoutine", threshold, 1);
}

/* ---- checking ---- */

/* Floats from the first to the last of a matrix of ROWS x COLUMNS, and of its batch. */
static int64_t extent(int64_t rows, int64_t columns, int64_t leading) {
    return (rows - 1) * leading + columns;
}

static clade_status check_matrix(clade_device *device, const char *label, const char *name, int64_t rows,
                                 int64_t columns, int64_t leading, int64_t offset, int64_t stride, int64_t batch,
                                 const clade_buffer *buffer) {
    const int64_t bytes = (int64_t)sizeof(float), most = (int64_t)buffer->bytes / bytes;
    bool sane = leading >= columns && offset >= 0 && stride >= 0 && offset <= most && rows - 1 <= most / leading &&
                extent(rows, columns, leading) <= most - offset &&
                (stride == 0 || batch - 1 <= (most - offset - extent(rows, columns, leading)) / stride);
    if (sane && buffer->memory != NULL) return CLADE_OK;
    return clade_fail(device->context, CLADE_ERROR_ARGUMENT,
                      "%s: %lld matrices %s of %lld x %lld, leading dimension %lld, offset %lld, stride %lld, do not "
                      "lie in a buffer of %zu bytes",
                      label, (long long)batch, name, (long long)rows, (long long)columns, (long long)leading,
                      (long long)offset, (long long)stride, buffer->bytes);
}

static clade_status check(clade_device *device, const char *label, const clade_gemm *g) {
    if (g->m < 1 || g->n < 1 || g->k < 1 || g->batch < 1)
        return clade_fail(device->context, CLADE_ERROR_ARGUMENT, "%s: a batch of %lld products of %lld x %lld x %lld",
                          label, (long long)g->batch, (long long)g->m, (long long)g->n, (long long)g->k);
    clade_status status = check_matrix(device, label, "A", g->transpose_a ? g->k : g->m, g->transpose_a ? g->m : g->k,
                                       g->lda, g->a_offset, g->a_stride, g->batch, &g->a);
    if (status == CLADE_OK)
        status = check_matrix(device, label, "B", g->transpose_b ? g->n : g->k, g->transpose_b ? g->k : g->n, g->ldb,
                              g->b_offset, g->b_stride, g->batch, &g->b);
    if (status == CLADE_OK)
        status = check_matrix(device, label, "C", g->m, g->n, g->ldc, g->c_offset, g->c_stride, g->batch, &g->c);
    return status;
}

/* ---- running ---- */

static clade_status run(clade_device *device, const clade_gemm *g, bool batched) {
    clade_clblast *clblast = device->opencl->clblast;
    const CLBlastTranspose ta = g->transpose_a ? CLBlastTransposeYes : CLBlastTransposeNo;
    const CLBlastTranspose tb = g->transpose_b ? CLBlastTransposeYes : CLBlastTransposeNo;
    const size_t m = (size_t)g->m, n = (size_t)g->n, k = (size_t)g->k;
    CLBlastStatusCode code;
    if (batched)
        code =
            clblast->sgemm_batched(CLBlastLayoutRowMajor, ta, tb, m, n, k, g->alpha, g->a.memory, (size_t)g->a_offset,
                                   (size_t)g->lda, (size_t)g->a_stride, g->b.memory, (size_t)g->b_offset,
                                   (size_t)g->ldb, (size_t)g->b_stride, g->beta, g->c.memory, (size_t)g->c_offset,
                                   (size_t)g->ldc, (size_t)g->c_stride, (size_t)g->batch, &device->queue, NULL);
    else
        code = clblast->sgemm(CLBlastLayoutRowMajor, ta, tb, m, n, k, g->alpha, g->a.memory, (size_t)g->a_offset,
                              (size_t)g->lda, g->b.memory, (size_t)g->b_offset, (size_t)g->ldb, g->beta, g->c.memory,
                              (size_t)g->c_offset, (size_t)g->ldc, &device->queue, NULL);
    if (code == CLBlastSuccess) return CLADE_OK;
    return clade_opencl_fail(device->context, batched ? "CLBlastSgemmStridedBatched" : "CLBlastSgemm", (cl_int)code,
                             "of %lld products of %zu x %zu x %zu on %s", (long long)g->batch, m, n, k, device->name);
}

static clade_status enqueue(clade_device *device, void *data) {
    const clade_gemm *gemm = data;
    atomic_fetch_add(&device->opencl->clblast->calls, 1);
    return run(device, gemm, gemm->batch > 1);
}

/* ---- compiling at record time ---- */

static bool same(const signature *a, const signature *b) {
    return a->batched == b->batched && a->transpose_a == b->transpose_a && a->transpose_b == b->transpose_b &&
           a->m == b->m && a->n == b->n && a->k == b->k && a->lda == b->lda && a->ldb == b->ldb && a->ldc == b->ldc;
}

/* Notes that DEVICE knows SIGNATURE. False when it did already, or when that cannot be noted. */
static bool note_new(clade_clblast *clblast, const clade_device *device, const signature *wanted) {
    bool is_new = true, is_first = true;
    clade_mutex_lock(&clblast->lock);
    for (size_t i = 0; i < clblast->count && is_new; i++) {
        if (clblast->list[i].device != device) continue;
        is_first = false;
        is_new = !same(&clblast->list[i].signature, wanted);
    }
    if (is_first) set_parameters(clblast, device);
    if (is_new && clblast->count == clblast->capacity) {
        size_t capacity = clblast->capacity > 0 ? 2 * clblast->capacity : 16;
        warmed *grown = clade_reallocate(clblast->context, clblast->list, capacity, sizeof *grown);
        if (grown != NULL) {
            clblast->list = grown;
            clblast->capacity = capacity;
        }
    }
    is_new = is_new && clblast->count < clblast->capacity;
    if (is_new) clblast->list[clblast->count++] = (warmed){ .device = device, .signature = *wanted };
    clade_mutex_unlock(&clblast->lock);
    return is_new;
}

/* Runs one product of GEMM's kind on zeroed scratch memory. Where memory is short the first step compiles instead. */
static clade_status warm(clade_device *device, const clade_gemm *gemm, bool batched) {
    clade_gemm g = *gemm;
    int64_t in_a = extent(g.transpose_a ? g.k : g.m, g.transpose_a ? g.m : g.k, g.lda);
    int64_t in_b = extent(g.transpose_b ? g.n : g.k, g.transpose_b ? g.k : g.n, g.ldb);
    size_t in = (size_t)(in_a > in_b ? in_a : in_b) * sizeof(float);
    size_t out = (size_t)extent(g.m, g.n, g.ldc) * sizeof(float);
    clade_buffer factors = { 0 }, product = { 0 };
    clade_status status = clade_buffer_new(device, in, "CLBlast's scratch", &factors);
    if (status == CLADE_OK) status = clade_buffer_new(device, out, "CLBlast's scratch", &product);
    if (status == CLADE_ERROR_MEMORY) {
        clade_buffer_free(&factors);
        return CLADE_OK;
    }
    if (status == CLADE_OK) status = clade_buffer_fill(&factors, 0);
    if (status == CLADE_OK) status = clade_buffer_fill(&product, 0);
    g.a = g.b = factors;
    g.c = product;
    g.a_offset = g.b_offset = g.c_offset = 0;
    g.batch = 1;
    if (status == CLADE_OK) status = run(device, &g, batched);
    if (status == CLADE_OK) status = clade_device_finish(device);
    clade_buffer_free(&product);
    clade_buffer_free(&factors);
    return status;
}

/* CLBlast 1.5's batches take matrices to follow each other without a gap wherever sizes are whole tiles, whatever the
 * stride says (seen with a stride of 0: the weights that all images of a batch share). Tiles are multiples of 8. */
static bool strides_count(const clade_gemm *g) {
    const struct {
        int64_t rows, columns, stride;
    } matrices[] = { { g->m, g->k, g->a_stride }, { g->k, g->n, g->b_stride }, { g->m, g->n, g->c_stride } };
    for (int i = 0; i < 3; i++) {
        const bool whole = matrices[i].rows % 8 == 0 && matrices[i].columns % 8 == 0;
        if (whole && matrices[i].stride != matrices[i].rows * matrices[i].columns) return false;
    }
    return true;
}

static clade_status record(clade_commands *commands, const char *label, const clade_gemm *gemm) {
    clade_device *device = clade_commands_device(commands);
    const bool batched = gemm->batch > 1;
    const signature wanted = { batched, gemm->transpose_a, gemm->transpose_b, gemm->m,  gemm->n,
                               gemm->k, gemm->lda,         gemm->ldb,         gemm->ldc };
    if (note_new(device->opencl->clblast, device, &wanted)) {
        clade_status status = warm(device, gemm, batched);
        if (status != CLADE_OK) return status;
    }
    double flops = 2.0 * (double)gemm->m * (double)gemm->n * (double)gemm->k * (double)gemm->batch;
    return clade_commands_call(commands, label, flops, enqueue, gemm, sizeof *gemm);
}

clade_status clade_clblast_gemm(clade_commands *commands, const char *label, const clade_gemm *gemm) {
    clade_device *device = clade_commands_device(commands);
    const char *why = NULL;
    if (clade_commands_sketched(commands, &(clade_launch){ .title = "clblast", .source = "", .kernel = "gemm" }))
        return CLADE_OK;
    if (!clade_clblast_available(device, &why))
        return clade_fail(device->context, CLADE_ERROR_UNSUPPORTED,
                          "%s: no CLBlast: %s; install it (apt-get install libclblast1)", label, why);
    clade_status status = check(device, label, gemm);
    if (gemm->batch <= 1 || strides_count(gemm)) return status == CLADE_OK ? record(commands, label, gemm) : status;
    clade_gemm one = *gemm;
    one.batch = 1;
    for (int64_t i = 0; i < gemm->batch && status == CLADE_OK; i++) {
        status = record(commands, label, &one);
        one.a_offset += gemm->a_stride;
        one.b_offset += gemm->b_stride;
        one.c_offset += gemm->c_stride;
    }
    return status;
}

void clade_clblast_forget(clade_device *device) {
    clade_clblast *clblast = device->opencl->clblast;
    clade_mutex_lock(&clblast->lock);
    size_t before = clblast->count, kept = 0;
    for (size_t i = 0; i < before; i++)
        if (clblast->list[i].device != device) clblast->list[kept++] = clblast->list[i];
    clblast->count = kept;
    if (kept == 0 && before > 0) clblast->clear_cache();
    clade_mutex_unlock(&clblast->lock);
}
