"""Probabilities from logits: one temperature and one clip, both fitted on out-of-fold images only."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from tellapart.array_types import FloatArray, IntArray

TEMPERATURES = (0.05, 20.0)
CLIPS = (1e-7, 0.05)
GOLDEN = (math.sqrt(5) - 1) / 2


def log_softmax(logits: FloatArray, temperature: float = 1.0) -> FloatArray:
    """Log of the softmax over the last axis, float64, without overflow."""
    scaled = np.asarray(logits, dtype=np.float64) / temperature
    scaled = scaled - scaled.max(axis=-1, keepdims=True)
    return np.asarray(scaled - np.log(np.exp(scaled).sum(axis=-1, keepdims=True)))


def softmax(logits: FloatArray, temperature: float = 1.0) -> FloatArray:
    """Probabilities (..., k) of logits (..., k) divided by a temperature; float64, rows sum to 1."""
    scaled = np.asarray(logits, dtype=np.float64) / temperature
    powers = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def clipped(probabilities: FloatArray, clip: float) -> FloatArray:
    """Probabilities (..., k) raised to at least ``clip``, then scaled so that rows sum to 1 again."""
    raised = np.maximum(np.asarray(probabilities, dtype=np.float64), clip)
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True))


def apply(logits: FloatArray, temperature: float = 1.0, clip: float = 0.0) -> FloatArray:
    """Calibrated probabilities (n, k) of logits (n, k): softmax at the temperature, then the clip."""
    return clipped(softmax(logits, temperature), clip)


def fit_temperature(logits: FloatArray, targets: IntArray, weights: FloatArray | None = None) -> float:
    """The temperature in 0.05..20 that minimises the log loss of logits (n, k) (Guo et al. 2017), drawn weakly towards 1.

    The penalty is that of a standard normal prior on log T, worth about half a nat over *all* images: nothing where the
    data say anything, and enough to stop perfectly separated images from asking for T = 0. Golden section in log T.
    Rows whose target is -1 are left out; without rows the answer is 1.
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
    """The clip in 1e-7..0.05 that minimises the log loss of probabilities (n, k), half an unseen error included.

    Data without a confident error would ask for no clip at all, and the first one would then cost 16 nats. So half an
    image is added whose truth got exactly the clip (Krichevsky & Trofimov 1981: the rule of succession with a half):
    with n images all sure and right the answer is about 1 / (2 n (k - 1)), with e confident errors (e + 1/2) / (n (k - 1)).
    Never above half of 1 / k. Rows whose target is -1 are left out.
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
