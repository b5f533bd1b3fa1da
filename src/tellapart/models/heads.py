"""Linear heads, from features to logits, and the standardized PCA space they are fitted in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tellapart.array_types import FloatArray
from tellapart.large_arrays import empty_rows, is_one_block, release, row_blocks, standard_scale


@dataclass(frozen=True, eq=False)
class LinearHead:
    """Logits as a linear function of standardized features.

    Attributes:
        power: 1.0 for the features as they are, 0.5 for their signed square root.
        mean, scale: float32 (d,), of the powered training features.
        weight: float32 (d, k).
        bias: float32 (k,).
    """

    power: float
    mean: FloatArray
    scale: FloatArray
    weight: FloatArray
    bias: FloatArray

    def logits(self, features: FloatArray) -> FloatArray:
        """Logits, float64 (m, k), of features (m, d)."""
        logits = np.empty((len(features), len(self.bias)))
        for block in row_blocks(features):
            logits[block] = ((signed_power(features[block], self.power) - self.mean) / self.scale) @ self.weight + self.bias
        return logits


def mean_logits(heads: Sequence[LinearHead], features: FloatArray) -> FloatArray:
    """The average of the heads' logits, float64 (m, k), for features (m, d)."""
    return np.asarray(np.mean([head.logits(features) for head in heads], axis=0))


@dataclass(frozen=True, eq=False)
class HeadSpace:
    """Features raised to a power, standardized and rotated onto their principal components.

    A rotation changes nothing for a penalty on the length of the weights, but it makes the problems of
    :mod:`tellapart.models.logistic` well conditioned, and drops empty directions where there are more
    features than images.

    Attributes:
        x: float32 (n, r), the images in the space.
        rotation: float32 (d, r), orthonormal columns.
    """

    power: float
    mean: FloatArray
    scale: FloatArray
    rotation: FloatArray
    x: FloatArray

    @classmethod
    def of(cls, features: FloatArray, *, power: float) -> HeadSpace:
        """The space of features (n, d)."""
        standard = empty_rows(features.shape)
        for block in row_blocks(features):
            standard[block] = signed_power(features[block], power)
            release(standard)
        mean, scale = standard_scale(standard)
        for block in row_blocks(standard):
            standard[block] = (standard[block] - mean) / scale
        rotation = _rotation(standard)
        return cls(power, mean, scale, rotation, _product(standard, rotation))

    def placed(self, features: FloatArray) -> FloatArray:
        """Other features (m, d) in this space: float32 (m, r)."""
        x = empty_rows((len(features), self.rotation.shape[1]))
        for block in row_blocks(features):
            x[block] = ((signed_power(features[block], self.power) - self.mean) / self.scale) @ self.rotation
            release(x)
        return x

    def covering(self, features: FloatArray) -> HeadSpace:
        """A space for fitting on other features (m, d): this one if it has every direction, else their own."""
        if self.rotation.shape[0] == self.rotation.shape[1]:
            return HeadSpace(self.power, self.mean, self.scale, self.rotation, self.placed(features))
        return HeadSpace.of(features, power=self.power)

    def head(self, weight: FloatArray, bias: FloatArray) -> LinearHead:
        """The head for a solution (r, k), (k,) found in this space."""
        return LinearHead(self.power, self.mean, self.scale, (self.rotation @ weight).astype(np.float32), bias.astype(np.float32))


def signed_power(features: FloatArray, power: float) -> FloatArray:
    """Signed power of features float32 (n, d): sign(x) * abs(x) ** power."""
    if power == 1.0:
        return np.asarray(features, dtype=np.float32)
    return np.asarray(np.sign(features) * np.abs(features) ** np.float32(power), dtype=np.float32)


def _rotation(standard: FloatArray) -> FloatArray:
    """Principal directions of standardized features (n, d), largest first: float32 (d, min(n, d))."""
    n, d = standard.shape
    if n >= d:
        _, directions = np.linalg.eigh(_covariance(standard))
        return np.ascontiguousarray(directions[:, ::-1], dtype=np.float32)
    variances, weights = np.linalg.eigh((standard @ standard.T).astype(np.float64))
    has_variance = variances > variances[-1] * 1e-7
    directions = standard.T.astype(np.float64) @ (weights[:, has_variance] / np.sqrt(variances[has_variance]))
    return np.ascontiguousarray(directions[:, ::-1], dtype=np.float32)


def _covariance(standard: FloatArray) -> FloatArray:
    """``standard.T @ standard`` of float32 (n, d), a block of rows at a time: float32 (d, d)."""
    if is_one_block(standard):
        return np.asarray(standard.T @ standard)
    total = np.zeros((standard.shape[1],) * 2)
    for block in row_blocks(standard):
        total += standard[block].T @ standard[block]
    return total.astype(np.float32)


def _product(standard: FloatArray, rotation: FloatArray) -> FloatArray:
    """``standard @ rotation``, written over ``standard`` where they have one shape: float32 (n, r)."""
    x = standard if rotation.shape[0] == rotation.shape[1] else empty_rows((len(standard), rotation.shape[1]))
    for block in row_blocks(standard):
        x[block] = standard[block] @ rotation
        release(x)
    return x
