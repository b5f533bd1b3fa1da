"""An autoencoder beside Keras, and what its numbers encode beside a pretrained network's.

    python benchmarks/autoencoder.py PHOTOS [--keras-python PYTHON] [--epochs 3] [--lr 0.001] [--color] [--color-epochs 30]

PHOTOS has the folders `train` and `validation`, each with class folders. First the network `classic` at 128 pixels, ours and in Keras:
the same squares, epochs, batch size (32) and, unless --lr is given, learning rate (Adam, 0.001), each in a process of its own; error
on `validation`, images a second, and a second of one core, which other work on the machine changes little (the median of all
epochs but the first). With --color: the error of `small` on photos held back, and what two clusters of its latents follow, of
pixels and of lite0 features (`tellapart cluster`): NMI above chance with class, color and shape.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
SIZE, BATCH, LR = 128, 32, 1e-3


def squares(photos: Path, part: str, place: Path) -> Path:
    """The photos of a part as one array of squares, as ours would see them."""
    from tellapart.images import decode, resize

    found = [
        resize(decode(path.read_bytes(), min_size=SIZE).pixels, SIZE, "crop")
        for path in sorted((photos / part).rglob("*"))
        if path.suffix.lower() in (".jpg", ".jpeg", ".png")
    ]
    np.save(place / f"{part}.npy", np.stack(found))
    return place / f"{part}.npy"


def ours(train: Path, test: Path, epochs: int, lr: float) -> dict[str, Any]:
    """Our loop on the same squares."""
    import torch

    from tellapart.models.autoencoder import build_autoencoder
    from tellapart.models.precision import training_precision
    from tellapart.training.config import TrainingConfig
    from tellapart.training.data_loader import DataLoader
    from tellapart.training.distributed import Compute
    from tellapart.training.fold_training import replicas_on
    from tellapart.training.loop import FoldRows, Loop
    from tellapart.training.reconstruction import AutoencoderLearner, Reconstruction
    from tellapart.training.thread_replicas import one_thread_each
    from tellapart.training.tracking import Listeners

    class Squares:
        size = SIZE

        def __init__(self, pixels: Any) -> None:
            self.pixels = pixels

        def take(self, rows: Any) -> Any:
            return self.pixels[rows]

    pixels = np.concatenate([np.load(train), np.load(test)])
    count = len(np.load(train, mmap_mode="r"))
    learn, judged = np.arange(count), np.arange(count, len(pixels))
    keys, nothing = np.arange(len(pixels)).astype(np.uint64), np.zeros(len(pixels), np.int64)
    feed = DataLoader(Squares(pixels), nothing, keys, (0.0,) * 3, (1.0,) * 3, None, "cpu", 1)  # type: ignore[arg-type]
    torch.manual_seed(0)
    learner = AutoencoderLearner(build_autoencoder("classic", SIZE), is_autocast=False).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    threads = replicas_on("cpu")
    with one_thread_each(threads):
        learner.is_autocast = training_precision(learner, SIZE, "cpu", "auto") == "bfloat16"
        plan = TrainingConfig(epochs=epochs, batch_size=BATCH, lr=lr, weight_decay=0.0)
        work = [time.process_time()]
        nothing_held_out = np.empty(0, np.int64)
        loop = Loop(
            learner,
            feed,
            FoldRows(learn, nothing_held_out),
            plan,
            objective=Reconstruction(),
            compute=Compute(replicas=threads),
            listeners=Listeners(on_epoch=lambda title, events: work.append(time.process_time())),
        )
        trained = loop.run()
        errors, _ = Reconstruction().judged(trained.learner, feed, judged, threads)
    ends = [0.0] + [event["seconds"] for event in trained.history]
    return {
        "seconds": [b - a for a, b in pairwise(ends)],
        "processor_seconds": [b - a for a, b in pairwise(work)],
        "error": float(errors.mean()),
    }


def speeds(photos: Path, keras_python: str | None, epochs: int, lr: float) -> None:
    with tempfile.TemporaryDirectory() as work:
        train, test = (squares(photos, part, Path(work)) for part in ("train", "validation"))
        count = len(np.load(train, mmap_mode="r"))
        commands = {
            "tellapart": [sys.executable, __file__, str(photos), "--ours", str(train), str(test), "--epochs", str(epochs), "--lr", str(lr)]
        }
        if keras_python:
            peer = HERE / "peers" / "keras_autoencoder.py"
            commands["Keras"] = [keras_python, str(peer), str(train), str(test), str(epochs)]
        for name, command in commands.items():
            out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            found = json.loads(out.strip().splitlines()[-1])
            wall, processor = (count / statistics.median(found[key][1:] or found[key]) for key in ("seconds", "processor_seconds"))
            speed = f"{wall:6.0f} images/s, {processor:.0f} a second of one core"
            print(f"{name:<10} {speed}; error on validation {found['error']:.5f} after {epochs} epochs", flush=True)


def colors(photos: Path, epochs: int) -> None:
    """What clusters of latents, of features and of pixels follow."""
    import tellapart

    with tempfile.TemporaryDirectory() as work:
        state = Path(work) / "state"
        run = tellapart.autoencode(photos, epochs=epochs, out=Path(work) / "runs", state=state)
        side, cost = run.autoencoder_metrics.held_back, run.autoencoder_metrics.training
        print(f"small, 64 pixels, 128 numbers, {epochs} epochs, {cost.images_per_s:.0f} images/s; error on photos held back:", flush=True)
        for name, words in (("error", "this autoencoder"), ("linear", "principal components"), ("mean_image", "the mean image")):
            error = getattr(side, name)
            print(f"  {words:<22} {error.value:.5f} ({error.low:.5f} to {error.high:.5f})")
        for name, features in (("latents", f"run:{run.folder}"), ("pixels", "pixels"), ("lite0", "lite0")):
            found = tellapart.cluster(photos, k=2, features=features, vocabulary="none", out=Path(work) / name, state=state)
            accuracy = found.scores.accuracy if found.scores else None
            print(f"two clusters of {name}: {found.encoding}; accuracy {accuracy}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--keras-python")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--lr", type=float, default=LR, help="ours at its highest; Keras has 0.001 throughout")
    parser.add_argument("--color", action="store_true")
    parser.add_argument("--color-epochs", type=int, default=30)
    parser.add_argument("--ours", nargs=2, type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.ours:
        print(json.dumps(ours(*chosen.ours, chosen.epochs, chosen.lr)))
    elif chosen.color:
        colors(chosen.photos, chosen.color_epochs)
    else:
        speeds(chosen.photos, chosen.keras_python, chosen.epochs, chosen.lr)


if __name__ == "__main__":
    main()
