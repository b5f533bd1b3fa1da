"""Cache of the activations of frozen stages: computed once per image and read in every epoch.

Used where images are not augmented, so that the frozen stages give the same output in every epoch and only the stages
above them have to be computed. The activations are stored in bfloat16 in one file beside the checkpoint.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from tellapart.array_types import IntArray
from tellapart.atomic_files import checksum_of, read_sealed, replacing, write_sealed
from tellapart.concurrency import prefetch
from tellapart.models.finetunable import FinetunableNetwork
from tellapart.progress import Progress
from tellapart.training.data_loader import Batch, DataLoader
from tellapart.training.learner import Learner

BATCH = 16


@dataclass(frozen=True, eq=False)
class ActivationFeed:
    """Data loader of cached activations, with the interface of :class:`DataLoader`.

    Attributes:
        path: file of bfloat16 (n, h, w, c).
        shape: (c, h, w) of one image.
        targets: class indices, int64 (n,).
        device: of the batches.
        num_workers: worker threads.
    """

    path: Path
    shape: tuple[int, ...]
    targets: IntArray
    device: str
    num_workers: int

    def epoch(self, batches: Sequence[IntArray], *, seed: int, epoch: int, first: int = 0) -> Iterator[Batch]:
        """The batches of an epoch, rows int64 (b,) each, from batch ``first`` on; nothing in them is random."""
        for x, rows in zip(prefetch(self._read, batches[first:], self.num_workers), batches[first:], strict=True):
            yield Batch(x.to(self.device), torch.from_numpy(self.targets[rows]).to(self.device))

    def plain(self, rows: IntArray, batch_size: int) -> Iterator[torch.Tensor]:
        """Activations float32 (b, c, h, w) of ``rows`` int64 (n,), in order."""
        for x in prefetch(self._read, [rows[start : start + batch_size] for start in range(0, len(rows), batch_size)], self.num_workers):
            yield x.to(self.device)

    def _read(self, rows: IntArray) -> torch.Tensor:
        """Activations of these rows, float32 (m, c, h, w), channels last."""
        channels, *spatial = self.shape
        stored = np.memmap(self.path, np.int16, "r", shape=(len(self.targets), *spatial, channels))
        order = [0, len(spatial) + 1, *range(1, len(spatial) + 1)]
        return torch.from_numpy(stored[rows]).view(torch.bfloat16).float().permute(order)


def activation_feed(lower: nn.Module, feed: DataLoader, path: Path, progress: Progress) -> ActivationFeed:
    """Run every image through the frozen stages, unless ``path`` has their activations already."""
    rows = np.arange(len(feed.targets))
    with torch.inference_mode():
        shape = tuple(lower(next(iter(feed.plain(rows[:1], 1)))).shape[1:])
    manifest = path.with_suffix(".activations.json")
    if not path.is_file() or checksum_of(path) != read_sealed(manifest):
        with replacing(path) as partial, partial.open("wb") as file, progress.stage("frozen stages", total=len(rows)) as advance:
            for x in feed.plain(rows, BATCH):
                with torch.inference_mode():
                    activations = lower(x).to("cpu", torch.bfloat16)
                order = [0, *range(2, activations.ndim), 1]
                file.write(activations.permute(order).contiguous().view(torch.int16).numpy().data)
                advance(len(x))
        write_sealed(manifest, checksum_of(path))
    return ActivationFeed(path, shape, feed.targets, feed.device, feed.num_workers)


def shortened(learner: Learner, feed: DataLoader, path: Path, progress: Progress) -> tuple[Learner, DataLoader | ActivationFeed]:
    """A learner of the trainable stages alone, and cached activations as its input; the same learner where no stage is frozen.

    Both learners share their parameters.
    """
    tuned = learner.backbone
    if not isinstance(tuned, FinetunableNetwork):
        return learner, feed
    names = [name for name, _ in tuned.stages()]
    frozen = len(names) - len(learner.stages)
    if frozen == 0:
        return learner, feed
    lower, upper = tuned.split_at(min(frozen, len(names) - 1))
    return Learner(upper, learner.head, learner.stages, is_autocast=False), activation_feed(lower, feed, path, progress)
