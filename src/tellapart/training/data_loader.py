"""Data loader: batches of images, augmented and normalized by worker threads; :mod:`.sampler` decides which, and in which order."""

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
from tellapart.training.sampler import occurrences

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
