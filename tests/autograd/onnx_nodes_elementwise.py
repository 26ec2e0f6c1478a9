"""Operators element by element: arithmetic, functions, activations, choices."""

import numpy
import torch
import torch.nn.functional as F
from case import distinct, nonzero, positive, sizes, uniform
from onnx_node import Node, chance, exempt, node, number, pick, some
from onnx import TensorProto


def shape_of(rng):
    return sizes(rng, int(rng.integers(0, 5)))


def broadcast(rng, shape):
    """A shape that broadcasts to SHAPE."""
    kept = [n if rng.integers(0, 3) else 1 for n in shape]
    return kept[int(rng.integers(0, len(kept) + 1)):]


# ---- functions of one input ----

def inside(rng, *shape):
    return rng.uniform(-0.9, 0.9, shape).astype(numpy.float32)


def beyond_one(rng, *shape):
    return rng.uniform(1.2, 3, shape).astype(numpy.float32)


def between_wholes(rng, *shape):
    return (rng.integers(-3, 3, shape) + rng.uniform(0.1, 0.4, shape)).astype(numpy.float32)


FUNCTIONS = {
    "Abs": (torch.abs, nonzero), "Acos": (torch.acos, inside), "Acosh": (torch.acosh, beyond_one),
    "Asin": (torch.asin, inside), "Asinh": (torch.asinh, uniform), "Atan": (torch.atan, uniform),
    "Atanh": (torch.atanh, inside), "Ceil": (torch.ceil, between_wholes), "Cos": (torch.cos, uniform),
    "Cosh": (torch.cosh, uniform), "Erf": (torch.erf, uniform), "Exp": (torch.exp, uniform),
    "Floor": (torch.floor, between_wholes), "HardSwish": (F.hardswish, uniform), "Identity": (lambda x: x + 0, uniform),
    "Log": (torch.log, positive), "Mish": (F.mish, uniform), "Neg": (torch.neg, uniform),
    "Reciprocal": (torch.reciprocal, nonzero), "Relu": (torch.relu, nonzero), "Round": (torch.round, between_wholes),
    "Sigmoid": (torch.sigmoid, uniform), "Sign": (torch.sign, nonzero), "Sin": (torch.sin, uniform),
    "Sinh": (torch.sinh, uniform), "Softplus": (F.softplus, uniform), "Softsign": (F.softsign, uniform),
    "Sqrt": (torch.sqrt, positive), "Tan": (torch.tan, inside), "Tanh": (torch.tanh, uniform),
}


def add_function(operator, function, draw):
    @node(operator)
    def entry(rng):
        return Node([draw(rng, *shape_of(rng))], function, opset=22)


for operator, (function, draw) in FUNCTIONS.items():
    add_function(operator, function, draw)


# ---- activations with parameters ----

def wide(rng, *shape):
    """Both sides of 0 and far from it, and from the bends of the activations."""
    return (nonzero(rng, *shape) * 4).astype(numpy.float32)


def add_activation(operator, function, cases=4, **ranges):
    """FUNCTION(x, parameters); RANGES: default, lowest and highest of each attribute."""
    @node(operator, cases)
    def entry(rng):
        given = some(rng, **{name: number(rng, low, high) for name, (_, low, high) in ranges.items()})
        values = {name: given.get(name, default) for name, (default, _, _) in ranges.items()}
        opset = 24 if operator == "Swish" else 21
        return Node([wide(rng, *shape_of(rng))], lambda x: function(x, **values), opset=opset, **given)


def hard_sigmoid(x, alpha, beta):
    return (alpha * x + beta).clamp(0, 1)


def selu(x, alpha, gamma):
    return gamma * torch.where(x > 0, x, alpha * (torch.exp(x.clamp(max=0)) - 1))


def shrink(x, bias, lambd):
    return torch.where(x < -lambd, x + bias, torch.where(x > lambd, x - bias, torch.zeros_like(x)))


add_activation("Celu", lambda x, alpha: x.clamp(min=0) + (alpha * (torch.exp(x / alpha) - 1)).clamp(max=0),
               alpha=(1.0, 0.5, 3))
add_activation("Elu", lambda x, alpha: torch.where(x > 0, x, alpha * (torch.exp(x.clamp(max=0)) - 1)),
               alpha=(1.0, 0.5, 3))
add_activation("HardSigmoid", hard_sigmoid, alpha=(0.2, 0.1, 0.9), beta=(0.5, 0.1, 0.9))
add_activation("LeakyRelu", lambda x, alpha: torch.where(x > 0, x, alpha * x), alpha=(0.01, -0.5, 0.9))
add_activation("Selu", selu, alpha=(1.67326319217681884765625, 1, 3), gamma=(1.05070102214813232421875, 0.5, 2))
add_activation("Shrink", shrink, bias=(0.0, -1, 1), lambd=(0.5, 0.1, 2))
add_activation("Swish", lambda x, alpha: x * torch.sigmoid(alpha * x), alpha=(1.0, 0.3, 3))
add_activation("ThresholdedRelu", lambda x, alpha: torch.where(x > alpha, x, torch.zeros_like(x)), alpha=(1.0, -1, 3))


@node("Gelu", 4)
def gelu(rng):
    approximate = pick(rng, None, "none", "tanh")
    return Node([wide(rng, *shape_of(rng))], lambda x: F.gelu(x, approximate=approximate or "none"),
                **({} if approximate is None else dict(approximate=approximate)))


@node("PRelu", 4)
def prelu(rng):
    shape = shape_of(rng)
    return Node([nonzero(rng, *shape), uniform(rng, *broadcast(rng, shape))],
                lambda x, slope: torch.where(x > 0, x, slope * x))


# ---- arithmetic of two ----

def add_arithmetic(operator, function, first, second):
    @node(operator, 4)
    def entry(rng):
        a, b = shape_of(rng), None
        b = broadcast(rng, a)
        a, b = (b, a) if chance(rng) else (a, b)
        return Node([first(rng, *a), second(rng, *b)], function)


add_arithmetic("Add", torch.add, uniform, uniform)
add_arithmetic("Div", torch.div, uniform, nonzero)
add_arithmetic("Mul", torch.mul, uniform, uniform)
add_arithmetic("Sub", torch.sub, uniform, uniform)


@node("Mod", 4)
def mod(rng):
    shape = shape_of(rng)
    a, b = 4 * nonzero(rng, *shape), positive(rng, *broadcast(rng, shape))
    if chance(rng):
        return Node([a.astype(numpy.float32), b], lambda a, b: a - torch.trunc((a / b).detach()) * b, fmod=1)
    return Node([a.astype(numpy.float32), -b if chance(rng) else b],
                lambda a, b: a - torch.floor((a / b).detach()) * b, opset=28)


@node("Pow", 6)
def power(rng):
    shape = shape_of(rng)
    kind = int(rng.integers(0, 3))
    if kind == 0:
        return Node([positive(rng, *shape), wide(rng, *broadcast(rng, shape))], torch.pow)
    exponent = rng.integers(-2, 4, broadcast(rng, shape))
    exponent = exponent.astype(pick(rng, numpy.int32, numpy.int64) if kind == 1 else numpy.float32)
    if kind == 1:
        return Node([nonzero(rng, *shape), exponent], lambda x, e: x ** e.double())
    return Node([positive(rng, *shape), exponent], torch.pow)


# ---- of several ----

def add_variadic(operator, function):
    @node(operator, 4)
    def entry(rng):
        shape = shape_of(rng)
        count = int(rng.integers(1, 5))
        everything = distinct(rng, count, *shape)
        inputs = [everything[i] for i in range(count)]
        if operator in ("Sum", "Mean"):
            inputs = [shape if i == 0 else broadcast(rng, shape) for i in range(count)]
            inputs = [uniform(rng, *s) for s in inputs]
        return Node(inputs, lambda *x: function(torch.stack(torch.broadcast_tensors(*x))))


add_variadic("Max", lambda x: x.amax(0))
add_variadic("Mean", lambda x: x.mean(0))
add_variadic("Min", lambda x: x.amin(0))
add_variadic("Sum", lambda x: x.sum(0))


@node("Clip", 6)
def clip(rng):
    x = distinct(rng, *shape_of(rng)) * 8
    low, high = (None if chance(rng, 3) else numpy.float32(number(rng, a, a + 0.4) + 0.001) for a in (-0.5, 0.1))
    if chance(rng, 3):  # attributes, as before operator set 11
        given = {name: float(end) for name, end in (("min", low), ("max", high)) if end is not None}
        return Node([x], lambda x: x.clamp(given.get("min"), given.get("max")) if given else x + 0,
                    opset=pick(rng, 6, 10), **given)

    def function(x, low, high):
        y = x if low is None else torch.maximum(x, low)
        return (y if high is None else torch.minimum(y, high)) + 0
    return Node([x, None if low is None else numpy.array(low), None if high is None else numpy.array(high)], function)


@node("Where")
def where(rng):
    shape = shape_of(rng)
    a, b, c = (broadcast(rng, shape) for _ in range(3))
    condition = rng.integers(0, 2, a).astype(bool)
    return Node([condition, uniform(rng, *b), uniform(rng, *(c if chance(rng) else shape))], torch.where)


@node("Dropout")
def dropout(rng):
    x = uniform(rng, *shape_of(rng))
    form = int(rng.integers(0, 3))
    if form == 0:
        return Node([x], lambda x: x + 0, opset=10, ratio=0.5)
    if form == 1:
        return Node([x], lambda x: x + 0, opset=13)
    return Node([x, numpy.array(0.5, numpy.float32)], lambda x, ratio: x + 0, opset=13, constants=[1])


@node("Cast")
def cast(rng):
    return Node([uniform(rng, *shape_of(rng))], lambda x: x + 0, to=TensorProto.FLOAT)


@node("CastLike")
def cast_like(rng):
    return Node([uniform(rng, *shape_of(rng)), numpy.zeros(3, numpy.float32)], lambda x, like: x + 0)


for operator in ("And Or Xor Not Equal Greater GreaterOrEqual Less LessOrEqual IsInf IsNaN BitShift BitwiseAnd "
                 "BitwiseNot BitwiseOr BitwiseXor").split():
    exempt[operator] = "gives truth values or whole numbers"
