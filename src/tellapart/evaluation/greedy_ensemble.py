"""Greedy ensemble selection with replacement (Caruana et al. 2004), in which every new model has to lower the log loss by a standard error.

A model is only taken into the average if the log loss falls by a standard error of the paired difference: of many models that are
equally good one is always the best by luck, and each costs its whole time at every prediction.

>>> import numpy as np
>>> rng = np.random.default_rng(0)
>>> targets = np.arange(200) % 2
>>> truth = 3.0 * np.eye(2)[targets]
>>> weak, other, blind = (truth + rng.normal(scale=s, size=(200, 2)) for s in (2.0, 2.0, 30.0))
>>> [bool(weight > 0.2) for weight in greedy_weights([weak, other, blind], targets, np.arange(200))]
[True, True, False]
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tellapart import calibration
from tellapart.array_types import FloatArray, IntArray
from tellapart.evaluation.metrics import losses

SHARES = (0.5, 0.35, 0.2, 0.1)
"""The shares of the average that a model is tried with when it is added."""
MAX_STEPS = 20
LEAST_GAIN = 1e-5
ROWS = 5000
"""Images that the weights are chosen on at most; more would only cost time."""


def greedy_weights(log_odds: Sequence[FloatArray], targets: IntArray, groups: IntArray, *, start: int = 0) -> FloatArray:
    """Weights (not negative, sum 1) of an average of r models' log-odds, chosen on predictions of images they did not learn from.

    The average begins with model ``start``, or with the best single model if that is better by a standard error. Then models are added
    step by step, whichever lowers the log loss at the best temperature most.

    Args:
        log_odds: r arrays, float64 (n, k), of the same images, each calibrated.
        targets: integer labels (n,).
        groups: int (n,), the group of each image; differences are summed by group.
        start: the model that stays unless another is better by a standard error.

    Returns:
        Weights (r,), float64.
    """
    rows = np.arange(len(targets))
    if len(rows) > ROWS:
        rows = np.sort(np.random.default_rng(0).choice(rows, ROWS, replace=False))
    models, y, index = [each[rows] for each in log_odds], targets[rows], np.unique(groups[rows], return_inverse=True)[1]
    weights = np.zeros(len(models))
    if not len(rows):
        weights[start] = 1.0
        return weights
    alone = [scaled_losses(each, y) for each in models]
    best = min(range(len(models)), key=lambda number: float(alone[number].mean()))
    first = best if gains_a_standard_error(alone[start], alone[best], index) else start
    weights[first] = 1.0
    mean, lost = models[first], alone[first]
    for _ in range(MAX_STEPS):
        added = _best_addition(models, mean, lost, weights, y, index)
        if added is None:
            break
        number, share, lost = added
        mean = (1 - share) * mean + share * models[number]
        weights *= 1 - share
        weights[number] += share
    return weights


def _best_addition(
    models: Sequence[FloatArray], mean: FloatArray, lost: FloatArray, weights: FloatArray, y: IntArray, index: IntArray
) -> tuple[int, float, FloatArray] | None:
    """The model and share that lower the log loss most, with the losses (n,) then; a model without weight must gain a standard error."""
    best: tuple[int, float, FloatArray] | None = None
    for number, model in enumerate(models):
        for share in SHARES if weights[number] < 1 else ():
            now = scaled_losses((1 - share) * mean + share * model, y)
            is_lower = now.mean() < (lost if best is None else best[2]).mean() - LEAST_GAIN
            if is_lower and (weights[number] > 0 or gains_a_standard_error(lost, now, index)):
                best = (number, share, now)
    return best


def scaled_losses(log_odds: FloatArray, targets: IntArray) -> FloatArray:
    """Log loss of each image, float64 (n,), at the best temperature of log-odds float64 (n, k)."""
    return losses(calibration.softmax(log_odds, calibration.fit_temperature(log_odds, targets)), targets)


def gains_a_standard_error(before: FloatArray, after: FloatArray, groups: IntArray) -> bool:
    """Whether losses (n,) are lower than others of the same images by at least a standard error; ``groups`` are 0, 1, ... int (n,)."""
    gain, error = mean_gain(before, after, groups)
    return gain > LEAST_GAIN and gain >= error


def mean_gain(before: FloatArray, after: FloatArray, groups: IntArray) -> tuple[float, float]:
    """By how much losses (n,) are lower on average than others of the same images, and the standard error, over groups 0, 1, ..."""
    gains = before - after
    sums, sizes = np.bincount(groups, weights=gains), np.bincount(groups)
    mean = float(gains.mean())
    spread = float(np.square(sums - mean * sizes).sum()) * len(sums) / max(1, len(sums) - 1)
    return mean, math.sqrt(spread) / len(gains) if len(sums) > 1 else math.inf
