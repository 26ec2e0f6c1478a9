/* --layer-rates: which states are trained how fast. */
#ifndef CLADE_TOOLS_LAYER_RULES_H
#define CLADE_TOOLS_LAYER_RULES_H

#include "clade/train.h"

enum { LAYER_RULES_MOST = 64, LAYER_RULES_TEXT = 2048 };

typedef struct layer_rules {
    clade_layer_rule list[LAYER_RULES_MOST];
    size_t count;
    char text[LAYER_RULES_TEXT]; /* which the rules point into */
} layer_rules;

/* TEXT is "STATES=RATE,STATES=RATE,..."; a rate of 0 freezes. False when it is not. */
bool read_layer_rules(const char *text, layer_rules *rules);

#endif
