"""Images a second of the classic small convnet from scratch, beside Keras: same photos, size, batch and augmentation.

    python benchmarks/scratch_speed.py PHOTOS [--keras-python PYTHON] [--size 128] [--epochs 3] [--rounds 3]

PHOTOS has the folders `train` and `validation`. Ours counts training proper and, beside it, the one decoding of all
photos; Keras decodes in every epoch unless it is told to cache. An epoch is the median of all but the first. Printed first:
what an image costs forward and backward, and how many of them the best matrix products of this machine would allow.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
OURS = """
import json, sys, time
import tellapart
photos, size, epochs, work = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
run = tellapart.train(photos, recipe="scratch", architecture="tiny", image_size=size, epochs=epochs,
                      augment="flip,rotation=10,shift=0.08,zoom=0.1",
                      out=work + "/runs", state=work + "/state")
events = [json.loads(line) for line in (run.folder / "history.jsonl").read_text().splitlines()]
ends = [0.0] + [event["seconds"] for event in events]
print(json.dumps([b - a for a, b in zip(ends, ends[1:])]), run.metrics.training.images // epochs)
"""


def ours(photos: Path, size: int, epochs: int) -> tuple[list[float], int]:
    with tempfile.TemporaryDirectory() as work:
        out = subprocess.run(
            [sys.executable, "-c", OURS, str(photos), str(size), str(epochs), work], capture_output=True, text=True, check=True
        ).stdout
    seconds, _, images = out.strip().splitlines()[-1].rpartition(" ")
    return json.loads(seconds), int(images)


def keras(python: str, photos: Path, size: int, epochs: int, *more: str) -> list[float]:
    command = [python, str(HERE / "peers" / "keras_scratch.py"), str(photos / "train"), str(size), str(epochs), *more]
    found: list[float] = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip().splitlines()[-1])
    return found


def ceiling(size: int, side: int = 2048) -> None:
    """What the machine could do if all of a step were one large matrix product."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from tellapart.models.scratch_networks import build_image_network

    network, images = build_image_network("tiny", 2, size), torch.zeros(32, 3, size, size)
    with FlopCounterMode(display=False) as counter:
        network(images).sum().backward()
    cost = counter.get_total_flops() / len(images)
    for kind in (torch.float32, torch.bfloat16):
        values = torch.randn(side, side, dtype=kind)
        seconds = []
        for _ in range(12):
            begin = time.perf_counter()
            values @ values
            seconds.append(time.perf_counter() - begin)
        rate = 2 * side**3 / min(seconds)
        print(
            f"{cost / 1e6:.0f} million operations an image; best {kind} product {rate / 1e9:.0f} a nanosecond: {rate / cost:.0f} images/s"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--keras-python")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    ceiling(chosen.size)
    trained_on = sum(1 for path in (chosen.photos / "train").rglob("*.*") if path.is_file())
    speeds: dict[str, list[float]] = {}
    for _ in range(chosen.rounds):
        begin = time.perf_counter()
        seconds, images = ours(chosen.photos, chosen.size, chosen.epochs)
        speeds.setdefault("tellapart", []).append(images / statistics.median(seconds[1:]))
        print(f"(the whole process, decoding and judging included: {time.perf_counter() - begin:.0f} s)", flush=True)
        if chosen.keras_python:
            for name, more in (("Keras", []), ("Keras, cached", ["--cache"])):
                seconds = keras(chosen.keras_python, chosen.photos, chosen.size, chosen.epochs, *more)
                speeds.setdefault(name, []).append(trained_on / statistics.median(seconds[1:]))
    for name, found in speeds.items():
        spread = f"({min(found):.0f} to {max(found):.0f})"
        ratio = statistics.median(speeds["tellapart"]) / statistics.median(found)
        print(f"{name:<15} {statistics.median(found):7.0f} images/s  {spread}; tellapart is {ratio:.1f} times as fast")


if __name__ == "__main__":
    main()
