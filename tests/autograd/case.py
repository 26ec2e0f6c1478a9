"""What the entries of rows_*.py are made of. An entry draws a case of its row: inputs, attributes, and the same
function in PyTorch, which is given the inputs as tensors (float64, or int64 for int32) and returns its outputs in the
row's order, None for one that is not compared."""

import numpy

cases = {}         # row -> function(rng) -> Case
least_shapes = {}  # row -> how many it needs, where it has many forms
exempt = {}        # row -> why it cannot be compared


class Case:
    def __init__(self, inputs, function, /, **attributes):
        self.inputs, self.function, self.attributes = inputs, function, attributes


def row(name, shapes=0):
    def keep(function):
        cases[name] = function
        least_shapes[name] = shapes
        return function
    return keep


def sizes(rng, rank, most=7):
    return [int(n) for n in rng.integers(1, most + 1, rank)]


def uniform(rng, *shape):
    return rng.uniform(-1, 1, shape).astype(numpy.float32)


def positive(rng, *shape):
    return rng.uniform(0.5, 2, shape).astype(numpy.float32)


def nonzero(rng, *shape):
    return (rng.uniform(0.1, 1, shape) * rng.choice([-1, 1], shape)).astype(numpy.float32)


def distinct(rng, *shape):
    count = int(numpy.prod(shape))
    return (rng.permutation(count) * 0.02 - count * 0.01).astype(numpy.float32).reshape(shape)


def integers(rng, below, *shape):
    return rng.integers(0, below, shape).astype(numpy.int32)
