/* Newton's method for linear models: newton.h. The parameters of output k are W[k] and then b[k], one after the other. */
#include "experiments/newton.h"

#include <math.h>
#include <string.h>

enum { MOST_INPUTS = CLADE_NEWTON_FEATURES + 1, MOST_PARAMETERS = CLADE_NEWTON_OUTPUTS * MOST_INPUTS };

typedef struct equations {
    int64_t size;
    double matrix[MOST_PARAMETERS][MOST_PARAMETERS], right[MOST_PARAMETERS];
} equations;

/* Gaussian elimination with partial pivoting; the solution is in RIGHT. False for a singular matrix. */
static bool solve(equations *e) {
    for (int64_t column = 0; column < e->size; column++) {
        int64_t pivot = column;
        for (int64_t row = column + 1; row < e->size; row++)
            if (fabs(e->matrix[row][column]) > fabs(e->matrix[pivot][column])) pivot = row;
        if (!(fabs(e->matrix[pivot][column]) > 1e-300)) return false;
        for (int64_t i = 0; i < e->size; i++) {
            double kept = e->matrix[column][i];
            e->matrix[column][i] = e->matrix[pivot][i];
            e->matrix[pivot][i] = kept;
        }
        double kept = e->right[column];
        e->right[column] = e->right[pivot];
        e->right[pivot] = kept;
        for (int64_t row = 0; row < e->size; row++) {
            if (row == column) continue;
            double factor = e->matrix[row][column] / e->matrix[column][column];
            for (int64_t i = column; i < e->size; i++)
                e->matrix[row][i] -= factor * e->matrix[column][i];
            e->right[row] -= factor * e->right[column];
        }
    }
    for (int64_t i = 0; i < e->size; i++)
        e->right[i] /= e->matrix[i][i];
    return true;
}

static void answer(const clade_linear_problem *problem, const double *parameters, const double *x, double *p) {
    int64_t inputs = problem->features + 1;
    double highest = -INFINITY, sum = 0;
    for (int64_t k = 0; k < problem->outputs; k++) {
        p[k] = 0;
        for (int64_t i = 0; i < inputs; i++)
            p[k] += parameters[k * inputs + i] * x[i];
        highest = fmax(highest, p[k]);
    }
    for (int64_t k = 0; k < problem->outputs && problem->link == CLADE_LINK_SIGMOID; k++)
        p[k] = 1 / (1 + exp(-p[k]));
    if (problem->link != CLADE_LINK_SOFTMAX) return;
    for (int64_t k = 0; k < problem->outputs; k++)
        sum += p[k] = exp(p[k] - highest);
    for (int64_t k = 0; k < problem->outputs; k++)
        p[k] /= sum;
}

/* The derivative of p[k] by z[l]. */
static double slope(clade_link link, const double *p, int64_t k, int64_t l) {
    if (link == CLADE_LINK_SOFTMAX) return (k == l ? p[k] : 0) - p[k] * p[l];
    if (k != l) return 0;
    return link == CLADE_LINK_SIGMOID ? p[k] * (1 - p[k]) : 1;
}

static void add_sample(const clade_linear_problem *problem, const double *parameters, int64_t n, equations *e) {
    int64_t inputs = problem->features + 1;
    double x[MOST_INPUTS], p[CLADE_NEWTON_OUTPUTS], share = 1 / (double)problem->samples;
    for (int64_t i = 0; i < problem->features; i++)
        x[i] = (double)problem->x[n * problem->features + i];
    x[problem->features] = 1;
    answer(problem, parameters, x, p);
    for (int64_t k = 0; k < problem->outputs; k++) {
        double error = p[k] - (double)problem->target[n * problem->outputs + k];
        for (int64_t i = 0; i < inputs; i++)
            e->right[k * inputs + i] += share * error * x[i];
        for (int64_t l = 0; l < problem->outputs; l++) {
            double curve = share * slope(problem->link, p, k, l);
            for (int64_t i = 0; i < inputs; i++)
                for (int64_t j = 0; j < inputs; j++)
                    e->matrix[k * inputs + i][l * inputs + j] += curve * x[i] * x[j];
        }
    }
}

/* The gradient on the right, the Hessian on the left. */
static void set_up(const clade_linear_problem *problem, const double *parameters, equations *e) {
    int64_t inputs = problem->features + 1;
    memset(e, 0, sizeof *e);
    e->size = problem->outputs * inputs;
    for (int64_t n = 0; n < problem->samples; n++)
        add_sample(problem, parameters, n, e);
    for (int64_t at = 0; at < e->size; at++) {
        if (at % inputs == problem->features) continue;
        e->right[at] += problem->decay * parameters[at];
        e->matrix[at][at] += problem->decay;
    }
    /* A number added to all of softmax's biases changes nothing: this asks that their sum stay 0. */
    for (int64_t k = 0; problem->link == CLADE_LINK_SOFTMAX && k < problem->outputs; k++)
        for (int64_t l = 0; l < problem->outputs; l++)
            e->matrix[k * inputs + problem->features][l * inputs + problem->features] += 1;
}

clade_status clade_newton_fit(clade_context *context, const clade_linear_problem *problem, clade_linear_fit *fit) {
    enum { MOST_STEPS = 50 };
    const double settled = 1e-12;
    double parameters[MOST_PARAMETERS] = { 0 }, move = INFINITY;
    equations e;
    *fit = (clade_linear_fit){ 0 };
    while (!(move < settled)) {
        set_up(problem, parameters, &e);
        if (fit->steps++ == MOST_STEPS || !solve(&e))
            return clade_fail(context, CLADE_ERROR_ARGUMENT,
                              "Newton's method does not settle: ask for more decay, or other points");
        move = 0;
        for (int64_t i = 0; i < e.size; i++) {
            parameters[i] -= e.right[i];
            move = fmax(move, fabs(e.right[i]));
        }
    }
    for (int64_t k = 0; k < problem->outputs; k++) {
        const double *own = parameters + k * (problem->features + 1);
        memcpy(fit->weight[k], own, (size_t)problem->features * sizeof *own);
        fit->bias[k] = own[problem->features];
    }
    return CLADE_OK;
}
