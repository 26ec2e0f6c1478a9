/* A reference solver on the host, in double: linear models whose answer to features x is link(W x + b), fitted by Newton's
 * method, which for the identity is the closed form (the normal equations). The losses are means over the samples:
 *     identity   half the squared distance         1/2 |p - t|^2
 *     sigmoid    -t ln p - (1 - t) ln(1 - p)       one output
 *     softmax    -ln p of the class
 * plus decay/2 times the sum of the squares of W. Of all three the gradient by z = W x + b is p - t (McCullagh and Nelder,
 * "Generalized Linear Models", 1989). */
#ifndef CLADE_EXPERIMENTS_NEWTON_H
#define CLADE_EXPERIMENTS_NEWTON_H

#include "base/context.h"

typedef enum clade_link { CLADE_LINK_IDENTITY, CLADE_LINK_SIGMOID, CLADE_LINK_SOFTMAX } clade_link;

enum { CLADE_NEWTON_FEATURES = 4, CLADE_NEWTON_OUTPUTS = 4 };

typedef struct clade_linear_problem {
    clade_link link;
    int64_t samples, features, outputs;
    const float *x;      /* (samples, features) */
    const float *target; /* (samples, outputs) */
    double decay;
} clade_linear_problem;

typedef struct clade_linear_fit {
    double weight[CLADE_NEWTON_OUTPUTS][CLADE_NEWTON_FEATURES];
    double bias[CLADE_NEWTON_OUTPUTS]; /* of softmax those whose sum is 0 */
    int64_t steps;                     /* of Newton's method */
} clade_linear_fit;

/* Fits from zero until a step is below 1e-12. CLADE_ERROR_ARGUMENT when it does not settle: the features depend on each
 * other, or the classes are divided without decay. */
clade_status clade_newton_fit(clade_context *context, const clade_linear_problem *problem, clade_linear_fit *fit);

#endif
