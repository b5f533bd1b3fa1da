"""Principal components of features: the coordinates that clusters and maps are computed from."""

from __future__ import annotations

import numpy as np

from tellapart.array_types import FloatArray, IntArray
from tellapart.counts import count
from tellapart.errors import DataError
from tellapart.large_arrays import release, row_blocks, standard_scale, take_rows

DIRECTIONS = 50
FITTED_ON = 20_000
"""Images that the components are fitted on; more of them change the components by less than the seed does."""
BLOCK = 8192
ROOT_OF_SHARES, ROOT_OF_STRENGTHS = 0.5, 0.75
"""Powers that non-negative features are raised to; measured, see docs/log.md."""
LEAST = 1e-5


def pca_coordinates(features: FloatArray, *, directions: int = DIRECTIONS, seed: int = 0) -> FloatArray:
    """Coordinates for clustering: float32 (n, p), centered, with mean squared length 1.

    Non-negative features are raised to a power below 1 first, so that a few strong ones do not dominate: shares of a whole,
    such as probabilities, to 0.5 (which makes their distances Hellinger distances); others, such as activations after a ReLU or
    colors, to 0.75. Then they are projected onto their principal components.

    Args:
        features: float (n, d), all finite.
        directions: number of principal components; 0 keeps the features as they are.
        seed: of the sample that the components are fitted on in large sets.

    Raises:
        DataError: there is no image, or a value is not a finite number.
    """
    if not len(features):
        raise DataError("there are no images")
    broken = nonfinite_rows(features)
    if len(broken):
        raise DataError(
            f"the features of {len(broken):,} of {count(len(features), 'image is', 'images are')} not finite"
            f" numbers; the first is image {broken[0]}"
        )
    power = _power(features)
    coordinates = _project(features, power, directions, seed) if directions else _apply_power(features, power)
    coordinates = coordinates - coordinates.mean(axis=0)
    length = float(np.sqrt(np.square(coordinates).sum(axis=1).mean()))
    usual = float(np.sqrt(np.square(_apply_power(features[:BLOCK], power)).sum(axis=1).mean()))
    return np.asarray(coordinates / length if length > LEAST * usual else np.zeros_like(coordinates), np.float32)


def nonfinite_rows(features: FloatArray) -> IntArray:
    """Indices, int (m,), of the rows of float (n, d) features with a value that is not finite."""
    if not len(features):
        return np.empty(0, np.int64)
    sums = np.concatenate([features[block].sum(axis=1, dtype=np.float64) for block in row_blocks(features)])
    return np.flatnonzero(~np.isfinite(sums))


def sample_rows(count: int, most: int, seed: int) -> IntArray:
    """At most ``most`` random indices out of 0..count-1, int (m,), sorted and deterministic for a seed."""
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng([seed, count]).choice(count, most, replace=False))


def _power(features: FloatArray) -> float:
    if any(bool(features[block].min(initial=0.0) < 0) for block in row_blocks(features)):
        return 1.0
    return ROOT_OF_SHARES if np.allclose(features[:BLOCK].sum(axis=1), 1, atol=1e-3) else ROOT_OF_STRENGTHS


def _apply_power(features: FloatArray, power: float) -> FloatArray:
    return np.asarray(features if power == 1 else features**power, np.float32)


def _project(features: FloatArray, power: float, directions: int, seed: int) -> FloatArray:
    from sklearn.decomposition import PCA

    few = _apply_power(take_rows(features, sample_rows(len(features), FITTED_ON, seed)), power)
    rank = min(directions, len(few) - 1, few.shape[1])
    if rank < 1 or not np.ptp(few, axis=0).any():
        return np.zeros((len(features), 1), np.float32)
    solver = "randomized" if 4 * rank < min(few.shape) else "full"
    pca = PCA(rank, svd_solver=solver, iterated_power=4, random_state=seed).fit(few)
    turned = np.empty((len(features), rank), np.float32)
    for start in range(0, len(features), BLOCK):
        turned[start : start + BLOCK] = (_apply_power(features[start : start + BLOCK], power) - pca.mean_) @ pca.components_.T
        release(features)
    return turned


ITERATIONS = 12
WIDTH = 8


def principal_components_2d(features: FloatArray, *, seed: int = 0) -> FloatArray:
    """The first two principal components of float (n, d) features, standardized, by subspace iteration: float32 (n, 2)."""
    mean, scale = standard_scale(features)
    fitted = features if len(features) <= FITTED_ON else take_rows(features, sample_rows(len(features), FITTED_ON, seed))
    standard = (fitted - mean) / scale
    basis = np.random.default_rng(seed).standard_normal((features.shape[1], min(WIDTH, features.shape[1]))).astype(np.float32)
    for _ in range(ITERATIONS):
        basis, _ = np.linalg.qr(standard.T @ (standard @ basis))
    scores = standard @ basis
    if fitted is not features:
        scores = np.concatenate([(features[block] - mean) / scale @ basis for block in row_blocks(features)])
    _, order = np.linalg.eigh(scores.T @ scores)
    flat = scores @ order[:, ::-1][:, :2]
    if flat.shape[1] < 2:
        flat = np.hstack([flat, np.zeros_like(flat)])
    signs = np.where(np.abs(flat.min(axis=0)) > flat.max(axis=0), -1.0, 1.0)
    return np.asarray(flat * signs, dtype=np.float32)
