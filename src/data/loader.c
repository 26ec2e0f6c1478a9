/* The loader: threads that fill slots ahead of the one that takes them.
 *
 * A slot goes around: FREE, FILLING (a thread writes it, without the lock), READY, TAKEN (the caller's), FREE. Threads
 * claim the epoch's batches in order; which slot a batch lands in, and when, depends on timing, what is in it does not.
 * Starting anew raises `generation`: what is being filled for the old one is thrown away when done. One lock guards
 * everything but the memory of slots that are FILLING or TAKEN; one condition is signalled at every change. */
#include "base/random.h"
#include "base/thread.h"
#include "data/dataset.h"

#include <inttypes.h>
#include <string.h>

enum { DEFAULT_DEPTH = 4, LEAST_DEPTH = 3, MAX_DEPTH = 1024, MAX_THREADS = 256 };

enum slot_state { FREE, FILLING, READY, TAKEN };

struct slot {
    enum slot_state state;
    int64_t batch, generation;
    clade_status status; /* of the filling */
    float *images;
    int32_t *labels;
    float *targets; /* NULL when none are wanted */
};

struct clade_loader {
    clade_context *context;
    clade_dataset *dataset;
    clade_loader_options options;
    int64_t pixels; /* of one image */
    int64_t *order; /* the epoch's samples; changed only while no slot is FILLING */
    struct slot *slots;
    clade_thread *threads;
    int64_t threads_running;
    clade_mutex lock;
    clade_condition changed;
    bool stopping;
    int64_t generation;
    int64_t epoch;            /* changed only while no slot is FILLING */
    int64_t to_fill, to_take; /* the next batch of the epoch for a thread, and for the caller */
    double waited;
};

int64_t clade_loader_batches(const clade_loader *loader) {
    int64_t count = loader->dataset->info.count, batch = loader->options.batch;
    return loader->options.drop_remainder ? count / batch : (count - 1) / batch + 1;
}

static int64_t batch_count(const clade_loader *loader, int64_t batch) {
    int64_t left = loader->dataset->info.count - batch * loader->options.batch;
    return left < loader->options.batch ? left : loader->options.batch;
}

/* The loader's part of a batch: samples FROM to before TO of it. */
typedef struct part {
    int64_t from, to;
} part;

static part part_of(const clade_loader *loader, int64_t batch) {
    const clade_loader_options *o = &loader->options;
    const int64_t count = batch_count(loader, batch);
    if (o->part_of == 0) return (part){ 0, count };
    return (part){ count * o->part_from / o->part_of, count * o->part_to / o->part_of };
}

/* Samples that a slot has room for: a part rounded up, and one at least. */
static int64_t slot_samples(const clade_loader *loader) {
    const clade_loader_options *o = &loader->options;
    return o->part_of == 0 ? o->batch : (o->batch * (o->part_to - o->part_from) - 1) / o->part_of + 1;
}

static struct slot *slot_in_state(clade_loader *loader, enum slot_state state) {
    for (int64_t i = 0; i < loader->options.depth; i++) {
        if (loader->slots[i].state == state) return &loader->slots[i];
    }
    return NULL;
}

/* Called without the lock: the slot is FILLING, so it and the order are ours. */
static clade_status fill(clade_loader *loader, struct slot *slot) {
    const part own = part_of(loader, slot->batch);
    int64_t count = own.to - own.from, missing = slot_samples(loader) - count;
    const int64_t *indices = loader->order + slot->batch * loader->options.batch + own.from;
    const int64_t width = loader->options.targets;
    clade_status status = clade_dataset_read(loader->dataset, indices, count, slot->images, slot->labels);
    if (status == CLADE_OK && slot->targets)
        status = clade_dataset_read_targets(loader->dataset, indices, count, width, slot->targets);
    for (int64_t i = 0; loader->options.augment && i < count && status == CLADE_OK; i++)
        clade_augment(&loader->dataset->augmentation, &loader->dataset->info, loader->options.seed, loader->epoch,
                      indices[i], slot->images + i * loader->pixels);
    if (slot->targets) memset(slot->targets + count * width, 0, (size_t)(missing * width) * sizeof(float));
    if (missing > 0) {
        memset(slot->images + count * loader->pixels, 0, (size_t)(missing * loader->pixels) * sizeof(float));
        memset(slot->labels + count, 0, (size_t)missing * sizeof(int32_t));
    }
    return status;
}

static void *run(void *argument) {
    clade_loader *loader = argument;
    int64_t batches = clade_loader_batches(loader);
    clade_mutex_lock(&loader->lock);
    while (!loader->stopping) {
        struct slot *slot = loader->to_fill < batches ? slot_in_state(loader, FREE) : NULL;
        if (!slot) {
            clade_condition_wait(&loader->changed, &loader->lock);
            continue;
        }
        slot->state = FILLING;
        slot->batch = loader->to_fill++;
        slot->generation = loader->generation;
        clade_mutex_unlock(&loader->lock);
        clade_status status = fill(loader, slot);
        clade_mutex_lock(&loader->lock);
        slot->status = status;
        slot->state = slot->generation == loader->generation ? READY : FREE;
        clade_condition_signal_all(&loader->changed);
    }
    clade_mutex_unlock(&loader->lock);
    return NULL;
}

/* Fisher-Yates, by the stream of seed and epoch. */
static void make_order(clade_loader *loader, int64_t epoch) {
    int64_t count = loader->dataset->info.count, *order = loader->order;
    for (int64_t i = 0; i < count; i++) {
        order[i] = i;
    }
    if (!loader->options.shuffle) return;
    clade_random random = clade_random_stream(loader->options.seed, "shuffle", (uint64_t)epoch);
    for (int64_t i = count - 1; i > 0; i--) {
        int64_t j = clade_random_below(&random, (uint32_t)(i + 1));
        int64_t kept = order[i];
        order[i] = order[j];
        order[j] = kept;
    }
}

static clade_status check_options(const clade_dataset *dataset, clade_loader_options *options) {
    if (options->depth == 0) options->depth = DEFAULT_DEPTH;
    if (options->threads == 0) {
        /* Each may be filling a slot while the caller holds the least that it needs. */
        const int64_t wanted = dataset->reading_threads;
        options->threads = wanted > 0 ? wanted : 1;
        if (options->depth < LEAST_DEPTH + wanted && options->depth >= LEAST_DEPTH && wanted > 0)
            options->depth = LEAST_DEPTH + wanted;
    }
    if (options->batch < 1 || options->batch > INT32_MAX || options->depth < LEAST_DEPTH ||
        options->depth > MAX_DEPTH || options->threads < 1 || options->threads > MAX_THREADS) {
        return clade_fail(dataset->context, CLADE_ERROR_ARGUMENT,
                          "a loader of batch %" PRId64 ", depth %" PRId64 " and %" PRId64
                          " threads: a batch is at least 1, the depth %d to %d, the threads 1 to %d",
                          options->batch, options->depth, options->threads, LEAST_DEPTH, MAX_DEPTH, MAX_THREADS);
    }
    if (options->part_of != 0 && !(0 <= options->part_from && options->part_from < options->part_to &&
                                   options->part_to <= options->part_of && options->part_of <= INT32_MAX)) {
        return clade_fail(dataset->context, CLADE_ERROR_ARGUMENT,
                          "a loader of the part from %" PRId64 " to %" PRId64 " of %" PRId64 ": there is none",
                          options->part_from, options->part_to, options->part_of);
    }
    if (dataset->info.count > UINT32_MAX) {
        return clade_fail(dataset->context, CLADE_ERROR_UNSUPPORTED, "%s: %" PRId64 " samples are too many to order",
                          dataset->info.name, dataset->info.count);
    }
    return options->targets == 0 ? CLADE_OK : clade_dataset_check_width(dataset, options->targets);
}

static clade_status allocate_slots(clade_loader *loader) {
    size_t batch = (size_t)slot_samples(loader), depth = (size_t)loader->options.depth;
    size_t image_bytes = (size_t)loader->pixels * sizeof(float);
    loader->order = clade_allocate(loader->context, (size_t)loader->dataset->info.count, sizeof(int64_t));
    loader->slots = clade_allocate(loader->context, depth, sizeof *loader->slots);
    loader->threads = clade_allocate(loader->context, (size_t)loader->options.threads, sizeof *loader->threads);
    bool made = loader->order && loader->slots && loader->threads;
    for (size_t i = 0; made && i < depth; i++) {
        loader->slots[i].images = clade_allocate(loader->context, batch, image_bytes);
        loader->slots[i].labels = clade_allocate(loader->context, batch, sizeof(int32_t));
        made = loader->slots[i].images && loader->slots[i].labels;
        if (made && loader->options.targets > 0) {
            loader->slots[i].targets =
                clade_allocate(loader->context, batch * (size_t)loader->options.targets, sizeof(float));
            made = loader->slots[i].targets != NULL;
        }
    }
    return made ? CLADE_OK : clade_fail_memory(loader->context, depth * batch * image_bytes, "the loader's batches");
}

clade_status clade_loader_new(clade_dataset *dataset, const clade_loader_options *options, clade_loader **loader) {
    *loader = NULL;
    clade_loader_options used = { 0 };
    memcpy(&used, options, options->size < sizeof used ? options->size : sizeof used);
    clade_status status = check_options(dataset, &used);
    if (status != CLADE_OK) return status;
    clade_loader *made = clade_allocate(dataset->context, 1, sizeof *made);
    if (!made) return clade_fail_memory(dataset->context, sizeof *made, "a loader");
    made->context = dataset->context;
    made->dataset = dataset;
    made->options = used;
    made->pixels = dataset->info.channels * dataset->info.height * dataset->info.width;
    made->to_fill = made->to_take = clade_loader_batches(made);
    clade_mutex_init(&made->lock);
    clade_condition_init(&made->changed);
    status = allocate_slots(made);
    while (status == CLADE_OK && made->threads_running < used.threads) {
        status = clade_thread_start(made->context, &made->threads[made->threads_running], run, made);
        if (status == CLADE_OK) made->threads_running++;
    }
    if (status == CLADE_OK) {
        *loader = made;
    } else {
        clade_loader_free(made);
    }
    return status;
}

void clade_loader_free(clade_loader *loader) {
    if (!loader) return;
    clade_mutex_lock(&loader->lock);
    loader->stopping = true;
    clade_condition_signal_all(&loader->changed);
    clade_mutex_unlock(&loader->lock);
    for (int64_t i = 0; i < loader->threads_running; i++) {
        clade_thread_join(&loader->threads[i]);
    }
    for (int64_t i = 0; loader->slots && i < loader->options.depth; i++) {
        clade_free(loader->context, loader->slots[i].images);
        clade_free(loader->context, loader->slots[i].labels);
        clade_free(loader->context, loader->slots[i].targets);
    }
    clade_condition_destroy(&loader->changed);
    clade_mutex_destroy(&loader->lock);
    clade_free(loader->context, loader->slots);
    clade_free(loader->context, loader->threads);
    clade_free(loader->context, loader->order);
    clade_free(loader->context, loader);
}

clade_status clade_loader_start(clade_loader *loader, int64_t epoch, int64_t first_batch) {
    int64_t batches = clade_loader_batches(loader);
    if (epoch < 0 || first_batch < 0 || first_batch > batches) {
        return clade_fail(loader->context, CLADE_ERROR_ARGUMENT,
                          "%s: no batch %" PRId64 " in epoch %" PRId64 "; an epoch has %" PRId64 " batches",
                          loader->dataset->info.name, first_batch, epoch, batches);
    }
    clade_mutex_lock(&loader->lock);
    loader->generation++;
    loader->to_fill = batches; /* nothing new is begun while the order changes */
    while (slot_in_state(loader, FILLING)) {
        clade_condition_wait(&loader->changed, &loader->lock);
    }
    for (struct slot *slot; (slot = slot_in_state(loader, READY)) != NULL;) {
        slot->state = FREE;
    }
    make_order(loader, epoch);
    loader->epoch = epoch;
    loader->to_fill = loader->to_take = first_batch;
    clade_condition_signal_all(&loader->changed);
    clade_mutex_unlock(&loader->lock);
    return CLADE_OK;
}

/* The slot that holds the batch due, or NULL. */
static struct slot *slot_due(clade_loader *loader) {
    for (int64_t i = 0; i < loader->options.depth; i++) {
        struct slot *slot = &loader->slots[i];
        if (slot->state == READY && slot->batch == loader->to_take) return slot;
    }
    return NULL;
}

clade_status clade_loader_next(clade_loader *loader, clade_batch *batch) {
    *batch = (clade_batch){ .slot = -1 };
    clade_status status = CLADE_OK;
    clade_mutex_lock(&loader->lock);
    if (loader->to_take >= clade_loader_batches(loader)) goto end;
    struct slot *slot = slot_due(loader);
    double began = slot ? 0 : clade_clock_seconds();
    bool waits = !slot;
    while (!slot) {
        if (!slot_in_state(loader, FREE) && !slot_in_state(loader, FILLING)) {
            status = clade_fail(loader->context, CLADE_ERROR_ARGUMENT,
                                "all %" PRId64 " batches of the loader are held: release one before the next",
                                loader->options.depth);
            goto end;
        }
        clade_condition_wait(&loader->changed, &loader->lock);
        slot = slot_due(loader);
    }
    if (waits) loader->waited += clade_clock_seconds() - began;
    status = slot->status;
    if (status != CLADE_OK) goto end; /* stays READY: the same answer again, until a new start */
    slot->state = TAKEN;
    const part own = part_of(loader, slot->batch);
    *batch = (clade_batch){
        .images = slot->images,
        .labels = slot->labels,
        .targets = slot->targets,
        .count = own.to - own.from,
        .first = slot->batch * loader->options.batch + own.from,
        .whole = batch_count(loader, slot->batch),
        .slot = slot - loader->slots,
    };
    loader->to_take++;
end:
    clade_mutex_unlock(&loader->lock);
    return status;
}

void clade_loader_release(clade_loader *loader, const clade_batch *batch) {
    if (batch->slot < 0 || batch->slot >= loader->options.depth) return;
    clade_mutex_lock(&loader->lock);
    struct slot *slot = &loader->slots[batch->slot];
    if (slot->state == TAKEN) slot->state = FREE;
    clade_condition_signal_all(&loader->changed);
    clade_mutex_unlock(&loader->lock);
}

double clade_loader_waited(const clade_loader *loader) {
    return loader->waited;
}
