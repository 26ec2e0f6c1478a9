/* Files and folders. Whole files are read with a bound; whole files are written beside their place, flushed to the
 * disk and renamed, so that a reader sees the old or the new one and never a part. */
#ifndef CLADE_BASE_FILE_H
#define CLADE_BASE_FILE_H

#include "base/context.h"

/* A regular file's bytes, with a zero after the last; the caller frees *DATA with clade_free().
 * A file longer than LIMIT bytes is CLADE_ERROR_INPUT. */
clade_status clade_file_read(clade_context *context, const char *path, size_t limit, char **data, size_t *bytes);
/* WANTED bytes from byte BEGIN on; CLADE_ERROR_INPUT when the file has fewer. */
clade_status clade_file_read_part(clade_context *context, const char *path, uint64_t begin, size_t wanted, char **data,
                                  size_t *bytes);
bool clade_file_exists(const char *path);
bool clade_file_is_folder(const char *path);
clade_status clade_file_write(clade_context *context, const char *path, const void *data, size_t bytes);
/* Appends all of BYTES, or leaves the file as it was; makes it if absent. */
clade_status clade_file_append(clade_context *context, const char *path, const void *data, size_t bytes);
/* The same with one line (a newline is added). */
clade_status clade_file_append_line(clade_context *context, const char *path, const char *line);
clade_status clade_file_remove(clade_context *context, const char *path); /* absent is fine */
/* Makes a folder and its parents. */
clade_status clade_folder_make(clade_context *context, const char *path);

typedef struct clade_folder_entry {
    char *name;
    uint64_t bytes;
    int64_t modified_ns; /* since 1970 */
    bool is_folder;
} clade_folder_entry;

/* The entries of a folder, sorted by name, without "." and ".."; free with clade_folder_free(). */
clade_status clade_folder_list(clade_context *context, const char *path, clade_folder_entry **entries, size_t *count);
void clade_folder_free(clade_context *context, clade_folder_entry *entries, size_t count);

/* Sets a file's modification time to now: the program cache's record of use. Failure does not matter. */
void clade_file_touch(const char *path);

/* The folder of Clade's caches: $XDG_CACHE_HOME/clade, or $HOME/.cache/clade. The caller frees; NULL when neither
 * variable is set. Does not make it. */
char *clade_cache_folder(clade_context *context);

#endif
