/* Points of the plane with classes, drawn by Clade, each a function of kind, seed, part and index alone. */
#ifndef CLADE_DATA_POINTS_H
#define CLADE_DATA_POINTS_H

#include <stdint.h>

typedef struct clade_points_kind {
    const char *name; /* "moons" */
    int32_t classes;
} clade_points_kind;

/* The kinds, ended by a NULL name. */
extern const clade_points_kind clade_points_kinds[];

/* Draws sample INDEX of PART ("train") of the kind numbered KIND: x and y, about within [-1, 1]. Returns its class;
 * these are as frequent as each other. */
int32_t clade_point_draw(int64_t kind, uint64_t seed, const char *part, int64_t index, float point[2]);

#endif
