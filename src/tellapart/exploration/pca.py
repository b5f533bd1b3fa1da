"""The places in which clusters are sought: features on their strongest directions."""

from __future__ import annotations

import numpy as np

from tellapart.array_types import FloatArray, IntArray
from tellapart.counts import count
from tellapart.errors import DataError

DIRECTIONS = 50
FITTED_ON = 20_000
"""Images the directions are fitted on; more of them change the directions by less than the seed does."""
BLOCK = 8192
ROOT_OF_SHARES, ROOT_OF_STRENGTHS = 0.5, 0.75
"""Powers that never-negative features are raised to; measured, see docs/log.md."""
LEAST = 1e-5


def pca_coordinates(features: FloatArray, *, directions: int = DIRECTIONS, seed: int = 0) -> FloatArray:
    """Where each image lies when clusters are sought: float32 (n, p), of mean squared length 1 around the origin.

    Features that are never negative are raised to a power below 1 first, so that a few strong ones do not decide alone:
    shares of a whole, such as probabilities, to 0.5, which makes their distances Hellinger's; others, such as activations
    behind a ReLU or colors, to 0.75. Then they are turned onto their strongest directions (principal components).

    Args:
        features: (n, d), all finite.
        directions: how many; 0 keeps all.
        seed: of the sample the directions are fitted on in large sets.

    Raises:
        DataError: there is no image, or a value is not a finite number.
    """
    if not len(features):
        raise DataError("there is no image to look at")
    broken = nonfinite_rows(features)
    if len(broken):
        raise DataError(
            f"the features of {len(broken):,} of {count(len(features), 'image is', 'images are')} not finite"
            f" numbers; the first is image {broken[0]}"
        )
    power = _power(features)
    places = _turned(features, power, directions, seed) if directions else _rooted(features, power)
    places = places - places.mean(axis=0)
    length = float(np.sqrt(np.square(places).sum(axis=1).mean()))
    usual = float(np.sqrt(np.square(_rooted(features[:BLOCK], power)).sum(axis=1).mean()))
    return np.asarray(places / length if length > LEAST * usual else np.zeros_like(places), np.float32)


def nonfinite_rows(features: FloatArray) -> IntArray:
    """Numbers of the rows of (n, d) features with a value that is not a finite number."""
    return np.flatnonzero(~np.isfinite(features.sum(axis=1, dtype=np.float64)))


def sample_rows(count: int, most: int, seed: int) -> IntArray:
    """At most ``most`` of the numbers 0..count-1, in their order, the same for the same seed."""
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng([seed, count]).choice(count, most, replace=False))


def _power(features: FloatArray) -> float:
    if features.min() < 0:
        return 1.0
    return ROOT_OF_SHARES if np.allclose(features[:BLOCK].sum(axis=1), 1, atol=1e-3) else ROOT_OF_STRENGTHS


def _rooted(features: FloatArray, power: float) -> FloatArray:
    return np.asarray(features if power == 1 else features**power, np.float32)


def _turned(features: FloatArray, power: float, directions: int, seed: int) -> FloatArray:
    from sklearn.decomposition import PCA

    few = _rooted(features[sample_rows(len(features), FITTED_ON, seed)], power)
    rank = min(directions, len(few) - 1, few.shape[1])
    if rank < 1 or not np.ptp(few, axis=0).any():
        return np.zeros((len(features), 1), np.float32)
    solver = "randomized" if 4 * rank < min(few.shape) else "full"
    pca = PCA(rank, svd_solver=solver, iterated_power=4, random_state=seed).fit(few)
    turned = np.empty((len(features), rank), np.float32)
    for start in range(0, len(features), BLOCK):
        turned[start : start + BLOCK] = (_rooted(features[start : start + BLOCK], power) - pca.mean_) @ pca.components_.T
    return turned
