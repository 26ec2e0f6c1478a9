/* Tuning one site. Every candidate is verified by itself, then run once at full size; those that are left run in turn,
 * round after round, so that a disturbance of the machine meets all of them, and the least time of each counts. */
#include "tune/measure.h"

#include "base/thread.h"
#include "tune/arrays.h"
#include "tune/check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_CONTENDERS = 64, FEWEST_ROUNDS = 4, MOST_ROUNDS = 40, MOST_REPEATS = 64, CHANCES = 3 };
static const double least_sample = 1e-3;   /* seconds that a timed stretch lasts at least, by repetition */
static const double hopeless = 3;          /* times the fastest: left after a few chances */
static const double worth_a_chance = 0.5;  /* seconds: whatever takes longer at first has none */
static const double worth_changing = 0.98; /* of the default's time: less of a gain is noise */

typedef struct contender {
    clade_subject subject;
    clade_commands *commands;
    double seconds;   /* the least so far; INFINITY: none */
    bool out, failed; /* failed: to build or run; not its own fault where all fail */
    char why[400];
} contender;

typedef struct contest {
    const clade_site_tuning *tuning;
    clade_context *context;
    clade_known *known;
    clade_site site; /* with buffers */
    clade_site_arrays arrays;
    contender *list;
    int count;
} contest;

/* ---- candidates ---- */

static int configurations_of(const clade_implementation *implementation, const clade_site *site) {
    char why[128];
    if (implementation->applicable != NULL && !implementation->applicable(site, why)) return 0;
    return implementation->configurations != NULL ? implementation->configurations(site) : 1;
}

int clade_site_candidates(const clade_site *site) {
    int count = 0;
    for (const clade_implementation *const *list = site->node->op->implementations; list != NULL && *list != NULL;
         list++)
        count += configurations_of(*list, site);
    return count;
}

static void tell(const contest *t, clade_tune_kind kind, const contender *c, double seconds, double default_seconds) {
    const clade_site_tuning *tuning = t->tuning;
    if (tuning->report == NULL) return;
    const clade_tune_event event = {
        .kind = kind,
        .site = tuning->number,
        .seconds = seconds,
        .default_seconds = default_seconds,
        .label = tuning->label,
        .signature = tuning->signature,
        .candidate = c->subject.name.text,
        .detail = c->why,
    };
    tuning->report(tuning->user, &event);
}

static void refuse(contest *t, contender *c, const char *why) {
    c->out = true;
    if (why != c->why) snprintf(c->why, sizeof c->why, "%.*s", (int)strcspn(why, "\n"), why);
    tell(t, CLADE_TUNE_REFUSED, c, 0, 0);
}

static clade_status add_contender(contest *t, clade_choice choice) {
    const clade_record *quarantine;
    if (t->count == MOST_CONTENDERS) return CLADE_OK;
    contender *c = &t->list[t->count];
    *c = (contender){ .seconds = INFINITY };
    c->subject = (clade_subject){ .signature = t->tuning->signature, .op = t->site.node->op->name, .choice = choice };
    c->subject.name = clade_choice_text(choice);
    clade_status status = clade_choice_kernels(&t->site, choice, &t->known->hashes, &c->subject.kernels);
    if (status != CLADE_OK) return status;
    t->count++;
    quarantine = clade_known_quarantined(t->known, &c->subject);
    if (quarantine != NULL) {
        snprintf(c->why, sizeof c->why, "quarantined: %s", quarantine->detail);
        refuse(t, c, c->why);
    }
    return CLADE_OK;
}

static clade_status list_contenders(contest *t) {
    clade_status status = CLADE_OK;
    for (const clade_implementation *const *list = t->site.node->op->implementations; *list != NULL; list++) {
        const int configurations = configurations_of(*list, &t->site);
        for (int k = 0; k < configurations && status == CLADE_OK; k++)
            status = add_contender(t, (clade_choice){ *list, k });
    }
    return status;
}

/* ---- memory ---- */

/* Scratch for all. One that there is no memory for is out, and the others are asked again. */
static clade_status make_room(contest *t) {
    for (;;) {
        bool again = false;
        for (int i = 0; i < t->count && !again; i++) {
            contender *c = &t->list[i];
            if (c->out) continue;
            t->site.configuration = c->subject.choice.configuration;
            clade_status status = clade_site_arrays_grow(&t->site, c->subject.choice.implementation, &t->arrays);
            if (status != CLADE_OK && status != CLADE_ERROR_MEMORY) return status;
            if (status == CLADE_OK) continue;
            refuse(t, c, clade_error(t->context));
            again = true;
        }
        if (!again) return CLADE_OK;
    }
}

/* ---- trying ---- */

static clade_status record(contest *t, contender *c) {
    const clade_implementation *implementation = c->subject.choice.implementation;
    clade_commands *once = NULL;
    clade_site site = t->site;
    site.configuration = c->subject.choice.configuration;
    clade_site_arrays_lend(&site, implementation, &t->arrays);
    clade_status status = clade_commands_new(site.device, &c->commands);
    if (status == CLADE_OK) status = clade_commands_new(site.device, &once);
    if (status == CLADE_OK) status = clade_site_prepare(&site, implementation, site.prepares_once ? once : c->commands);
    if (status == CLADE_OK) status = clade_site_record(&site, implementation, c->commands);
    if (status == CLADE_OK) status = clade_commands_enqueue(once);
    if (status == CLADE_OK) status = clade_commands_enqueue(c->commands);
    if (status == CLADE_OK) status = clade_device_finish(site.device);
    clade_commands_free(once);
    return status;
}

/* Runs and times C, short ones several times over. */
static clade_status run(contest *t, contender *c) {
    const double repeats = fmax(1, fmin(MOST_REPEATS, ceil(least_sample / c->seconds)));
    clade_status status = CLADE_OK;
    const double start = clade_clock_seconds();
    for (int i = 0; i < (int)repeats && status == CLADE_OK; i++)
        status = clade_commands_enqueue(c->commands);
    if (status == CLADE_OK) status = clade_device_finish(t->site.device);
    c->seconds = fmin(c->seconds, fmax(clade_clock_seconds() - start, 1e-9) / repeats);
    return status;
}

/* C failed with STATUS to build or run. Whose fault that is shows when all have been tried; want of memory is none. */
static void note_failure(contest *t, contender *c, clade_status status, const char *words) {
    c->failed = status != CLADE_ERROR_MEMORY;
    refuse(t, c, words);
}

static void try(contest *t, contender *c) {
    clade_check check;
    clade_journal_entry entry;
    tell(t, CLADE_TUNE_TRYING, c, 0, 0);
    clade_journal_begin(t->known, &c->subject, &entry);
    clade_status status = clade_check_choice(t->tuning->site, c->subject.choice, CLADE_CHECK_WHOLE, &check);
    if (status != CLADE_OK) {
        note_failure(t, c, status, clade_error(t->context));
    } else if (check.fault != CLADE_OK) {
        note_failure(t, c, check.fault, check.why);
    } else if (!check.passed) {
        refuse(t, c, check.why);
        clade_known_quarantine(t->known, &c->subject, CLADE_QUARANTINE_WRONG, check.why);
    } else {
        if (!clade_known_verified(t->known, &c->subject)) clade_known_verify(t->known, &c->subject);
        status = record(t, c);
        if (status == CLADE_OK) status = run(t, c);
        if (status != CLADE_OK) note_failure(t, c, status, clade_error(t->context));
    }
    clade_journal_end(t->known, &entry);
}

/* Those that failed to build or run are quarantined when another has shown that device and compiler work. */
static clade_status settle_failed(contest *t) {
    int worked = 0, failed = 0;
    for (int i = 0; i < t->count; i++) {
        worked += !t->list[i].out;
        failed += t->list[i].failed;
    }
    if (failed > 0 && worked == 0) return CLADE_ERROR_DEVICE; /* the words are those of the latest failure */
    for (int i = 0; i < t->count; i++)
        if (t->list[i].failed)
            clade_known_quarantine(t->known, &t->list[i].subject, CLADE_QUARANTINE_BUILD, t->list[i].why);
    return CLADE_OK;
}

/* ---- measuring ---- */

static contender *fastest(contest *t) {
    contender *best = NULL;
    for (int i = 0; i < t->count; i++)
        if (!t->list[i].out && (best == NULL || t->list[i].seconds < best->seconds)) best = &t->list[i];
    return best;
}

/* Whether C may still be the fastest, BEST taking so long. One slow run may be the machine's fault, three are not. */
static bool has_hope(const contender *c, double best, int round) {
    if (c->out) return false;
    if (c->seconds <= hopeless * best) return true;
    return round < CHANCES && c->seconds < worth_a_chance;
}

static clade_status measure(contest *t) {
    const double start = clade_clock_seconds();
    clade_status status = CLADE_OK;
    for (int round = 0; round < MOST_ROUNDS && status == CLADE_OK; round++) {
        const contender *best = fastest(t);
        if (best == NULL || (round >= FEWEST_ROUNDS && clade_clock_seconds() - start > t->tuning->seconds)) break;
        tell(t, CLADE_TUNE_ROUND, best, best->seconds, 0);
        for (int i = 0; i < t->count && status == CLADE_OK; i++)
            if (has_hope(&t->list[i], best->seconds, round)) status = run(t, &t->list[i]);
    }
    return status;
}

/* ---- keeping ---- */

/* What would be taken without measuring: as clade_choose() does. NULL when all such are out. */
static contender *default_of(contest *t) {
    contender *best = NULL;
    double best_score = 0;
    for (int i = 0; i < t->count; i++) {
        contender *c = &t->list[i];
        const clade_implementation *implementation = c->subject.choice.implementation;
        if (c->out || c->subject.choice.configuration > 0) continue;
        const double score = implementation->suitability != NULL ? implementation->suitability(t->tuning->site) : 0;
        if (best != NULL && score <= best_score) continue;
        best = c;
        best_score = score;
    }
    return best;
}

static bool is_of_site(const clade_record *record, const void *signature) {
    return strcmp(record->signature, signature) == 0;
}

static clade_status keep(contest *t, const contender *best) {
    clade_record records[MOST_CONTENDERS];
    size_t count = 0;
    for (int i = 0; i < t->count; i++) {
        const contender *c = &t->list[i];
        if (c->out) continue;
        records[count++] = (clade_record){
            .kind = c == best ? "best" : "time",
            .kernels = c->subject.kernels.hash,
            .candidate = c->subject.name.text,
            .microseconds = c->seconds * 1e6,
            .signature = t->tuning->signature,
            .detail = "",
        };
    }
    return clade_records_change(&t->known->choices, is_of_site, t->tuning->signature, records, count);
}

static clade_status decide(contest *t) {
    const contender *best = fastest(t), *usual = default_of(t);
    if (best == NULL) return CLADE_OK;
    if (usual != NULL && best->seconds > worth_changing * usual->seconds) best = usual;
    for (int i = 0; i < t->count; i++)
        if (!t->list[i].out) tell(t, CLADE_TUNE_MEASURED, &t->list[i], t->list[i].seconds, 0);
    clade_status status = keep(t, best);
    if (status == CLADE_OK) tell(t, CLADE_TUNE_CHOSEN, best, best->seconds, usual != NULL ? usual->seconds : 0);
    return status;
}

clade_status clade_site_tune(const clade_site_tuning *tuning) {
    clade_context *context = tuning->known->context;
    contest t = { .tuning = tuning, .context = context, .known = tuning->known, .site = *tuning->site };
    t.list = clade_allocate(context, MOST_CONTENDERS, sizeof *t.list);
    if (t.list == NULL) return clade_fail_memory(context, MOST_CONTENDERS * sizeof *t.list, "the candidates");
    clade_status status = list_contenders(&t);
    if (status == CLADE_OK) status = clade_site_arrays_make(&t.site, &t.arrays);
    if (status == CLADE_OK) status = make_room(&t);
    for (int i = 0; i < t.count && status == CLADE_OK; i++)
        if (!t.list[i].out) try(&t, &t.list[i]);
    if (status == CLADE_OK) status = settle_failed(&t);
    if (status == CLADE_OK) status = measure(&t);
    if (status == CLADE_OK) status = decide(&t);
    for (int i = 0; i < t.count; i++)
        clade_commands_free(t.list[i].commands);
    clade_site_arrays_free(&t.arrays);
    clade_free(context, t.list);
    return status;
}
