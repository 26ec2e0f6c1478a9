"""Rows over classes: x (N, C, ...), a class number for each pixel or the shares of all classes, weights of classes."""

import numpy
import torch
import torch.nn.functional as F
from case import Case, integers, positive, row, sizes, uniform


def scored(rng):
    """x and labels, of columns or of pixels."""
    samples, classes = sizes(rng, 2, 20)
    pixels = sizes(rng, int(rng.integers(0, 3)), 5)
    return uniform(rng, samples, classes, *pixels), integers(rng, classes, samples, *pixels)


def shares(rng, x):
    raw = numpy.exp(uniform(rng, *x.shape))
    return raw / raw.sum(1, keepdims=True)


def options_of(rng, x):
    """The row's attributes, and the weights of classes, which may be absent."""
    ignores = bool(rng.integers(0, 2))
    attributes = dict(ignores=ignores, ignore=int(rng.integers(0, x.shape[1])) if ignores else 0)
    return attributes, [positive(rng, x.shape[1])] if rng.integers(0, 2) else []


def targets(label, classes, attributes):
    """(N, C, ...): 1 at the label, 0 where it is ignored. (PyTorch's losses take no gradient by the weights, so that
    they are written out.)"""
    counts = label != attributes["ignore"] if attributes["ignores"] else torch.ones_like(label)
    return (F.one_hot(label, classes) * counts.unsqueeze(-1)).movedim(-1, 1).double()


def weighted(t, weight):
    return t * weight[0].reshape(-1, *[1] * (t.ndim - 2)) if weight else t


@row("softmax_cross_entropy", shapes=8)
def softmax_cross_entropy(rng):
    x, label = scored(rng)
    attributes, weight = options_of(rng, x)
    smoothing, dense = float(rng.choice([0, 0.1])), bool(rng.integers(0, 2))
    if dense:
        label, attributes = shares(rng, x), {}

    def function(x, label, *weight):
        t = label if dense else targets(label, x.shape[1], attributes)
        counts = 1 if dense else t.sum(1, keepdim=True)
        smooth = (1 - smoothing) * t + smoothing / x.shape[1] * counts
        return -(weighted(smooth, weight) * torch.log_softmax(x, 1)).sum(1)
    return Case([x, label, *weight], function, smoothing=smoothing, **attributes)


@row("softmax_cross_entropy_gradient")
def softmax_cross_entropy_gradient(rng):
    x, label = scored(rng)
    attributes, weight = options_of(rng, x)

    def function(x, label, d, *weight):
        q = weighted(targets(label, x.shape[1], attributes), weight)
        return d.unsqueeze(1) * (torch.softmax(x, 1) * q.sum(1, keepdim=True) - q)
    return Case([x, label, uniform(rng, *label.shape), *weight], function, **attributes)


@row("negative_log_likelihood")
def negative_log_likelihood(rng):
    x, label = scored(rng)
    attributes, weight = options_of(rng, x)

    def function(x, label, *weight):
        return -(weighted(targets(label, x.shape[1], attributes), weight) * x).sum(1)
    return Case([x, label, *weight], function, **attributes)


@row("negative_log_likelihood_gradient")
def negative_log_likelihood_gradient(rng):
    x, label = scored(rng)
    attributes, weight = options_of(rng, x)

    def function(label, d, *weight):
        return -d.unsqueeze(1) * weighted(targets(label, x.shape[1], attributes), weight)
    return Case([label, uniform(rng, *label.shape), *weight], function, classes=x.shape[1], **attributes)


@row("label_weights")
def label_weights(rng):
    x, label = scored(rng)
    attributes, _ = options_of(rng, x)

    def function(label, weight):
        return weighted(targets(label, x.shape[1], attributes), [weight]).sum(1)
    return Case([label, positive(rng, x.shape[1])], function, classes=x.shape[1], **attributes)
