/* Planes of results of a convolution in groups, for CPU-like devices, one after another. */
#ifndef GROUP_PLACES_H
#define GROUP_PLACES_H

#include "always_inline.h"

/* A plane: its number, its group, and which of the group's OUTPUTS planes it is. */
typedef struct place {
    int plane, group, output;
} place;

INLINE void set_place(place *p, int plane, int groups, int outputs) {
    p->plane = plane;
    p->group = plane / outputs % groups;
    p->output = plane % outputs;
}

INLINE void next_place(place *p, int groups, int outputs) {
    p->plane++;
    if (++p->output < outputs) return;
    p->output = 0;
    if (++p->group == groups) p->group = 0;
}

#endif
