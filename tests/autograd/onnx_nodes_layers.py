"""Convolutions, products and pooling."""

import itertools

import numpy
import torch
import torch.nn.functional as F
from case import distinct, nonzero, sizes, uniform
from onnx_node import Node, chance, exempt, node, number, pick, some

CONVOLUTIONS = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
TRANSPOSED = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}


class Windows:
    """Spatial attributes over AXES axes, an image that they fit, and the padding that they come to."""

    def __init__(self, rng, axes, dilated=True, ceil=False):
        def draw(low, high):
            return [int(n) for n in rng.integers(low, high, axes)]
        self.axes, self.kernel = axes, draw(1, 4)
        self.stride = draw(1, 4) if chance(rng) else [1] * axes
        self.dilation = draw(1, 3) if dilated and chance(rng) else [1] * axes
        self.reach = [(k - 1) * d + 1 for k, d in zip(self.kernel, self.dilation)]
        self.image = [r + int(n) for r, n in zip(self.reach, rng.integers(0, 6, axes))]
        self.auto_pad = pick(rng, None, None, "NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER")
        self.ceil = ceil and self.auto_pad in (None, "NOTSET") and chance(rng)
        self.given = dict(kernel_shape=self.kernel)
        for name, value in (("strides", self.stride), ("dilations", self.dilation)):
            if any(n != 1 for n in value):
                self.given[name] = value
        if self.auto_pad is not None:
            self.given["auto_pad"] = self.auto_pad
        if self.ceil:
            self.given["ceil_mode"] = 1
        self.pads = self.choose_pads(rng)

    def choose_pads(self, rng):
        """Before and after of each axis."""
        if self.auto_pad in ("SAME_UPPER", "SAME_LOWER"):
            totals = [max((-(-i // s) - 1) * s + r - i, 0) for i, s, r in zip(self.image, self.stride, self.reach)]
            halves = [(t // 2, t - t // 2) for t in totals]
            return halves if self.auto_pad == "SAME_UPPER" else [(b, a) for a, b in halves]
        if self.auto_pad == "VALID" or chance(rng):
            return [(0, 0)] * self.axes
        pads = [tuple(int(n) for n in rng.integers(0, k, 2)) for k in self.kernel]
        self.given["pads"] = [p[0] for p in pads] + [p[1] for p in pads]
        return pads

    def padded(self, x, value=0.0):
        return F.pad(x, [n for pair in reversed(self.pads) for n in pair], value=value)

    def outputs(self):
        """How many windows along each axis: with `ceil` one more that starts within the image and its first padding."""
        counts = []
        for i, (a, b), r, s in zip(self.image, self.pads, self.reach, self.stride):
            count = (i + a + b - r) // s + 1
            if self.ceil and (i + a + b - r) % s and count * s < i + a:
                count += 1
            counts.append(count)
        return counts

    def taken(self, x, value):
        """(N, C, windows..., taps): what lies under the kernel; VALUE in the padding, NaN beyond it."""
        counts = self.outputs()
        x = self.padded(x, value)
        beyond = [max((n - 1) * s + r - size, 0) for n, s, r, size in zip(counts, self.stride, self.reach, x.shape[2:])]
        x = F.pad(x, [n for more in reversed(beyond) for n in (0, more)], value=float("nan"))
        parts = []
        for tap in itertools.product(*(range(k) for k in self.kernel)):
            starts = [t * d for t, d in zip(tap, self.dilation)]
            parts.append(x[(slice(None), slice(None), *(slice(a, a + (n - 1) * s + 1, s)
                                                        for a, n, s in zip(starts, counts, self.stride)))])
        return torch.stack(parts, -1)


# ---- convolution ----

@node("Conv", 12)
def conv(rng):
    axes, groups = int(rng.integers(1, 4)), pick(rng, 1, 1, 2, 3)
    w = Windows(rng, axes)
    channels, filters = groups * int(rng.integers(1, 4)), groups * int(rng.integers(1, 4))
    x = uniform(rng, int(rng.integers(1, 4)), channels, *w.image)
    inputs = [x, uniform(rng, filters, channels // groups, *w.kernel)]
    if chance(rng):
        inputs.append(uniform(rng, filters))
    given = dict(w.given, group=groups) if groups > 1 else dict(w.given)
    if chance(rng):
        given.pop("kernel_shape")

    def function(x, weight, bias=None):
        return CONVOLUTIONS[axes](w.padded(x), weight, bias, w.stride, 0, w.dilation, groups)
    return Node(inputs, function, opset=pick(rng, 8, 11, 22), **given)


@node("ConvTranspose", 12)
def conv_transpose(rng):
    axes, groups = int(rng.integers(1, 4)), pick(rng, 1, 1, 2)
    w = Windows(rng, axes)
    given = {name: value for name, value in w.given.items() if name != "pads"}
    image = sizes(rng, axes, 5)
    more = [int(rng.integers(0, s)) for s in w.stride] if chance(rng) else [0] * axes
    full = [(i - 1) * s + r + m for i, s, r, m in zip(image, w.stride, w.reach, more)]
    pads = [(0, 0)] * axes
    if any(more):
        given["output_padding"] = more
    upper = w.auto_pad == "SAME_UPPER"
    if w.auto_pad in ("SAME_UPPER", "SAME_LOWER") or (w.auto_pad is None and chance(rng, 3)):
        wanted = [i * s for i, s in zip(image, w.stride)]
        if w.auto_pad is None:
            wanted = [int(rng.integers(max(1, n - 3), n + 1)) for n in full]
            given["output_shape"] = wanted
        totals = [f - n for f, n in zip(full, wanted)]
        pads = [(t // 2, t - t // 2) if upper else (t - t // 2, t // 2) for t in totals]
        if any(t < 0 for t in totals):
            return conv_transpose(rng)
    elif w.auto_pad != "VALID" and chance(rng):
        pads = [tuple(int(n) for n in rng.integers(0, max(1, min(k, (f + 1) // 2)), 2)) for k, f in zip(w.kernel, full)]
        given["pads"] = [p[0] for p in pads] + [p[1] for p in pads]
    channels, filters = groups * int(rng.integers(1, 4)), int(rng.integers(1, 4))
    inputs = [uniform(rng, int(rng.integers(1, 4)), channels, *image), uniform(rng, channels, filters, *w.kernel)]
    if chance(rng):
        inputs.append(uniform(rng, filters * groups))
    if groups > 1:
        given["group"] = groups

    def function(x, weight, bias=None):
        y = TRANSPOSED[axes](x, weight, None, w.stride, 0, 0, groups, w.dilation)
        y = F.pad(y, [n for m, (a, b) in reversed(list(zip(more, pads))) for n in (-a, m - b)])
        return y if bias is None else y + bias.reshape(-1, *[1] * axes)
    return Node(inputs, function, opset=pick(rng, 11, 22), **given)


def sampled(x, at):
    """x (C, H, W) at the places at (2, ...), between its elements, 0 outside: (C, ...)."""
    height, width = x.shape[1:]
    corner = at.detach().floor()
    total = 0
    for dy, dx in itertools.product((0, 1), (0, 1)):
        r, c = corner[0] + dy, corner[1] + dx
        weight = (1 - (at[0] - r).abs()) * (1 - (at[1] - c).abs())
        inside = (r >= 0) & (r < height) & (c >= 0) & (c < width)
        index = r.clamp(0, height - 1).long() * width + c.clamp(0, width - 1).long()
        total = total + x.flatten(1)[:, index] * (weight * inside)
    return total


@node("DeformConv", 6)
def deform_conv(rng):
    groups, offsets = pick(rng, 1, 2), pick(rng, 1, 2)
    w = Windows(rng, 2)
    w.given.pop("auto_pad", None)
    w.given.pop("pads", None)
    w.pads = [(1, 0), (0, 1)]
    w.given["pads"] = [1, 0, 0, 1]
    w.auto_pad = None
    channels, filters, samples = 2 * int(rng.integers(1, 3)), 2 * int(rng.integers(1, 3)), int(rng.integers(1, 3))
    out, taps = w.outputs(), w.kernel[0] * w.kernel[1]
    whole = rng.integers(-1, 2, (samples, offsets * taps * 2, *out))
    inputs = [uniform(rng, samples, channels, *w.image), uniform(rng, filters, channels // groups, *w.kernel),
              (whole + rng.uniform(0.1, 0.9, whole.shape)).astype(numpy.float32),
              uniform(rng, filters) if chance(rng) else None]
    if chance(rng):
        inputs.append(uniform(rng, samples, offsets * taps, *out))

    def function(x, weight, offset, bias, mask=None):
        moved = offset.reshape(samples, offsets, taps, 2, *out)
        rows = torch.arange(out[0])[:, None] * w.stride[0] - 1
        columns = torch.arange(out[1])[None, :] * w.stride[1]
        results = []
        for n in range(samples):
            parts = []
            for g, t in itertools.product(range(offsets), range(taps)):
                i, j = divmod(t, w.kernel[1])
                at = torch.stack([(rows + i * w.dilation[0]).expand(*out) + moved[n, g, t, 0],
                                  (columns + j * w.dilation[1]).expand(*out) + moved[n, g, t, 1]])
                part = sampled(x[n, g * channels // offsets:(g + 1) * channels // offsets], at)
                parts.append(part if mask is None else part * mask.reshape(samples, offsets, taps, *out)[n, g, t])
            under = torch.stack(parts).reshape(offsets, taps, channels // offsets, *out).transpose(1, 2)
            under = under.reshape(groups, channels // groups * taps, -1)
            y = weight.reshape(groups, filters // groups, -1) @ under
            results.append(y.reshape(filters, *out))
        y = torch.stack(results)
        return y if bias is None else y + bias.reshape(-1, 1, 1)
    return Node(inputs, function, opset=pick(rng, 19, 22), group=groups, offset_group=offsets, **w.given)


@node("Col2Im", 4)
def col2im(rng):
    w = Windows(rng, int(rng.integers(1, 4)))
    for name in ("auto_pad", "kernel_shape"):
        w.given.pop(name, None)
    if "pads" not in w.given:
        w.pads = [(0, 0)] * w.axes
    samples, channels = sizes(rng, 2, 3)
    taps, windows = int(numpy.prod(w.kernel)), int(numpy.prod(w.outputs()))

    def function(columns, image, block):
        x = torch.zeros(samples, channels, *w.image, dtype=columns.dtype, requires_grad=True)
        under = w.taken(x, 0.0).reshape(samples, channels, windows, taps)
        flow = columns.reshape(samples, channels, taps, windows).transpose(2, 3)
        return torch.autograd.grad(under, x, flow, create_graph=True)[0]
    return Node([uniform(rng, samples, channels * taps, windows), numpy.array(w.image), numpy.array(w.kernel)],
                function, **w.given)


# ---- products ----

@node("Gemm", 6)
def gemm(rng):
    m, n, k = sizes(rng, 3, 9)
    flip = [bool(b) for b in rng.integers(0, 2, 2)]
    given = some(rng, alpha=number(rng, -2, 2), beta=number(rng, -2, 2))
    given.update({name: 1 for name, turned in zip(("transA", "transB"), flip) if turned})
    c = pick(rng, None, [m, n], [n], [1, n], [m, 1], [1], [])
    inputs = [uniform(rng, *((k, m) if flip[0] else (m, k))), uniform(rng, *((n, k) if flip[1] else (k, n)))]

    def function(a, b, c=None):
        y = given.get("alpha", 1) * ((a.T if flip[0] else a) @ (b.T if flip[1] else b))
        return y if c is None else y + given.get("beta", 1) * c
    return Node(inputs + ([] if c is None else [uniform(rng, *c)]), function, opset=pick(rng, 11, 13), **given)


@node("MatMul", 8)
def matmul(rng):
    m, n, k = sizes(rng, 3, 9)
    batch = sizes(rng, int(rng.integers(0, 4)), 3)
    one, other = (batch[int(rng.integers(0, len(batch) + 1)):] if chance(rng) else batch for _ in range(2))
    one = [s if rng.integers(0, 4) else 1 for s in one]
    a = [k] if chance(rng, 6) else [*one, m, k]
    b = [k] if chance(rng, 6) else [*other, k, n]
    return Node([uniform(rng, *a), uniform(rng, *b)], torch.matmul)


# ---- pooling ----

@node("MaxPool", 10)
def max_pool(rng):
    w = Windows(rng, int(rng.integers(1, 4)), ceil=True)
    with_indices = chance(rng, 3) and w.axes < 3

    def function(x):
        taken = w.taken(x, float("-inf"))
        y = torch.where(taken.isnan(), float("-inf"), taken).amax(-1)
        if not with_indices:
            return y
        flat = x.detach().flatten(2)
        places = (flat[:, :, None, :] == y.detach().flatten(2)[:, :, :, None]).int().argmax(-1)
        base = torch.arange(flat.shape[0] * flat.shape[1]).reshape(*flat.shape[:2], 1) * flat.shape[2]
        return y, (places + base).reshape(y.shape)
    return Node([distinct(rng, *sizes(rng, 2, 3), *w.image)], function, opset=pick(rng, 12, 22), **w.given)


@node("AveragePool", 10)
def average_pool(rng):
    w = Windows(rng, int(rng.integers(1, 4)), ceil=True)
    include = pick(rng, None, 0, 1)
    if include is not None:
        w.given["count_include_pad"] = include

    def function(x):
        taken = w.taken(x, 0.0)
        ones = w.taken(torch.ones_like(x), 1.0 if include else 0.0)
        inside = torch.nan_to_num(ones, nan=0.0).detach()
        return torch.where(taken.isnan(), 0.0, taken).sum(-1) / inside.sum(-1)
    return Node([uniform(rng, *sizes(rng, 2, 3), *w.image)], function, opset=22, **w.given)


@node("LpPool", 8)
def lp_pool(rng):
    w = Windows(rng, int(rng.integers(1, 4)), ceil=True)
    given = some(rng, p=int(rng.integers(1, 5)))
    p = given.get("p", 2)

    def function(x):
        taken = w.taken(x, 0.0)
        return (torch.where(taken.isnan(), 0.0, taken).abs() ** p).sum(-1) ** (1 / p)
    return Node([nonzero(rng, *sizes(rng, 2, 3), *w.image)], function, opset=pick(rng, 18, 22), **w.given, **given)


def add_global_pool(operator, function, draw):
    @node(operator, 3)
    def entry(rng):
        given = some(rng, p=int(rng.integers(1, 5))) if operator == "GlobalLpPool" else {}
        shape = sizes(rng, 2, 4) + sizes(rng, int(rng.integers(1, 4)), 5)
        return Node([draw(rng, *shape)], lambda x: function(x, tuple(range(2, len(shape))), **given), opset=22, **given)


def root(x, axes, p=2):
    return (x.abs() ** p).sum(axes, keepdim=True) ** (1 / p)


add_global_pool("GlobalAveragePool", lambda x, axes: x.mean(axes, keepdim=True), uniform)
add_global_pool("GlobalMaxPool", lambda x, axes: x.amax(axes, keepdim=True), distinct)
add_global_pool("GlobalLpPool", root, nonzero)


@node("MaxUnpool", 3)
def max_unpool(rng):
    samples, channels = sizes(rng, 2, 3)
    small = sizes(rng, 2, 4)
    large = [2 * n for n in small]
    if chance(rng):
        large = [n + 1 for n in large]
    planes = samples * channels
    offsets = numpy.stack([numpy.sort(rng.permutation(large[0] * large[1])[:small[0] * small[1]])
                           for _ in range(planes)])
    plain = large == [2 * n for n in small]
    area = large[0] * large[1] if plain else 4 * small[0] * small[1]
    if not plain:  # places count in the image that the strides come to
        offsets = numpy.stack([rng.permutation(area)[:small[0] * small[1]] for _ in range(planes)])
    places = (offsets + numpy.arange(planes)[:, None] * area).reshape(samples, channels, *small)
    inputs = [uniform(rng, samples, channels, *small), places.astype(numpy.int64)]
    shape = [2 * n for n in small] if not plain else large

    def function(x, index, output_shape=None):
        y = torch.zeros(planes * area, dtype=x.dtype).scatter(0, index.flatten(), x.flatten())
        return y.reshape(samples, channels, *shape)
    return Node(inputs, function, kernel_shape=[2, 2], strides=[2, 2])


@node("RoiAlign", 4)
def roi_align(rng):
    samples, channels = sizes(rng, 2, 3)
    image, out, count = [4 + n for n in sizes(rng, 2, 6)], sizes(rng, 2, 3), int(rng.integers(1, 4))
    ratio, scale, mode = int(rng.integers(1, 4)), number(rng, 0.5, 1), pick(rng, "avg", "max")
    half = pick(rng, "half_pixel", "output_half_pixel")
    first = rng.uniform(0, 2, (count, 2))
    rois = numpy.concatenate([first, first + rng.uniform(1.5, 4, (count, 2))], 1).astype(numpy.float32)
    batch = rng.integers(0, samples, count)

    def function(x, rois, batch):
        results = []
        for k in range(count):
            box = rois[k] * scale - (0.5 if half == "half_pixel" else 0)
            extent = box[2:] - box[:2]
            if half != "half_pixel":
                extent = extent.clamp(min=1.0)
            steps = [(torch.arange(n * ratio) + 0.5) / ratio * extent[axis] / n + box[axis]
                     for n, axis in ((out[0], 1), (out[1], 0))]
            valid = [((s >= -1) & (s <= size)).double() for s, size in zip(steps, image)]
            steps = [s.clamp(0, size - 1) for s, size in zip(steps, image)]
            at = torch.stack(torch.meshgrid(*steps, indexing="ij"))
            part = x[batch[k]]
            corner = torch.minimum(at.detach().floor(), torch.tensor([n - 1 for n in image])[:, None, None]).long()
            high = torch.minimum(corner + 1, torch.tensor([n - 1 for n in image])[:, None, None])
            f = at - corner
            terms = [part[:, corner[0], corner[1]] * (1 - f[0]) * (1 - f[1]),
                     part[:, corner[0], high[1]] * (1 - f[0]) * f[1],
                     part[:, high[0], corner[1]] * f[0] * (1 - f[1]), part[:, high[0], high[1]] * f[0] * f[1]]
            keep = valid[0][:, None] * valid[1][None, :]
            shape = (channels, out[0], ratio, out[1], ratio)
            if mode == "avg":
                results.append((sum(terms) * keep).reshape(shape).mean((2, 4)))
            else:
                results.append(torch.stack([(t * keep).reshape(shape).amax((2, 4)) for t in terms]).amax(0))
        return torch.stack(results)
    return Node([uniform(rng, samples, channels, *image), rois, batch], function, opset=16, constants=[1], mode=mode,
                output_height=out[0], output_width=out[1], sampling_ratio=ratio, spatial_scale=scale,
                coordinate_transformation_mode=half)


for operator in "ConvInteger MatMulInteger QLinearConv QLinearMatMul QuantizeLinear DynamicQuantizeLinear".split():
    exempt[operator] = "of whole numbers"
exempt["NonMaxSuppression"] = "gives places"


@node("DequantizeLinear", 3)
def dequantize(rng):
    shape = [n + 1 for n in sizes(rng, 3)]
    axis = int(rng.integers(0, 3)) if chance(rng) else None
    form = [] if axis is None else [shape[axis]]
    x = rng.integers(-100, 100, shape).astype(numpy.int8)
    zero = rng.integers(-5, 5, form).astype(numpy.int8)
    wide = [1] * 3 if axis is None else [shape[i] if i == axis else 1 for i in range(3)]

    def function(x, scale, zero):
        return (x - zero.reshape(wide)).double() * scale.reshape(wide)
    return Node([x, uniform(rng, *form), numpy.array(zero)], function, **({} if axis is None else dict(axis=axis)))
