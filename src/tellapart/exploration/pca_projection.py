"""The first two principal components of standardized features."""

from __future__ import annotations

import numpy as np

from tellapart.array_types import FloatArray

ITERATIONS = 12
WIDTH = 8


def principal_components_2d(features: FloatArray, *, seed: int = 0) -> FloatArray:
    """The first two principal components of float (n, d) features, standardized, by subspace iteration: float32 (n, 2)."""
    standard = (features - features.mean(axis=0)) / np.maximum(features.std(axis=0), 1e-6)
    basis = np.random.default_rng(seed).standard_normal((features.shape[1], min(WIDTH, features.shape[1]))).astype(np.float32)
    for _ in range(ITERATIONS):
        basis, _ = np.linalg.qr(standard.T @ (standard @ basis))
    scores = standard @ basis
    _, order = np.linalg.eigh(scores.T @ scores)
    flat = scores @ order[:, ::-1][:, :2]
    if flat.shape[1] < 2:
        flat = np.hstack([flat, np.zeros_like(flat)])
    signs = np.where(np.abs(flat.min(axis=0)) > flat.max(axis=0), -1.0, 1.0)
    return np.asarray(flat * signs, dtype=np.float32)
