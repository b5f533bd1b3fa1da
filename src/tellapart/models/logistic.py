"""Many regularized logistic regressions on the same features, solved together.

Folds, strengths, splits and learning-curve points differ only in the weights of the images and the strength of the
penalty, so their parameters are columns of one matrix and each step of all of them is two matrix products.

Problem p minimises, over weights W (d, k) and biases b (k)::

    sum_i s_ip * cross_entropy(softmax(x_i W + b), y_i) + strength_p / 2 * |W|^2        with  sum_i s_ip = 1

by L-BFGS (Nocedal & Wright, Numerical Optimization, alg. 7.4) started from the inverse of a diagonal bound of the
Hessian (Boehning 1992), which is tight when the columns of x are principal components. Two classes use one logit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tellapart.array_types import BoolArray, FloatArray, IntArray
from tellapart.concurrency import available_cores, one_blas_thread, parallel_map

MEMORY = 8
MAX_STEPS = 200
MAX_CELLS = 1 << 27


@dataclass(frozen=True, eq=False)
class LogisticFits:
    """Solutions of p problems: ``weight`` float32 (p, d, k) and ``bias`` float32 (p, k)."""

    weight: FloatArray
    bias: FloatArray

    def logits(self, x: FloatArray, problem: int) -> FloatArray:
        """Logits of one problem for features (m, d): float64 (m, k)."""
        return np.asarray(x @ self.weight[problem] + self.bias[problem], dtype=np.float64)


def fit_logistic(
    x: FloatArray, targets: IntArray, num_classes: int, sample_weights: FloatArray, strengths: FloatArray, *, tolerance: float = 1e-4
) -> LogisticFits:
    """Solve p problems on the same features.

    Args:
        x: float32 (n, d); fastest when the columns are principal components, largest first.
        targets: int (n,) in 0..num_classes-1.
        num_classes: k, at least 2.
        sample_weights: (n, p), not negative; 0 leaves an image out of a problem. Columns are scaled to sum 1.
        strengths: (p,), positive.
        tolerance: a problem is solved when its largest gradient entry falls below this.
    """
    outputs = 1 if num_classes == 2 else num_classes
    augmented = np.hstack([x, np.ones((len(x), 1), np.float32)]).astype(np.float32, copy=False)
    wanted = np.eye(num_classes, dtype=np.float32)[targets][:, None, -outputs:]
    size = min(MAX_CELLS // max(1, 4 * max(augmented.shape) * outputs), -(-len(strengths) // available_cores()))
    starts = range(0, len(strengths), max(1, size))

    def solved(start: int) -> FloatArray:
        columns = slice(start, start + max(1, size))
        weights = np.asarray(sample_weights[:, columns], np.float32)
        weights = weights / np.maximum(weights.sum(axis=0), 1e-12)
        return _Block(augmented, wanted, weights, np.asarray(strengths[columns], np.float32)).solve(tolerance)

    with one_blas_thread():
        parts = parallel_map(solved, starts)
    solution = np.concatenate(parts, axis=1).transpose(1, 0, 2)
    if num_classes == 2:
        solution = np.concatenate([-solution / 2, solution / 2], axis=2)
    return LogisticFits(np.ascontiguousarray(solution[:, :-1]), solution[:, -1])


class _Block:
    """Problems small enough to be solved at once; parameters are (d + 1, p, k) with the bias last."""

    def __init__(self, x: FloatArray, wanted: FloatArray, weights: FloatArray, strengths: FloatArray) -> None:
        self.x, self.wanted, self.weights = x, wanted, weights
        self.outputs = wanted.shape[2]
        spread = np.square(x).mean(axis=0)
        curvature = 0.25 if self.outputs == 1 else 0.5
        self.penalty = np.repeat(strengths[None, :], x.shape[1], axis=0)
        self.penalty[-1] = 0.0
        self.scaling = 1.0 / (curvature * spread[:, None] + self.penalty)

    def solve(self, tolerance: float) -> FloatArray:
        d, p, k = self.x.shape[1], self.weights.shape[1], self.outputs
        point = np.zeros((d, p, k), np.float32)
        value, gradient = self.evaluated(point, np.arange(p))
        steps: list[tuple[FloatArray, FloatArray, FloatArray]] = []
        active = np.arange(p)
        for _ in range(MAX_STEPS):
            active = np.flatnonzero(np.abs(gradient).max(axis=(0, 2)) > tolerance)
            if not len(active):
                break
            direction = self._direction(gradient, steps)
            moved, new_value, new_gradient, has_moved = self._line_search(point, value, gradient, direction, active)
            if not has_moved.any():
                break
            s, y = moved - point, new_gradient - gradient
            curvature = _dots(s, y)
            steps.append((s, y, np.where(curvature > 1e-20, 1.0 / np.maximum(curvature, 1e-20), 0.0)))
            steps = steps[-MEMORY:]
            point, value, gradient = moved, new_value, new_gradient
            gradient[:, active[~has_moved]] = 0.0
        return point

    def evaluated(self, point: FloatArray, chosen: IntArray) -> tuple[FloatArray, FloatArray]:
        """Objective (p',) and gradient (d, p', k) of the chosen problems."""
        d, p, k = point.shape
        z = (self.x @ point.reshape(d, p * k)).reshape(-1, p, k)
        weights = self.weights[:, chosen]
        if k == 1:
            loss = np.logaddexp(0.0, z) - self.wanted * z
            residual = 1.0 / (1.0 + np.exp(-np.clip(z, -60, 60))) - self.wanted
        else:
            z -= z.max(axis=2, keepdims=True)
            e = np.exp(z)
            total = e.sum(axis=2, keepdims=True)
            loss = np.log(total) - (self.wanted * z).sum(axis=2, keepdims=True)
            residual = e / total - self.wanted
        residual *= weights[:, :, None]
        penalty = self.penalty[:, chosen, None]
        gradient = (self.x.T @ residual.reshape(-1, p * k)).reshape(d, p, k) + penalty * point
        value = np.einsum("np,np->p", weights, loss[:, :, 0]) + 0.5 * (penalty * point * point).sum(axis=(0, 2))
        return value.astype(np.float64), gradient

    def _direction(self, gradient: FloatArray, steps: list[tuple[FloatArray, FloatArray, FloatArray]]) -> FloatArray:
        q, shares = gradient.copy(), []
        for s, y, inverse in reversed(steps):
            share = inverse * _dots(s, q)
            shares.append(share)
            q -= share[None, :, None].astype(np.float32) * y
        q *= self.scaling[:, :, None]
        if steps:
            s, y, inverse = steps[-1]
            size = _dots(y, self.scaling[:, :, None] * y) * inverse
            q *= np.where(size > 0, 1.0 / np.maximum(size, 1e-20), 1.0)[None, :, None].astype(np.float32)
        for (s, y, inverse), share in zip(steps, reversed(shares), strict=True):
            q += (share - inverse * _dots(y, q))[None, :, None].astype(np.float32) * s
        return -q

    def _line_search(
        self, point: FloatArray, value: FloatArray, gradient: FloatArray, direction: FloatArray, active: IntArray
    ) -> tuple[FloatArray, FloatArray, FloatArray, BoolArray]:
        """Backtracking from a full step until the Armijo condition holds, for the active problems."""
        slope = _dots(gradient, direction)
        moved, new_value, new_gradient = point.copy(), value.copy(), gradient.copy()
        has_moved = np.zeros(len(active), bool)
        waiting, size = active, 1.0
        for _ in range(12):
            trial = point[:, waiting] + np.float32(size) * direction[:, waiting]
            trial_value, trial_gradient = self.evaluated(trial, waiting)
            slack = 1e-6 * np.abs(value[waiting]) + 1e-9
            is_lower = trial_value <= value[waiting] + 1e-4 * size * slope[waiting] + slack
            done = waiting[is_lower]
            moved[:, done], new_value[done], new_gradient[:, done] = trial[:, is_lower], trial_value[is_lower], trial_gradient[:, is_lower]
            has_moved |= np.isin(active, done)
            waiting, size = waiting[~is_lower], size / 2
            if not len(waiting):
                break
        return moved, new_value, new_gradient, has_moved


def _dots(a: FloatArray, b: FloatArray) -> FloatArray:
    """Inner product for each problem (p,)."""
    return np.asarray(np.einsum("dpk,dpk->p", a, b), dtype=np.float64)
