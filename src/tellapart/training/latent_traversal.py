"""Latent traversals: move one latent unit, hold the others, and decode the image at each step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tellapart.array_types import FloatArray, IntArray
from tellapart.training.latent_analysis import LatentUnits

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
