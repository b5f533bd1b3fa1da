"""How many labels does `tellapart suggest` save? Labels until 95 % of the full accuracy, beside random ones and the plain margin.

    python benchmarks/suggest.py PHOTOS... --state FOLDER [--backbone lite2] [--seeds 5] [--most 640] [--batch 20] [--pool 2500]

Every way begins with a batch and adds batches, each chosen by a linear head on what is labeled so far; accuracy is that on a test part
that nothing looks at. Random and margin begin with a random batch, suggest with prototypes, as it does without a run. Where 95 % is not
reached with ``--most`` labels, one batch more is counted. Groups of near-duplicates are not removed from the pool.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np

from labeled_folders import labeled_features
from tellapart import calibration
from tellapart.concurrency import one_blas_thread
from tellapart.dataset.splits import assign_stratified_parts
from tellapart.exploration.batch_selection import prototypes, uncertain_and_diverse
from tellapart.feature_spec import spec_of
from tellapart.models.heads import HeadSpace
from tellapart.models.logistic import fit_logistic
from tellapart.training.linear_probe import LabeledFeatures

WAYS = ("random", "margin", "suggest")
DIRECTIONS = 256


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", nargs="+", type=Path)
    parser.add_argument("--backbone", default="lite2")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--most", type=int, default=640)
    parser.add_argument("--batch", type=int, default=20)
    parser.add_argument("--pool", type=int, default=2500)
    parser.add_argument("--state", type=Path, required=True)
    chosen = parser.parse_args()
    print("set | full accuracy | labels for 95 % of it: random | margin | suggest | of random | of margin | mean accuracy on the way, each")
    with one_blas_thread():
        for photos in chosen.photos:
            data = labeled_features(photos, spec_of(chosen.backbone), states=chosen.state)
            show(f"{photos.parent.name}/{photos.name}", data, chosen)
    print(f"load {os.getloadavg()[0]:.0f}")


def show(name: str, data: LabeledFeatures, chosen: argparse.Namespace) -> None:
    needed: dict[str, list[int]] = {way: [] for way in WAYS}
    means: dict[str, list[float]] = {way: [] for way in WAYS}
    fulls = []
    for seed in range(chosen.seeds):
        is_train = np.array([part == "train" for part in assign_stratified_parts(data.labels, data.groups, seed=seed)])
        space = HeadSpace.of(data.features[is_train], power=1.0)
        x = np.ascontiguousarray(space.placed(data.features)[:, :DIRECTIONS])
        train, test = np.flatnonzero(is_train), np.flatnonzero(~is_train)
        fulls.append(accuracy(head(x, data, train), data.targets, test))
        pool = np.random.default_rng(seed).permutation(train)[: chosen.pool]
        for way in WAYS:
            curve = learned(way, x, data, pool, test, chosen, seed)
            reached = [n for n, value in enumerate(curve, 1) if value >= 0.95 * fulls[-1]]
            needed[way].append(chosen.batch * (reached[0] if reached else len(curve) + 1))
            means[way].append(float(np.mean(curve)))
    mean = {way: float(np.mean(needed[way])) for way in WAYS}
    cells = [f"{mean[way]:.0f} ({min(needed[way])} to {max(needed[way])})" for way in WAYS]
    ratios = [f"{mean['suggest'] / mean[way]:.2f}" for way in ("random", "margin")]
    curves = " ".join(f"{100 * np.mean(means[way]):.1f} %" for way in WAYS)
    print(f"{name} | {100 * np.mean(fulls):.1f} % | {' | '.join(cells)} | {' | '.join(ratios)} | {curves}", flush=True)


def learned(
    way: str, x: np.ndarray, data: LabeledFeatures, pool: np.ndarray, test: np.ndarray, chosen: argparse.Namespace, seed: int
) -> list[float]:
    """Test accuracy after each batch."""
    rng = np.random.default_rng(seed)
    labeled = pool[prototypes(data.features[pool], chosen.batch, seed=seed)] if way == "suggest" else pool[: chosen.batch]
    curve = []
    while True:
        probabilities = head(x, data, labeled)
        curve.append(accuracy(probabilities, data.targets, test))
        if len(labeled) >= chosen.most:
            return curve
        left = np.setdiff1d(pool, labeled)
        top = np.sort(probabilities[left], axis=1)
        margins = top[:, -1] - top[:, -2]
        if way == "random":
            new = rng.permutation(len(left))[: chosen.batch]
        elif way == "margin":
            new = np.argsort(margins, kind="stable")[: chosen.batch]
        else:
            new = uncertain_and_diverse(data.features[left], margins, chosen.batch, seed=seed)
        labeled = np.concatenate([labeled, left[new]])


def head(x: np.ndarray, data: LabeledFeatures, rows: np.ndarray) -> np.ndarray:
    """Probabilities of all images by a head on these rows."""
    strength = np.array([0.1 if len(rows) < 200 else 0.03])
    fit = fit_logistic(x[rows], data.targets[rows], len(data.class_names), np.ones((len(rows), 1)), strength, tolerance=1e-3)
    return calibration.softmax(fit.logits(x, 0))


def accuracy(probabilities: np.ndarray, targets: np.ndarray, rows: np.ndarray) -> float:
    return float((probabilities[rows].argmax(axis=1) == targets[rows]).mean())


if __name__ == "__main__":
    main()
