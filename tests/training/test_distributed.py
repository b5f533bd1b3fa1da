from __future__ import annotations

import numpy as np
import pytest
import torch

from tellapart.training.distributed import ALONE, Processes, started_processes
from tests.training import toy_feed


@pytest.mark.parametrize("count", [2, 3, 5])
@pytest.mark.parametrize("n", [1, 4, 5, 32])
def test_shares_are_equal_and_hold_every_row(n: int, count: int) -> None:
    batch = np.random.default_rng(0).permutation(n) + 100
    shares = [Processes(rank, count).share(batch) for rank in range(count)]
    assert {len(share) for share in shares} == {-(-n // count)}
    together = np.concatenate(shares)
    assert set(together) == set(batch)
    assert len(together) - n < count


def test_a_process_alone_does_everything_at_once() -> None:
    batch = np.arange(5)
    assert ALONE.share(batch) is batch
    assert ALONE.is_first
    assert ALONE.mean(3.0) == 3.0
    assert ALONE.broadcast_text("words") == "words"
    ALONE.wait()
    with ALONE.first_alone():
        pass
    learner = toy_feed.learner()
    learner(torch.randn(2, 3, 8, 8)).sum().backward()
    before = learner.head.weight.grad.clone()  # type: ignore[union-attr]
    ALONE.average_gradients(learner)
    ALONE.share_statistics(learner)
    assert torch.equal(before, learner.head.weight.grad)  # type: ignore[arg-type]


def test_without_torchrun_there_is_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert started_processes() is ALONE
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert started_processes() is ALONE
