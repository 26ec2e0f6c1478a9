"""Networks that leave sizes open beside the batch, as exporters write them: by arrays (`clade run`), by names (`--size`), by
pictures (`clade predict`) and by data (`clade eval`), Clade gives what ONNX Runtime gives for these sizes.

    open_sizes.py CLADE        in an empty folder
"""
import json
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

TOLERANCE = 1e-5  # of the largest output
clade = sys.argv[1]
rng = np.random.default_rng(2)


def run(*words):
    return subprocess.run([clade, *words], check=True, stdout=subprocess.PIPE, text=True).stdout


def fails(pattern, *words):
    done = subprocess.run([clade, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and pattern in done.stderr, (words, done.stderr)


def save(path, nodes, inputs, outputs, weights):
    graph = helper.make_graph(
        nodes, "open", [helper.make_tensor_value_info(name, TensorProto.FLOAT, dims) for name, dims in inputs],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(array, name) for name, array in weights.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def weight(*dims):
    return (rng.standard_normal(dims) / np.sqrt(np.prod(dims[1:]) or 1)).astype(np.float32)


def assert_same(runtime, path, feeds):
    wanted = runtime.run(None, feeds)
    words = []
    for name, array in feeds.items():
        np.save(name + ".npy", array)
        words.append(f"{name}={name}.npy")
    run("run", path, "--input", *words, "--out", "out")
    for port, array in zip(runtime.get_outputs(), wanted):
        got = np.load(f"out/{port.name}.npy")
        error = float(np.abs(got - array).max() / max(np.abs(array).max(), 1e-30))
        print(f"{path} {[a.shape for a in feeds.values()]}: {error:.1e}", flush=True)
        assert got.shape == array.shape and error <= TOLERANCE, (got, array)
    return wanted


# A picture of any size: convolutions, a resize to twice the size by what Shape says, classes by a mean over all places.
nodes = [
    helper.make_node("Conv", ["x", "w1", "b1"], ["a"], kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 2]),
    helper.make_node("Relu", ["a"], ["b"]),
    helper.make_node("Shape", ["x"], ["shape"], start=2),
    helper.make_node("Slice", ["batch_shape", "zero", "two"], ["front"]),
    helper.make_node("Concat", ["front", "shape"], ["whole"], axis=0),
    helper.make_node("Resize", ["b", "", "", "whole"], ["c"], mode="linear"),
    helper.make_node("ReduceMean", ["c"], ["d"], axes=[2, 3], keepdims=0),
    helper.make_node("Gemm", ["d", "w2", "b2"], ["scores"], transB=1),
]
nodes.insert(3, helper.make_node("Shape", ["b"], ["batch_shape"]))
weights = {"w1": weight(6, 3, 3, 3), "b1": weight(6), "w2": weight(10, 6), "b2": weight(10),
           "zero": np.array([0], np.int64), "two": np.array([2], np.int64)}
picture = save("picture.onnx", nodes, [("x", ["batch", 3, "height", "width"])], ["scores", "c"], weights)
for n, height, width in ((1, 8, 8), (3, 17, 31), (2, 64, 5)):
    assert_same(picture, "picture.onnx", {"x": rng.random((n, 3, height, width), dtype=np.float32)})
fails('its size 2 (height) open', "summary", "picture.onnx")
fails('its size 3 (width) open', "summary", "picture.onnx", "--size", "height=20")
summary = json.loads(run("summary", "picture.onnx", "--size", "height=20", "width=24", "--json"))
assert summary["input"] == [1, 3, 20, 24], summary
fails('leaves no size "depth" open', "summary", "picture.onnx", "--size", "height=20", "width=24", "depth=2")
np.save("row.npy", np.zeros((1, 10), np.float32))
fails("an array of rank 2; the model wants rank 4", "run", "picture.onnx", "--input", "x=row.npy", "--out", "out")

# What a picture, an option or the data say is what the network is built for.
image = rng.random((1, 3, 19, 23), dtype=np.float32)
np.save("image.npy", image[0])
np.save("images.npy", rng.random((40, 3, 12, 10), dtype=np.float32))
np.save("labels.npy", rng.integers(0, 10, 40).astype(np.int64))
wanted = picture.run(None, {"x": image})[0][0]
for words in ([], ["--input", "3,19,23"]):
    row = json.loads(run("predict", "picture.onnx", "image.npy", "--top", "10", "--json", *words))["predictions"][0]
    got = np.zeros(10, np.float32)
    for top in row["top"]:
        got[int(top["class"])] = top["score"]
    assert np.abs(got - wanted).max() <= TOLERANCE * np.abs(wanted).max(), (got, wanted)
report = json.loads(run("eval", "picture.onnx", "--data", "npy:images.npy,labels.npy", "--part", "train", "--json"))
part = [i for i in range(40) if i % 5 != 4]
right = (picture.run(None, {"x": np.load("images.npy")[part]})[0].argmax(axis=1) == np.load("labels.npy")[part]).sum()
assert round(report["accuracy"] * report["count"]) == right and report["count"] == len(part), (report, right)
fails("takes images of 3 channels, and these have 1", "train", "picture.onnx", "--data", "digits:64,16", "--out", "wrong")

# Shapes that are computed from the batch, as exporters trace them: x.view(x.size(0), -1), states of zeros, a row for each.
nodes = [
    helper.make_node("Conv", ["x", "w", "b"], ["a"], kernel_shape=[3, 3]),
    helper.make_node("Shape", ["a"], ["shape"]),
    helper.make_node("Gather", ["shape", "first"], ["n"], axis=0),
    helper.make_node("Unsqueeze", ["n", "axis"], ["rows"]),
    helper.make_node("Concat", ["rows", "rest"], ["flat"], axis=0),
    helper.make_node("Reshape", ["a", "flat"], ["f"]),
    helper.make_node("Concat", ["rows", "four", "nine"], ["steps"], axis=0),
    helper.make_node("Reshape", ["f", "steps"], ["s"]),
    helper.make_node("Transpose", ["s"], ["t"], perm=[1, 0, 2]),
    helper.make_node("Concat", ["one", "rows", "five"], ["state"], axis=0),
    helper.make_node("ConstantOfShape", ["state"], ["h0"]),
    helper.make_node("GRU", ["t", "gw", "gr", "", "", "h0"], ["", "h"], hidden_size=5),
    helper.make_node("Mul", ["n", "five0"], ["elements"]),
    helper.make_node("Unsqueeze", ["elements", "axis"], ["all"]),
    helper.make_node("Reshape", ["h", "all"], ["long"]),
    helper.make_node("Concat", ["rows", "five"], ["back"], axis=0),
    helper.make_node("Reshape", ["long", "back"], ["k"]),
    helper.make_node("Expand", ["row", "back"], ["same"]),
    helper.make_node("Add", ["k", "same"], ["sum"]),
    helper.make_node("Gemm", ["sum", "v"], ["scores"], transB=1),
]
weights = {"w": weight(4, 3, 3, 3), "b": weight(4), "gw": weight(1, 15, 9), "gr": weight(1, 15, 5),
           "v": weight(10, 5), "row": weight(1, 5), "first": np.array(0), "axis": np.array([0]), "rest": np.array([-1]),
           "one": np.array([1]), "four": np.array([4]), "nine": np.array([9]), "five": np.array([5]),
           "five0": np.array(5)}
view = save("view.onnx", nodes, [("x", ["n", 3, 5, 5])], ["scores"], weights)
for n in (1, 6):
    assert_same(view, "view.onnx", {"x": rng.random((n, 3, 5, 5), dtype=np.float32)})
np.save("images.npy", rng.random((40, 3, 5, 5), dtype=np.float32))
report = json.loads(run("eval", "view.onnx", "--data", "npy:images.npy,labels.npy", "--part", "train", "--json"))
right = (view.run(None, {"x": np.load("images.npy")[part]})[0].argmax(axis=1) == np.load("labels.npy")[part]).sum()
assert round(report["accuracy"] * report["count"]) == right, (report, right)
run("train", "view.onnx", "--data", "npy:images.npy,labels.npy", "--epochs", "2", "--batch", "5", "--quiet", "--out", "run")
run("summary", "view.onnx", "--batch", "3")
run("convert", "view.onnx", "again.onnx")
again = onnxruntime.InferenceSession("again.onnx", providers=["CPUExecutionProvider"])
images = np.load("images.npy")[:7]
assert np.abs(again.run(None, {"x": images})[0] - view.run(None, {"x": images})[0]).max() <= 1e-5
less = [*nodes[:-1], helper.make_node("Sub", ["rows", "one"], ["end"]),
        helper.make_node("Slice", ["sum", "zero", "end", "one"], ["scores"])]
save("less.onnx", less, [("x", ["n", 3, 5, 5])], ["scores"], {**weights, "zero": np.array([0])})
fails("input 2 depends on the batch", "summary", "less.onnx")
for operation, number in (("Div", 2), ("Mul", 0), ("Sub", 300), ("Min", 32)):  # half of it, its square, less, at most
    nodes_of_shape = [*nodes[:4], helper.make_node(operation, ["rows", "number" if number else "rows"], ["count"]),
                      helper.make_node("ConstantOfShape", ["count"], ["scores"])]
    save("wrong.onnx", nodes_of_shape, [("x", ["n", 3, 5, 5])], ["scores"], {**weights, "number": np.array([number])})
    fails("input 0 depends on the batch", "summary", "wrong.onnx")
nodes[-1] = helper.make_node("Cast", ["n"], ["count"], to=TensorProto.FLOAT)
nodes.append(helper.make_node("Div", ["sum", "count"], ["scores"]))
save("mean.onnx", nodes, [("x", ["n", 3, 5, 5])], ["scores"], weights)
fails("it computes with the size of the batch", "summary", "mean.onnx")

# A sequence of any length, of any batch, forwards and backwards, and a mask of the same open sizes.
nodes = [
    helper.make_node("Mul", ["x", "mask"], ["masked"]),
    helper.make_node("LSTM", ["masked", "w", "r", "b"], ["y", "last"], hidden_size=5, direction="bidirectional"),
    helper.make_node("Transpose", ["y"], ["t"], perm=[0, 2, 1, 3]),
    helper.make_node("Reshape", ["t", "joined"], ["rows"]),
    helper.make_node("MatMul", ["rows", "v"], ["z"]),
]
weights = {"w": weight(2, 20, 4), "r": weight(2, 20, 5), "b": weight(2, 40), "v": weight(10, 3),
           "joined": np.array([0, 0, -1], np.int64)}
sequence = save("sequence.onnx", nodes, [("x", ["steps", "batch", 4]), ("mask", ["steps", "batch", 1])], ["z", "last"],
                weights)
for steps, n in ((1, 1), (7, 3), (12, 2)):
    assert_same(sequence, "sequence.onnx", {"x": weight(steps, n, 4),
                                            "mask": rng.integers(0, 2, (steps, n, 1)).astype(np.float32)})
fails("its size 1 (batch) open", "summary", "sequence.onnx")
run("summary", "sequence.onnx", "--size", "steps=6", "batch=2")
run("convert", "sequence.onnx", "fixed.onnx", "--size", "steps=6", "x:1=2", "mask:1=2")
fixed = onnxruntime.InferenceSession("fixed.onnx", providers=["CPUExecutionProvider"])
feeds = {"x": weight(6, 2, 4), "mask": np.ones((6, 2, 1), np.float32)}
for got, wanted in zip(fixed.run(None, feeds), sequence.run(None, feeds)):
    assert np.abs(got - wanted).max() <= TOLERANCE * np.abs(wanted).max()
