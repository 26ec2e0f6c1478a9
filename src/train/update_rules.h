/* The rules by which optimisers move one parameter. */
#ifndef CLADE_TRAIN_UPDATE_RULES_H
#define CLADE_TRAIN_UPDATE_RULES_H

#include "train/optimizer.h"

/* A trained state and what its update is made of: all of W's dims, but RATE, a scalar. */
typedef struct clade_parameter {
    clade_value w;
    clade_value from; /* where the step begins: w, or w after a decay of its own */
    clade_value g;    /* the gradient */
    clade_value rate;
    uint32_t program; /* of the updates; 0: the ordinary ones */
} clade_parameter;

typedef clade_status clade_update_function(const clade_parameter *parameter);

typedef struct clade_update_rule {
    const char *name;
    clade_update_function *update;           /* NULL: it searches */
    clade_update_function *without_momentum; /* where momentum 0 needs no state of its own; NULL: the same */
    clade_status (*set)(const clade_optimizer *optimizer, clade_session *session, int64_t step, double rate);
    bool decays_apart;     /* weight decay is not part of the gradient but of `from`, as the scalar train.kept */
    double rate, momentum; /* defaults */
} clade_update_rule;

/* NULL for a kind that is none. */
const clade_update_rule *clade_update_rule_of(clade_optimizer_kind kind);

#endif
