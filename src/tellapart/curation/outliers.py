"""Outliers: images far from the middle of their class, as a network sees them.

The distance is Euclidean, from the mean of the class, in standardized signed square roots of the features. Of the
seventeen measures tried (nearest neighbors of several numbers, cosines, Mahalanobis distances) it found best both what
a person threw out of a scrape by hand and photos planted from other sets (docs/log.md, "Check").
"""

from __future__ import annotations

import numpy as np

from tellapart.array_types import FloatArray, IntArray

LEAST = 8
"""A class with fewer images has no outliers: there is nothing to be unlike."""
BORDER_DEVIATIONS = 3.0
"""Robust standard deviations of the logarithm above the median of the class; flags one or two of a hundred sound photos."""
_LEAST_SPREAD = 1e-3


def outlier_scores(features: FloatArray, classes: IntArray) -> FloatArray:
    """Scores of n images, float64 (n,): one half at the border, lower is farther out; NaN in classes of fewer than ``LEAST``.

    Distances of a class are compared by median and median absolute deviation of their logarithms.

    Args:
        features: float (n, d).
        classes: int (n,); images without a class may all bear the same number, and then form one.
    """
    scores = np.full(len(features), np.nan)
    if not len(features) or not features.shape[1]:
        return scores
    roots = np.sign(features) * np.sqrt(np.abs(features))
    values = (roots - roots.mean(axis=0)) / np.maximum(roots.std(axis=0), 1e-6)
    for one in np.unique(classes):
        rows = np.flatnonzero(classes == one)
        if len(rows) < LEAST:
            continue
        own = values[rows]
        distances = np.log(np.maximum(np.linalg.norm(own - own.mean(axis=0), axis=1), 1e-12))
        median = np.median(distances)
        spread = max(float(1.4826 * np.median(np.abs(distances - median))), _LEAST_SPREAD)
        scores[rows] = 1.0 / (1.0 + np.exp(np.clip((distances - median) / spread - BORDER_DEVIATIONS, -50, 50)))
    return scores
