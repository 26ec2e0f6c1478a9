/* Reading believes nothing of the header before it agrees with itself and with the file's length. */
#include "formats/safetensors.h"

#include "base/file.h"
#include "base/text.h"
#include "formats/onnx/tensor.h"

#include <cjson/cJSON.h>

#include <stdlib.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "values are copied, not swapped");

enum { PREFIX = 8, LARGEST_HEADER = 1 << 24, ALIGNMENT = 8 };

static const char METADATA[] = "__metadata__";

/* ---- types ---- */

static double half_at(const uint8_t *at) {
    uint16_t bits;
    memcpy(&bits, at, sizeof bits);
    return clade_onnx_half(bits);
}

static double bfloat16_at(const uint8_t *at) {
    uint16_t bits;
    memcpy(&bits, at, sizeof bits);
    return clade_onnx_bfloat16(bits);
}

static double double_at(const uint8_t *at) {
    double number;
    memcpy(&number, at, sizeof number);
    return number;
}

static const struct type {
    const char *name;
    size_t bytes;
    clade_dtype dtype;
    double (*at)(const uint8_t *at); /* NULL: the elements are copied */
} types[] = {
    { "F32", 4, CLADE_F32, NULL },         { "I32", 4, CLADE_I32, NULL },      { "F16", 2, CLADE_F32, half_at },
    { "BF16", 2, CLADE_F32, bfloat16_at }, { "F64", 8, CLADE_F32, double_at },
};
enum { TYPES = sizeof types / sizeof types[0] };

/* ---- reading ---- */

/* A tensor of the header. */
typedef struct entry {
    const char *name;
    const struct type *type;
    clade_dims dims;
    int64_t count;
    uint64_t begin, end; /* of its bytes after the header */
} entry;

typedef struct reader {
    clade_context *context;
    const char *name; /* the file's */
    const uint8_t *data;
    uint64_t bytes; /* after the header */
    entry *entries;
    size_t count;
} reader;

static clade_status damaged(const reader *r, const char *tensor, const char *what) {
    return clade_fail(r->context, CLADE_ERROR_INPUT, "%s: malformed safetensors header: \"%.100s\" %s", r->name, tensor,
                      what);
}

/* A whole number of at least 0 that a double holds exactly. */
static bool whole(const cJSON *item, uint64_t *number) {
    const double most = 9007199254740992.0;
    if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0 && item->valuedouble <= most)) return false;
    *number = (uint64_t)item->valuedouble;
    return (double)*number == item->valuedouble;
}

static clade_status read_shape(const reader *r, const cJSON *shape, entry *e) {
    e->count = 1;
    if (!cJSON_IsArray(shape)) return damaged(r, e->name, "has no shape");
    for (const cJSON *item = shape->child; item != NULL; item = item->next) {
        uint64_t size;
        if (!whole(item, &size)) return damaged(r, e->name, "has a size that is no whole number");
        if (e->dims.rank == CLADE_MAX_RANK)
            return clade_fail(r->context, CLADE_ERROR_UNSUPPORTED, "%s: \"%.100s\" has more than %d axes", r->name,
                              e->name, CLADE_MAX_RANK);
        if (size > 0 && (uint64_t)e->count > r->bytes / size) return damaged(r, e->name, "is larger than the file");
        e->dims.size[e->dims.rank++] = (clade_size)size;
        e->count *= (int64_t)size;
    }
    return CLADE_OK;
}

static clade_status read_entry(const reader *r, const cJSON *item, entry *e) {
    *e = (entry){ .name = item->string };
    const cJSON *dtype = cJSON_GetObjectItemCaseSensitive(item, "dtype");
    const cJSON *offsets = cJSON_GetObjectItemCaseSensitive(item, "data_offsets");
    if (!cJSON_IsObject(item) || !cJSON_IsString(dtype)) return damaged(r, e->name, "has no dtype");
    for (int i = 0; i < TYPES; i++)
        if (strcmp(types[i].name, dtype->valuestring) == 0) e->type = &types[i];
    if (e->type == NULL)
        return clade_fail(r->context, CLADE_ERROR_UNSUPPORTED,
                          "%s: \"%.100s\" is of type %.20s; F32, F64, F16, BF16 and I32 are read", r->name, e->name,
                          dtype->valuestring);
    clade_status status = read_shape(r, cJSON_GetObjectItemCaseSensitive(item, "shape"), e);
    if (status != CLADE_OK) return status;
    if (cJSON_GetArraySize(offsets) != 2 || !cJSON_IsArray(offsets) || !whole(offsets->child, &e->begin) ||
        !whole(offsets->child->next, &e->end))
        return damaged(r, e->name, "has no data_offsets");
    if (e->end > r->bytes || e->begin > e->end) return damaged(r, e->name, "lies outside the file");
    if (e->end - e->begin != (uint64_t)e->count * e->type->bytes)
        return damaged(r, e->name, "has another number of bytes than its shape");
    return CLADE_OK;
}

static int by_place(const void *a, const void *b) {
    const entry *x = a, *y = b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    return x->end < y->end ? -1 : x->end > y->end;
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const entry *)a)->name, ((const entry *)b)->name);
}

/* Leaves the entries in the order of their bytes. */
static clade_status check_entries(const reader *r) {
    uint64_t end = 0;
    qsort(r->entries, r->count, sizeof *r->entries, by_name);
    for (size_t i = 1; i < r->count; i++)
        if (by_name(&r->entries[i - 1], &r->entries[i]) == 0) return damaged(r, r->entries[i].name, "is there twice");
    qsort(r->entries, r->count, sizeof *r->entries, by_place);
    for (size_t i = 0; i < r->count; i++) {
        if (r->entries[i].begin != end)
            return damaged(r, r->entries[i].name, "overlaps another, or there is a hole before it");
        end = r->entries[i].end;
    }
    if (end == r->bytes) return CLADE_OK;
    return clade_fail(r->context, CLADE_ERROR_INPUT, "%s: oversized: %llu bytes after its last tensor", r->name,
                      (unsigned long long)(r->bytes - end));
}

static clade_status read_entries(reader *r, const cJSON *header) {
    size_t items = 0;
    for (const cJSON *item = header->child; item != NULL; item = item->next)
        items++;
    r->entries = clade_allocate(r->context, items + 1, sizeof *r->entries);
    if (r->entries == NULL) return clade_fail_memory(r->context, items * sizeof *r->entries, r->name);
    clade_status status = CLADE_OK;
    for (const cJSON *item = header->child; item != NULL && status == CLADE_OK; item = item->next)
        if (strcmp(item->string, METADATA) != 0) status = read_entry(r, item, &r->entries[r->count++]);
    return status == CLADE_OK ? check_entries(r) : status;
}

static clade_status take(const reader *r, const entry *e, clade_weights *weights) {
    void *to = clade_weights_add(weights, e->name, e->type->dtype, &e->dims, e->count);
    if (to == NULL) return CLADE_ERROR_MEMORY;
    const uint8_t *from = r->data + e->begin;
    if (e->type->at == NULL) memcpy(to, from, (size_t)e->count * 4);
    for (int64_t i = 0; e->type->at != NULL && i < e->count; i++)
        ((float *)to)[i] = (float)e->type->at(from + (size_t)i * e->type->bytes);
    return CLADE_OK;
}

/* The header of LENGTH bytes; NULL when they are not one JSON object and spaces. */
static cJSON *parse(const char *text, size_t length) {
    const char *end = NULL;
    cJSON *header = cJSON_ParseWithLengthOpts(text, length, &end, 0);
    bool good = cJSON_IsObject(header) && end != NULL;
    while (good && end < text + length)
        good = *end++ == ' ';
    if (good) return header;
    cJSON_Delete(header);
    return NULL;
}

clade_status clade_safetensors_decode(clade_context *context, const char *name, const void *bytes, size_t count,
                                      clade_weights **weights) {
    uint64_t length = 0;
    *weights = NULL;
    if (count >= PREFIX) memcpy(&length, bytes, PREFIX);
    if (count < PREFIX || length > count - PREFIX || length < 2)
        return clade_fail(context, CLADE_ERROR_INPUT, "%s: not a safetensors file, or truncated", name);
    if (length > LARGEST_HEADER)
        return clade_fail(context, CLADE_ERROR_UNSUPPORTED, "%s: a header of %llu bytes; at most %d are read", name,
                          (unsigned long long)length, LARGEST_HEADER);
    const char *text = (const char *)bytes + PREFIX;
    cJSON *header = parse(text, (size_t)length);
    if (header == NULL)
        return clade_fail(context, CLADE_ERROR_INPUT, "%s: malformed safetensors header: not a JSON object", name);
    reader r = { context, name, (const uint8_t *)text + length, count - PREFIX - length, NULL, 0 };
    clade_status status = read_entries(&r, header);
    clade_weights *made = status == CLADE_OK ? clade_weights_new(context) : NULL;
    if (status == CLADE_OK && made == NULL) status = CLADE_ERROR_MEMORY;
    for (size_t i = 0; i < r.count && status == CLADE_OK; i++)
        status = take(&r, &r.entries[i], made);
    clade_free(context, r.entries);
    cJSON_Delete(header);
    if (status == CLADE_OK)
        *weights = made;
    else
        clade_weights_free(made);
    return status;
}

clade_status clade_weights_read(clade_context *context, const char *path, clade_weights **weights) {
    char *data = NULL;
    size_t bytes = 0;
    *weights = NULL;
    clade_status status = clade_file_read(context, path, PTRDIFF_MAX, &data, &bytes);
    if (status == CLADE_OK) status = clade_safetensors_decode(context, path, data, bytes, weights);
    clade_free(context, data);
    return status;
}

/* ---- writing ---- */

static bool describe(cJSON *header, const clade_weight *weight, size_t begin) {
    cJSON *item = cJSON_AddObjectToObject(header, weight->name), *shape = NULL, *offsets = NULL;
    bool good =
        item != NULL && cJSON_AddStringToObject(item, "dtype", weight->dtype == CLADE_F32 ? "F32" : "I32") != NULL;
    good = good && (shape = cJSON_AddArrayToObject(item, "shape")) != NULL;
    for (int32_t i = 0; i < weight->dims.rank && good; i++)
        good = cJSON_AddItemToArray(shape, cJSON_CreateNumber((double)weight->dims.size[i]));
    good = good && (offsets = cJSON_AddArrayToObject(item, "data_offsets")) != NULL;
    const double ends[] = { (double)begin, (double)(begin + (size_t)weight->count * 4) };
    for (int i = 0; i < 2 && good; i++)
        good = cJSON_AddItemToArray(offsets, cJSON_CreateNumber(ends[i]));
    return good;
}

/* The header's text, which the caller frees with cJSON_free(); NULL when memory is short. "pt" is what readers in
 * PyTorch ask for. */
static char *header_text(const clade_weights *weights, size_t *data_bytes) {
    cJSON *header = cJSON_CreateObject();
    cJSON *metadata = cJSON_AddObjectToObject(header, METADATA);
    bool good = metadata != NULL && cJSON_AddStringToObject(metadata, "format", "pt") != NULL;
    *data_bytes = 0;
    for (size_t i = 0; i < weights->count && good; i++) {
        good = describe(header, &weights->list[i], *data_bytes);
        *data_bytes += (size_t)weights->list[i].count * 4;
    }
    char *text = good ? cJSON_PrintUnformatted(header) : NULL;
    cJSON_Delete(header);
    return text;
}

clade_status clade_safetensors_encode(const clade_weights *weights, char **bytes, size_t *count) {
    clade_context *context = weights->context;
    size_t data_bytes;
    char *text = header_text(weights, &data_bytes);
    const size_t length = text != NULL ? strlen(text) : 0;
    const size_t padded = (length + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    const uint64_t prefix = padded;
    *count = PREFIX + padded + data_bytes;
    *bytes = text != NULL ? clade_allocate(context, *count, 1) : NULL;
    if (*bytes == NULL) {
        cJSON_free(text);
        return clade_fail_memory(context, *count, "a safetensors file");
    }
    memcpy(*bytes, &prefix, PREFIX);
    memcpy(*bytes + PREFIX, text, length);
    memset(*bytes + PREFIX + length, ' ', padded - length);
    char *at = *bytes + PREFIX + padded;
    for (size_t i = 0; i < weights->count; i++) {
        memcpy(at, weights->list[i].data, (size_t)weights->list[i].count * 4);
        at += (size_t)weights->list[i].count * 4;
    }
    cJSON_free(text);
    return CLADE_OK;
}

clade_status clade_weights_write(const clade_weights *weights, const char *path) {
    char *bytes = NULL;
    size_t count = 0;
    clade_status status = clade_safetensors_encode(weights, &bytes, &count);
    if (status == CLADE_OK) status = clade_file_write(weights->context, path, bytes, count);
    clade_free(weights->context, bytes);
    return status;
}
