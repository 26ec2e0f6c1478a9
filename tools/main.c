/* clade: one network, every vendor's device, from the command line.
 *
 * Standard output carries the answer; progress and faults go to standard error. The words of every subcommand are in the
 * row of its file (command.h). */
#include "command.h"
#include "report.h"
#include "system.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const command *const commands[] = {
    &command_devices,    &command_train,     &command_eval, &command_predict,  &command_summary,   &command_explain,
    &command_profile,    &command_bench,     &command_tune, &command_selftest, &command_gradcheck, &command_kernels,
    &command_experiment, &command_onnx_test, &command_run,  &command_convert,  &command_compare,
};
enum { COMMANDS = sizeof commands / sizeof *commands };

/* The largest struct of arguments that a row may have. */
enum { MAX_ARGUMENTS = 1024 };

outcome wrong_usage(const command *command, const char *format, ...) {
    va_list list;
    va_start(list, format);
    fprintf(stderr, "clade %s: ", command->name);
    vfprintf(stderr, format, list);
    fprintf(stderr, "; see `clade %s --help`\n", command->name);
    va_end(list);
    return WRONG_USAGE;
}

outcome failed(const invocation *call) {
    if (!call->silent) fprintf(stderr, "clade %s: %s\n", call->command->name, clade_error(call->context));
    return FAILED;
}

outcome failed_because(const invocation *call, const char *format, ...) {
    va_list list;
    va_start(list, format);
    fprintf(stderr, "clade %s: ", call->command->name);
    vfprintf(stderr, format, list);
    fputc('\n', stderr);
    va_end(list);
    return FAILED;
}

/* Debug lines come only when CLADE_TRACE asks for them. */
static void log_line(void *user, clade_log_level level, const char *line) {
    (void)user;
    if (level == CLADE_LOG_WARNING) fprintf(stderr, "clade: warning: %s\n", line);
    if (level == CLADE_LOG_INFO) fprintf(stderr, "clade: %s\n", line);
    if (level == CLADE_LOG_DEBUG && getenv("CLADE_TRACE") != NULL) fprintf(stderr, "clade: %s\n", line);
}

static void print_usage(void) {
    printf("clade %s: deep learning on every vendor's OpenCL device\n\nUsage: clade SUBCOMMAND [OPTION...]\n\n",
           clade_version());
    for (int i = 0; i < COMMANDS; i++)
        printf("  %-10s %s\n", commands[i]->name, commands[i]->title);
    printf(
        "\n`clade SUBCOMMAND --help` (or `clade help SUBCOMMAND`) says more of each; `clade --version` the version.\n"
        "Exit status: 0 done, 1 a failure, 2 wrong usage.\n");
}

static void print_help(const command *command) {
    bool space = command->operands[0] != '\0';
    printf("clade %s: %s\n\nUsage: clade %s%s%s [OPTION...]\n", command->name, command->title, command->name,
           space ? " " : "", command->operands);
    if (command->details != NULL) {
        putchar('\n');
        print_wrapped(command->details, 0);
    }
    printf("\nOptions:\n");
    options_print(command->options);
    printf("  %-22s %s\n", "--help", "this text");
}

static const command *find_command(const char *name) {
    for (int i = 0; i < COMMANDS; i++) {
        if (strcmp(commands[i]->name, name) == 0) return commands[i];
    }
    return NULL;
}

static outcome unknown_command(const char *what, const char *name) {
    fprintf(stderr, "clade: %s%s%s; the subcommands are ", what, name != NULL ? " " : "", name != NULL ? name : "");
    for (int i = 0; i < COMMANDS; i++)
        fprintf(stderr, "%s%s", i > 0 ? ", " : "", commands[i]->name);
    fprintf(stderr, "; see `clade help`\n");
    return WRONG_USAGE;
}

static outcome help(const char *name) {
    if (name == NULL) {
        print_usage();
        return DONE;
    }
    const command *command = find_command(name);
    if (command == NULL) return unknown_command("unknown subcommand", name);
    print_help(command);
    return DONE;
}

/* Reads the command line of COMMAND and runs it. */
static outcome run(const command *command, const char *program, const char **words, int count) {
    static _Alignas(max_align_t) unsigned char arguments[MAX_ARGUMENTS];
    if (command->defaults != NULL) memcpy(arguments, command->defaults, command->arguments_size);
    options_result read = options_read(command->options, words, count, arguments);
    if (read.help) {
        print_help(command);
        return DONE;
    }
    if (read.fault[0] != '\0') return wrong_usage(command, "%s", read.fault);
    if (read.operand_count < command->operand_minimum) return wrong_usage(command, "wants %s", command->operands);
    if (read.operand_count > command->operand_maximum)
        return wrong_usage(command, "one word too many: %.200s", words[command->operand_maximum]);

    clade_context_options options = { .size = sizeof options, .log = log_line };
    clade_context *context = clade_context_new(&options);
    if (context == NULL) {
        fprintf(stderr, "clade: memory is short\n");
        return FAILED;
    }
    invocation call = { context, program, command, arguments, words, read.operand_count, false };
    outcome result = command->run(&call);
    clade_context_free(context);
    return result;
}

static outcome dispatch(int count, const char **words) {
    if (count < 2) return unknown_command("no subcommand given", NULL);
    const char *name = words[1];
    if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        return help(count > 2 ? words[2] : NULL);
    if (strcmp(name, "--version") == 0) {
        printf("clade %s\n", clade_version());
        return DONE;
    }
    const command *command = find_command(name);
    if (command == NULL) return unknown_command(name[0] == '-' ? "unknown option" : "unknown subcommand", name);
    return run(command, words[0], words + 2, count - 2);
}

int main(int count, char **arguments) {
    system_prepare();
    const char **words = calloc((size_t)count + 1, sizeof *words);
    if (words == NULL) {
        fprintf(stderr, "clade: memory is short\n");
        return FAILED;
    }
    for (int i = 0; i < count; i++)
        words[i] = arguments[i];
    outcome result = dispatch(count, words);
    free((void *)words);
    if (!system_finish_output() && result == DONE) result = FAILED;
    return (int)result;
}
