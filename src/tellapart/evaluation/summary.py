"""All metrics of the predictions for one part."""

from __future__ import annotations

import numpy as np

from tellapart.array_types import FloatArray, IntArray
from tellapart.calibration import softmax
from tellapart.counts import count
from tellapart.errors import DataError
from tellapart.evaluation import metrics
from tellapart.evaluation.bootstrap import DRAWS, group_index, group_sums
from tellapart.evaluation.intervals import effective_size, logit_interval, perfect_score_interval, share_interval
from tellapart.evaluation.loss_intervals import loss_columns, mean_interval
from tellapart.evaluation.reliability import calibration_error, coverage_curve, reliability_bins
from tellapart.interval import Interval
from tellapart.part_metrics import PartMetrics
from tellapart.predictions import Predictions


def labeled_rows(predictions: Predictions) -> Predictions:
    """The rows whose label is one of the classes.

    Raises:
        DataError: there are none.
    """
    has_target = predictions.targets >= 0
    if not has_target.any():
        raise DataError(
            f"none of the {count(len(predictions), 'prediction')} from {predictions.source} has a label that is one of the classes",
            hint="metrics need labeled images: put them in folders named after their class",
        )
    return predictions if has_target.all() else predictions.where(has_target)


def accuracy_interval(predictions: Predictions) -> Interval:
    """Accuracy over the images with a known label: a Wilson interval at the effective sample size."""
    labeled = labeled_rows(predictions)
    return share_interval(labeled.is_right, labeled.groups)


def log_loss_interval(predictions: Predictions, *, draws: int = DRAWS, seed: int = 0) -> Interval:
    """Log loss in nats over the images with a known label, bootstrapped over groups (:mod:`tellapart.evaluation.loss_intervals`)."""
    labeled = labeled_rows(predictions)
    index, num_groups = group_index(labeled.groups)
    sums = group_sums(loss_columns(labeled.probabilities, labeled.targets), index, num_groups)
    return mean_interval(sums, lowest=0.0, draws=draws, seed=seed)


def evaluate(predictions: Predictions, uncalibrated: FloatArray | None = None, *, draws: int = DRAWS, seed: int = 0) -> PartMetrics:
    """The metrics of one part; images of unknown label are left out.

    Accuracy has a Wilson interval, log loss a bootstrap over groups, macro F1 and AUC the delta method on the logit scale.

    Args:
        predictions: the images of one part.
        uncalibrated: probabilities (n, k) before calibration; by default the softmax of the logits.
        draws: bootstrap draws over groups, for the log loss.
        seed: of the bootstrap.

    Raises:
        DataError: no image has a label that is one of the classes.
    """
    before = softmax(predictions.logits) if uncalibrated is None else np.asarray(uncalibrated)
    before = before[predictions.targets >= 0]
    labeled = labeled_rows(predictions)
    probabilities, targets = labeled.probabilities, labeled.targets
    index, num_groups = group_index(labeled.groups)
    matrix = metrics.confusion_matrix(probabilities, targets)
    bins = {"before": reliability_bins(before, targets), "after": reliability_bins(probabilities, targets)}
    macro_f1, auc = _class_intervals(probabilities, targets, index, num_groups)
    return PartMetrics(
        n=len(labeled),
        groups=num_groups,
        accuracy=accuracy_interval(labeled),
        log_loss=log_loss_interval(labeled, draws=draws, seed=seed),
        macro_f1=macro_f1,
        auc=auc,
        ece={name: calibration_error(rows) for name, rows in bins.items()},
        per_class=metrics.per_class(matrix, labeled.class_names),
        confusion_matrix=matrix.tolist(),
        reliability=bins,
        coverage=coverage_curve(probabilities, targets),
    )


def _class_intervals(probabilities: FloatArray, targets: IntArray, index: IntArray, num_groups: int) -> tuple[Interval, Interval | None]:
    """Macro F1 and AUC, the second None if a class is absent."""
    perfect = perfect_score_interval(np.bincount(targets), effective_size(np.bincount(index)) / len(targets))

    def interval(value: float, influence: FloatArray) -> Interval:
        if value >= 1.0:
            return perfect
        if value <= 0.0:
            return Interval(0.0, 0.0, 1.0 - perfect.low)
        return logit_interval(value, group_sums(influence[:, None], index, num_groups)[:, 0])

    area = metrics.auc_influence(probabilities, targets)
    macro_f1 = interval(metrics.macro_f1(probabilities, targets), metrics.f1_influence(probabilities, targets))
    return macro_f1, None if area is None else interval(*area)
