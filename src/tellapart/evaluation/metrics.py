"""Metrics of probabilities, float (n, k), and targets, int (n,); each equals scikit-learn's where it has the metric."""

from __future__ import annotations

import math

import numpy as np

from tellapart.array_types import BoolArray, FloatArray, IntArray
from tellapart.part_metrics import ClassScores

TINY = float(np.finfo(np.float64).eps)


def losses(probabilities: FloatArray, targets: IntArray) -> FloatArray:
    """Minus the log of the probability of the true class, float64 (n,), in nats; clipped like scikit-learn's."""
    p = probabilities[np.arange(len(targets)), targets]
    return np.asarray(-np.log(np.clip(p, TINY, 1.0)), dtype=np.float64)


def log_loss(probabilities: FloatArray, targets: IntArray) -> float:
    """Mean of :func:`losses`, in nats, of probabilities (n, k) for targets (n,)."""
    return float(losses(probabilities, targets).mean())


def accuracy(probabilities: FloatArray, targets: IntArray) -> float:
    """Share of images, 0 to 1, whose most probable class, of probabilities (n, k), is the target (n,)."""
    return float((probabilities.argmax(axis=1) == targets).mean())


def confusion_matrix(probabilities: FloatArray, targets: IntArray) -> IntArray:
    """Counts, int (k, k): rows true, columns predicted."""
    k = probabilities.shape[1]
    return np.asarray(np.bincount(targets * k + probabilities.argmax(axis=1), minlength=k * k).reshape(k, k))


def f1_scores(true_positives: FloatArray, support: FloatArray, predicted: FloatArray) -> FloatArray:
    """F1 per class, float64 (..., k), from arrays of that shape: 2 tp / (support + predicted).

    NaN where the class neither occurs nor is predicted.
    """
    total = np.asarray(support + predicted, dtype=np.float64)
    return np.asarray(np.divide(2.0 * true_positives, total, out=np.full(total.shape, np.nan), where=total > 0))


def macro_f1(probabilities: FloatArray, targets: IntArray) -> float:
    """Mean F1 of the classes that occur or are predicted, from probabilities (n, k) and targets (n,)."""
    matrix = confusion_matrix(probabilities, targets)
    return float(np.nanmean(f1_scores(np.diag(matrix), matrix.sum(axis=1), matrix.sum(axis=0))))


def per_class(matrix: IntArray, class_names: tuple[str, ...]) -> list[ClassScores]:
    """Precision, recall, F1 and support of each class of a confusion matrix, int (k, k); None where undefined."""
    right, support, predicted = np.diag(matrix), matrix.sum(axis=1), matrix.sum(axis=0)

    def share(part: int, whole: int) -> float | None:
        return float(part / whole) if whole else None

    return [
        ClassScores(
            name=name,
            precision=share(right[i], predicted[i]),
            recall=share(right[i], support[i]),
            f1=share(2 * right[i], support[i] + predicted[i]),
            support=int(support[i]),
        )
        for i, name in enumerate(class_names)
    ]


def f1_influence(probabilities: FloatArray, targets: IntArray) -> FloatArray:
    """The first-order (delta method) contribution of each image to macro F1: float64 (n,), sum 0."""
    matrix = confusion_matrix(probabilities, targets)
    total = matrix.sum(axis=0) + matrix.sum(axis=1)
    f1 = f1_scores(np.diag(matrix), matrix.sum(axis=1), matrix.sum(axis=0))
    predicted = probabilities.argmax(axis=1)
    is_right = (predicted == targets).astype(np.float64)
    influence = (is_right - f1[targets]) / total[targets] + (is_right - f1[predicted]) / total[predicted]
    return np.asarray(influence / (total > 0).sum())


def delong_placements(scores: FloatArray, is_positive: BoolArray) -> FloatArray:
    """The share of the images of the opposite class that each image is ranked correctly against; ties count half.

    The mean over either class is the area under the ROC curve (DeLong, DeLong & Clarke-Pearson 1988).

    Args:
        scores: float (n,).
        is_positive: bool (n,).

    Returns:
        float64 (n,), 0 to 1.
    """
    ups, downs = np.sort(scores[is_positive]), np.sort(scores[~is_positive])
    placements = np.empty(len(scores))
    placements[is_positive] = _share_below(downs, scores[is_positive])
    placements[~is_positive] = 1.0 - _share_below(ups, scores[~is_positive])
    return placements


def _share_below(others: FloatArray, scores: FloatArray) -> FloatArray:
    below = np.searchsorted(others, scores, side="left") + np.searchsorted(others, scores, side="right")
    return np.asarray(below / (2.0 * len(others)))


def auc(probabilities: FloatArray, targets: IntArray) -> float | None:
    """Area under the ROC curve by ranks; the macro one-versus-rest mean for more than two classes; None if a class is absent."""
    result = auc_influence(probabilities, targets)
    return None if result is None else result[0]


def auc_influence(probabilities: FloatArray, targets: IntArray) -> tuple[float, FloatArray] | None:
    """The AUC and the contribution of each image to it, float64 (n,) (DeLong et al. 1988); None if a class is absent.

    A class of one image has no spread of its own: it gets the largest that its AUC allows.
    """
    k = probabilities.shape[1]
    if k < 2 or np.bincount(targets, minlength=k).min() == 0:
        return None
    classes = [1] if k == 2 else list(range(k))  # with two classes both areas are the same
    areas, influence = [], np.zeros(len(targets))
    for c in classes:
        is_positive = targets == c
        placements = delong_placements(probabilities[:, c], is_positive)
        areas.append(float(placements[is_positive].mean()))
        for side in (is_positive, ~is_positive):
            m = int(side.sum())
            share = (placements[side] - areas[-1]) / math.sqrt(m * (m - 1)) if m > 1 else math.sqrt(areas[-1] * (1 - areas[-1]))
            influence[side] += share / len(classes)
    return float(np.mean(areas)), influence
