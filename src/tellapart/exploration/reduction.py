"""The places in which clusters are sought: features on their strongest directions, at length 1."""

from __future__ import annotations

import numpy as np

from tellapart.errors import DataError
from tellapart.features.matrix import unit_rows
from tellapart.types import FloatArray, IntArray

DIRECTIONS = 50
FITTED_ON = 20_000
"""Images the directions are fitted on; more of them change the directions by less than the seed does."""
BLOCK = 8192
LEAST_LENGTH = 1e-4


def places_of(features: FloatArray, *, directions: int = DIRECTIONS, seed: int = 0) -> FloatArray:
    """Where each image lies when clusters are sought: float32 (n, p), rows of length 1.

    Features that are never negative (activations behind a ReLU, probabilities, colours) are square-rooted first, so that
    a few strong ones do not decide alone; on probabilities distances become Hellinger's. Then rows get length 1, are
    turned onto their strongest directions (principal components), and get length 1 again.

    Args:
        features: (n, d), all finite.
        directions: how many; 0 takes features as they are, but for the root and the length.
        seed: of the sample the directions are fitted on in large sets.

    Raises:
        DataError: there is no image, or a value is not a finite number.
    """
    if not len(features):
        raise DataError("there is no image to look at")
    broken = unusable(features)
    if len(broken):
        raise DataError(
            f"the features of {len(broken):,} of {len(features):,} images are not finite numbers; the first is image {broken[0]}"
        )
    is_rooted = bool(features.min() >= 0)
    if not directions:
        return _prepared(features, is_rooted)
    return _long_enough(_turned(features, is_rooted, directions, seed))


def unusable(features: FloatArray) -> IntArray:
    """Numbers of the rows of (n, d) features with a value that is not a finite number."""
    return np.flatnonzero(~np.isfinite(features.sum(axis=1, dtype=np.float64)))


def sample_of(count: int, most: int, seed: int) -> IntArray:
    """At most ``most`` of the numbers 0..count-1, in their order, the same for the same seed."""
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng([seed, count]).choice(count, most, replace=False))


def _prepared(features: FloatArray, is_rooted: bool) -> FloatArray:
    return unit_rows(np.sqrt(features) if is_rooted else features)


def _turned(features: FloatArray, is_rooted: bool, directions: int, seed: int) -> FloatArray:
    from sklearn.decomposition import PCA

    few = _prepared(features[sample_of(len(features), FITTED_ON, seed)], is_rooted)
    rank = min(directions, len(few) - 1, few.shape[1])
    if rank < 1 or float(np.ptp(few, axis=0).max()) < LEAST_LENGTH:
        return np.zeros((len(features), 1), np.float32)
    solver = "randomized" if 4 * rank < min(few.shape) else "full"
    pca = PCA(rank, svd_solver=solver, iterated_power=4, random_state=seed).fit(few)
    turned = np.empty((len(features), rank), np.float32)
    for start in range(0, len(features), BLOCK):
        block = _prepared(features[start : start + BLOCK], is_rooted)
        turned[start : start + BLOCK] = (block - pca.mean_) @ pca.components_.T
    return turned


def _long_enough(turned: FloatArray) -> FloatArray:
    """Rows at length 1; what lies at the centre but for rounding stays there."""
    lengths = np.linalg.norm(turned, axis=1, keepdims=True)
    return np.where(lengths > LEAST_LENGTH, turned / np.maximum(lengths, LEAST_LENGTH), 0).astype(np.float32)
