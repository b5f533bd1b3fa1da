"""A grouped stratified split of 400,000 groups: seconds, ours and scikit-learn's StratifiedGroupKFold.

    python benchmarks/split_speed.py [--groups 400000] [--peer-groups 2000 4000 8000] [--folds 5] [--classes 50]

Every group has one to three images of one class. scikit-learn's grows faster than the number of groups times the classes
allows to wait for, so it is timed on smaller sets and on ours beside it. Both are checked: no group divided, and how far
any class's share of any fold lies from even.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

import numpy as np


def drawn(groups: int, classes: int) -> tuple[list[str], list[str]]:
    rng = np.random.default_rng(0)
    sizes, kinds = rng.integers(1, 4, groups), rng.integers(0, classes, groups)
    names = np.repeat([f"group {number}" for number in range(groups)], sizes).tolist()
    return np.repeat([f"class {kind}" for kind in kinds], sizes).tolist(), names


def unevenness(labels: Sequence[str], groups: Sequence[str], folds: np.ndarray) -> float:
    """The farthest that a class's share of a fold lies from even, in points; checks that no group is divided."""
    fold_of: dict[str, int] = {}
    assert all(fold_of.setdefault(group, fold) == fold for group, fold in zip(groups, folds.tolist(), strict=True))
    _, kinds = np.unique(labels, return_inverse=True)
    counts = np.zeros((kinds.max() + 1, folds.max() + 1))
    np.add.at(counts, (kinds, folds), 1)
    return float(100 * np.abs(counts / counts.sum(axis=1, keepdims=True) - 1 / counts.shape[1]).max())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--groups", type=int, default=400_000)
    parser.add_argument("--peer-groups", type=int, nargs="*", default=[2_000, 4_000, 8_000])
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--classes", type=int, default=50)
    chosen = parser.parse_args()
    from sklearn.model_selection import StratifiedGroupKFold

    from tellapart.dataset.splits import assign_folds, assign_shares

    for count in (*chosen.peer_groups, chosen.groups):
        labels, groups = drawn(count, chosen.classes)
        start, used = time.perf_counter(), time.process_time()
        folds = assign_folds(labels, groups, folds=chosen.folds, seed=0)
        seconds, used = time.perf_counter() - start, time.process_time() - used
        start = time.perf_counter()
        assign_shares(labels, groups, seed=0, shares={"test": 0.2, "val": 0.1})
        parts = time.perf_counter() - start
        line = f"{count:,} groups, {len(labels):,} images: ours {seconds:.2f} s ({used:.2f} s of processor)"
        print(f"{line}, uneven by {unevenness(labels, groups, folds):.2f} points; three parts {parts:.2f} s")
        if count in chosen.peer_groups:
            theirs = np.empty(len(labels), np.int64)
            start = time.perf_counter()
            for fold, (_, held) in enumerate(
                StratifiedGroupKFold(chosen.folds, shuffle=True, random_state=0).split(labels, labels, groups)
            ):
                theirs[held] = fold
            took = time.perf_counter() - start
            print(
                f"  scikit-learn {took:.2f} s, {took / seconds:.0f} times ours; uneven by {unevenness(labels, groups, theirs):.2f} points"
            )


if __name__ == "__main__":
    main()
