"""Sums, extremes and products over axes; along one axis softmax, cumulative sums and the largest elements."""

import torch
from case import Case, cases, distinct, integers, nonzero, positive, row, sizes, uniform


def reduction(name, function, draw=uniform, most=9):
    """FUNCTION(x, dim, keepdim) over a random set of axes."""
    def make(rng):
        shape = sizes(rng, int(rng.integers(1, 5)), most)
        axes = [axis for axis in range(len(shape)) if rng.integers(0, 2)] or [0]
        keep = bool(rng.integers(0, 2))
        return Case([draw(rng, *shape)], lambda x: function(x, dim=axes, keepdim=keep),
                    axes=sum(1 << axis for axis in axes), keep=keep)
    cases[name] = make


def with_ties(rng, *shape):
    return integers(rng, 5, *shape).astype("float32") - 2


def product(x, dim, keepdim):
    for axis in sorted(dim, reverse=True):
        x = x.prod(axis, keepdim)
    return x


reduction("sum", torch.sum, positive)
reduction("mean", torch.mean, positive)
reduction("sum_square", lambda x, **options: (x * x).sum(**options))
reduction("sum_absolute", lambda x, **options: x.abs().sum(**options), nonzero)
reduction("largest", torch.amax, with_ties)
reduction("smallest", torch.amin, with_ties)
reduction("product", product, with_ties, 3)


# ---- along one axis ----

def line(rng, most=20):
    shape = sizes(rng, int(rng.integers(1, 4)), most)
    return shape, int(rng.integers(0, len(shape)))


@row("softmax")
def softmax(rng):
    shape, axis = line(rng)
    return Case([uniform(rng, *shape)], lambda x: torch.softmax(x, axis), axis=axis)


@row("log_softmax")
def log_softmax(rng):
    shape, axis = line(rng)
    return Case([uniform(rng, *shape)], lambda x: torch.log_softmax(x, axis), axis=axis)


@row("softmax_gradient")
def softmax_gradient(rng):
    shape = sizes(rng, 2, 40)
    return Case([uniform(rng, *shape), uniform(rng, *shape)],
                lambda y, dy: y * (dy - (y * dy).sum(-1, keepdim=True)))


@row("cumulative_sum")
def cumulative_sum(rng):
    shape, axis = line(rng)
    exclusive, backwards = (bool(b) for b in rng.integers(0, 2, 2))

    def function(x):
        forwards = x.flip(axis) if backwards else x
        y = forwards.cumsum(axis) - (forwards if exclusive else 0)
        return y.flip(axis) if backwards else y
    return Case([uniform(rng, *shape)], function, axis=axis, exclusive=exclusive, backwards=backwards)


@row("running", shapes=6)
def running(rng):
    shape, axis = line(rng, 9)
    product, exclusive, backwards = (bool(b) for b in rng.integers(0, 2, 3))

    def function(x):
        forwards = x.flip(axis) if backwards else x
        y = forwards.cumprod(axis) if product else forwards.cumsum(axis)
        if exclusive:
            first = torch.full_like(y.narrow(axis, 0, 1), 1 if product else 0)
            y = torch.cat([first, y.narrow(axis, 0, shape[axis] - 1)], axis)
        return y.flip(axis) if backwards else y
    return Case([nonzero(rng, *shape)], function, axis=axis, product=product, exclusive=exclusive, backwards=backwards)


@row("top_k")
def top_k(rng):
    shape, axis = line(rng, 9)
    count, smallest = int(rng.integers(1, shape[axis] + 1)), bool(rng.integers(0, 2))
    return Case([distinct(rng, *shape)], lambda x: tuple(torch.topk(x, count, axis, not smallest)), axis=axis,
                count=count, smallest=smallest)
