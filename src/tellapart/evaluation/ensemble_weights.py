"""Weights of the models of an ensemble whose log-odds are averaged.

>>> import numpy as np
>>> sure, blind = np.array([[3.0, 0], [0, 3], [0, 3]]), np.zeros((3, 2))
>>> [bool(weight > 0.5) for weight in fit_weights([sure, blind], np.array([0, 1, 1]))]
[True, False]
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tellapart.array_types import FloatArray, IntArray

PRIOR = 1.0
MAX_STEPS = 100
TOLERANCE = 1e-10


def fit_weights(log_odds: Sequence[FloatArray], targets: IntArray, *, prior: float = PRIOR) -> FloatArray:
    """Fit the weights (not negative, sum 1) of an average of r models' log-odds that minimize the log loss.

    The scale of the sum is fitted with the weights, because the temperature is fitted again later; so a model is not preferred
    for being confident. With v the weights times that scale, the sum of the images' losses plus ``prior * sum(r v - log(r v))``
    is minimized: a gamma prior with its mode at equal weights. The prior is as strong as a few images, so few images move the
    weights little. The objective is strictly convex and is solved by Newton's method.

    Args:
        log_odds: r arrays, float64 (n, k), of the same images and classes, each calibrated.
        targets: integer labels (n,); rows of -1 are ignored.
        prior: strength of the prior.

    Returns:
        Weights (r,), float64; equal if no image has a label.
    """
    known = targets >= 0
    y = targets[known]
    margins = np.stack([np.asarray(each, np.float64)[known] for each in log_odds])  # loss = log sum exp(v @ margins)
    margins -= margins[:, np.arange(len(y)), y][:, :, None]
    v = np.full(len(margins), 1 / len(margins))
    value, gradient, hessian = _objective(v, margins, prior)
    for _ in range(MAX_STEPS):
        step = np.linalg.solve(hessian, gradient)
        decrement = float(gradient @ step)
        if decrement < TOLERANCE:
            break
        size = min(1.0, 0.9 / max(float((step / v).max()), 1e-12))
        while (trial := _objective(v - size * step, margins, prior))[0] > value - 0.1 * size * decrement and size > TOLERANCE:
            size /= 2
        v, (value, gradient, hessian) = v - size * step, trial
    return np.asarray(v / v.sum())


def _objective(v: FloatArray, margins: FloatArray, prior: float) -> tuple[float, FloatArray, FloatArray]:
    """The objective at v (r,) for margins (r, n, k): its value, gradient (r,) and Hessian (r, r)."""
    r = len(v)
    scores = np.tensordot(v, margins, axes=1)
    peaks = scores.max(axis=1, keepdims=True)
    powers = np.exp(scores - peaks)
    totals = powers.sum(axis=1, keepdims=True)
    p = powers / totals
    losses = peaks + np.log(totals)
    means = (margins * p).sum(axis=2)
    spread = (margins * np.sqrt(p)).reshape(r, -1)
    value = float(losses.sum()) + prior * float((r * v - np.log(r * v)).sum())
    gradient = means.sum(axis=1) + prior * (r - 1 / v)
    hessian = spread @ spread.T - means @ means.T + np.diag(prior / np.square(v))
    return value, gradient, hessian
