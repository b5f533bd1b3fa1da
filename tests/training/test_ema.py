from __future__ import annotations

import torch

from tellapart.training.ema import MovingAverage
from tests.training import toy_feed


def test_the_first_averages_forget_fast_and_later_ones_slowly() -> None:
    network = toy_feed.learner()
    average = MovingAverage(network, 0.99)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        network.head.weight.fill_(1.0)
    start = average.network.head.weight.clone()
    average.update(network, 1)
    assert torch.allclose(average.network.head.weight, torch.lerp(start, torch.ones_like(start), 9 / 11))
    before = average.network.head.weight.clone()
    average.update(network, 100_000)
    assert torch.allclose(average.network.head.weight, torch.lerp(before, torch.ones_like(start), 0.01))
    for step in range(2, 200):
        average.update(network, step)
    assert torch.allclose(average.network.head.weight, torch.ones_like(start), atol=1e-3)
    assert float(average.network.backbone[0].weight.abs().max()) < 1e-3  # type: ignore[index, union-attr]


def test_statistics_are_averaged_and_counters_copied_and_nothing_learns() -> None:
    network = toy_feed.learner()
    average = MovingAverage(network, 0.9)
    network.train()
    for _ in range(5):
        network(torch.randn(4, 3, 8, 8) + 3)
        average.update(network, 1_000)
    norm, mean = network.backbone[1], average.network.backbone[1]  # type: ignore[index]
    assert mean.num_batches_tracked == norm.num_batches_tracked == 5
    assert 0 < float(mean.running_mean.abs().sum()) < float(norm.running_mean.abs().sum())
    assert not any(parameter.requires_grad for parameter in average.network.parameters())
    assert all(parameter.requires_grad for parameter in network.parameters())
