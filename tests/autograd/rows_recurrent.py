"""Recurrent layers: each step written out, in one or both directions, gates in ONNX's order."""

import numpy
import torch
from case import Case, row, uniform

FORWARD, REVERSE, BIDIRECTIONAL = range(3)


class Layer:
    """What all three share: sizes, lengths, and the walk over the steps."""

    def __init__(self, rng, gates):
        self.direction = int(rng.integers(0, 3))
        self.directions = 2 if self.direction == BIDIRECTIONAL else 1
        self.time, self.samples, self.units = (int(n) for n in rng.integers(1, 7, 3))
        self.gates = gates
        self.lengths = rng.integers(0, self.time + 1, self.samples) if rng.integers(0, 2) else None
        self.clip = 0.5 if rng.integers(0, 4) == 0 else 0
        self.x = uniform(rng, self.time, self.samples, self.directions * gates * self.units)
        self.r = uniform(rng, self.directions, gates * self.units, self.units)

    def state(self, rng):
        return uniform(rng, self.directions, self.samples, self.units)

    def extra(self, rng):
        return uniform(rng, self.directions, 3 * self.units)

    def inputs(self, states, extra):
        lengths = [] if self.lengths is None else [self.lengths.astype(numpy.int32)]
        return [self.x, self.r, *states, *lengths, *([] if extra is None else [extra])]

    def attributes(self):
        return dict(direction=self.direction, clip=self.clip, lengths=self.lengths is not None)

    def bounded(self, sums):
        return sums.clamp(-self.clip, self.clip) if self.clip else sums

    def walk(self, step, x, states):
        """STEP(direction, x of a step by gates, states) -> states, the first of them what comes out."""
        lengths = torch.full((self.samples,), self.time) if self.lengths is None else torch.from_numpy(self.lengths)
        by_gates = x.reshape(self.time, self.samples, self.directions, self.gates, self.units)
        y = [[None] * self.time for _ in range(self.directions)]
        ends = []
        for d in range(self.directions):
            now = [state[d] for state in states]
            backwards = d == 1 or self.direction == REVERSE
            for t in reversed(range(self.time)) if backwards else range(self.time):
                takes_part = (t < lengths)[:, None]
                after = step(d, by_gates[t, :, d], now)
                now = [torch.where(takes_part, new, old) for new, old in zip(after, now)]
                y[d][t] = torch.where(takes_part, after[0], torch.zeros_like(after[0]))
            ends.append(now)
        outputs = torch.cat([torch.stack(steps) for steps in y], 2)
        return (outputs, *(torch.stack([end[i] for end in ends]) for i in range(len(states))))


def split(inputs, layer, state_count, has_extra):
    """Of PyTorch's tensors: x, R by gates, the states, and the extra numbers by gates."""
    x, r = inputs[0], inputs[1].reshape(layer.directions, layer.gates, layer.units, layer.units)
    extra = inputs[-1].reshape(layer.directions, 3, layer.units) if has_extra else None
    return x, r, inputs[2:2 + state_count], extra


@row("rnn", shapes=8)
def rnn(rng):
    layer = Layer(rng, 1)
    relu = bool(rng.integers(0, 2))
    activation = torch.relu if relu else torch.tanh

    def function(*inputs):
        x, r, states, _ = split(inputs, layer, 1, False)

        def step(d, x, now):
            return [activation(layer.bounded(x[:, 0] + now[0] @ r[d, 0].T))]
        return layer.walk(step, x, states)
    return Case(layer.inputs([layer.state(rng)], None), function, outputs=2, relu=relu, **layer.attributes())


@row("lstm", shapes=8)
def lstm(rng):
    layer = Layer(rng, 4)
    peepholes = bool(rng.integers(0, 2))

    def function(*inputs):
        x, r, states, p = split(inputs, layer, 2, peepholes)

        def step(d, x, now):
            hidden, cell = now
            i, o, f, g = (x[:, k] + hidden @ r[d, k].T for k in range(4))
            if peepholes:
                i, f = i + p[d, 0] * cell, f + p[d, 2] * cell
            i, f, g = torch.sigmoid(layer.bounded(i)), torch.sigmoid(layer.bounded(f)), torch.tanh(layer.bounded(g))
            cell = f * cell + i * g
            o = o + p[d, 1] * cell if peepholes else o
            return [torch.sigmoid(layer.bounded(o)) * torch.tanh(cell), cell]
        return (*layer.walk(step, x, states), None)
    extra = layer.extra(rng) if peepholes else None
    return Case(layer.inputs([layer.state(rng), layer.state(rng)], extra), function, outputs=4, keeps=True,
                extra=peepholes, **layer.attributes())


@row("gru", shapes=8)
def gru(rng):
    layer = Layer(rng, 3)
    after = bool(rng.integers(0, 2))

    def function(*inputs):
        x, r, states, bias = split(inputs, layer, 1, after)

        def step(d, x, now):
            hidden = now[0]
            sums = [hidden @ r[d, k].T + (bias[d, k] if after else 0) for k in range(3)]
            z, reset = (torch.sigmoid(layer.bounded(x[:, k] + sums[k])) for k in range(2))
            product = reset * sums[2] if after else (reset * hidden) @ r[d, 2].T
            return [(1 - z) * torch.tanh(layer.bounded(x[:, 2] + product)) + z * hidden]
        return (*layer.walk(step, x, states), None)
    extra = layer.extra(rng) if after else None
    return Case(layer.inputs([layer.state(rng)], extra), function, outputs=3, keeps=True, reset_after=after,
                extra=after, **layer.attributes())
