"""Reads the event files of folders by TensorBoard's own reader, beside each folder's metrics.jsonl where it has one:
    read_events.py FOLDER...
Every curve must have each step once, upwards, with the numbers of metrics.jsonl; a picture of the filters must be a PNG."""
import json
import pathlib
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

# Events of metrics.jsonl: the group of their curves.
GROUPS = {"train": "train", "validation": "held_out"}


def curves_of(metrics):
    """{"train/loss": {step: number}} as metrics.jsonl has it."""
    curves = {}
    for line in map(json.loads, metrics.read_text().splitlines()):
        numbers = {f"{group}/{name}": number for group in ("gradient_norm", "zeros")
                   for name, number in line.get(group, {}).items()}
        if line["event"] in GROUPS:
            numbers = {f"{GROUPS[line['event']]}/{name}": number for name, number in line.items()
                       if name in ("loss", "accuracy", "rate", "top5")}
        for tag, number in numbers.items():
            curves.setdefault(tag, {})[line["step"]] = number
    return curves


def check(folder):
    board = EventAccumulator(folder, size_guidance={"scalars": 0, "images": 0})
    board.Reload()
    tags = board.Tags()["scalars"]
    for tag in tags:
        steps = [point.step for point in board.Scalars(tag)]
        assert steps == sorted(set(steps)), (folder, tag, steps)
    pictures = board.Images("filters") if "filters" in board.Tags()["images"] else []
    for picture in pictures:
        assert picture.encoded_image_string[:8] == b"\x89PNG\r\n\x1a\n" and picture.width > 20, folder
    metrics = pathlib.Path(folder, "metrics.jsonl")
    if metrics.exists() and "test/loss" in tags:
        for tag, curve in curves_of(metrics).items():
            got = {point.step: point.value for point in board.Scalars(tag)}
            assert got.keys() == curve.keys(), (folder, tag, sorted(got), sorted(curve))
            assert all(abs(got[step] - curve[step]) <= 1e-6 * abs(curve[step]) for step in curve), (folder, tag)
        assert "train/loss" in tags and "held_out/accuracy" in tags and pictures, (folder, tags)
    print(f"{folder}: {len(tags)} curves, {len(pictures)} pictures")


for name in sys.argv[1:]:
    check(name)
