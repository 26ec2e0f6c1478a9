/* The IDX reader. Plain and gzip files are read through the same small stream, header first; the values' memory grows
 * as they come, so that a lying header costs nothing. */
#include "data/idx.h"

#include "base/file.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ZLIB_CONST
#include <zlib.h>

enum { TYPE_UNSIGNED_BYTE = 0x08, FIRST_GROWTH = 1 << 20, MAX_CHUNK = 1 << 30 };

/* The file's bytes, inflated where they are gzip. */
struct stream {
    clade_context *context;
    const char *name;
    const unsigned char *next;
    size_t left; /* not yet given to INFLATER, or not yet read */
    bool gzip, ended;
    z_stream inflater;
};

static void *allocate_for_zlib(void *context, uInt count, uInt size) {
    return clade_allocate(context, count, size);
}
static void free_for_zlib(void *context, void *pointer) {
    clade_free(context, pointer);
}

static clade_status stream_open(struct stream *stream) {
    stream->gzip = stream->left >= 2 && stream->next[0] == 0x1f && stream->next[1] == 0x8b;
    if (!stream->gzip) return CLADE_OK;
    stream->inflater = (z_stream){ .zalloc = allocate_for_zlib, .zfree = free_for_zlib, .opaque = stream->context };
    const int gzip_only = 16 + MAX_WBITS;
    if (inflateInit2(&stream->inflater, gzip_only) == Z_OK) return CLADE_OK;
    stream->gzip = false;
    return clade_fail_memory(stream->context, sizeof(z_stream), "inflating gzip");
}

static void stream_close(struct stream *stream) {
    if (stream->gzip) inflateEnd(&stream->inflater);
}

static void feed(struct stream *stream) {
    z_stream *inflater = &stream->inflater;
    if (inflater->avail_in > 0) return;
    inflater->next_in = stream->next;
    inflater->avail_in = stream->left < MAX_CHUNK ? (uInt)stream->left : MAX_CHUNK;
    stream->next += inflater->avail_in;
    stream->left -= inflater->avail_in;
}

static clade_status pull_gzip(struct stream *stream, unsigned char *out, size_t want, size_t *got) {
    z_stream *inflater = &stream->inflater;
    while (*got < want && !stream->ended) {
        feed(stream);
        size_t room = want - *got < MAX_CHUNK ? want - *got : MAX_CHUNK;
        inflater->next_out = out + *got;
        inflater->avail_out = (uInt)room;
        int code = inflate(inflater, Z_NO_FLUSH);
        *got += room - inflater->avail_out;
        if (code == Z_STREAM_END) {
            /* A gzip file may hold several members, one after the other. */
            stream->ended = inflater->avail_in == 0 && stream->left == 0;
            if (!stream->ended && inflateReset(inflater) == Z_OK) continue;
        } else if (code == Z_MEM_ERROR) {
            return clade_fail_memory(stream->context, want, "inflating gzip");
        } else if (code == Z_BUF_ERROR) {
            return clade_fail(stream->context, CLADE_ERROR_INPUT, "%s: the gzip data is cut off; fetch the file again",
                              stream->name);
        } else if (code != Z_OK) {
            return clade_fail(stream->context, CLADE_ERROR_INPUT, "%s: corrupt gzip data (%s); fetch the file again",
                              stream->name, inflater->msg ? inflater->msg : "not inflatable");
        }
    }
    return CLADE_OK;
}

/* Up to WANT bytes; *GOT is smaller only at the end of the data. */
static clade_status pull(struct stream *stream, unsigned char *out, size_t want, size_t *got) {
    *got = 0;
    if (stream->gzip) return pull_gzip(stream, out, want, got);
    *got = want < stream->left ? want : stream->left;
    if (*got > 0) memcpy(out, stream->next, *got);
    stream->next += *got;
    stream->left -= *got;
    return CLADE_OK;
}

static clade_status read_header(struct stream *stream, clade_idx *idx, size_t *values) {
    clade_context *context = stream->context;
    unsigned char magic[4] = { 0 }, sizes[4 * CLADE_IDX_MAX_RANK];
    size_t got = 0;
    clade_status status = pull(stream, magic, sizeof magic, &got);
    if (status != CLADE_OK) return status;
    if (got < sizeof magic) {
        return clade_fail(context, CLADE_ERROR_INPUT, "%s: not an IDX file: only %zu bytes", stream->name, got);
    }
    if (magic[0] != 0 || magic[1] != 0) {
        return clade_fail(context, CLADE_ERROR_INPUT, "%s: not an IDX file: it begins with %02x %02x %02x %02x",
                          stream->name, magic[0], magic[1], magic[2], magic[3]);
    }
    if (magic[2] != TYPE_UNSIGNED_BYTE) {
        return clade_fail(context, CLADE_ERROR_INPUT,
                          "%s: IDX values of type 0x%02x; only unsigned bytes (0x08) are read", stream->name, magic[2]);
    }
    if (magic[3] < 1 || magic[3] > CLADE_IDX_MAX_RANK) {
        return clade_fail(context, CLADE_ERROR_INPUT, "%s: an IDX file of rank %d; ranks 1 to %d are read",
                          stream->name, magic[3], CLADE_IDX_MAX_RANK);
    }
    idx->rank = magic[3];
    status = pull(stream, sizes, 4 * (size_t)idx->rank, &got);
    if (status != CLADE_OK) return status;
    if (got < 4 * (size_t)idx->rank) {
        return clade_fail(context, CLADE_ERROR_INPUT, "%s: truncated in its IDX header", stream->name);
    }
    *values = 1;
    for (int i = 0; i < idx->rank; i++) {
        const unsigned char *at = sizes + 4 * i;
        uint32_t size = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
        if (size == 0) {
            return clade_fail(context, CLADE_ERROR_INPUT, "%s: empty: size %d of its IDX header is 0", stream->name, i);
        }
        if (size > PTRDIFF_MAX / *values) {
            return clade_fail(context, CLADE_ERROR_INPUT,
                              "%s: the sizes in its IDX header multiply to more than memory", stream->name);
        }
        idx->sizes[i] = size;
        *values *= size;
    }
    return CLADE_OK;
}

static clade_status read_values(struct stream *stream, clade_idx *idx, size_t values) {
    size_t done = 0, capacity = 0;
    while (done < values) {
        size_t grown = capacity == 0 ? FIRST_GROWTH : 2 * capacity;
        capacity = grown < values ? grown : values;
        uint8_t *larger = clade_reallocate(stream->context, idx->values, capacity, 1);
        if (!larger) return clade_fail_memory(stream->context, capacity, stream->name);
        idx->values = larger;
        size_t got = 0;
        clade_status status = pull(stream, idx->values + done, capacity - done, &got);
        if (status != CLADE_OK) return status;
        done += got;
        if (done < capacity) {
            return clade_fail(stream->context, CLADE_ERROR_INPUT,
                              "%s: truncated: its IDX header declares %zu values, %zu are there", stream->name, values,
                              done);
        }
    }
    unsigned char beyond;
    size_t got = 0;
    clade_status status = pull(stream, &beyond, 1, &got);
    if (status == CLADE_OK && got > 0) {
        status = clade_fail(stream->context, CLADE_ERROR_INPUT,
                            "%s: oversized: data goes on after the %zu values that its IDX header declares",
                            stream->name, values);
    }
    return status;
}

clade_status clade_idx_decode(clade_context *context, const char *name, const void *bytes, size_t count,
                              clade_idx *idx) {
    *idx = (clade_idx){ 0 };
    struct stream stream = { .context = context, .name = name, .next = bytes, .left = count };
    size_t values = 0;
    clade_status status = stream_open(&stream);
    if (status == CLADE_OK) status = read_header(&stream, idx, &values);
    if (status == CLADE_OK) status = read_values(&stream, idx, values);
    stream_close(&stream);
    if (status != CLADE_OK) clade_idx_free(context, idx);
    return status;
}

clade_status clade_idx_read(clade_context *context, const char *path, clade_idx *idx) {
    *idx = (clade_idx){ 0 };
    char *data = NULL;
    size_t bytes = 0;
    clade_status status = clade_file_read(context, path, PTRDIFF_MAX, &data, &bytes);
    if (status == CLADE_OK) status = clade_idx_decode(context, path, data, bytes, idx);
    clade_free(context, data);
    return status;
}

void clade_idx_free(clade_context *context, clade_idx *idx) {
    clade_free(context, idx->values);
    *idx = (clade_idx){ 0 };
}
