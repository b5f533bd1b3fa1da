from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tellapart.training.config import TrainingConfig
from tellapart.training.distributed import ALONE, Compute, Processes
from tellapart.training.learner import Learner
from tellapart.training.loop import FoldRows, Loop
from tests.training import toy_feed

PLAN = TrainingConfig(epochs=1, batch_size=16, lr=1e-9, clip_norm=1e9)
RARE = np.r_[np.arange(48)[np.arange(48) % 3 == 0][:14], [1, 2]]
"""Rows of a batch in which two classes have one image each."""
SEEDING = threading.Lock()
"""Held while weights are drawn: torch has one source of random numbers for all threads."""


@dataclass(eq=False)
class Meeting:
    """Where threads that play processes meet."""

    barrier: threading.Barrier
    values: dict[int, Any] = field(default_factory=dict)

    def sum(self, rank: int, value: Any) -> Any:
        self.values[rank] = value
        self.barrier.wait()
        total = sum(self.values[other] for other in sorted(self.values))
        self.barrier.wait()
        return total


@dataclass(frozen=True)
class Rank(Processes):
    """One of several processes, played by a thread."""

    meeting: Meeting | None = None

    def mean(self, value: float) -> float:
        assert self.meeting is not None
        return float(self.meeting.sum(self.rank, value)) / self.count

    def average_gradients(self, learner: Learner) -> None:
        assert self.meeting is not None
        for parameter in learner.trained():
            assert parameter.grad is not None
            parameter.grad.copy_(self.meeting.sum(self.rank, parameter.grad.clone()) / self.count)


def step(folder: Path, plan: TrainingConfig, *, replicas: int = 1, processes: Processes | None = None) -> list[torch.Tensor]:
    """The gradients of one step on the rare batch, by a network in which no image sees another."""
    pixels, targets = toy_feed.squares(60)
    feed = toy_feed.feed_of(folder, pixels, targets, augment="none")
    with SEEDING:
        learner = toy_feed.learner(norm=False)
    for module in learner.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    compute = Compute(processes or ALONE, replicas)
    loop = Loop(learner, feed, FoldRows(RARE, np.array([], np.int64)), plan, compute=compute)
    loop.at.steps = 1
    assert loop._step(next(feed.epoch([loop.processes.share(RARE)], seed=0, epoch=0)))
    return [parameter.grad.clone() for parameter in learner.trained() if parameter.grad is not None]


def ranks(folder: Path, plan: TrainingConfig, count: int) -> list[torch.Tensor]:
    meeting = Meeting(threading.Barrier(count))
    with ThreadPoolExecutor(count) as pool:
        found = list(pool.map(lambda rank: step(folder, plan, processes=Rank(rank, count, meeting)), range(count)))
    return found[0]


PLANS = [
    replace(PLAN, balance="weights"),
    replace(PLAN, balance="weights", label_smoothing=0.1),
    replace(PLAN, balance="weights", mixup=0.4),
    replace(PLAN, label_smoothing=0.1),
]


def is_equal(first: list[torch.Tensor], second: list[torch.Tensor]) -> bool:
    return all(torch.allclose(a, b, rtol=1e-6, atol=1e-6) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("count", [2, 3, 4])
def test_the_gradient_does_not_depend_on_the_number_of_replicas(tmp_path: Path, plan: TrainingConfig, count: int) -> None:
    alone = step(tmp_path, plan)
    assert max(float(g.abs().max()) for g in alone) > 1e-2
    assert is_equal(step(tmp_path, plan, replicas=count), alone)


@pytest.mark.parametrize("plan", [PLANS[0], PLANS[1], PLANS[3]])
@pytest.mark.parametrize("count", [2, 4])
def test_the_gradient_does_not_depend_on_the_number_of_processes(tmp_path: Path, plan: TrainingConfig, count: int) -> None:
    assert is_equal(ranks(tmp_path, plan, count), step(tmp_path, plan))


@pytest.mark.parametrize("count", [1, 2, 4])
def test_a_rare_image_has_its_share_of_the_loss_on_any_number_of_cores(tmp_path: Path, count: int) -> None:
    """14 images of one class and one each of two others: the three classes weigh the same, as torch has it on the whole batch."""
    pixels, targets = toy_feed.squares(60)
    feed = toy_feed.feed_of(tmp_path, pixels, targets, augment="none")
    learner = toy_feed.learner(norm=False).eval()
    counts = np.bincount(targets[RARE])
    weights = torch.tensor(len(RARE) / (3 * counts), dtype=torch.float32)
    batch = next(feed.epoch([RARE], seed=0, epoch=0))
    nn.functional.cross_entropy(learner(batch.x), batch.targets, weight=weights).backward()
    wanted = learner.head.bias.grad
    assert wanted is not None
    assert torch.allclose(step(tmp_path, replace(PLAN, balance="weights"), replicas=count)[-1], wanted, atol=1e-6)
