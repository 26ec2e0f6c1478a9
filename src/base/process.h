/* Child processes, locks on files that end with the process that holds them, and interrupts (POSIX). */
#ifndef CLADE_BASE_PROCESS_H
#define CLADE_BASE_PROCESS_H

#include "base/context.h"

/* ---- a child whose standard output is read line by line ---- */

typedef struct clade_process clade_process;

/* Starts WORDS[0] (looked for in PATH) with WORDS, ended by NULL, as its command line. It is in a process group of its own,
 * so that an interrupt typed at the terminal reaches this process alone. Standard input and error are shared. */
clade_status clade_process_start(clade_context *context, const char *const *words, clade_process **process);

typedef enum clade_process_news {
    CLADE_PROCESS_LINE,   /* *LINE is a line, without its newline, good until the next call */
    CLADE_PROCESS_ENDED,  /* its output is closed */
    CLADE_PROCESS_SILENT, /* no line for SECONDS, or this process was interrupted */
} clade_process_news;
clade_process_news clade_process_read(clade_process *process, double seconds, const char **line);

/* The number that names it while it lives. */
long clade_process_number(const clade_process *process);
/* Waits for its end (kills it first when KILL) and frees it. Its exit status, or minus the signal that ended it. */
int clade_process_finish(clade_process *process, bool kill);

/* The number of this process, and whether it was asked to stop (base/thread.h). */
long clade_process_self(void);

/* ---- locks ---- */

/* A locked file. Locks are between open files, so that they hold within one process too. */
typedef struct clade_file_lock {
    bool held;
    int file;
} clade_file_lock;

/* Opens PATH, making it if need be, and waits for its lock. */
clade_status clade_file_lock_take(clade_context *context, const char *path, clade_file_lock *lock);
/* The lock of a file that exists, unless another holds it or the file was removed meanwhile. */
bool clade_file_lock_try(const char *path, clade_file_lock *lock);
/* Makes PATH, new, locks it before TEXT is written, and brings it to the disk. False when anything refuses. */
bool clade_file_lock_write(const char *path, const char *text, clade_file_lock *lock);
/* Accepts one that is not held. */
void clade_file_lock_drop(clade_file_lock *lock);

/* ---- a file that an interrupt removes ---- */

/* From now on SIGINT, SIGTERM and SIGHUP first remove the file PATH, unless ten seconds have passed (who interrupts soon has
 * changed their mind, who waited interrupts what hangs), and then do what they did before. One file at a time: false, and
 * nothing done, when there is one already. */
bool clade_interrupt_removes(const char *path);
/* No longer. */
void clade_interrupt_keeps(void);

#endif
