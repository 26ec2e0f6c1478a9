/* Growing text: the buffer doubles; the zero at the end is kept at every step. */
#include "base/text.h"

#include <stdio.h>
#include <string.h>

/* Room for COUNT more bytes and the zero. */
static bool reserve(clade_text *text, size_t count) {
    if (text->failed) return false;
    if (count >= SIZE_MAX / 2 - text->length) {
        text->failed = true;
        return false;
    }
    size_t needed = text->length + count + 1;
    if (needed <= text->capacity) return true;
    size_t capacity = text->capacity ? text->capacity : 64;
    while (capacity < needed) {
        capacity *= 2;
    }
    char *data = clade_reallocate(text->context, text->data, capacity, 1);
    if (!data) {
        text->failed = true;
        return false;
    }
    text->data = data;
    text->capacity = capacity;
    return true;
}

void clade_text_add(clade_text *text, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0) text->failed = true;
    if (length < 0 || !reserve(text, (size_t)length)) return;
    va_start(arguments, format);
    vsnprintf(text->data + text->length, (size_t)length + 1, format, arguments);
    va_end(arguments);
    text->length += (size_t)length;
}

void clade_text_add_bytes(clade_text *text, const char *bytes, size_t count) {
    if (!reserve(text, count)) return;
    if (count > 0) memcpy(text->data + text->length, bytes, count);
    text->length += count;
    text->data[text->length] = 0;
}

const char *clade_text_get(const clade_text *text) {
    return text->data ? text->data : "";
}

void clade_text_free(clade_text *text) {
    clade_free(text->context, text->data);
    *text = (clade_text){ .context = text->context };
}
