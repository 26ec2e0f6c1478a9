/* What a resumed run must share with the run it goes on with, as text: it is kept in checkpoints, and when it differs the
 * first differing line is the message. */
#include "train/trainer.h"

#include "base/context.h"
#include "base/hash.h"
#include "data/dataset.h"

#include <inttypes.h>
#include <string.h>

/* A hash of what the graph computes, its gradient and updates included. */
static void add_graph(clade_text *text, const clade_graph *graph) {
    clade_text print = { .context = graph->context };
    clade_graph_print(graph, &print);
    clade_sha256 hash;
    char hex[65];
    clade_sha256_start(&hash);
    clade_sha256_add_text(&hash, clade_text_get(&print));
    clade_sha256_finish_hex(&hash, hex);
    if (print.failed) text->failed = true;
    clade_text_free(&print);
    clade_text_add(text, "hash of the graph = %s\n", hex);
}

static clade_status add_targets(clade_sha256 *hash, clade_dataset *dataset, const int64_t *indices, int64_t count,
                                int64_t width) {
    clade_context *context = dataset->context;
    float *targets = clade_allocate(context, (size_t)(count * width), sizeof *targets);
    if (!targets) return clade_fail_memory(context, (size_t)(count * width) * sizeof *targets, "the first targets");
    clade_status status = clade_dataset_read_targets(dataset, indices, count, width, targets);
    clade_sha256_add(hash, targets, (size_t)(count * width) * sizeof *targets);
    clade_free(context, targets);
    return status;
}

/* The names of classes, where they have some, and how samples are augmented, where they are: lines of their own. */
static void add_data_details(clade_text *text, const clade_dataset *dataset) {
    const clade_augmentation *augmentation = &dataset->augmentation;
    if (augmentation->flip || augmentation->crop > 0)
        clade_text_add(text, "augmentation =%s crop %" PRId64 "\n", augmentation->flip ? " flip," : "",
                       augmentation->crop);
    for (int64_t i = 0; clade_dataset_class(dataset, i); i++) {
        clade_text_add(text, i == 0 ? "classes = " : "\t");
        for (const char *letter = clade_dataset_class(dataset, i); *letter; letter++)
            clade_text_add_bytes(text, (unsigned char)*letter < ' ' ? " " : letter, 1);
    }
    if (clade_dataset_class(dataset, 0)) clade_text_add(text, "\n");
}

/* Name, sizes, and a hash of the first labels, which tells permuted ones apart. */
static clade_status add_data(clade_text *text, clade_dataset *dataset) {
    enum { LABELS = 256 };
    clade_dataset_info info = clade_dataset_describe(dataset);
    int64_t indices[LABELS], count = info.count < LABELS ? info.count : LABELS;
    int32_t labels[LABELS];
    for (int64_t i = 0; i < count; i++)
        indices[i] = i;
    clade_sha256 hash;
    char hex[65];
    clade_sha256_start(&hash);
    clade_status status = clade_dataset_read(dataset, indices, count, NULL, labels);
    if (status != CLADE_OK) return status;
    for (int64_t i = 0; i < count && info.targets == 0; i++)
        clade_sha256_add(&hash, (uint8_t[]){ (uint8_t)labels[i], (uint8_t)(labels[i] >> 8) }, 2);
    if (info.targets > 0) status = add_targets(&hash, dataset, indices, count, info.targets);
    if (status != CLADE_OK) return status;
    clade_sha256_finish_hex(&hash, hex);
    clade_text_add(text, "data = %s, %" PRId64 " of %" PRId64 "x%" PRId64 "x%" PRId64 ", labels %.8s\n", info.name,
                   info.count, info.channels, info.height, info.width, hex);
    add_data_details(text, dataset);
    return CLADE_OK;
}

/* Lines that are there only where the option is used, so that the checkpoints of other runs stay what they were. */
static void add_rarer(clade_text *text, const clade_train_options *options) {
    if (options->schedule.threshold > 0) clade_text_add(text, "threshold = %.15g\n", options->schedule.threshold);
    if (options->early_momentum_epochs > 0)
        clade_text_add(text, "early momentum = %.15g in %" PRId64 " epochs\n", options->early_momentum,
                       options->early_momentum_epochs);
    if (options->accumulate > 1) clade_text_add(text, "batches in an update = %" PRId64 "\n", options->accumulate);
    if (options->optimizer == CLADE_LBFGS)
        clade_text_add(text, "iterations on a batch = %" PRId64 "\n", options->iterations);
    if (options->patience > 0)
        clade_text_add(text, "patience = %" PRId64 ", least gain %.15g\n", options->patience, options->least_gain);
    if (options->watch_layers) clade_text_add(text, "layers = watched\n");
    if (options->sync_batch_norm) clade_text_add(text, "batch norm = over all devices\n");
}

clade_status clade_settings_text(const clade_trainer *trainer, char **out) {
    const clade_train_options *options = &trainer->options;
    clade_text text = { .context = trainer->context };
    clade_text_add(&text, "model = %s\n", options->model);
    if (options->settings) clade_text_add(&text, "%s", options->settings);
    clade_status status = add_data(&text, options->train);
    clade_text_add(&text, "seed = %" PRIu64 "\n", options->seed);
    clade_text_add(&text, "batch = %" PRId64 "\n", options->batch);
    clade_text_add(&text, "epochs = %" PRId64 "\n", options->epochs);
    clade_text_add(&text, "optimizer = %s\n", clade_optimizer_name(options->optimizer));
    clade_text_add(&text, "rate = %.15g\n", options->rate);
    clade_text_add(&text, "momentum = %.15g\n", options->momentum);
    clade_text_add(&text, "weight decay = %.15g\n", options->weight_decay);
    clade_text_add(&text, "schedule = %s, factor %.15g, every %.15g, warm-up %" PRId64 "\n",
                   clade_schedule_name(options->schedule.kind), options->schedule.factor, options->schedule.every,
                   options->schedule.warm_up);
    clade_text_add(&text, "held-out samples = %" PRId64 "\n", options->held_out);
    clade_text_add(&text, "steps between validations = %" PRId64 "\n", options->validate_every);
    clade_text_add(&text, "steps between reports = %" PRId64 "\n", options->report_every);
    add_rarer(&text, options);
    add_graph(&text, trainer->graph);
    *out = text.failed ? NULL : clade_duplicate(trainer->context, clade_text_get(&text));
    if (status == CLADE_OK && !*out) status = clade_fail_memory(trainer->context, text.length, "the run's settings");
    clade_text_free(&text);
    return status;
}

bool clade_settings_differ(const char **a, const char **b, int *a_length, int *b_length) {
    while (**a || **b) {
        const size_t left = strcspn(*a, "\n"), right = strcspn(*b, "\n");
        *a_length = (int)left;
        *b_length = (int)right;
        if (left != right || memcmp(*a, *b, left) != 0) return true;
        *a += left + ((*a)[left] != 0);
        *b += right + ((*b)[right] != 0);
    }
    return false;
}

clade_status clade_settings_compare(clade_context *context, const char *where, const char *there, const char *here) {
    int there_length, here_length;
    if (!clade_settings_differ(&there, &here, &there_length, &here_length)) return CLADE_OK;
    return clade_fail(context, CLADE_ERROR_ARGUMENT,
                      "%s was made with %.*s; this run has %.*s: resume with the same settings, or use another folder",
                      where, there_length, there, here_length, here);
}

char *clade_settings_value(clade_context *context, const char *text, const char *name) {
    size_t length = strlen(name);
    for (const char *line = text; *line;) {
        size_t line_length = strcspn(line, "\n");
        if (line_length > length + 2 && strncmp(line, name, length) == 0 && strncmp(line + length, " = ", 3) == 0) {
            clade_text value = { .context = context };
            clade_text_add(&value, "%.*s", (int)(line_length - length - 3), line + length + 3);
            char *copy = value.failed ? NULL : clade_duplicate(context, clade_text_get(&value));
            clade_text_free(&value);
            return copy;
        }
        line += line_length + (line[line_length] != 0);
    }
    return NULL;
}
