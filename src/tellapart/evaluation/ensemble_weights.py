"""How much each of several models should count when their log-odds are averaged.

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
STEPS = 100
CLOSE_ENOUGH = 1e-10


def fit_weights(log_odds: Sequence[FloatArray], targets: IntArray, *, prior: float = PRIOR) -> FloatArray:
    """Weights, none below 0 and 1 in sum, for the average of r models' log-odds: those with the least log loss.

    The scale of the sum is fitted with them, as the temperature will be fitted anew, so a model is not preferred for
    being sure. With v the weights times that scale, the sum of the images' losses plus
    ``prior * sum(r v - log(r v))`` is minimised: a gamma prior, at its best where all weigh the same. It is worth a few
    images, so few images move the weights little. The whole is strictly convex and is solved by Newton's method.

    Args:
        log_odds: r arrays, float64 (n, k), of the same images and classes, each calibrated.
        targets: integer labels (n,); rows of -1 are left out.
        prior: how many times the prior counts.

    Returns:
        Weights (r,), float64; equal ones if no image has a label.
    """
    known = targets >= 0
    y = targets[known]
    margins = np.stack([np.asarray(each, np.float64)[known] for each in log_odds])  # loss = log sum exp(v @ margins)
    margins -= margins[:, np.arange(len(y)), y][:, :, None]
    v = np.full(len(margins), 1 / len(margins))
    value, gradient, hessian = _objective(v, margins, prior)
    for _ in range(STEPS):
        step = np.linalg.solve(hessian, gradient)
        decrement = float(gradient @ step)
        if decrement < CLOSE_ENOUGH:
            break
        size = min(1.0, 0.9 / max(float((step / v).max()), 1e-12))
        while (found := _objective(v - size * step, margins, prior))[0] > value - 0.1 * size * decrement and size > CLOSE_ENOUGH:
            size /= 2
        v, (value, gradient, hessian) = v - size * step, found
    return np.asarray(v / v.sum())


def _objective(v: FloatArray, margins: FloatArray, prior: float) -> tuple[float, FloatArray, FloatArray]:
    """What is minimised at v (r,) for margins (r, n, k): its value, gradient (r,) and Hessian (r, r)."""
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
