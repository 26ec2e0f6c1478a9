/* A test's own folder. */
#include "support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void scratch_make(scratch_folder *scratch) {
    strcpy(scratch->folder, "scratch-XXXXXX");
    assert_non_null(mkdtemp(scratch->folder));
}

static int remove_entry(const char *path, const struct stat *state, int kind, struct FTW *walk) {
    (void)state, (void)kind, (void)walk;
    return remove(path);
}

void scratch_remove(scratch_folder *scratch) {
    assert_int_equal(nftw(scratch->folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS), 0);
}

const char *scratch_path(scratch_folder *scratch, const char *name) {
    int length = snprintf(scratch->path, sizeof scratch->path, "%s/%s", scratch->folder, name);
    assert_true(length > 0 && (size_t)length < sizeof scratch->path);
    return scratch->path;
}

const char *scratch_write(scratch_folder *scratch, const char *name, const void *data, size_t bytes) {
    FILE *file = fopen(scratch_path(scratch, name), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, bytes, file), bytes);
    assert_int_equal(fclose(file), 0);
    return scratch->path;
}

size_t scratch_count(const scratch_folder *scratch) {
    DIR *folder = opendir(scratch->folder);
    assert_non_null(folder);
    size_t count = 0;
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) count++;
    }
    closedir(folder);
    return count;
}
