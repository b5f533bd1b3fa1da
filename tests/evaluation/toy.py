"""Predictions of a Gaussian model whose truth is known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tellapart.calibration import apply
from tellapart.predictions import Predictions


def logits_and_targets(n: int, k: int, margin: float = 2.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Calibrated logits: unit noise, the truth raised by ``margin``, scaled by it."""
    rng = np.random.default_rng(seed)
    targets = rng.integers(0, k, n)
    z = rng.normal(size=(n, k))
    z[np.arange(n), targets] += margin
    return z * margin, targets


def record(
    logits: np.ndarray, targets: np.ndarray, *, groups: Sequence[str] | None = None, source: str = "toy", clip: float = 1e-4
) -> Predictions:
    n, k = logits.shape
    names = tuple(f"class {i}" for i in range(k))
    ids = tuple(f"image {i}" for i in range(n))
    labels = tuple(names[t] if t >= 0 else None for t in targets)
    return Predictions(ids, ids, labels, apply(logits, 1.0, clip), logits, names, ("test",) * n, tuple(groups or ids), source)
