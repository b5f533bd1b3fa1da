"""Copies of test photos planted in training: the naive score, the honest score, and what tellapart says.

    python benchmarks/planted_leak.py PHOTOS [--backbone lite0] [--share 0.5]

PHOTOS has parts. Training gets re-saved copies (JPEG quality 60, 90 % of the size, every other one mirrored) of a
share of the reported photos, under wrong labels' opposite, that is, the right ones: what a careless download does.
Honest is the score before planting. Naive is a plain probe on the planted set. Recovered is tellapart's.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

from PIL import Image, ImageOps

import tellapart
from tellapart.part_metrics import PartMetrics, Scores


def planted(photos: Path, into: Path, share: float) -> int:
    shutil.copytree(photos, into)
    reported = next(into / name for name in ("valid", "validation", "test") if (into / name).is_dir())
    files = sorted(path for path in reported.rglob("*") if path.is_file())
    chosen = files[:: max(1, round(1 / share))]
    for number, file in enumerate(chosen):
        image = Image.open(file).convert("RGB")
        image = image.resize((max(1, round(image.width * 0.9)), max(1, round(image.height * 0.9))))
        if number % 2:
            image = ImageOps.mirror(image)
        image.save(into / "train" / file.parent.name / f"copy{number}.jpg", quality=60)
    return len(chosen)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--backbone", default="lite0")
    parser.add_argument("--share", type=float, default=0.5)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        before = tellapart.train(
            chosen.photos, backbone=chosen.backbone, out=work / "runs", state=work / "s1", name="before", n_splits=0, learning_curve=False
        )
        count = planted(chosen.photos, work / "planted", chosen.share)
        after = tellapart.train(
            work / "planted", backbone=chosen.backbone, out=work / "runs", state=work / "s2", name="after", n_splits=0, learning_curve=False
        )
        leak = after.metrics.leak
        print(f"{chosen.photos.name}, {chosen.backbone}: {count} copies planted, {leak.images} training photos recognized as leaks")
        show("honest (before planting)", before.metrics.parts[leak.part])
        show("naive (copies left in)", leak.naive)
        show("recovered by tellapart", after.metrics.parts[leak.part])


def show(name: str, scores: PartMetrics | Scores) -> None:
    a, loss = scores.accuracy, scores.log_loss
    print(f"{name:<26} accuracy {a.value:.4f} ({a.low:.4f} to {a.high:.4f})  log loss {loss.value:.4f} ({loss.low:.4f} to {loss.high:.4f})")


if __name__ == "__main__":
    main()
