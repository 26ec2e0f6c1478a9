/* Choosing: the candidates of a site in the order of preference, each looked up and, if need be, verified, until one is
 * good. */
#include "tune/choose.h"

#include "tune/check.h"
#include "tune/shipped.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_OPTIONS = 48 };

/* What speaks for an option, the strongest last. */
typedef enum preference { BY_DEFAULT, SHIPPED, MEASURED, CHOSEN_BEFORE, FORCED, PREFERENCES } preference;

static const char *const preference_texts[PREFERENCES] = {
    [BY_DEFAULT] = "the default",
    [SHIPPED] = "fastest by the table that Clade comes with",
    [MEASURED] = "fastest by the user's database",
    [CHOSEN_BEFORE] = "chosen before",
    [FORCED] = "forced by CLADE_FORCE",
};

typedef struct option {
    clade_choice choice;
    preference preference;
    double suitability, microseconds; /* microseconds 0: not measured */
    bool rejected, failed;            /* failed: to build or run; not its own fault where others fail too */
    char why[400];                    /* it was rejected */
} option;

typedef struct choosing {
    const clade_site *site;
    clade_context *context;
    clade_known *known;
    const char *signature;
    option options[MOST_OPTIONS];
    int count;
    int implementations; /* applicable ones */
    clade_text refusals; /* a line for each that is not */
    clade_status fault;  /* of the first that failed to build or run, with its words */
    char *words;
} choosing;

/* ---- the options ---- */

/* Whether WANTED ("packed", "packed/2") names IMPLEMENTATION; *CONFIGURATION gets the number after the slash, or 0. */
static bool is_named(const clade_implementation *implementation, const char *wanted, int *configuration) {
    const size_t length = strlen(implementation->name);
    if (wanted == NULL || strncmp(wanted, implementation->name, length) != 0) return false;
    *configuration = wanted[length] == '/' ? (int)strtol(wanted + length + 1, NULL, 10) : 0;
    return wanted[length] == '\0' || wanted[length] == '/';
}

static option *find_option(choosing *c, clade_choice choice) {
    for (int i = 0; i < c->count; i++)
        if (c->options[i].choice.implementation == choice.implementation &&
            c->options[i].choice.configuration == choice.configuration)
            return &c->options[i];
    return NULL;
}

/* The option of the name NAME, made if it is a configuration that the implementation has here: a file may name one of
 * another version. NULL when there is none. */
static option *named_option(choosing *c, const char *name) {
    for (int i = 0; name != NULL && i < c->count; i++) {
        clade_choice choice = { c->options[i].choice.implementation, 0 };
        if (!is_named(choice.implementation, name, &choice.configuration)) continue;
        option *found = find_option(c, choice);
        if (found != NULL || choice.configuration < 0 || c->count == MOST_OPTIONS) return found;
        int (*configurations)(const clade_site *) = choice.implementation->configurations;
        if (configurations == NULL || choice.configuration >= configurations(c->site)) return NULL;
        c->options[c->count] = (option){ .choice = choice, .suitability = c->options[i].suitability };
        return &c->options[c->count++];
    }
    return NULL;
}

static void prefer(choosing *c, const char *name, preference preference) {
    option *named = named_option(c, name);
    if (named != NULL) named->preference = preference;
}

static void list_options(choosing *c) {
    for (const clade_implementation *const *list = c->site->node->op->implementations; list && *list; list++) {
        char why[128] = "";
        if ((*list)->applicable && !(*list)->applicable(c->site, why)) {
            clade_text_add(&c->refusals, "%s: cannot: %s\n", (*list)->name, why);
        } else if (c->count < MOST_OPTIONS) {
            const double suitability = (*list)->suitability ? (*list)->suitability(c->site) : 0;
            c->options[c->count++] = (option){ .choice = { *list, 0 }, .suitability = suitability };
        }
    }
    c->implementations = c->count;
}

static bool same_kernels(choosing *c, const option *o, uint64_t hash) {
    clade_kernels kernels;
    return clade_choice_kernels(c->site, o->choice, &c->known->hashes, &kernels) == CLADE_OK && kernels.hash == hash;
}

/* What was measured of the site on this device, and what is said to be fastest. */
static void read_databases(choosing *c) {
    const clade_shipped_choice *shipped = clade_shipped_find(c->site->device, c->signature);
    if (shipped != NULL) prefer(c, shipped->candidate, SHIPPED);
    for (size_t i = 0; i < c->known->choices.count; i++) {
        const clade_record *record = &c->known->choices.list[i];
        if (strcmp(record->signature, c->signature) != 0) continue;
        option *named = named_option(c, record->candidate);
        if (named == NULL || !same_kernels(c, named, record->kernels)) continue;
        named->microseconds = record->microseconds;
        if (strcmp(record->kind, "best") == 0) named->preference = MEASURED;
    }
}

/* The best that is left; of equals the first in the row's order. */
static option *best_option(choosing *c) {
    option *best = NULL;
    for (int i = 0; i < c->count; i++) {
        option *o = &c->options[i];
        if (o->rejected || (o->choice.configuration > 0 && o->preference == BY_DEFAULT)) continue;
        if (best == NULL || o->preference > best->preference ||
            (o->preference == best->preference && o->suitability > best->suitability))
            best = o;
    }
    return best;
}

/* ---- verifying ---- */

/* Failures of the driver are tried a second time: they need not be the candidate's fault. */
static clade_status check_twice(choosing *c, const clade_subject *subject, clade_check *check) {
    clade_journal_entry entry;
    clade_status status = CLADE_OK;
    clade_journal_begin(c->known, subject, &entry);
    for (int i = 0; i < 2; i++) {
        status = clade_check_choice(c->site, subject->choice, CLADE_CHECK_QUICK, check);
        if (status != CLADE_OK || check->fault != CLADE_ERROR_DEVICE) break;
    }
    clade_journal_end(c->known, &entry);
    return status;
}

static void note_failure(choosing *c, option *o, clade_status fault) {
    o->failed = true;
    if (c->fault != CLADE_OK) return;
    c->fault = fault;
    c->words = clade_duplicate(c->context, clade_error(c->context));
}

static clade_status subject_of(choosing *c, const option *o, clade_subject *subject) {
    *subject = (clade_subject){ .signature = c->signature, .op = c->site->node->op->name, .choice = o->choice };
    subject->name = clade_choice_text(o->choice);
    return clade_choice_kernels(c->site, o->choice, &c->known->hashes, &subject->kernels);
}

/* Settles whether O is good; sets o->rejected if not. */
static clade_status verify(choosing *c, option *o) {
    clade_subject subject;
    clade_status status = subject_of(c, o, &subject);
    if (status != CLADE_OK) return status;
    const clade_record *quarantine = clade_known_quarantined(c->known, &subject);
    if (quarantine != NULL) {
        o->rejected = true;
        snprintf(o->why, sizeof o->why, "quarantined: %.380s", quarantine->detail);
        return CLADE_OK;
    }
    const bool verified = clade_known_verified(c->known, &subject);
    /* After a failure of another, running this one shows whose fault that was. */
    if (c->implementations < 2 || (verified && c->fault == CLADE_OK)) return CLADE_OK;
    clade_check check;
    status = check_twice(c, &subject, &check);
    if (status == CLADE_ERROR_MEMORY || (status == CLADE_OK && check.fault == CLADE_ERROR_MEMORY)) {
        clade_log(c->context, CLADE_LOG_DEBUG, "%s goes unverified: memory is short", subject.name.text);
        return CLADE_OK;
    }
    if (status != CLADE_OK) return status;
    o->rejected = !check.passed;
    snprintf(o->why, sizeof o->why, "%s", check.why);
    if (check.passed && !verified) clade_known_verify(c->known, &subject);
    if (check.fault != CLADE_OK)
        note_failure(c, o, check.fault);
    else if (!check.passed)
        clade_known_quarantine(c->known, &subject, CLADE_QUARANTINE_WRONG, check.why);
    return CLADE_OK;
}

/* Those that failed, now that another has shown that device and compiler work. */
static void quarantine_failed(choosing *c) {
    for (int i = 0; i < c->count; i++) {
        clade_subject subject;
        if (c->options[i].failed && subject_of(c, &c->options[i], &subject) == CLADE_OK)
            clade_known_quarantine(c->known, &subject, CLADE_QUARANTINE_BUILD, c->options[i].why);
    }
}

static clade_status choose_good(choosing *c, option **chosen) {
    for (;;) {
        option *best = *chosen = best_option(c);
        if (best == NULL && c->fault != CLADE_OK)
            return clade_fail(c->context, c->fault, "%s", c->words != NULL ? c->words : "a kernel does not build");
        if (best == NULL || best->preference == FORCED) return CLADE_OK;
        clade_status status = verify(c, best);
        if (status != CLADE_OK) return status;
        if (best->rejected) continue;
        quarantine_failed(c);
        return CLADE_OK;
    }
}

/* ---- choosing ---- */

static void explain(const choosing *c, const option *chosen, clade_text *reasons) {
    for (int i = 0; i < c->count; i++) {
        const option *o = &c->options[i];
        clade_text_add(reasons, "%s: can, suitability %g", clade_choice_text(o->choice).text, o->suitability);
        if (o->microseconds > 0) clade_text_add(reasons, ", measured %.4g ms", o->microseconds * 1e-3);
        if (o == chosen) clade_text_add(reasons, ", %s", preference_texts[o->preference]);
        if (o->rejected) clade_text_add(reasons, ", %s", o->why);
        clade_text_add(reasons, "\n");
    }
    clade_text_add(reasons, "%s", clade_text_get(&c->refusals));
}

clade_status clade_choose(const clade_site *site, clade_choices *choices, clade_choice *chosen, clade_text *reasons) {
    clade_context *context = site->device->context;
    clade_text signature = { .context = context };
    choosing c = { .site = site, .context = context, .refusals = { .context = context } };
    option *best = NULL;
    *chosen = (clade_choice){ .implementation = NULL };
    clade_site_signature(site, &signature);
    c.signature = clade_text_get(&signature);
    clade_status status = choices->known != NULL ? CLADE_OK : clade_known_new(site->device, &choices->known);
    if (status == CLADE_OK) {
        c.known = choices->known;
        list_options(&c);
        if (c.known->databases && c.implementations > 0) read_databases(&c);
        prefer(&c, clade_choices_find(choices, c.signature), CHOSEN_BEFORE);
        prefer(&c, clade_environment("CLADE_FORCE"), FORCED);
        status = choose_good(&c, &best);
        explain(&c, best, reasons);
    }
    if (status == CLADE_OK && best == NULL)
        status = clade_fail(context, CLADE_ERROR_UNSUPPORTED, "%s cannot run on %s: %s", site->label,
                            clade_device_name(site->device), clade_text_get(reasons));
    if (status == CLADE_OK) *chosen = best->choice;
    if (status == CLADE_OK && site->node->op->implementations[1]) /* only where there was something to choose */
        status = clade_choices_keep(choices, c.signature, clade_choice_text(*chosen).text);
    clade_text_free(&c.refusals);
    clade_free(context, c.words);
    clade_text_free(&signature);
    return status;
}
