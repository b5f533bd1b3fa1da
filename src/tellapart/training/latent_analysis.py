"""Analysis of a trained autoencoder: its errors beside PCA and the mean image, its latent units, and latent traversals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tellapart.array_types import BoolArray, ByteArray, FloatArray, IntArray
from tellapart.concurrency import one_blas_thread
from tellapart.evaluation.bootstrap import bootstrap, group_index, group_sums
from tellapart.images.pixel_store import Pixels
from tellapart.interval import Interval

SAMPLE = 500
"""Images whose latents are kept whole, for the histograms."""
LINEAR_SAMPLE, LINEAR_VALUES = 1000, 64_000_000
"""Most training images that the principal components are found from, and most numbers that these are."""
BATCH = 64
DEAD = 0.01
"""A unit is dead if its standard deviation is below this share of the largest."""


@dataclass(frozen=True, eq=False)
class LatentUnits:
    """How the d units of a latent behave over images.

    Attributes:
        mean, deviation: float64 (d,).
        rows: the images of which the latents are kept, at most 500 spread evenly.
        latents: float32 (m, d), of those.
    """

    mean: FloatArray
    deviation: FloatArray
    rows: IntArray
    latents: FloatArray

    @property
    def dead(self) -> IntArray:
        """Dead units, int64 (u,): their standard deviation is below a hundredth of the largest."""
        largest = float(self.deviation.max(initial=0.0))
        level = max(1.0, float(np.abs(self.mean).max(initial=0.0)))
        if largest < 1e-6 * level:
            return np.arange(len(self.deviation))
        return np.flatnonzero(self.deviation < DEAD * largest)

    @property
    def worth(self) -> float:
        """Effective number of units: the participation ratio of their variances."""
        variances = np.square(self.deviation)
        squares = float(np.square(variances).sum())
        return float(variances.sum()) ** 2 / squares if squares else 0.0


class RunningUnits:
    """Mean and deviation of units, batch after batch; of n images in order.

    Args:
        n: how many images will come.
    """

    def __init__(self, n: int) -> None:
        self.rows = np.unique(np.linspace(0, n - 1, min(n, SAMPLE)).astype(np.int64))
        self._kept: list[FloatArray] = []
        self._count = 0
        self._first = self._sum = self._squares = np.empty(0)

    def add(self, latents: FloatArray) -> None:
        """The latents float32 (b, d) of the next images."""
        if not self._count:
            self._first = latents[0].astype(np.float64)
            self._sum, self._squares = np.zeros_like(self._first), np.zeros_like(self._first)
        shifted = latents - self._first
        self._sum += shifted.sum(axis=0)
        self._squares += np.square(shifted).sum(axis=0)
        sampled = self.rows[(self.rows >= self._count) & (self.rows < self._count + len(latents))] - self._count
        self._kept.append(latents[sampled])
        self._count += len(latents)

    def units(self) -> LatentUnits:
        """Mean and deviation over all images so far."""
        mean = self._sum / self._count
        variance = np.maximum(self._squares / self._count - np.square(mean), 0.0)
        return LatentUnits(self._first + mean, np.sqrt(variance), self.rows, np.concatenate(self._kept))


@dataclass(frozen=True, eq=False)
class LinearCode:
    """The best linear autoencoder of training images: PCA with k components.

    Attributes:
        mean: float32 (p,), on the scale 0 to 1.
        basis: float32 (k, p), orthonormal rows; k may be 0, which leaves the mean image.
    """

    mean: FloatArray
    basis: FloatArray

    def errors(self, flat: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Squared error (n,) of images (n, p) by the mean image alone, and through the components."""
        centered = flat - self.mean
        total = np.square(centered).sum(axis=1, dtype=np.float64)
        held = np.square(centered @ self.basis.T).sum(axis=1, dtype=np.float64)
        return total / flat.shape[1], np.maximum(total - held, 0.0) / flat.shape[1]


def linear_code(pixels: Pixels, rows: IntArray, components: int) -> LinearCode:
    """Principal components of up to 1,000 of the images ``rows``, int (n,) (256 MB of them), at most one fewer than there are images."""
    most = min(len(rows), LINEAR_SAMPLE, max(2, LINEAR_VALUES // (3 * pixels.size**2)))
    chosen = rows[np.unique(np.linspace(0, len(rows) - 1, most).astype(np.int64))]
    flat = np.concatenate([flatten(pixels, chosen[i : i + BATCH]) for i in range(0, len(chosen), BATCH)])
    mean = flat.mean(axis=0, dtype=np.float64).astype(np.float32)
    flat -= mean
    with one_blas_thread():
        values, vectors = np.linalg.eigh((flat @ flat.T).astype(np.float64))
        largest = max(float(values[-1]), 0.0)
        count = min(components, len(chosen) - 1, int((values > 1e-6 * largest).sum()) if largest > 0 else 0)
        if count <= 0:
            return LinearCode(mean, np.empty((0, len(mean)), np.float32))
        order = np.argsort(-values)[:count]
        basis = (vectors[:, order] / np.sqrt(values[order])).astype(np.float32).T @ flat
    return LinearCode(mean, np.ascontiguousarray(basis))


def linear_errors(code: LinearCode, pixels: Pixels, rows: IntArray) -> tuple[FloatArray, FloatArray]:
    """Squared errors (n,) of these images by the mean image, and through the components."""
    with one_blas_thread():
        parts = [code.errors(flatten(pixels, rows[i : i + BATCH])) for i in range(0, len(rows), BATCH)]
    return np.concatenate([mean for mean, _ in parts]), np.concatenate([linear for _, linear in parts])


def flatten(pixels: Pixels, rows: IntArray) -> FloatArray:
    """Images as rows of numbers from 0 to 1, float32 (n, 3 * s * s)."""
    return np.asarray(pixels.take(rows).reshape(len(rows), -1), np.float32) / np.float32(255)


def mean_error(errors: FloatArray, groups: Sequence[str], *, seed: int = 0) -> Interval:
    """The mean of errors float64 (n,) and its 95 % interval, bootstrapped over groups."""
    index, count = group_index(groups)
    sums = group_sums(np.column_stack([errors, np.ones(len(errors))]), index, count)
    return bootstrap(lambda totals: totals[:, 0] / totals[:, 1], sums, seed=seed)


def outlier_scores(errors: FloatArray, is_trained_on: BoolArray) -> FloatArray:
    """Outlier scores float64 (n,): errors over the median of training or other images, as training images are reconstructed better."""
    scores = np.zeros(len(errors))
    for side in (False, True):
        chosen = is_trained_on == side
        if chosen.any():
            scores[chosen] = errors[chosen] / max(float(np.median(errors[chosen])), 1e-12)
    return scores


def as_pixels(images: FloatArray) -> ByteArray:
    """Images float (n, 3, s, s) from 0 to 1 as uint8 (n, s, s, 3)."""
    return np.ascontiguousarray(np.rint(255 * np.clip(images, 0, 1)).astype(np.uint8).transpose(0, 2, 3, 1))


Decode = Callable[[FloatArray], FloatArray]
"""Images float (n, 3, s, s) of latents float32 (n, d)."""
STEPS = (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0)
"""Where a unit is moved to, in standard deviations from its mean."""
CANDIDATES, BATCH = 128, 32


@dataclass(frozen=True, eq=False)
class Traversal:
    """Traversals of units, the largest effect first.

    Attributes:
        units: indices of the units, int64 (u,).
        effects: root mean square difference of the images at -2 and +2 standard deviations, float64 (u,), scale 0 to 1.
        images: float32 (u, 7, 3, s, s), from 0 to 1.
    """

    units: IntArray
    effects: FloatArray
    images: FloatArray


def traversal(decode: Decode, units: LatentUnits, base: FloatArray, *, shown: int = 8) -> Traversal:
    """The units that change an image most, of the 128 with the largest variance, from -3 to +3 standard deviations.

    Args:
        decode: latents to images.
        units: mean and deviation of every unit.
        base: float32 (d,), the latent in which one unit at a time is moved.
        shown: number of units.
    """
    alive = np.setdiff1d(np.argsort(-units.deviation, kind="stable")[:CANDIDATES], units.dead)
    alive = alive[np.argsort(-units.deviation[alive], kind="stable")]
    effects = np.array([_effect(decode, units, base, int(unit)) for unit in alive])
    best = np.argsort(-effects, kind="stable")[:shown]
    images = [decode(_moved(units, base, int(unit), STEPS)) for unit in alive[best]]
    return Traversal(alive[best], effects[best], np.stack(images) if images else np.empty((0, len(STEPS), 3, 1, 1), np.float32))


def _effect(decode: Decode, units: LatentUnits, base: FloatArray, unit: int) -> float:
    low, high = decode(_moved(units, base, unit, (-2.0, 2.0)))
    return float(np.sqrt(np.square(high - low).mean()))


def _moved(units: LatentUnits, base: FloatArray, unit: int, steps: tuple[float, ...]) -> FloatArray:
    """Copies of ``base`` with one unit at each of the steps."""
    moved = np.repeat(base[None].astype(np.float32), len(steps), axis=0)
    moved[:, unit] = units.mean[unit] + np.array(steps) * units.deviation[unit]
    return moved
