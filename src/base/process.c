/* Children by posix_spawn, which works also where threads of a driver are running; locks by flock. */
#include "base/process.h"

#include "base/text.h"
#include "base/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

struct clade_process {
    clade_context *context;
    pid_t id;
    int output;
    bool ended;
    size_t filled, taken; /* bytes in the buffer, and how many of them the latest line took */
    char buffer[4096];
};

static clade_status fail(clade_context *context, int code, const char *what, const char *name) {
    char reason[256];
    if (strerror_r(code, reason, sizeof reason) != 0) reason[0] = '\0';
    return clade_fail(context, CLADE_ERROR_SYSTEM, "%s: cannot %s: %s", name, what, reason);
}

/* ---- children ---- */

/* OUTPUT becomes the child's standard output; signals that this process ignores are not ignored by the child. */
static int spawn(const char *const *words, int output, pid_t *id) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t defaults;
    int code = posix_spawn_file_actions_init(&actions);
    if (code != 0) return code;
    code = posix_spawnattr_init(&attributes);
    if (code == 0) {
        sigemptyset(&defaults);
        sigaddset(&defaults, SIGPIPE);
        sigaddset(&defaults, SIGINT);
        sigaddset(&defaults, SIGTERM);
        code = posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
        if (code == 0) code = posix_spawnattr_setpgroup(&attributes, 0);
        if (code == 0) code = posix_spawnattr_setsigdefault(&attributes, &defaults);
        if (code == 0) code = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF);
        /* posix_spawnp() promises to leave the words alone. */
        char *const *copied = (char *const *)(const void *)words;
        if (code == 0) code = posix_spawnp(id, words[0], &actions, &attributes, copied, environ);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return code;
}

clade_status clade_process_start(clade_context *context, const char *const *words, clade_process **out) {
    clade_process *process = clade_allocate(context, 1, sizeof *process);
    int ends[2] = { -1, -1 };
    *out = NULL;
    if (process == NULL) return clade_fail_memory(context, sizeof *process, "a child process");
    process->context = context;
    int code = pipe(ends) == 0 ? 0 : errno;
    for (int i = 0; i < 2 && code == 0; i++)
        if (fcntl(ends[i], F_SETFD, FD_CLOEXEC) != 0) code = errno;
    if (code == 0) code = spawn(words, ends[1], &process->id);
    if (ends[1] >= 0) close(ends[1]);
    if (code != 0) {
        if (ends[0] >= 0) close(ends[0]);
        clade_free(context, process);
        return fail(context, code, "start it", words[0]);
    }
    process->output = ends[0];
    *out = process;
    return CLADE_OK;
}

/* The next line of what was read so far. A line too long for the buffer is cut. */
static bool take_line(clade_process *process, const char **line) {
    memmove(process->buffer, process->buffer + process->taken, process->filled - process->taken);
    process->filled -= process->taken;
    process->taken = 0;
    char *end = memchr(process->buffer, '\n', process->filled);
    if (end == NULL && process->filled + 1 < sizeof process->buffer) return false;
    size_t length = end != NULL ? (size_t)(end - process->buffer) : process->filled;
    process->buffer[length] = '\0';
    process->taken = end != NULL ? length + 1 : length;
    *line = process->buffer;
    return true;
}

/* Silence is counted in short waits, so that time in which this process too was stopped does not count. */
clade_process_news clade_process_read(clade_process *process, double seconds, const char **line) {
    enum { SLICE = 100 }; /* milliseconds */
    double silent = 0;
    while (!take_line(process, line)) {
        if (silent >= seconds || clade_interrupted()) return CLADE_PROCESS_SILENT;
        struct pollfd wait = { .fd = process->output, .events = POLLIN };
        int ready = poll(&wait, 1, SLICE);
        if (ready == 0) silent += 1e-3 * SLICE;
        if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
        ssize_t count =
            read(process->output, process->buffer + process->filled, sizeof process->buffer - 1 - process->filled);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return CLADE_PROCESS_ENDED;
        process->filled += (size_t)count;
    }
    return CLADE_PROCESS_LINE;
}

long clade_process_number(const clade_process *process) {
    return (long)process->id;
}

int clade_process_finish(clade_process *process, bool end) {
    int state = 0;
    if (end) kill(process->id, SIGKILL);
    while (waitpid(process->id, &state, 0) < 0 && errno == EINTR)
        continue;
    close(process->output);
    clade_free(process->context, process);
    return WIFSIGNALED(state) ? -WTERMSIG(state) : WEXITSTATUS(state);
}

long clade_process_self(void) {
    return (long)getpid();
}

/* ---- locks ---- */

clade_status clade_file_lock_take(clade_context *context, const char *path, clade_file_lock *lock) {
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    int code = file < 0 ? errno : 0;
    while (code == 0 && flock(file, LOCK_EX) != 0)
        if (errno != EINTR) code = errno;
    if (code != 0) {
        if (file >= 0) close(file);
        return fail(context, code, "lock it", path);
    }
    *lock = (clade_file_lock){ true, file };
    return CLADE_OK;
}

bool clade_file_lock_try(const char *path, clade_file_lock *lock) {
    struct stat state;
    int file = open(path, O_RDWR | O_CLOEXEC);
    if (file < 0) return false;
    if (flock(file, LOCK_EX | LOCK_NB) == 0 && fstat(file, &state) == 0 && state.st_nlink > 0) {
        *lock = (clade_file_lock){ true, file };
        return true;
    }
    close(file);
    return false;
}

bool clade_file_lock_write(const char *path, const char *text, clade_file_lock *lock) {
    size_t bytes = strlen(text);
    int file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file < 0) return false;
    if (flock(file, LOCK_EX) == 0 && write(file, text, bytes) == (ssize_t)bytes && fsync(file) == 0) {
        *lock = (clade_file_lock){ true, file };
        return true;
    }
    unlink(path);
    close(file);
    return false;
}

void clade_file_lock_drop(clade_file_lock *lock) {
    if (lock->held) close(lock->file);
    *lock = (clade_file_lock){ .held = false };
}

/* ---- interrupts ---- */

enum { PATIENCE = 10, SIGNALS = 3 };
static const int signals[SIGNALS] = { SIGINT, SIGTERM, SIGHUP };

/* A signal belongs to the process, so this is the process's too. Compilers inside drivers install handlers of their own, at
 * any time, and call those that they find: ours goes before theirs and hands the signal on. */
static struct {
    atomic_flag taken;
    volatile sig_atomic_t active, entered;
    char path[4096];
    time_t since;
    struct sigaction before[SIGNALS];
} removal = { .taken = ATOMIC_FLAG_INIT };

static void remove_and_hand_on(int number) {
    if (removal.active && time(NULL) - removal.since < PATIENCE) unlink(removal.path);
    for (int i = 0; i < SIGNALS; i++)
        if (signals[i] == number && !removal.entered) sigaction(number, &removal.before[i], NULL);
    if (removal.entered) signal(number, SIG_DFL); /* handed round in a circle */
    removal.entered = 1;
    raise(number);
    removal.entered = 0; /* somebody lets the process live */
}

static bool is_ours(const struct sigaction *action) {
    return (action->sa_flags & SA_SIGINFO) == 0 && action->sa_handler == remove_and_hand_on;
}

bool clade_interrupt_removes(const char *path) {
    if (strlen(path) >= sizeof removal.path || atomic_flag_test_and_set(&removal.taken)) return false;
    snprintf(removal.path, sizeof removal.path, "%s", path);
    removal.since = time(NULL);
    removal.active = 1;
    struct sigaction now, action = { .sa_handler = remove_and_hand_on, .sa_flags = SA_NODEFER };
    sigemptyset(&action.sa_mask);
    for (int i = 0; i < SIGNALS; i++) {
        if (sigaction(signals[i], NULL, &now) != 0 || is_ours(&now)) continue;
        removal.before[i] = now;
        sigaction(signals[i], &action, NULL);
    }
    return true;
}

void clade_interrupt_keeps(void) {
    struct sigaction now;
    removal.active = 0;
    for (int i = 0; i < SIGNALS; i++)
        if (sigaction(signals[i], NULL, &now) == 0 && is_ours(&now)) sigaction(signals[i], &removal.before[i], NULL);
    atomic_flag_clear(&removal.taken);
}
