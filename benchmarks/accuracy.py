"""Accuracy and log loss by backbone and by resize policy.

python benchmarks/accuracy.py [--backbones lite0,lite1,lite2,lite0+lite2] [--resize crop,pad,squash] PHOTOS...
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import tellapart


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", nargs="+", type=Path)
    parser.add_argument("--backbones", default="lite0,lite1,lite2")
    parser.add_argument("--resize", default="crop")
    parser.add_argument("--no-flip-average", action="store_true")
    chosen = parser.parse_args()
    print("photos | backbone | resize | flip average | part | n | accuracy | log loss | mean log loss of 20 other splits | 5-nn accuracy")
    for photos in chosen.photos:
        for backbone in chosen.backbones.split(","):
            for policy in chosen.resize.split(","):
                show(photos, backbone, policy, flip_average=not chosen.no_flip_average)


def show(photos: Path, backbone: str, policy: str, *, flip_average: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        run = tellapart.train(
            photos,
            backbone=backbone,
            resize=policy,
            flip_average=flip_average,
            out=Path(folder) / "runs",
            state=Path(folder) / "state",
            learning_curve=False,
        )
        metrics = run.metrics
    other = metrics.split_sensitivity.log_loss.mean
    for name, part in metrics.parts.items():
        a, loss, nearest = part.accuracy, part.log_loss, part.rungs[1].accuracy.value
        print(
            f"{photos.name} | {backbone} | {policy} | {flip_average} | {name} | {part.n}"
            f" | {a.value:.4f} ({a.low:.4f} to {a.high:.4f})"
            f" | {loss.value:.4f} ({loss.low:.4f} to {loss.high:.4f}) | {other:.4f} | {nearest:.4f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
