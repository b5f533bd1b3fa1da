"""Numbers of probabilities (n, k) and integer targets (n,): plain functions, each equal to scikit-learn's where it has one."""

from __future__ import annotations

from typing import Any

import numpy as np

from tellapart.types import FloatArray, IntArray

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


def placements(scores: FloatArray, is_positive: FloatArray) -> FloatArray:
    """For each image (n,), the share of the other side it is on the right side of; ties count half.

    The mean over either side is the area under the ROC curve (DeLong, DeLong & Clarke-Pearson 1988).
    """
    positive = np.asarray(is_positive, dtype=bool)
    ups, downs = np.sort(scores[positive]), np.sort(scores[~positive])
    placed = np.empty(len(scores))
    placed[positive] = _share_below(downs, scores[positive])
    placed[~positive] = 1.0 - _share_below(ups, scores[~positive])
    return placed


def _share_below(others: FloatArray, scores: FloatArray) -> FloatArray:
    below = np.searchsorted(others, scores, side="left") + np.searchsorted(others, scores, side="right")
    return np.asarray(below / (2.0 * max(1, len(others))))


def auc_columns(num_classes: int) -> list[int]:
    """The classes whose one-versus-rest areas are averaged: with two classes both are the same, so one is enough."""
    return [1] if num_classes == 2 else list(range(num_classes))


def auc(probabilities: FloatArray, targets: IntArray) -> float | None:
    """Area under the ROC curve by ranks; the macro one-versus-rest mean for more than two classes; None if a class is absent."""
    k = probabilities.shape[1]
    if k < 2 or np.bincount(targets, minlength=k).min() == 0:
        return None
    areas = []
    for c in auc_columns(k):
        positive = targets == c
        areas.append(float(placements(probabilities[:, c], positive)[positive].mean()))
    return float(np.mean(areas))


def brier(probabilities: FloatArray, targets: IntArray) -> float:
    """Mean squared distance between the probabilities and the truth, over all classes: 0 best, 2 worst (Brier 1950)."""
    truth = np.zeros_like(probabilities)
    truth[np.arange(len(targets)), targets] = 1.0
    return float(np.square(probabilities - truth).sum(axis=1).mean())
