"""A power law for learning curves: error = floor + scale * n ** -power, and the gain from more images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tellapart.array_types import FloatArray
from tellapart.interval import Interval

POWERS = np.geomspace(0.05, 2.0, 60)
LIKELY_POWER, POWER_SPREAD = 0.5, 0.7
SMALLEST_NOISE = 0.002
"""Smallest standard deviation of an error: 0.2 percentage points."""
CURVE_DRAWS = 500


@dataclass(frozen=True, eq=False)
class PowerLaw:
    """A fitted curve and its bootstrap refits.

    Attributes:
        floor: error that remains with any number of images.
        scale: error above the floor at one image.
        power: exponent of the decay.
        refits: float (draws, 3), floor, scale and power refitted to resampled residuals.
    """

    floor: float
    scale: float
    power: float
    refits: FloatArray

    def as_dict(self) -> dict[str, float]:
        """``{"floor", "scale", "power"}``, the ``fit`` of ``metrics.json``."""
        return {"floor": self.floor, "scale": self.scale, "power": self.power}

    def error_at(self, n_train: float) -> float:
        """The fitted error after ``n_train`` training images."""
        return float(self.floor + self.scale * n_train**-self.power)

    def predict_at(self, n_train: float) -> Interval:
        """The fitted error after ``n_train`` images, with the interval of the bootstrap refits.

        It covers the sampling of the training images, not of the images on which the error was measured.
        """
        return _symmetric(self.error_at(n_train), self._twin_errors(n_train))

    def gain(self, n_now: float, n_then: float) -> Interval:
        """The decrease of the error from ``n_now`` to ``n_then`` training images; positive is better."""
        return _symmetric(self.error_at(n_now) - self.error_at(n_then), self._twin_errors(n_now) - self._twin_errors(n_then))

    def accuracy_at(self, n_train: float) -> Interval:
        """One minus :meth:`predict_at`, within 0..1."""
        error = self.predict_at(n_train)
        return Interval(*(min(1.0, max(0.0, 1.0 - x)) for x in (error.value, error.high, error.low)))

    def _twin_errors(self, n_train: float) -> FloatArray:
        return np.asarray(self.refits[:, 0] + self.refits[:, 1] * n_train ** -self.refits[:, 2])


def _symmetric(value: float, refits: FloatArray) -> Interval:
    """A symmetric interval that contains 95 % of the refits, never below zero.

    A floor cannot be negative, so the refits are skewed: their plain percentiles covered a planted gain three times in four,
    this interval 93 to 99 times in 100 (``benchmarks/interval_honesty.py``).
    """
    half = float(np.percentile(np.abs(refits - value), 95.0))
    return Interval(value, min(value, max(0.0, value - half)), value + half)


def fit_power_law(n_train: Sequence[int], errors: Sequence[Sequence[float]], *, draws: int = CURVE_DRAWS, seed: int = 0) -> PowerLaw:
    """Fit error = floor + scale * n ** -power, floor and scale not negative, by weighted least squares over a grid of powers.

    The standard deviation of an error is taken as proportional to its square root, as for a proportion. Two or three sizes do
    not determine the power, so it has a log-normal prior around 1/2 (sigma 0.7); errors that do not fall give scale 0.

    Args:
        n_train: numbers of training images, m values.
        errors: for each of them the errors, 0 to 1, one per seed (at least one).
        draws: refits to resampled residuals, for the intervals.
        seed: of the resampling.

    Raises:
        ValueError: no points, a point without errors, lengths that differ, or sizes that are not positive.
    """
    if not n_train or len(n_train) != len(errors) or min(n_train) <= 0 or not all(len(seeds) for seeds in errors):
        raise ValueError(f"every point needs a positive size and errors, received sizes {list(n_train)} and {len(errors)} lists of errors")
    sizes = np.repeat(np.asarray(n_train, dtype=np.float64), [len(seeds) for seeds in errors])
    observed = np.concatenate([np.asarray(seeds, dtype=np.float64) for seeds in errors])
    means = np.repeat([float(np.mean(seeds)) for seeds in errors], [len(seeds) for seeds in errors])
    root = np.sqrt(np.maximum(means, SMALLEST_NOISE))
    freedom = max(1, len(observed) - len(errors))
    noise = max(float(np.sqrt(np.square((observed - means) / root).sum() / freedom)), SMALLEST_NOISE / float(root.mean()))
    weights = 1.0 / np.square(noise * root)
    floor, scale, power = _fits(sizes, observed[None], weights, None)[0]
    fitted = floor + scale * sizes**-power
    residuals = (observed - fitted) / root * np.sqrt(len(observed) / max(1, len(observed) - 2))
    residuals = residuals - residuals.mean()
    if len(observed) <= 3:
        residuals = np.array([-noise, noise])  # too few to resample: use the assumed noise
    rng = np.random.default_rng(seed)
    resampled = np.maximum(0.0, fitted + root * rng.choice(residuals, size=(draws, len(observed))))
    return PowerLaw(float(floor), float(scale), float(power), _fits(sizes, resampled, weights, rng))


def _fits(sizes: FloatArray, observed: FloatArray, weights: FloatArray, rng: np.random.Generator | None) -> FloatArray:
    """Fit (floor, scale, power) to each row of observed errors, float (d, n): float (d, 3).

    The best power or, with ``rng``, one drawn from the posterior (Gumbel-max trick).
    """
    x = sizes[None] ** -POWERS[:, None]  # (powers, n)
    sw, swx, swxx = weights.sum(), x @ weights, np.square(x) @ weights
    swy, swxy = observed @ weights, (observed * weights) @ x.T
    swyy = np.square(observed) @ weights
    determinant = sw * swxx - np.square(swx)
    safe = np.where(determinant > 1e-12 * sw * swxx, determinant, np.inf)
    scale = (sw * swxy - swx * swy[:, None]) / safe
    floor = (swy[:, None] - scale * swx) / sw
    only_scale = floor < 0
    scale = np.where(only_scale, swxy / swxx, scale)
    floor = np.where(only_scale, 0.0, floor)
    only_floor = scale <= 0
    scale, floor = np.where(only_floor, 0.0, scale), np.where(only_floor, swy[:, None] / sw, floor)
    misfit = swyy[:, None] - 2 * floor * swy[:, None] - 2 * scale * swxy + sw * floor**2 + 2 * floor * scale * swx + scale**2 * swxx
    misfit = misfit + np.square(np.log(POWERS / LIKELY_POWER) / POWER_SPREAD)
    best = (misfit if rng is None else misfit / 2 - rng.gumbel(size=misfit.shape)).argmin(axis=1)
    row = np.arange(len(observed))
    return np.stack([floor[row, best], scale[row, best], POWERS[best]], axis=1)
