"""Rows element by element."""

import numpy
import torch
import torch.nn.functional as F
from case import Case, cases, exempt, integers, nonzero, positive, row, sizes, uniform


def unary(name, function, draw=uniform):
    cases[name] = lambda rng: Case([draw(rng, *sizes(rng, int(rng.integers(1, 5))))], function)


def numbered(name, function, number, draw=nonzero):
    cases[name] = lambda rng: Case([draw(rng, *sizes(rng, 3))], lambda x: function(x, number), number=number)


def binary(name, function, left=uniform, right=uniform, **attributes):
    """The second operand repeats along a random axis."""
    def make(rng):
        shape = sizes(rng, int(rng.integers(1, 4)))
        small = list(shape)
        small[int(rng.integers(len(shape)))] = 1
        return Case([left(rng, *shape), right(rng, *small)], function, **attributes)
    cases[name] = make


def pair(name, function, **attributes):
    """Both operands of one shape: a gradient's row takes what the forward row gave, and dy."""
    def make(rng):
        shape = sizes(rng, 3)
        return Case([nonzero(rng, *shape), uniform(rng, *shape)], function, **attributes)
    cases[name] = make


def inside(rng, *shape):
    return uniform(rng, *shape) * numpy.float32(0.9)


binary("add", lambda a, b: a + b)
binary("subtract", lambda a, b: a - b)
binary("multiply", lambda a, b: a * b)
binary("divide", lambda a, b: a / b, right=positive)
binary("maximum", torch.maximum)
binary("minimum", torch.minimum)
numbered("scale", lambda x, k: x * k, -3.0)
numbered("offset", lambda x, k: x + k, 1.5)
numbered("leaky_relu", F.leaky_relu, 0.1)
numbered("elu", F.elu, 1.5)
binary("power", torch.pow, left=positive)
binary("remainder", torch.remainder, left=nonzero, right=positive)
binary("float_remainder", torch.fmod, left=nonzero, right=positive)
unary("negate", torch.neg)
unary("square", torch.square)
unary("square_root", torch.sqrt, positive)
unary("reciprocal_square_root", torch.rsqrt, positive)
unary("sigmoid", torch.sigmoid)
unary("tanh", torch.tanh)
unary("relu", torch.relu, nonzero)
unary("exponential", torch.exp)
unary("logarithm", torch.log, positive)
unary("erf", torch.erf)
unary("absolute", torch.abs, nonzero)
unary("softplus", F.softplus)
unary("reciprocal", torch.reciprocal, positive)
unary("sine", torch.sin)
unary("cosine", torch.cos)
unary("tangent", torch.tan)
unary("arc_sine", torch.arcsin, inside)
unary("arc_cosine", torch.arccos, inside)
unary("arc_tangent", torch.arctan)
unary("hyperbolic_sine", torch.sinh)
unary("hyperbolic_cosine", torch.cosh)
unary("inverse_hyperbolic_sine", torch.asinh)
unary("inverse_hyperbolic_tangent", torch.atanh, inside)
pair("sigmoid_gradient", lambda y, dy: dy * y * (1 - y))
pair("tanh_gradient", lambda y, dy: dy * (1 - y * y))
pair("relu_gradient", lambda y, dy: torch.where(y > 0, dy, 0 * dy))
pair("leaky_relu_gradient", lambda x, dy: torch.where(x < 0, 0.1 * dy, dy), number=0.1)
pair("elu_gradient", lambda x, dy: torch.where(x < 0, 1.5 * torch.exp(x) * dy, dy), number=1.5)


@row("scale_per")
def scale_per(rng):
    return Case([uniform(rng, *sizes(rng, 3))], lambda x: x * 0.5 / 7, factor=0.5, count=7)


@row("times_power")
def times_power(rng):
    shape = sizes(rng, 3)
    exponent = float(rng.choice([-1.5, -1, 0.5, 2]))
    return Case([positive(rng, *shape), uniform(rng, *shape)], lambda a, b: b * a ** exponent, number=exponent)


@row("where")
def where(rng):
    a, b, c = sizes(rng, 3)
    return Case([integers(rng, 3, a, 1, c), uniform(rng, a, b, c), uniform(rng, b, 1)],
                lambda condition, x, y: torch.where(condition != 0, x, y))


exempt["all_reduce"] = "the identity on a device alone; tests/exec/test_all_reduce.c has several"
exempt["dropout"] = "its draws are Clade's own; tests/device/test_philox.c and the self-test pin them"
