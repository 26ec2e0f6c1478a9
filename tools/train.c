/* clade train: trains a model of the zoo, draws the progress, and says what came of it. */
#include "finetune.h"
#include "system.h"
#include "training_devices.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct arguments {
    bool json, quiet, resume, shuffle_labels, full_batch, gradient_norms;
    const char *data, *device, *out, *optimizer, *schedule, *layer_rates, *tensorboard;
    int64_t epochs, batch, memory, held_out, validate_every, checkpoint_every, warm_up, early_momentum_epochs,
        accumulate, iterations, pairs, patience;
    double rate, momentum, weight_decay, schedule_factor, schedule_every, schedule_threshold, clip_norm, clip_value,
        early_momentum, least_gain;
    uint64_t seed;
    device_options devices;
    input_options input;
    finetune_options finetune;
} arguments;

/* What a run is made of; what is there is freed by close_parts(). */
typedef struct parts {
    clade_network *network;
    clade_network_loading loading;
    clade_dataset *training, *test;
    training_devices devices;
    layer_rules rules;
} parts;

/* ---- progress ---- */

typedef struct display {
    const arguments *given;
    const parts *parts;
    FILE *stream;      /* NULL: silent */
    bool redraws;      /* one line on a terminal; else a line now and then */
    bool drawn;        /* something stands on that line */
    int64_t next_step; /* of a plain line where nothing is held out */
} display;

/* Where progress goes: beside a JSON report only to a terminal, so that a failure is one line on standard error. */
static display open_display(const arguments *given, const parts *p) {
    display d = { .given = given, .parts = p };
    FILE *stream = given->json ? stderr : stdout;
    d.redraws = system_is_terminal(stream);
    if (!given->quiet && (d.redraws || !given->json)) d.stream = stream;
    return d;
}

static void add_number(char *text, size_t size, const char *format, double number) {
    size_t length = strlen(text);
    if (isfinite(number) && length < size) snprintf(text + length, size - length, format, number);
}

/* "epoch 2/3  step 1200/2814  loss 0.0712  accuracy 97.8 %  held out 98.1 %  9,500 images/s". */
static void describe(const clade_train_progress *p, char *text, size_t size) {
    int64_t epoch = p->epoch < p->epochs ? p->epoch + 1 : p->epochs;
    snprintf(text, size, "epoch %lld/%lld  step %lld/%lld", (long long)epoch, (long long)p->epochs, (long long)p->step,
             (long long)p->steps);
    add_number(text, size, "  loss %.4f", p->train_loss);
    add_number(text, size, "  accuracy %.2f %%", 100 * p->train_accuracy);
    add_number(text, size, "  held out %.2f %%", 100 * p->held_out_accuracy);
    add_number(text, size, "  %.0f images/s", p->images_per_second);
    size_t length = strlen(text);
    if (isfinite(p->seconds_left) && p->step < p->steps && length < size) {
        long left = lround(p->seconds_left);
        snprintf(text + length, size - length, "  left %ld:%02ld", left / 60, left % 60);
    }
}

/* A bar of the width that the words leave, and the words. */
static void redraw(display *d, const clade_train_progress *p) {
    enum { WIDEST_BAR = 30, NARROWEST_BAR = 6 };
    char words[256];
    describe(p, words, sizeof words);
    int width = system_terminal_width() - 1;
    int bar = width - (int)strlen(words) - 4;
    if (bar > WIDEST_BAR) bar = WIDEST_BAR;
    fputc('\r', d->stream);
    if (bar >= NARROWEST_BAR) {
        int64_t filled = p->steps > 0 ? bar * p->step / p->steps : 0;
        fputc('[', d->stream);
        for (int i = 0; i < bar; i++)
            fputc(i < filled ? '=' : ' ', d->stream);
        fputs("]  ", d->stream);
    }
    fprintf(d->stream, "%.*s\033[K", width, words);
    fflush(d->stream);
    d->drawn = true;
}

static void end_line(display *d) {
    if (d->drawn) fputc('\n', d->stream);
    d->drawn = false;
}

/* A line for each validation; where nothing is held out, twenty over the run. */
static void print_line(display *d, const clade_train_progress *p) {
    bool due = p->event == CLADE_TRAIN_REPORTED && isnan(p->held_out_loss) && p->step >= d->next_step;
    if (p->event != CLADE_TRAIN_VALIDATED && !due) return;
    d->next_step = p->step + (p->steps + 19) / 20;
    char words[256];
    describe(p, words, sizeof words);
    fprintf(d->stream, "%s\n", words);
    fflush(d->stream);
}

static void show(void *user, const clade_train_progress *p) {
    display *d = user;
    if (d->stream == NULL || p->event == CLADE_TRAIN_SAVED) return;
    if (p->event == CLADE_TRAIN_STARTED && d->stream == stdout)
        finetune_print(&d->given->finetune, d->parts->network, &d->parts->loading);
    if (!d->redraws) {
        print_line(d, p);
        return;
    }
    redraw(d, p);
    if (p->event == CLADE_TRAIN_FINISHED) end_line(d);
}

/* ---- the run folder ---- */

enum { MOST_RUNS = 10000, PATH = 4096 };

static void run_folder(char *path, const char *model, int number) {
    if (number == 1) {
        snprintf(path, PATH, "runs/%s", model);
    } else {
        snprintf(path, PATH, "runs/%s-%d", model, number);
    }
}

/* The folder of a run without --out: a new one, runs/MODEL, runs/MODEL-2, ...; to resume, the last of them. */
static outcome choose_folder(const invocation *call, const char *model, bool resume, char *path) {
    bool made_runs = system_make_folder("runs") >= 0;
    for (int number = 1; made_runs && number < MOST_RUNS; number++) {
        run_folder(path, model, number);
        if (resume) {
            char next[PATH];
            run_folder(next, model, number + 1);
            if (!system_exists(next)) return DONE;
            continue;
        }
        int made = system_make_folder(path);
        if (made > 0) return DONE;
        if (made < 0) break;
    }
    return failed_because(call, "cannot make a folder for the run under runs/; say where with --out DIR");
}

/* ---- options ---- */

static const struct {
    const char *name;
    clade_optimizer_kind kind;
} optimizers[] = {
    { "sgd", CLADE_SGD },         { "sgd-accumulate", CLADE_SGD_ACCUMULATE },
    { "adam", CLADE_ADAM },       { "nesterov", CLADE_NESTEROV },
    { "adamw", CLADE_ADAMW },     { "rmsprop", CLADE_RMSPROP },
    { "adagrad", CLADE_ADAGRAD }, { "lbfgs", CLADE_LBFGS },
    { "wiggle", CLADE_WIGGLE },
};

static const struct {
    const char *name;
    clade_schedule_kind kind;
} schedules[] = {
    { "constant", CLADE_CONSTANT }, { "step", CLADE_STEP },       { "cosine", CLADE_COSINE },
    { "plateau", CLADE_PLATEAU },   { "inverse", CLADE_INVERSE }, { "halve", CLADE_HALVE },
};

/* What was said on the command line, as the library's options. */
static clade_train_options train_options(const arguments *given) {
    clade_train_options options = {
        .size = sizeof options,
        .rate = given->rate,
        .momentum = given->momentum > 0 ? given->momentum : 0,
        .no_momentum = given->momentum == 0,
        .weight_decay = given->weight_decay > 0 ? given->weight_decay : 0,
        .no_weight_decay = given->weight_decay == 0,
        .batch = given->batch,
        .epochs = given->epochs,
        .seed = given->seed,
        .held_out = given->held_out > 0 ? given->held_out : 0,
        .no_held_out = given->held_out == 0,
        .validate_every = given->validate_every,
        .checkpoint_every = given->checkpoint_every,
        .resume = given->resume,
        .stop_on_interrupt = true,
        .clip_norm = given->clip_norm,
        .clip_value = given->clip_value,
        .schedule = { .factor = given->schedule_factor,
                      .every = given->schedule_every,
                      .threshold = given->schedule_threshold,
                      .warm_up = given->warm_up },
        .early_momentum = given->early_momentum,
        .early_momentum_epochs = given->early_momentum_epochs,
        .accumulate = given->accumulate,
        .full_batch = given->full_batch,
        .iterations = given->iterations,
        .memory = given->pairs,
        .patience = given->patience,
        .least_gain = given->least_gain,
        .watch_layers = given->gradient_norms,
        .tensorboard = given->tensorboard,
    };
    for (size_t i = 0; given->optimizer != NULL && i < sizeof optimizers / sizeof *optimizers; i++)
        if (strcmp(optimizers[i].name, given->optimizer) == 0) options.optimizer = optimizers[i].kind;
    for (size_t i = 0; given->schedule != NULL && i < sizeof schedules / sizeof *schedules; i++)
        if (strcmp(schedules[i].name, given->schedule) == 0) options.schedule.kind = schedules[i].kind;
    return options;
}

/* What is wrong with the options together; NULL when nothing is. */
static const char *fault_of(const arguments *given) {
    const bool lbfgs = given->optimizer != NULL && strcmp(given->optimizer, "lbfgs") == 0;
    const bool wiggle = given->optimizer != NULL && strcmp(given->optimizer, "wiggle") == 0;
    const struct {
        bool wrong;
        const char *words;
    } rules[] = {
        { given->schedule == NULL &&
              (given->schedule_factor > 0 || given->schedule_every > 0 || given->schedule_threshold > 0),
          "--schedule-factor, --schedule-every and --schedule-threshold want --schedule" },
        { given->early_momentum > 0 && given->early_momentum_epochs == 0,
          "--early-momentum wants --early-momentum-epochs" },
        { given->early_momentum_epochs > 0 && given->optimizer != NULL &&
              (lbfgs || wiggle || strncmp(given->optimizer, "ada", 3) == 0),
          "--early-momentum-epochs is of sgd, sgd-accumulate, nesterov and rmsprop" },
        { given->least_gain > 0 && given->patience == 0, "--least-gain wants --patience" },
        { given->patience > 0 && given->held_out == 0, "--patience watches held-out images: not with --held-out 0" },
        { given->full_batch && given->accumulate > 0, "--full-batch and --accumulate exclude each other" },
        { (given->iterations > 0 || given->pairs > 0) && !lbfgs, "--iterations and --pairs are of --optimizer lbfgs" },
        { (lbfgs || wiggle) && given->momentum > 0, "--momentum is not of --optimizer lbfgs or wiggle" },
        { (lbfgs || wiggle) && (given->clip_norm > 0 || given->clip_value > 0),
          "--clip-norm and --clip-value are not of --optimizer lbfgs or wiggle" },
        { (lbfgs || wiggle) && (given->full_batch || given->accumulate > 0),
          "--optimizer lbfgs and wiggle take one batch at a time: --batch with as many images as there are" },
        { wiggle && given->gradient_norms, "--optimizer wiggle has no gradients for --gradient-norms" },
    };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (rules[i].wrong) return rules[i].words;
    return NULL;
}

/* ---- what came of it ---- */

static bool print_json(const arguments *given, const parts *p, const char *folder, const clade_train_result *result) {
    json report = json_new();
    cJSON *root = report.root;
    json_text(&report, root, "model", clade_network_model(p->network)->name);
    finetune_json(&report, root, &given->finetune, p->network, &p->loading);
    json_text(&report, root, "data", given->data);
    json_text(&report, root, "device", result->device);
    training_devices_json(&report, root, result);
    json_number(&report, root, "seed", (double)given->seed);
    json_number(&report, root, "epochs", (double)result->epochs);
    json_number(&report, root, "steps", (double)result->steps);
    json_number(&report, root, "resumed_from", (double)result->resumed_from);
    json_number(&report, root, "parameters", (double)result->parameters);
    json_number(&report, root, "train_loss", result->train_loss);
    json_number(&report, root, "held_out_loss", result->held_out_loss);
    json_number(&report, root, "held_out_accuracy", result->held_out_accuracy);
    json_number(&report, root, "val_loss", result->val_loss);
    json_number(&report, root, "val_accuracy", result->val_accuracy);
    json_number(&report, root, "val_top5", result->val_top5);
    json_bool(&report, root, "stopped_early", result->stopped_early);
    json_number(&report, root, "images_per_second", result->images_per_second);
    json_number(&report, root, "data_waiting", result->data_waiting);
    json_text(&report, root, "weights_sha256", result->weights_sha256);
    json_text(&report, root, "out", folder);
    return json_print(&report);
}

static void print_text(const char *model, const char *folder, const clade_train_result *result) {
    printf("%s on %s: %lld epochs, %s steps", model, result->device, (long long)result->epochs,
           words_count((double)result->steps));
    if (isfinite(result->images_per_second)) printf(", %s images/s", words_count(result->images_per_second));
    if (result->stopped_early) printf("; stopped early");
    printf("\nloss %.4f in the last epoch; test loss %.4f", result->train_loss, result->val_loss);
    if (isfinite(result->val_accuracy)) printf(", accuracy %.2f %%", 100 * result->val_accuracy);
    if (isfinite(result->val_top5)) printf(", among the first five %.2f %%", 100 * result->val_top5);
    putchar('\n');
    printf("weights %s\nrun     %s\n", result->weights_sha256, folder);
    training_devices_print(result);
}

/* ---- the run ---- */

/* How all processes fared, when this one came to RESULT. One of them says it. */
static outcome agree(const invocation *call, clade_ranks *ranks, outcome result) {
    const clade_status own = result == DONE ? CLADE_OK : CLADE_ERROR_INPUT;
    const clade_status all = clade_ranks_agree(ranks, own);
    return own == CLADE_OK && all != CLADE_OK ? failed(call) : result;
}

/* The same folder for all processes, chosen by the first. */
static outcome agree_on_folder(const invocation *call, const char *model, clade_ranks *ranks, char *path) {
    const arguments *given = call->arguments;
    outcome chosen = DONE;
    if (clade_ranks_speaks(ranks)) chosen = choose_folder(call, model, given->resume, path);
    chosen = agree(call, ranks, chosen);
    if (chosen == DONE && clade_ranks_broadcast(ranks, path, PATH) != CLADE_OK) return failed(call);
    return chosen;
}

static outcome train(invocation *call, const parts *p, clade_train_options *options) {
    const arguments *given = call->arguments;
    const char *name = clade_network_model(p->network)->name;
    char folder[PATH] = "";
    if (given->out == NULL) {
        outcome chosen = agree_on_folder(call, name, options->ranks, folder);
        if (chosen != DONE) return chosen;
    }
    display d = open_display(given, p);
    if (call->silent) d.stream = NULL;
    options->folder = given->out != NULL ? given->out : folder;
    options->progress = show;
    options->user = &d;
    clade_train_result result;
    clade_status status = clade_train_network(p->network, options, &result);
    end_line(&d);
    call->silent = !clade_ranks_speaks(options->ranks);
    if (status != CLADE_OK) return failed(call);
    if (call->silent) return DONE;
    if (given->json) return print_json(given, p, options->folder, &result) ? DONE : FAILED;
    print_text(name, options->folder, &result);
    return DONE;
}

static void close_parts(parts *p) {
    training_devices_close(&p->devices);
    clade_network_free(p->network);
    clade_dataset_free(p->training);
    clade_dataset_free(p->test);
}

static outcome open_parts(const invocation *call, parts *p) {
    const arguments *given = call->arguments;
    const clade_network_options begin = { .replace_head = given->finetune.replace_head,
                                          .fresh = given->finetune.fresh };
    if (given->layer_rates != NULL && !read_layer_rules(given->layer_rates, &p->rules))
        return wrong_usage(call->command, "--layer-rates wants STATES=RATE,...: conv*=0,fc2.*=10");
    outcome result = open_network(call, call->operands[0], &given->input, begin, &p->network);
    if (result != DONE) return result;
    if (clade_dataset_open_sized(call->context, given->data, clade_network_model(p->network)->image, &p->training,
                                 &p->test) != CLADE_OK ||
        (given->shuffle_labels && clade_dataset_shuffle_labels(p->training, given->seed) != CLADE_OK))
        return failed(call);
    result = finetune_prepare(call, &given->finetune, p->network, p->training, &p->loading);
    if (result == DONE && !finetune_rules(&given->finetune, p->network, &p->rules))
        return wrong_usage(call->command, "--layer-rates has too many rules beside --replace-head");
    return result == DONE ? training_devices_open(call, given->device, &given->devices, given->memory, &p->devices)
                          : result;
}

static outcome run(invocation *call) {
    const arguments *given = call->arguments;
    if (given->data == NULL)
        return wrong_usage(
            call->command,
            "wants --data DATA: digits, points:KIND, mnist:DIR, idx:DIR, cifar10:DIR, images:DIR, csv:FILE, ...");

    const char *fault = fault_of(given);
    if (fault == NULL) fault = finetune_fault(&given->finetune);
    if (fault != NULL) return wrong_usage(call->command, "%s", fault);
    clade_train_options options = train_options(given);
    parts p = { .network = NULL };
    if (clade_ranks_join(call->context, &options.ranks) != CLADE_OK) return failed(call);
    call->silent = !clade_ranks_speaks(options.ranks);
    outcome result = agree(call, options.ranks, open_parts(call, &p));
    if (result == DONE) {
        training_devices_options(&p.devices, &given->devices, &options);
        options.train = p.training;
        options.test = p.test;
        options.layer_rules = p.rules.list;
        options.layer_rule_count = p.rules.count;
        result = train(call, &p, &options);
    }
    close_parts(&p);
    clade_ranks_leave(options.ranks, result == DONE);
    return result;
}

#define ROW(NAME, KIND, FIELD, VALUE, MINIMUM, HELP)                                                                   \
    { NAME, KIND, offsetof(arguments, FIELD), VALUE, MINIMUM, HELP }
static const option options[] = {
    ROW("--data", OPTION_TEXT, data, "DATA", 0,
        "digits[:TRAIN,TEST[,SEED]], mnist:DIR, fashion:DIR, idx:DIR, points:KIND, cifar10:DIR, images:DIR, csv:FILE, "
        "npy:X,Y"),
    ROW("--epochs", OPTION_INTEGER, epochs, "N", 1,
        "times through the data; default, as for the next ones, the model's recipe"),
    ROW("--batch", OPTION_INTEGER, batch, "N", 1, "images in a step"),
    ROW("--rate", OPTION_REAL, rate, "R", 1e-12, "learning rate at the start"),
    ROW("--momentum", OPTION_REAL, momentum, "M", 0, "of SGD; Adam's beta1; 0: none"),
    ROW("--weight-decay", OPTION_REAL, weight_decay, "W", 0, "adds W times the weights to their gradient"),
    ROW("--early-momentum", OPTION_REAL, early_momentum, "M", 0, "momentum of the first epochs; default 0.5"),
    ROW("--early-momentum-epochs", OPTION_INTEGER, early_momentum_epochs, "N", 1,
        "how many epochs that is; then --momentum holds"),
    ROW("--optimizer", OPTION_TEXT, optimizer, "sgd|sgd-accumulate|nesterov|adam|adamw|rmsprop|adagrad|lbfgs|wiggle", 0,
        "the rule of the update"),
    ROW("--iterations", OPTION_INTEGER, iterations, "N", 1, "of lbfgs, on each batch; default 20"),
    ROW("--pairs", OPTION_INTEGER, pairs, "N", 1, "that lbfgs remembers; default 10"),
    ROW("--accumulate", OPTION_INTEGER, accumulate, "N", 1, "batches whose mean gradient makes one update"),
    ROW("--full-batch", OPTION_FLAG, full_batch, NULL, 0, "one update an epoch, by the gradient of all batches"),
    ROW("--clip-norm", OPTION_REAL, clip_norm, "N", 0, "the most that the norm of all gradients may be"),
    ROW("--clip-value", OPTION_REAL, clip_value, "V", 0, "the most that one element of a gradient may be"),
    OPTIONS_FINETUNE(arguments),
    OPTIONS_INPUT(arguments),
    ROW("--layer-rates", OPTION_TEXT, layer_rates, "RULES", 0,
        "STATES=RATE,...: times the rate for states by name; 0 freezes: 'conv*=0,fc2.*=10'"),
    ROW("--schedule", OPTION_TEXT, schedule, "constant|step|cosine|plateau|inverse|halve", 0, "how the rate falls"),
    ROW("--schedule-factor", OPTION_REAL, schedule_factor, "F", 0, "of step, plateau and halve"),
    ROW("--schedule-every", OPTION_REAL, schedule_every, "E", 0, "epochs, validations, or the b of a/(b+t)"),
    ROW("--schedule-threshold", OPTION_REAL, schedule_threshold, "T", 0,
        "the share by which the loss must fall, of plateau and halve"),
    ROW("--warm-up", OPTION_INTEGER, warm_up, "N", 0, "steps in which the rate rises to its full height"),
    ROW("--seed", OPTION_SEED, seed, "S", 0, "of weights, order and dropout; default 0"),
    OPTIONS_DEVICES(arguments),
    ROW("--memory", OPTION_BYTES, memory, "BYTES", 1,
        "most device memory to use: 512M, 2G; a step that does not fit computes values again"),
    ROW("--out", OPTION_TEXT, out, "DIR", 0, "the run's folder; default a new one, runs/MODEL, runs/MODEL-2, ..."),
    ROW("--resume", OPTION_FLAG, resume, NULL, 0,
        "go on from the folder's newest checkpoint (default the last folder)"),
    ROW("--held-out", OPTION_INTEGER, held_out, "N", 0, "training images kept aside to measure on the way; 0: none"),
    ROW("--validate-every", OPTION_INTEGER, validate_every, "N", 1, "steps between measurements on them"),
    ROW("--patience", OPTION_INTEGER, patience, "N", 1,
        "stop after N measurements on them without a lower loss; default never"),
    ROW("--least-gain", OPTION_REAL, least_gain, "G", 0, "by how much it must be lower for --patience; default 0"),
    ROW("--gradient-norms", OPTION_FLAG, gradient_norms, NULL, 0,
        "record the gradient's norm and the share of zeros of every layer: layers.txt, layers.svg"),
    ROW("--tensorboard", OPTION_TEXT, tensorboard, "[DIR]", 0,
        "curves and first-layer filters as event files for TensorBoard; default into the run's folder"),
    ROW("--checkpoint-every", OPTION_INTEGER, checkpoint_every, "N", 1, "steps between checkpoints; default an epoch"),
    ROW("--shuffle-labels", OPTION_FLAG, shuffle_labels, NULL, 0, "a control: permute the training labels"),
    OPTION_JSON(arguments),
    ROW("--quiet", OPTION_FLAG, quiet, NULL, 0, "no progress"),
    OPTIONS_END,
};

static const arguments defaults = { .momentum = NAN, .weight_decay = NAN, .held_out = -1, .finetune.rest = -1 };

const command command_train = {
    .name = "train",
    .operands = "MODEL",
    .title = "train a model on a data set",
    .details = "MODEL is one of the zoo, an ONNX file, or a run's folder or checkpoint, whose weights it begins with. "
               "SIGINT finishes the step, saves, and says how to go on. The folder holds metrics.jsonl, training.svg, "
               "the confusion matrix of the test images and the last checkpoints.",
    .operand_minimum = 1,
    .operand_maximum = 1,
    .options = options,
    .arguments_size = sizeof(arguments),
    .defaults = &defaults,
    .run = run,
};
