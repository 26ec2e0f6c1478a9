"""What moves elements by their places, and between grids."""

import torch
import torch.nn.functional as F
from case import Case, row, sizes, uniform


def drawn_axis(rng, rank=3):
    return sizes(rng, rank), int(rng.integers(0, rank))


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


@row("transpose")
def transpose(rng):
    order = [int(n) for n in rng.permutation(int(rng.integers(2, 6)))]
    return Case([uniform(rng, *sizes(rng, len(order)))], lambda x: x.permute(order), permutation=order)


@row("reverse")
def reverse(rng):
    shape = sizes(rng, 4)
    axes = [axis for axis in range(4) if rng.integers(0, 2)] or [2]
    return Case([uniform(rng, *shape)], lambda x: x.flip(axes), axes=sum(1 << axis for axis in axes))


@row("concat")
def concat(rng):
    shape, axis = drawn_axis(rng)
    parts = [uniform(rng, *shape[:axis], size, *shape[axis + 1:]) for size in sizes(rng, int(rng.integers(1, 6)))]
    return Case(parts, lambda *parts: torch.cat(parts, axis), axis=axis)


@row("part")
def part(rng):
    shape, axis = drawn_axis(rng)
    before, size, after = sizes(rng, 3)
    shape[axis] = before + size + after
    return Case([uniform(rng, *shape)], lambda x: x.narrow(axis, before, size), axis=axis, before=before, size=size,
                after=after)


# ---- padding ----

def places(rng):
    """A narrow array's dims, where it lies in the wide one, the wide one's dims, and the narrow one's slices there."""
    shape = sizes(rng, 3)
    before, after = ([int(n) for n in rng.integers(0, 4, 3)] for _ in range(2))
    step = [int(n) for n in rng.integers(1, 4, 3)]
    wide = [b + (n - 1) * s + 1 + a for b, n, s, a in zip(before, shape, step, after)]
    slices = tuple(slice(b, w - a, s) for b, w, a, s in zip(before, wide, after, step))
    return shape, wide, slices, dict(before=before, after=after, step=step)


@row("pad")
def pad(rng):
    shape, wide, slices, attributes = places(rng)

    def function(x):
        y = torch.full(wide, 0.25, dtype=x.dtype)
        y[slices] = x
        return y
    return Case([uniform(rng, *shape)], function, value=0.25, **attributes)


@row("slice")
def slice_row(rng):
    _, wide, slices, attributes = places(rng)
    return Case([uniform(rng, *wide)], lambda x: x[slices], **attributes)


MODES = {1: "reflect", 2: "replicate", 3: "circular"}


def padded(x, mode, before, after):
    """PyTorch pads the last axes of (N, C, ...)."""
    pads = [n for pair in zip(reversed(before), reversed(after)) for n in pair]
    return F.pad(x[None, None], pads, MODES[mode])[0, 0]


@row("pad_mode", shapes=6)
def pad_mode(rng):
    mode, shape = int(rng.integers(1, 4)), [n + 2 for n in sizes(rng, 3)]
    before, after = ([int(rng.integers(0, min(n, 4))) for n in shape] for _ in range(2))
    return Case([uniform(rng, *shape)], lambda x: padded(x, mode, before, after), mode=mode, before=before, after=after)


@row("pad_mode_gradient", shapes=6)
def pad_mode_gradient(rng):
    mode, shape, axis = int(rng.integers(1, 4)), [n + 2 for n in sizes(rng, 3)], int(rng.integers(0, 3))
    before, after = [0] * 3, [0] * 3
    before[axis], after[axis] = int(rng.integers(1, shape[axis])), int(rng.integers(0, shape[axis]))
    wide = [n + b + a for n, b, a in zip(shape, before, after)]

    def function(dy):
        x = torch.zeros(shape, dtype=dy.dtype, requires_grad=True)
        return torch.autograd.grad(padded(x, mode, before, after), x, dy, create_graph=True)[0]
    return Case([uniform(rng, *wide)], function, mode=mode, before=before, after=after)


# ---- resizing along an axis: output o of M lies at (a o + b) / d among the N inputs ----

def half_pixel(n, m):
    return dict(a=2 * n, b=n - m, d=2 * m)


def align_corners(n, m):
    return dict(a=n - 1, b=0, d=m - 1)


def asymmetric(n, m):
    return dict(a=n, b=0, d=m)


NEAREST, LINEAR, CUBIC = range(3)
RESIZES = [  # mode, coordinates, further attributes, PyTorch's words
    (NEAREST, asymmetric, dict(rounding=2), dict(mode="nearest")),
    (NEAREST, half_pixel, dict(rounding=1), dict(mode="nearest-exact")),
    (LINEAR, half_pixel, {}, dict(mode="bilinear")),
    (LINEAR, align_corners, {}, dict(mode="bilinear", align_corners=True)),
    (LINEAR, half_pixel, dict(antialias=True), dict(mode="bilinear", antialias=True)),
    (CUBIC, half_pixel, dict(cubic=-0.75), dict(mode="bicubic")),
    (CUBIC, align_corners, dict(cubic=-0.75), dict(mode="bicubic", align_corners=True)),
    (CUBIC, half_pixel, dict(cubic=-0.5, antialias=True), dict(mode="bicubic", antialias=True)),
]


@row("resize", shapes=20)
def resize(rng):
    shape, axis = drawn_axis(rng)
    n, m = (int(size) for size in rng.integers(2, 20, 2))
    shape[axis] = n
    mode, coordinates, more, words = RESIZES[int(rng.integers(len(RESIZES)))]
    transposed = bool(rng.integers(0, 2))
    attributes = dict(axis=axis, inputs=n, outputs=m, mode=mode, transposed=transposed, **coordinates(n, m), **more)

    def resized(x):
        """Lines as rows: of one column, PyTorch's antialiased sums are wrong (2.15)."""
        rows = x.movedim(axis, 0).reshape(n, -1).T.reshape(-1, 1, 1, n)
        y = F.interpolate(rows, size=(1, m), **words).reshape(-1, m).T
        rest = shape[:axis] + shape[axis + 1:]
        return y.reshape(m, *rest).movedim(0, axis)

    def back(dy):
        x = torch.zeros(shape, dtype=dy.dtype, requires_grad=True)
        return torch.autograd.grad(resized(x), x, dy, create_graph=True)[0]
    if not transposed:
        return Case([uniform(rng, *shape)], resized, **attributes)
    return Case([uniform(rng, *shape[:axis], m, *shape[axis + 1:])], back, **attributes)
