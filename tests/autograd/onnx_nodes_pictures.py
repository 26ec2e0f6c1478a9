"""Resizing, and sampling at places of a grid."""

import math

import numpy
import torch
import torch.nn.functional as F
from case import sizes, uniform
from onnx_node import Node, chance, node, number, pick


# ---- resize ----

def place_of(how, at, scale, size, out, ends):
    """Where element AT of the result lies in an axis of SIZE (onnx.ai's Resize, coordinate_transformation_mode)."""
    if how == "half_pixel":
        return (at + 0.5) / scale - 0.5
    if how == "half_pixel_symmetric":
        adjustment = out / (scale * size)
        return size / 2 * (1 - adjustment) + (at + 0.5) / scale - 0.5
    if how == "pytorch_half_pixel":
        return (at + 0.5) / scale - 0.5 if out > 1 else 0.0
    if how == "align_corners":
        return at * (size - 1) / (out - 1) if out > 1 else 0.0
    if how == "asymmetric":
        return at / scale
    low, high = ends  # tf_crop_and_resize
    return low * (size - 1) + at * (high - low) * (size - 1) / (out - 1) if out > 1 else 0.5 * (low + high) * (size - 1)


def linear(t):
    return max(0.0, 1 - abs(t))


def cubic(a):
    def weight(t):
        t = abs(t)
        if t < 1:
            return (a + 2) * t ** 3 - (a + 3) * t ** 2 + 1
        return a * (t ** 3 - 5 * t ** 2 + 8 * t - 4) if t < 2 else 0.0
    return weight


def nearest(place, rounding):
    if rounding == "round_prefer_floor":
        return math.ceil(place - 0.5)
    if rounding == "round_prefer_ceil":
        return math.floor(place + 0.5)
    return math.floor(place) if rounding == "floor" else math.ceil(place)


def weights_of(size, out, scale, ends, o):
    """(OUT, SIZE): what each element of the axis has in each of the result; O are the operator's options."""
    matrix, outside = numpy.zeros((out, size)), numpy.zeros(out, bool)
    for at in range(out):
        place = place_of(o["how"], at, scale, size, out, ends)
        outside[at] = o["how"] == "tf_crop_and_resize" and not 0 <= place <= size - 1
        if o["mode"] == "nearest":
            matrix[at, min(max(nearest(place, o["rounding"]), 0), size - 1)] = 1
            continue
        kernel, reach = (linear, 1) if o["mode"] == "linear" else (cubic(o["a"]), 2)
        shrink = min(scale, 1) if o["antialias"] else 1
        low = math.floor(place - reach / shrink) - 1
        taps = [(k, kernel((k - place) * shrink)) for k in range(low, math.ceil(place + reach / shrink) + 2)]
        if o["exclude"]:
            taps = [(k, w) for k, w in taps if 0 <= k < size]
        if o["exclude"] or o["antialias"]:
            total = sum(w for _, w in taps)
            taps = [(k, w / total) for k, w in taps]
        for k, w in taps:
            matrix[at, min(max(k, 0), size - 1)] += w
    return matrix, outside


def options_of(rng):
    mode = pick(rng, "nearest", "linear", "cubic")
    o = dict(mode=mode, how=pick(rng, "half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric",
                                 "tf_crop_and_resize", "half_pixel_symmetric"), rounding="round_prefer_floor", a=-0.75,
             exclude=False, antialias=False)
    given = {}
    if o["how"] != "half_pixel" or chance(rng):
        given["coordinate_transformation_mode"] = o["how"]
    if mode != "nearest" or chance(rng):
        given["mode"] = mode
    if mode == "nearest":
        o["rounding"] = pick(rng, "round_prefer_floor", "round_prefer_ceil", "floor", "ceil")
        given["nearest_mode"] = o["rounding"]
    else:
        o["antialias"] = o["how"] != "tf_crop_and_resize" and chance(rng, 3)
        given.update(dict(antialias=1) if o["antialias"] else {})
    if mode == "cubic":
        o["a"], o["exclude"] = pick(rng, -0.75, -0.5), chance(rng, 3) and o["how"] != "tf_crop_and_resize"
        given.update(cubic_coeff_a=o["a"], exclude_outside=int(o["exclude"]))
    return o, given


@node("Resize", 24)
def resize(rng):
    o, given = options_of(rng)
    shape = [n + 1 for n in sizes(rng, 4, 5)]
    axes = [2, 3] if chance(rng) else [int(n) for n in rng.permutation(4)[:2]]
    # With these a scale speaks of a size that is not whole, which PyTorch does not know.
    by_sizes = o["how"] in ("align_corners", "tf_crop_and_resize") or chance(rng)
    scales = [pick(rng, 0.5, 0.625, 0.75, 1.25, 1.5, 2.0, 2.5) for _ in axes]
    out = [max(1, math.floor(shape[a] * s)) for a, s in zip(axes, scales)]
    scales = [n / shape[a] if by_sizes else max(s, 1 / shape[a]) for a, s, n in zip(axes, scales, out)]
    ends = [(number(rng, -0.3, 0.4), number(rng, 0.6, 1.3)) for _ in axes]
    value = given["extrapolation_value"] = number(rng, -2, 2)
    roi = None
    if o["how"] == "tf_crop_and_resize":
        roi = numpy.array([e[0] for e in ends] + [e[1] for e in ends], numpy.float32)

    def function(x, *_):
        beyond = torch.zeros([out[axes.index(i)] if i in axes else n for i, n in enumerate(shape)], dtype=torch.bool)
        for axis, n, scale, end in zip(axes, out, scales, ends):
            matrix, outside = weights_of(shape[axis], n, scale, end, o)
            x = torch.tensordot(torch.from_numpy(matrix), x, ([1], [axis])).movedim(0, axis)
            beyond = beyond | torch.from_numpy(outside).reshape([-1 if i == axis else 1 for i in range(4)])
        return torch.where(beyond, float(value), x)
    listed = numpy.array(out) if by_sizes else numpy.array(scales, numpy.float32)
    inputs = [uniform(rng, *shape), roi, None if by_sizes else listed, *([listed] if by_sizes else [])]
    return Node(inputs, function, opset=pick(rng, 18, 19), constants=[1, 2, 3], axes=axes, **given)


@node("Upsample", 3)
def upsample(rng):
    mode, opset = pick(rng, "nearest", "linear"), pick(rng, 7, 9)
    shape, factors = sizes(rng, 4, 4), [1.0, 1.0, *(pick(rng, 1.0, 2.0, 3.0) for _ in range(2))]
    o = dict(mode=mode, how="asymmetric", rounding="floor", a=0, exclude=False, antialias=False)

    def function(x, scales=None):
        for axis in (2, 3):
            matrix, _ = weights_of(shape[axis], int(shape[axis] * factors[axis]), factors[axis], (0, 1), o)
            x = torch.tensordot(torch.from_numpy(matrix), x, ([1], [axis])).movedim(0, axis)
        return x
    x = uniform(rng, *shape)
    if opset == 7:
        return Node([x], function, opset=7, mode=mode, scales=factors)
    return Node([x, numpy.array(factors, numpy.float32)], function, opset=9, constants=[1], mode=mode)


# ---- grids ----

@node("GridSample", 14)
def grid_sample(rng):
    """PyTorch's, at places that are no bends: not at whole coordinates, nor where a reflection turns."""
    volumes = chance(rng, 3)
    mode = pick(rng, "linear", "nearest") if volumes else pick(rng, "linear", "nearest", "cubic")
    padding, align = pick(rng, "zeros", "border", "reflection"), chance(rng)
    image, out = [n + 1 for n in sizes(rng, 3 if volumes else 2, 5)], sizes(rng, 3 if volumes else 2, 4)
    n, c = sizes(rng, 2, 3)
    whole = rng.integers(-2, 8, (n, *out, len(image))) + rng.uniform(0.1, 0.4, (n, *out, len(image)))
    size = numpy.array(image[::-1])
    grid = 2 * whole / (size - 1) - 1 if align else (2 * whole + 1) / size - 1
    opset = pick(rng, 16, 20) if not volumes else 20
    name = mode if opset == 20 else {"linear": "bilinear", "cubic": "bicubic"}.get(mode, mode)
    given = {} if mode == "linear" and chance(rng) else dict(mode=name)
    if padding != "zeros":
        given["padding_mode"] = padding
    if align:
        given["align_corners"] = 1
    torch_name = {"linear": "bilinear", "cubic": "bicubic"}.get(mode, mode)
    return Node([uniform(rng, n, c, *image), grid.astype(numpy.float32)],
                lambda x, grid: F.grid_sample(x, grid, torch_name, padding, align), opset=opset, **given)


@node("AffineGrid", 4)
def affine_grid(rng):
    axes, align = int(rng.integers(2, 4)), chance(rng)
    size = [*sizes(rng, 2, 3), *(n + 1 for n in sizes(rng, axes, 4))]
    return Node([uniform(rng, size[0], axes, axes + 1), numpy.array(size)],
                lambda theta, s: F.affine_grid(theta, size, align), opset=20, constants=[1],
                **(dict(align_corners=1) if align else {}))
