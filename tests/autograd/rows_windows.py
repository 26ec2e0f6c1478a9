"""Frames of an axis, what lies under a kernel, and back."""

import numpy
import torch
import torch.nn.functional as F
from case import Case, row, sizes, uniform


class Axis:
    """Windows of LENGTH along an axis of SIZE: geometry, and for each window and tap the place in the padded axis."""

    def __init__(self, rng):
        self.length, self.stride, self.dilation = (int(n) for n in rng.integers(1, 4, 3))
        self.before, self.after = (int(n) for n in rng.integers(0, 3, 2))
        reach = (self.length - 1) * self.dilation + 1
        self.size = max(1, reach - self.before - self.after + int(rng.integers(0, 7)))
        self.count = (self.size + self.before + self.after - reach) // self.stride + 1
        self.places = torch.from_numpy(numpy.arange(self.count)[:, None] * self.stride
                                       + numpy.arange(self.length)[None, :] * self.dilation)


def transposed(function, shape):
    """What carries a gradient of FUNCTION's result back to its input of SHAPE; FUNCTION is linear."""
    def back(dy):
        x = torch.zeros(shape, dtype=dy.dtype, requires_grad=True)
        return torch.autograd.grad(function(x), x, dy, create_graph=True)[0]
    return back


# ---- frames ----

def framed(rng):
    axis = Axis(rng)
    samples, channels, inner = sizes(rng, 3)

    def frames(x):
        return F.pad(x, (0, 0, axis.before, axis.after))[:, :, axis.places].permute(0, 2, 1, 3, 4)
    attributes = dict(length=axis.length, stride=axis.stride, before=axis.before, after=axis.after,
                      dilation=axis.dilation)
    x, y = [samples, channels, axis.size, inner], [samples, axis.count, channels, axis.length, inner]
    return x, y, frames, attributes


@row("frames")
def frames(rng):
    x, _, function, attributes = framed(rng)
    return Case([uniform(rng, *x)], function, **attributes)


@row("overlap_add")
def overlap_add(rng):
    x, y, function, attributes = framed(rng)
    return Case([uniform(rng, *y)], transposed(function, x), size=x[2], **attributes)


# ---- columns ----

def unfolded(rng):
    axes = [Axis(rng) for _ in range(int(rng.integers(1, 4)))]
    samples, channels = sizes(rng, 2, 4)
    taps, pixels = (int(numpy.prod([getattr(axis, what) for axis in axes])) for what in ("length", "count"))

    def unfold(x):
        x = F.pad(x, [n for axis in reversed(axes) for n in (axis.before, axis.after)])
        for i, axis in enumerate(axes):  # axis i becomes two: windows and taps
            x = x[(slice(None),) * (2 + 2 * i) + (axis.places,)]
        order = [3 + 2 * i for i in range(len(axes))] + [2 + 2 * i for i in range(len(axes))]
        return x.permute(0, 1, *order).reshape(samples, channels * taps, pixels)

    def three(what, missing):
        return [getattr(axis, what) for axis in axes] + [missing] * (3 - len(axes))
    attributes = dict(axes=len(axes), kernel=three("length", 1), stride=three("stride", 1),
                      dilation=three("dilation", 1), pad=three("before", 0) + three("after", 0))
    image = [axis.size for axis in axes]
    return [samples, channels, *image], [samples, channels * taps, pixels], unfold, image, attributes


@row("unfold", shapes=6)
def unfold(rng):
    x, _, function, _, attributes = unfolded(rng)
    return Case([uniform(rng, *x)], function, **attributes)


@row("fold", shapes=6)
def fold(rng):
    x, columns, function, image, attributes = unfolded(rng)
    return Case([uniform(rng, *columns)], transposed(function, x), image=image, **attributes)
