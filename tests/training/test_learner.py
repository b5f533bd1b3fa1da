from __future__ import annotations

import pytest
import torch
from torch import nn

from tellapart.training.learner import Learner
from tests.training import toy_feed


def staged(stages: tuple[str, ...] = ("low", "high")) -> Learner:
    low, high = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)), nn.Linear(4, 6)
    backbone = nn.Sequential(low, nn.AdaptiveAvgPool2d(1), nn.Flatten(), high)
    parts = {"low": low, "high": high}
    return Learner(backbone, nn.Linear(6, 2), [(name, list(parts[name].parameters())) for name in stages], is_autocast=False)


def test_each_stage_learns_more_slowly_than_the_one_above_and_vectors_do_not_decay() -> None:
    learner = staged()
    groups = learner.parameter_groups(0.5, 0.1)
    found = {id(p): (group["scale"], group["weight_decay"]) for group in groups for p in group["params"]}
    scales = {name: found[id(p)] for name, p in learner.named_parameters()}
    assert scales == {
        "backbone.0.0.weight": (0.25, 0.1),
        "backbone.0.0.bias": (0.25, 0.0),
        "backbone.0.1.weight": (0.25, 0.0),
        "backbone.0.1.bias": (0.25, 0.0),
        "backbone.3.weight": (0.5, 0.1),
        "backbone.3.bias": (0.5, 0.0),
        "head.weight": (1.0, 0.1),
        "head.bias": (1.0, 0.0),
    }
    assert sum(len(group["params"]) for group in groups) == len(list(learner.parameters()))


def test_a_stage_left_out_is_frozen() -> None:
    learner = staged(("high",))
    assert {name for name, p in learner.named_parameters() if p.requires_grad} == {
        *("backbone.3.weight", "backbone.3.bias", "head.weight", "head.bias")
    }
    assert {id(p) for p in learner.trained()} == {id(p) for p in learner.parameters() if p.requires_grad}
    learner(torch.randn(2, 3, 8, 8)).sum().backward()
    assert learner.backbone[0][0].weight.grad is None  # type: ignore[index]
    only_head = staged(())
    assert [group["scale"] for group in only_head.parameter_groups(0.5, 0.1)] == [1.0, 1.0]


@pytest.mark.parametrize("is_autocast", [False, True])
def test_logits_are_float32_whatever_the_backbone_is_computed_in(is_autocast: bool) -> None:
    learner = toy_feed.learner()
    learner.is_autocast = is_autocast
    seen = []
    learner.backbone[4].register_forward_hook(lambda module, given, found: seen.append(found.dtype))  # type: ignore[index]
    logits = learner(torch.randn(2, 3, 8, 8))
    assert (logits.dtype, logits.shape) == (torch.float32, (2, 3))
    assert seen == [torch.bfloat16 if is_autocast else torch.float32]
    logits.sum().backward()
    assert all(p.grad is not None and p.grad.dtype == torch.float32 for p in learner.trained())
