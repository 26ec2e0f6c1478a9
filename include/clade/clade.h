/* Clade: one network, every vendor's device. Includes the whole public interface. */
#ifndef CLADE_CLADE_H
#define CLADE_CLADE_H

#include "clade/context.h"
#include "clade/data.h"
#include "clade/device.h"
#include "clade/experiment.h"
#include "clade/graph.h"
#include "clade/input_norm.h"
#include "clade/inspect.h"
#include "clade/minimize.h"
#include "clade/model.h"
#include "clade/network.h"
#include "clade/onnx.h"
#include "clade/ops.h"
#include "clade/ranks.h"
#include "clade/session.h"
#include "clade/train.h"
#include "clade/tune.h"
#include "clade/verify.h"
#include "clade/weights.h"

#endif
