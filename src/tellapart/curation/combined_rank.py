"""Doubt: one order of all images by how much speaks for throwing them out."""

from __future__ import annotations

import numpy as np

from tellapart.array_types import FloatArray


def combined_ranks(*scores: FloatArray) -> FloatArray:
    """The product of the ranks that images have by several scores, as a rank again: float64 (n,) in (0, 1], low = worse.

    An image that is among the worst by one score and no better than others by the rest comes early; one that is among
    the worst by two comes first. NaN where any of the scores is; nothing is tuned.

    Args:
        *scores: arrays of (n,), low = worse.
    """
    known = ~np.isnan(np.stack(scores)).any(axis=0)
    total = np.full(known.shape, np.nan)
    if known.any():
        total[known] = _shares(np.sum([np.log(_shares(one[known])) for one in scores], axis=0))
    return total


def _shares(values: FloatArray) -> FloatArray:
    """Ranks from the lowest on as shares of all, (0, 1]; equals share the mean."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray(((last - (counts - 1) / 2) / len(values))[inverse])
