/* How the states of an imported network, which carry nothing but their contents, begin when they are drawn afresh. */
#ifndef CLADE_TRAIN_IMPORTED_STATE_H
#define CLADE_TRAIN_IMPORTED_STATE_H

#include "ops/op.h"

/* Whether the state NODE is drawn for a fresh network: it is trained, or holds running statistics. A scalar is a constant
 * of the network's arithmetic, and neither. */
bool clade_imported_is_drawn(const clade_node *node);

/* Sets ATTRIBUTES, of the state NODE, to what a layer of Clade's own would begin with: weights of convolutions and products
 * by MSRA (He et al. 2015), gains and variances from 1, all else that has one axis from 0. */
void clade_imported_begin(const clade_node *node, clade_leaf_attributes *attributes);

#endif
