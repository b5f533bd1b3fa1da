"""Several processes that train one network, each on its share of every batch (``torchrun``; gloo or nccl)."""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import torch
from torch import distributed, nn

from tellapart.array_types import IntArray
from tellapart.errors import ModelError
from tellapart.training.learner import Learner

PATIENCE = timedelta(days=7)
"""How long processes wait for each other: the first may read a million images while the others do nothing."""


@dataclass(frozen=True)
class Processes:
    """This process among those that train together.

    Attributes:
        rank: its number.
        count: how many there are.
    """

    rank: int = 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this is the one that writes and speaks."""
        return self.rank == 0

    def share(self, batch: IntArray) -> IntArray:
        """This process's rows of a batch; each gets as many, rows at the end are repeated to make it so."""
        if self.count == 1:
            return batch
        each = -(-len(batch) // self.count)
        return np.asarray(batch[(self.rank + self.count * np.arange(each)) % len(batch)])

    def average_gradients(self, learner: Learner) -> None:
        """Replace every gradient by the mean over all processes."""
        if self.count == 1:
            return
        gradients = [p.grad for p in learner.trained() if p.grad is not None]
        if not gradients:
            return
        flat = torch.cat([g.reshape(-1) for g in gradients])
        with _together():
            distributed.all_reduce(flat)
        flat /= self.count
        for gradient, mean in zip(gradients, torch.split(flat, [g.numel() for g in gradients]), strict=True):
            gradient.copy_(mean.view_as(gradient))

    def mean(self, value: float) -> float:
        """The mean of a number over all processes."""
        if self.count == 1:
            return value
        tensor = torch.tensor([value], dtype=torch.float64)
        with _together():
            distributed.all_reduce(tensor)
        return float(tensor) / self.count

    def share_statistics(self, network: nn.Module) -> None:
        """Give every process the first one's running statistics (batch norm); each saw another share of the images."""
        if self.count > 1:
            with _together():
                for buffer in network.buffers():
                    distributed.broadcast(buffer, src=0)

    @contextmanager
    def first_alone(self) -> Iterator[None]:
        """The first process passes alone; the others pass when it is through. Its error is for ``torchrun``, which ends the others."""
        if not self.is_first:
            self.wait()
        yield
        if self.is_first:
            self.wait()

    def told_by_first(self, words: str = "") -> str:
        """What the first process says, in all of them."""
        if self.count == 1:
            return words
        said = [words]
        with _together():
            distributed.broadcast_object_list(said, src=0)
        return said[0]

    def wait(self) -> None:
        """Go on when all have come here."""
        self.mean(0.0)


@contextmanager
def _together() -> Iterator[None]:
    """Within, processes meet; where one does not come, the others say so."""
    try:
        yield
    except RuntimeError as error:
        raise ModelError("another of the processes that train together has ended", hint="its own message says why") from error


ALONE = Processes()


def started_processes() -> Processes:
    """The processes that ``torchrun`` started, joined on first use; just this one where it did not.

    Each has a GPU of its own where there are enough; nccl refuses two processes on one, gloo does not.
    """
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        return ALONE
    if not distributed.is_initialized():
        here, place, gpus = int(os.environ.get("LOCAL_WORLD_SIZE", "1")), int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
        if gpus:
            torch.cuda.set_device(place % gpus)
        distributed.init_process_group("cpu:gloo,cuda:nccl" if gpus >= here else "gloo", timeout=PATIENCE)
        atexit.register(distributed.destroy_process_group)  # gloo's threads must not outlive Python
    return Processes(distributed.get_rank(), count)
