/* times_power (x0, x1): y = x1 * x0^e where x0 > 0, else 0; element by element, inputs broadcast. What the slopes of Lp
 * norms are made of: their powers have no value at 0, where the slope is taken as 0. Kernels take e^(e ln x0), for
 * compilers vectorise that.
 * Gradients: dx0 = e * times_power(x0, dy * x1; e - 1), dx1 = times_power(x0, dy). */
#include "ops/elementwise/elementwise.h"
#include "ops/pooling/pool.h"

extern const clade_op clade_op_times_power;

MEANING(evaluate, x[0] > 0.0 ? x[1] * pow(x[0], p[0]) : 0.0)

GRADIENT(gradient) {
    const clade_value x0 = node->inputs[0], x1 = node->inputs[1];
    const double exponent = ((const number_attributes *)node->attributes)->number;
    if (tape->wanted[0]) {
        clade_value slope = clade_times_power(x0, clade_multiply(dy[0], x1), exponent - 1);
        dx[0] = to_input(node, 0, clade_scale(slope, exponent));
    }
    if (tape->wanted[1]) dx[1] = to_input(node, 1, clade_times_power(x0, dy[0], exponent));
}

static const number_attributes minus_half = { -0.5 };
BINARY_CASES(cases, CLADE_FILL_POSITIVE, CLADE_FILL_UNIFORM, &minus_half);

const clade_op clade_op_times_power =
    NUMBER_ROW("times_power", NULL, 2,
               EXPRESSION_OF_NUMBER("x0 > 0.0f ? x1 * exp(log(x0) * p0) : (real)(0.0f)", evaluate, number_parameters),
               gradient, cases);

clade_value clade_times_power(clade_value x0, clade_value x1, double exponent) {
    const clade_value inputs[] = { x0, x1 };
    return clade_append(clade_graph_of(inputs, 2), &clade_op_times_power, "", &(const number_attributes){ exponent },
                        inputs, 2);
}
