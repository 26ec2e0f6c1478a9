/* Confusion matrices as text, JSON and SVG. */
#include "train/confusion.h"

#include "base/context.h"
#include "base/file.h"
#include "formats/svg.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { MOST_PRINTED = 40, MOST_WRITTEN = 20, LISTED = 40 };

static int64_t row_sum(const int64_t *confusion, int64_t classes, int64_t row) {
    int64_t sum = 0;
    for (int64_t k = 0; k < classes; k++)
        sum += confusion[row * classes + k];
    return sum;
}

/* ---- text ---- */

static int digits_of(int64_t number) {
    int digits = 1;
    for (; number > 9; number /= 10)
        digits++;
    return digits;
}

static void print_matrix(clade_text *out, const int64_t *confusion, int64_t classes) {
    int64_t largest = classes;
    for (int64_t i = 0; i < classes * classes; i++)
        if (confusion[i] > largest) largest = confusion[i];
    const int width = digits_of(largest) + 1;
    clade_text_add(out, "class \\ taken for\n      ");
    for (int64_t k = 0; k < classes; k++)
        clade_text_add(out, "%*" PRId64, width, k);
    clade_text_add(out, "   right\n");
    for (int64_t row = 0; row < classes; row++) {
        const int64_t sum = row_sum(confusion, classes, row);
        clade_text_add(out, "%6" PRId64, row);
        for (int64_t k = 0; k < classes; k++)
            clade_text_add(out, "%*" PRId64, width, confusion[row * classes + k]);
        if (sum > 0) clade_text_add(out, "  %5.1f %%", 100 * (double)confusion[row * classes + row] / (double)sum);
        clade_text_add(out, "\n");
    }
}

/* The LISTED commonest confusions: each turn takes the largest count at most the last one's, later in the matrix. */
static void print_commonest(clade_text *out, const int64_t *confusion, int64_t classes) {
    int64_t last = INT64_MAX, last_at = -1;
    clade_text_add(out, "the commonest confusions\n count  class  taken for\n");
    for (int n = 0; n < LISTED; n++) {
        int64_t best = -1;
        for (int64_t i = 0; i < classes * classes; i++) {
            const bool wrong = i / classes != i % classes && confusion[i] > 0;
            const bool after = confusion[i] < last || (confusion[i] == last && i > last_at);
            if (wrong && after && (best < 0 || confusion[i] > confusion[best])) best = i;
        }
        if (best < 0) break;
        clade_text_add(out, "%6" PRId64 " %6" PRId64 " %6" PRId64 "\n", confusion[best], best / classes,
                       best % classes);
        last = confusion[best];
        last_at = best;
    }
}

void clade_confusion_add_text(clade_text *out, const int64_t *confusion, int64_t classes) {
    if (classes <= MOST_PRINTED)
        print_matrix(out, confusion, classes);
    else
        print_commonest(out, confusion, classes);
}

/* ---- JSON ---- */

void clade_confusion_add_json(clade_text *out, const int64_t *confusion, int64_t classes) {
    clade_text_add(out, "{\"classes\":%" PRId64 ",\"confusion\":[", classes);
    for (int64_t row = 0; row < classes; row++) {
        clade_text_add(out, row ? ",[" : "[");
        for (int64_t k = 0; k < classes; k++)
            clade_text_add(out, "%s%" PRId64, k ? "," : "", confusion[row * classes + k]);
        clade_text_add(out, "]");
    }
    clade_text_add(out, "]}\n");
}

/* ---- SVG ---- */

/* From white to blue by the share of the row; the panel's rows begin at the bottom. */
static void add_cells(const clade_panel *panel, const int64_t *confusion, int64_t classes, uint32_t *colours) {
    for (int64_t row = 0; row < classes; row++) {
        const int64_t sum = row_sum(confusion, classes, row);
        for (int64_t k = 0; k < classes; k++) {
            const double share = sum > 0 ? (double)confusion[row * classes + k] / (double)sum : 0;
            colours[(classes - 1 - row) * classes + k] = clade_svg_blend(0xffffff, 0x4393c3, share);
        }
    }
    clade_panel_cells(panel, colours, classes, classes);
}

static void add_numbers(const clade_panel *panel, const int64_t *confusion, int64_t classes) {
    const double cell = panel->width / (double)classes;
    char text[32];
    for (int64_t row = 0; row < classes; row++) {
        const double y = panel->y + cell * ((double)row + 0.5) + 4;
        snprintf(text, sizeof text, "%" PRId64, row);
        clade_svg_text(panel->svg, panel->x - 8, y, "end", text);
        clade_svg_text(panel->svg, panel->x + cell * ((double)row + 0.5), panel->y + panel->height + 18, "middle",
                       text);
        for (int64_t k = 0; k < classes; k++) {
            if (confusion[row * classes + k] == 0) continue;
            snprintf(text, sizeof text, "%" PRId64, confusion[row * classes + k]);
            clade_svg_text(panel->svg, panel->x + cell * ((double)k + 0.5), y, "middle", text);
        }
    }
}

void clade_confusion_add_svg(clade_text *out, const int64_t *confusion, int64_t classes, const char *title) {
    enum { LEFT = 60, TOP = 50, SIDE = 640, BOTTOM = 50 };
    const clade_panel panel = { .svg = out, .x = LEFT, .y = TOP, .width = SIDE, .height = SIDE, .right = 1, .top = 1 };
    uint32_t *colours = clade_allocate(out->context, (size_t)(classes * classes), sizeof *colours);
    if (!colours) {
        out->failed = true;
        return;
    }
    clade_svg_begin(out, LEFT + SIDE + 20, TOP + SIDE + BOTTOM, title);
    add_cells(&panel, confusion, classes, colours);
    if (classes <= MOST_WRITTEN) add_numbers(&panel, confusion, classes);
    clade_svg_text(out, LEFT + SIDE / 2.0, TOP + SIDE + BOTTOM - 12, "middle", "taken for (rows: class)");
    clade_svg_end(out);
    clade_free(out->context, colours);
}

/* ---- files ---- */

static bool ends_with(const char *text, const char *end) {
    const size_t length = strlen(text), end_length = strlen(end);
    return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

clade_status clade_confusion_write(clade_context *context, const int64_t *confusion, int64_t classes, const char *title,
                                   const char *path) {
    clade_text text = { .context = context };
    if (ends_with(path, ".svg")) {
        clade_confusion_add_svg(&text, confusion, classes, title);
    } else if (ends_with(path, ".json")) {
        clade_confusion_add_json(&text, confusion, classes);
    } else {
        clade_text_add(&text, "%s\n", title);
        clade_confusion_add_text(&text, confusion, classes);
    }
    clade_status status = text.failed ? clade_fail_memory(context, text.length, path)
                                      : clade_file_write(context, path, text.data, text.length);
    clade_text_free(&text);
    return status;
}

char *clade_confusion_text(clade_context *context, const int64_t *confusion, int64_t classes) {
    clade_text text = { .context = context };
    clade_confusion_add_text(&text, confusion, classes);
    char *copy = text.failed ? NULL : clade_duplicate(context, clade_text_get(&text));
    if (!copy) clade_fail_memory(context, text.length, "a confusion matrix");
    clade_text_free(&text);
    return copy;
}

void clade_confusion_text_free(clade_context *context, char *text) {
    clade_free(context, text);
}
