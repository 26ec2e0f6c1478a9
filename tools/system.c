/* The operating system, for the command: system.h. */
#include "system.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void system_prepare(void) {
    for (int stream = 0; stream <= 2; stream++) {
        if (fcntl(stream, F_GETFD) >= 0) continue;
        /* The lowest free number is STREAM's. Standard input gets nothing to read; the others cannot be written. */
        if (open("/dev/null", stream == 0 ? O_WRONLY : O_RDONLY) != stream) return;
    }
    struct sigaction ignore = { .sa_handler = SIG_IGN };
    sigaction(SIGPIPE, &ignore, NULL);
}

bool system_is_terminal(FILE *stream) {
    const char *kind = getenv("TERM");
    return isatty(fileno(stream)) == 1 && kind != NULL && strcmp(kind, "dumb") != 0;
}

int system_terminal_width(void) {
    const char *columns = getenv("COLUMNS");
    long width = columns != NULL ? strtol(columns, NULL, 10) : 0;
    return width >= 20 && width <= 1000 ? (int)width : 80;
}

bool system_finish_output(void) {
    errno = 0;
    bool flushed = fflush(stdout) == 0;
    int code = errno;
    if (flushed && ferror(stdout) == 0) return true;
    fprintf(stderr, "clade: cannot write to standard output: %s\n",
            !flushed ? strerror(code) : "an earlier write failed");
    return false;
}

int system_make_folder(const char *path) {
    if (mkdir(path, 0777) == 0) return 1;
    return errno == EEXIST ? 0 : -1;
}

bool system_exists(const char *path) {
    return access(path, F_OK) == 0;
}
