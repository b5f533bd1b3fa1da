"""Combining several scores into one rank."""

from __future__ import annotations

import numpy as np

from tellapart.array_types import FloatArray


def combined_ranks(*scores: FloatArray) -> FloatArray:
    """Rank images by the product of their ranks by several scores.

    Images that are among the worst by two scores come before those that are among the worst by one.

    Args:
        *scores: float (n,) each, low = worse.

    Returns:
        float64 (n,) in (0, 1], low = worse; NaN where any score is NaN.
    """
    known = ~np.isnan(np.stack(scores)).any(axis=0)
    total = np.full(known.shape, np.nan)
    if known.any():
        total[known] = _shares(np.sum([np.log(_shares(one[known])) for one in scores], axis=0))
    return total


def _shares(values: FloatArray) -> FloatArray:
    """Ascending ranks over their number, (0, 1]; ties get the mean rank."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray(((last - (counts - 1) / 2) / len(values))[inverse])
