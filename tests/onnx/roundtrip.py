"""Networks that Clade wrote as ONNX, judged by others: onnx's checker takes them, and ONNX Runtime gives the numbers that
Clade gives. With a folder of MNIST a lenet is trained, and counted right on the test images as many as Clade counts.

    roundtrip.py CLADE [MNIST]        in an empty folder

What a last softmax takes is compared as well: of a deep network that has learnt nothing softmax says 0 and 1 alone.
"""
import gzip
import json
import os
import struct
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime

MODELS = ["perceptron", "softmax", "mlp", "mlp-sigmoid", "mlp-points", "lenet", "lenet5", "lenet5-deck", "mnist-cnn",
          "simplenet", "lstm-rows", "table-mlp", "table-linear", "resnet20"]
LARGE = ["resnet32", "resnet44", "resnet56", "resnet110", "resnet18", "resnet34", "resnet50", "resnet101", "resnet152",
         "googlenet", "alexnet", "vgg11", "vgg11-lrn", "vgg13", "vgg16-1x1", "vgg16", "vgg19"]  # where CLADE_LARGE is set
# Not resnet1202, which overflows until it has learnt: nothing could be compared but its weights.
TOLERANCE = 1e-5  # of the largest output

clade = sys.argv[1]


def run(*words):
    return subprocess.run([clade, *words], check=True, stdout=subprocess.PIPE, text=True).stdout


def session(path):
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    return model, onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def scores(runtime, images):
    return runtime.run(None, {runtime.get_inputs()[0].name: images})[0]


def assert_close(what, got, wanted):
    error = float(np.abs(got - wanted).max() / max(np.abs(wanted).max(), 1e-30))
    print(f"{what}: {error:.1e}", flush=True)
    assert got.shape == wanted.shape and error <= TOLERANCE, f"{what}: {got} is not {wanted}"


def read_safetensors(path):
    data = open(path, "rb").read()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + length])
    header.pop("__metadata__", None)
    return {name: np.frombuffer(data[8 + length:][slice(*of["data_offsets"])], "<f4").reshape(of["shape"])
            for name, of in header.items()}


def compare_weights(name, model):
    """The safetensors file has the initialisers' bits."""
    run("convert", name, "weights.safetensors")
    there = {t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer}
    for key, array in read_safetensors("weights.safetensors").items():
        assert there[key].shape == array.shape and there[key].tobytes() == array.tobytes(), f"{name}: {key}"


def show_logits(path):
    """What a last softmax takes becomes an output too."""
    model = onnx.load(path)
    last = model.graph.node[-1]
    if last.op_type == "Softmax":
        model.graph.output.append(model.graph.output[0])
        model.graph.output[-1].name = last.input[0]
        onnx.save(model, path)


def compare_model(name):
    path = name + ".onnx"
    run("convert", name, path)
    compare_weights(name, session(path)[0])
    show_logits(path)
    _, runtime = session(path)
    port = runtime.get_inputs()[0]
    shape = [3 if isinstance(size, str) else size for size in port.shape]
    images = np.random.default_rng(1).random(shape, dtype=np.float32)
    np.save("images.npy", images)
    run("run", path, "--input", port.name + "=images.npy", "--out", "out")
    for output, wanted in zip(runtime.get_outputs(), runtime.run(None, {port.name: images})):
        assert_close(f"{name} {output.name}", np.load(f"out/{output.name}.npy"), wanted)
    os.remove(path)


def read_idx(folder, name):
    for path, opener in ((f"{folder}/{name}", open), (f"{folder}/{name}.gz", gzip.open)):
        if os.path.exists(path):
            data = opener(path, "rb").read()
            rank = data[3]
            return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(struct.unpack(f">{rank}I", data[4:4 + 4 * rank]))
    raise FileNotFoundError(name)


def compare_trained(folder):
    data = "mnist:" + folder
    run("train", "lenet", "--data", data, "--epochs", "1", "--batch", "256", "--quiet", "--out", "trained")
    run("convert", "trained", "trained.onnx")
    _, runtime = session("trained.onnx")
    images = read_idx(folder, "t10k-images-idx3-ubyte").astype(np.float32)[:, None] / np.float32(255)
    labels = read_idx(folder, "t10k-labels-idx1-ubyte")
    theirs = np.concatenate([scores(runtime, images[i:i + 500]) for i in range(0, len(images), 500)])
    report = json.loads(run("eval", "trained", "--data", data, "--json"))
    ours = round(report["accuracy"] * report["count"])
    right = int((theirs.argmax(axis=1) == labels).sum())
    print(f"lenet on MNIST: Clade has {ours} of {report['count']} right, ONNX Runtime {right}")
    assert ours == right
    some = range(0, 10000, 500)
    words = run("predict", "trained", *map(str, some), "--data", data, "--top", "10", "--json")
    for index, row in zip(some, json.loads(words)["predictions"]):
        mine = np.zeros(10, np.float32)
        for top in row["top"]:
            mine[int(top["class"])] = top["score"]
        assert_close(f"image {index}", mine, theirs[index])


for name in MODELS + (LARGE if os.environ.get("CLADE_LARGE") else []):
    compare_model(name)
if len(sys.argv) > 2:
    compare_trained(sys.argv[2])
