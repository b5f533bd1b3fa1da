"""Everything the report says about one part, as the plain dict of ``metrics.json`` (docs/reference/run-folder.md)."""

from __future__ import annotations

from typing import Any

import numpy as np

from tellapart.errors import DataError
from tellapart.evaluation import metrics
from tellapart.evaluation.calibration import softmax
from tellapart.evaluation.intervals import (
    DRAWS,
    Interval,
    Z,
    effective_size,
    group_index,
    group_sums,
    percentile_interval,
    resampled_sums,
    wilson,
)
from tellapart.evaluation.losses import loss_columns, mean_interval
from tellapart.evaluation.reliability import calibration_error, coverage_curve, reliability_bins
from tellapart.predictions import Predictions
from tellapart.types import FloatArray, IntArray

CLASSES_AT_ONCE = 64


def known(predictions: Predictions) -> Predictions:
    """The rows whose label is one of the classes.

    Raises:
        DataError: there are none.
    """
    has_target = predictions.targets >= 0
    if not has_target.any():
        raise DataError(
            f"none of the {len(predictions):,} predictions from {predictions.source} has a known label",
            hint="numbers need labelled images: put them in folders named after their class",
        )
    return predictions if has_target.all() else predictions.where(has_target)


def accuracy_interval(predictions: Predictions) -> Interval:
    """Accuracy over the images with a known label: Wilson, a group of duplicates counted for what it is worth."""
    judged = known(predictions)
    index, _ = group_index(judged.groups)
    return wilson(int(judged.is_right.sum()), len(judged), effective_n=effective_size(np.bincount(index)))


def log_loss_interval(predictions: Predictions, *, draws: int = DRAWS, seed: int = 0) -> Interval:
    """Log loss in nats over the images with a known label, bootstrapped over groups as in ``losses.py``."""
    judged = known(predictions)
    index, num_groups = group_index(judged.groups)
    sums = group_sums(loss_columns(judged.probabilities, judged.targets), index, num_groups)
    return mean_interval(sums, lowest=0.0, draws=draws, seed=seed)


def evaluate(predictions: Predictions, uncalibrated: FloatArray | None = None, *, draws: int = DRAWS, seed: int = 0) -> dict[str, Any]:
    """The numbers of one part, PART of ``metrics.json`` without its rungs; images of unknown label are left out.

    Args:
        predictions: the images of one part.
        uncalibrated: probabilities (n, k) before calibration; by default the softmax of the logits.
        draws: bootstrap draws over groups.
        seed: of the bootstrap.

    Raises:
        DataError: no image has a known label.
    """
    before = softmax(predictions.logits) if uncalibrated is None else np.asarray(uncalibrated)
    before = before[predictions.targets >= 0]
    judged = known(predictions)
    probabilities, targets = judged.probabilities, judged.targets
    index, num_groups = group_index(judged.groups)
    matrix = metrics.confusion_matrix(probabilities, targets)
    bins = {"before": reliability_bins(before, targets), "after": reliability_bins(probabilities, targets)}
    macro_f1, auc = _class_intervals(probabilities, targets, index, num_groups, draws, seed)
    return {
        "n": len(judged),
        "groups": num_groups,
        "accuracy": accuracy_interval(judged).as_dict(),
        "log_loss": log_loss_interval(judged, draws=draws, seed=seed).as_dict(),
        "macro_f1": macro_f1.as_dict(),
        "auc": auc.as_dict() if auc else None,
        "ece": {name: calibration_error(found) for name, found in bins.items()},
        "per_class": metrics.per_class(matrix, judged.class_names),
        "confusion_matrix": matrix.tolist(),
        "reliability": bins,
        "coverage": coverage_curve(probabilities, targets),
    }


def _class_intervals(
    probabilities: FloatArray, targets: IntArray, index: IntArray, num_groups: int, draws: int, seed: int
) -> tuple[Interval, Interval | None]:
    """Macro F1 and AUC, from resampled sums of five columns a class; many classes are taken in turns with the same draws."""
    k = probabilities.shape[1]
    predicted, count = probabilities.argmax(axis=1), np.ones((len(targets), 1))
    f1_sum, f1_classes, area_sum = np.zeros(draws), np.zeros(draws), np.zeros(draws)
    area = metrics.auc(probabilities, targets)
    averaged = metrics.auc_columns(k)
    for start in range(0, k, CLASSES_AT_ONCE):
        classes = np.arange(start, min(k, start + CLASSES_AT_ONCE))
        is_true = targets[:, None] == classes
        is_predicted = predicted[:, None] == classes
        ranked = [c for c in classes if c in averaged and area is not None]
        placed = np.zeros(is_true.shape)
        for c in ranked:
            placed[:, c - start] = metrics.placements(probabilities[:, c], targets == c)
        columns = np.concatenate([count, is_true & is_predicted, is_true, is_predicted, placed * is_true, placed * ~is_true], axis=1)
        totals = resampled_sums(group_sums(columns, index, num_groups), draws, seed)
        right, support, guessed, ups, downs = (totals[:, 1 + i * len(classes) : 1 + (i + 1) * len(classes)] for i in range(5))
        scores = metrics.f1_of(right, support, guessed)
        f1_sum, f1_classes = f1_sum + np.nansum(scores, axis=1), f1_classes + np.isfinite(scores).sum(axis=1)
        for c in ranked:
            i, value = c - start, float(placed[targets == c, c - start].mean())
            area_sum += _resampled_area(value, ups[:, i], downs[:, i], support[:, i], totals[:, 0])
    value = metrics.macro_f1(probabilities, targets)
    worth = effective_size(np.bincount(index)) / len(targets)
    macro_f1 = percentile_interval(value, f1_sum / f1_classes)
    if np.array_equal(predicted, targets):
        macro_f1 = _flawless(np.bincount(targets, minlength=k), worth)
    if area is None:
        return macro_f1, None
    if area == 1.0:
        return macro_f1, _flawless(np.bincount(targets, minlength=k), worth)
    return macro_f1, percentile_interval(area, area_sum / len(averaged))


def _resampled_area(value: float, ups: FloatArray, downs: FloatArray, support: FloatArray, total: FloatArray) -> FloatArray:
    """The area in each draw to first order: both sides' mean placements, which DeLong showed carry all of its variance."""
    others = total - support
    up = np.divide(ups, support, out=np.full_like(ups, np.nan), where=support > 0)
    down = np.divide(downs, others, out=np.full_like(downs, np.nan), where=others > 0)
    return np.clip(up + down - value, 0.0, 1.0)


def _flawless(support: IntArray, worth: float) -> Interval:
    """The interval of a mean over classes when nothing went wrong, where resampling has nothing to show.

    A mean of the classes' shares varies like a proportion of k^2 / sum(1 / support) images (for equal classes: of them all),
    times what an image is worth among its duplicates; Wilson's bound for no errors in as many is the lower end.
    """
    present = support[support > 0]
    size = worth * len(present) ** 2 / float((1.0 / present).sum())
    return Interval(1.0, 1.0 / (1.0 + Z * Z / size), 1.0)
