/* Drawing SVG: svg.h. Coordinates are written with one decimal; equal neighbours of a grid become one rectangle, so that
 * files stay small. */
#include "formats/svg.h"

#include <math.h>
#include <stdio.h>

/* ---- the picture ---- */

void clade_svg_begin(clade_text *svg, double width, double height, const char *title) {
    clade_text_add(
        svg,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\">\n"
        "<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n"
        "<g fill=\"none\" stroke-linejoin=\"round\" font-family=\"sans-serif\" font-size=\"12\">\n"
        "<style>text { fill: #222; }</style>\n",
        width, height, width, height);
    clade_svg_text(svg, 12, 20, "start", title);
}

void clade_svg_end(clade_text *svg) {
    clade_text_add(svg, "</g></svg>\n");
}

static void add_escaped(clade_text *svg, const char *text) {
    for (; *text; text++) {
        if (*text == '<')
            clade_text_add(svg, "&lt;");
        else if (*text == '&')
            clade_text_add(svg, "&amp;");
        else if ((unsigned char)*text >= ' ')
            clade_text_add_bytes(svg, text, 1);
    }
}

void clade_svg_text(clade_text *svg, double x, double y, const char *anchor, const char *text) {
    clade_text_add(svg, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", x, y, anchor);
    add_escaped(svg, text);
    clade_text_add(svg, "</text>\n");
}

/* ---- colours ---- */

/* After Okabe and Ito, "Color Universal Design" (2008), darkened where white is the ground. */
static const struct {
    const char *text;
    uint32_t rgb;
} colours[] = {
    { "#1f6fb4", 0x1f6fb4 }, { "#d9541e", 0xd9541e }, { "#1b8a5a", 0x1b8a5a }, { "#b8860b", 0xb8860b },
    { "#8c5aa8", 0x8c5aa8 }, { "#c2467e", 0xc2467e }, { "#3fa7c4", 0x3fa7c4 }, { "#5f5f5f", 0x5f5f5f },
};
enum { COLOURS = sizeof colours / sizeof *colours };

const char *clade_svg_colour(int64_t index) {
    return colours[index % COLOURS].text;
}

uint32_t clade_svg_rgb(int64_t index) {
    return colours[index % COLOURS].rgb;
}

uint32_t clade_svg_blend(uint32_t a, uint32_t b, double share) {
    uint32_t mixed = 0;
    for (int shift = 16; shift >= 0; shift -= 8) {
        double from = a >> shift & 0xff, to = b >> shift & 0xff;
        mixed |= (uint32_t)lround(from + (to - from) * fmin(fmax(share, 0), 1)) << shift;
    }
    return mixed;
}

/* ---- panels ---- */

double clade_svg_tick_distance(double span) {
    double power = pow(10, floor(log10(span / 5))), share = span / 5 / power;
    return power * (share < 1.5 ? 1 : share < 3.5 ? 2 : share < 7.5 ? 5 : 10);
}

double clade_panel_x(const clade_panel *panel, double x) {
    return panel->x + panel->width * (x - panel->left) / (panel->right - panel->left);
}

double clade_panel_y(const clade_panel *panel, double y) {
    double share = panel->log_y
                       ? (log10(fmax(y, 1e-300)) - log10(panel->bottom)) / (log10(panel->top) - log10(panel->bottom))
                       : (y - panel->bottom) / (panel->top - panel->bottom);
    return panel->y + panel->height * (1 - fmin(fmax(share, 0), 1));
}

static void mark_y(const clade_panel *panel, double at, const char *text) {
    double y = clade_panel_y(panel, at);
    clade_text_add(panel->svg, "<path d=\"M%.1f %.1fh-5\" stroke=\"#444\"/>\n", panel->x, y);
    clade_svg_text(panel->svg, panel->x - 8, y + 4, "end", text);
}

static void mark_powers(const clade_panel *panel) {
    char text[32];
    double first = ceil(log10(panel->bottom) - 1e-9), last = floor(log10(panel->top) + 1e-9);
    double stride = fmax(1, ceil((last - first) / 8));
    for (double power = first; power <= last; power += stride) {
        snprintf(text, sizeof text, "1e%.0f", power);
        mark_y(panel, pow(10, power), text);
    }
}

static void mark_evenly(const clade_panel *panel, bool upwards) {
    char text[32];
    double least = upwards ? panel->bottom : panel->left, most = upwards ? panel->top : panel->right;
    double distance = clade_svg_tick_distance(most - least);
    for (double at = ceil(least / distance - 1e-9) * distance; at <= most + distance * 1e-9; at += distance) {
        snprintf(text, sizeof text, "%g", fabs(at) < distance / 1000 ? 0.0 : at);
        if (upwards) {
            mark_y(panel, at, text);
            continue;
        }
        double x = clade_panel_x(panel, at), y = panel->y + panel->height;
        clade_text_add(panel->svg, "<path d=\"M%.1f %.1fv5\" stroke=\"#444\"/>\n", x, y);
        clade_svg_text(panel->svg, x, y + 18, "middle", text);
    }
}

void clade_panel_axes(const clade_panel *panel, const char *title, const char *x_label, const char *y_label) {
    clade_text *svg = panel->svg;
    clade_text_add(svg, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" stroke=\"#444\"/>\n", panel->x,
                   panel->y, panel->width, panel->height);
    if (panel->log_y)
        mark_powers(panel);
    else
        mark_evenly(panel, true);
    mark_evenly(panel, false);
    clade_svg_text(svg, panel->x + panel->width / 2, panel->y - 8, "middle", title);
    clade_svg_text(svg, panel->x + panel->width / 2, panel->y + panel->height + 36, "middle", x_label);
    clade_text_add(svg, "<text transform=\"translate(%.1f %.1f) rotate(-90)\" text-anchor=\"middle\">", panel->x - 46,
                   panel->y + panel->height / 2);
    add_escaped(svg, y_label);
    clade_text_add(svg, "</text>\n");
}

void clade_panel_curve(const clade_panel *panel, const double *x, const double *y, size_t count, const char *style) {
    const double least_move = 0.5; /* pixels: a point nearer to the last is not drawn */
    double last_x = 0, last_y = 0;
    char command = 'M';
    clade_text_add(panel->svg, "<path %s d=\"", style);
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(x[i]) || !isfinite(y[i])) {
            command = 'M';
            continue;
        }
        double at_x = clade_panel_x(panel, x[i]), at_y = clade_panel_y(panel, y[i]);
        bool near = fabs(at_x - last_x) + fabs(at_y - last_y) < least_move;
        if (command == 'L' && near && i + 1 < count) continue;
        clade_text_add(panel->svg, "%c%.1f %.1f", command, at_x, at_y);
        command = 'L';
        last_x = at_x;
        last_y = at_y;
    }
    clade_text_add(panel->svg, "\"/>\n");
}

void clade_panel_dot(const clade_panel *panel, double x, double y, double radius, const char *style) {
    clade_text_add(panel->svg, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\" %s/>\n", clade_panel_x(panel, x),
                   clade_panel_y(panel, y), radius, style);
}

void clade_panel_legend(const clade_panel *panel, int row, const char *style, const char *words) {
    double x = panel->x + panel->width + 15, y = panel->y + 15 + 22 * row;
    clade_text_add(panel->svg, "<path %s d=\"M%.1f %.1fh28\"/>\n", style, x, y);
    clade_svg_text(panel->svg, x + 36, y + 4, "start", words);
}

/* ---- grids ---- */

/* A row of cells, those of one colour beside each other as one. */
static void draw_row(clade_text *svg, const uint32_t *row, int64_t columns, double x, double y, double width,
                     double height) {
    for (int64_t first = 0; first < columns;) {
        int64_t last = first;
        while (last < columns && row[last] == row[first])
            last++;
        clade_text_add(svg, "<path fill=\"#%06x\" d=\"M%.1f %.1fh%.1fv%.1fH%.1fz\"/>\n", row[first],
                       x + width * (double)first, y, width * (double)(last - first), height, x + width * (double)first);
        first = last;
    }
}

void clade_panel_cells(const clade_panel *panel, const uint32_t *cells, int64_t rows, int64_t columns) {
    double width = panel->width / (double)columns, height = panel->height / (double)rows;
    clade_text_add(panel->svg, "<g shape-rendering=\"crispEdges\">\n");
    for (int64_t row = 0; row < rows; row++)
        draw_row(panel->svg, cells + row * columns, columns, panel->x, panel->y + height * (double)(rows - 1 - row),
                 width, height);
    clade_text_add(panel->svg, "</g>\n");
}

void clade_svg_greys(clade_text *svg, double x, double y, double size, const float *values, int64_t rows,
                     int64_t columns) {
    enum { MOST_COLUMNS = 256, LEVELS = 32 };
    uint32_t row[MOST_COLUMNS];
    if (columns > MOST_COLUMNS) columns = MOST_COLUMNS;
    clade_text_add(svg, "<g shape-rendering=\"crispEdges\">\n");
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t c = 0; c < columns; c++) {
            double value = isfinite(values[r * columns + c]) ? values[r * columns + c] : 0;
            row[c] = clade_svg_blend(0x000000, 0xffffff, round(value * LEVELS) / LEVELS);
        }
        draw_row(svg, row, columns, x, y + size * (double)r, size, size);
    }
    clade_text_add(svg, "</g>\n");
}

/* ---- contours ---- */

typedef struct point {
    double x, y;
} point;

/* The point between two corners of a cell where the value is LEVEL, if it is between theirs. */
static bool crossing(point a, double at_a, point b, double at_b, double level, point *out) {
    if ((at_a < level) == (at_b < level) || !isfinite(at_a) || !isfinite(at_b)) return false;
    double share = (level - at_a) / (at_b - at_a);
    *out = (point){ a.x + (b.x - a.x) * share, a.y + (b.y - a.y) * share };
    return true;
}

void clade_panel_contour(const clade_panel *panel, const float *values, int64_t rows, int64_t columns, double level,
                         const char *style) {
    double width = panel->width / (double)(columns - 1), height = panel->height / (double)(rows - 1);
    clade_text_add(panel->svg, "<path %s d=\"", style);
    for (int64_t r = 0; r + 1 < rows; r++)
        for (int64_t c = 0; c + 1 < columns; c++) {
            /* The corners around the cell; a saddle's four crossings are joined in their order, which is one of its two
             * readings. */
            static const int around[5][2] = { { 0, 0 }, { 0, 1 }, { 1, 1 }, { 1, 0 }, { 0, 0 } };
            point found[4];
            int count = 0;
            for (int side = 0; side < 4; side++) {
                const int *from = around[side], *to = around[side + 1];
                point a = { panel->x + width * (double)(c + from[1]),
                            panel->y + panel->height - height * (double)(r + from[0]) };
                point b = { panel->x + width * (double)(c + to[1]),
                            panel->y + panel->height - height * (double)(r + to[0]) };
                count += crossing(a, values[(r + from[0]) * columns + c + from[1]], b,
                                  values[(r + to[0]) * columns + c + to[1]], level, &found[count]);
            }
            for (int i = 0; i + 1 < count; i += 2)
                clade_text_add(panel->svg, "M%.1f %.1fL%.1f %.1f", found[i].x, found[i].y, found[i + 1].x,
                               found[i + 1].y);
        }
    clade_text_add(panel->svg, "\"/>\n");
}
