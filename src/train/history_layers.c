/* What was watched of layers, as a table and as a picture: layers side by side, one curve for each of some looks. */
#include "train/history.h"

#include "formats/svg.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

enum { CURVES = 5, LEFT = 70, TOP = 50, WIDTH = 640, PANEL = 260, GAP = 130, RIGHT = 190, BOTTOM = 120 };

static void add_rows(const clade_history *history, size_t first, size_t count, const char *heading, clade_text *out) {
    if (count == 0) return;
    const clade_layer_look *begin = &history->looks[0], *end = &history->looks[history->look_count - 1];
    char steps[2][48];
    snprintf(steps[0], sizeof steps[0], "step %" PRId64, begin->step);
    snprintf(steps[1], sizeof steps[1], "step %" PRId64, end->step);
    clade_text_add(out, "%-32s %14s %14s\n", heading, steps[0], steps[1]);
    for (size_t i = first; i < first + count; i++)
        clade_text_add(out, "%-32s %14.4g %14.4g\n", history->layers.names[i], (double)begin->values[i],
                       (double)end->values[i]);
}

void clade_history_layers_text(const clade_history *history, clade_text *out) {
    if (history->look_count == 0) return;
    add_rows(history, 0, history->layers.norm_count, "norm of the gradient", out);
    add_rows(history, history->layers.norm_count, history->layers.zero_count, "share of zeros", out);
}

/* Up to CURVES looks, evenly apart, the first and the last among them. */
static size_t look_of_curve(const clade_history *history, int curve, int curves) {
    return curves > 1 ? (history->look_count - 1) * (size_t)curve / (size_t)(curves - 1) : 0;
}

/* The layers' names, slanted below the panel. */
static void add_names(const clade_panel *panel, const char *const *names, size_t count) {
    const double y = panel->y + panel->height + 34; /* below the numbers */
    const size_t stride = count / 24 + 1;
    for (size_t i = 0; i < count; i += stride) {
        const double x = clade_panel_x(panel, (double)i + 1);
        clade_text_add(panel->svg, "<g transform=\"translate(%.1f %.1f) rotate(-40)\">", x, y);
        clade_svg_text(panel->svg, 0, 0, "end", names[i]);
        clade_text_add(panel->svg, "</g>\n");
    }
}

static void add_panel(const clade_history *history, clade_panel *panel, size_t first, size_t count, const char *label,
                      double *x, double *y) {
    const int curves = history->look_count < CURVES ? (int)history->look_count : CURVES;
    panel->left = 0;
    panel->right = (double)count + 1;
    clade_panel_axes(panel, "", "", label);
    for (int curve = 0; curve < curves; curve++) {
        const clade_layer_look *look = &history->looks[look_of_curve(history, curve, curves)];
        char style[64], words[48];
        snprintf(style, sizeof style, "stroke=\"%s\" stroke-width=\"1.5\"", clade_svg_colour(curve));
        snprintf(words, sizeof words, "step %" PRId64, look->step);
        for (size_t i = 0; i < count; i++) {
            x[i] = (double)i + 1;
            y[i] = (double)look->values[first + i];
            if (panel->log_y && !(y[i] > panel->bottom)) y[i] = panel->bottom;
        }
        clade_panel_curve(panel, x, y, count, style);
        clade_panel_legend(panel, curve, style, words);
    }
    add_names(panel, history->layers.names + first, count);
}

/* Powers of ten around all norms. */
static void find_edges(const clade_history *history, clade_panel *panel) {
    double least = INFINITY, most = 0;
    for (size_t k = 0; k < history->look_count; k++)
        for (size_t i = 0; i < history->layers.norm_count; i++) {
            const double norm = (double)history->looks[k].values[i];
            if (!(norm > 0)) continue;
            least = fmin(least, norm);
            most = fmax(most, norm);
        }
    panel->bottom = most > 0 ? pow(10, floor(log10(least))) : 0.1;
    panel->top = most > 0 ? pow(10, ceil(log10(most) + 1e-9)) : 1;
    if (!(panel->top > panel->bottom)) panel->top = 10 * panel->bottom;
}

void clade_history_layers_plot(const clade_history *history, const char *title, clade_text *svg) {
    const clade_layer_names *layers = &history->layers;
    const size_t most = layers->norm_count > layers->zero_count ? layers->norm_count : layers->zero_count;
    double *x = clade_allocate(svg->context, 2 * most + 1, sizeof *x);
    if (!x) {
        svg->failed = true;
        return;
    }
    clade_panel norms = { .svg = svg, .x = LEFT, .y = TOP, .width = WIDTH, .height = PANEL, .log_y = true };
    clade_panel zeros = { .svg = svg, .x = LEFT, .y = TOP + PANEL + GAP, .width = WIDTH, .height = PANEL, .top = 1 };
    clade_svg_begin(svg, LEFT + WIDTH + RIGHT, TOP + 2 * PANEL + GAP + BOTTOM, title);
    if (history->look_count > 0 && layers->norm_count > 0) {
        find_edges(history, &norms);
        add_panel(history, &norms, 0, layers->norm_count, "norm of the gradient", x, x + most);
    }
    if (history->look_count > 0 && layers->zero_count > 0)
        add_panel(history, &zeros, layers->norm_count, layers->zero_count, "share of zeros", x, x + most);
    clade_svg_end(svg);
    clade_free(svg->context, x);
}
