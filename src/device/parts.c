/* Lists of devices, and devices cut into equal parts (sub-devices of OpenCL 1.2). */
#include "device/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- cutting ---- */

static bool cuts_equally(clade_opencl *opencl, cl_device_id id) {
    cl_device_partition_property ways[16] = { 0 };
    size_t bytes = 0;
    cl_int code = clade_cl_GetDeviceInfo(opencl, id, CL_DEVICE_PARTITION_PROPERTIES, sizeof ways, ways, &bytes);
    for (size_t i = 0; code == CL_SUCCESS && i < bytes / sizeof *ways; i++)
        if (ways[i] == CL_DEVICE_PARTITION_EQUALLY) return true;
    return false;
}

clade_status clade_device_check_parts(clade_context *context, const clade_device_record *record, size_t parts) {
    clade_opencl *opencl = clade_context_opencl(context);
    cl_uint units = 0, most = 0;
    cl_int code = clade_cl_GetDeviceInfo(opencl, record->id, CL_DEVICE_MAX_COMPUTE_UNITS, sizeof units, &units, NULL);
    /* Before anything else is asked: llvmpipe's driver crashes in clCreateSubDevices, and says 0 here. */
    if (code == CL_SUCCESS)
        code =
            clade_cl_GetDeviceInfo(opencl, record->id, CL_DEVICE_PARTITION_MAX_SUB_DEVICES, sizeof most, &most, NULL);
    if (code != CL_SUCCESS) most = 0;
    if (most > 0 && parts <= units && cuts_equally(opencl, record->id)) return CLADE_OK;
    if (most > 0 && parts > units)
        return clade_fail(context, CLADE_ERROR_ARGUMENT, "%s has %u compute units and cannot be cut into %zu parts",
                          record->name, units, parts);
    return clade_fail(context, CLADE_ERROR_ARGUMENT, "%s (%s) cannot be cut into parts: its driver has no sub-devices",
                      record->name, record->platform_name);
}

clade_status clade_device_cut(clade_context *context, const clade_device_record *record, size_t part, size_t parts,
                              cl_device_id *id) {
    clade_opencl *opencl = clade_context_opencl(context);
    cl_uint units = 1, made = 0;
    clade_status status = clade_device_check_parts(context, record, parts);
    if (status != CLADE_OK) return status;
    clade_cl_GetDeviceInfo(opencl, record->id, CL_DEVICE_MAX_COMPUTE_UNITS, sizeof units, &units, NULL);
    const cl_device_partition_property way[] = { CL_DEVICE_PARTITION_EQUALLY,
                                                 (cl_device_partition_property)(units / parts), 0 };
    cl_int code = clade_cl_CreateSubDevices(opencl, record->id, way, 0, NULL, &made);
    cl_device_id *all = code == CL_SUCCESS ? clade_allocate(context, (size_t)made + 1, sizeof(cl_device_id)) : NULL;
    if (code == CL_SUCCESS && all == NULL)
        return clade_fail_memory(context, made * sizeof *all, "the parts of a device");
    if (code == CL_SUCCESS) code = clade_cl_CreateSubDevices(opencl, record->id, way, made, all, NULL);
    if (code != CL_SUCCESS || made <= part) {
        clade_free(context, all);
        return clade_opencl_fail(context, "clCreateSubDevices", code, "of %s into %zu parts", record->name, parts);
    }
    for (cl_uint i = 0; i < made; i++)
        if (i != part) clade_cl_ReleaseDevice(opencl, all[i]);
    *id = all[part];
    clade_free(context, all);
    return CLADE_OK;
}

/* ---- lists ---- */

typedef struct listing {
    clade_context *context;
    clade_device_pick *picks;
    size_t count;
} listing;

static clade_status add(listing *l, clade_device_pick pick, const char *word) {
    for (size_t i = 0; i < l->count; i++) {
        const clade_device_pick *other = &l->picks[i];
        if (other->index != pick.index || (other->parts == pick.parts && other->part != pick.part)) continue;
        return clade_fail(l->context, CLADE_ERROR_ARGUMENT, "device \"%s\" is in the list already, as device %zu", word,
                          pick.index);
    }
    if (l->count == CLADE_MAX_PICKS)
        return clade_fail(l->context, CLADE_ERROR_ARGUMENT, "a list of more than %d devices", CLADE_MAX_PICKS);
    l->picks[l->count++] = pick;
    return CLADE_OK;
}

static clade_status add_all(listing *l) {
    size_t count = 0;
    clade_status status = clade_device_count(l->context, &count);
    for (size_t i = 0; i < count && status == CLADE_OK; i++)
        if (clade_device_works(l->context, i)) status = add(l, (clade_device_pick){ .index = i, .parts = 1 }, "all");
    if (status == CLADE_OK && l->count == 0)
        return clade_fail(l->context, CLADE_ERROR_DEVICE, "none of the %zu OpenCL devices works; see clade devices",
                          count);
    return status;
}

static const size_t all_parts = SIZE_MAX;

/* Takes "/K" (PART becomes all_parts) or "/K:J" off the end of WORD. False when it ends in nothing of the kind. */
static bool take_parts(char *word, size_t *part, size_t *parts) {
    char *slash = strrchr(word, '/'), *end = NULL;
    if (slash == NULL || slash[1] < '0' || slash[1] > '9') return false;
    unsigned long long k = strtoull(slash + 1, &end, 10), j = SIZE_MAX;
    if (*end == ':' && end[1] >= '0' && end[1] <= '9') j = strtoull(end + 1, &end, 10);
    if (*end != '\0') return false;
    *parts = (size_t)k;
    *part = (size_t)j;
    *slash = '\0';
    return true;
}

static clade_status add_choice(listing *l, const char *choice) {
    char word[512];
    size_t part = all_parts, parts = 1;
    clade_device_pick pick = { .parts = 1 };
    clade_device_record *record = NULL;
    snprintf(word, sizeof word, "%s", choice);
    const bool cut = take_parts(word, &part, &parts);
    if (cut && (parts == 0 || (part != all_parts && part >= parts)))
        return clade_fail(l->context, CLADE_ERROR_ARGUMENT,
                          "device \"%s\": expected /K for K parts, or /K:J for part J "
                          "of 0 to K - 1",
                          choice);
    clade_status status = clade_device_choose(l->context, word, &pick.index, NULL);
    if (status == CLADE_OK && parts > 1) status = clade_devices_get(l->context, pick.index, &record);
    if (status == CLADE_OK && parts > 1) status = clade_device_check_parts(l->context, record, parts);
    pick.parts = parts;
    for (size_t i = 0; i < parts && status == CLADE_OK; i++) {
        pick.part = i;
        if (part == all_parts || part == i) status = add(l, pick, choice);
    }
    return status;
}

/* Whether CHOICES is the whole name of a device: names may have commas. */
static bool is_a_name(clade_context *context, const char *choices) {
    clade_opencl *opencl = NULL;
    if (clade_devices_read(context, &opencl) != CLADE_OK) return false;
    for (size_t i = 0; i < opencl->device_count; i++)
        if (strcmp(opencl->devices[i].name, choices) == 0) return true;
    return false;
}

clade_status clade_device_choose_list(clade_context *context, const char *choices, clade_device_pick picks[],
                                      size_t *count) {
    listing l = { .context = context, .picks = picks };
    clade_status status = CLADE_OK;
    *count = 0;
    if (choices == NULL) choices = clade_environment("CLADE_DEVICE");
    if (choices == NULL) {
        picks[0] = (clade_device_pick){ .parts = 1 };
        status = clade_device_choose(context, NULL, &picks[0].index, NULL);
        *count = status == CLADE_OK;
        return status;
    }
    if (strcmp(choices, "all") == 0) {
        status = add_all(&l);
    } else if (is_a_name(context, choices)) {
        status = add_choice(&l, choices);
    } else {
        for (const char *at = choices; status == CLADE_OK; at += strcspn(at, ",") + 1) {
            char word[512];
            snprintf(word, sizeof word, "%.*s", (int)strcspn(at, ","), at);
            status = add_choice(&l, word);
            if (at[strcspn(at, ",")] == '\0') break;
        }
    }
    if (status == CLADE_OK) *count = l.count;
    return status;
}
