/* The checkpoint's format: one writer that runs twice (to count, then to fill), one reader that checks every step. */
#include "train/checkpoint.h"

#include "base/context.h"
#include "base/file.h"
#include "base/hash.h"

#include <math.h>
#include <string.h>

static const char magic[8] = { 'C', 'L', 'A', 'D', 'E', 'C', 'K', 'P' };
enum { VERSION = 3, OLDEST_VERSION = 1, SUM_BYTES = 32 };

/* ---- the run state as a table of numbers ---- */

typedef struct run_field {
    size_t offset;
    bool is_real;
    int since; /* the format that brought it */
} run_field;

#define REAL(FIELD)                                                                                                    \
    { offsetof(clade_run_state, FIELD), true, 1 }
#define COUNT(FIELD)                                                                                                   \
    { offsetof(clade_run_state, FIELD), false, 1 }
#define NEW_REAL(FIELD)                                                                                                \
    { offsetof(clade_run_state, FIELD), true, 2 }
#define NEW_COUNT(FIELD)                                                                                               \
    { offsetof(clade_run_state, FIELD), false, 2 }
#define PART(DEVICE)                                                                                                   \
    { offsetof(clade_run_state, parts[DEVICE]), false, 3 }
static const run_field run_fields[] = {
    COUNT(step),
    COUNT(steps),
    REAL(report.loss),
    REAL(report.correct),
    COUNT(report.count),
    REAL(epoch.loss),
    REAL(epoch.correct),
    COUNT(epoch.count),
    REAL(train_loss),
    REAL(reported_loss),
    REAL(reported_accuracy),
    REAL(held_out_loss),
    REAL(held_out_accuracy),
    REAL(plateau_best),
    REAL(plateau_scale),
    COUNT(plateau_waited),
    NEW_REAL(held_out_top5),
    NEW_REAL(report_parts[0]),
    NEW_REAL(report_parts[1]),
    NEW_REAL(report_parts[2]),
    NEW_REAL(report_parts[3]),
    NEW_REAL(report_parts[4]),
    NEW_REAL(report_parts[5]),
    NEW_REAL(report_parts[6]),
    NEW_REAL(report_parts[7]),
    NEW_REAL(least_held_out),
    NEW_COUNT(stop_waited),
    NEW_COUNT(stopped),
    PART(0),
    PART(1),
    PART(2),
    PART(3),
    PART(4),
    PART(5),
    PART(6),
    PART(7),
    PART(8),
    PART(9),
    PART(10),
    PART(11),
    PART(12),
    PART(13),
    PART(14),
    PART(15),
};
#undef REAL
#undef COUNT
#undef NEW_REAL
#undef NEW_COUNT
#undef PART
enum { RUN_FIELDS = sizeof run_fields / sizeof run_fields[0] };
_Static_assert(CLADE_MAX_EXTRA_LOSSES + 1 == 8, "a row of the table for each part of the loss");
_Static_assert(CLADE_MAX_TRAIN_DEVICES == 16, "and one for each device");

clade_run_state clade_run_start(int64_t steps) {
    return (clade_run_state){ .steps = steps,
                              .train_loss = NAN,
                              .reported_loss = NAN,
                              .reported_accuracy = NAN,
                              .held_out_loss = NAN,
                              .held_out_accuracy = NAN,
                              .plateau_best = INFINITY,
                              .plateau_scale = 1,
                              .held_out_top5 = NAN,
                              .least_held_out = INFINITY };
}

static uint64_t fields_in(uint64_t version) {
    uint64_t count = 0;
    for (int i = 0; i < RUN_FIELDS; i++)
        count += (uint64_t)run_fields[i].since <= version;
    return count;
}

/* ---- writing ---- */

typedef struct writer {
    uint8_t *bytes; /* NULL: only count */
    size_t size;
} writer;

static void put(writer *out, const void *data, size_t size) {
    if (out->bytes) memcpy(out->bytes + out->size, data, size);
    out->size += size;
}

static void put_number(writer *out, uint64_t number) {
    uint8_t bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(number >> (8 * i));
    put(out, bytes, sizeof bytes);
}

static void pad(writer *out) {
    static const uint8_t zeros[8] = { 0 };
    put(out, zeros, (8 - out->size % 8) % 8);
}

static void put_text(writer *out, const char *text) {
    put_number(out, strlen(text) + 1);
    put(out, text, strlen(text) + 1);
    pad(out);
}

static void put_run(writer *out, const clade_run_state *run) {
    put_number(out, RUN_FIELDS);
    for (int i = 0; i < RUN_FIELDS; i++) {
        uint64_t bits; /* of the double, or the integer in two's complement */
        memcpy(&bits, (const char *)run + run_fields[i].offset, sizeof bits);
        put_number(out, bits);
    }
}

/* Floats in memory made little-endian in place, or back; nothing to do on most machines. */
static void swap_floats(uint8_t *data, int64_t count) {
    const uint16_t probe = 1;
    if (*(const uint8_t *)&probe == 1) return;
    for (int64_t i = 0; i < count; i++) {
        uint8_t *b = data + 4 * i, first = b[0], second = b[1];
        b[0] = b[3], b[1] = b[2], b[2] = second, b[3] = first;
    }
}

static clade_status put_state(writer *out, clade_session *session, size_t index) {
    clade_state_info info = clade_session_state(session, index);
    put_text(out, info.name);
    put_number(out, (uint64_t)info.role);
    put_number(out, CLADE_F32);
    put_number(out, (uint64_t)info.dims.rank);
    for (int32_t i = 0; i < info.dims.rank; i++)
        put_number(out, (uint64_t)info.dims.size[i]);
    size_t bytes = (size_t)info.count * sizeof(float);
    put_number(out, bytes);
    clade_status status = CLADE_OK;
    if (out->bytes) {
        /* The place is a multiple of eight from the start, so of a float's alignment. */
        status = clade_session_read_state(session, info.name, (float *)(void *)(out->bytes + out->size), info.count);
        swap_floats(out->bytes + out->size, info.count);
    }
    out->size += bytes;
    pad(out);
    return status;
}

static clade_status put_all(writer *out, size_t total, clade_session *session, const char *settings,
                            const char *choices, const clade_run_state *run) {
    put(out, magic, sizeof magic);
    put_number(out, VERSION);
    put_number(out, total);
    put_text(out, settings);
    put_text(out, choices);
    put_run(out, run);
    size_t count = clade_session_state_count(session);
    put_number(out, count);
    clade_status status = CLADE_OK;
    for (size_t i = 0; i < count && status == CLADE_OK; i++)
        status = put_state(out, session, i);
    return status;
}

static void checksum(const uint8_t *bytes, size_t size, uint8_t digest[SUM_BYTES]) {
    clade_sha256 hash;
    clade_sha256_start(&hash);
    clade_sha256_add(&hash, bytes, size);
    clade_sha256_finish(&hash, digest);
}

clade_status clade_checkpoint_encode(clade_context *context, clade_session *session, const char *settings,
                                     const clade_run_state *run, uint8_t **bytes, size_t *size) {
    *bytes = NULL;
    clade_text choices = { .context = context };
    writer out = { 0 };
    clade_status status = clade_session_choices(session, &choices);
    if (status == CLADE_OK && choices.failed) status = clade_fail_memory(context, choices.length, "a checkpoint");
    if (status == CLADE_OK) status = put_all(&out, 0, session, settings, clade_text_get(&choices), run);
    if (status != CLADE_OK) goto end;
    size_t total = out.size + SUM_BYTES;
    out = (writer){ .bytes = clade_allocate(context, total, 1) };
    if (!out.bytes) {
        status = clade_fail_memory(context, total, "a checkpoint");
        goto end;
    }
    status = put_all(&out, total, session, settings, clade_text_get(&choices), run);
    if (status != CLADE_OK) {
        clade_free(context, out.bytes);
        goto end;
    }
    checksum(out.bytes, out.size, out.bytes + out.size);
    *bytes = out.bytes;
    *size = total;
end:
    clade_text_free(&choices);
    return status;
}

/* ---- reading ---- */

typedef struct reader {
    const uint8_t *bytes;
    size_t size, at;
    bool bad; /* something did not fit; everything after is zero */
} reader;

/* SIZE bytes and their padding, or NULL. */
static const uint8_t *take(reader *in, uint64_t size) {
    size_t left = in->size - in->at;
    if (in->bad || size > left) {
        in->bad = true;
        return NULL;
    }
    const uint8_t *data = in->bytes + in->at;
    size_t padding = (8 - (size_t)size % 8) % 8;
    if (padding > left - (size_t)size) {
        in->bad = true;
        return NULL;
    }
    in->at += (size_t)size + padding;
    return data;
}

static uint64_t take_number(reader *in) {
    const uint8_t *bytes = take(in, 8);
    uint64_t number = 0;
    for (int i = 0; bytes && i < 8; i++)
        number |= (uint64_t)bytes[i] << (8 * i);
    return number;
}

/* A text that ends where its length says and nowhere before; "" when bad. */
static const char *take_text(reader *in) {
    uint64_t length = take_number(in);
    const char *text = (const char *)take(in, length);
    if (!text || length == 0 || memchr(text, 0, (size_t)length) != text + length - 1) {
        in->bad = true;
        return "";
    }
    return text;
}

/* Of an older format: what it lacks is as at the start. */
static void take_run(reader *in, uint64_t version, clade_run_state *run) {
    *run = clade_run_start(0);
    if (take_number(in) != fields_in(version)) in->bad = true;
    for (int i = 0; i < RUN_FIELDS; i++) {
        if ((uint64_t)run_fields[i].since > version) continue;
        uint64_t bits = take_number(in);
        memcpy((char *)run + run_fields[i].offset, &bits, sizeof bits);
        int64_t count = 0;
        if (!run_fields[i].is_real) memcpy(&count, &bits, sizeof count);
        if (count < 0) in->bad = true;
    }
}

static void take_state(reader *in, clade_checkpoint_state *state) {
    state->name = take_text(in);
    uint64_t role = take_number(in), dtype = take_number(in), rank = take_number(in);
    if (role > CLADE_ROLE_STATE || dtype != CLADE_F32 || rank > CLADE_MAX_RANK) in->bad = true;
    if (in->bad) return;
    state->role = (clade_role)role;
    state->dims.rank = (int32_t)rank;
    uint64_t count = 1, most = in->size / sizeof(float);
    for (uint64_t i = 0; i < rank; i++) {
        uint64_t size = take_number(in);
        if (size > most || (size > 0 && count > most / size)) in->bad = true;
        if (in->bad) return;
        state->dims.size[i] = (clade_size)size;
        count *= size;
    }
    uint64_t bytes = take_number(in);
    if (bytes != count * sizeof(float)) in->bad = true;
    state->count = (int64_t)count;
    state->data = take(in, bytes);
}

/* A state takes at least six numbers, so the count of states is bounded by the bytes left. */
static clade_status take_states(reader *in, clade_checkpoint *checkpoint) {
    enum { LEAST_BYTES = 6 * 8 };
    uint64_t count = take_number(in);
    if (in->bad || count > (in->size - in->at) / LEAST_BYTES) {
        in->bad = true;
        return CLADE_OK;
    }
    checkpoint->states = clade_allocate(checkpoint->context, (size_t)count + 1, sizeof *checkpoint->states);
    if (!checkpoint->states)
        return clade_fail_memory(checkpoint->context, (size_t)count * sizeof *checkpoint->states, "a checkpoint");
    checkpoint->state_count = (size_t)count;
    for (size_t i = 0; i < checkpoint->state_count && !in->bad; i++)
        take_state(in, &checkpoint->states[i]);
    return CLADE_OK;
}

static clade_status check_frame(clade_context *context, const char *name, const uint8_t *bytes, size_t size,
                                uint64_t *version_read) {
    enum { LEAST_BYTES = 3 * 8 + SUM_BYTES };
    if (size < sizeof magic || memcmp(bytes, magic, sizeof magic) != 0)
        return clade_fail(context, CLADE_ERROR_INPUT, "%s: not a checkpoint of Clade", name);
    if (size < LEAST_BYTES)
        return clade_fail(context, CLADE_ERROR_INPUT, "%s: damaged checkpoint: only %zu bytes are left of it", name,
                          size);
    reader in = { .bytes = bytes, .size = size, .at = sizeof magic };
    uint64_t version = take_number(&in), total = take_number(&in);
    if (version < OLDEST_VERSION || version > VERSION)
        return clade_fail(context, CLADE_ERROR_INPUT,
                          "%s: checkpoint of format %llu; this Clade reads formats %d to %d", name,
                          (unsigned long long)version, OLDEST_VERSION, VERSION);
    *version_read = version;
    if (total != size)
        return clade_fail(context, CLADE_ERROR_INPUT, "%s: damaged checkpoint: %zu bytes where it says %llu", name,
                          size, (unsigned long long)total);
    uint8_t digest[SUM_BYTES];
    checksum(bytes, size - SUM_BYTES, digest);
    if (memcmp(digest, bytes + size - SUM_BYTES, SUM_BYTES) != 0)
        return clade_fail(context, CLADE_ERROR_INPUT, "%s: damaged checkpoint: its checksum does not match", name);
    return CLADE_OK;
}

clade_status clade_checkpoint_parse(clade_context *context, const char *name, const uint8_t *bytes, size_t size,
                                    clade_checkpoint *checkpoint) {
    *checkpoint = (clade_checkpoint){ .context = context };
    uint64_t version = 0;
    clade_status status = check_frame(context, name, bytes, size, &version);
    if (status != CLADE_OK) return status;
    reader in = { .bytes = bytes, .size = size - SUM_BYTES, .at = 3 * 8 };
    checkpoint->settings = take_text(&in);
    checkpoint->choices = take_text(&in);
    take_run(&in, version, &checkpoint->run);
    status = take_states(&in, checkpoint);
    if (status == CLADE_OK && (in.bad || in.at != in.size))
        status = clade_fail(context, CLADE_ERROR_INPUT, "%s: damaged checkpoint: its parts do not fit together", name);
    if (status != CLADE_OK) clade_checkpoint_free(checkpoint);
    return status;
}

clade_status clade_checkpoint_read(clade_context *context, const char *path, clade_checkpoint *checkpoint) {
    *checkpoint = (clade_checkpoint){ .context = context };
    char *bytes;
    size_t size;
    clade_status status = clade_file_read(context, path, SIZE_MAX / 2, &bytes, &size);
    if (status != CLADE_OK) return status;
    status = clade_checkpoint_parse(context, path, (const uint8_t *)bytes, size, checkpoint);
    if (status == CLADE_OK)
        checkpoint->bytes = bytes;
    else
        clade_free(context, bytes);
    return status;
}

void clade_checkpoint_free(clade_checkpoint *checkpoint) {
    if (!checkpoint->context) return;
    clade_free(checkpoint->context, checkpoint->states);
    clade_free(checkpoint->context, checkpoint->bytes);
    *checkpoint = (clade_checkpoint){ 0 };
}

/* ---- restoring ---- */

static const clade_checkpoint_state *find_state(const clade_checkpoint *checkpoint, const char *name) {
    for (size_t i = 0; i < checkpoint->state_count; i++)
        if (strcmp(checkpoint->states[i].name, name) == 0) return &checkpoint->states[i];
    return NULL;
}

void clade_checkpoint_numbers(const clade_checkpoint_state *state, float *numbers) {
    memcpy(numbers, state->data, (size_t)state->count * sizeof *numbers);
    swap_floats((uint8_t *)numbers, state->count);
}

static clade_status restore_state(const clade_checkpoint *checkpoint, const char *name, clade_session *session,
                                  const clade_state_info *info) {
    clade_context *context = checkpoint->context;
    const clade_checkpoint_state *state = find_state(checkpoint, info->name);
    if (!state || !clade_dims_equal(&state->dims, &info->dims) || state->count != info->count)
        return clade_fail(context, CLADE_ERROR_INPUT, "%s: holds no state %s of the size that the model needs", name,
                          info->name);
    if (info->count == 0) return CLADE_OK;
    float *numbers = clade_allocate(context, (size_t)info->count, sizeof *numbers);
    if (!numbers) return clade_fail_memory(context, (size_t)info->count * sizeof *numbers, info->name);
    clade_checkpoint_numbers(state, numbers);
    clade_status status = clade_session_write_state(session, info->name, numbers, info->count);
    clade_free(context, numbers);
    return status;
}

clade_status clade_checkpoint_restore(const clade_checkpoint *checkpoint, const char *name, clade_session *session) {
    clade_status status = CLADE_OK;
    for (size_t i = 0; i < clade_session_state_count(session) && status == CLADE_OK; i++) {
        clade_state_info info = clade_session_state(session, i);
        status = restore_state(checkpoint, name, session, &info);
    }
    return status;
}
