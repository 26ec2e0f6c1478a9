/* Hashes: SHA-256 (FIPS 180-4, through libmd) for cache keys and weights, FNV-1a for names, CRC-32C for
 * records of files. */
#ifndef CLADE_BASE_HASH_H
#define CLADE_BASE_HASH_H

#include <sha256.h>
#include <stddef.h>
#include <stdint.h>

typedef struct clade_sha256 {
    SHA2_CTX state;
} clade_sha256;

void clade_sha256_start(clade_sha256 *hash);
void clade_sha256_add(clade_sha256 *hash, const void *data, size_t bytes);
/* Adds the text with its terminating zero, so that neighbouring fields cannot run together. */
void clade_sha256_add_text(clade_sha256 *hash, const char *text);
void clade_sha256_finish(clade_sha256 *hash, uint8_t digest[32]);
/* Finishes into 64 lower-case hexadecimal digits and a zero. */
void clade_sha256_finish_hex(clade_sha256 *hash, char hex[65]);

/* FNV-1a, 64 bit, of a zero-terminated text. */
uint64_t clade_hash_text(const char *text);

/* CRC-32C (Castagnoli's polynomial 0x1edc6f41, reflected; RFC 3720, appendix B.4). */
uint32_t clade_crc32c(const void *data, size_t bytes);

#endif
