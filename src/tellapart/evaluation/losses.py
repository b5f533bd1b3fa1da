"""The interval of a mean loss over groups."""

from __future__ import annotations

import numpy as np

from tellapart.evaluation.intervals import DRAWS, Interval, percentile_interval, resampled_sums
from tellapart.evaluation.metrics import losses
from tellapart.types import FloatArray, IntArray


def loss_columns(probabilities: FloatArray, targets: IntArray) -> FloatArray:
    """What :func:`loss_interval` needs of each image (n, 2): its loss, and 1."""
    loss = losses(probabilities, targets)
    return np.stack([loss, np.ones_like(loss)], axis=1)


def loss_interval(sums: FloatArray, *, draws: int = DRAWS, seed: int = 0) -> Interval:
    """Mean loss of groups whose columns were summed (g, 2)."""
    value = float(sums[:, 0].sum() / sums[:, 1].sum())
    totals = resampled_sums(sums, draws, seed)
    return percentile_interval(value, totals[:, 0] / totals[:, 1])


def difference_interval(sums: FloatArray, *, draws: int = DRAWS, seed: int = 0) -> Interval:
    """Mean of a difference of losses, of either sign, from columns as in :func:`loss_columns` summed by group (g, 2)."""
    value = float(sums[:, 0].sum() / sums[:, 1].sum())
    totals = resampled_sums(sums, draws, seed)
    return percentile_interval(value, totals[:, 0] / totals[:, 1])
