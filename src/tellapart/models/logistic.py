"""Many regularized logistic regressions on the same features, solved together.

Folds, strengths, splits and learning-curve points differ only in the weights of the images and the strength of the
penalty, so their parameters are columns of one matrix and each step of all of them is two matrix products.

Problem p minimises, over weights W (d, k) and biases b (k)::

    sum_i s_ip * cross_entropy(softmax(x_i W + b), y_i) + strength_p / 2 * |W|^2        with  sum_i s_ip = 1

by L-BFGS (Nocedal & Wright, Numerical Optimization, alg. 7.4) started from the inverse of a diagonal bound of the
Hessian (Boehning 1992), which is tight when the columns of x are principal components. Two classes use one logit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tellapart.array_types import BoolArray, FloatArray, IntArray
from tellapart.concurrency import available_cores, one_blas_thread, parallel_map
from tellapart.large_arrays import is_one_block, row_blocks

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
        logits = np.empty((len(x), self.bias.shape[1]))
        for block in row_blocks(x):
            logits[block] = x[block] @ self.weight[problem] + self.bias[problem]
        return logits


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
    images = _Images(x)
    one_hot = np.eye(num_classes, dtype=np.float32)[targets][:, None, -outputs:]
    size = min(MAX_CELLS // max(1, 4 * max(len(x), images.width) * outputs), -(-len(strengths) // available_cores()))
    starts = range(0, len(strengths), max(1, size))

    def solved(start: int) -> FloatArray:
        columns = slice(start, start + max(1, size))
        weights = np.asarray(sample_weights[:, columns], np.float32)
        weights = weights / np.maximum(weights.sum(axis=0), 1e-12)
        return _Block(images, one_hot, weights, np.asarray(strengths[columns], np.float32)).solve(tolerance)

    with one_blas_thread():
        parts = parallel_map(solved, starts)
    solution = np.concatenate(parts, axis=1).transpose(1, 0, 2)
    if num_classes == 2:
        solution = np.concatenate([-solution / 2, solution / 2], axis=2)
    return LogisticFits(np.ascontiguousarray(solution[:, :-1]), solution[:, -1])


class _Images:
    """The features of n images with a column of ones for the bias; large ones are read from disk a block at a time."""

    def __init__(self, x: FloatArray) -> None:
        self.x, self.width = x, x.shape[1] + 1
        self.whole = _with_ones(x) if is_one_block(x) else None

    def blocks(self) -> Iterator[tuple[slice, FloatArray]]:
        """Yield the rows in blocks: their numbers, and float32 (m, d + 1)."""
        if self.whole is not None:
            yield slice(0, len(self.whole)), self.whole
            return
        for rows in row_blocks(self.x):
            yield rows, _with_ones(self.x[rows])

    def mean_squares(self) -> FloatArray:
        """Of each column, float32 (d + 1,)."""
        if self.whole is not None:
            return np.asarray(np.square(self.whole).mean(axis=0))
        total = sum(np.square(block).sum(axis=0, dtype=np.float64) for _, block in self.blocks())
        return np.asarray(total / len(self.x), np.float32)


def _with_ones(x: FloatArray) -> FloatArray:
    return np.hstack([x, np.ones((len(x), 1), np.float32)]).astype(np.float32, copy=False)


class _Block:
    """Problems small enough to be solved at once; parameters are (d + 1, p, k) with the bias last."""

    def __init__(self, images: _Images, one_hot: FloatArray, weights: FloatArray, strengths: FloatArray) -> None:
        self.images, self.wanted, self.weights = images, one_hot, weights
        self.outputs = one_hot.shape[2]
        spread = images.mean_squares()
        curvature = 0.25 if self.outputs == 1 else 0.5
        self.penalty = np.repeat(strengths[None, :], images.width, axis=0)
        self.penalty[-1] = 0.0
        self.scaling = 1.0 / (curvature * spread[:, None] + self.penalty)

    def solve(self, tolerance: float) -> FloatArray:
        d, p, k = self.images.width, self.weights.shape[1], self.outputs
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
        penalty = self.penalty[:, chosen, None]
        data_value, data_gradient = self._data_terms(point, chosen)
        value = data_value + 0.5 * (penalty * point * point).sum(axis=(0, 2))
        return value.astype(np.float64), data_gradient + penalty * point

    def _data_terms(self, point: FloatArray, chosen: IntArray) -> tuple[FloatArray, FloatArray]:
        """The terms of objective and gradient that depend on the images; over several blocks they are summed in float64."""
        value: FloatArray | None = None
        gradient: FloatArray | None = None
        for rows, x in self.images.blocks():
            block_value, block_gradient = _block_terms(x, self.wanted[rows], self.weights[rows][:, chosen], point)
            if value is None or gradient is None:
                value, gradient = block_value, block_gradient
            else:
                value, gradient = value + block_value.astype(np.float64), gradient + block_gradient.astype(np.float64)
        if value is None or gradient is None:
            return np.zeros(point.shape[1], np.float32), np.zeros_like(point)
        return value, gradient.astype(np.float32, copy=False)

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


def _block_terms(x: FloatArray, one_hot: FloatArray, weights: FloatArray, point: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The sum of the losses (p,) and its gradient (d, p, k) of one block of images; ``weights`` are (m, p)."""
    d, p, k = point.shape
    z = (x @ point.reshape(d, p * k)).reshape(-1, p, k)
    if k == 1:
        loss = np.logaddexp(0.0, z) - one_hot * z
        residual = 1.0 / (1.0 + np.exp(-np.clip(z, -60, 60))) - one_hot
    else:
        z -= z.max(axis=2, keepdims=True)
        e = np.exp(z)
        total = e.sum(axis=2, keepdims=True)
        loss = np.log(total) - (one_hot * z).sum(axis=2, keepdims=True)
        residual = e / total - one_hot
    residual *= weights[:, :, None]
    gradient = (x.T @ residual.reshape(-1, p * k)).reshape(d, p, k)
    return np.einsum("np,np->p", weights, loss[:, :, 0]), gradient


def _dots(a: FloatArray, b: FloatArray) -> FloatArray:
    """Inner product for each problem (p,)."""
    return np.asarray(np.einsum("dpk,dpk->p", a, b), dtype=np.float64)
