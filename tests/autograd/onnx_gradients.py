"""Every differentiable operator of ONNX that Clade imports, run by `clade run --grad` and by PyTorch on random shapes
and attributes: outputs and gradients of all floating-point inputs and initialisers must agree.

    python3 tests/autograd/onnx_gradients.py [--shapes N] [--seed S] CLADE DOCS [OPERATOR...]

CLADE is the command, DOCS the page docs/onnx.md, whose table lists the operators: each has an entry in one of the files
onnx_nodes_*.py beside this one, or says there why it has no gradient to compare. Agreement is to 1e-4 of the largest
element, in float32 against float64, on at least N cases of each operator, default 2; another seed draws others. Needs
onnx."""

import argparse
import concurrent.futures
import importlib
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import numpy
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

TOLERANCE = 1e-4


def is_real(array):
    return array is not None and array.dtype == numpy.float32


def as_tensor(array):
    if array is None:
        return None
    if is_real(array):
        return torch.from_numpy(numpy.array(array, dtype=numpy.float64)).requires_grad_()
    return torch.from_numpy(numpy.array(array)).to(torch.bool if array.dtype == numpy.bool_ else torch.int64)


def expected(case, rng):
    """PyTorch's outputs and gradients in double by the names of Clade's files, and what flows back to the outputs."""
    tensors = [as_tensor(array) for array in case.inputs]
    outputs = case.function(*tensors)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    flows = {f"y{i}": rng.uniform(-1, 1, tuple(y.shape)).astype(numpy.float32)
             for i, y in enumerate(outputs) if y is not None and y.is_floating_point()}
    loss = sum((outputs[int(name[1:])] * torch.from_numpy(dy.astype(numpy.float64))).sum()
               for name, dy in flows.items())
    leaves = {f"x{i}": t for i, t in enumerate(tensors) if t is not None and t.requires_grad}
    gradients = [None] * len(leaves)
    if loss.requires_grad:
        gradients = torch.autograd.grad(loss, list(leaves.values()), allow_unused=True)
    results = {f"y{i}": y.detach().numpy() for i, y in enumerate(outputs) if y is not None}
    for (name, leaf), gradient in zip(leaves.items(), gradients):
        results[name + ".grad"] = numpy.zeros(leaf.shape) if gradient is None else gradient.numpy()
    return results, flows, len(outputs)


def write_model(case, folder, output_count, output_types, rng):
    """The case as a model with one node; which of its inputs are initialisers is drawn. Returns the inputs."""
    names = ["" if array is None else f"x{i}" for i, array in enumerate(case.inputs)]
    node = helper.make_node(case.operator, [name for name in names if name not in case.outer],
                            [f"y{i}" for i in range(output_count)], **case.attributes)
    inputs, initializers = {}, []
    for name, array in zip(names, case.inputs):
        if name and (name in case.constants or rng.integers(0, 4) == 0):
            initializers.append(numpy_helper.from_array(array, name))
        elif name:
            inputs[name] = array
    ports = [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
             for name, array in inputs.items()]
    results = [helper.make_tensor_value_info(f"y{i}", kind, None) for i, kind in enumerate(output_types)]
    graph = helper.make_graph([node], "case", ports, results, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", case.opset)])
    onnx.save(model, f"{folder}/model.onnx")
    return inputs


def run(clade, case, folder, seed):
    """What Clade's files and PyTorch's results differ by, by name: the most, relative to the largest element."""
    rng = numpy.random.default_rng(seed)
    wanted, flows, count = expected(case, rng)
    types = [TensorProto.FLOAT if f"y{i}" in flows else TensorProto.INT64 for i in range(count)]
    inputs = write_model(case, folder, count, types, rng)
    words = [clade, "run", f"{folder}/model.onnx", "--out", f"{folder}/out"]
    for option, suffix, arrays in (("--input", "", inputs), ("--grad", ".dy", flows)):
        for name, array in arrays.items():
            numpy.save(f"{folder}/{name}{suffix}.npy", numpy.asarray(array, order="C"))
            words += [option, f"{name}={folder}/{name}{suffix}.npy"]
    done = subprocess.run(words, stderr=subprocess.PIPE, text=True, timeout=300)
    if done.returncode != 0:
        return {done.stderr.strip(): numpy.inf}
    return {name: difference(f"{folder}/out/{name}.npy", array) for name, array in wanted.items()}


def difference(path, wanted):
    if not pathlib.Path(path).exists():  # a constant that only its type was asked of
        return 0.0 if path.endswith(".grad.npy") and not wanted.any() else numpy.inf
    got = numpy.load(path).astype(numpy.float64)
    if got.shape != wanted.shape:
        return numpy.inf
    if wanted.size == 0:
        return 0.0
    return numpy.abs(got - wanted).max() / max(numpy.abs(wanted.astype(numpy.float64)).max(), 1e-6)


def listed_operators(page):
    """Those of the table under "### Operators"."""
    text = pathlib.Path(page).read_text().split("### Operators")[1].split("\n#")[0]
    rows = re.findall(r"^\| [a-z ]+ \| ([A-Z].*) \|$", text, re.MULTILINE)
    return [operator for row in rows for operator in row.split()]


def load_entries():
    sys.dont_write_bytecode = True
    here = pathlib.Path(__file__).parent
    sys.path.insert(0, str(here))
    for path in sorted(here.glob("onnx_nodes_*.py")):
        importlib.import_module(path.stem)
    import onnx_node
    return onnx_node


def compare(clade, operator, count, seed, entries):
    """The operator's largest difference and what failed."""
    worst, failures = 0, []
    for number in range(max(count, entries.least_cases[operator])):
        key = [seed, number, *operator.encode()]
        case = entries.nodes[operator](numpy.random.default_rng(key))
        case.operator = operator
        with tempfile.TemporaryDirectory() as folder:
            for name, error in run(clade, case, folder, key).items():
                worst = max(worst, error)
                if not error <= TOLERANCE:
                    shapes = " ".join("-" if a is None else str(list(a.shape)) for a in case.inputs)
                    failures.append(f"{operator} case {number} set {case.opset} {shapes} {case.attributes}: "
                                    f"{name} differs by {error:.1e}")
    return worst, failures


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--shapes", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("clade")
    parser.add_argument("docs")
    parser.add_argument("operators", nargs="*")
    options = parser.parse_args()
    torch.set_num_threads(1)
    entries = load_entries()
    listed = listed_operators(options.docs)
    failures = [f"{operator}: no entry in tests/autograd/onnx_nodes_*.py" for operator in listed
                if operator not in entries.nodes and operator not in entries.exempt]
    failures += [f"{operator}: has an entry, but is not in {options.docs}"
                 for operator in [*entries.nodes, *entries.exempt] if operator not in listed]
    operators = options.operators or sorted(entries.nodes)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = pool.map(lambda one: compare(options.clade, one, options.shapes, options.seed, entries), operators)
        for operator, (worst, failed) in zip(operators, results):
            failures += failed
            print(f"{operator:32} {worst:.1e}", flush=True)
    cases = sum(max(options.shapes, entries.least_cases[operator]) for operator in operators)
    print(f"{len(operators)} operators, {cases} cases, {len(failures)} failures; {len(entries.exempt)} exempt")
    for failure in failures:
        print("FAILED", failure)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
