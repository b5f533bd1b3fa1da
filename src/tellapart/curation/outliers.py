"""Outliers: images far from the center of their class in the features of a network.

The distance is Euclidean, from the mean of the class, in standardized signed square roots of the features. Of seventeen
measures tried (k nearest neighbors for several k, cosines, Mahalanobis distances) it best found both the images that a person
removed from a scrape by hand and photos planted from other sets (docs/log.md, "Check").
"""

from __future__ import annotations

import numpy as np

from tellapart.array_types import FloatArray, IntArray
from tellapart.large_arrays import empty_rows, release, row_blocks, row_moments, standard_scale, take_rows

LEAST = 8
"""Classes with fewer images have no outliers."""
BORDER_DEVIATIONS = 3.0
"""Robust standard deviations of the logarithm above the median of the class; flags one or two of a hundred normal photos."""
_LEAST_SPREAD = 1e-3


def outlier_scores(features: FloatArray, classes: IntArray) -> FloatArray:
    """Outlier scores, float64 (n,) in [0, 1]: one half at the border, lower is farther out; NaN in classes of fewer than ``LEAST``.

    Distances of a class are compared by median and median absolute deviation of their logarithms.

    Args:
        features: float (n, d).
        classes: int (n,); images without a class may share one number, and then form one class.
    """
    scores = np.full(len(features), np.nan)
    if not len(features) or not features.shape[1]:
        return scores
    values = empty_rows(features.shape, features.dtype)
    for block in row_blocks(features):
        values[block] = np.sign(features[block]) * np.sqrt(np.abs(features[block]))
        release(values)
    mean, scale = standard_scale(values)
    for block in row_blocks(values):
        values[block] = (values[block] - mean) / scale
    for one in np.unique(classes):
        rows = np.flatnonzero(classes == one)
        if len(rows) < LEAST:
            continue
        own = take_rows(values, rows)
        middle = row_moments(own)[0]
        lengths = np.concatenate([np.linalg.norm(own[block] - middle, axis=1) for block in row_blocks(own)])
        distances = np.log(np.maximum(lengths, 1e-12))
        median = np.median(distances)
        spread = max(float(1.4826 * np.median(np.abs(distances - median))), _LEAST_SPREAD)
        scores[rows] = 1.0 / (1.0 + np.exp(np.clip((distances - median) / spread - BORDER_DEVIATIONS, -50, 50)))
    return scores
