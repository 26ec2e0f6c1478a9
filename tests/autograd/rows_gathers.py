"""What takes and puts elements by whole numbers, which count from the end where they are negative."""

import numpy
import torch
from case import Case, nonzero, row, sizes, uniform

REPLACE, ADD, MULTIPLY, MAXIMUM, MINIMUM = range(5)
REDUCTIONS = {ADD: "sum", MULTIPLY: "prod", MAXIMUM: "amax", MINIMUM: "amin"}


def numbers(rng, size, *shape):
    return rng.integers(-size, size, shape).astype(numpy.int32)


def along(rng, rank=3):
    return sizes(rng, rank), int(rng.integers(0, rank))


# ---- rows ----

@row("gather")
def gather(rng):
    shape, axis = along(rng)
    index = numbers(rng, shape[axis], *sizes(rng, int(rng.integers(0, 3))))

    def function(x, index):
        taken = x.index_select(axis, index.flatten() % shape[axis])
        return taken.reshape(*shape[:axis], *index.shape, *shape[axis + 1:])
    return Case([uniform(rng, *shape), index], function, axis=axis)


@row("gather_gradient")
def gather_gradient(rng):
    shape, axis = along(rng)
    index = numbers(rng, shape[axis], *sizes(rng, int(rng.integers(1, 3))))

    def function(dy, index):
        flat = dy.reshape(*shape[:axis], -1, *shape[axis + 1:])
        return torch.zeros(shape, dtype=dy.dtype).index_add(axis, index.flatten() % shape[axis], flat)
    dy = uniform(rng, *shape[:axis], *index.shape, *shape[axis + 1:])
    return Case([dy, index], function, axis=axis, size=shape[axis])


# ---- elements along an axis ----

@row("gather_elements")
def gather_elements(rng):
    shape, axis = along(rng)
    index_shape = [int(rng.integers(1, n + 1)) for n in shape]
    index_shape[axis] = int(rng.integers(1, 9))
    return Case([uniform(rng, *shape), numbers(rng, shape[axis], *index_shape)],
                lambda x, index: x.gather(axis, index % shape[axis]), axis=axis)


def puts(rng, how, places, *shape):
    """Numbers of places for SHAPE along its first axis; without repetition where one is replaced."""
    if how != REPLACE:
        return numbers(rng, places, *shape)
    columns = [rng.permutation(places)[:shape[0]] for _ in range(int(numpy.prod(shape[1:])))]
    return numpy.array(columns, dtype=numpy.int32).T.reshape(shape)


@row("scatter_elements", shapes=12)
def scatter_elements(rng):
    shape, axis = along(rng)
    how = int(rng.integers(0, 5))
    index_shape = [int(rng.integers(1, n + 1)) for n in shape]
    first = [index_shape[axis], *index_shape[:axis], *index_shape[axis + 1:]]
    index = numpy.moveaxis(puts(rng, how, shape[axis], *first), 0, axis)

    def function(x, index, u):
        index = index % shape[axis]
        return x.scatter(axis, index, u) if how == REPLACE else x.scatter_reduce(axis, index, u, REDUCTIONS[how])
    return Case([nonzero(rng, *shape), numpy.ascontiguousarray(index), nonzero(rng, *index_shape)], function, axis=axis,
                how=how)


# ---- parts by tuples ----

def tuples(rng, how):
    """x's dims, axes of a batch, an index (B, M, K) and what it takes, (B, M, rest), as places of x flattened to
    (B, tuples, rest)."""
    batch, rest = sizes(rng, int(rng.integers(0, 2)), 4), sizes(rng, int(rng.integers(0, 3)), 4)
    chosen = sizes(rng, int(rng.integers(1, 3)), 5)
    samples, places = int(numpy.prod(batch)), int(numpy.prod(chosen))
    count = int(rng.integers(1, places + 1)) if how == REPLACE else int(rng.integers(1, 9))
    flat = puts(rng, how, places, count, samples).T % places
    index = numpy.stack(numpy.unravel_index(flat, chosen), -1).astype(numpy.int32)
    index -= numpy.array(chosen, dtype=numpy.int32) * rng.integers(0, 2, index.shape).astype(numpy.int32)
    return batch, chosen, rest, index.reshape(*batch, count, len(chosen)), flat


@row("gather_nd")
def gather_nd(rng):
    batch, chosen, rest, index, flat = tuples(rng, ADD)

    def function(x, index):
        parts = x.reshape(flat.shape[0], -1, *rest)
        return torch.stack([parts[n, flat[n]] for n in range(flat.shape[0])]).reshape(*index.shape[:-1], *rest)
    return Case([uniform(rng, *batch, *chosen, *rest), index], function, batch=len(batch))


@row("scatter_nd", shapes=12)
def scatter_nd(rng):
    how = int(rng.integers(0, 5))
    batch, chosen, rest, index, flat = tuples(rng, how)

    def function(x, index, u):
        parts, updates = x.reshape(flat.shape[0], -1, 1, *rest), u.reshape(*flat.shape, 1, *rest)
        where = torch.from_numpy(flat).reshape(*flat.shape, *[1] * (len(rest) + 1)).expand(updates.shape)
        if how == REPLACE:
            return parts.scatter(1, where, updates).reshape(x.shape)
        return parts.scatter_reduce(1, where, updates, REDUCTIONS[how]).reshape(x.shape)
    return Case([nonzero(rng, *batch, *chosen, *rest), index, nonzero(rng, *index.shape[:-1], *rest)], function,
                batch=len(batch), how=how)
