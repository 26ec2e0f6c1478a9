/* The text of a kernel file with its `#include "..."` lines resolved.
 *
 * Drivers differ in how they look for includes, and the disk cache must see every line that decides a binary; so
 * includes are resolved here, as text, wherever a line has one (also inside a comment or an #if). `#line` marks keep
 * the driver's messages speaking of the file and line as written. */
#include "device/state.h"

#include "base/file.h"
#include "base/text.h"
#include "device/embedded.h"

#include <string.h>

enum { DEEPEST = 16, LONGEST_NAME = 128, LARGEST_FILE = 4 << 20 };

/* The files being read, from the innermost out. */
typedef struct chain {
    const char *file;
    const struct chain *above;
    int depth;
} chain;

static clade_status missing(clade_context *context, const char *file, const chain *above) {
    return clade_fail(context, CLADE_ERROR_ARGUMENT, "no kernel file \"%s\"%s%s", file,
                      above != NULL ? ", included by " : "", above != NULL ? above->file : "");
}

/* The text of FILE. *OWNED is what the caller frees, or NULL when the text is embedded. */
static clade_status read_text(clade_context *context, const char *file, const chain *above, const char **text,
                              char **owned) {
    const char *folder = clade_environment("CLADE_KERNELS");
    *owned = NULL;
    if (folder == NULL) {
        for (const clade_embedded_kernel *kernel = clade_embedded_kernels; kernel->name != NULL; kernel++) {
            *text = kernel->text;
            if (strcmp(kernel->name, file) == 0) return CLADE_OK;
        }
        return missing(context, file, above);
    }
    if (strchr(file, '/') != NULL || strcmp(file, "..") == 0) return missing(context, file, above);
    clade_text path = { .context = context };
    clade_text_add(&path, "%s/%s", folder, file);
    size_t bytes = 0;
    clade_status status = path.failed ? clade_fail_memory(context, path.length, "a path")
                                      : clade_file_read(context, clade_text_get(&path), LARGEST_FILE, owned, &bytes);
    clade_text_free(&path);
    *text = *owned;
    return status;
}

/* Whether the line at TEXT reads `#include "name"`. */
static bool is_include(const char *text, char name[LONGEST_NAME]) {
    text += strspn(text, " \t");
    if (*text++ != '#') return false;
    text += strspn(text, " \t");
    if (strncmp(text, "include", 7) != 0) return false;
    text += 7;
    text += strspn(text, " \t");
    if (*text++ != '"') return false;
    size_t length = strcspn(text, "\"\n");
    if (text[length] != '"' || length == 0 || length >= LONGEST_NAME) return false;
    memcpy(name, text, length);
    name[length] = '\0';
    return true;
}

static clade_status check_chain(clade_context *context, const char *file, const chain *above) {
    if (above != NULL && above->depth >= DEEPEST)
        return clade_fail(context, CLADE_ERROR_ARGUMENT, "kernel file %s: includes are nested deeper than %d", file,
                          DEEPEST);
    for (const chain *link = above; link != NULL; link = link->above)
        if (strcmp(link->file, file) == 0)
            return clade_fail(context, CLADE_ERROR_ARGUMENT, "kernel file %s includes itself, through %s", file,
                              above->file);
    return CLADE_OK;
}

static clade_status add_file(clade_context *context, const char *file, const chain *above, clade_text *out) {
    const char *text = NULL;
    char *owned = NULL;
    clade_status status = check_chain(context, file, above);
    if (status == CLADE_OK) status = read_text(context, file, above, &text, &owned);
    if (status != CLADE_OK) return status;
    const chain here = { .file = file, .above = above, .depth = above != NULL ? above->depth + 1 : 1 };
    clade_text_add(out, "#line 1 \"%s\"\n", file);
    for (int line = 1; *text != '\0' && status == CLADE_OK; line++) {
        char name[LONGEST_NAME];
        size_t length = strcspn(text, "\n");
        if (is_include(text, name)) {
            status = add_file(context, name, &here, out);
            clade_text_add(out, "#line %d \"%s\"\n", line + 1, file);
        } else {
            clade_text_add_bytes(out, text, length);
            clade_text_add_bytes(out, "\n", 1);
        }
        text += length;
        if (*text == '\n') text++;
    }
    clade_free(context, owned);
    return status;
}

clade_status clade_kernel_source(clade_context *context, const char *file, char **source) {
    clade_text text = { .context = context };
    *source = NULL;
    clade_status status = add_file(context, file, NULL, &text);
    if (status == CLADE_OK && text.failed) status = clade_fail_memory(context, text.length, "a kernel's source");
    if (status == CLADE_OK) *source = clade_duplicate(context, clade_text_get(&text));
    if (status == CLADE_OK && *source == NULL) status = clade_fail_memory(context, text.length, "a kernel's source");
    clade_text_free(&text);
    return status;
}
