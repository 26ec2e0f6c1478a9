/* SVG: drawings as text. A picture is begun, drawn into, and ended; a panel is a rectangle of it with axes, in which
 * things stand by their numbers. The drawing goes to a clade_text, whose sticky failure the caller checks at the end.
 * A STYLE is attributes of a path: "stroke=\"#222\" stroke-width=\"2\"". */
#ifndef CLADE_FORMATS_SVG_H
#define CLADE_FORMATS_SVG_H

#include "base/text.h"

#include <stdint.h>

void clade_svg_begin(clade_text *svg, double width, double height, const char *title);
void clade_svg_end(clade_text *svg);
/* ANCHOR: "start", "middle" or "end" of TEXT is at (X, Y). */
void clade_svg_text(clade_text *svg, double x, double y, const char *anchor, const char *text);
/* Colours that are told apart, also by the colour-blind, as "#rrggbb" and as 0xrrggbb; INDEX from 0, over again. */
const char *clade_svg_colour(int64_t index);
uint32_t clade_svg_rgb(int64_t index);
/* From A (share 0) to B (share 1). */
uint32_t clade_svg_blend(uint32_t a, uint32_t b, double share);
/* 1, 2 or 5 times a power of ten: the distance of about five marks on an axis as long as SPAN. */
double clade_svg_tick_distance(double span);

typedef struct clade_panel {
    clade_text *svg;
    double x, y, width, height;      /* of the picture, in pixels, y downwards */
    double left, right, bottom, top; /* what its edges stand for; each pair differs */
    bool log_y;                      /* powers of ten; bottom and top above 0 */
} clade_panel;

double clade_panel_x(const clade_panel *panel, double x); /* in pixels */
double clade_panel_y(const clade_panel *panel, double y); /* in pixels, within the panel */

void clade_panel_axes(const clade_panel *panel, const char *title, const char *x_label, const char *y_label);
/* A curve through COUNT points; a number that is none breaks it. */
void clade_panel_curve(const clade_panel *panel, const double *x, const double *y, size_t count, const char *style);
void clade_panel_dot(const clade_panel *panel, double x, double y, double radius, const char *style);
/* Words beside a piece of line in STYLE, ROW by row from the panel's upper right outside. */
void clade_panel_legend(const clade_panel *panel, int row, const char *style, const char *words);

/* The panel as ROWS x COLUMNS cells of colours 0xrrggbb, the first row at the bottom. */
void clade_panel_cells(const clade_panel *panel, const uint32_t *colours, int64_t rows, int64_t columns);
/* Where a function has the value LEVEL: VALUES at ROWS x COLUMNS points that span the panel, edges included, the first
 * row at the bottom; straight lines between them (marching squares). */
void clade_panel_contour(const clade_panel *panel, const float *values, int64_t rows, int64_t columns, double level,
                         const char *style);
/* A grey picture of ROWS x COLUMNS pixels of SIZE, values in [0, 1], its upper left corner at (X, Y). */
void clade_svg_greys(clade_text *svg, double x, double y, double size, const float *values, int64_t rows,
                     int64_t columns);

#endif
