"""Convolutions and matrix products."""

import torch
import torch.nn.functional as F
from case import Case, row, sizes, uniform


@row("matmul")
def matmul(rng):
    m, k, n = sizes(rng, 3, 40)
    flip_a, flip_b = (bool(b) for b in rng.integers(0, 2, 2))
    a = uniform(rng, *((k, m) if flip_a else (m, k)))
    b = uniform(rng, *((n, k) if flip_b else (k, n)))
    return Case([a, b], lambda a, b: (a.T if flip_a else a) @ (b.T if flip_b else b),
                transpose_a=flip_a, transpose_b=flip_b)


@row("batched_matmul", shapes=8)
def batched_matmul(rng):
    """The axes before the last two repeat where they are 1 or absent."""
    m, k, n = sizes(rng, 3, 12)
    flip_a, flip_b = (bool(b) for b in rng.integers(0, 2, 2))
    batch = sizes(rng, int(rng.integers(0, 4)), 4)

    def repeated():
        kept = [size if rng.integers(0, 3) else 1 for size in batch]
        return kept[int(rng.integers(0, len(kept) + 1)):] if rng.integers(0, 2) else kept
    a = uniform(rng, *repeated(), *((k, m) if flip_a else (m, k)))
    b = uniform(rng, *repeated(), *((n, k) if flip_b else (k, n)))
    return Case([a, b], lambda a, b: (a.mT if flip_a else a) @ (b.mT if flip_b else b), transpose_a=flip_a,
                transpose_b=flip_b)


def geometry(rng):
    """Sizes and attributes of a 2-D convolution with symmetric padding."""
    groups = int(rng.choice([1, 1, 2, 3]))
    channels, filters = groups * int(rng.integers(1, 4)), groups * int(rng.integers(1, 4))
    kernel = [int(n) for n in rng.integers(1, 5, 2)]
    stride = [int(n) for n in rng.integers(1, 4, 2)]
    dilation = [int(n) for n in rng.integers(1, 3, 2)]
    pad = [int(n) for n in rng.integers(0, 3, 2)]
    image = [d * (k - 1) + 1 + int(n) for d, k, n in zip(dilation, kernel, rng.integers(0, 9, 2))]
    out = [(i + 2 * p - d * (k - 1) - 1) // s + 1
           for i, p, d, k, s in zip(image, pad, dilation, kernel, stride)]
    x = [int(rng.integers(1, 4)), channels, *image]
    w = [filters, channels // groups, *kernel]
    attributes = dict(stride=stride, pad=[pad[0], pad[1], pad[0], pad[1]], dilation=dilation, groups=groups)
    options = dict(stride=stride, padding=pad, dilation=dilation, groups=groups)
    return x, w, [x[0], filters, *out], attributes, options


@row("conv2d")
def conv2d(rng):
    x, w, _, attributes, options = geometry(rng)
    return Case([uniform(rng, *x), uniform(rng, *w)], lambda x, w: F.conv2d(x, w, **options), **attributes)


@row("conv2d_data_gradient")
def conv2d_data_gradient(rng):
    x, w, y, attributes, options = geometry(rng)
    return Case([uniform(rng, *y), uniform(rng, *w)],
                lambda dy, w: torch.nn.grad.conv2d_input(x, w, dy, **options), image=x[2:], **attributes)


@row("conv2d_filter_gradient")
def conv2d_filter_gradient(rng):
    x, w, y, attributes, options = geometry(rng)

    def function(x, dy):
        zeros = torch.zeros(w, dtype=x.dtype, requires_grad=True)
        return torch.autograd.grad(F.conv2d(x, zeros, **options), zeros, dy, create_graph=True)[0]
    return Case([uniform(rng, *x), uniform(rng, *y)], function, kernel=w[2:], **attributes)
