/* What a function of the plane decides, as a picture: a panel's cells in the colours of the classes. */
#ifndef CLADE_EXPERIMENTS_SURFACE_H
#define CLADE_EXPERIMENTS_SURFACE_H

#include "clade/session.h"
#include "experiments/experiment.h"
#include "formats/svg.h"

/* Fills PANEL with what OUTPUT says of the points of a grid over it. INPUT takes points (N, 2) or (N, 2, 1, 1); OUTPUT is
 * (N, 1), the probability of class 1, or (N, K), a probability for each class. Numbers outside [0, 1] count as the
 * nearest in it. */
clade_status clade_surface_draw(clade_lab *lab, clade_session *session, clade_value input, clade_value output,
                                const clade_panel *panel);
/* Dots at POINTS (count, 2) in the colours of their classes. */
void clade_surface_dots(const clade_panel *panel, const float *points, const int32_t *labels, int64_t count,
                        double radius);

#endif
