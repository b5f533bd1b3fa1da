"""Subsets of the training part for a learning curve, in whole groups, and the learning curve of their metrics."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from tellapart.counts import count
from tellapart.dataset.file_rows import FileRow
from tellapart.dataset.parts import REPORTED, Assignment
from tellapart.dataset.splits import ordered_groups
from tellapart.errors import DataError
from tellapart.evaluation.power_law import fit_power_law

FEWEST = 4
"""Training photos of a class below which a recipe has nothing to hold out."""


def sizes_of(assignment: Assignment, wanted: Sequence[int] | Sequence[float]) -> list[int]:
    """The numbers of training photos to try, rising: those given (all there are where more are asked for), or shares of all.

    Raises:
        DataError: so few that nothing can be learned from them.
    """
    counts = Counter(row.label for row in assignment.rows if row.is_used and row.part == "train")
    total, least = sum(counts.values()), FEWEST * len(counts)
    if isinstance(wanted[0], float):
        found = sorted({round(share * total) for share in wanted if share * total >= least} | {total})
    else:
        found = sorted({min(int(size), total) for size in wanted})
    if found[0] < least:
        raise DataError(
            f"{count(found[0], 'photo')} of {count(len(counts), 'class is', 'classes are')} too few to learn from",
            hint=f"--sizes from {least} on",
        )
    return found


def subset(assignment: Assignment, size: int, draws: int) -> Iterator[Assignment]:
    """Assignments with about ``size`` training photos; one draw where that is all of them."""
    train = [i for i, row in enumerate(assignment.rows) if row.is_used and row.part == "train"]
    for seed in range(1 if size >= len(train) else draws):
        kept = drawn(assignment.rows, train, size, seed) if size < len(train) else set(train)
        rows = [
            row.left_out("not drawn for this size") if row.is_used and row.part == "train" and i not in kept else row
            for i, row in enumerate(assignment.rows)
        ]
        yield replace(assignment, rows=rows, leaked=[])


def drawn(rows: Sequence[FileRow], train: Sequence[int], size: int, seed: int) -> set[int]:
    """Indices of about ``size`` training rows: whole groups, each class by its share but never fewer than ``FEWEST``."""
    members = defaultdict(list)
    for i in train:
        members[rows[i].group or ""].append(i)
    labels = [rows[i].label or "" for i in train]
    counts = Counter(labels)
    kept: set[int] = set()
    for label, groups in ordered_groups(labels, [rows[i].group or "" for i in train], seed=1000 + seed).items():
        quota = max(FEWEST, round(size * counts[label] / len(train)))
        taken = 0
        for group in groups:
            if taken >= quota:
                break
            kept.update(members[group])
            taken += len(members[group])
    return kept


def curve_of(points: Sequence[tuple[int, Sequence[dict[str, Any]]]]) -> dict[str, Any]:
    """``learning_curve`` of metrics.json with ``part`` and ``n``, of the metrics of each draw of each size."""
    part = next(name for name in REPORTED if name in points[0][1][0])
    found: list[dict[str, Any]] = [
        {
            "n_train": round(sum(_trained(metrics) for metrics in draws) / len(draws)),
            "accuracy": [metrics[part]["accuracy"]["value"] for metrics in draws],
            "log_loss": [metrics[part]["log_loss"]["value"] for metrics in draws],
        }
        for _, draws in points
    ]
    total = found[-1]["n_train"]
    law = fit_power_law([p["n_train"] for p in found], [[1 - a for a in p["accuracy"]] for p in found])
    return {
        "part": part,
        "n": points[0][1][0][part]["n"],
        "points": found,
        "fit": law.as_dict(),
        "twice": {"n_train": 2 * total, "accuracy": law.accuracy_at(2 * total).as_dict(), "gain": law.gain(total, 2 * total).as_dict()},
    }


def _trained(metrics: dict[str, Any]) -> int:
    return sum(found["train"] for found in metrics["data"]["classes"])
