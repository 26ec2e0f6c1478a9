"""Reductions over axes, products by letters, orders, sums along an axis."""

import string

import numpy
import torch
from case import distinct, nonzero, positive, sizes, uniform
from onnx_node import Node, chance, exempt, node, signed


def shape_of(rng, least=1):
    return sizes(rng, int(rng.integers(least, 5)), 5)


# ---- reductions ----

def add_reduction(operator, function, draw, axes_input_since):
    """FUNCTION(x, axes, keep); axes are an attribute before operator set AXES_INPUT_SINCE."""
    @node(operator, 5)
    def entry(rng):
        shape = shape_of(rng)
        opset = 11 if chance(rng, 3) else 18
        given, inputs = {}, [draw(rng, *shape)]
        keep = not chance(rng)
        if not keep or chance(rng):
            given["keepdims"] = int(keep)
        axes = sorted(int(n) for n in rng.permutation(len(shape))[:int(rng.integers(0, len(shape) + 1))])
        listed = [signed(rng, n, len(shape)) for n in axes]
        if axes and opset < axes_input_since:
            given["axes"] = listed
        elif opset >= axes_input_since and (axes or chance(rng)):
            inputs.append(numpy.array(listed, dtype=numpy.int64))
            if not axes and chance(rng):
                given["noop_with_empty_axes"] = 1
        over = tuple(axes or range(len(shape)))
        if given.get("noop_with_empty_axes"):
            over = ()

        def reduced(x, axes=None):
            return function(x, over, keep) if over else pointwise(operator, x)
        return Node(inputs, reduced, opset=opset, constants=[1], **given)


def pointwise(operator, x):
    """What a reduction over no axes leaves."""
    return {"ReduceL1": x.abs, "ReduceL2": x.abs, "ReduceLogSum": x.log, "ReduceSumSquare": x.square}.get(
        operator, lambda: x + 0)()


def product(x, axes, keep):
    for axis in sorted(axes, reverse=True):
        x = x.prod(axis, keepdim=keep)
    return x


add_reduction("ReduceL1", lambda x, a, k: x.abs().sum(a, keepdim=k), nonzero, 18)
add_reduction("ReduceL2", lambda x, a, k: (x * x).sum(a, keepdim=k).sqrt(), nonzero, 18)
add_reduction("ReduceLogSum", lambda x, a, k: x.sum(a, keepdim=k).log(), positive, 18)
add_reduction("ReduceLogSumExp", lambda x, a, k: x.logsumexp(a, keepdim=k), uniform, 18)
add_reduction("ReduceMax", lambda x, a, k: x.amax(a, keepdim=k), distinct, 18)
add_reduction("ReduceMean", lambda x, a, k: x.mean(a, keepdim=k), uniform, 18)
add_reduction("ReduceMin", lambda x, a, k: x.amin(a, keepdim=k), distinct, 18)
add_reduction("ReduceProd", product, nonzero, 18)
add_reduction("ReduceSum", lambda x, a, k: x.sum(a, keepdim=k), uniform, 13)
add_reduction("ReduceSumSquare", lambda x, a, k: (x * x).sum(a, keepdim=k), uniform, 18)


# ---- along an axis ----

def add_running(operator, function, missing):
    @node(operator, 4)
    def entry(rng):
        shape = shape_of(rng)
        axis, exclusive, reverse = int(rng.integers(0, len(shape))), chance(rng), chance(rng)
        given = {name: 1 for name, on in (("exclusive", exclusive), ("reverse", reverse)) if on}

        def running(x, axis_input):
            x = x.flip(axis) if reverse else x
            if exclusive:
                first = torch.full_like(x.narrow(axis, 0, 1), missing)
                x = torch.cat([first, x.narrow(axis, 0, shape[axis] - 1)], axis)
            y = function(x, axis)
            return y.flip(axis) if reverse else y
        return Node([nonzero(rng, *shape), numpy.array(signed(rng, axis, len(shape)))], running,
                    opset=26 if operator == "CumProd" else 14, **given)


add_running("CumSum", torch.cumsum, 0.0)
add_running("CumProd", torch.cumprod, 1.0)


@node("TopK", 5)
def top_k(rng):
    shape = shape_of(rng)
    axis = int(rng.integers(0, len(shape)))
    count = int(rng.integers(1, shape[axis] + 1))
    opset = 10 if chance(rng, 4) else 11
    given = dict(axis=signed(rng, axis, len(shape))) if axis != len(shape) - 1 or chance(rng) else {}
    if opset == 10 and "axis" in given:
        given["axis"] = axis
    largest = opset == 10 or chance(rng)
    if not largest:
        given["largest"] = 0

    def function(x, k):
        taken = x.topk(count, axis, largest=largest)
        return taken.values, taken.indices
    return Node([distinct(rng, *shape), numpy.array([count])], function, opset=opset, constants=[1], **given)


for operator in ("ArgMax", "ArgMin"):
    exempt[operator] = "gives places"


# ---- products ----

@node("Det", 3)
def determinant(rng):
    size = int(rng.integers(1, 6))
    batch = sizes(rng, int(rng.integers(0, 3)), 3)
    return Node([uniform(rng, *batch, size, size)], torch.det, opset=22)


@node("Einsum", 12)
def einsum(rng):
    """Operands over random letters; a result of some of the letters, or of what an equation without "->" means."""
    known = {letter: n for letter, n in zip(string.ascii_lowercase, sizes(rng, 6, 4))}
    terms = ["".join(str(c) for c in rng.choice(list(known), int(rng.integers(1, 4)), replace=not chance(rng, 4)))
             for _ in range(int(rng.integers(1, 4)))]
    used = sorted(set("".join(terms)))
    equation = ",".join(terms)
    if chance(rng, 4):
        terms = ["..." + term for term in terms]
        equation = ",".join(terms) + "->..." + "".join(str(c) for c in rng.permutation(used))
    elif not chance(rng, 4):
        equation += "->" + "".join(str(c) for c in rng.permutation(used)[:int(rng.integers(0, len(used) + 1))])
    batch = [2, 3] if "..." in equation else []
    inputs = [uniform(rng, *batch, *(known[c] for c in term.replace("...", ""))) for term in terms]
    return Node(inputs, lambda *x: torch.einsum(equation, *x), opset=12, equation=equation)
