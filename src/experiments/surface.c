/* Decision surfaces: surface.h. The grid is one run of the session, a point a sample. */
#include "experiments/surface.h"

#include <math.h>
#include <stdio.h>

enum { SIDE = 80, CELLS = SIDE * SIDE };

/* Of a class where it is certain: its colour, light enough for dots to stand out. */
static uint32_t ground_of(int64_t class) {
    const double whiteness = 0.45;
    return clade_svg_blend(clade_svg_rgb(class), 0xffffff, whiteness);
}

/* The classes' colours mixed by their probabilities, which are rounded to eighths so that neighbours are alike. */
static uint32_t colour_of(const float *scores, int64_t classes) {
    const double steps = 8;
    double channels[3] = { 0 }, total = 0;
    for (int64_t k = 0; k < (classes == 1 ? 2 : classes); k++) {
        double score = classes > 1 ? scores[k] : k == 1 ? scores[0] : 1 - scores[0];
        double share = round(fmin(fmax(score, 0), 1) * steps) / steps;
        for (int i = 0; i < 3; i++)
            channels[i] += share * (double)(ground_of(k) >> 8 * i & 0xff);
        total += share;
    }
    if (!(total > 0)) return 0xffffff;
    uint32_t mixed = 0;
    for (int i = 0; i < 3; i++)
        mixed |= (uint32_t)lround(channels[i] / total) << 8 * i;
    return mixed;
}

clade_status clade_surface_draw(clade_lab *lab, clade_session *session, clade_value input, clade_value output,
                                const clade_panel *panel) {
    clade_dims dims = clade_value_dims(output);
    int64_t classes = dims.size[dims.rank - 1];
    float *points = clade_allocate(lab->context, 2 * CELLS, sizeof *points);
    float *scores = clade_allocate(lab->context, CELLS * (size_t)classes, sizeof *scores);
    uint32_t *colours = clade_allocate(lab->context, CELLS, sizeof *colours);
    clade_status status = CLADE_OK;
    if (!points || !scores || !colours) status = clade_fail_memory(lab->context, CELLS * sizeof *points, "a picture");
    for (int i = 0; i < CELLS && status == CLADE_OK; i++) {
        points[2 * i] = (float)(panel->left + (panel->right - panel->left) * (i % SIDE + 0.5) / SIDE);
        points[2 * i + 1] = (float)(panel->bottom + (panel->top - panel->bottom) * (i / SIDE + 0.5) / SIDE);
    }
    const clade_binding_array feed = { input, points, 2 * CELLS }, fetch = { output, scores, CELLS * classes };
    if (status == CLADE_OK)
        status = clade_session_run(session, &(clade_run_options){ .size = sizeof(clade_run_options),
                                                                  .batch = CELLS,
                                                                  .feeds = &feed,
                                                                  .feed_count = 1,
                                                                  .fetches = &fetch,
                                                                  .fetch_count = 1,
                                                                  .inference = true });
    for (int i = 0; i < CELLS && status == CLADE_OK; i++)
        colours[i] = colour_of(scores + i * classes, classes);
    if (status == CLADE_OK) clade_panel_cells(panel, colours, SIDE, SIDE);
    clade_free(lab->context, colours);
    clade_free(lab->context, scores);
    clade_free(lab->context, points);
    return status;
}

void clade_surface_dots(const clade_panel *panel, const float *points, const int32_t *labels, int64_t count,
                        double radius) {
    for (int64_t i = 0; i < count; i++) {
        char style[96];
        snprintf(style, sizeof style, "fill=\"%s\" stroke=\"#fff\" stroke-width=\"0.7\"", clade_svg_colour(labels[i]));
        clade_panel_dot(panel, points[2 * i], points[2 * i + 1], radius, style);
    }
}
