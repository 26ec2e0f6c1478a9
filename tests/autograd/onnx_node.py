"""What the entries of onnx_nodes_*.py are made of. An entry draws a case of its operator: inputs, attributes, and the
same function in PyTorch, which is given the inputs as tensors (float64, int64 or bool; None where one is left out) and
returns its outputs in the operator's order, None for one that is not compared."""

nodes = {}        # operator -> function(rng) -> Node
least_cases = {}  # operator -> how many it needs, where it has many forms
exempt = {}       # operator -> why there is no gradient to compare


class Node:
    """CONSTANTS are places of inputs that are initialisers, OUTER of those that a subgraph alone reads; outputs are
    floating point or int64."""

    def __init__(self, inputs, function, /, opset=21, constants=(), outer=(), **attributes):
        self.inputs, self.function, self.attributes, self.opset = inputs, function, attributes, opset
        self.constants, self.outer = [f"x{i}" for i in constants], [f"x{i}" for i in outer]


def node(name, cases=0):
    def keep(function):
        nodes[name] = function
        least_cases[name] = cases
        return function
    return keep


def chance(rng, of=2):
    return bool(rng.integers(0, of) == 0)


def number(rng, low, high):
    """A number that an attribute, which is float32, holds exactly."""
    return round(float(rng.uniform(low, high)) * 64) / 64


def some(rng, **values):
    """Attributes, each there or left out."""
    return {name: value for name, value in values.items() if chance(rng)}


def pick(rng, *choices):
    return choices[int(rng.integers(0, len(choices)))]


def signed(rng, axis, rank):
    """The axis, or the same counted from the end."""
    return int(axis) - rank if chance(rng) else int(axis)
