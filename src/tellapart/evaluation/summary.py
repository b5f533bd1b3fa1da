"""Everything the report says about one part, as the plain dict of ``metrics.json`` (docs/reference/run-folder.md)."""

from __future__ import annotations

from typing import Any

import numpy as np

from tellapart.array_types import FloatArray, IntArray
from tellapart.calibration import softmax
from tellapart.errors import DataError
from tellapart.evaluation import metrics
from tellapart.evaluation.intervals import (
    DRAWS,
    Interval,
    effective_sample_size,
    effective_size,
    group_index,
    group_sums,
    logit_interval,
    perfect_score_interval,
    wilson,
)
from tellapart.evaluation.loss_intervals import loss_columns, mean_interval
from tellapart.evaluation.reliability import calibration_error, coverage_curve, reliability_bins
from tellapart.predictions import Predictions


def known(predictions: Predictions) -> Predictions:
    """The rows whose label is one of the classes.

    Raises:
        DataError: there are none.
    """
    has_target = predictions.targets >= 0
    if not has_target.any():
        raise DataError(
            f"none of the {len(predictions):,} predictions from {predictions.source} has a known label",
            hint="numbers need labeled images: put them in folders named after their class",
        )
    return predictions if has_target.all() else predictions.where(has_target)


def accuracy_interval(predictions: Predictions) -> Interval:
    """Accuracy over the images with a known label: Wilson, a group of duplicates counted for what it is worth."""
    judged = known(predictions)
    index, _ = group_index(judged.groups)
    return wilson(int(judged.is_right.sum()), len(judged), effective_n=effective_sample_size(judged.is_right.astype(float), index))


def log_loss_interval(predictions: Predictions, *, draws: int = DRAWS, seed: int = 0) -> Interval:
    """Log loss in nats over the images with a known label, bootstrapped over groups as in ``losses.py``."""
    judged = known(predictions)
    index, num_groups = group_index(judged.groups)
    sums = group_sums(loss_columns(judged.probabilities, judged.targets), index, num_groups)
    return mean_interval(sums, lowest=0.0, draws=draws, seed=seed)


def evaluate(predictions: Predictions, uncalibrated: FloatArray | None = None, *, draws: int = DRAWS, seed: int = 0) -> dict[str, Any]:
    """The numbers of one part, PART of ``metrics.json`` without its rungs; images of unknown label are left out.

    Accuracy has a Wilson interval, log loss a bootstrap over groups, macro F1 and AUC the delta method on the logit scale.

    Args:
        predictions: the images of one part.
        uncalibrated: probabilities (n, k) before calibration; by default the softmax of the logits.
        draws: bootstrap draws over groups, for the log loss.
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
    macro_f1, auc = _class_intervals(probabilities, targets, index, num_groups)
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


def _class_intervals(probabilities: FloatArray, targets: IntArray, index: IntArray, num_groups: int) -> tuple[Interval, Interval | None]:
    """Macro F1 and AUC, the second None if a class is absent."""
    spotless = perfect_score_interval(np.bincount(targets), effective_size(np.bincount(index)) / len(targets))

    def interval(value: float, influence: FloatArray) -> Interval:
        if value >= 1.0:
            return spotless
        if value <= 0.0:
            return Interval(0.0, 0.0, 1.0 - spotless.low)
        return logit_interval(value, group_sums(influence[:, None], index, num_groups)[:, 0])

    area = metrics.auc_influence(probabilities, targets)
    macro_f1 = interval(metrics.macro_f1(probabilities, targets), metrics.f1_influence(probabilities, targets))
    return macro_f1, None if area is None else interval(*area)
