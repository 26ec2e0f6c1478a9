/* Events as lines, and the child process whose lines are read: it may crash or fall silent, and what it was trying is then
 * quarantined and another child goes on.
 *
 *     tune KIND SITE SECONDS DEFAULT-SECONDS LABEL SIGNATURE CANDIDATE DETAIL      between tabs */
#include "clade/tune.h"

#include "base/process.h"
#include "base/thread.h"
#include "tune/known.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIELDS = 9 };
static const double usual_limit = 60;

/* ---- lines ---- */

/* The text without tabs and line ends. */
static void add_field(char *line, size_t size, const char *text) {
    size_t used = strlen(line);
    if (used + 2 > size) return;
    line[used++] = '\t';
    for (; text != NULL && *text != '\0' && used + 1 < size; text++)
        line[used++] = (char)(*text == '\t' || *text == '\n' ? ' ' : *text);
    line[used] = '\0';
}

void clade_tune_event_print(const clade_tune_event *event, char *line, size_t size) {
    snprintf(line, size, "tune\t%d\t%zu\t%.9g\t%.9g", (int)event->kind, event->site, event->seconds,
             event->default_seconds);
    const char *const texts[] = { event->label, event->signature, event->candidate, event->detail };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        add_field(line, size, texts[i]);
}

bool clade_tune_event_read(char *text, clade_tune_event *event) {
    char *fields[FIELDS];
    for (int i = 0; i < FIELDS; i++) {
        fields[i] = text;
        text = strchr(text, '\t');
        if ((text == NULL) != (i == FIELDS - 1)) return false;
        if (text != NULL) *text++ = '\0';
    }
    if (strcmp(fields[0], "tune") != 0) return false;
    *event = (clade_tune_event){ .kind = (clade_tune_kind)atoi(fields[1]),
                                 .site = strtoul(fields[2], NULL, 10),
                                 .seconds = strtod(fields[3], NULL),
                                 .default_seconds = strtod(fields[4], NULL),
                                 .label = fields[5],
                                 .signature = fields[6],
                                 .candidate = fields[7],
                                 .detail = fields[8] };
    return event->kind >= CLADE_TUNE_SITE && event->kind <= CLADE_TUNE_CHOSEN;
}

/* ---- watching ---- */

/* One child, from its start to its end. */
typedef struct watch {
    clade_context *context;
    const clade_tune_watch *asked;
    const char *folder;
    size_t site; /* the one at hand, or the last */
    bool at_site;
} watch;

static clade_status interrupted(clade_context *context) {
    return clade_fail(context, CLADE_ERROR_INTERRUPTED, "interrupted; what was measured so far is kept");
}

/* Reads the child's lines to their end. *SILENT: it said nothing for too long. */
static void follow(watch *w, clade_process *child, bool *silent) {
    const double limit = w->asked->limit > 0 ? w->asked->limit : usual_limit;
    char copy[4096];
    *silent = false;
    for (;;) {
        const char *line = NULL;
        clade_tune_event event;
        clade_process_news news = clade_process_read(child, limit, &line);
        if (news == CLADE_PROCESS_SILENT) *silent = true;
        if (news != CLADE_PROCESS_LINE) return;
        snprintf(copy, sizeof copy, "%s", line);
        if (!clade_tune_event_read(copy, &event)) continue;
        w->site = event.site;
        w->at_site = event.kind != CLADE_TUNE_CHOSEN && event.kind != CLADE_TUNE_KNOWN;
        if (w->asked->report != NULL) w->asked->report(w->asked->user, &event);
    }
}

/* Quarantines what the child numbered NUMBER was at. */
static clade_status condemn(watch *w, long number, bool silent, int code) {
    size_t count = 0;
    clade_status status = clade_journal_sweep(w->context, w->folder, number,
                                              silent ? CLADE_QUARANTINE_HANG : CLADE_QUARANTINE_CRASH, &count);
    if (status != CLADE_OK || count > 0) return status;
    return silent ? clade_fail(w->context, CLADE_ERROR_SYSTEM, "the measuring process fell silent")
                  : clade_fail(w->context, CLADE_ERROR_SYSTEM, "the measuring process was ended by signal %d", -code);
}

/* Runs one child. *DONE: nothing is left to tune. */
static clade_status run_child(watch *w, double seconds, bool *done, int *exit) {
    const char *words[CLADE_TUNE_WORDS] = { NULL };
    clade_process *child = NULL;
    bool silent = false;
    w->asked->command(w->asked->user, w->site - (w->at_site ? 1 : 0), seconds, words);
    w->at_site = false;
    clade_status status = clade_process_start(w->context, words, &child);
    if (status != CLADE_OK) return status;
    const long number = clade_process_number(child);
    follow(w, child, &silent);
    const int code = clade_process_finish(child, silent);
    if (clade_interrupted()) {
        clade_journal_forget(w->context, w->folder, number);
        return interrupted(w->context);
    }
    *exit = code > 0 ? code : 0;
    *done = code >= 0 && !silent;
    return *done ? CLADE_OK : condemn(w, number, silent, code);
}

clade_status clade_tune_watch_child(clade_context *context, const clade_tune_watch *asked, int *exit) {
    char *folder = clade_tune_folder(context);
    if (folder == NULL)
        return clade_fail(context, CLADE_ERROR_SYSTEM,
                          "there is nowhere to keep what is measured: set HOME or XDG_CACHE_HOME");
    watch w = { .context = context, .asked = asked, .folder = folder };
    clade_interrupts_catch();
    const double start = clade_clock_seconds();
    clade_status status = CLADE_OK;
    bool done = false;
    *exit = 0;
    while (!done && status == CLADE_OK) {
        const double left = asked->seconds - (clade_clock_seconds() - start);
        if (asked->seconds > 0 && left <= 0) break;
        status = run_child(&w, asked->seconds > 0 ? left : 0, &done, exit);
    }
    clade_free(context, folder);
    return status;
}
