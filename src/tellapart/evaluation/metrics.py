"""Numbers of probabilities (n, k) and integer targets (n,): plain functions, each equal to scikit-learn's where it has one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tellapart.array_types import BoolArray, FloatArray, IntArray

TINY = float(np.finfo(np.float64).eps)


def losses(probabilities: FloatArray, targets: IntArray) -> FloatArray:
    """Minus the log of the probability of the truth (n,), in nats, as scikit-learn clips it."""
    p = probabilities[np.arange(len(targets)), targets]
    return np.asarray(-np.log(np.clip(p, TINY, 1.0)), dtype=np.float64)


def log_loss(probabilities: FloatArray, targets: IntArray) -> float:
    """Mean of :func:`losses`, in nats."""
    return float(losses(probabilities, targets).mean())


def accuracy(probabilities: FloatArray, targets: IntArray) -> float:
    """Share of images whose most probable class is the truth."""
    return float((probabilities.argmax(axis=1) == targets).mean())


def confusion_matrix(probabilities: FloatArray, targets: IntArray) -> IntArray:
    """Counts (k, k): rows true, columns predicted."""
    k = probabilities.shape[1]
    return np.asarray(np.bincount(targets * k + probabilities.argmax(axis=1), minlength=k * k).reshape(k, k))


def f1_of(true_positives: FloatArray, support: FloatArray, predicted: FloatArray) -> FloatArray:
    """F1 a class, arrays (..., k): 2 tp / (support + predicted); NaN where the class neither occurs nor is predicted."""
    total = np.asarray(support + predicted, dtype=np.float64)
    return np.asarray(np.divide(2.0 * true_positives, total, out=np.full(total.shape, np.nan), where=total > 0))


def macro_f1(probabilities: FloatArray, targets: IntArray) -> float:
    """Mean F1 of the classes that occur or are predicted."""
    matrix = confusion_matrix(probabilities, targets)
    return float(np.nanmean(f1_of(np.diag(matrix), matrix.sum(axis=1), matrix.sum(axis=0))))


def per_class(matrix: IntArray, class_names: tuple[str, ...]) -> list[dict[str, Any]]:
    """Precision, recall, F1 and support of each class of a confusion matrix (k, k); None where undefined."""
    right, support, predicted = np.diag(matrix), matrix.sum(axis=1), matrix.sum(axis=0)

    def share(part: int, whole: int) -> float | None:
        return float(part / whole) if whole else None

    return [
        {
            "name": name,
            "precision": share(right[i], predicted[i]),
            "recall": share(right[i], support[i]),
            "f1": share(2 * right[i], support[i] + predicted[i]),
            "support": int(support[i]),
        }
        for i, name in enumerate(class_names)
    ]


def f1_influence(probabilities: FloatArray, targets: IntArray) -> FloatArray:
    """How much each image (n,) moves macro F1: its first-order (delta method) contribution; they sum to 0."""
    matrix = confusion_matrix(probabilities, targets)
    total = matrix.sum(axis=0) + matrix.sum(axis=1)
    f1 = f1_of(np.diag(matrix), matrix.sum(axis=1), matrix.sum(axis=0))
    predicted = probabilities.argmax(axis=1)
    is_right = (predicted == targets).astype(np.float64)
    moved = (is_right - f1[targets]) / total[targets] + (is_right - f1[predicted]) / total[predicted]
    return np.asarray(moved / (total > 0).sum())


def delong_placements(scores: FloatArray, is_positive: BoolArray) -> FloatArray:
    """For each image (n,), the share of the other side it is on the right side of; ties count half.

    The mean over either side is the area under the ROC curve (DeLong, DeLong & Clarke-Pearson 1988).
    """
    ups, downs = np.sort(scores[is_positive]), np.sort(scores[~is_positive])
    placed = np.empty(len(scores))
    placed[is_positive] = _share_below(downs, scores[is_positive])
    placed[~is_positive] = 1.0 - _share_below(ups, scores[~is_positive])
    return placed


def _share_below(others: FloatArray, scores: FloatArray) -> FloatArray:
    below = np.searchsorted(others, scores, side="left") + np.searchsorted(others, scores, side="right")
    return np.asarray(below / (2.0 * len(others)))


def auc(probabilities: FloatArray, targets: IntArray) -> float | None:
    """Area under the ROC curve by ranks; the macro one-versus-rest mean for more than two classes; None if a class is absent."""
    found = auc_influence(probabilities, targets)
    return None if found is None else found[0]


def auc_influence(probabilities: FloatArray, targets: IntArray) -> tuple[float, FloatArray] | None:
    """The area and how much each image (n,) moves it (DeLong et al. 1988); None if a class is absent.

    A class of one image says nothing of its own spread: it is given the largest that its area allows.
    """
    k = probabilities.shape[1]
    if k < 2 or np.bincount(targets, minlength=k).min() == 0:
        return None
    classes = [1] if k == 2 else list(range(k))  # with two classes both areas are the same
    areas, moved = [], np.zeros(len(targets))
    for c in classes:
        is_positive = targets == c
        placed = delong_placements(probabilities[:, c], is_positive)
        areas.append(float(placed[is_positive].mean()))
        for side in (is_positive, ~is_positive):
            m = int(side.sum())
            share = (placed[side] - areas[-1]) / math.sqrt(m * (m - 1)) if m > 1 else math.sqrt(areas[-1] * (1 - areas[-1]))
            moved[side] += share / len(classes)
    return float(np.mean(areas)), moved


def brier(probabilities: FloatArray, targets: IntArray) -> float:
    """Mean squared distance between the probabilities and the truth, over all classes: 0 best, 2 worst (Brier 1950)."""
    truth = np.zeros_like(probabilities)
    truth[np.arange(len(targets)), targets] = 1.0
    return float(np.square(probabilities - truth).sum(axis=1).mean())
