"""Distributed training (DDP): processes started by ``torchrun`` train one network, each on its share of every batch (gloo or nccl)."""

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
"""Timeout of the process group: the first process may read a million images while the others wait."""


@dataclass(frozen=True)
class Processes:
    """The process group that trains together, and this process's place in it.

    Attributes:
        rank: number of this process.
        count: number of processes (the world size).
    """

    rank: int = 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process writes files and shows progress."""
        return self.rank == 0

    def share(self, batch: IntArray) -> IntArray:
        """This process's rows of a batch, int64 (b,); every process gets the same number, so rows at the end may be repeated."""
        if self.count == 1:
            return batch
        each = -(-len(batch) // self.count)
        return np.asarray(batch[(self.rank + self.count * np.arange(each)) % len(batch)])

    def average_gradients(self, learner: Learner) -> None:
        """Replace every gradient by its mean over all processes (all-reduce)."""
        if self.count == 1:
            return
        gradients = [p.grad for p in learner.trained() if p.grad is not None]
        if not gradients:
            return
        flat = torch.cat([g.reshape(-1) for g in gradients])
        with _collective():
            distributed.all_reduce(flat)
        flat /= self.count
        for gradient, mean in zip(gradients, torch.split(flat, [g.numel() for g in gradients]), strict=True):
            gradient.copy_(mean.view_as(gradient))

    def mean(self, value: float) -> float:
        """The mean of a number over all processes."""
        if self.count == 1:
            return value
        tensor = torch.tensor([value], dtype=torch.float64)
        with _collective():
            distributed.all_reduce(tensor)
        return float(tensor) / self.count

    def share_statistics(self, network: nn.Module) -> None:
        """Copy the first process's running statistics (batch norm) to all; each process saw a different share of the images."""
        if self.count > 1:
            with _collective():
                for buffer in network.buffers():
                    distributed.broadcast(buffer, src=0)

    @contextmanager
    def first_alone(self) -> Iterator[None]:
        """Let the first process run the body alone, then the others. Where it raises, ``torchrun`` ends the others."""
        if not self.is_first:
            self.wait()
        yield
        if self.is_first:
            self.wait()

    def broadcast_text(self, text: str = "") -> str:
        """The text of the first process, in all processes."""
        if self.count == 1:
            return text
        texts = [text]
        with _collective():
            distributed.broadcast_object_list(texts, src=0)
        return texts[0]

    def wait(self) -> None:
        """Wait until all processes are here (a barrier)."""
        self.mean(0.0)


@contextmanager
def _collective() -> Iterator[None]:
    """A collective operation; a process that is gone becomes an error in the others."""
    try:
        yield
    except RuntimeError as error:
        raise ModelError("another process of this distributed training has ended", hint="see its own error message") from error


ALONE = Processes()


@dataclass(frozen=True)
class Compute:
    """What computes the steps of a training.

    Attributes:
        processes: the distributed process group.
        replicas: threads that compute a step, each with its share of the batch.
    """

    processes: Processes = ALONE
    replicas: int = 1


def started_processes() -> Processes:
    """The process group that ``torchrun`` started, initialized on first use; this process alone without ``torchrun``.

    Each process has its own GPU where there are enough (nccl); otherwise they share, which only gloo allows.
    """
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        return ALONE
    if not distributed.is_initialized():
        here, local_rank = int(os.environ.get("LOCAL_WORLD_SIZE", "1")), int(os.environ.get("LOCAL_RANK", "0"))
        gpus = torch.cuda.device_count()
        if gpus:
            torch.cuda.set_device(local_rank % gpus)
        distributed.init_process_group("cpu:gloo,cuda:nccl" if gpus >= here else "gloo", timeout=PATIENCE)
        atexit.register(distributed.destroy_process_group)  # gloo's threads must not outlive Python
    return Processes(distributed.get_rank(), count)
