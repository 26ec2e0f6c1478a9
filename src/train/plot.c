/* training.svg, after the training-progress plot of deck 001: accuracy in per cent above, loss below, over the steps;
 * every other epoch shaded; the training curve raw and smoothed, the held-out one dashed with a marker at each
 * validation. The curves are drawn from at most a few hundred points, so the file stays small. */
#include "train/history.h"

#include "base/context.h"
#include "formats/svg.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

enum { WIDTH = 960, LEFT = 70, RIGHT = 190, TOP = 50, PANEL = 260, GAP = 50, BOTTOM = 60, DRAWN_POINTS = 600 };

typedef struct panel {
    clade_text *svg;
    const char *label;
    double top, least, most; /* what the lower and upper edge stand for */
    int64_t steps;
    bool accuracy; /* what of a point is drawn; as per cent */
} panel;

static double x_of(const panel *panel, int64_t step) {
    return LEFT + (double)(WIDTH - LEFT - RIGHT) * (double)step / (double)panel->steps;
}

static double y_of(const panel *panel, double value) {
    double share = (value - panel->least) / (panel->most - panel->least);
    return panel->top + PANEL * (1 - fmin(fmax(share, 0), 1));
}

static double value_of(const panel *panel, const clade_history_point *point) {
    return panel->accuracy ? 100 * point->accuracy : point->loss;
}

static void draw_epochs(const panel *panel, int64_t steps_per_epoch) {
    int64_t epochs = (panel->steps + steps_per_epoch - 1) / steps_per_epoch, stride = (epochs + 49) / 50;
    for (int64_t epoch = stride; epoch < epochs; epoch += 2 * stride) {
        int64_t first = epoch * steps_per_epoch, last = first + stride * steps_per_epoch;
        if (last > panel->steps) last = panel->steps;
        clade_text_add(panel->svg,
                       "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" fill=\"#f2f2f2\" stroke=\"none\"/>\n",
                       x_of(panel, first), panel->top, x_of(panel, last) - x_of(panel, first), PANEL);
    }
}

static void draw_axes(const panel *panel) {
    clade_text *svg = panel->svg;
    char text[64];
    double right = WIDTH - RIGHT, bottom = panel->top + PANEL,
           distance = clade_svg_tick_distance(panel->most - panel->least);
    for (double at = ceil(panel->least / distance) * distance; at <= panel->most * 1.0001; at += distance) {
        double y = y_of(panel, at);
        clade_text_add(svg, "<path d=\"M%d %.1fH%.1f\" stroke=\"#d8d8d8\"/>\n", LEFT, y, right);
        snprintf(text, sizeof text, "%g", fabs(at) < distance / 1000 ? 0.0 : at);
        clade_svg_text(svg, LEFT - 8, y + 4, "end", text);
    }
    distance = fmax(clade_svg_tick_distance((double)panel->steps), 1);
    for (double at = 0; at <= (double)panel->steps; at += distance) {
        double x = x_of(panel, (int64_t)at);
        clade_text_add(svg, "<path d=\"M%.1f %.1fv5\" stroke=\"#444\"/>\n", x, bottom);
        snprintf(text, sizeof text, "%.0f", at);
        clade_svg_text(svg, x, bottom + 18, "middle", text);
    }
    clade_text_add(svg, "<path d=\"M%d %.1fV%.1fH%.1f\" stroke=\"#444\"/>\n", LEFT, panel->top, bottom, right);
    clade_text_add(svg, "<text transform=\"translate(20 %.1f) rotate(-90)\" text-anchor=\"middle\">%s</text>\n",
                   panel->top + PANEL / 2.0, panel->label);
}

/* A curve through its points; SMOOTHING 0 draws them as they are, else the running mean
 * s += (1 - smoothing) * (value - s). */
static void draw_curve(const panel *panel, const clade_curve *curve, double smoothing, const char *style) {
    size_t stride = (curve->count + DRAWN_POINTS - 1) / DRAWN_POINTS;
    double mean = NAN;
    char command = 'M';
    clade_text_add(panel->svg, "<path %s d=\"", style);
    for (size_t i = 0; i < curve->count; i++) {
        double value = value_of(panel, &curve->points[i]);
        if (!isfinite(value)) continue;
        mean = isfinite(mean) ? mean + (1 - smoothing) * (value - mean) : value;
        if (i % stride != 0 && i + 1 != curve->count) continue;
        clade_text_add(panel->svg, "%c%.1f %.1f", command, x_of(panel, curve->points[i].step), y_of(panel, mean));
        command = 'L';
    }
    clade_text_add(panel->svg, "\"/>\n");
}

static void draw_markers(const panel *panel, const clade_curve *curve) {
    for (size_t i = 0; i < curve->count; i++) {
        double value = value_of(panel, &curve->points[i]);
        if (!isfinite(value)) continue;
        clade_text_add(panel->svg, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"#222\" stroke=\"none\"/>\n",
                       x_of(panel, curve->points[i].step), y_of(panel, value));
    }
}

/* The curves, as the legend lists them. The training curves are in the panel's colour. */
static const struct {
    const char *colour, *rest, *words;
} legend[] = {
    { NULL, "stroke-opacity=\"0.35\"", "training" },
    { NULL, "stroke-width=\"2\"", "training (smoothed)" },
    { "#222", "stroke-width=\"1.5\" stroke-dasharray=\"6 4\"", "held-out" },
};
enum { RAW, SMOOTHED, HELD_OUT, LEGEND_ROWS };

static void draw_panel(const panel *panel, const clade_history *history, const char *colour, int64_t steps_per_epoch) {
    /* Over about a twentieth of the curve, at least two points. */
    double smoothing = 1 - 1 / fmax(2, (double)history->train.count / 20);
    char styles[LEGEND_ROWS][128];
    for (int row = 0; row < LEGEND_ROWS; row++)
        snprintf(styles[row], sizeof styles[row], "stroke=\"%s\" %s", legend[row].colour ? legend[row].colour : colour,
                 legend[row].rest);
    draw_epochs(panel, steps_per_epoch);
    draw_axes(panel);
    draw_curve(panel, &history->train, 0, styles[RAW]);
    draw_curve(panel, &history->train, smoothing, styles[SMOOTHED]);
    if (history->held_out.count > 0) {
        draw_curve(panel, &history->held_out, 0, styles[HELD_OUT]);
        draw_markers(panel, &history->held_out);
    }
    int rows = history->held_out.count > 0 ? LEGEND_ROWS : HELD_OUT;
    for (int row = 0; row < rows; row++) {
        double x = WIDTH - RIGHT + 15, y = panel->top + 15 + 22 * row;
        clade_text_add(panel->svg, "<path %s d=\"M%.1f %.1fh28\"/>\n", styles[row], x, y);
        if (row == HELD_OUT)
            clade_text_add(panel->svg, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"#222\" stroke=\"none\"/>\n",
                           x + 14, y);
        clade_svg_text(panel->svg, x + 36, y + 4, "start", legend[row].words);
    }
}

/* The edges of the loss panel: 0, or the least loss where a caller's goes below it, and a little above the highest. */
static void find_edges(panel *panel, const clade_history *history) {
    const clade_curve *curves[] = { &history->train, &history->held_out };
    double least = 0, most = 0;
    for (int c = 0; c < 2; c++)
        for (size_t i = 0; i < curves[c]->count; i++) {
            double loss = curves[c]->points[i].loss;
            if (!isfinite(loss)) continue;
            least = fmin(least, loss);
            most = fmax(most, loss);
        }
    panel->least = least * 1.05;
    panel->most = most > 0 ? most * 1.05 : least < 0 ? 0 : 1;
}

clade_status clade_history_plot(const clade_history *history, const char *title, int64_t steps, int64_t steps_per_epoch,
                                clade_text *svg) {
    int height = TOP + 2 * PANEL + GAP + BOTTOM;
    if (steps < 1) steps = 1;
    if (steps_per_epoch < 1) steps_per_epoch = steps;
    clade_svg_begin(svg, WIDTH, height, title);
    panel accuracy = { .svg = svg, .label = "accuracy (%)", .top = TOP, .most = 100, .steps = steps, .accuracy = true };
    draw_panel(&accuracy, history, "#1f6fb4", steps_per_epoch);
    panel loss = { .svg = svg, .label = "loss", .top = TOP + PANEL + GAP, .steps = steps };
    find_edges(&loss, history);
    draw_panel(&loss, history, "#d9541e", steps_per_epoch);
    clade_svg_text(svg, (LEFT + WIDTH - RIGHT) / 2.0, height - 18, "middle", "step");
    clade_svg_end(svg);
    return svg->failed ? clade_fail_memory(history->context, svg->length, "training.svg") : CLADE_OK;
}
