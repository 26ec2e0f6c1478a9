#include "tune/choose.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void clade_choices_free(clade_choices *choices) {
    for (size_t i = 0; i < choices->count; i++) {
        clade_free(choices->context, choices->entries[i].signature);
        clade_free(choices->context, choices->entries[i].implementation);
    }
    clade_free(choices->context, choices->entries);
    choices->entries = NULL;
    choices->count = choices->capacity = 0;
}

static struct clade_kept_choice *find(const clade_choices *choices, const char *signature) {
    for (size_t i = 0; i < choices->count; i++)
        if (strcmp(choices->entries[i].signature, signature) == 0) return &choices->entries[i];
    return NULL;
}

static clade_status keep(clade_choices *choices, const char *signature, const char *implementation) {
    clade_context *context = choices->context;
    if (find(choices, signature)) return CLADE_OK;
    if (choices->count == choices->capacity) {
        size_t capacity = choices->capacity ? 2 * choices->capacity : 16;
        struct clade_kept_choice *grown = clade_reallocate(context, choices->entries, capacity, sizeof *grown);
        if (!grown) return clade_fail_memory(context, capacity * sizeof *grown, "the choices of implementations");
        choices->entries = grown;
        choices->capacity = capacity;
    }
    struct clade_kept_choice entry = { clade_duplicate(context, signature), clade_duplicate(context, implementation) };
    if (!entry.signature || !entry.implementation) {
        clade_free(context, entry.signature);
        clade_free(context, entry.implementation);
        return clade_fail_memory(context, strlen(signature), "a choice of implementation");
    }
    choices->entries[choices->count++] = entry;
    return CLADE_OK;
}

void clade_choices_print(const clade_choices *choices, clade_text *out) {
    for (size_t i = 0; i < choices->count; i++)
        clade_text_add(out, "%s = %s\n", choices->entries[i].signature, choices->entries[i].implementation);
}

clade_status clade_choices_parse(clade_choices *choices, const char *text) {
    while (*text) {
        size_t length = strcspn(text, "\n");
        char *line = clade_allocate(choices->context, length + 1, 1);
        if (!line) return clade_fail_memory(choices->context, length + 1, "a choice of implementation");
        memcpy(line, text, length);
        char *sign = strstr(line, " = ");
        clade_status status =
            sign ? CLADE_OK
                 : clade_fail(choices->context, CLADE_ERROR_INPUT,
                              "a choice of implementation reads \"%.60s\", not SIGNATURE = NAME", line);
        if (sign) {
            *sign = 0;
            status = keep(choices, line, sign + 3);
        }
        clade_free(choices->context, line);
        if (status != CLADE_OK) return status;
        text += length + (text[length] == '\n');
    }
    return CLADE_OK;
}

/* What decides the speed of a site: the operator, its numbers and its sizes. */
static void print_signature(const clade_site *site, clade_text *out) {
    const clade_node *node = site->node;
    clade_text_add(out, "%s", node->op->name);
    for (const clade_attribute *a = node->op->attributes; a && a->name; a++) {
        const char *place = (const char *)node->attributes + a->offset;
        for (int i = 0; i < (a->count ? a->count : 1); i++) {
            char mark = i ? ',' : ' ';
            if (a->kind == CLADE_ATTRIBUTE_INT)
                clade_text_add(out, "%c%" PRId64, mark, ((const int64_t *)(const void *)place)[i]);
            else if (a->kind == CLADE_ATTRIBUTE_BOOL)
                clade_text_add(out, "%c%d", mark, ((const bool *)(const void *)place)[i]);
        }
    }
    for (uint32_t i = 0; i < node->input_count; i++)
        for (int32_t k = 0; k < site->in[i].rank; k++)
            clade_text_add(out, "%s%" PRId64, k ? "x" : " ", site->in[i].size[k]);
    for (int32_t k = 0; k < site->out[0].rank; k++)
        clade_text_add(out, "%s%" PRId64, k ? "x" : " -> ", site->out[0].size[k]);
}

/* Whether WANTED ("packed", "packed/2") names IMPLEMENTATION; *CONFIGURATION gets the number after the slash, or 0. */
static bool is_named(const clade_implementation *implementation, const char *wanted, int *configuration) {
    const size_t length = strlen(implementation->name);
    if (wanted == NULL || strncmp(wanted, implementation->name, length) != 0) return false;
    *configuration = wanted[length] == '/' ? (int)strtol(wanted + length + 1, NULL, 10) : 0;
    return wanted[length] == '\0' || wanted[length] == '/';
}

/* A number that the implementation has at this site: a file may name one of an older version. */
static int possible(const clade_site *site, const clade_implementation *implementation, int configuration) {
    const int count = implementation->configurations ? implementation->configurations(site) : 1;
    return configuration > 0 && configuration < count ? configuration : 0;
}

/* The best of the applicable ones: a wanted name wins over suitability. */
static clade_choice best_candidate(const clade_site *site, const char *forced, const char *kept, clade_text *reasons) {
    clade_choice best = { NULL, 0 };
    double best_score = 0;
    for (const clade_implementation *const *list = site->node->op->implementations; list && *list; list++) {
        const clade_implementation *i = *list;
        char why[128] = "";
        if (i->applicable && !i->applicable(site, why)) {
            clade_text_add(reasons, "%s: cannot: %s\n", i->name, why);
            continue;
        }
        double score = i->suitability ? i->suitability(site) : 0;
        const char *note = "";
        int configuration = 0;
        if (is_named(i, forced, &configuration)) {
            score = 2e300;
            note = ", forced by CLADE_FORCE";
        } else if (is_named(i, kept, &configuration)) {
            score = 1e300;
            note = ", chosen before";
        }
        clade_text_add(reasons, "%s: can, suitability %g%s\n", i->name, score < 1e299 ? score : 0.0, note);
        if (!best.implementation || score > best_score) {
            best = (clade_choice){ i, possible(site, i, configuration) };
            best_score = score;
        }
    }
    return best;
}

static clade_status keep_choice(clade_choices *choices, const char *signature, clade_choice chosen) {
    char name[64];
    if (chosen.configuration > 0)
        snprintf(name, sizeof name, "%.40s/%d", chosen.implementation->name, chosen.configuration);
    else
        snprintf(name, sizeof name, "%.40s", chosen.implementation->name);
    return keep(choices, signature, name);
}

clade_status clade_choose(const clade_site *site, clade_choices *choices, clade_choice *chosen, clade_text *reasons) {
    clade_context *context = site->device->context;
    clade_text signature = { .context = context };
    print_signature(site, &signature);
    const struct clade_kept_choice *kept = find(choices, clade_text_get(&signature));
    const char *forced = clade_environment("CLADE_FORCE");
    *chosen = best_candidate(site, forced, kept ? kept->implementation : NULL, reasons);
    clade_status status = CLADE_OK;
    if (!chosen->implementation)
        status = clade_fail(context, CLADE_ERROR_UNSUPPORTED, "%s cannot run on %s: %s", site->label,
                            clade_device_name(site->device), clade_text_get(reasons));
    else if (site->node->op->implementations[1]) /* only where there was something to choose */
        status = keep_choice(choices, clade_text_get(&signature), *chosen);
    clade_text_free(&signature);
    return status;
}
