/* The operators: each call adds a node to the graph of its inputs and gives its output. All arrays are row-major; image
 * batches are (N, C, H, W). Wrong arguments yield an invalid value and the graph's sticky fault (clade/graph.h).
 *
 * Calls with options are macros over a function that takes a struct beginning with its size:
 *     y = clade_conv2d(x, .filters = 16, .kernel = { 3, 3 }, .pad = { 1, 1, 1, 1 }, .name = "conv1");
 * Zero always means the default. Layers that own states name them NAME.weight, NAME.bias, ...; without .name they are
 * numbered ("conv2d_1"). */
#ifndef CLADE_OPS_H
#define CLADE_OPS_H

#include "clade/ops/collective.h"
#include "clade/ops/convolution.h"
#include "clade/ops/correlation.h"
#include "clade/ops/elementwise.h"
#include "clade/ops/loss.h"
#include "clade/ops/normalization.h"
#include "clade/ops/pooling.h"
#include "clade/ops/random.h"
#include "clade/ops/recurrent.h"
#include "clade/ops/reduction.h"
#include "clade/ops/shape.h"
#include "clade/ops/whole.h"

#endif
