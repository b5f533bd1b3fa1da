"""The feed: batches of augmented, normalized images, made ahead by a few threads, the same whatever their number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from tellapart.array_types import IntArray
from tellapart.augmentation.policy import Augmentation
from tellapart.concurrency import ahead
from tellapart.images.pixel_store import Pixels
from tellapart.models.normalization import Normalization
from tellapart.training.epoch_sampling import occurrences

GOLDEN = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, eq=False)
class Batch:
    """Images (n, 3, s, s), normalized, channels last; targets int64 (n,)."""

    x: torch.Tensor
    targets: torch.Tensor


@dataclass(frozen=True, eq=False)
class DataLoader:
    """Images on their way into a network.

    Attributes:
        pixels: of all images.
        targets: int (n,).
        keys: uint64 (n,), one an image, from which its augmentation is drawn.
        mean, std: float (3,), of the input on the scale 0 to 1.
        augmentation: None for the images as they are.
        device: where batches go.
        num_workers: threads; 0 makes each batch when it is asked for.
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
        """The batches of an epoch from number ``first`` on; a row that comes again is augmented anew."""
        rows = np.concatenate(list(batches))
        again = np.split(occurrences(rows), np.cumsum([len(batch) for batch in batches])[:-1])
        jobs = [
            (batch, self.keys[batch] + again_in.astype(np.uint64) * GOLDEN)
            for batch, again_in in list(zip(batches, again, strict=True))[first:]
        ]

        def made(job: tuple[IntArray, IntArray]) -> Batch:
            batch, keys = job
            pixels = self.pixels.take(batch)
            if self.augmentation is not None:
                pixels = self.augmentation.augmented(pixels, keys, seed=seed, epoch=epoch)
            return Batch(self._normalized(pixels), torch.from_numpy(self.targets[batch]))

        for batch in ahead(made, jobs, self.num_workers):
            yield Batch(batch.x.to(self.device, non_blocking=True), batch.targets.to(self.device, non_blocking=True))

    def plain(self, rows: IntArray, batch_size: int) -> Iterator[torch.Tensor]:
        """Images of these rows as they are, in order."""
        batches = [rows[start : start + batch_size] for start in range(0, len(rows), batch_size)]
        for x in ahead(lambda batch: self._normalized(self.pixels.take(batch)), batches, self.num_workers):
            yield x.to(self.device, non_blocking=True)

    @cached_property
    def _normalized(self) -> Normalization:
        return Normalization(self.mean, self.std, self.pixels.size)
