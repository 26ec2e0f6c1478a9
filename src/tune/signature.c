/* Signatures are text of one line without tabs: they are fields of the databases' lines (tune/records.h). The kernels of a
 * choice are found by recording it into a list that only tells its launches, over buffers that do not exist. */
#include "tune/signature.h"

#include "base/hash.h"
#include "ops/tail.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

clade_choice_name clade_choice_text(clade_choice choice) {
    clade_choice_name name;
    if (choice.configuration == 0)
        snprintf(name.text, sizeof name.text, "%.48s", choice.implementation->name);
    else
        snprintf(name.text, sizeof name.text, "%.48s/%d", choice.implementation->name, choice.configuration);
    return name;
}

static void add_attribute(const clade_node *node, const clade_attribute *attribute, clade_text *out) {
    const char *place = (const char *)node->attributes + attribute->offset;
    for (int i = 0; i < (attribute->count > 0 ? attribute->count : 1); i++) {
        const char mark = i > 0 ? ',' : ' ';
        if (attribute->kind == CLADE_ATTRIBUTE_INT)
            clade_text_add(out, "%c%" PRId64, mark, ((const int64_t *)(const void *)place)[i]);
        else if (attribute->kind == CLADE_ATTRIBUTE_BOOL)
            clade_text_add(out, "%c%d", mark, ((const bool *)(const void *)place)[i]);
    }
}

static void add_array(const clade_array *array, clade_text *out) {
    clade_text_add(out, "%s", array->dtype == CLADE_I32 ? "i32:" : "");
    for (int32_t k = 0; k < array->rank; k++)
        clade_text_add(out, "%s%" PRId64, k > 0 ? "x" : "", array->size[k]);
    if (array->rank == 0) clade_text_add(out, "1");
}

static bool has_preparation(const clade_op *op) {
    for (const clade_implementation *const *list = op->implementations; list != NULL && *list != NULL; list++)
        if ((*list)->prepare != NULL) return true;
    return false;
}

void clade_site_signature(const clade_site *site, clade_text *out) {
    const clade_node *node = site->node;
    clade_text_add(out, "%s", node->op->name);
    for (const clade_attribute *a = node->op->attributes; a != NULL && a->name != NULL; a++)
        add_attribute(node, a, out);
    for (uint32_t i = 0; i < node->input_count; i++) {
        clade_text_add(out, " ");
        if (clade_value_valid(node->inputs[i])) add_array(&site->in[i], out);
    }
    clade_text_add(out, " -> ");
    add_array(&site->out[0], out);
    if (site->prepares_once && has_preparation(node->op)) clade_text_add(out, " prepared");
}

void clade_device_signature(const clade_device *device, clade_text *out) {
    const char *const parts[] = { device->name, device->driver, device->platform_name };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        clade_text_add(out, "%s", i > 0 ? " | " : "");
        for (const char *at = parts[i]; *at != '\0'; at++)
            clade_text_add_bytes(out, *at == '\t' || *at == '\n' ? " " : at, 1);
    }
    const clade_capabilities *can = &device->capabilities;
    clade_text_add(out, " | %s, groups of %zu, %zu bytes of local memory", can->is_cpu ? "CPU" : "GPU",
                   can->max_group_size, can->local_memory);
}

/* ---- kernels ---- */

void clade_kernel_hashes_free(clade_kernel_hashes *hashes) {
    for (size_t i = 0; i < hashes->count; i++)
        clade_free(hashes->context, hashes->list[i].file);
    clade_free(hashes->context, hashes->list);
    *hashes = (clade_kernel_hashes){ .context = hashes->context };
}

/* The hash of FILE's text with what it includes, from the list or, the first time, from the text. */
static clade_status hash_of_file(clade_kernel_hashes *hashes, const char *file, uint64_t *hash) {
    for (size_t i = 0; i < hashes->count; i++) {
        *hash = hashes->list[i].hash;
        if (strcmp(hashes->list[i].file, file) == 0) return CLADE_OK;
    }
    char *source = NULL;
    clade_status status = clade_kernel_source(hashes->context, file, &source);
    if (status != CLADE_OK) return status;
    *hash = clade_hash_text(source);
    clade_free(hashes->context, source);
    if (hashes->count == hashes->capacity) {
        size_t capacity = hashes->capacity > 0 ? 2 * hashes->capacity : 16;
        struct clade_kernel_hash *grown = clade_reallocate(hashes->context, hashes->list, capacity, sizeof *grown);
        if (grown == NULL) return clade_fail_memory(hashes->context, capacity * sizeof *grown, "the kernels' hashes");
        hashes->list = grown;
        hashes->capacity = capacity;
    }
    char *name = clade_duplicate(hashes->context, file);
    if (name == NULL) return clade_fail_memory(hashes->context, strlen(file), "the kernels' hashes");
    hashes->list[hashes->count++] = (struct clade_kernel_hash){ name, *hash };
    return CLADE_OK;
}

typedef struct finding {
    clade_kernel_hashes *hashes;
    clade_kernels *kernels;
    clade_status status;
} finding;

static bool holds_word(const char *words, const char *word) {
    size_t length = strlen(word);
    for (const char *at = words; (at = strstr(at, word)) != NULL; at++)
        if ((at == words || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0')) return true;
    return false;
}

static void note(void *user, const clade_launch *launch) {
    finding *f = user;
    clade_kernels *kernels = f->kernels;
    const char *name = launch->file != NULL ? launch->file : launch->title;
    uint64_t hash = launch->file != NULL ? 0 : clade_hash_text(launch->source);
    if (f->status != CLADE_OK || holds_word(kernels->files, name)) return;
    if (launch->file != NULL) f->status = hash_of_file(f->hashes, name, &hash);
    size_t used = strlen(kernels->files);
    snprintf(kernels->files + used, sizeof kernels->files - used, "%s%s", used > 0 ? " " : "", name);
    kernels->hash = (kernels->hash ^ hash) * UINT64_C(0x100000001b3) + clade_hash_text(name);
}

/* Buffers of the right sizes that hold nothing. */
typedef struct shadows {
    clade_buffer in[CLADE_MAX_INPUTS], out[CLADE_MAX_OUTPUTS], workspace[CLADE_MAX_WORKSPACES], prepared;
} shadows;

static clade_buffer shadow(const clade_site *site, size_t bytes) {
    return (clade_buffer){ .device = site->device, .bytes = bytes };
}

static void cast_shadows(clade_site *site, const clade_implementation *implementation, shadows *s) {
    size_t bytes[CLADE_MAX_WORKSPACES] = { 0 };
    for (uint32_t i = 0; i < site->node->input_count; i++) {
        s->in[i] = shadow(site, (size_t)site->in[i].count * clade_dtype_size(site->in[i].dtype));
        site->in[i].buffer = &s->in[i];
    }
    for (uint32_t o = 0; o < site->node->output_count; o++) {
        s->out[o] = shadow(site, (size_t)site->out[o].count * clade_dtype_size(site->out[o].dtype));
        site->out[o].buffer = &s->out[o];
    }
    if (implementation->workspace != NULL) implementation->workspace(site, bytes);
    for (int w = 0; w < CLADE_MAX_WORKSPACES; w++) {
        s->workspace[w] = shadow(site, bytes[w]);
        site->workspace[w] = bytes[w] > 0 ? &s->workspace[w] : NULL;
    }
    s->prepared = shadow(site, clade_site_prepared(site, implementation));
    site->prepared = s->prepared.bytes > 0 ? &s->prepared : NULL;
}

clade_status clade_choice_launches(const clade_site *site, clade_choice choice,
                                   void (*tell)(void *user, const clade_launch *launch), void *user) {
    clade_commands *sketch = NULL;
    clade_status status = clade_commands_new_sketch(site->device, tell, user, &sketch);
    if (status != CLADE_OK) return status;
    shadows s;
    clade_site empty = *site;
    empty.configuration = choice.configuration;
    cast_shadows(&empty, choice.implementation, &s);
    status = clade_site_prepare(&empty, choice.implementation, sketch);
    if (status == CLADE_OK) status = clade_site_record(&empty, choice.implementation, sketch);
    clade_commands_free(sketch);
    return status;
}

clade_status clade_choice_kernels(const clade_site *site, clade_choice choice, clade_kernel_hashes *hashes,
                                  clade_kernels *kernels) {
    *kernels = (clade_kernels){ .hash = UINT64_C(0xcbf29ce484222325) };
    finding f = { hashes, kernels, CLADE_OK };
    clade_status status = clade_choice_launches(site, choice, note, &f);
    kernels->code = kernels->hash ^ clade_op_code;
    return status != CLADE_OK ? status : f.status;
}
