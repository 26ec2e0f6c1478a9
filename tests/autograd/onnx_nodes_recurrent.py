"""Recurrent layers and control: loops, scans, branches."""

import numpy
import torch
import torch.nn.functional as F
from case import sizes, uniform
from onnx_node import Node, chance, node, number, pick
from onnx import TensorProto, helper
from rows_recurrent import Layer

DIRECTIONS = ["forward", "reverse", "bidirectional"]


# ---- recurrent ----

class Inputs:
    """What all three have alike: x, W, R, and those that may be left out, drawn; and the attributes."""

    def __init__(self, rng, gates, states, peepholes=False):
        layer = self.layer = Layer(rng, gates)
        self.features, self.layout = int(rng.integers(1, 5)), int(chance(rng, 4))
        d, h, n = layer.directions, layer.units, layer.samples
        self.bias = uniform(rng, d, 2 * gates * h) if chance(rng) else None
        self.starts = [uniform(rng, d, n, h) if chance(rng) else None for _ in range(states)]
        self.peepholes = uniform(rng, d, 3 * h) if peepholes and chance(rng) else None
        if self.layout:
            self.starts = [None if s is None else numpy.ascontiguousarray(s.swapaxes(0, 1)) for s in self.starts]
        x = uniform(rng, *((n, layer.time) if self.layout else (layer.time, n)), self.features)
        lengths = None if layer.lengths is None else layer.lengths.astype(numpy.int32)
        self.arrays = [x, uniform(rng, d, gates * h, self.features), layer.r, self.bias, lengths, *self.starts]
        if peepholes:
            self.arrays.append(self.peepholes)
        while self.arrays[-1] is None:
            self.arrays.pop()
        self.attributes = dict(hidden_size=h, direction=DIRECTIONS[layer.direction])
        if layer.clip:
            self.attributes["clip"] = layer.clip
        if self.layout:
            self.attributes["layout"] = 1

    def arranged(self, tensors):
        """PyTorch's: x's products with W and both biases by gates, R, the states, peepholes, the recurrent bias."""
        layer = self.layer
        tensors = [*tensors, *[None] * (8 - len(tensors))]
        x, w, r, bias, _, *rest = tensors
        d, g, h = layer.directions, layer.gates, layer.units
        x = x.transpose(0, 1) if self.layout else x
        sums = torch.einsum("tnf,dgf->tndg", x, w)
        recurrent = torch.zeros(d, g, h, dtype=x.dtype)
        if bias is not None:
            sums = sums + bias[:, :g * h]
            recurrent = bias[:, g * h:].reshape(d, g, h)
        states = [torch.zeros(d, layer.samples, h, dtype=x.dtype) if s is None else s.transpose(0, 1) if self.layout
                  else s for s in rest[:len(self.starts)]]
        peepholes = rest[2].reshape(d, 3, h) if self.peepholes is not None else None
        return sums.reshape(layer.time, layer.samples, -1), r.reshape(d, g, h, h), states, peepholes, recurrent

    def results(self, walked):
        """Y (T, D, N, H) and the last states, (D, N, H), or with the samples first."""
        layer = self.layer
        y = walked[0].reshape(layer.time, layer.samples, layer.directions, layer.units).transpose(1, 2)
        ends = walked[1:]
        if self.layout:
            return (y.permute(2, 0, 1, 3), *(end.transpose(0, 1) for end in ends))
        return (y, *ends)


# With how many of activation_alpha and activation_beta.
ACTIVATIONS = {
    "Tanh": (torch.tanh, 0), "Sigmoid": (torch.sigmoid, 0), "Relu": (torch.relu, 0), "Softsign": (F.softsign, 0),
    "Softplus": (F.softplus, 0), "Affine": (lambda x, a, b: a * x + b, 2),
    "LeakyRelu": (lambda x, a: torch.where(x < 0, a * x, x), 1), "Elu": (lambda x, a: F.elu(x, a), 1),
    "ThresholdedRelu": (lambda x, a: torch.where(x > a, x, torch.zeros_like(x)), 1),
    "ScaledTanh": (lambda x, a, b: a * torch.tanh(b * x), 2),
    "HardSigmoid": (lambda x, a, b: torch.clamp(a * x + b, 0, 1), 2),
}


DEFAULTS = {1: ["Tanh"], 2: ["Sigmoid", "Tanh"], 3: ["Sigmoid", "Tanh", "Tanh"]}


def activations(rng, given, *usual):
    """For each direction as many functions as USUAL has names, which they are two times of three."""
    directions, alphas, betas = given.layer.directions, [], []
    names = list(usual) * directions
    if chance(rng, 3):
        names = [pick(rng, *ACTIVATIONS) for _ in names]
    if chance(rng) or names != DEFAULTS[len(usual)] * directions:
        given.attributes["activations"] = names

    def with_numbers(name):
        function, count = ACTIVATIONS[name]
        numbers = [number(rng, 0.2, 0.8) for _ in range(count)]
        alphas.extend(numbers[:1])
        betas.extend(numbers[1:])
        return lambda x: function(x, *numbers)
    functions = [with_numbers(name) for name in names]
    if alphas:
        given.attributes["activation_alpha"] = alphas
    if betas:
        given.attributes["activation_beta"] = betas
    return [functions[d * len(usual):(d + 1) * len(usual)] for d in range(directions)]


@node("RNN", 9)
def rnn(rng):
    given = Inputs(rng, 1, 1)
    f = activations(rng, given, "Relu" if chance(rng, 3) else "Tanh")

    def function(*tensors):
        x, r, states, _, bias = given.arranged(tensors)

        def step(d, x, now):
            return [f[d][0](given.layer.bounded(x[:, 0] + now[0] @ r[d, 0].T + bias[d, 0]))]
        return given.results(given.layer.walk(step, x, states))
    return Node(given.arrays, function, opset=14, **given.attributes)


@node("LSTM", 14)
def lstm(rng):
    given = Inputs(rng, 4, 2, peepholes=True)
    layer, activation = given.layer, activations(rng, given, "Sigmoid", "Tanh", "Tanh")
    couples = chance(rng, 4)
    if couples:
        given.attributes["input_forget"] = 1

    def function(*tensors):
        x, r, states, p, bias = given.arranged(tensors)

        def step(d, x, now):
            hidden, cell = now
            i, o, f, g = (x[:, k] + hidden @ r[d, k].T + bias[d, k] for k in range(4))
            if p is not None:
                i, f = i + p[d, 0] * cell, f + p[d, 2] * cell
            gate, inner, outer = activation[d]
            i, f, g = gate(layer.bounded(i)), gate(layer.bounded(f)), inner(layer.bounded(g))
            cell = (1 - i if couples else f) * cell + i * g
            o = o + p[d, 1] * cell if p is not None else o
            return [gate(layer.bounded(o)) * outer(cell), cell]
        return given.results(layer.walk(step, x, states))
    return Node(given.arrays, function, opset=14, **given.attributes)


@node("GRU", 12)
def gru(rng):
    given = Inputs(rng, 3, 1)
    layer, after = given.layer, chance(rng)
    activation = activations(rng, given, "Sigmoid", "Tanh")
    if after:
        given.attributes["linear_before_reset"] = 1

    def function(*tensors):
        x, r, states, _, bias = given.arranged(tensors)

        def step(d, x, now):
            hidden = now[0]
            gate, inner = activation[d]
            z, reset = (gate(layer.bounded(x[:, k] + hidden @ r[d, k].T + bias[d, k])) for k in range(2))
            product = reset * (hidden @ r[d, 2].T + bias[d, 2]) if after else (reset * hidden) @ r[d, 2].T + bias[d, 2]
            return [(1 - z) * inner(layer.bounded(x[:, 2] + product)) + z * hidden]
        return given.results(layer.walk(step, x, states))
    return Node(given.arrays, function, opset=14, **given.attributes)


# ---- control ----

def port(name, kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, None)


@node("If")
def branch(rng):
    shape, condition = sizes(rng, 3), chance(rng)
    then = helper.make_graph([helper.make_node("Mul", ["x1", "x2"], ["a"])], "then", [], [port("a")])
    other = helper.make_graph([helper.make_node("Sub", ["x1", "x2"], ["b"])], "else", [], [port("b")])
    return Node([numpy.array(condition), uniform(rng, *shape), uniform(rng, *shape)],
                lambda c, x, y: x * y if condition else x - y, opset=13, outer=[1, 2],
                then_branch=then, else_branch=other)


@node("Loop")
def loop(rng):
    """s <- s * a + i, and each step's s."""
    shape, steps = sizes(rng, 2), int(rng.integers(1, 5))
    body = helper.make_graph(
        [helper.make_node("Mul", ["s", "x3"], ["p"]), helper.make_node("Add", ["p", "x3"], ["t"]),
         helper.make_node("Identity", ["c"], ["more"]), helper.make_node("Tanh", ["t"], ["scanned"])],
        "body", [port("i", TensorProto.INT64), port("c", TensorProto.BOOL), port("s")],
        [port("more", TensorProto.BOOL), port("t"), port("scanned")])

    def function(count, condition, s, a):
        scanned = []
        for _ in range(steps):
            s = s * a + a
            scanned.append(torch.tanh(s))
        return s, torch.stack(scanned)
    return Node([numpy.array(steps), numpy.array(True), uniform(rng, *shape), uniform(rng, *shape)], function, opset=13,
                outer=[3], constants=[0, 1], body=body)


@node("Scan", 3)
def scan(rng):
    """s <- tanh(s + x a) over x's first axis, from either end."""
    shape, steps, back = sizes(rng, 2), int(rng.integers(1, 5)), chance(rng)
    body = helper.make_graph(
        [helper.make_node("Mul", ["x", "x2"], ["p"]), helper.make_node("Add", ["s", "p"], ["q"]),
         helper.make_node("Tanh", ["q"], ["t"]), helper.make_node("Neg", ["t"], ["scanned"])],
        "body", [port("s"), port("x")], [port("t"), port("scanned")])

    def function(s, x, a):
        scanned = []
        for i in reversed(range(steps)) if back else range(steps):
            s = torch.tanh(s + x[i] * a)
            scanned.append(-s)
        return s, torch.stack(scanned)
    given = dict(scan_input_directions=[1]) if back else {}
    return Node([uniform(rng, *shape), uniform(rng, steps, *shape), uniform(rng, *shape)], function, opset=11,
                outer=[2], num_scan_inputs=1, body=body, **given)
