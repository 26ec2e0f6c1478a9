"""Pooling: the largest of each window, and means, sums and norms over windows, with their gradients' rows."""

import torch
import torch.nn.functional as F
from case import Case, distinct, nonzero, row, sizes, uniform


def windows(rng, dilated):
    """Attributes of a 2-D pooling, its image, its outputs, and what PyTorch calls the same."""
    kernel = [int(n) for n in rng.integers(1, 5, 2)]
    stride = [int(n) for n in rng.integers(1, 4, 2)]
    dilation = [int(n) for n in rng.integers(1, 3, 2)] if dilated else [1, 1]
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilation)]
    pad = [int(rng.integers(0, k // 2 + 1)) for k in kernel]
    image = [r + int(n) for r, n in zip(reach, rng.integers(0, 9, 2))]
    out = [(i + 2 * p - r) // s + 1 for i, p, r, s in zip(image, pad, reach, stride)]
    attributes = dict(kernel=kernel, stride=stride, pad=[pad[0], pad[1], pad[0], pad[1]], dilation=dilation)
    options = dict(kernel_size=kernel, stride=stride, padding=pad)
    return sizes(rng, 2, 4), image, out, attributes, dict(options, dilation=dilation) if dilated else options


def winners_of(rng, batch, image, options):
    """Real winners (offsets in their planes), as a maximum over random images gives."""
    x = torch.from_numpy(distinct(rng, *batch, *image))
    return F.max_pool2d(x, **options, return_indices=True)[1]


@row("max_pool")
def max_pool(rng):
    batch, image, _, attributes, options = windows(rng, True)

    def function(x):
        y, winners = F.max_pool2d(x, **options, return_indices=True)
        return y, winners
    return Case([distinct(rng, *batch, *image)], function, **attributes)


@row("max_pool_gradient")
def max_pool_gradient(rng):
    batch, image, out, attributes, options = windows(rng, True)
    winners = winners_of(rng, batch, image, options).numpy().astype("int32")

    def function(where, dy):
        planes = torch.zeros(*batch, image[0] * image[1], dtype=dy.dtype)
        return planes.scatter_add(2, where.flatten(2), dy.flatten(2)).reshape(*batch, *image)
    return Case([winners, uniform(rng, *batch, *out)], function, size=image, **attributes)


@row("max_pool_pick")
def max_pool_pick(rng):
    batch, image, out, attributes, options = windows(rng, True)
    winners = winners_of(rng, batch, image, options).numpy().astype("int32")

    def function(where, x):
        return x.flatten(2).gather(2, where.flatten(2)).reshape(*batch, *out)
    return Case([winners, uniform(rng, *batch, *image)], function, size=image, **attributes)


@row("average_pool")
def average_pool(rng):
    batch, image, _, attributes, options = windows(rng, False)
    exclude = bool(rng.integers(0, 2))
    return Case([uniform(rng, *batch, *image)],
                lambda x: F.avg_pool2d(x, **options, count_include_pad=not exclude), exclude_pad=exclude, **attributes)


@row("average_pool_gradient")
def average_pool_gradient(rng):
    batch, image, out, attributes, options = windows(rng, False)

    def function(dy):
        x = torch.zeros(*batch, *image, dtype=dy.dtype, requires_grad=True)
        return torch.autograd.grad(F.avg_pool2d(x, **options), x, dy, create_graph=True)[0]
    return Case([uniform(rng, *batch, *out)], function, size=image, **attributes)


def summed_windows(rng):
    """Attributes of a 2-D pooling, its image and its outputs, and the function that gives the sum of each window."""
    kernel, stride, dilation = ([int(n) for n in rng.integers(1, 4, 2)] for _ in range(3))
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilation)]
    pad = [int(rng.integers(0, min(r, d + 1))) for r, d in zip(reach, dilation)]
    image = [r + int(n) for r, n in zip(reach, rng.integers(0, 9, 2))]
    out = [(i + 2 * p - r) // s + 1 for i, p, r, s in zip(image, pad, reach, stride)]
    attributes = dict(kernel=kernel, stride=stride, pad=[pad[0], pad[1], pad[0], pad[1]], dilation=dilation)

    def sums(x):
        planes = x.reshape(-1, 1, *x.shape[2:])
        ones = torch.ones(1, 1, *kernel, dtype=x.dtype)
        y = F.conv2d(planes, ones, stride=stride, padding=pad, dilation=dilation)
        return y.reshape(*x.shape[:2], *y.shape[2:])
    return sizes(rng, 2, 4), image, out, attributes, sums


@row("sum_pool")
def sum_pool(rng):
    batch, image, _, attributes, sums = summed_windows(rng)
    return Case([uniform(rng, *batch, *image)], sums, **attributes)


@row("sum_pool_gradient")
def sum_pool_gradient(rng):
    batch, image, out, attributes, sums = summed_windows(rng)

    def function(dy):
        x = torch.zeros(*batch, *image, dtype=dy.dtype, requires_grad=True)
        return torch.autograd.grad(sums(x), x, dy, create_graph=True)[0]
    return Case([uniform(rng, *batch, *out)], function, size=image, **attributes)


@row("lp_pool")
def lp_pool(rng):
    batch, image, _, attributes, sums = summed_windows(rng)
    power = int(rng.integers(1, 5))
    return Case([nonzero(rng, *batch, *image)], lambda x: sums(x.abs() ** power) ** (1 / power), power=power,
                **attributes)
