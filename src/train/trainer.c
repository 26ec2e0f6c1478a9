/* Making a trainer: options completed and checked, the graph grown by gradient and updates, the data divided, the run
 * folder opened. */
#include "train/trainer.h"

#include "clade/input_norm.h"

#include "base/context.h"
#include "data/dataset.h"
#include "ops/op.h"
#include "train/sum_over_devices.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* ---- options ---- */

/* An options struct of another version: as many bytes as it has, the rest zero. */
static void copy_options(clade_train_options *to, const clade_train_options *from) {
    *to = (clade_train_options){ 0 };
    memcpy(to, from, from->size < sizeof *to ? from->size : sizeof *to);
    to->size = sizeof *to;
}

static int64_t at_least(int64_t number, int64_t least) {
    return number > least ? number : least;
}

/* How many samples to hold out: see the header. */
static int64_t default_held_out(bool watched, int64_t count) {
    enum { FOR_RULES = 12, FOR_CURVES = 60 };
    return watched ? at_least(count / FOR_RULES, 1) : count / FOR_CURVES;
}

static clade_status complete_held_out(clade_trainer *trainer) {
    clade_train_options *options = &trainer->options;
    int64_t count = clade_dataset_describe(options->train).count;
    const bool plateau = options->schedule.kind == CLADE_PLATEAU, watched = plateau || options->patience > 0;
    if (options->no_held_out) {
        options->held_out = 0;
        if (watched)
            return clade_fail(trainer->context, CLADE_ERROR_ARGUMENT,
                              "%s watches held-out samples: leave no_held_out away",
                              plateau ? "the plateau schedule" : "early stopping");
    } else if (options->held_out == 0) {
        options->held_out = default_held_out(watched, count);
    }
    if (options->held_out < 0 || options->held_out >= count)
        return clade_fail(trainer->context, CLADE_ERROR_ARGUMENT,
                          "%" PRId64 " samples held out of %" PRId64 ": must leave some to train on", options->held_out,
                          count);
    return CLADE_OK;
}

/* Whether momentum is a weight of past gradients alone, so that it may change on the way. */
static bool has_plain_momentum(clade_optimizer_kind kind) {
    return kind == CLADE_SGD || kind == CLADE_SGD_ACCUMULATE || kind == CLADE_NESTEROV || kind == CLADE_RMSPROP;
}

static clade_status complete_early_momentum(clade_trainer *trainer) {
    clade_train_options *options = &trainer->options;
    if (options->early_momentum == 0) options->early_momentum = 0.5;
    if (options->early_momentum_epochs == 0) return CLADE_OK;
    if (options->early_momentum_epochs < 0 || !(options->early_momentum > 0 && options->early_momentum < 1))
        return clade_fail(trainer->context, CLADE_ERROR_ARGUMENT,
                          "early momentum %g in %" PRId64 " epochs: above 0 and below 1, in at least one epoch",
                          options->early_momentum, options->early_momentum_epochs);
    if (!has_plain_momentum(options->optimizer) || !(options->momentum > 0))
        return clade_fail(
            trainer->context, CLADE_ERROR_ARGUMENT,
            "an early momentum goes with the momentum of sgd, sgd-accumulate, nesterov or rmsprop, not with "
            "%s at momentum %g",
            clade_optimizer_name(options->optimizer), options->momentum);
    return CLADE_OK;
}

/* What only an update in the graph can do. */
static clade_status check_search(clade_trainer *trainer) {
    const clade_train_options *options = &trainer->options;
    if (!clade_optimizer_searches(options->optimizer)) return CLADE_OK;
    const char *refused = options->momentum > 0                               ? "momentum"
                          : options->clip_norm > 0 || options->clip_value > 0 ? "clipping"
                          : options->accumulate > 1 || options->full_batch    ? "accumulation over batches"
                                                                              : NULL;
    for (size_t i = 0; i < options->layer_rule_count; i++)
        if (options->layer_rules[i].rate > 0 && !options->layer_rules[i].frozen) refused = "rates by layer";
    if (options->optimizer == CLADE_WIGGLE && options->watch_layers) refused = "gradients to watch";
    if (!refused) return CLADE_OK;
    return clade_fail(trainer->context, CLADE_ERROR_ARGUMENT, "%s knows no %s",
                      clade_optimizer_name(options->optimizer), refused);
}

static clade_status check_counts(clade_trainer *trainer) {
    const clade_train_options *options = &trainer->options;
    if (options->accumulate < 1 || options->iterations < 1 || options->memory < 1)
        return clade_fail(trainer->context, CLADE_ERROR_ARGUMENT,
                          "accumulate %" PRId64 ", iterations %" PRId64 ", memory %" PRId64 ": each must be at least 1",
                          options->accumulate, options->iterations, options->memory);
    if (options->patience < 0 || !(options->least_gain >= 0))
        return clade_fail(trainer->context, CLADE_ERROR_ARGUMENT,
                          "patience %" PRId64 ", least gain %g: neither may be negative", options->patience,
                          options->least_gain);
    return CLADE_OK;
}

static clade_status complete_numbers(clade_trainer *trainer) {
    clade_train_options *options = &trainer->options;
    if (options->optimizer == 0) options->optimizer = CLADE_SGD;
    if (options->rate == 0) options->rate = clade_optimizer_default_rate(options->optimizer);
    options->momentum = clade_optimizer_of(options).momentum;
    if (options->no_weight_decay) options->weight_decay = 0;
    if (options->batch == 0) options->batch = 64;
    if (options->epochs == 0) options->epochs = 1;
    if (options->accumulate == 0) options->accumulate = 1;
    if (options->iterations == 0) options->iterations = 20;
    if (options->memory == 0) options->memory = 10;
    if (options->checkpoint_seconds == 0) options->checkpoint_seconds = 300;
    if (options->device_seconds == 0) options->device_seconds = 120;
    if (!options->model) options->model = "";
    if (!(options->rate > 0 && isfinite(options->rate)))
        return clade_fail(trainer->context, CLADE_ERROR_ARGUMENT, "rate %g: must be above 0", options->rate);
    if (options->batch < 1 || options->epochs < 1)
        return clade_fail(trainer->context, CLADE_ERROR_ARGUMENT,
                          "batch %" PRId64 ", epochs %" PRId64 ": both must be at least 1", options->batch,
                          options->epochs);
    if (options->validate_every < 0 || options->report_every < 0 || options->checkpoint_every < 0)
        return clade_fail(trainer->context, CLADE_ERROR_ARGUMENT,
                          "validate_every, report_every and checkpoint_every count steps: none may be negative");
    clade_status status = check_counts(trainer);
    if (status == CLADE_OK) status = complete_early_momentum(trainer);
    return status == CLADE_OK ? check_search(trainer) : status;
}

static clade_status check_sources(clade_context *context, const clade_train_options *options) {
    clade_status status = clade_trainer_check_devices(context, options);
    if (status != CLADE_OK) return status;
    if (!options->train) return clade_fail(context, CLADE_ERROR_ARGUMENT, "training needs a data set in options.train");
    if (clade_dataset_describe(options->train).count < 1)
        return clade_fail(context, CLADE_ERROR_INPUT, "%s: no samples to train on",
                          clade_dataset_describe(options->train).name);
    if (options->resume && !options->folder)
        return clade_fail(context, CLADE_ERROR_ARGUMENT, "resuming needs the folder of the run to go on with");
    return CLADE_OK;
}

static clade_status take_options(clade_trainer *trainer, const clade_train_options *given) {
    copy_options(&trainer->options, given);
    clade_train_options *options = &trainer->options;
    clade_status status = complete_numbers(trainer);
    if (status == CLADE_OK) status = check_sources(trainer->context, options);
    if (status == CLADE_OK) status = complete_held_out(trainer);
    if (status != CLADE_OK) return status;
    trainer->ranks = options->ranks;
    if (options->folder) trainer->folder = clade_duplicate(trainer->context, options->folder);
    trainer->model = clade_duplicate(trainer->context, options->model);
    if (!trainer->model || (options->folder && !trainer->folder))
        return clade_fail_memory(trainer->context, sizeof *options, "the training options");
    options->folder = trainer->folder;
    options->model = trainer->model;
    trainer->epochs = options->epochs;
    trainer->optimizer = clade_optimizer_of(options);
    trainer->optimizer.accumulates = options->accumulate > 1 || options->full_batch;
    return CLADE_OK;
}

/* ---- the graph ---- */

/* GIVEN, or the graph's input NAME; both must be inputs. */
static clade_status find_input(clade_trainer *trainer, clade_value given, const char *name, clade_dtype dtype,
                               clade_value *out) {
    *out = clade_value_valid(given) ? given : clade_graph_find(trainer->graph, "input", name);
    if (!clade_value_valid(*out) || clade_value_node(*out)->op != &clade_op_input || out->graph != trainer->graph ||
        clade_value_dtype(*out) != dtype)
        return clade_fail(
            trainer->context, CLADE_ERROR_ARGUMENT,
            "training feeds an input \"%s\" of dtype %s, which the graph lacks: add it, or set options.%s", name,
            clade_dtype_name(dtype), name);
    return CLADE_OK;
}

clade_value clade_counted_scores(clade_value scores) {
    const clade_node *node = clade_value_node(scores);
    return strcmp(node->op->name, "softmax") == 0 ? node->inputs[0] : scores;
}

/* Elements of one sample of VALUE, whose first size is N; -1 when it is not so. */
static int64_t sample_elements(const clade_graph *graph, clade_value value) {
    clade_dims dims = clade_value_dims(value);
    if (dims.rank < 1 || dims.size[0] != CLADE_BATCH) return -1;
    return clade_dims_value(graph, &dims, (clade_binding){ .batch = 1 }, NULL);
}

static clade_status check_image(const clade_trainer *trainer) {
    clade_dataset_info info = clade_dataset_describe(trainer->options.train);
    if (sample_elements(trainer->graph, trainer->feed.image) == info.channels * info.height * info.width)
        return CLADE_OK;
    return clade_fail(trainer->context, CLADE_ERROR_INPUT,
                      "%s: its images are %" PRId64 "x%" PRId64 "x%" PRId64 ", and the graph takes %s", info.name,
                      info.channels, info.height, info.width,
                      clade_type_text(trainer->graph, clade_value_type(trainer->feed.image)));
}

/* Class numbers go with class numbers; targets with targets, or one-hot with class numbers. */
static clade_status check_label(const clade_trainer *trainer) {
    clade_dataset_info info = clade_dataset_describe(trainer->options.train);
    const int64_t elements = sample_elements(trainer->graph, trainer->feed.label);
    if (clade_value_dtype(trainer->feed.label) == CLADE_F32)
        return elements > 0 ? clade_dataset_check_width(trainer->options.train, elements)
                            : clade_fail(trainer->context, CLADE_ERROR_ARGUMENT, "the label's size must be (N, ...)");
    if (elements != 1) return clade_fail(trainer->context, CLADE_ERROR_ARGUMENT, "the label's size must be (N)");
    if (info.targets == 0) return CLADE_OK;
    return clade_fail(trainer->context, CLADE_ERROR_INPUT,
                      "%s: its targets are %" PRId64 " numbers each, and the graph's label is a class number",
                      info.name, info.targets);
}

static clade_status find_inputs(clade_trainer *trainer) {
    const clade_train_options *options = &trainer->options;
    clade_value label =
        clade_value_valid(options->label) ? options->label : clade_graph_find(trainer->graph, "input", "label");
    const bool targets = clade_value_valid(label) && clade_value_dtype(label) == CLADE_F32;
    clade_status status = find_input(trainer, options->image, "image", CLADE_F32, &trainer->feed.image);
    if (status == CLADE_OK)
        status = find_input(trainer, label, "label", targets ? CLADE_F32 : CLADE_I32, &trainer->feed.label);
    if (status == CLADE_OK) status = check_image(trainer);
    return status == CLADE_OK ? check_label(trainer) : status;
}

/* LOSS and the extra losses, each times its weight; what is lowered. */
static clade_status add_losses(clade_trainer *trainer, clade_value loss) {
    const clade_train_options *options = &trainer->options;
    clade_feed *feed = &trainer->feed;
    feed->loss = loss;
    if (options->extra_loss_count == 0) return CLADE_OK;
    if (options->extra_loss_count > CLADE_MAX_EXTRA_LOSSES)
        return clade_fail(trainer->context, CLADE_ERROR_ARGUMENT, "%zu extra losses: at most %d",
                          options->extra_loss_count, CLADE_MAX_EXTRA_LOSSES);
    feed->parts[0] = loss;
    trainer->loss_names[0] = clade_duplicate(trainer->context, "main");
    for (size_t i = 0; i < options->extra_loss_count; i++) {
        const clade_weighted_loss *extra = &options->extra_losses[i];
        if (!clade_value_valid(extra->loss) || extra->loss.graph != trainer->graph ||
            clade_value_dims(extra->loss).rank != 0 || !(extra->weight > 0) || !extra->name)
            return clade_fail(trainer->context, CLADE_ERROR_ARGUMENT,
                              "extra loss %zu: needs a name, a weight above 0 and a scalar of the graph", i);
        feed->loss = clade_add(feed->loss, clade_scale(extra->loss, extra->weight));
        feed->parts[i + 1] = extra->loss;
        trainer->loss_names[i + 1] = clade_duplicate(trainer->context, extra->name);
    }
    feed->part_count = options->extra_loss_count + 1;
    for (size_t i = 0; i < feed->part_count; i++)
        if (!trainer->loss_names[i]) return clade_fail_memory(trainer->context, sizeof *feed, "the losses' names");
    return CLADE_OK;
}

/* The count of correct answers, where there are class numbers to count by. */
static void add_measures(clade_trainer *trainer, clade_value loss) {
    const clade_train_options *options = &trainer->options;
    clade_feed *feed = &trainer->feed;
    const bool classes = clade_dataset_describe(options->train).targets == 0;
    clade_value scores = CLADE_NO_VALUE;
    if (clade_value_valid(options->scores) && classes) {
        const bool one_hot = clade_value_dtype(feed->label) == CLADE_F32;
        if (one_hot) feed->number = clade_input(trainer->graph, "label.number", CLADE_I32, clade_shape(CLADE_BATCH));
        scores = clade_counted_scores(options->scores);
        feed->correct = clade_count_correct(scores, one_hot ? feed->number : feed->label);
    }
    trainer->measured = *feed;
    trainer->measured.loss = loss;
    trainer->measured.part_count = 0;
    trainer->measured.scores = scores;
}

static clade_status grow_graph(clade_trainer *trainer, clade_value loss) {
    clade_status status = clade_graph_status(trainer->graph);
    if (status != CLADE_OK) return status;
    if (!clade_value_valid(loss) || loss.graph != trainer->graph || clade_value_dims(loss).rank != 0)
        return clade_fail(trainer->context, CLADE_ERROR_ARGUMENT, "the loss must be a scalar of the graph");
    status = find_inputs(trainer);
    if (status == CLADE_OK) status = add_losses(trainer, loss);
    if (status != CLADE_OK) return status;
    add_measures(trainer, loss);
    const clade_optimizer *optimizer = &trainer->optimizer;
    const bool searches = clade_optimizer_searches(optimizer->kind);
    clade_value lowered = searches ? clade_optimizer_decayed(optimizer, trainer->feed.loss) : trainer->feed.loss;
    clade_value seed = searches ? CLADE_NO_VALUE : clade_device_share(trainer->graph);
    status = clade_optimizer_find(optimizer, lowered, seed, &trainer->trained);
    if (status == CLADE_OK && searches)
        return clade_search_new(trainer->context, &trainer->options, lowered, &trainer->trained, &trainer->search);
    if (status == CLADE_OK) status = clade_sum_over_devices(&trainer->feed, &trainer->summed, &trainer->trained);
    if (status == CLADE_OK) status = clade_optimizer_update(optimizer, &trainer->trained);
    return status == CLADE_OK ? clade_graph_status(trainer->graph) : status;
}

/* ---- the data ---- */

static clade_status divide_data(clade_trainer *trainer) {
    clade_train_options *options = &trainer->options;
    if (options->held_out == 0) return CLADE_OK;
    clade_status status = clade_dataset_split(options->train, options->held_out, &trainer->train, &trainer->held_out);
    return status == CLADE_OK ? clade_trainer_own_samples(trainer, trainer->held_out, &trainer->own_held_out) : status;
}

clade_status clade_trainer_new_loader(const clade_trainer *trainer, clade_loader **loader) {
    const clade_train_options *options = &trainer->options;
    const clade_loader_options wanted = { .size = sizeof wanted,
                                          .batch = options->batch,
                                          .seed = options->seed,
                                          .shuffle = true,
                                          .depth = CLADE_PIPELINE_SLOTS,
                                          .targets = clade_feed_width(&trainer->feed),
                                          .augment = true,
                                          .part_from = trainer->part_from,
                                          .part_to = trainer->part_to,
                                          .part_of = trainer->part_of };
    return clade_loader_new(trainer->train ? trainer->train : options->train, &wanted, loader);
}

static clade_status open_loader(clade_trainer *trainer) {
    clade_status status = clade_trainer_new_loader(trainer, &trainer->loader);
    if (status != CLADE_OK) return status;
    trainer->steps_per_epoch = clade_loader_batches(trainer->loader);
    if (trainer->steps_per_epoch > INT64_MAX / trainer->epochs)
        return clade_fail(trainer->context, CLADE_ERROR_ARGUMENT, "epochs %" PRId64 ": too many", trainer->epochs);
    trainer->steps = trainer->steps_per_epoch * trainer->epochs;
    return CLADE_OK;
}

/* The options that are counted in steps. */
static clade_status complete_steps(clade_trainer *trainer) {
    enum { VALIDATIONS = 5, LEAST_STEPS = 30, REPORTS = 50 };
    clade_train_options *options = &trainer->options;
    int64_t epoch = trainer->steps_per_epoch;
    if (options->validate_every == 0)
        options->validate_every = at_least((epoch + VALIDATIONS - 1) / VALIDATIONS, LEAST_STEPS);
    if (options->report_every == 0) options->report_every = at_least(epoch / REPORTS, 1);
    if (options->checkpoint_every == 0) options->checkpoint_every = epoch;
    if (options->full_batch || options->accumulate > epoch) options->accumulate = epoch;
    trainer->schedule = clade_schedule_start(trainer->steps, epoch);
    return clade_schedule_complete(trainer->context, &options->schedule, trainer->steps);
}

/* ---- the whole ---- */

clade_status clade_trainer_open_board(clade_trainer *trainer) {
    const clade_train_options *options = &trainer->options;
    if (!options->tensorboard) return CLADE_OK;
    const char *folder = options->tensorboard[0] ? options->tensorboard : trainer->folder;
    if (!folder)
        return clade_fail(trainer->context, CLADE_ERROR_ARGUMENT,
                          "options.tensorboard wants a folder where there is none of the run");
    const clade_dataset_info info = clade_dataset_describe(options->train);
    const int64_t image[] = { info.channels, info.height, info.width };
    return clade_board_open(trainer->context, folder, trainer->run.step, &trainer->trained, image,
                            &trainer->history.board);
}

clade_status clade_trainer_first_states(clade_trainer *trainer) {
    const clade_train_options *options = &trainer->options;
    clade_session *session = clade_team_session(trainer->team);
    clade_status status = clade_input_norm_fit(session, trainer->train ? trainer->train : options->train);
    if (status == CLADE_OK && options->weights) status = clade_weights_fill_session(options->weights, session);
    return status;
}

clade_status clade_trainer_new(clade_graph *graph, clade_value loss, const clade_train_options *options,
                               clade_trainer **out) {
    *out = NULL;
    clade_context *context = graph->context;
    clade_trainer *trainer = clade_allocate(context, 1, sizeof *trainer);
    if (!trainer) return clade_fail_memory(context, sizeof *trainer, "a trainer");
    trainer->context = trainer->history.context = context;
    trainer->graph = graph;
    trainer->saved_step = -1;
    clade_status status = clade_trainer_take_part(trainer, take_options(trainer, options));
    if (status == CLADE_OK) status = grow_graph(trainer, loss);
    if (status == CLADE_OK) status = divide_data(trainer);
    if (status == CLADE_OK) status = open_loader(trainer);
    if (status == CLADE_OK) status = complete_steps(trainer);
    trainer->run = clade_run_start(trainer->steps);
    for (int i = 0; i <= CLADE_MAX_EXTRA_LOSSES; i++)
        trainer->reported_parts[i] = NAN;
    if (status == CLADE_OK) status = clade_settings_text(trainer, &trainer->settings);
    if (status == CLADE_OK && trainer->options.watch_layers)
        status = clade_layer_watch_new(trainer->graph, &trainer->trained, loss, &trainer->layers);
    status = clade_trainer_check_alike(trainer, status);
    if (trainer->layers) trainer->history.layers = clade_layer_watch_names(trainer->layers);
    trainer->history.loss_names = trainer->loss_names;
    if (status == CLADE_OK) status = clade_trainer_open_team(trainer);
    status = clade_ranks_agree(trainer->ranks, status);
    if (status == CLADE_OK) status = clade_folder_open(trainer);
    if (status == CLADE_OK) status = clade_trainer_level(trainer, true);
    if (status != CLADE_OK) {
        clade_trainer_free(trainer);
        return status;
    }
    *out = trainer;
    return CLADE_OK;
}

void clade_trainer_free(clade_trainer *trainer) {
    if (!trainer) return;
    clade_measure_free(trainer->validation);
    clade_team_free(trainer->team);
    clade_loader_free(trainer->loader);
    clade_dataset_free(trainer->train);
    clade_dataset_free(trainer->own_held_out);
    clade_dataset_free(trainer->held_out);
    clade_history_free(&trainer->history);
    clade_search_free(trainer->search);
    clade_layer_watch_free(trainer->layers);
    clade_trained_free(trainer->context, &trainer->trained);
    for (int i = 0; i <= CLADE_MAX_EXTRA_LOSSES; i++)
        clade_free(trainer->context, trainer->loss_names[i]);
    clade_free(trainer->context, trainer->settings);
    clade_free(trainer->context, trainer->folder);
    clade_free(trainer->context, trainer->rescue_folder);
    clade_free(trainer->context, trainer->model);
    clade_free(trainer->context, trainer);
}

clade_session *clade_trainer_session(clade_trainer *trainer) {
    return clade_team_session(trainer->team);
}
