/* The PGM reader and writer. Nothing is allocated before the sizes have been checked against the bytes there: a pixel
 * takes at least one. */
#include "formats/pgm.h"

#include "base/file.h"
#include "base/text.h"

#include <inttypes.h>
#include <string.h>

enum { MAX_LEVEL = 255 };

struct scanner {
    const unsigned char *at, *end;
};

static bool is_space(unsigned char letter) {
    return letter == ' ' || (letter >= '\t' && letter <= '\r');
}

/* White space and comments, which run from '#' to the end of the line. */
static void skip_space(struct scanner *scanner) {
    bool comment = false;
    for (; scanner->at < scanner->end; scanner->at++) {
        unsigned char letter = *scanner->at;
        if (letter == '#') comment = true;
        if (letter == '\n' || letter == '\r') comment = false;
        if (!comment && !is_space(letter)) return;
    }
}

/* A number up to LARGEST; a larger one reads as LARGEST + 1. */
static bool read_number(struct scanner *scanner, int64_t largest, int64_t *number) {
    skip_space(scanner);
    const unsigned char *start = scanner->at;
    *number = 0;
    for (; scanner->at < scanner->end && *scanner->at >= '0' && *scanner->at <= '9'; scanner->at++) {
        if (*number <= largest) *number = *number * 10 + (*scanner->at - '0');
    }
    if (*number > largest) *number = largest + 1;
    return scanner->at > start;
}

static clade_status read_header(clade_context *context, const char *name, struct scanner *scanner, clade_pgm *picture,
                                int64_t *level) {
    if (!read_number(scanner, INT32_MAX, &picture->width) || !read_number(scanner, INT32_MAX, &picture->height) ||
        !read_number(scanner, INT32_MAX, level)) {
        return clade_fail(context, CLADE_ERROR_INPUT,
                          "%s: malformed PGM header: width, height and largest level expected", name);
    }
    if (picture->width < 1 || picture->height < 1 || picture->width > INT32_MAX || picture->height > INT32_MAX) {
        return clade_fail(context, CLADE_ERROR_INPUT, "%s: the width or height in its PGM header is out of range",
                          name);
    }
    if (*level < 1 || *level > MAX_LEVEL) {
        return clade_fail(context, *level < 1 ? CLADE_ERROR_INPUT : CLADE_ERROR_UNSUPPORTED,
                          "%s: a PGM of largest level %" PRId64 "; 1 to %d are read", name, *level, MAX_LEVEL);
    }
    return CLADE_OK;
}

/* P2 has a number a pixel, P5 a byte; both are numbers up to LEVEL. */
static clade_status read_pixels(clade_context *context, const char *name, struct scanner *scanner, bool text,
                                int64_t level, clade_pgm *picture) {
    int64_t count = picture->width * picture->height;
    for (int64_t i = 0; i < count; i++) {
        int64_t value = 0;
        bool there = text ? read_number(scanner, level, &value) : scanner->at < scanner->end;
        if (there && !text) value = *scanner->at++;
        if (!there) {
            skip_space(scanner);
            return clade_fail(context, CLADE_ERROR_INPUT, "%s: %s after %" PRId64 " of %" PRId64 " pixels", name,
                              scanner->at == scanner->end ? "truncated" : "not a number", i, count);
        }
        if (value > level) {
            return clade_fail(context, CLADE_ERROR_INPUT, "%s: pixel %" PRId64 " is above the largest level %" PRId64,
                              name, i, level);
        }
        picture->values[i] = (float)value / (float)level;
    }
    if (text) skip_space(scanner);
    if (scanner->at == scanner->end) return CLADE_OK;
    return clade_fail(context, CLADE_ERROR_INPUT, "%s: oversized: data goes on after the %" PRId64 " pixels", name,
                      count);
}

clade_status clade_pgm_decode(clade_context *context, const char *name, const void *bytes, size_t count,
                              clade_pgm *picture) {
    *picture = (clade_pgm){ 0 };
    const unsigned char *start = bytes;
    if (count < 3 || start[0] != 'P' || (start[1] != '2' && start[1] != '5') ||
        !(is_space(start[2]) || start[2] == '#')) {
        return clade_fail(context, CLADE_ERROR_INPUT, "%s: not a PGM file (P2 or P5)", name);
    }
    bool text = start[1] == '2';
    struct scanner scanner = { start + 2, start + count };
    int64_t level = 0;
    clade_status status = read_header(context, name, &scanner, picture, &level);
    if (status != CLADE_OK) return status;
    /* One white space ends the header; in P5 the next byte is a pixel, whatever it is. */
    if (scanner.at < scanner.end && is_space(*scanner.at)) scanner.at++;
    size_t left = (size_t)(scanner.end - scanner.at), pixels = (size_t)picture->width * (size_t)picture->height;
    if (pixels > left) {
        return clade_fail(context, CLADE_ERROR_INPUT,
                          "%s: truncated: %" PRId64 "x%" PRId64 " pixels do not fit in %zu bytes", name,
                          picture->height, picture->width, left);
    }
    picture->values = clade_allocate(context, pixels, sizeof(float));
    if (!picture->values) return clade_fail_memory(context, pixels * sizeof(float), name);
    status = read_pixels(context, name, &scanner, text, level, picture);
    if (status != CLADE_OK) clade_pgm_free(context, picture);
    return status;
}

clade_status clade_pgm_read(clade_context *context, const char *path, clade_pgm *picture) {
    *picture = (clade_pgm){ 0 };
    char *data = NULL;
    size_t bytes = 0;
    clade_status status = clade_file_read(context, path, PTRDIFF_MAX, &data, &bytes);
    if (status == CLADE_OK) status = clade_pgm_decode(context, path, data, bytes, picture);
    clade_free(context, data);
    return status;
}

void clade_pgm_free(clade_context *context, clade_pgm *picture) {
    clade_free(context, picture->values);
    *picture = (clade_pgm){ 0 };
}

clade_status clade_pgm_write(clade_context *context, const char *path, const clade_pgm *picture) {
    clade_text file = { .context = context };
    clade_text_add(&file, "P5\n%" PRId64 " %" PRId64 "\n%d\n", picture->width, picture->height, MAX_LEVEL);
    for (int64_t i = 0; i < picture->width * picture->height; i++) {
        float value = picture->values[i];
        value = value > 0.0f ? (value < 1.0f ? value : 1.0f) : 0.0f;
        char level = (char)(unsigned char)(value * MAX_LEVEL + 0.5f);
        clade_text_add_bytes(&file, &level, 1);
    }
    clade_status status = file.failed ? clade_fail_memory(context, file.length, path)
                                      : clade_file_write(context, path, file.data, file.length);
    clade_text_free(&file);
    return status;
}
