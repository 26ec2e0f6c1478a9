"""Normalisation, and smoothing along an axis."""

import torch
import torch.nn.functional as F
from case import Case, positive, row, sizes, uniform


def local_response(x, size, alpha, beta, k):
    """PyTorch's pads an even window on the other side, so the sums are written out."""
    before, after = (size - 1) // 2, size - 1 - (size - 1) // 2
    squares = F.pad((x * x).flatten(2), (0, 0, before, after))
    sums = sum(squares[:, i:i + x.shape[1]] for i in range(size)).reshape(x.shape)
    return x * (k + alpha / size * sums) ** -beta


@row("lrn")
def lrn(rng):
    given = dict(size=int(rng.integers(1, 7)), alpha=0.3, beta=0.75, k=1.5)
    return Case([uniform(rng, *sizes(rng, 4))], lambda x: local_response(x, **given), **given)


@row("batch_norm")
def batch_norm(rng):
    shape = [n + 1 for n in sizes(rng, 4)]
    channels = [shape[1]]
    residual, relu = (bool(b) for b in rng.integers(0, 2, 2))

    def function(x, gamma, beta, mean, variance, *added):
        mean, variance = mean.detach().clone(), variance.detach().clone()
        y = F.batch_norm(x, mean, variance, gamma, beta, training=True, momentum=0.1, eps=1e-3)
        y = y + added[0] if residual else y
        return torch.relu(y) if relu else y, None, None, mean, variance
    inputs = [uniform(rng, *shape), positive(rng, *channels), uniform(rng, *channels), uniform(rng, *channels),
              positive(rng, *channels)]
    return Case(inputs + ([uniform(rng, *shape)] if residual else []), function, epsilon=1e-3, momentum=0.1,
                tail_residual=residual, tail_relu=relu)


@row("layer_norm")
def layer_norm(rng):
    shape = [n + 1 for n in sizes(rng, 4)]
    uncentred = bool(rng.integers(0, 2))
    parameters = shape[1] * shape[2]

    def function(x, gamma, beta):
        v = x if uncentred else x - x.mean((2, 3), keepdim=True)
        d = torch.rsqrt((v * v).mean((2, 3), keepdim=True) + 1e-3)
        form = (1, *shape[1:3], 1)
        return v * d * gamma.reshape(form) + beta.reshape(form), None, None
    return Case([uniform(rng, *shape), positive(rng, parameters), uniform(rng, parameters)], function, epsilon=1e-3,
                uncentred=uncentred)


@row("smooth")
def smooth(rng):
    shape = sizes(rng, 3, 12)
    axis, size = int(rng.integers(0, 3)), 2 * int(rng.integers(0, 4)) + 1

    def function(x):
        count, u = shape[axis], torch.arange(shape[axis], dtype=x.dtype)
        apart = u[:, None] - u[None, :]
        weights = torch.exp(-0.5 * (apart / 1.5) ** 2) * (apart.abs() <= size // 2)
        weights = weights / weights.sum(1, keepdim=True)
        return torch.tensordot(x, weights, dims=([axis], [1])).movedim(-1, axis).reshape(shape[:axis] + [count] +
                                                                                         shape[axis + 1:])
    return Case([uniform(rng, *shape)], function, axis=axis, size=size, sigma=1.5, transposed=False)
