/* Writing event files: messages by protobuf-c, records around them by hand. */
#include "formats/tensorboard.h"

#include "base/file.h"
#include "base/hash.h"
#include "base/thread.h"
#include "tensorboard.pb-c.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* ---- records ---- */

static void add_number(clade_text *out, uint64_t number, size_t bytes) {
    char little[8];
    for (size_t i = 0; i < bytes; i++)
        little[i] = (char)(number >> (8 * i) & 0xff);
    clade_text_add_bytes(out, little, bytes);
}

static uint32_t check_of(const void *data, size_t count) {
    const uint32_t crc = clade_crc32c(data, count);
    return (crc >> 15 | crc << 17) + UINT32_C(0xa282ead8);
}

void clade_event_record(clade_text *out, const void *message, size_t count) {
    const size_t begin = out->length;
    add_number(out, count, 8);
    if (out->failed) return;
    add_number(out, check_of(out->data + begin, 8), 4);
    clade_text_add_bytes(out, message, count);
    add_number(out, check_of(message, count), 4);
}

/* ---- messages ---- */

static void add_event(clade_event_file *file, int64_t step, Clade__Board__Event event) {
    event.seconds = clade_clock_since_1970();
    event.step = step;
    const size_t size = clade__board__event__get_packed_size(&event);
    uint8_t *bytes = clade_allocate(file->context, size + 1, 1);
    if (bytes) {
        clade__board__event__pack(&event, bytes);
        clade_event_record(&file->pending, bytes, size);
    }
    file->pending.failed |= !bytes;
    clade_free(file->context, bytes);
}

static void add_value(clade_event_file *file, int64_t step, Clade__Board__Value value) {
    Clade__Board__Value *values[] = { &value };
    Clade__Board__Summary summary = CLADE__BOARD__SUMMARY__INIT;
    Clade__Board__Event event = CLADE__BOARD__EVENT__INIT;
    summary.n_values = 1;
    summary.values = values;
    event.what_case = CLADE__BOARD__EVENT__WHAT_SUMMARY;
    event.summary = &summary;
    add_event(file, step, event);
}

void clade_event_file_add_scalar(clade_event_file *file, int64_t step, const char *tag, double number) {
    if (!isfinite(number)) return;
    Clade__Board__Value value = CLADE__BOARD__VALUE__INIT;
    value.tag = (char *)(uintptr_t)tag;
    value.what_case = CLADE__BOARD__VALUE__WHAT_NUMBER;
    value.number = (float)number;
    add_value(file, step, value);
}

clade_status clade_event_file_add_picture(clade_event_file *file, int64_t step, const char *tag,
                                          const clade_picture *picture) {
    Clade__Board__Picture encoded = CLADE__BOARD__PICTURE__INIT;
    Clade__Board__Value value = CLADE__BOARD__VALUE__INIT;
    clade_text png = { .context = file->context };
    clade_status status = clade_png_encode(picture, &png);
    if (status == CLADE_OK) {
        encoded.height = (int32_t)picture->height;
        encoded.width = (int32_t)picture->width;
        encoded.colour_space = (int32_t)picture->channels;
        encoded.encoded = (ProtobufCBinaryData){ png.length, (uint8_t *)png.data };
        value.tag = (char *)(uintptr_t)tag;
        value.what_case = CLADE__BOARD__VALUE__WHAT_PICTURE;
        value.picture = &encoded;
        add_value(file, step, value);
    }
    clade_text_free(&png);
    return status;
}

/* ---- the file ---- */

/* A name that no file of FOLDER has, and that sorts behind those of earlier seconds; in FILE's path. */
static clade_status choose_name(clade_event_file *file, const char *folder) {
    enum { MOST_FILES_A_SECOND = 1000 };
    clade_text path = { .context = file->context };
    for (int number = 0; number < MOST_FILES_A_SECOND && !path.failed; number++) {
        clade_text_free(&path);
        clade_text_add(&path, "%s/events.out.tfevents.%010" PRId64 ".%03d.clade", folder,
                       (int64_t)clade_clock_since_1970(), number);
        if (!path.failed && !clade_file_exists(path.data)) break;
    }
    file->path = path.failed ? NULL : clade_duplicate(file->context, path.data);
    clade_text_free(&path);
    return file->path ? CLADE_OK : clade_fail_memory(file->context, strlen(folder), folder);
}

clade_status clade_event_file_open(clade_context *context, const char *folder, int64_t step, clade_event_file *file) {
    *file = (clade_event_file){ .context = context, .pending = { .context = context } };
    Clade__Board__Session session = CLADE__BOARD__SESSION__INIT;
    Clade__Board__Event version = CLADE__BOARD__EVENT__INIT, start = CLADE__BOARD__EVENT__INIT;
    version.what_case = CLADE__BOARD__EVENT__WHAT_VERSION;
    version.version = "brain.Event:2";
    session.status = CLADE__BOARD__SESSION__STATUS__START;
    start.what_case = CLADE__BOARD__EVENT__WHAT_SESSION;
    start.session = &session;
    clade_status status = clade_folder_make(context, folder);
    if (status == CLADE_OK) status = choose_name(file, folder);
    if (status == CLADE_OK) {
        add_event(file, 0, version);
        add_event(file, step > 0 ? step + 1 : 0, start);
        status = clade_event_file_flush(file);
    }
    if (status != CLADE_OK) clade_event_file_free(file);
    return status;
}

void clade_event_file_free(clade_event_file *file) {
    if (!file->context) return;
    clade_text_free(&file->pending);
    clade_free(file->context, file->path);
    *file = (clade_event_file){ 0 };
}

clade_status clade_event_file_flush(clade_event_file *file) {
    clade_status status = CLADE_OK;
    if (file->pending.failed) {
        status = clade_fail_memory(file->context, file->pending.length, file->path);
    } else if (file->pending.length > 0) {
        status = clade_file_append(file->context, file->path, file->pending.data, file->pending.length);
    }
    clade_text_free(&file->pending);
    return status;
}
