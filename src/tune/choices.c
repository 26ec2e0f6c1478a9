/* The choices that a session makes and a checkpoint keeps: a list in memory, and its text. */
#include "tune/choose.h"

#include <string.h>

void clade_choices_free(clade_choices *choices) {
    for (size_t i = 0; i < choices->count; i++) {
        clade_free(choices->context, choices->entries[i].signature);
        clade_free(choices->context, choices->entries[i].implementation);
    }
    clade_free(choices->context, choices->entries);
    choices->entries = NULL;
    choices->count = choices->capacity = 0;
    clade_known_free(choices->known);
    choices->known = NULL;
}

const char *clade_choices_find(const clade_choices *choices, const char *signature) {
    for (size_t i = 0; i < choices->count; i++)
        if (strcmp(choices->entries[i].signature, signature) == 0) return choices->entries[i].implementation;
    return NULL;
}

static clade_status replace(clade_choices *choices, size_t index, const char *implementation) {
    char *copied = clade_duplicate(choices->context, implementation);
    if (copied == NULL) return clade_fail_memory(choices->context, strlen(implementation), "a choice");
    clade_free(choices->context, choices->entries[index].implementation);
    choices->entries[index].implementation = copied;
    return CLADE_OK;
}

clade_status clade_choices_keep(clade_choices *choices, const char *signature, const char *implementation) {
    clade_context *context = choices->context;
    for (size_t i = 0; i < choices->count; i++) {
        if (strcmp(choices->entries[i].signature, signature) != 0) continue;
        return strcmp(choices->entries[i].implementation, implementation) == 0 ? CLADE_OK
                                                                               : replace(choices, i, implementation);
    }
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
            status = clade_choices_keep(choices, line, sign + 3);
        }
        clade_free(choices->context, line);
        if (status != CLADE_OK) return status;
        text += length + (text[length] == '\n');
    }
    return CLADE_OK;
}
