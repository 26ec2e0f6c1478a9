/* A main() for a fuzz target without libFuzzer: runs the target on every file of the folder that is named, as the ordinary
 * tests do with tests/fuzz/seeds/WHAT. A fault is a crash, or a finding of the sanitizers. */
#include "base/file.h"
#include "base/text.h"

#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count);

static clade_status replay(clade_context *context, const char *folder, const clade_folder_entry *entry) {
    clade_text path = { .context = context };
    char *data;
    size_t bytes;
    clade_text_add(&path, "%s/%s", folder, entry->name);
    clade_status status = clade_file_read(context, clade_text_get(&path), 1 << 20, &data, &bytes);
    if (status == CLADE_OK) LLVMFuzzerTestOneInput((const uint8_t *)data, bytes);
    clade_free(context, data);
    clade_text_free(&path);
    return status;
}

int main(int argc, char **argv) {
    clade_context *context = clade_context_new(NULL);
    clade_folder_entry *entries = NULL;
    size_t count = 0;
    if (context == NULL || argc != 2) return 1;
    clade_status status = clade_folder_list(context, argv[1], &entries, &count);
    for (size_t i = 0; i < count && status == CLADE_OK; i++)
        status = replay(context, argv[1], &entries[i]);
    if (status == CLADE_OK && count == 0) status = clade_fail(context, CLADE_ERROR_INPUT, "%s: no file", argv[1]);
    if (status == CLADE_OK) {
        printf("%zu files\n", count);
    } else {
        fprintf(stderr, "%s\n", clade_error(context));
    }
    clade_folder_free(context, entries, count);
    clade_context_free(context);
    return status == CLADE_OK ? 0 : 1;
}
