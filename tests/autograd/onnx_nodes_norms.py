"""Normalisations, softmax and its family, losses over classes."""

import numpy
import torch
import torch.nn.functional as F
from case import integers, positive, sizes, uniform
from onnx_node import Node, chance, exempt, node, number, pick, signed, some


def shape_of(rng, least=2, most=5):
    return [n + 1 for n in sizes(rng, int(rng.integers(least, most)), 5)]


def by_channel(t, rank):
    return t.reshape(1, -1, *[1] * (rank - 2))


def normalized(x, axes, epsilon):
    centred = x - x.mean(axes, keepdim=True)
    return centred * torch.rsqrt((centred * centred).mean(axes, keepdim=True) + epsilon)


def parameters(rng, size):
    return [positive(rng, size), uniform(rng, size)]


def epsilon_of(rng):
    return some(rng, epsilon=number(rng, 0.02, 0.1))


# ---- normalisations ----

@node("BatchNormalization", 6)
def batch_normalization(rng):
    shape, given = shape_of(rng), epsilon_of(rng)
    channels = shape[1]
    inputs = [uniform(rng, *shape), *parameters(rng, channels), uniform(rng, channels), positive(rng, channels)]
    rank = len(shape)
    training = chance(rng, 3)
    if training:
        given.update(training_mode=1, **some(rng, momentum=number(rng, 0.5, 0.9)))

    def function(x, scale, bias, mean, variance):
        epsilon, momentum = given.get("epsilon", 1e-5), given.get("momentum", 0.9)
        if training:
            axes = tuple(i for i in range(rank) if i != 1)
            y = normalized(x, axes, epsilon) * by_channel(scale, rank) + by_channel(bias, rank)
            return (y, mean * momentum + x.mean(axes) * (1 - momentum),
                    variance * momentum + x.var(axes, unbiased=False) * (1 - momentum))
        return (x - by_channel(mean, rank)) * torch.rsqrt(by_channel(variance, rank) + epsilon) * \
            by_channel(scale, rank) + by_channel(bias, rank)
    return Node(inputs, function, opset=15 if training else pick(rng, 9, 14, 15), **given)


@node("InstanceNormalization", 3)
def instance_normalization(rng):
    shape, given = shape_of(rng, 3), epsilon_of(rng)
    rank = len(shape)

    def function(x, scale, bias):
        y = normalized(x, tuple(range(2, rank)), given.get("epsilon", 1e-5))
        return y * by_channel(scale, rank) + by_channel(bias, rank)
    return Node([uniform(rng, *shape), *parameters(rng, shape[1])], function, opset=pick(rng, 6, 22), **given)


@node("GroupNormalization", 4)
def group_normalization(rng):
    shape, given = shape_of(rng, 3), epsilon_of(rng)
    groups = int(rng.integers(1, 4))
    shape[1] *= groups
    rank, opset = len(shape), pick(rng, 18, 21)
    size = groups if opset == 18 else shape[1]

    def function(x, scale, bias):
        split = x.reshape(shape[0], groups, -1)
        y = normalized(split, (2,), given.get("epsilon", 1e-5)).reshape(shape)
        scale, bias = (t.repeat_interleave(shape[1] // size) for t in (scale, bias))
        return y * by_channel(scale, rank) + by_channel(bias, rank)
    return Node([uniform(rng, *shape), *parameters(rng, size)], function, opset=opset, num_groups=groups, **given)


@node("LayerNormalization", 6)
def layer_normalization(rng):
    shape, given = shape_of(rng), epsilon_of(rng)
    axis = len(shape) - 1 if chance(rng, 3) else int(rng.integers(0, len(shape)))
    if axis != len(shape) - 1 or chance(rng):
        given["axis"] = signed(rng, axis, len(shape))
    axes, part = tuple(range(axis, len(shape))), shape[axis:]
    bias, extra = chance(rng), chance(rng)

    def function(x, scale, bias=None):
        y = normalized(x, axes, given.get("epsilon", 1e-5)) * scale
        y = y if bias is None else y + bias
        if not extra:
            return y
        variance = x.var(axes, unbiased=False, keepdim=True)
        return y, x.mean(axes, keepdim=True), torch.rsqrt(variance + given.get("epsilon", 1e-5))
    inputs = [uniform(rng, *shape), positive(rng, *part)] + ([uniform(rng, *part)] if bias else [])
    return Node(inputs, function, opset=17, **given)


@node("RMSNormalization", 4)
def rms_normalization(rng):
    shape, given = shape_of(rng), epsilon_of(rng)
    axis = len(shape) - 1 if chance(rng, 3) else int(rng.integers(0, len(shape)))
    if axis != len(shape) - 1 or chance(rng):
        given["axis"] = signed(rng, axis, len(shape))
    axes = tuple(range(axis, len(shape)))

    def function(x, scale):
        return x * torch.rsqrt((x * x).mean(axes, keepdim=True) + given.get("epsilon", 1e-5)) * scale
    return Node([uniform(rng, *shape), positive(rng, *shape[axis:])], function, opset=23, **given)


@node("LRN", 4)
def local_response(rng):
    shape = shape_of(rng, 4, 5)
    size = int(rng.integers(1, 7))
    given = some(rng, alpha=number(rng, 0.1, 2), beta=number(rng, 0.3, 1.5), bias=number(rng, 0.5, 2))
    alpha, beta, bias = (given.get(name, value) for name, value in (("alpha", 1e-4), ("beta", 0.75), ("bias", 1.0)))

    def function(x):
        before, after = (size - 1) // 2, size - 1 - (size - 1) // 2
        squares = F.pad((x * x).flatten(2), (0, 0, before, after))
        sums = sum(squares[:, i:i + x.shape[1]] for i in range(size)).reshape(x.shape)
        return x * (bias + alpha / size * sums) ** -beta
    return Node([uniform(rng, *shape)], function, size=size, **given)


@node("LpNormalization", 4)
def lp_normalization(rng):
    shape = shape_of(rng, 1)
    axis, p = int(rng.integers(0, len(shape))), int(rng.integers(1, 3))
    given = some(rng, p=p)
    if axis != len(shape) - 1 or chance(rng):
        given["axis"] = signed(rng, axis, len(shape))
    p = given.get("p", 2)
    return Node([uniform(rng, *shape)], lambda x: x / torch.linalg.vector_norm(x, p, axis, keepdim=True),
                opset=pick(rng, 11, 22), **given)


@node("MeanVarianceNormalization", 3)
def mean_variance(rng):
    shape = shape_of(rng, 4, 5)
    given = some(rng, axes=pick(rng, [1], [0, 2], [2, 3], [0, 1, 2, 3]))
    axes = tuple(given.get("axes", [0, 2, 3]))

    def function(x):
        centred = x - x.mean(axes, keepdim=True)
        return centred / ((x * x).mean(axes, keepdim=True) - x.mean(axes, keepdim=True) ** 2).sqrt()
    return Node([uniform(rng, *shape)], function, opset=13, **given)


# ---- softmax ----

def add_softmax(operator, function):
    @node(operator, 5)
    def entry(rng):
        shape, opset = shape_of(rng, 1), pick(rng, 11, 13)
        axis = int(rng.integers(0, len(shape)))
        given = dict(axis=signed(rng, axis, len(shape))) if chance(rng) else {}
        if opset >= 13:
            axis = axis if given else len(shape) - 1
            return Node([3 * uniform(rng, *shape)], lambda x: function(x, axis), opset=opset, **given)
        if not given:
            axis = 1 if len(shape) > 1 else 0
            given = {} if len(shape) > 1 else dict(axis=0)
        return Node([3 * uniform(rng, *shape)],
                    lambda x: function(x.reshape(int(numpy.prod(shape[:axis])), -1), 1).reshape(shape), opset=opset,
                    **given)


add_softmax("LogSoftmax", F.log_softmax)
add_softmax("Softmax", F.softmax)


@node("Hardmax")
def hardmax(rng):
    return Node([uniform(rng, *shape_of(rng))], lambda x: F.one_hot(x.argmax(-1), x.shape[-1]).double(), opset=13)


# ---- losses ----

def labelled(rng):
    samples, classes = [n + 1 for n in sizes(rng, 2, 8)]
    pixels = sizes(rng, int(rng.integers(0, 4)), 4)
    label = integers(rng, classes, samples, *pixels).astype(pick(rng, numpy.int32, numpy.int64))
    ignored = pick(rng, None, None, -1, int(rng.integers(0, classes)))
    if ignored == -1:
        label[rng.random(label.shape) < 0.3] = -1
    label.flat[0] = 0 if ignored != 0 else 1
    given = some(rng, reduction=pick(rng, "none", "mean", "sum"))
    if ignored is not None:
        given["ignore_index"] = ignored
    inputs = [uniform(rng, samples, classes, *pixels), label] + ([positive(rng, classes)] if chance(rng) else [])
    return inputs, ignored, given


def negative_log_likelihood(scores, label, weight, ignored, reduction):
    """Written out: PyTorch's loss has no gradient by the weights of classes."""
    counts = torch.ones_like(label, dtype=scores.dtype) if ignored is None else (label != ignored).double()
    taken = label.clamp(min=0)
    if weight is not None:
        counts = counts * weight[taken]
    losses = -scores.gather(1, taken.unsqueeze(1)).squeeze(1) * counts
    if reduction == "none":
        return losses
    return losses.sum() if reduction == "sum" else losses.sum() / counts.sum()


@node("NegativeLogLikelihoodLoss", 8)
def nll_loss(rng):
    inputs, ignored, given = labelled(rng)

    def function(x, label, weight=None):
        return negative_log_likelihood(x, label, weight, ignored, given.get("reduction", "mean"))
    return Node(inputs, function, opset=pick(rng, 12, 13, 22), **given)


@node("SoftmaxCrossEntropyLoss", 8)
def softmax_cross_entropy(rng):
    inputs, ignored, given = labelled(rng)
    with_log = chance(rng)

    def function(x, label, weight=None):
        scores = F.log_softmax(x, 1)
        loss = negative_log_likelihood(scores, label, weight, ignored, given.get("reduction", "mean"))
        return (loss, scores) if with_log else loss
    return Node(inputs, function, opset=pick(rng, 12, 13), **given)


@node("OneHot", 3)
def one_hot(rng):
    index, depth = integers(rng, 4, *sizes(rng, 2)).astype(numpy.int64), 4
    axis = int(rng.integers(0, 3))

    def function(index, depth, values):
        hot = F.one_hot(index, 4).movedim(-1, axis).double()
        return values[0] + (values[1] - values[0]) * hot
    return Node([index, numpy.array(depth), uniform(rng, 2)], function, constants=[1], axis=signed(rng, axis, 3))


for operator in ("Adagrad", "Adam", "Momentum"):
    exempt[operator] = "a step of an optimiser"
exempt["Gradient"] = "a gradient itself"
