"""Pooling, normalisation, reductions, softmax, losses, and what moves elements."""

import torch
import torch.nn.functional as F
from case import Case, distinct, integers, positive, row, sizes, uniform


# ---- pooling ----

def windows(rng):
    """Attributes of a 2-D pooling, its image, its outputs, and what PyTorch calls the same."""
    kernel = [int(n) for n in rng.integers(1, 5, 2)]
    stride = [int(n) for n in rng.integers(1, 4, 2)]
    pad = [int(rng.integers(0, k // 2 + 1)) for k in kernel]
    image = [k + int(n) for k, n in zip(kernel, rng.integers(0, 9, 2))]
    out = [(i + 2 * p - k) // s + 1 for i, p, k, s in zip(image, pad, kernel, stride)]
    attributes = dict(kernel=kernel, stride=stride, pad=[pad[0], pad[1], pad[0], pad[1]])
    return sizes(rng, 2, 4), image, out, attributes, dict(kernel_size=kernel, stride=stride, padding=pad)


def winners_of(rng, batch, image, options):
    """Real winners (offsets in their planes), as a maximum over random images gives."""
    x = torch.from_numpy(distinct(rng, *batch, *image))
    return F.max_pool2d(x, **options, return_indices=True)[1]


@row("max_pool")
def max_pool(rng):
    batch, image, _, attributes, options = windows(rng)

    def function(x):
        y, winners = F.max_pool2d(x, **options, return_indices=True)
        return y, winners
    return Case([distinct(rng, *batch, *image)], function, **attributes)


@row("max_pool_gradient")
def max_pool_gradient(rng):
    batch, image, out, attributes, options = windows(rng)
    winners = winners_of(rng, batch, image, options).numpy().astype("int32")

    def function(where, dy):
        planes = torch.zeros(*batch, image[0] * image[1], dtype=dy.dtype)
        return planes.scatter_add(2, where.flatten(2), dy.flatten(2)).reshape(*batch, *image)
    return Case([winners, uniform(rng, *batch, *out)], function, size=image, **attributes)


@row("max_pool_pick")
def max_pool_pick(rng):
    batch, image, out, attributes, options = windows(rng)
    winners = winners_of(rng, batch, image, options).numpy().astype("int32")

    def function(where, x):
        return x.flatten(2).gather(2, where.flatten(2)).reshape(*batch, *out)
    return Case([winners, uniform(rng, *batch, *image)], function, size=image, **attributes)


@row("average_pool")
def average_pool(rng):
    batch, image, _, attributes, options = windows(rng)
    exclude = bool(rng.integers(0, 2))
    return Case([uniform(rng, *batch, *image)],
                lambda x: F.avg_pool2d(x, **options, count_include_pad=not exclude), exclude_pad=exclude, **attributes)


@row("average_pool_gradient")
def average_pool_gradient(rng):
    batch, image, out, attributes, options = windows(rng)

    def function(dy):
        x = torch.zeros(*batch, *image, dtype=dy.dtype, requires_grad=True)
        return torch.autograd.grad(F.avg_pool2d(x, **options), x, dy, create_graph=True)[0]
    return Case([uniform(rng, *batch, *out)], function, size=image, **attributes)


# ---- normalisation ----

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

    def function(x, gamma, beta, mean, variance):
        y = F.batch_norm(x, None, None, gamma, beta, training=True, eps=1e-3)
        return y, None, None, None, None
    return Case([uniform(rng, *shape), positive(rng, *channels), uniform(rng, *channels), uniform(rng, *channels),
                 positive(rng, *channels)], function, epsilon=1e-3, momentum=0.1)


# ---- reductions and softmax ----

def reduction(name, function):
    @row(name)
    def make(rng):
        shape = sizes(rng, int(rng.integers(1, 5)), 9)
        axes = [axis for axis in range(len(shape)) if rng.integers(0, 2)] or [0]
        keep = bool(rng.integers(0, 2))
        return Case([uniform(rng, *shape)], lambda x: function(x, dim=axes, keepdim=keep),
                    axes=sum(1 << axis for axis in axes), keep=keep)


reduction("sum", torch.sum)
reduction("mean", torch.mean)


# ---- losses: one number a row ----

def labelled(rng):
    rows, classes = sizes(rng, 2, 20)
    return uniform(rng, rows, classes), integers(rng, classes, rows)


@row("softmax_cross_entropy")
def softmax_cross_entropy(rng):
    x, label = labelled(rng)
    return Case([x, label], lambda x, label: F.cross_entropy(x, label, reduction="none"))


@row("softmax_cross_entropy_gradient")
def softmax_cross_entropy_gradient(rng):
    x, label = labelled(rng)

    def function(x, label, d):
        one_hot = F.one_hot(label, x.shape[1])
        return d[:, None] * (torch.softmax(x, 1) - one_hot)
    return Case([x, label, uniform(rng, x.shape[0])], function)


@row("negative_log_likelihood")
def negative_log_likelihood(rng):
    x, label = labelled(rng)
    return Case([x, label], lambda x, label: F.nll_loss(x, label, reduction="none"))


# ---- shape ----

@row("reshape")
def reshape(rng):
    a, b, c = sizes(rng, 3)
    return Case([uniform(rng, a, b, c)], lambda x: x.reshape(c, a * b), dims=[c, a * b])


@row("expand")
def expand(rng):
    shape = sizes(rng, 3)
    small = list(shape)
    small[int(rng.integers(3))] = 1
    return Case([uniform(rng, *small)], lambda x: x.expand(shape), dims=shape)
