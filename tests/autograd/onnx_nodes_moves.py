"""Operators that move elements: shapes, slices, padding, gathers and scatters."""

import numpy
import torch
import torch.nn.functional as F
from case import distinct, nonzero, sizes, uniform
from onnx_node import Node, chance, exempt, node, pick, signed
from rows_gathers import along, numbers, puts, tuples


def shape_of(rng, least=1, most=5):
    return sizes(rng, int(rng.integers(least, most)), 5)


def whole(values):
    return numpy.array(values, dtype=numpy.int64)


# ---- shapes ----

@node("Reshape", 3)
def reshape(rng):
    shape = shape_of(rng)
    order = [shape[i] for i in rng.permutation(len(shape))]
    target = order + [1] if chance(rng) else order
    listed = list(target)
    if chance(rng):
        listed[int(rng.integers(0, len(listed)))] = -1
    if listed[0] == shape[0] and chance(rng):
        listed[0] = 0
    return Node([uniform(rng, *shape), whole(listed)], lambda x, s: x.reshape(target), opset=pick(rng, 5, 14))


@node("Flatten")
def flatten(rng):
    shape = shape_of(rng)
    axis = int(rng.integers(0, len(shape) + 1))
    rows = int(numpy.prod(shape[:axis]))
    return Node([uniform(rng, *shape)], lambda x: x.reshape(rows, -1), opset=13, axis=axis)


@node("Squeeze", 3)
def squeeze(rng):
    shape = [n if chance(rng) else 1 for n in shape_of(rng)]
    axes = [i for i, n in enumerate(shape) if n == 1]
    left = [n for n in shape if n != 1]
    inputs, given, opset = [uniform(rng, *shape)], {}, pick(rng, 11, 13)
    if axes and chance(rng):
        listed = [signed(rng, a, len(shape)) for a in axes]
        if opset == 11:
            given["axes"] = listed
        else:
            inputs.append(whole(listed))
    return Node(inputs, lambda x, axes=None: x.reshape(left), opset=opset, **given)


@node("Unsqueeze", 3)
def unsqueeze(rng):
    shape = shape_of(rng, 0, 4)
    count = int(rng.integers(1, 3))
    rank = len(shape) + count
    axes = sorted(int(n) for n in rng.permutation(rank)[:count])
    rest = iter(shape)
    target = [1 if i in axes else next(rest) for i in range(rank)]
    listed = [signed(rng, a, rank) for a in rng.permutation(axes)]
    if chance(rng):
        return Node([uniform(rng, *shape)], lambda x: x.reshape(target), opset=11, axes=listed)
    return Node([uniform(rng, *shape), whole(listed)], lambda x, axes: x.reshape(target), opset=13)


@node("Transpose", 3)
def transpose(rng):
    shape = shape_of(rng)
    order = [int(n) for n in rng.permutation(len(shape))]
    if chance(rng, 3):
        return Node([uniform(rng, *shape)], lambda x: x.permute(*reversed(range(len(shape)))))
    return Node([uniform(rng, *shape)], lambda x: x.permute(*order), perm=order)


@node("Expand", 3)
def expand(rng):
    target = shape_of(rng)
    shape = [n if chance(rng) else 1 for n in target][int(rng.integers(0, len(target) + 1)):]
    listed = [1 if n == m and chance(rng) else n for n, m in zip(target, [0] * (len(target) - len(shape)) + shape)]
    return Node([uniform(rng, *shape), whole(listed)], lambda x, s: x.expand(target))


@node("Concat", 6)
def concat(rng):
    shape = shape_of(rng)
    axis = int(rng.integers(0, len(shape)))
    count = int(rng.integers(17, 40)) if chance(rng, 3) else int(rng.integers(1, 5))  # more than one row joins, or few
    parts = [uniform(rng, *shape[:axis], int(rng.integers(i == 0, 5)), *shape[axis + 1:])  # empty ones too
             for i in range(count)]
    return Node(parts, lambda *x: torch.cat(x, axis), opset=13, axis=signed(rng, axis, len(shape)))


@node("Split", 5)
def split(rng):
    shape = shape_of(rng)
    axis = int(rng.integers(0, len(shape)))
    lengths = [int(n) for n in rng.integers(1, 4, int(rng.integers(1, 5)))]
    opset, inputs, given = pick(rng, 11, 13, 18), [], dict(axis=signed(rng, axis, len(shape)))
    if chance(rng, 3):
        size, count = lengths[0], len(lengths)
        lengths = [size] * count
        if opset == 18:
            given["num_outputs"] = count
            lengths[-1] = int(rng.integers(1, size + 1))
    elif opset == 11:
        given["split"] = lengths
    else:
        inputs = [whole(lengths)]
    shape[axis] = sum(lengths)
    return Node([uniform(rng, *shape), *inputs], lambda x, parts=None: x.split(lengths, axis), opset=opset, **given)


@node("Slice", 6)
def slices(rng):
    shape = shape_of(rng)
    axes = [int(n) for n in rng.permutation(len(shape))[:int(rng.integers(1, len(shape) + 1))]]
    starts, ends, steps, taken = [], [], [], {}
    old = chance(rng, 4)
    for axis in axes:
        n, back = shape[axis], not old and chance(rng, 3)
        first, step = int(rng.integers(0, n)), 1 if old else int(rng.integers(1, 3))
        count = int(rng.integers(1, (first if back else n - 1 - first) // step + 2))
        last = first + (count - 1) * (-step if back else step)
        taken[axis] = [first + k * (-step if back else step) for k in range(count)]
        starts.append(signed(rng, first, n))
        end = last + (-1 if back else 1)
        ends.append(-n - 1 - int(rng.integers(0, 9)) if end < 0 else end if end < n else pick(rng, n, n + 7, 2**31 - 1))
        steps.append(-step if back else step)

    def function(x, *_):
        for axis, places in taken.items():
            x = x.index_select(axis, torch.tensor(places))
        return x
    x = uniform(rng, *shape)
    if old:
        return Node([x], function, opset=9, starts=starts, ends=ends, axes=axes)
    listed = whole([signed(rng, a, len(shape)) for a in axes])
    inputs = [x, whole(starts), whole(ends), listed] + ([whole(steps)] if any(s != 1 for s in steps) else [])
    return Node(inputs, function, opset=13)


@node("Tile")
def tile(rng):
    shape = shape_of(rng)
    repeats = [int(n) for n in rng.integers(1, 4, len(shape))]
    return Node([uniform(rng, *shape), whole(repeats)], lambda x, r: x.repeat(repeats), opset=13)


@node("Trilu", 3)
def trilu(rng):
    shape = shape_of(rng, 2)
    k, upper = int(rng.integers(-3, 4)), chance(rng)
    inputs = [uniform(rng, *shape)] + ([numpy.array(k)] if k or chance(rng) else [])
    given = {} if upper and chance(rng) else dict(upper=int(upper))
    return Node(inputs, lambda x, k_input=None: (x.triu if upper else x.tril)(k), opset=14, **given)


@node("DepthToSpace", 3)
def depth_to_space(rng):
    block = int(rng.integers(1, 4))
    n, c, h, w = sizes(rng, 4, 4)
    mode = pick(rng, None, "DCR", "CRD")

    def function(x):
        if mode == "CRD":
            return F.pixel_shuffle(x, block)
        parts = x.reshape(n, block, block, c, h, w).permute(0, 3, 4, 1, 5, 2)
        return parts.reshape(n, c, h * block, w * block)
    return Node([uniform(rng, n, c * block * block, h, w)], function, opset=13, blocksize=block,
                **({} if mode is None else dict(mode=mode)))


@node("SpaceToDepth")
def space_to_depth(rng):
    block = int(rng.integers(1, 4))
    n, c, h, w = sizes(rng, 4, 4)

    channels_first = chance(rng)

    def function(x):
        order = (0, 1, 3, 5, 2, 4) if channels_first else (0, 3, 5, 1, 2, 4)
        return x.reshape(n, c, h, block, w, block).permute(*order).reshape(n, -1, h, w)
    mode = {"mode": "CRD"} if channels_first else {}
    return Node([uniform(rng, n, c, h * block, w * block)], function, opset=13, blocksize=block, **mode)


@node("CenterCropPad", 3)
def center_crop_pad(rng):
    shape = shape_of(rng)
    axes = sorted(int(n) for n in rng.permutation(len(shape))[:int(rng.integers(1, len(shape) + 1))])
    wanted = sizes(rng, len(axes), 7)

    def function(x, target):
        for axis, size in zip(axes, wanted):
            more = size - x.shape[axis]
            before = more // 2 if more > 0 else -(-more // 2)
            pads = [0] * (2 * x.ndim)
            pads[2 * (x.ndim - 1 - axis):2 * (x.ndim - axis)] = [before, more - before]
            x = F.pad(x, pads)
        return x
    return Node([uniform(rng, *shape), whole(wanted)], function, opset=18,
                axes=[signed(rng, a, len(shape)) for a in axes])


# ---- padding ----

def places_of(mode, size, before, after):
    at = numpy.arange(-before, size + after)
    if mode == "edge":
        return at.clip(0, size - 1)
    if mode == "wrap":
        return at % size
    period = max(2 * (size - 1), 1)
    return (size - 1) - numpy.abs((at % period) - (size - 1)) if size > 1 else at * 0


@node("Pad", 8)
def pad(rng):
    mode = pick(rng, None, "constant", "reflect", "edge", "wrap")
    shape = [n + 1 for n in shape_of(rng)]
    crop = mode in (None, "constant")
    axes = list(range(len(shape)))
    opset = 10 if mode != "wrap" and chance(rng, 4) else 19
    some_axes = opset == 19 and chance(rng)
    if some_axes:
        axes = sorted(int(n) for n in rng.permutation(len(shape))[:int(rng.integers(1, len(shape) + 1))])
    pads = [[int(n) for n in rng.integers(-1 if crop and shape[a] > 2 else 0, min(3, shape[a]), 2)] for a in axes]
    flat = [p[0] for p in pads] + [p[1] for p in pads]
    given = {} if mode is None else dict(mode=mode)
    value = float(numpy.float32(rng.uniform(-1, 1))) if crop and chance(rng) else 0.0

    def function(x, *_):
        if crop:
            around = [[0, 0] for _ in shape]
            for axis, both in zip(axes, pads):
                around[axis] = both
            return F.pad(x, [n for both in reversed(around) for n in both], value=value)
        for axis, (before, after) in zip(axes, pads):
            x = x.index_select(axis, torch.from_numpy(places_of(mode, shape[axis], before, after)))
        return x
    x = uniform(rng, *shape)
    if opset == 10:
        return Node([x], function, opset=10, pads=flat, **given, **(dict(value=value) if value else {}))
    constant = numpy.array(value, numpy.float32) if value else None
    listed = [whole([signed(rng, a, len(shape)) for a in axes])] if some_axes else []
    inputs = [x, whole(flat)] + ([constant, *listed] if listed or value else [])

    return Node(inputs, function, opset=19, constants=[2], **given)  # PyTorch has no gradient by the value


# ---- gathers ----

@node("Gather", 4)
def gather(rng):
    shape, axis = along(rng, int(rng.integers(1, 5)))
    index = numbers(rng, shape[axis], *sizes(rng, int(rng.integers(0, 3)))).astype(pick(rng, numpy.int32, numpy.int64))

    def function(x, index):
        taken = x.index_select(axis, index.flatten() % shape[axis])
        return taken.reshape(*shape[:axis], *index.shape, *shape[axis + 1:])
    given = {} if axis == 0 and chance(rng) else dict(axis=signed(rng, axis, len(shape)))
    return Node([uniform(rng, *shape), index], function, opset=13, **given)


@node("GatherElements", 3)
def gather_elements(rng):
    shape, axis = along(rng)
    index_shape = [int(rng.integers(1, n + 1)) for n in shape]
    index_shape[axis] = int(rng.integers(1, 9))
    return Node([uniform(rng, *shape), numbers(rng, shape[axis], *index_shape).astype(numpy.int64)],
                lambda x, index: x.gather(axis, index % shape[axis]), opset=13, axis=signed(rng, axis, 3))


REDUCTIONS = {"add": "sum", "mul": "prod", "max": "amax", "min": "amin"}
HOW = ["none", "add", "mul", "max", "min"]


def add_scatter(operator):
    @node(operator, 10 if operator == "ScatterElements" else 2)
    def entry(rng):
        shape, axis = along(rng)
        how = int(rng.integers(0, 5)) if operator == "ScatterElements" else 0
        index_shape = [int(rng.integers(1, n + 1)) for n in shape]
        first = [index_shape[axis], *index_shape[:axis], *index_shape[axis + 1:]]
        index = numpy.ascontiguousarray(numpy.moveaxis(puts(rng, how, shape[axis], *first), 0, axis))

        def function(x, index, u):
            index = index % shape[axis]
            return x.scatter_reduce(axis, index, u, REDUCTIONS[HOW[how]]) if how else x.scatter(axis, index, u)
        given = dict(axis=signed(rng, axis, 3))
        if how:
            given["reduction"] = HOW[how]
        everything = distinct(rng, 2, *shape) + numpy.float32(0.003)
        u = everything[1][tuple(slice(0, n) for n in index_shape)]
        if index_shape[axis] > shape[axis]:
            u = nonzero(rng, *index_shape)
        return Node([everything[0], index.astype(numpy.int64), numpy.ascontiguousarray(u)], function,
                    opset=18 if operator == "ScatterElements" else 10, **given)


add_scatter("Scatter")
add_scatter("ScatterElements")


@node("GatherND", 4)
def gather_nd(rng):
    batch, chosen, rest, index, flat = tuples(rng, 1)

    def function(x, index):
        parts = x.reshape(flat.shape[0], -1, *rest)
        return torch.stack([parts[n, flat[n]] for n in range(flat.shape[0])]).reshape(*index.shape[:-1], *rest)
    given = dict(batch_dims=len(batch)) if batch else {}
    return Node([uniform(rng, *batch, *chosen, *rest), index.astype(numpy.int64)], function, opset=13, **given)


@node("ScatterND", 10)
def scatter_nd(rng):
    how = int(rng.integers(0, 5))
    batch, chosen, rest, index, flat = tuples(rng, how)
    while batch:
        batch, chosen, rest, index, flat = tuples(rng, how)

    def function(x, index, u):
        parts, updates = x.reshape(1, -1, 1, *rest), u.reshape(*flat.shape, 1, *rest)
        where = torch.from_numpy(flat).reshape(*flat.shape, *[1] * (len(rest) + 1)).expand(updates.shape)
        if how == 0:
            return parts.scatter(1, where, updates).reshape(x.shape)
        return parts.scatter_reduce(1, where, updates, REDUCTIONS[HOW[how]]).reshape(x.shape)
    given = dict(reduction=HOW[how]) if how else {}
    return Node([nonzero(rng, *chosen, *rest), index.astype(numpy.int64), nonzero(rng, *index.shape[:-1], *rest)],
                function, opset=18, **given)


@node("ReverseSequence", 3)
def reverse_sequence(rng):
    time_axis = int(rng.integers(0, 2))
    shape = shape_of(rng, 2)
    lengths = rng.integers(1, shape[time_axis] + 1, shape[1 - time_axis])

    def function(x, lengths_input):
        x = x if time_axis == 0 else x.transpose(0, 1)
        columns = [torch.cat([x[:n, i].flip(0), x[n:, i]]) for i, n in enumerate(lengths)]
        y = torch.stack(columns, 1)
        return y if time_axis == 0 else y.transpose(0, 1)
    given = {} if time_axis == 0 and chance(rng) else dict(time_axis=time_axis, batch_axis=1 - time_axis)
    return Node([uniform(rng, *shape), lengths], function, opset=10, **given)


@node("Compress", 3)
def compress(rng):
    shape = shape_of(rng)
    axis = int(rng.integers(0, len(shape))) if chance(rng) else None
    keep = rng.integers(0, 2, shape[axis] if axis is not None else int(numpy.prod(shape))).astype(bool)
    keep[0] = True
    places = torch.from_numpy(numpy.flatnonzero(keep))

    def function(x, condition):
        return x.flatten()[places] if axis is None else x.index_select(axis, places)
    return Node([uniform(rng, *shape), keep], function, opset=11,
                **({} if axis is None else dict(axis=signed(rng, axis, len(shape)))))


for operator, reason in {
        "Constant": "has no inputs", "ConstantOfShape": "reads a shape", "EyeLike": "reads a shape",
        "NonZero": "gives places", "Range": "its ends shape the result", "Shape": "gives a shape",
        "Size": "gives a shape",
        "Unique": "its places follow from contents that are bound"}.items():
    exempt[operator] = reason
