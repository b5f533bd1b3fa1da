"""Peak memory of a training from scratch on 2,000 and on 60,000 images: it must not grow with their number.

Distinct CIFAR-size PNGs of ten classes are drawn into a temporary folder; then `tellapart train --recipe scratch --architecture tiny
--image-size 32 --epochs 1` runs as a process of its own. `bare` is the same training without the command around it
(no catalog, search for duplicates, features, report): the pixel store, the feed and the loop alone.

    python benchmarks/training_memory.py [--few 2000] [--many 60000] [--bare-only]
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np

from measured_process import measured

CLASSES = 10
BARE = """
import hashlib, sys
from pathlib import Path
import numpy as np
from tellapart.cache_dir import cache_root
from tellapart.augmentation.policy import parse_augmentation
from tellapart.images.pixel_store import PixelStore
from tellapart.training.fold_training import train_members
from tellapart.training.config import TrainingConfig
from tellapart.training.linear_probe import LabeledFeatures
from tellapart.training.network_recipe import NetworkRecipe, scratch_card
n = int(sys.argv[1])
ids = [hashlib.sha256(str(i).encode()).hexdigest() for i in range(n)]
store = PixelStore(cache_root() / "pixels", 32, "crop")
rng = np.random.default_rng(0)
for start in range(0, n, 1000):
    store.write(ids[start:start + 1000], rng.integers(0, 256, (len(ids[start:start + 1000]), 32, 32, 3), dtype=np.uint8))
train = LabeledFeatures(np.empty((n, 0), np.float32), np.arange(n) % 10, ids, [str(k) for k in range(10)])
recipe = NetworkRecipe("scratch", scratch_card("tiny", 32), None, "crop", "all", parse_augmentation("strong"), TrainingConfig(epochs=1), 1)
train_members(recipe, train, ids, device="cpu", num_workers=2)
"""


def draw(folder: Path, n: int) -> None:
    """Distinct images of 32 x 32: a color a class, a bright square somewhere, noise."""
    rng = np.random.default_rng(n)
    colors = np.random.default_rng(1).uniform(40, 215, (CLASSES, 3))
    for target in range(CLASSES):
        (folder / str(target)).mkdir(parents=True)
    for number in range(n):
        pixels = colors[number % CLASSES] + rng.normal(scale=30, size=(32, 32, 3))
        top, left = rng.integers(0, 24, 2)
        pixels[top : top + 8, left : left + 8] += rng.uniform(-100, 100, 3)
        path = folder / str(number % CLASSES) / f"{number}.png"
        path.write_bytes(cv2.imencode(".png", pixels.clip(0, 255).astype(np.uint8), [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--few", type=int, default=2000)
    parser.add_argument("--many", type=int, default=60_000)
    parser.add_argument("--bare-only", action="store_true")
    chosen = parser.parse_args()
    for name in ("bare",) if chosen.bare_only else ("bare", "whole command"):
        peaks = []
        for n in (chosen.few, chosen.many):
            with tempfile.TemporaryDirectory() as folder:
                work = Path(folder)
                environment = {**os.environ, "TELLAPART_CACHE": str(work / "cache")}
                if name == "bare":
                    command = [sys.executable, "-c", BARE, str(n)]
                else:
                    draw(work / "photos", n)
                    command = [
                        sys.executable,
                        "-m",
                        "tellapart",
                        "train",
                        str(work / "photos"),
                        "--recipe",
                        "scratch",
                        "--architecture",
                        "tiny",
                    ]
                    command += ["--image-size", "32", "--epochs", "1", "--out", str(work / "runs"), "--quiet"]
                usage = measured(command, environment)
                peaks.append(usage.peak_mb)
                print(f"{name:<13} {n:>7,} images: peak {usage.peak_mb:6.0f} MB, {usage.wall_s:5.0f} s", flush=True)
        per_image = (peaks[1] - peaks[0]) * 1024 / (chosen.many - chosen.few)
        print(f"{name:<13} ratio {peaks[1] / peaks[0]:.2f}, {per_image:.1f} KB an image more")


if __name__ == "__main__":
    main()
