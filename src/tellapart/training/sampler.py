"""Sampler: which images an epoch draws, in which order, with over- or undersampling of unequal classes, and in which batches."""

from __future__ import annotations

import numpy as np

from tellapart.array_types import IntArray


def epoch_rows(targets: IntArray, balance: str, *, seed: int, epoch: int) -> IntArray:
    """Shuffled rows of one epoch, int64 (m,).

    Args:
        targets: class indices, int64 (n,).
        balance: ``oversample`` samples every class as often as the largest, ``undersample`` as often as the smallest
            (a different sample each epoch); otherwise every row occurs once.
        seed: random seed.
        epoch: number of the epoch, also part of the seed.
    """
    rng = np.random.default_rng([seed, epoch])
    if balance in ("oversample", "undersample"):
        counts = np.bincount(targets)
        counts = counts[counts > 0]
        per_class = int(counts.max() if balance == "oversample" else counts.min())
        rows = np.concatenate([_sample(np.flatnonzero(targets == target), per_class, rng) for target in np.unique(targets)])
    else:
        rows = np.arange(len(targets))
    return np.asarray(rng.permutation(rows), dtype=np.int64)


def _sample(rows: IntArray, size: int, rng: np.random.Generator) -> IntArray:
    """Sample ``size`` of the rows int64 (n,); how often two of them occur differs by at most one."""
    whole, rest = divmod(size, len(rows))
    return np.concatenate([np.tile(rows, whole), rng.permutation(rows)[:rest]])


def batches_of(rows: IntArray, batch_size: int) -> list[IntArray]:
    """Split rows int64 (n,) into batches of nearly equal size, at most ``batch_size``, so that the last one is not tiny."""
    return np.array_split(rows, max(1, -(-len(rows) // batch_size)))


def occurrences(rows: IntArray) -> IntArray:
    """For each of rows int64 (n,), how often it occurred before in the same epoch, int64 (n,)."""
    order = np.argsort(rows, kind="stable")
    sorted_rows = rows[order]
    starts = np.flatnonzero(np.r_[True, sorted_rows[1:] != sorted_rows[:-1]])
    lengths = np.diff(np.r_[starts, len(rows)])
    counts = np.empty(len(rows), dtype=np.int64)
    counts[order] = np.arange(len(rows)) - np.repeat(starts, lengths)
    return counts
