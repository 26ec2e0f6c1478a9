/* The history in memory and as lines of JSON. */
#include "train/history.h"

#include "base/context.h"
#include "base/file.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

static void drop_looks(clade_history *history) {
    for (size_t i = 0; i < history->look_count; i++)
        clade_free(history->context, history->looks[i].values);
    history->look_count = 0;
}

void clade_history_free(clade_history *history) {
    if (!history->context) return;
    clade_free(history->context, history->path);
    clade_board_free(history->board);
    clade_free(history->context, history->train.points);
    clade_free(history->context, history->held_out.points);
    drop_looks(history);
    clade_free(history->context, history->looks);
    *history = (clade_history){ 0 };
}

static clade_status add_point(clade_history *history, clade_curve *curve, clade_history_point point) {
    if (curve->count == curve->capacity) {
        size_t capacity = curve->capacity ? 2 * curve->capacity : 256;
        clade_history_point *points = clade_reallocate(history->context, curve->points, capacity, sizeof *points);
        if (!points) return clade_fail_memory(history->context, capacity * sizeof *points, "the training history");
        curve->points = points;
        curve->capacity = capacity;
    }
    curve->points[curve->count++] = point;
    return CLADE_OK;
}

/* ---- lines ---- */

typedef struct field {
    const char *name;
    double number; /* NAN is left out */
} field;

static cJSON *make_line(const char *event, const field *fields, size_t count) {
    cJSON *line = cJSON_CreateObject();
    bool good = line && cJSON_AddStringToObject(line, "event", event);
    for (size_t i = 0; i < count && good; i++)
        if (isfinite(fields[i].number)) good = cJSON_AddNumberToObject(line, fields[i].name, fields[i].number);
    if (good) return line;
    cJSON_Delete(line);
    return NULL;
}

/* Takes LINE, which may be NULL for want of memory. */
static clade_status write_line(clade_history *history, cJSON *line) {
    char *text = line ? cJSON_PrintUnformatted(line) : NULL;
    cJSON_Delete(line);
    if (!text) return clade_fail_memory(history->context, 256, "a line of metrics");
    clade_status status = clade_file_append_line(history->context, history->path, text);
    cJSON_free(text);
    return status;
}

static bool add_losses(cJSON *line, const clade_history *history, const clade_train_progress *progress) {
    cJSON *losses = cJSON_AddObjectToObject(line, "losses");
    bool good = losses != NULL;
    for (size_t i = 0; i < progress->loss_count && good; i++)
        good = cJSON_AddNumberToObject(losses, history->loss_names[i], progress->losses[i]) != NULL;
    return good;
}

static clade_status board_report(const clade_history *history, const clade_train_progress *progress) {
    clade_board *board = history->board;
    clade_board_add(board, progress->step, "train", "loss", progress->train_loss);
    clade_board_add(board, progress->step, "train", "accuracy", progress->train_accuracy);
    clade_board_add(board, progress->step, "train", "rate", progress->rate);
    clade_board_add(board, progress->step, "train", "images_per_second", progress->images_per_second);
    for (size_t i = 0; i < progress->loss_count; i++)
        clade_board_add(board, progress->step, "losses", history->loss_names[i], progress->losses[i]);
    return clade_board_flush(board);
}

clade_status clade_history_add_report(clade_history *history, const clade_train_progress *progress) {
    clade_status status =
        add_point(history, &history->train,
                  (clade_history_point){ progress->step, progress->train_loss, progress->train_accuracy });
    if (status == CLADE_OK) status = board_report(history, progress);
    if (status != CLADE_OK || !history->path) return status;
    const field fields[] = {
        { "step", (double)progress->step },
        { "epoch", (double)progress->epoch },
        { "rate", progress->rate },
        { "loss", progress->train_loss },
        { "accuracy", progress->train_accuracy },
        { "images_per_second", progress->images_per_second },
        { "seconds", progress->seconds },
    };
    cJSON *line = make_line("train", fields, sizeof fields / sizeof fields[0]);
    if (line && progress->loss_count > 0 && !add_losses(line, history, progress)) {
        cJSON_Delete(line);
        line = NULL;
    }
    return write_line(history, line);
}

/* Measurements on samples that are not trained on. */
static clade_status board_measured(const clade_history *history, int64_t step, const char *group, double loss,
                                   double accuracy, double top5) {
    clade_board_add(history->board, step, group, "loss", loss);
    clade_board_add(history->board, step, group, "accuracy", accuracy);
    clade_board_add(history->board, step, group, "top5", top5);
    return clade_board_flush(history->board);
}

clade_status clade_history_add_validation(clade_history *history, const clade_train_progress *progress) {
    clade_status status =
        add_point(history, &history->held_out,
                  (clade_history_point){ progress->step, progress->held_out_loss, progress->held_out_accuracy });
    if (status == CLADE_OK)
        status = board_measured(history, progress->step, "held_out", progress->held_out_loss,
                                progress->held_out_accuracy, progress->held_out_top5);
    if (status != CLADE_OK || !history->path) return status;
    const field fields[] = {
        { "step", (double)progress->step },  { "epoch", (double)progress->epoch },
        { "loss", progress->held_out_loss }, { "accuracy", progress->held_out_accuracy },
        { "top5", progress->held_out_top5 }, { "seconds", progress->seconds },
    };
    return write_line(history, make_line("validation", fields, sizeof fields / sizeof fields[0]));
}

/* Takes VALUES over; a look that does not fit is a fault of memory. */
static clade_status keep_look(clade_history *history, int64_t step, float *values) {
    if (values && history->look_count == history->look_capacity) {
        size_t capacity = history->look_capacity ? 2 * history->look_capacity : 16;
        clade_layer_look *looks = clade_reallocate(history->context, history->looks, capacity, sizeof *looks);
        if (looks) {
            history->looks = looks;
            history->look_capacity = capacity;
        }
    }
    if (!values || history->look_count == history->look_capacity) {
        clade_free(history->context, values);
        return clade_fail_memory(history->context, sizeof *values, "the training history");
    }
    history->looks[history->look_count++] = (clade_layer_look){ step, values };
    return CLADE_OK;
}

static bool add_group(cJSON *line, const char *group, const clade_layer_names *layers, size_t first, size_t count,
                      const float *values) {
    cJSON *numbers = cJSON_AddObjectToObject(line, group);
    bool good = numbers != NULL;
    for (size_t i = first; i < first + count && good; i++)
        good = cJSON_AddNumberToObject(numbers, layers->names[i], (double)values[i]) != NULL;
    return good;
}

static clade_status board_look(const clade_history *history, int64_t step, const float *values) {
    const clade_layer_names *layers = &history->layers;
    for (size_t i = 0; i < layers->norm_count + layers->zero_count; i++)
        clade_board_add(history->board, step, i < layers->norm_count ? "gradient_norm" : "zeros", layers->names[i],
                        (double)values[i]);
    return clade_board_flush(history->board);
}

clade_status clade_history_add_look(clade_history *history, int64_t step, const float *values) {
    const clade_layer_names *layers = &history->layers;
    const size_t count = layers->norm_count + layers->zero_count;
    float *copy = clade_allocate(history->context, count + 1, sizeof *copy);
    if (copy) memcpy(copy, values, count * sizeof *copy);
    clade_status status = keep_look(history, step, copy);
    if (status == CLADE_OK) status = board_look(history, step, values);
    if (status != CLADE_OK || !history->path) return status;
    const field fields[] = { { "step", (double)step } };
    cJSON *line = make_line("layers", fields, 1);
    if (line && !(add_group(line, "gradient_norm", layers, 0, layers->norm_count, values) &&
                  add_group(line, "zeros", layers, layers->norm_count, layers->zero_count, values))) {
        cJSON_Delete(line);
        line = NULL;
    }
    return write_line(history, line);
}

clade_status clade_history_add_final(clade_history *history, const clade_train_result *result, double seconds) {
    clade_status status =
        board_measured(history, result->steps, "test", result->val_loss, result->val_accuracy, result->val_top5);
    if (status != CLADE_OK || !history->path) return status;
    const field fields[] = {
        { "step", (double)result->steps },
        { "epochs", (double)result->epochs },
        { "train_loss", result->train_loss },
        { "held_out_loss", result->held_out_loss },
        { "held_out_accuracy", result->held_out_accuracy },
        { "val_loss", result->val_loss },
        { "val_accuracy", result->val_accuracy },
        { "val_top5", result->val_top5 },
        { "images_per_second", result->images_per_second },
        { "seconds", seconds },
    };
    cJSON *line = make_line("final", fields, sizeof fields / sizeof fields[0]);
    if (line && !cJSON_AddStringToObject(line, "weights_sha256", result->weights_sha256)) {
        cJSON_Delete(line);
        line = NULL;
    }
    return write_line(history, line);
}

/* ---- resuming ---- */

clade_status clade_history_clear(clade_history *history) {
    history->train.count = history->held_out.count = 0;
    drop_looks(history);
    return history->path ? clade_file_remove(history->context, history->path) : CLADE_OK;
}

static double number_of(const cJSON *line, const char *name) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(line, name);
    return cJSON_IsNumber(item) ? item->valuedouble : (double)NAN;
}

/* A look as it was, the numbers in the order of the names. */
static clade_status resume_look(clade_history *history, const cJSON *line, int64_t step) {
    const clade_layer_names *layers = &history->layers;
    const size_t count = layers->norm_count + layers->zero_count;
    const cJSON *norms = cJSON_GetObjectItemCaseSensitive(line, "gradient_norm");
    const cJSON *zeros = cJSON_GetObjectItemCaseSensitive(line, "zeros");
    float *values = clade_allocate(history->context, count + 1, sizeof *values);
    for (size_t i = 0; values && i < count; i++)
        values[i] = (float)number_of(i < layers->norm_count ? norms : zeros, layers->names[i]);
    return keep_look(history, step, values);
}

/* Whether LINE belongs to the run up to STEP; if so its point is added. */
static bool keep_line(clade_history *history, const char *text, size_t length, int64_t step, clade_status *status) {
    cJSON *line = cJSON_ParseWithLength(text, length);
    const cJSON *event = cJSON_GetObjectItemCaseSensitive(line, "event");
    double at = number_of(line, "step");
    clade_curve *curve = NULL;
    if (cJSON_IsString(event) && strcmp(event->valuestring, "train") == 0) curve = &history->train;
    if (cJSON_IsString(event) && strcmp(event->valuestring, "validation") == 0) curve = &history->held_out;
    const bool looks = cJSON_IsString(event) && strcmp(event->valuestring, "layers") == 0;
    bool keep = (curve || looks) && at >= 0 && at <= (double)step;
    if (keep && looks) *status = resume_look(history, line, (int64_t)at);
    if (keep && curve)
        *status = add_point(history, curve,
                            (clade_history_point){ (int64_t)at, number_of(line, "loss"), number_of(line, "accuracy") });
    cJSON_Delete(line);
    return keep;
}

clade_status clade_history_resume(clade_history *history, int64_t step) {
    history->train.count = history->held_out.count = 0;
    drop_looks(history);
    if (!history->path || !clade_file_exists(history->path)) return CLADE_OK;
    char *data;
    size_t bytes;
    clade_status status = clade_file_read(history->context, history->path, SIZE_MAX / 2, &data, &bytes);
    if (status != CLADE_OK) return status;
    clade_text kept = { .context = history->context };
    for (size_t at = 0; at < bytes && status == CLADE_OK;) {
        const char *end = memchr(data + at, '\n', bytes - at);
        size_t length = end ? (size_t)(end - (data + at)) : bytes - at;
        if (end && keep_line(history, data + at, length, step, &status))
            clade_text_add_bytes(&kept, data + at, length + 1);
        at += length + 1;
    }
    if (status == CLADE_OK && kept.failed) status = clade_fail_memory(history->context, bytes, history->path);
    if (status == CLADE_OK)
        status = clade_file_write(history->context, history->path, clade_text_get(&kept), kept.length);
    clade_text_free(&kept);
    clade_free(history->context, data);
    return status;
}
