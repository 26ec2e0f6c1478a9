/* The disk cache of program binaries: one file per program, named after its key.
 *
 *     offset  bytes
 *          0      8   magic "CLADEPRG"
 *          8      4   version of this layout, little-endian
 *         12     32   the key: SHA-256 of all that decides the binary
 *         44      8   length of the binary, little-endian
 *         52      4   CRC-32 of the binary, little-endian
 *         56          the binary
 *
 * Any number of processes may use one folder: a file appears whole, by rename, and two that write one key write the same
 * thing. A file that is not exactly as above is no entry: the sum is for cut and damaged files, and quick, since every
 * start of a process checks every program that it loads. The folder is kept under a limit by removing the files used
 * longest ago; a file's modification time is when it was last used. */
#include "device/state.h"

#include "base/file.h"
#include "base/hash.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { VERSION = 2, HEADER = 56, AT_VERSION = 8, AT_KEY = 12, AT_LENGTH = 44, AT_SUM = 52 };
static const char magic[8] = { 'C', 'L', 'A', 'D', 'E', 'P', 'R', 'G' };
static const size_t largest_entry = (size_t)64 << 20;
static const uint64_t default_limit = (uint64_t)256 << 20;

clade_program_key clade_program_key_of(const char *identity, const char *source, const char *options) {
    clade_program_key key;
    clade_sha256 hash;
    clade_sha256_start(&hash);
    clade_sha256_add_text(&hash, identity);
    clade_sha256_add_text(&hash, options);
    clade_sha256_add_text(&hash, source);
    clade_sha256_finish(&hash, key.digest);
    return key;
}

char *clade_program_cache_folder(clade_context *context) {
    const char *choice = clade_environment("CLADE_PROGRAM_CACHE");
    if (choice != NULL && strcmp(choice, "none") == 0) return NULL;
    char *root = clade_cache_folder(context);
    if (root == NULL) return NULL;
    clade_text path = { .context = context };
    clade_text_add(&path, "%s/programs", root);
    clade_free(context, root);
    char *folder = path.failed ? NULL : clade_duplicate(context, clade_text_get(&path));
    clade_text_free(&path);
    return folder;
}

/* FOLDER/<key in hexadecimal>.bin; empty when memory is short. */
static clade_text path_of(clade_context *context, const char *folder, const clade_program_key *key) {
    clade_text path = { .context = context };
    clade_text_add(&path, "%s/", folder);
    for (size_t i = 0; i < sizeof key->digest; i++)
        clade_text_add(&path, "%02x", key->digest[i]);
    clade_text_add(&path, ".bin");
    return path;
}

static void put_number(unsigned char *at, uint64_t value, int bytes) {
    for (int i = 0; i < bytes; i++)
        at[i] = (unsigned char)(value >> (8 * i));
}

static void fill_header(unsigned char header[HEADER], const clade_program_key *key, const unsigned char *binary,
                        size_t bytes) {
    memcpy(header, magic, sizeof magic);
    put_number(header + AT_VERSION, VERSION, 4);
    memcpy(header + AT_KEY, key->digest, sizeof key->digest);
    put_number(header + AT_LENGTH, bytes, 8);
    put_number(header + AT_SUM, crc32_z(0, binary, bytes), 4);
}

bool clade_program_cache_load(clade_context *context, const char *folder, const clade_program_key *key,
                              unsigned char **binary, size_t *bytes, bool *damaged) {
    clade_text path = path_of(context, folder, key);
    char *data = NULL;
    size_t length = 0;
    unsigned char expected[HEADER];
    bool good = false;
    *damaged = false;
    if (!path.failed && clade_file_exists(clade_text_get(&path))) {
        *damaged = true;
        if (clade_file_read(context, clade_text_get(&path), largest_entry, &data, &length) == CLADE_OK &&
            length > HEADER) {
            fill_header(expected, key, (unsigned char *)data + HEADER, length - HEADER);
            good = memcmp(data, expected, HEADER) == 0;
        }
    }
    if (good) {
        *damaged = false;
        *bytes = length - HEADER;
        memmove(data, data + HEADER, *bytes);
        *binary = (unsigned char *)data;
        clade_file_touch(clade_text_get(&path));
    } else {
        clade_free(context, data);
    }
    clade_text_free(&path);
    return good;
}

static int by_age(const void *left, const void *right) {
    const clade_folder_entry *a = left, *b = right;
    return (a->modified_ns > b->modified_ns) - (a->modified_ns < b->modified_ns);
}

static void keep_under_limit(clade_context *context, const char *folder) {
    const char *given = clade_environment("CLADE_CACHE_LIMIT");
    uint64_t limit = given != NULL ? strtoull(given, NULL, 10) : default_limit, total = 0;
    clade_folder_entry *entries = NULL;
    size_t count = 0;
    if (clade_folder_list(context, folder, &entries, &count) != CLADE_OK) return;
    for (size_t i = 0; i < count; i++)
        total += entries[i].bytes;
    if (total > limit) qsort(entries, count, sizeof *entries, by_age);
    for (size_t i = 0; i < count && total > limit; i++) {
        clade_text path = { .context = context };
        clade_text_add(&path, "%s/%s", folder, entries[i].name);
        if (!path.failed && !entries[i].is_folder) clade_file_remove(context, clade_text_get(&path));
        total -= entries[i].bytes;
        clade_text_free(&path);
    }
    clade_folder_free(context, entries, count);
}

void clade_program_cache_store(clade_context *context, const char *folder, const clade_program_key *key,
                               const unsigned char *binary, size_t bytes) {
    if (bytes == 0 || bytes > largest_entry - HEADER) return;
    unsigned char *entry = clade_reallocate(context, NULL, HEADER + bytes, 1);
    if (entry == NULL) return;
    fill_header(entry, key, binary, bytes);
    memcpy(entry + HEADER, binary, bytes);
    clade_text path = path_of(context, folder, key);
    clade_status status = path.failed ? CLADE_ERROR_MEMORY : clade_folder_make(context, folder);
    if (status == CLADE_OK) status = clade_file_write(context, clade_text_get(&path), entry, HEADER + bytes);
    if (status != CLADE_OK)
        clade_log(context, CLADE_LOG_DEBUG, "a program was not kept on disk: %s", clade_error(context));
    else
        keep_under_limit(context, folder);
    clade_text_free(&path);
    clade_free(context, entry);
}
