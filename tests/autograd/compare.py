"""Every row that has a gradient, run by Clade and by PyTorch on random shapes: results and gradients must agree.

    python3 tests/autograd/compare.py [--shapes N] [--seed S] PROGRAM [ROW...]

PROGRAM is nodes.c built. Each row has an entry in one of the files rows_*.py beside this one: a function that draws a
case. A row without an entry fails, so that a new one cannot be forgotten. Agreement is to 1e-4 of the largest element,
in float32, on at least N shapes of each row, default 3; another seed draws others."""

import argparse
import importlib
import pathlib
import subprocess
import sys
import tempfile

import numpy
import torch

TOLERANCE = 1e-4


def write_case(folder, case):
    """The line of the program's input for CASE, its arrays written to FOLDER."""
    words = [case.row]
    for key, value in case.attributes.items():
        numbers = value if isinstance(value, (list, tuple)) else [value]
        words.append(f"{key}=" + ",".join(str(int(n) if isinstance(n, bool) else n) for n in numbers))
    for what, arrays in (("in", case.inputs), ("dy", case.output_gradients)):
        paths = []
        for index, array in enumerate(arrays):
            path = "-" if array is None else f"{folder}/{what}{index}.npy"
            if array is not None:
                numpy.save(path, numpy.asarray(array, order="C"))
            paths.append(path)
        words.append(f"{what}=" + ",".join(paths))
    words.append(f"out={folder}/result")
    return " ".join(words)


def expected(case):
    """PyTorch's outputs and input gradients, in double, by the names of the files that Clade writes."""
    tensors = []
    for array in case.inputs:
        if array is None or array.dtype == numpy.int32:
            tensors.append(None if array is None else torch.from_numpy(array.astype(numpy.int64)))
        else:
            tensors.append(torch.from_numpy(array.astype(numpy.float64)).requires_grad_())
    outputs = case.function(*tensors)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    rng = numpy.random.default_rng(case.seed)
    case.output_gradients = [
        rng.uniform(-1, 1, tuple(y.shape)).astype(numpy.float32) if y is not None and y.requires_grad else None
        for y in outputs
    ]
    loss = sum((y * torch.from_numpy(dy.astype(numpy.float64))).sum()
               for y, dy in zip(outputs, case.output_gradients) if dy is not None)
    with_gradient = [t for t in tensors if t is not None and t.requires_grad]
    gradients = iter(torch.autograd.grad(loss, with_gradient, allow_unused=True))
    results = {f"y{i}": y.detach().numpy() for i, y in enumerate(outputs) if y is not None}
    for i, tensor in enumerate(tensors):
        if tensor is not None and tensor.requires_grad:
            gradient = next(gradients)
            results[f"dx{i}"] = numpy.zeros(tensor.shape) if gradient is None else gradient.numpy()
    return results


def difference(folder, name, wanted):
    """The largest difference from WANTED relative to its largest element; a gradient that was not written is 0."""
    path = pathlib.Path(f"{folder}/result.{name}.npy")
    if not path.exists() and name.startswith("y"):
        return numpy.inf
    got = numpy.load(path).astype(numpy.float64) if path.exists() else numpy.zeros(wanted.shape)
    if got.shape != wanted.shape:
        return numpy.inf
    if wanted.size == 0:
        return 0.0
    worst = numpy.abs(got - wanted).max()
    return worst / max(numpy.abs(wanted).max(), 1e-6)


def load_rows():
    sys.dont_write_bytecode = True
    here = pathlib.Path(__file__).parent
    sys.path.insert(0, str(here))
    return [importlib.import_module(path.stem) for path in sorted(here.glob("rows_*.py"))]


def draw(row, count, seed, root):
    """COUNT cases of ROW, each with a folder, the results it should have, and its line for the program."""
    from case import cases
    drawn = []
    for number in range(count):
        key = [seed, number, *row.encode()]
        case = cases[row](numpy.random.default_rng(key))
        case.row, case.seed = row, key
        folder = pathlib.Path(f"{root}/{row}.{number}")
        folder.mkdir()
        drawn.append((case, folder, expected(case), write_case(folder, case)))
    return drawn


def judge(case, folder, results, failures):
    """The case's largest difference; what is too large is added to FAILURES."""
    shapes = " ".join(str(list(array.shape)) for array in case.inputs if array is not None)
    words = f"{case.row} {shapes} {case.attributes}"
    if not pathlib.Path(f"{folder}/result.y0.npy").exists():
        failures.append(f"{words}: did not run")
        return numpy.inf
    worst = 0
    for name, wanted in results.items():
        error = difference(folder, name, wanted)
        worst = max(worst, error)
        if not error <= TOLERANCE:
            failures.append(f"{words}: {name} differs by {error:.1e}")
    return worst


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--shapes", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("program")
    parser.add_argument("rows", nargs="*")
    options = parser.parse_args()
    load_rows()
    from case import cases, exempt, least_shapes
    listed = subprocess.run([options.program, "--list"], check=True, capture_output=True, text=True).stdout.split()
    chosen = options.rows or [*listed, *cases, *exempt]
    failures = [f"{row}: no entry in tests/autograd/rows_*.py" for row in listed
                if row in chosen and row not in cases and row not in exempt]
    failures += [f"{row}: has an entry, but is no row with a gradient" for row in [*cases, *exempt]
                 if row in chosen and row not in listed]
    rows = [row for row in listed if row in cases and row in chosen]
    with tempfile.TemporaryDirectory() as root:
        drawn = []
        for row in rows:
            drawn += draw(row, max(options.shapes, least_shapes.get(row, 0)), options.seed, root)
        lines = "".join(f"{line}\n" for _, _, _, line in drawn)
        run = subprocess.run([options.program], input=lines, text=True, stderr=subprocess.PIPE)
        if run.returncode != 0:
            failures.append(run.stderr.strip())
        worst = dict.fromkeys(rows, 0)
        for case, folder, results, _ in drawn:
            worst[case.row] = max(worst[case.row], judge(case, folder, results, failures))
    for row in rows:
        print(f"{row:32} {worst[row]:.1e}")
    for failure in failures:
        print("FAILED", failure)
    print(f"{len(rows)} rows, {len(drawn)} shapes, {len(failures)} failures; {len(exempt)} exempt")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
