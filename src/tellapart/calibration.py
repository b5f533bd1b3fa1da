"""Calibration: probabilities from logits by one temperature and one clip, both fitted on out-of-fold images only."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from tellapart.array_types import FloatArray, IntArray

TEMPERATURES = (0.05, 20.0)
CLIPS = (1e-7, 0.05)
GOLDEN = (math.sqrt(5) - 1) / 2


def log_softmax(logits: FloatArray, temperature: float = 1.0) -> FloatArray:
    """Log-softmax over the last axis of float (..., k) logits: float64 (..., k), without overflow."""
    scaled = np.asarray(logits, dtype=np.float64) / temperature
    scaled = scaled - scaled.max(axis=-1, keepdims=True)
    return np.asarray(scaled - np.log(np.exp(scaled).sum(axis=-1, keepdims=True)))


def softmax(logits: FloatArray, temperature: float = 1.0) -> FloatArray:
    """Softmax of float (..., k) logits divided by a temperature: float64 (..., k), rows sum to 1."""
    scaled = np.asarray(logits, dtype=np.float64) / temperature
    powers = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def clip_probabilities(probabilities: FloatArray, clip: float) -> FloatArray:
    """Raise float (..., k) probabilities to at least ``clip`` and normalize: float64 (..., k), rows sum to 1."""
    raised = np.maximum(np.asarray(probabilities, dtype=np.float64), clip)
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True))


def apply(logits: FloatArray, temperature: float = 1.0, clip: float = 0.0) -> FloatArray:
    """Calibrated probabilities, float64 (n, k), of float (n, k) logits: softmax at the temperature, then the clip."""
    return clip_probabilities(softmax(logits, temperature), clip)


def fit_temperature(logits: FloatArray, targets: IntArray, weights: FloatArray | None = None) -> float:
    """Fit the temperature, 0.05 to 20, that minimizes the log loss (Guo et al. 2017), with a weak prior around 1.

    The penalty is that of a standard normal prior on log T, about half a nat over *all* images: negligible where the data are
    informative, and enough to keep T above 0 for perfectly separated images. Golden-section search in log T.

    Args:
        logits: float (n, k).
        targets: int (n,); rows of -1 are ignored.
        weights: float (n,), of the images; by default all 1.

    Returns:
        The temperature; 1 without labeled images.
    """
    known = targets >= 0
    z, y = np.asarray(logits, dtype=np.float64)[known], targets[known]
    w = np.ones(len(y)) if weights is None else np.asarray(weights, dtype=np.float64)[known]
    if len(y) == 0 or w.sum() <= 0:
        return 1.0
    w = w * (len(y) / w.sum())
    margins = z - z[np.arange(len(y)), y][:, None]  # loss = log sum exp(margin / T)
    peaks = margins.max(axis=1)

    def objective(log_t: float) -> float:
        beta = math.exp(-log_t)
        loss = peaks * beta + np.log(np.exp((margins - peaks[:, None]) * beta).sum(axis=1))
        return float(w @ loss) + 0.5 * log_t * log_t

    return math.exp(_golden_section(objective, math.log(TEMPERATURES[0]), math.log(TEMPERATURES[1])))


def _golden_section(objective: Callable[[float], float], low: float, high: float, tolerance: float = 1e-5) -> float:
    left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
    at_left, at_right = objective(left), objective(right)
    while high - low > tolerance:
        if at_left <= at_right:
            high, right, at_right = right, left, at_left
            left = high - GOLDEN * (high - low)
            at_left = objective(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + GOLDEN * (high - low)
            at_right = objective(right)
    return (low + high) / 2


def fit_clip(probabilities: FloatArray, targets: IntArray) -> float:
    """Fit the clip, 1e-7 to 0.05, that minimizes the log loss, with half a pseudo-error added.

    Without a confident error in the data the best clip would be 0, and the first such error would then cost 16 nats. So half an
    image is added whose true class has exactly the clip as probability (Krichevsky & Trofimov 1981): with n confident and right
    images the result is about 1 / (2 n (k - 1)), with e confident errors (e + 1/2) / (n (k - 1)).

    Args:
        probabilities: float (n, k).
        targets: int (n,); rows of -1 are ignored.

    Returns:
        The clip, at most half of 1 / k.
    """
    known = targets >= 0
    p, y = np.asarray(probabilities, dtype=np.float64)[known], targets[known]
    n, k = p.shape
    top = min(CLIPS[1], 0.5 / k)
    if n == 0:
        return float(top)
    grid = np.geomspace(CLIPS[0], top, 121)
    at_risk = p.min(axis=1) < top
    p, y = p[at_risk], y[at_risk]
    truth = p[np.arange(len(y)), y]
    costs = [np.log(np.maximum(p, c).sum(axis=1)).sum() - np.log(np.maximum(truth, c)).sum() - 0.5 * np.log(c) for c in grid]
    return float(grid[int(np.argmin(costs))])
