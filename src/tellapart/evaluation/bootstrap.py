"""Bootstrap over groups: images of a group are drawn together, and the interval is that of the percentiles."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from tellapart.array_types import FloatArray, IntArray
from tellapart.interval import Interval

DRAWS = 2000
"""Bootstrap draws behind every interval that is not closed-form."""
BLOCK_ROWS, BLOCK_CELLS = 64, 2_000_000
"""Maximum draws and weights in memory at once: 16 MB of float64."""
ONE_THREAD = 250_000
"""Multiplications up to which OpenBLAS starts no threads."""


def group_index(groups: Sequence[str]) -> tuple[IntArray, int]:
    """Number the groups by first appearance: the group of each image, int64 (n,), and the number of groups."""
    numbers: dict[str, int] = {}
    index = np.fromiter((numbers.setdefault(group, len(numbers)) for group in groups), dtype=np.int64, count=len(groups))
    return index, len(numbers)


def group_sums(columns: FloatArray, index: IntArray, num_groups: int) -> FloatArray:
    """Sum columns (n, m) within groups, ``index`` int (n,): float64 (num_groups, m)."""
    if num_groups == len(index):
        return np.asarray(columns, dtype=np.float64)  # every image its own group, already in order of appearance
    order = np.argsort(index, kind="stable")
    starts = np.searchsorted(index[order], np.arange(num_groups))
    return np.asarray(np.add.reduceat(np.asarray(columns, dtype=np.float64)[order], starts, axis=0))


def group_weights(num_groups: int, draws: int = DRAWS, seed: int = 0) -> Iterator[FloatArray]:
    """Bootstrap weights of the groups, in blocks of float64 (b, num_groups) of at most 16 MB or one draw.

    Multinomial counts of ``num_groups`` draws with replacement; they do not depend on the block size.
    """
    rng = np.random.default_rng(seed)
    rows = max(1, min(BLOCK_ROWS, BLOCK_CELLS // max(1, num_groups)))
    for start in range(0, draws, rows):
        block = np.empty((min(rows, draws - start), num_groups))
        for row in block:
            row[:] = np.bincount(rng.integers(0, num_groups, num_groups, dtype=np.int32), minlength=num_groups)
        yield block


def resampled_sums(sums: FloatArray, draws: int = DRAWS, seed: int = 0) -> FloatArray:
    """Totals of group sums, float (g, m), over ``draws`` resamplings of the groups: float64 (draws, m).

    Multiplied in pieces small enough for OpenBLAS to use one thread: its threads busy-wait for each other, and a product of
    10 ms takes a second when another process occupies a core.
    """
    across = np.ascontiguousarray(sums.T)
    totals = np.zeros((len(across), draws))
    done = 0
    for block in group_weights(len(sums), draws, seed):
        into = totals[:, done : done + len(block)]
        step = max(1, ONE_THREAD // (len(across) * len(block)))
        for start in range(0, len(sums), step):
            into += across[:, start : start + step] @ block[:, start : start + step].T
        done += len(block)
    return totals.T


def percentile_interval(value: float, resampled: FloatArray) -> Interval:
    """The central 95 % of resampled values (draws,), ignoring NaN and infinity, widened to contain ``value``."""
    finite = resampled[np.isfinite(resampled)]
    low, high = np.percentile(finite, [2.5, 97.5]) if len(finite) else (value, value)
    return Interval(float(value), min(float(low), float(value)), max(float(high), float(value)))


def bootstrap(statistic: Callable[[FloatArray], FloatArray], sums: FloatArray, draws: int = DRAWS, seed: int = 0) -> Interval:
    """Bootstrap percentile interval of a statistic of group sums, float (g, m); ``statistic`` maps totals (d, m) to values (d,)."""
    value = float(statistic(sums.sum(axis=0, keepdims=True))[0])
    return percentile_interval(value, statistic(resampled_sums(sums, draws, seed)))
