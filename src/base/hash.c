/* SHA-256 by libmd, FNV-1a (Fowler, Noll, Vo) and CRC-32C by hand. */
#include "base/hash.h"

#include <string.h>

void clade_sha256_start(clade_sha256 *hash) {
    SHA256Init(&hash->state);
}

void clade_sha256_add(clade_sha256 *hash, const void *data, size_t bytes) {
    if (bytes > 0) SHA256Update(&hash->state, data, bytes);
}

void clade_sha256_add_text(clade_sha256 *hash, const char *text) {
    clade_sha256_add(hash, text, strlen(text) + 1);
}

void clade_sha256_finish(clade_sha256 *hash, uint8_t digest[32]) {
    SHA256Final(digest, &hash->state);
}

void clade_sha256_finish_hex(clade_sha256 *hash, char hex[65]) {
    static const char digits[] = "0123456789abcdef";
    uint8_t digest[32];
    clade_sha256_finish(hash, digest);
    for (size_t i = 0; i < sizeof digest; i++) {
        hex[2 * i] = digits[digest[i] >> 4];
        hex[2 * i + 1] = digits[digest[i] & 15];
    }
    hex[64] = 0;
}

uint64_t clade_hash_text(const char *text) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (; *text; text++) {
        hash ^= (unsigned char)*text;
        hash *= UINT64_C(0x100000001b3);
    }
    return hash;
}

uint32_t clade_crc32c(const void *data, size_t bytes) {
    const uint32_t reflected = UINT32_C(0x82f63b78);
    const uint8_t *at = data;
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < bytes; i++) {
        crc ^= at[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ reflected : crc >> 1;
    }
    return ~crc;
}
