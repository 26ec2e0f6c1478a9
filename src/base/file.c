/* Files and folders by POSIX calls. Every descriptor is close-on-exec; reads and writes go on after a signal. */
#include "base/file.h"

#include "base/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { NAME_TRIES = 100, CHUNK_BYTES = 1 << 30 };

static clade_status system_fault(clade_context *context, int code, const char *path, const char *what) {
    char reason[256];
    if (strerror_r(code, reason, sizeof reason) != 0) snprintf(reason, sizeof reason, "error %d", code);
    clade_status status = code == ENOENT || code == ENOTDIR ? CLADE_ERROR_INPUT : CLADE_ERROR_SYSTEM;
    return clade_fail(context, status, "%s: cannot %s: %s", path, what, reason);
}

/* PATH formatted into new memory. */
static CLADE_PRINTF(2, 3) char *format_path(clade_context *context, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *path = length < 0 ? NULL : clade_allocate(context, (size_t)length + 1, 1);
    if (!path) return NULL;
    va_start(arguments, format);
    vsnprintf(path, (size_t)length + 1, format, arguments);
    va_end(arguments);
    return path;
}

/* Reads up to BYTES; *DONE says how many came before the end. */
static bool read_all(int file, char *data, size_t bytes, size_t *done) {
    *done = 0;
    while (*done < bytes) {
        size_t chunk = bytes - *done < CHUNK_BYTES ? bytes - *done : CHUNK_BYTES;
        ssize_t count = read(file, data + *done, chunk);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return false;
        if (count == 0) break;
        *done += (size_t)count;
    }
    return true;
}

static bool write_all(int file, const char *data, size_t bytes) {
    while (bytes > 0) {
        size_t chunk = bytes < CHUNK_BYTES ? bytes : CHUNK_BYTES;
        ssize_t count = write(file, data, chunk);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return false;
        data += count;
        bytes -= (size_t)count;
    }
    return true;
}

/* Opens a regular file, and tells its size. */
static clade_status open_regular(clade_context *context, const char *path, int *file, uintmax_t *size) {
    clade_status status = CLADE_OK;
    struct stat state;
    /* O_NONBLOCK: a named pipe must not hold the opening up; it means nothing to a regular file. */
    *file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (*file < 0) return system_fault(context, errno, path, "open");
    if (fstat(*file, &state) != 0)
        status = system_fault(context, errno, path, "read");
    else if (!S_ISREG(state.st_mode))
        status = clade_fail(context, CLADE_ERROR_INPUT, "%s: %s, not a regular file", path,
                            S_ISDIR(state.st_mode) ? "a folder" : "a device or pipe");
    else
        *size = (uintmax_t)state.st_size;
    if (status != CLADE_OK) close(*file);
    return status;
}

/* SIZE bytes, or what there is of them, from where FILE stands. */
static clade_status read_bytes(clade_context *context, const char *path, int file, size_t size, char **data,
                               size_t *bytes) {
    char *content = size < SIZE_MAX ? clade_reallocate(context, NULL, size + 1, 1) : NULL;
    if (!content) return clade_fail_memory(context, size, path);
    if (!read_all(file, content, size, bytes)) {
        clade_free(context, content);
        *bytes = 0;
        return system_fault(context, errno, path, "read");
    }
    content[*bytes] = 0;
    *data = content;
    return CLADE_OK;
}

clade_status clade_file_read(clade_context *context, const char *path, size_t limit, char **data, size_t *bytes) {
    int file;
    uintmax_t size;
    *data = NULL;
    *bytes = 0;
    clade_status status = open_regular(context, path, &file, &size);
    if (status != CLADE_OK) return status;
    if (size > limit)
        status = clade_fail(context, CLADE_ERROR_INPUT, "%s: %" PRIuMAX " bytes, more than the %zu allowed here", path,
                            size, limit);
    else
        status = read_bytes(context, path, file, (size_t)size, data, bytes);
    close(file);
    return status;
}

clade_status clade_file_read_part(clade_context *context, const char *path, uint64_t begin, size_t wanted, char **data,
                                  size_t *bytes) {
    int file;
    uintmax_t size;
    *data = NULL;
    *bytes = 0;
    clade_status status = open_regular(context, path, &file, &size);
    if (status != CLADE_OK) return status;
    if (begin > size || wanted > size - begin)
        status =
            clade_fail(context, CLADE_ERROR_INPUT, "%s: %zu bytes are wanted from byte %" PRIu64 " on, of %" PRIuMAX,
                       path, wanted, begin, size);
    else if (lseek(file, (off_t)begin, SEEK_SET) < 0)
        status = system_fault(context, errno, path, "read");
    else
        status = read_bytes(context, path, file, wanted, data, bytes);
    close(file);
    return status;
}

bool clade_file_exists(const char *path) {
    struct stat state;
    return stat(path, &state) == 0;
}

bool clade_file_is_folder(const char *path) {
    struct stat state;
    return stat(path, &state) == 0 && S_ISDIR(state.st_mode);
}

/* Opens a new file beside PATH. The name is unlikely to be taken; O_EXCL makes sure, also between threads. */
static int open_beside(clade_context *context, const char *path, char **name) {
    struct timespec now = { 0 };
    clock_gettime(CLOCK_REALTIME, &now);
    for (int attempt = 0; attempt < NAME_TRIES; attempt++) {
        *name = format_path(context, "%s.%ld-%09ld-%d.tmp", path, (long)getpid(), now.tv_nsec, attempt);
        if (!*name) {
            errno = ENOMEM;
            return -1;
        }
        int file = open(*name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (file >= 0) return file;
        int code = errno;
        clade_free(context, *name);
        *name = NULL;
        errno = code;
        if (code != EEXIST) return -1;
    }
    return -1;
}

/* Makes a rename in PATH's folder last through a power cut. Some file systems refuse to flush a folder; the file is in
 * place either way, so this cannot fail. */
static void flush_folder_of(clade_context *context, const char *path) {
    const char *slash = strrchr(path, '/');
    size_t length = slash == path ? 1 : slash ? (size_t)(slash - path) : 1;
    char *folder = format_path(context, "%.*s", (int)length, slash ? path : ".");
    int file = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (file >= 0) {
        fsync(file);
        close(file);
    }
    clade_free(context, folder);
}

clade_status clade_file_write(clade_context *context, const char *path, const void *data, size_t bytes) {
    char what[64];
    snprintf(what, sizeof what, "write %zu bytes", bytes);
    char *temporary = NULL;
    int file = open_beside(context, path, &temporary);
    if (file < 0) return system_fault(context, errno, path, what);
    int code = 0;
    if (!write_all(file, data, bytes) || fsync(file) != 0) code = errno;
    if (close(file) != 0 && code == 0) code = errno;
    if (code == 0 && rename(temporary, path) != 0) code = errno;
    clade_status status = CLADE_OK;
    if (code == 0) {
        flush_folder_of(context, path);
    } else {
        unlink(temporary);
        status = system_fault(context, code, path, what);
    }
    clade_free(context, temporary);
    return status;
}

static clade_status append(clade_context *context, const char *path, const void *data, size_t bytes, const char *what) {
    clade_status status = CLADE_OK;
    struct stat before;
    int file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    if (file < 0 || fstat(file, &before) != 0) {
        status = system_fault(context, errno, path, what);
    } else if (!write_all(file, data, bytes)) {
        int code = errno;
        /* Half of it would spoil what is appended next. */
        bool cut = ftruncate(file, before.st_size) == 0;
        char whole[64];
        snprintf(whole, sizeof whole, "%s%s", what, cut ? "" : " (part of it stays)");
        status = system_fault(context, code, path, whole);
    }
    if (file >= 0 && close(file) != 0 && status == CLADE_OK) status = system_fault(context, errno, path, what);
    return status;
}

clade_status clade_file_append(clade_context *context, const char *path, const void *data, size_t bytes) {
    char what[48];
    snprintf(what, sizeof what, "append %zu bytes", bytes);
    return append(context, path, data, bytes, what);
}

clade_status clade_file_append_line(clade_context *context, const char *path, const char *line) {
    clade_text text = { .context = context };
    clade_text_add_bytes(&text, line, strlen(line));
    clade_text_add_bytes(&text, "\n", 1);
    clade_status status = text.failed ? clade_fail_memory(context, strlen(line), path)
                                      : append(context, path, text.data, text.length, "append a line");
    clade_text_free(&text);
    return status;
}

clade_status clade_file_remove(clade_context *context, const char *path) {
    if (unlink(path) == 0 || errno == ENOENT) return CLADE_OK;
    return system_fault(context, errno, path, "remove");
}

clade_status clade_folder_make(clade_context *context, const char *path) {
    char *partial = clade_duplicate(context, path);
    if (!partial) return clade_fail_memory(context, strlen(path), path);
    clade_status status = CLADE_OK;
    for (char *end = partial; status == CLADE_OK && *end; end++) {
        bool last = end[1] == 0;
        if (!last && (end[1] != '/' || *end == '/')) continue;
        char kept = end[1];
        end[1] = 0;
        if (mkdir(partial, 0777) != 0 && !clade_file_is_folder(partial)) {
            status = system_fault(context, errno, partial, "make the folder");
        }
        end[1] = kept;
    }
    clade_free(context, partial);
    return status;
}

static int by_name(const void *left, const void *right) {
    return strcmp(((const clade_folder_entry *)left)->name, ((const clade_folder_entry *)right)->name);
}

/* Fills ENTRY for NAME in FOLDER. An entry that vanished meanwhile is skipped: its name stays NULL. */
static bool describe_entry(clade_context *context, DIR *folder, const char *name, clade_folder_entry *entry) {
    struct stat state;
    if (fstatat(dirfd(folder), name, &state, 0) != 0) return true;
    entry->bytes = (uint64_t)state.st_size;
    entry->modified_ns = (int64_t)state.st_mtim.tv_sec * 1000000000 + state.st_mtim.tv_nsec;
    entry->is_folder = S_ISDIR(state.st_mode);
    entry->name = clade_duplicate(context, name);
    return entry->name != NULL;
}

clade_status clade_folder_list(clade_context *context, const char *path, clade_folder_entry **entries, size_t *count) {
    *entries = NULL;
    *count = 0;
    DIR *folder = opendir(path);
    if (!folder) return system_fault(context, errno, path, "list the folder");
    clade_status status = CLADE_OK;
    clade_folder_entry *list = NULL;
    size_t used = 0, capacity = 0;
    const struct dirent *item;
    while ((errno = 0, item = readdir(folder)) != NULL) {
        if (strcmp(item->d_name, ".") == 0 || strcmp(item->d_name, "..") == 0) continue;
        if (used == capacity) {
            capacity = capacity ? 2 * capacity : 32;
            clade_folder_entry *larger = clade_reallocate(context, list, capacity, sizeof *list);
            if (!larger) {
                status = clade_fail_memory(context, capacity * sizeof *list, path);
                break;
            }
            list = larger;
        }
        list[used] = (clade_folder_entry){ 0 };
        if (!describe_entry(context, folder, item->d_name, &list[used])) {
            status = clade_fail_memory(context, strlen(item->d_name), path);
            break;
        }
        if (list[used].name) used++;
    }
    if (!item && errno != 0) status = system_fault(context, errno, path, "list the folder");
    closedir(folder);
    if (status != CLADE_OK) {
        clade_folder_free(context, list, used);
        return status;
    }
    if (used > 0) qsort(list, used, sizeof *list, by_name);
    *entries = list;
    *count = used;
    return CLADE_OK;
}

void clade_folder_free(clade_context *context, clade_folder_entry *entries, size_t count) {
    for (size_t i = 0; i < count; i++) {
        clade_free(context, entries[i].name);
    }
    clade_free(context, entries);
}

void clade_file_touch(const char *path) {
    utimensat(AT_FDCWD, path, NULL, 0);
}

char *clade_cache_folder(clade_context *context) {
    const char *cache = clade_environment("XDG_CACHE_HOME"), *home = clade_environment("HOME");
    if (cache && cache[0] == '/') return format_path(context, "%s/clade", cache);
    return home ? format_path(context, "%s/.cache/clade", home) : NULL;
}
