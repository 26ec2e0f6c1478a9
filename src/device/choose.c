/* Which device a word means: an index, a type, part of a name, or nothing for the best that works. */
#include "device/state.h"

#include "base/text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* Types by preference: the default walks this table downwards. */
static const struct {
    const char *word; /* what --device calls it */
    const char *name; /* in sentences */
    cl_device_type type;
} types[] = {
    { "gpu", "GPU", CL_DEVICE_TYPE_GPU },
    { "accelerator", "accelerator", CL_DEVICE_TYPE_ACCELERATOR },
    { "cpu", "CPU", CL_DEVICE_TYPE_CPU },
};
enum { TYPES = sizeof types / sizeof types[0] };

/* A choice in the making. */
typedef struct choosing {
    clade_context *context;
    clade_opencl *opencl;
    const char *choice; /* NULL: the default */
    bool from_environment;
    size_t index;
    clade_text why;
} choosing;

static int type_of(const clade_device_record *record) {
    for (int i = 0; i < TYPES; i++)
        if (record->type & types[i].type) return i;
    return TYPES;
}

static bool same_letters(const char *a, const char *b) {
    while (*a != '\0' && tolower((unsigned char)*a) == tolower((unsigned char)*b))
        a++, b++;
    return *a == '\0' && *b == '\0';
}

/* Whether TEXT contains PART, letters of either case. */
static bool contains(const char *text, const char *part) {
    const size_t length = strlen(part);
    for (; *text != '\0'; text++) {
        size_t i = 0;
        while (i < length && tolower((unsigned char)text[i]) == tolower((unsigned char)part[i]))
            i++;
        if (i == length) return true;
    }
    return false;
}

/* Ends a refusal: "...; the devices are 0: NAME (PLATFORM), 1: ...". */
static clade_status refuse(choosing *c, const char *problem) {
    clade_text text = { .context = c->context };
    for (size_t i = 0; i < c->opencl->device_count; i++)
        clade_text_add(&text, "%s%zu: %s (%s)", i > 0 ? ", " : "", i, c->opencl->devices[i].name,
                       c->opencl->devices[i].platform_name);
    clade_status status = clade_fail(c->context, CLADE_ERROR_ARGUMENT, "device \"%s\" %s; the devices are %s",
                                     c->choice, problem, clade_text_get(&text));
    clade_text_free(&text);
    return status;
}

bool clade_device_works(clade_context *context, size_t index) {
    clade_device_record *record = NULL;
    if (clade_devices_get(context, index, &record) != CLADE_OK || !record->usable) return false;
    if (record->probed) return record->probe_status == CLADE_OK;
    clade_device *device = NULL;
    record->probe_status = clade_device_open(context, index, &device);
    if (record->probe_status == CLADE_OK) record->probe_status = clade_device_probe(device);
    clade_device_close(device);
    record->probed = true;
    if (record->probe_status != CLADE_OK)
        clade_log(context, CLADE_LOG_WARNING, "%s (%s) is passed over: %s", record->name, record->platform_name,
                  clade_error(context));
    return record->probe_status == CLADE_OK;
}

/* Whether device A goes before device B: by type, then by size, then as listed. */
static bool better(const clade_opencl *opencl, size_t a, size_t b) {
    const clade_device_record *left = &opencl->devices[a], *right = &opencl->devices[b];
    if (type_of(left) != type_of(right)) return type_of(left) < type_of(right);
    if (left->size < right->size || left->size > right->size) return left->size > right->size;
    return a < b;
}

/* The best device that works among those of type ONLY (TYPES: any), trying each from the best down. */
static bool pick_best(choosing *c, int only) {
    const size_t count = c->opencl->device_count;
    clade_device_record *devices = c->opencl->devices;
    size_t candidates = 0;
    for (size_t i = 0; i < count; i++) {
        devices[i].candidate = only == TYPES || type_of(&devices[i]) == only;
        candidates += devices[i].candidate;
    }
    for (size_t round = 0; round < candidates; round++) {
        size_t best = count;
        for (size_t i = 0; i < count; i++)
            if (devices[i].candidate && (best == count || better(c->opencl, i, best))) best = i;
        devices[best].candidate = false;
        c->index = best;
        /* A probe costs a program, so it is left out where it could change nothing. */
        if (candidates == 1 ? devices[best].usable : clade_device_works(c->context, best)) return true;
    }
    return false;
}

/* How many devices share the type of the one picked. */
static size_t count_alike(const choosing *c) {
    size_t alike = 0;
    for (size_t i = 0; i < c->opencl->device_count; i++)
        alike += type_of(&c->opencl->devices[i]) == type_of(&c->opencl->devices[c->index]);
    return alike;
}

static const char *type_name(const choosing *c) {
    int type = type_of(&c->opencl->devices[c->index]);
    return type < TYPES ? types[type].name : "device";
}

static clade_status choose_default(choosing *c) {
    if (!pick_best(c, TYPES))
        return clade_fail(c->context, CLADE_ERROR_DEVICE,
                          "none of the %zu OpenCL devices works (available, with a compiler, right results); see "
                          "clade devices",
                          c->opencl->device_count);
    if (c->opencl->device_count == 1)
        clade_text_add(&c->why, "the only device");
    else
        clade_text_add(&c->why, "the %s%s that works", count_alike(c) > 1 ? "largest " : "only ", type_name(c));
    return CLADE_OK;
}

static clade_status choose_type(choosing *c, int type) {
    clade_text problem = { .context = c->context };
    clade_status status = CLADE_OK;
    if (!pick_best(c, type)) {
        clade_text_add(&problem, "fits no %s that works", types[type].name);
        status = refuse(c, clade_text_get(&problem));
    } else if (count_alike(c) > 1) {
        clade_text_add(&c->why, ", the largest %s that works", types[type].name);
    }
    clade_text_free(&problem);
    return status;
}

static clade_status choose_index(choosing *c) {
    char *end = NULL;
    unsigned long long index = strtoull(c->choice, &end, 10);
    if (index >= c->opencl->device_count) return refuse(c, "does not exist");
    c->index = (size_t)index;
    return CLADE_OK;
}

static bool alike(const clade_device_record *a, const clade_device_record *b) {
    return strcmp(a->name, b->name) == 0 && strcmp(a->platform_name, b->platform_name) == 0;
}

/* By part of a name. A whole name wins over parts: "Tesla T4" also lies in "Tesla T4G". */
static clade_status choose_name(choosing *c) {
    const size_t count = c->opencl->device_count;
    size_t found = count;
    for (size_t i = 0; i < count && found == count; i++)
        if (same_letters(c->opencl->devices[i].name, c->choice)) found = i;
    bool whole = found < count;
    for (size_t i = 0; i < count && !whole; i++) {
        const clade_device_record *record = &c->opencl->devices[i];
        if (!contains(record->name, c->choice) && !contains(record->platform_name, c->choice)) continue;
        if (found == count)
            found = i;
        else if (!alike(record, &c->opencl->devices[found]))
            return refuse(c, "fits several devices");
    }
    if (found == count) return refuse(c, "fits none");
    c->index = found;
    return CLADE_OK;
}

static clade_status choose_word(choosing *c) {
    clade_text_add(&c->why, "%s%s", c->from_environment ? "CLADE_DEVICE=" : "asked for as ", c->choice);
    if (strspn(c->choice, "0123456789") == strlen(c->choice)) return choose_index(c);
    for (int i = 0; i < TYPES; i++)
        if (same_letters(c->choice, types[i].word)) return choose_type(c, i);
    return choose_name(c);
}

clade_status clade_device_choose(clade_context *context, const char *choice, size_t *index, const char **why) {
    choosing c = { .context = context, .choice = choice, .why = { .context = context } };
    clade_status status = clade_devices_read(context, &c.opencl);
    if (status != CLADE_OK) return status;
    if (choice == NULL) {
        c.choice = clade_environment("CLADE_DEVICE");
        c.from_environment = c.choice != NULL;
    }
    if (c.choice != NULL && c.choice[0] == '\0') return refuse(&c, "is no name");
    status = c.choice != NULL ? choose_word(&c) : choose_default(&c);
    if (status == CLADE_OK) {
        char *phrase = c.why.failed ? NULL : clade_duplicate(context, clade_text_get(&c.why));
        clade_free(context, c.opencl->why);
        c.opencl->why = phrase;
        *index = c.index;
        if (why != NULL) *why = phrase != NULL ? phrase : "";
    }
    clade_text_free(&c.why);
    return status;
}
