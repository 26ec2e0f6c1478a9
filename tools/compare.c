/* clade compare: the same training on several devices, one after the other, side by side: what each computes, and how
 * fast. */
#include "network.h"
#include "training_devices.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOST_DEVICES = 8 };

typedef struct arguments {
    bool json;
    const char *data, *device;
    int64_t epochs, batch;
    uint64_t seed;
} arguments;

/* The training loss since the report before. */
typedef struct report {
    int64_t step;
    double loss;
} report;

/* One device's run: its reports, and what came of it. */
typedef struct course {
    char device[256];
    report *reports;
    int count, room;
    bool memory_short; /* for all of them */
    clade_train_result result;
} course;

typedef struct comparison {
    course *courses;
    int count;
} comparison;

/* ---- running ---- */

static void note(void *user, const clade_train_progress *p) {
    course *c = user;
    if (p->event != CLADE_TRAIN_REPORTED || c->memory_short) return;
    if (c->count == c->room) {
        const int room = c->room > 0 ? 2 * c->room : 64;
        report *reports = realloc(c->reports, (size_t)room * sizeof *reports);
        c->memory_short = reports == NULL;
        if (c->memory_short) return;
        c->reports = reports;
        c->room = room;
    }
    c->reports[c->count++] = (report){ p->step, p->train_loss };
}

static outcome train_on(const invocation *call, clade_device *device, clade_dataset *data, clade_dataset *test,
                        course *c) {
    const arguments *given = call->arguments;
    clade_network *network = NULL;
    outcome opened = open_network(call, call->operands[0], NULL, (clade_network_options){ .fresh = true }, &network);
    if (opened != DONE) return opened;
    const clade_train_options options = { .size = sizeof options,
                                          .devices = &device,
                                          .device_count = 1,
                                          .train = data,
                                          .test = test,
                                          .epochs = given->epochs,
                                          .batch = given->batch,
                                          .seed = given->seed,
                                          .progress = note,
                                          .user = c };
    clade_status status = clade_train_network(network, &options, &c->result);
    snprintf(c->device, sizeof c->device, "%s", clade_device_name(device));
    clade_network_free(network);
    if (c->memory_short) return failed_because(call, "memory is short for the reports of a run");
    return status == CLADE_OK ? DONE : failed(call);
}

static outcome train_on_each(const invocation *call, const clade_device_pick *picks, comparison *all) {
    const arguments *given = call->arguments;
    clade_dataset *data = NULL, *test = NULL;
    clade_network *network = NULL;
    outcome result = open_network(call, call->operands[0], NULL, (clade_network_options){ 0 }, &network);
    if (result == DONE && clade_dataset_open_sized(call->context, given->data, clade_network_model(network)->image,
                                                   &data, &test) != CLADE_OK)
        result = failed(call);
    clade_network_free(network);
    for (int i = 0; i < all->count && result == DONE; i++) {
        clade_device *device = NULL;
        if (clade_device_open_pick(call->context, &picks[i], &device) != CLADE_OK)
            result = failed(call);
        else
            result = train_on(call, device, data, test, &all->courses[i]);
        clade_device_close(device);
    }
    clade_dataset_free(data);
    clade_dataset_free(test);
    return result;
}

/* ---- what came of it ---- */

/* How far a course's training loss is from that of the first, relative to it. */
typedef struct distance {
    int reports;        /* that both have */
    double first, most; /* at the first report, and at most, */
    int64_t most_at;    /* which was at this step */
} distance;

static distance distance_of(const comparison *all, const course *c) {
    const course *reference = &all->courses[0];
    distance d = { .reports = c->count < reference->count ? c->count : reference->count };
    for (int i = 0; i < d.reports; i++) {
        const double loss = reference->reports[i].loss, apart = fabs(c->reports[i].loss - loss) / fabs(loss);
        if (i == 0) d.first = apart;
        if (i > 0 && !(apart > d.most)) continue;
        d.most = apart;
        d.most_at = c->reports[i].step;
    }
    return d;
}

/* NUMBER by FORMAT, in a ring of buffers. */
static const char *words(const char *format, double number) {
    static char ring[8][32];
    static unsigned next;
    char *text = ring[next++ % 8];
    snprintf(text, sizeof ring[0], format, number);
    return text;
}

static bool print_losses(const comparison *all) {
    table *rows = table_new(all->count + 1, ~0u);
    if (rows == NULL) return false;
    table_cell(rows, "step");
    for (int k = 0; k < all->count; k++)
        table_cell(rows, words("loss %.0f", k));
    enum { ROWS = 12 };
    const int reports = all->courses[0].count, stride = (reports + ROWS - 1) / ROWS;
    for (int i = 0; i < reports; i += stride) {
        table_cell(rows, words_count((double)all->courses[0].reports[i].step));
        for (int k = 0; k < all->count; k++)
            table_cell(rows, i < all->courses[k].count ? words("%.6f", all->courses[k].reports[i].loss) : "");
    }
    return table_print(rows);
}

static bool print_text(const comparison *all) {
    table *rows = table_new(8, 0x7f);
    if (rows == NULL) return false;
    table_add(rows, "", "images/s", "speed", "first difference", "largest", "test loss", "accuracy", "device");
    for (int k = 0; k < all->count; k++) {
        const course *c = &all->courses[k];
        const distance d = distance_of(all, c);
        table_add(rows, words("%.0f", k), words_count(c->result.images_per_second),
                  words("%.2f", c->result.images_per_second / all->courses[0].result.images_per_second),
                  words("%.1e", d.first), words("%.1e", d.most), words("%.4f", c->result.val_loss),
                  words("%.2f %%", 100 * c->result.val_accuracy), c->device);
    }
    printf("differences of the training loss, relative to that of device 0, at %d reports\n", all->courses[0].count);
    bool printed = table_print(rows);
    putchar('\n');
    return print_losses(all) && printed;
}

static bool print_json(const arguments *given, const char *model, const comparison *all) {
    json out = json_new();
    json_text(&out, out.root, "model", model);
    json_text(&out, out.root, "data", given->data);
    cJSON *devices = json_array(&out, out.root, "devices");
    for (int k = 0; k < all->count; k++) {
        const course *c = &all->courses[k];
        const distance d = distance_of(all, c);
        cJSON *one = json_object(&out, devices, NULL);
        json_text(&out, one, "device", c->device);
        json_number(&out, one, "images_per_second", c->result.images_per_second);
        json_number(&out, one, "train_loss", c->result.train_loss);
        json_number(&out, one, "val_loss", c->result.val_loss);
        json_number(&out, one, "val_accuracy", c->result.val_accuracy);
        json_number(&out, one, "reports", d.reports);
        json_number(&out, one, "first_difference", d.first);
        json_number(&out, one, "largest_difference", d.most);
        json_number(&out, one, "largest_difference_at", (double)d.most_at);
        json_text(&out, one, "weights_sha256", c->result.weights_sha256);
    }
    return json_print(&out);
}

static outcome run(invocation *call) {
    const arguments *given = call->arguments;
    clade_device_pick picks[CLADE_MAX_PICKS];
    size_t count = 0;
    if (given->data == NULL) return wrong_usage(call->command, "wants --data DATA, as clade train");
    if (clade_device_choose_list(call->context, given->device, picks, &count) != CLADE_OK) return failed(call);
    if (count < 2 || count > MOST_DEVICES)
        return wrong_usage(call->command,
                           "wants 2 to %d devices: --device 0,1, --device all, or the parts of one, --device 0/2",
                           MOST_DEVICES);
    comparison all = { .courses = calloc(count, sizeof(course)), .count = (int)count };
    if (all.courses == NULL) return failed_because(call, "memory is short");
    outcome result = train_on_each(call, picks, &all);
    if (result == DONE && !(given->json ? print_json(given, call->operands[0], &all) : print_text(&all)))
        result = FAILED;
    for (size_t i = 0; i < count; i++)
        free(all.courses[i].reports);
    free(all.courses);
    return result;
}

static const option options[] = {
    { "--data", OPTION_TEXT, offsetof(arguments, data), "DATA", 0, "as clade train" },
    { "--device", OPTION_TEXT, offsetof(arguments, device), "D,D...", 0,
      "the devices, as clade train's; the others are compared with the first" },
    { "--epochs", OPTION_INTEGER, offsetof(arguments, epochs), "N", 1, "times through the data; default 1" },
    { "--batch", OPTION_INTEGER, offsetof(arguments, batch), "N", 1, "images in a step; default the model's recipe" },
    { "--seed", OPTION_SEED, offsetof(arguments, seed), "S", 0, "of weights, order and dropout; default 0" },
    OPTION_JSON(arguments),
    OPTIONS_END,
};

static const arguments defaults = { .epochs = 1 };

const command command_compare = {
    .name = "compare",
    .operands = "MODEL",
    .title = "the same training on several devices, side by side",
    .details =
        "Trains MODEL on each device in turn, from the same weights with the same batches. The training loss agrees "
        "at first to rounding, and drifts apart as roundings add up; the test accuracy shows that both learn "
        "alike.",
    .operand_minimum = 1,
    .operand_maximum = 1,
    .options = options,
    .arguments_size = sizeof(arguments),
    .defaults = &defaults,
    .run = run,
};
