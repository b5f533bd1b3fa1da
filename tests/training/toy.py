"""Features with classes in them."""

from __future__ import annotations

import numpy as np

from tellapart.training.linear_probe import LabeledFeatures


def labeled(n: int, *, k: int = 3, d: int = 24, margin: float = 0.8, seed: int = 0, groups: list[str] | None = None) -> LabeledFeatures:
    """Gaussian classes (the same whatever the seed) of equal size; a larger margin is an easier problem."""
    centers = np.random.default_rng(99).normal(size=(k, d))
    rng = np.random.default_rng(seed)
    targets = np.arange(n) % k
    features = (margin * centers[targets] + rng.normal(size=(n, d))).astype(np.float32)
    return LabeledFeatures(features, targets, groups or [f"{seed}-{i}" for i in range(n)], [f"class {i}" for i in range(k)])
