"""Which images an epoch shows, in which order and in which batches: a pure function of the seed and the epoch."""

from __future__ import annotations

import numpy as np

from tellapart.array_types import IntArray

BALANCES = ("none", "weights", "oversample", "undersample")


def epoch_rows(targets: IntArray, balance: str, *, seed: int, epoch: int) -> IntArray:
    """The rows of one epoch in their order.

    Args:
        targets: int (n,).
        balance: ``oversample`` shows every class as often as the largest, ``undersample`` as often as the smallest
            (another choice each epoch); otherwise every row comes once.
        seed: another seed gives another order.
        epoch: so does another epoch.
    """
    rng = np.random.default_rng([seed, epoch])
    if balance in ("oversample", "undersample"):
        counts = np.bincount(targets)
        counts = counts[counts > 0]
        wanted = int(counts.max() if balance == "oversample" else counts.min())
        rows = np.concatenate([_drawn(np.flatnonzero(targets == target), wanted, rng) for target in np.unique(targets)])
    else:
        rows = np.arange(len(targets))
    return np.asarray(rng.permutation(rows), dtype=np.int64)


def _drawn(rows: IntArray, wanted: int, rng: np.random.Generator) -> IntArray:
    """``wanted`` of the rows, all of them equally often up to one."""
    whole, rest = divmod(wanted, len(rows))
    return np.concatenate([np.tile(rows, whole), rng.permutation(rows)[:rest]])


def batches_of(rows: IntArray, batch_size: int) -> list[IntArray]:
    """The rows in batches of nearly equal size, at most ``batch_size``; never a lone last row beside larger batches."""
    return np.array_split(rows, max(1, -(-len(rows) // batch_size)))


def occurrences(rows: IntArray) -> IntArray:
    """For each row, how often it came before in the same epoch (n,)."""
    order = np.argsort(rows, kind="stable")
    sorted_rows = rows[order]
    starts = np.flatnonzero(np.r_[True, sorted_rows[1:] != sorted_rows[:-1]])
    lengths = np.diff(np.r_[starts, len(rows)])
    counts = np.empty(len(rows), dtype=np.int64)
    counts[order] = np.arange(len(rows)) - np.repeat(starts, lengths)
    return counts
