"""Data loader: which images an epoch draws, in which order, and batches of them, augmented and normalized by worker threads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from tellapart.array_types import IntArray
from tellapart.augmentation.policy import Augmentation
from tellapart.concurrency import prefetch
from tellapart.images.pixel_store import Pixels
from tellapart.models.normalization import Normalization

BALANCES = ("none", "weights", "oversample", "undersample")


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


GOLDEN = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, eq=False)
class Batch:
    """Images ``x`` float32 (n, 3, s, s), normalized, channels last; ``targets`` int64 (n,)."""

    x: torch.Tensor
    targets: torch.Tensor


@dataclass(frozen=True, eq=False)
class DataLoader:
    """Prepares batches of images for a network.

    Attributes:
        pixels: of all images.
        targets: class indices, int64 (n,).
        keys: uint64 (n,), one per image, seeds of its augmentation.
        mean, std: three floats each, of the normalization, on the scale 0 to 1.
        augmentation: of the images; None for none.
        device: of the batches.
        num_workers: worker threads; 0 prepares each batch on demand.
    """

    pixels: Pixels
    targets: IntArray
    keys: IntArray
    mean: Sequence[float]
    std: Sequence[float]
    augmentation: Augmentation | None
    device: str
    num_workers: int

    def epoch(self, batches: Sequence[IntArray], *, seed: int, epoch: int, first: int = 0) -> Iterator[Batch]:
        """The batches of an epoch from batch ``first`` on; a row that is repeated is augmented differently each time.

        Args:
            batches: rows of each batch, int64 (b,).
            seed: random seed of the augmentation.
            epoch: number of the epoch.
            first: index of the first batch to give.
        """
        rows = np.concatenate(list(batches))
        repeats = np.split(occurrences(rows), np.cumsum([len(batch) for batch in batches])[:-1])
        jobs = [
            (batch, self.keys[batch] + repeat.astype(np.uint64) * GOLDEN)
            for batch, repeat in list(zip(batches, repeats, strict=True))[first:]
        ]

        def load(job: tuple[IntArray, IntArray]) -> Batch:
            batch, keys = job
            pixels = self.pixels.take(batch)
            if self.augmentation is not None:
                pixels = self.augmentation.augmented(pixels, keys, seed=seed, epoch=epoch)
            return Batch(self._normalized(pixels), torch.from_numpy(self.targets[batch]))

        for batch in prefetch(load, jobs, self.num_workers):
            yield Batch(batch.x.to(self.device, non_blocking=True), batch.targets.to(self.device, non_blocking=True))

    def plain(self, rows: IntArray, batch_size: int) -> Iterator[torch.Tensor]:
        """Normalized images float32 (b, 3, s, s) of ``rows`` int64 (n,), in order and without augmentation."""
        batches = [rows[start : start + batch_size] for start in range(0, len(rows), batch_size)]
        for x in prefetch(lambda batch: self._normalized(self.pixels.take(batch)), batches, self.num_workers):
            yield x.to(self.device, non_blocking=True)

    @cached_property
    def _normalized(self) -> Normalization:
        return Normalization(self.mean, self.std, self.pixels.size)
