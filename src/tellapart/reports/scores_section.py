"""The scores behind the headline: each class with its intervals, the verdict, top-k accuracy, and the thresholds of two classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypedDict

import numpy as np

from tellapart.array_types import BoolArray, FloatArray, IntArray
from tellapart.evaluation.intervals import share_interval
from tellapart.interval import IntervalDict
from tellapart.part_metrics import PartMetrics
from tellapart.predictions import Predictions
from tellapart.reports.number_format import count, percent, percent_brief, share
from tellapart.results import plain
from tellapart.run_folder import RunContent

FEW_CLASSES = 10
TOP = (1, 3, 5)
STEPS = 100
CURVE_POINTS = 200
LEAST_SUPPORT = 5
"""A class of fewer images is not called the weakest: one mistake would make it so."""


class ClassView(TypedDict):
    """A class: the numbers of metrics.json, and intervals; None where there is nothing to take a share of."""

    name: str
    precision: float | None
    recall: float | None
    f1: float | None
    support: int
    recall_interval: IntervalDict | None
    precision_interval: IntervalDict | None


class TopK(TypedDict):
    """How often the label is among the ``k`` most probable classes."""

    k: int
    accuracy: IntervalDict | None


class Fact(TypedDict):
    """A number beside the headline."""

    name: str
    value: str
    words: str


class VerdictView(TypedDict):
    """What the first screen says of one part."""

    line: str
    facts: list[Fact]


class ThresholdRow(TypedDict):
    """Counts at a threshold, and proportions with their intervals; None where undefined."""

    threshold: float
    tp: int
    fp: int
    fn: int
    tn: int
    accuracy: IntervalDict | None
    recall: IntervalDict | None
    precision: IntervalDict | None


class BinaryView(TypedDict):
    """Two classes at each threshold 0, 0.01 ... 1.

    ``roc`` are points (false-positive rate, recall), ``pr`` points (recall, precision), at most 200 of each.
    """

    part: str
    positive: str
    negative: str
    rows: list[ThresholdRow]
    roc: list[list[float]]
    pr: list[list[float]]


def proportion(is_right: BoolArray, groups: Sequence[str]) -> IntervalDict | None:
    """The share of true values, bool (n,), with its 95 % interval by groups; None without an image."""
    return share_interval(is_right, groups).as_dict() if len(is_right) else None


def part_predictions(run: RunContent, part: str) -> Predictions:
    """The labeled predictions of one reported part."""
    predictions = run.predictions
    is_part = np.array([name == part for name in predictions.parts], dtype=bool)
    return predictions.where(is_part & (predictions.targets >= 0))


def per_class_view(run: RunContent, part: str) -> list[ClassView]:
    """The classes with the intervals of recall and precision."""
    rows: list[ClassView] = [plain(row) for row in run.metrics.parts[part].per_class]
    predictions = part_predictions(run, part)
    predicted, groups = predictions.predicted, np.array(predictions.groups, dtype=object)
    for k, row in enumerate(rows):
        row["recall_interval"] = _share(predictions.is_right, predictions.targets == k, groups) if len(predictions) else None
        row["precision_interval"] = _share(predictions.is_right, predicted == k, groups) if len(predictions) else None
    return rows


def _share(is_right: BoolArray, among: BoolArray, groups: Any) -> IntervalDict | None:
    return proportion(is_right[among], [str(group) for group in groups[among]])


def top_k_view(run: RunContent, part: str) -> list[TopK]:
    """How often the label is among the k most probable classes, for more than ten classes; else nothing."""
    predictions = part_predictions(run, part)
    num_classes = len(run.class_names)
    if num_classes <= FEW_CLASSES or not len(predictions):
        return []
    own = predictions.probabilities[np.arange(len(predictions)), predictions.targets]
    rank = (predictions.probabilities > own[:, None]).sum(axis=1)
    return [{"k": k, "accuracy": proportion(rank < k, predictions.groups)} for k in TOP if k < num_classes]


def verdict_view(run: RunContent, part: str) -> VerdictView:
    """What the first screen says of one part: one line, and the facts beside it."""
    metrics = run.metrics.parts[part]
    line = f"{percent(metrics.accuracy.value)} of {count(metrics.n, 'image')} it never saw are classified correctly"
    facts = [*_other_splits(run, part), *_size(metrics), *_weakest(run, part), *_top_confusion(run, part)]
    return {"line": f"{line}.", "facts": facts}


def _other_splits(run: RunContent, part: str) -> list[Fact]:
    sensitivity = run.metrics.split_sensitivity
    if sensitivity is None or part != run.parts[0]:
        return []
    spread = sensitivity.accuracy
    spread_words = f"{share(spread.low)} to {percent(spread.high)}"
    words = (
        f"{spread_words}; this split is one of many" if sensitivity.sample is None else f"{spread_words}, of {sensitivity.images()} only"
    )
    return [{"name": f"Mean of {count(len(sensitivity.splits), 'other split')}", "value": percent(spread.mean), "words": words}]


def _size(metrics: PartMetrics) -> list[Fact]:
    n, groups = metrics.n, metrics.groups
    words = "each its own group" if groups == n else f"in {count(groups, 'group')} that stay together"
    return [{"name": "Images", "value": f"{n:,}", "words": words}]


def _weakest(run: RunContent, part: str) -> list[Fact]:
    rows = [row for row in per_class_view(run, part) if row["recall_interval"] and row["support"] >= LEAST_SUPPORT]
    if len(rows) < 2:
        return []
    row = min(rows, key=lambda one: one["recall"] or 0.0)
    recall = row["recall_interval"]
    return [{"name": "Weakest class", "value": row["name"], "words": f"{percent_brief(recall)} of it recognized"}] if recall else []


def _top_confusion(run: RunContent, part: str) -> list[Fact]:
    matrix = np.array(run.metrics.parts[part].confusion_matrix, dtype=np.int64)
    if matrix.size == 0:
        return []
    off = matrix - np.diag(np.diag(matrix))
    if not off.any():
        return [{"name": "Most frequent confusion", "value": "none", "words": "no image was classified wrongly"}]
    i, j = divmod(int(off.argmax()), len(off))
    names = run.class_names
    words = f"{count(int(off[i, j]), 'time')}, of {count(int(matrix[i].sum()), 'image')}"
    return [{"name": "Most frequent confusion", "value": f"{names[i]} → {names[j]}", "words": words}]


def binary_view(run: RunContent, part: str) -> BinaryView | None:
    """Curves and thresholds of two classes, the second being the positive one; None for other numbers of classes."""
    predictions = part_predictions(run, part)
    is_positive = predictions.targets == 1
    if len(run.class_names) != 2 or is_positive.all() or not is_positive.any():
        return None
    scores = predictions.probabilities[:, 1]
    groups = np.array(predictions.groups, dtype=object)
    rows = [_at_threshold(step / STEPS, scores, is_positive, groups) for step in range(STEPS + 1)]
    roc, pr = _curves(scores, is_positive)
    negative, positive = run.class_names
    return {"part": part, "positive": positive, "negative": negative, "rows": rows, "roc": roc, "pr": pr}


def _at_threshold(threshold: float, scores: FloatArray, is_positive: BoolArray, groups: Any) -> ThresholdRow:
    called = scores >= threshold
    is_right = called == is_positive
    every = np.ones(len(scores), dtype=bool)
    return {
        "threshold": threshold,
        "tp": int((called & is_positive).sum()),
        "fp": int((called & ~is_positive).sum()),
        "fn": int((~called & is_positive).sum()),
        "tn": int((~called & ~is_positive).sum()),
        "accuracy": _share(is_right, every, groups),
        "recall": _share(is_right, is_positive, groups),
        "precision": _share(is_right, called, groups),
    }


def _curves(scores: FloatArray, is_positive: BoolArray) -> tuple[list[list[float]], list[list[float]]]:
    order = np.argsort(-scores, kind="stable")
    last = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    tp = np.cumsum(is_positive[order])[last].astype(np.float64)
    called = (last + 1).astype(np.float64)
    recall, false_rate = tp / is_positive.sum(), (called - tp) / (~is_positive).sum()
    roc = np.vstack([[0.0, 0.0], np.column_stack([false_rate, recall])])
    pr = np.column_stack([recall, tp / called])
    return _thinned(roc), _thinned(pr)


def _thinned(points: FloatArray) -> list[list[float]]:
    indices: IntArray = np.unique(np.linspace(0, len(points) - 1, CURVE_POINTS).astype(np.int64))
    return np.round(points[indices], 5).tolist()  # type: ignore[no-any-return]
