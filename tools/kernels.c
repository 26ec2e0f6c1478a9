/* clade kernels: every kernel that a device would be given, as source, for the compilers of other devices. */
#include "workload.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

typedef struct arguments {
    bool infer;
    const char *device, *out;
    int64_t batch;
} arguments;

typedef struct writing {
    const char *folder; /* NULL: only the list */
    char fault[512];
} writing;

/* A program goes to FOLDER/NUMBER.cl, its options to FOLDER/NUMBER.options. */
static void write_text(writing *w, const clade_kernel_use *use, const char *ending, const char *text) {
    char path[4096];
    if (w->fault[0] != '\0') return;
    snprintf(path, sizeof path, "%s/%zu.%s", w->folder, use->program, ending);
    FILE *file = fopen(path, "w");
    bool good = file != NULL && fputs(text, file) >= 0;
    if (file != NULL && fclose(file) != 0) good = false;
    if (!good) snprintf(w->fault, sizeof w->fault, "cannot write %.400s: %.80s", path, strerror(errno));
}

static void report(void *user, const clade_kernel_use *use) {
    writing *w = user;
    char number[24] = "-";
    if (use->program != CLADE_NO_PROGRAM) snprintf(number, sizeof number, "%zu", use->program);
    printf("%s\t%s\t%s\t%s\t%s\t%d\t%zu\t%zu\t%s\n", number, use->title, use->name, use->op, use->implementation,
           use->configuration, use->group, use->local_bytes, use->options);
    if (w->folder == NULL || use->source == NULL) return;
    write_text(w, use, "cl", use->source);
    write_text(w, use, "options", use->options);
}

static outcome run(invocation *call) {
    const arguments *given = call->arguments;
    const clade_model *model = call->operand_count > 0 ? find_model(call, call->operands[0]) : NULL;
    if (call->operand_count > 0 && model == NULL) return WRONG_USAGE;
    clade_device *device = NULL;
    outcome result = open_device(call, given->device, &device);
    if (result != DONE) return result;
    workload w = { .session = NULL };
    if (model != NULL) {
        const int64_t batch = given->batch > 0 ? given->batch : model->recipe.batch;
        result = workload_open(call, model, device, batch, !given->infer, &w);
    }
    writing to = { .folder = given->out };
    const clade_kernel_list_options options = { .size = sizeof options, .report = report, .user = &to };
    if (result == DONE && clade_kernel_list(device, w.session, &w.run, &options) != CLADE_OK) result = failed(call);
    if (result == DONE && to.fault[0] != '\0') result = failed_because(call, "%s", to.fault);
    if (model != NULL) workload_close(&w);
    clade_device_close(device);
    return result;
}

static const option options[] = {
    OPTION_DEVICE(arguments),
    { "--out", OPTION_TEXT, offsetof(arguments, out), "DIR", 0,
      "write each program to DIR/NUMBER.cl, and its options to DIR/NUMBER.options" },
    { "--infer", OPTION_FLAG, offsetof(arguments, infer), NULL, 0, "MODEL's inference instead of a training step" },
    { "--batch", OPTION_INTEGER, offsetof(arguments, batch), "N", 1, "images in a batch (default: the model's own)" },
    OPTIONS_END,
};

const command command_kernels = {
    .name = "kernels",
    .operands = "[MODEL]",
    .title = "every kernel that a device would be given, for other compilers",
    .details =
        "A line for each kernel, separated by tabs: number of the program (-: a library's), its file, the kernel, "
        "operator, "
        "implementation, configuration, work-items of a group (0: as suits), bytes of local memory that the host adds, "
        "options. All "
        "implementations that the device's capabilities accept are there, over the operators' own test cases; with "
        "MODEL "
        "also what a step of it takes, generated kernels among them. Nothing is compiled. Under CLADE_TREAT_AS=gpu the "
        "device is taken for a GPU.",
    .operand_maximum = 1,
    .options = options,
    .arguments_size = sizeof(arguments),
    .run = run,
};
