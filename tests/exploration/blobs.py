"""Made-up features: groups planted in noise, and noise alone."""

from __future__ import annotations

import numpy as np

from tellapart.array_types import FloatArray, IntArray


def blobs(k: int, n: int = 300, d: int = 60, apart: float = 1.5, seed: int = 0) -> tuple[FloatArray, IntArray]:
    """Features (n, d) in k round groups of unequal size, and the group of each."""
    rng = np.random.default_rng([seed, k])
    shares = np.linspace(2, 1, k)
    truth = np.sort(rng.choice(k, n, p=shares / shares.sum()))
    centers = rng.standard_normal((k, d)) * apart
    return (centers[truth] + rng.standard_normal((n, d))).astype(np.float32), truth


def noise(n: int = 400, d: int = 60, seed: int = 0) -> FloatArray:
    """The same spread in every direction, and no groups."""
    return np.random.default_rng([seed, 99]).standard_normal((n, d)).astype(np.float32)
