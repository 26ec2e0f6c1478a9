/* The NPY reader and writer. The header is a Python dictionary of three known keys; what is read here is that subset of
 * Python and nothing else. The host is taken to be little-endian, as the values are copied as they stand. */
#include "formats/npy.h"

#include "base/file.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "NPY values are copied, not swapped");

enum { PREFIX_BYTES = 8, MAX_HEADER = 1 << 16, ALIGNMENT = 64 };
static const char MAGIC[] = "\x93NUMPY";

static const struct type {
    const char *descr, *name;
    size_t size;
} types[] = {
    [CLADE_NPY_F32] = { "<f4", "float32", 4 }, [CLADE_NPY_F64] = { "<f8", "float64", 8 },
    [CLADE_NPY_I32] = { "<i4", "int32", 4 },   [CLADE_NPY_I64] = { "<i8", "int64", 8 },
    [CLADE_NPY_U8] = { "|u1", "uint8", 1 },    [CLADE_NPY_F16] = { "<f2", "float16", 2 },
    [CLADE_NPY_I8] = { "|i1", "int8", 1 },     [CLADE_NPY_I16] = { "<i2", "int16", 2 },
    [CLADE_NPY_U16] = { "<u2", "uint16", 2 },  [CLADE_NPY_U32] = { "<u4", "uint32", 4 },
    [CLADE_NPY_U64] = { "<u8", "uint64", 8 },  [CLADE_NPY_BOOL] = { "|b1", "bool", 1 },
};
enum { TYPES = sizeof types / sizeof types[0] };

size_t clade_npy_type_size(clade_npy_type type) {
    return types[type].size;
}
const char *clade_npy_type_name(clade_npy_type type) {
    return types[type].name;
}

/* ---- the header's text ---- */

struct scanner {
    const char *at, *end;
};

static void skip_space(struct scanner *scanner) {
    while (scanner->at < scanner->end && (*scanner->at == ' ' || *scanner->at == '\n')) {
        scanner->at++;
    }
}

static bool accept(struct scanner *scanner, char wanted) {
    skip_space(scanner);
    if (scanner->at == scanner->end || *scanner->at != wanted) return false;
    scanner->at++;
    return true;
}

static bool accept_word(struct scanner *scanner, const char *word) {
    size_t length = strlen(word);
    skip_space(scanner);
    if ((size_t)(scanner->end - scanner->at) < length || memcmp(scanner->at, word, length) != 0) return false;
    scanner->at += length;
    return true;
}

/* A quoted word without escapes into TEXT. */
static bool read_quoted(struct scanner *scanner, char *text, size_t capacity) {
    skip_space(scanner);
    if (scanner->at == scanner->end || (*scanner->at != '\'' && *scanner->at != '"')) return false;
    char quote = *scanner->at++;
    size_t length = 0;
    while (scanner->at < scanner->end && *scanner->at != quote) {
        char letter = *scanner->at++;
        if (length + 1 >= capacity || letter < ' ' || letter > '~' || letter == '\\') return false;
        text[length++] = letter;
    }
    text[length] = 0;
    return accept(scanner, quote);
}

static bool read_size(struct scanner *scanner, int64_t *size) {
    skip_space(scanner);
    const char *start = scanner->at;
    *size = 0;
    while (scanner->at < scanner->end && *scanner->at >= '0' && *scanner->at <= '9') {
        int digit = *scanner->at++ - '0';
        if (*size > (INT64_MAX - digit) / 10) return false;
        *size = *size * 10 + digit;
    }
    return scanner->at > start;
}

/* "(2, 3)", "(5,)" or "()". */
static bool read_shape(struct scanner *scanner, clade_npy *array) {
    if (!accept(scanner, '(')) return false;
    array->rank = 0;
    while (!accept(scanner, ')')) {
        if (array->rank == CLADE_NPY_MAX_RANK || !read_size(scanner, &array->sizes[array->rank])) return false;
        array->rank++;
        if (!accept(scanner, ',')) return array->rank > 1 && accept(scanner, ')');
    }
    return true;
}

struct header {
    char descr[16];
    bool fortran_order;
    bool seen[3];
};

/* Reads one "key: value"; the key must be new. */
static bool read_entry(struct scanner *scanner, struct header *header, clade_npy *array) {
    static const char *const keys[] = { "descr", "fortran_order", "shape" };
    char key[16];
    if (!read_quoted(scanner, key, sizeof key) || !accept(scanner, ':')) return false;
    size_t which = 0;
    while (which < 3 && strcmp(key, keys[which]) != 0) {
        which++;
    }
    if (which == 3 || header->seen[which]) return false;
    header->seen[which] = true;
    if (which == 0) return read_quoted(scanner, header->descr, sizeof header->descr);
    if (which == 2) return read_shape(scanner, array);
    header->fortran_order = accept_word(scanner, "True");
    return header->fortran_order || accept_word(scanner, "False");
}

static bool read_dictionary(const char *text, size_t length, struct header *header, clade_npy *array) {
    struct scanner scanner = { text, text + length };
    if (!accept(&scanner, '{')) return false;
    while (!accept(&scanner, '}')) {
        if (!read_entry(&scanner, header, array)) return false;
        if (!accept(&scanner, ',') && !accept(&scanner, '}')) return false;
        if (scanner.at[-1] == '}') break;
    }
    skip_space(&scanner);
    return scanner.at == scanner.end && header->seen[0] && header->seen[1] && header->seen[2];
}

/* ---- reading ---- */

static bool multiply_sizes(clade_npy *array) {
    array->count = 1;
    for (int i = 0; i < array->rank; i++) {
        int64_t size = array->sizes[i];
        if (size > 0 && array->count > PTRDIFF_MAX / 8 / size) return false;
        array->count *= size;
    }
    return true;
}

static clade_status read_type(clade_context *context, const char *name, const struct header *header, clade_npy *array) {
    for (size_t i = 0; i < TYPES; i++) {
        if (strcmp(header->descr, types[i].descr) != 0) continue;
        array->type = (clade_npy_type)i;
        return CLADE_OK;
    }
    return clade_fail(context, CLADE_ERROR_UNSUPPORTED,
                      "%s: NPY type '%s'; read are little-endian numbers of 8 to 64 bits, and bool", name,
                      header->descr);
}

/* Finds the dictionary after the prefix: *START and *LENGTH. */
static clade_status find_header(clade_context *context, const char *name, const unsigned char *bytes, size_t count,
                                size_t *start, size_t *length) {
    if (count < PREFIX_BYTES + 2 || memcmp(bytes, MAGIC, sizeof MAGIC - 1) != 0) {
        return clade_fail(context, CLADE_ERROR_INPUT, "%s: not an NPY file", name);
    }
    if (bytes[6] < 1 || bytes[6] > 3) {
        return clade_fail(context, CLADE_ERROR_UNSUPPORTED, "%s: NPY version %d.%d; 1 to 3 are read", name, bytes[6],
                          bytes[7]);
    }
    size_t width = bytes[6] == 1 ? 2 : 4;
    *start = PREFIX_BYTES + width;
    *length = 0;
    for (size_t i = 0; i < width && PREFIX_BYTES + i < count; i++) {
        *length |= (size_t)bytes[PREFIX_BYTES + i] << (8 * i);
    }
    if (*start > count || *length > count - *start) {
        return clade_fail(context, CLADE_ERROR_INPUT, "%s: truncated in its NPY header", name);
    }
    if (*length > MAX_HEADER) {
        return clade_fail(context, CLADE_ERROR_INPUT, "%s: an NPY header of %zu bytes; at most %d are read", name,
                          *length, MAX_HEADER);
    }
    return CLADE_OK;
}

clade_status clade_npy_decode(clade_context *context, const char *name, const void *bytes, size_t count,
                              clade_npy *array) {
    *array = (clade_npy){ 0 };
    const char *text = bytes;
    size_t start = 0, length = 0;
    clade_status status = find_header(context, name, bytes, count, &start, &length);
    if (status != CLADE_OK) return status;
    struct header header = { 0 };
    if (!read_dictionary(text + start, length, &header, array)) {
        return clade_fail(context, CLADE_ERROR_INPUT,
                          "%s: malformed NPY header: descr, fortran_order and a shape of rank up to %d are expected",
                          name, CLADE_NPY_MAX_RANK);
    }
    status = read_type(context, name, &header, array);
    if (status != CLADE_OK) return status;
    if (header.fortran_order && array->rank > 1) {
        return clade_fail(context, CLADE_ERROR_UNSUPPORTED,
                          "%s: in Fortran order; save it in C order (numpy.ascontiguousarray)", name);
    }
    if (!multiply_sizes(array)) {
        return clade_fail(context, CLADE_ERROR_INPUT, "%s: the shape in its NPY header multiplies to more than memory",
                          name);
    }
    size_t declared = (size_t)array->count * types[array->type].size, there = count - start - length;
    if (declared != there) {
        return clade_fail(context, CLADE_ERROR_INPUT,
                          "%s: %s: its NPY header declares %zu bytes of values, %zu are there", name,
                          there < declared ? "truncated" : "oversized", declared, there);
    }
    array->values = clade_allocate(context, (size_t)array->count, types[array->type].size);
    if (!array->values) return clade_fail_memory(context, declared, name);
    if (declared > 0) memcpy(array->values, text + start + length, declared);
    return CLADE_OK;
}

clade_status clade_npy_read(clade_context *context, const char *path, clade_npy *array) {
    *array = (clade_npy){ 0 };
    char *data = NULL;
    size_t bytes = 0;
    clade_status status = clade_file_read(context, path, PTRDIFF_MAX, &data, &bytes);
    if (status == CLADE_OK) status = clade_npy_decode(context, path, data, bytes, array);
    clade_free(context, data);
    return status;
}

void clade_npy_free(clade_context *context, clade_npy *array) {
    clade_free(context, array->values);
    *array = (clade_npy){ 0 };
}

/* ---- writing ---- */

clade_status clade_npy_write(clade_context *context, const char *path, const clade_npy *array) {
    clade_npy copy = *array;
    clade_text shape = { .context = context }, file = { .context = context };
    clade_status status = CLADE_OK;
    if (copy.rank < 0 || copy.rank > CLADE_NPY_MAX_RANK || !multiply_sizes(&copy)) {
        return clade_fail(context, CLADE_ERROR_ARGUMENT, "%s: an array of rank %d cannot be written as NPY", path,
                          copy.rank);
    }
    for (int i = 0; i < copy.rank; i++) {
        clade_text_add(&shape, "%s%" PRId64 "%s", i == 0 ? "" : " ", copy.sizes[i],
                       i + 1 < copy.rank || i == 0 ? "," : "");
    }
    clade_text header = { .context = context };
    clade_text_add(&header, "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", types[copy.type].descr,
                   clade_text_get(&shape));
    /* Spaces and a newline bring the values to an aligned offset. */
    size_t length = header.length + 1, start = PREFIX_BYTES + 2;
    length += (ALIGNMENT - (start + length) % ALIGNMENT) % ALIGNMENT;
    const char prefix[] = { 1, 0, (char)(length & 255), (char)(length >> 8) };
    clade_text_add_bytes(&file, MAGIC, sizeof MAGIC - 1);
    clade_text_add_bytes(&file, prefix, sizeof prefix);
    clade_text_add(&file, "%-*s\n", (int)length - 1, clade_text_get(&header));
    size_t bytes = (size_t)copy.count * types[copy.type].size;
    clade_text_add_bytes(&file, copy.values, bytes);
    if (shape.failed || header.failed || file.failed) {
        status = clade_fail_memory(context, bytes, path);
    } else {
        status = clade_file_write(context, path, file.data, file.length);
    }
    clade_text_free(&shape);
    clade_text_free(&header);
    clade_text_free(&file);
    return status;
}
