/* Growing text. A failed growth is remembered (`failed`) and everything after it is dropped, so that a writer checks
 * once, at the end. */
#ifndef CLADE_BASE_TEXT_H
#define CLADE_BASE_TEXT_H

#include "base/context.h"

typedef struct clade_text {
    clade_context *context;
    char *data; /* NULL or zero-terminated */
    size_t length, capacity;
    bool failed;
} clade_text;

void clade_text_add(clade_text *text, const char *format, ...) CLADE_PRINTF(2, 3);
void clade_text_add_bytes(clade_text *text, const char *bytes, size_t count);
/* The text so far; "" when empty. Owned by TEXT. */
const char *clade_text_get(const clade_text *text);
void clade_text_free(clade_text *text);

#endif
