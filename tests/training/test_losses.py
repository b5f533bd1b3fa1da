"""The loss that a classifier is trained by, and how held-out images judge an epoch."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from tellapart.training import losses
from tellapart.training.config import TrainingConfig
from tellapart.training.losses import Classification

TARGETS = np.array([0, 0, 0, 1, 2, 2])


def feed(targets: np.ndarray = TARGETS) -> Any:
    return SimpleNamespace(targets=targets, device="cpu")


def config(**values: Any) -> TrainingConfig:
    return TrainingConfig(epochs=1, **values)


def test_class_weights_are_inverse_frequencies_among_the_training_rows() -> None:
    train = np.array([0, 1, 2, 3])
    found = Classification.of(config(balance="weights"), feed(), train, 3)
    assert found.class_weights is not None
    assert found.class_weights.tolist() == pytest.approx([4 / (2 * 3), 4 / 2, 4 / 2])
    assert found.weight(torch.tensor([0, 1])) == pytest.approx(4 / 6 + 2)
    total = found.class_weights[torch.from_numpy(TARGETS[train])].sum()
    assert float(total) == pytest.approx(len(train)), "the mean weight of an image is 1"


@pytest.mark.parametrize("balance", ["none", "oversample", "undersample"])
def test_other_ways_to_balance_weigh_no_class(balance: str) -> None:
    found = Classification.of(config(balance=balance, label_smoothing=0.1), feed(), np.arange(6), 3)
    assert found.class_weights is None and found.label_smoothing == 0.1
    assert found.weight(torch.tensor([0, 1, 2])) == 3


def test_the_loss_of_a_batch_is_the_weighted_mean_of_its_parts() -> None:
    found = Classification(torch.tensor([0.5, 2.0, 1.0]))
    logits, targets = torch.randn(8, 3, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1, 2, 0, 0, 1, 2, 2])
    x = torch.zeros(8, 3, 2, 2)
    parts = [slice(0, 3), slice(3, 8)]
    weights = [found.weight(targets[part]) for part in parts]
    mean = sum(w * found.loss(logits[part], x[part], targets[part]) for w, part in zip(weights, parts, strict=True)) / sum(weights)
    assert float(mean) == pytest.approx(float(found.loss(logits, x, targets)), rel=1e-5)


def test_right_counts_the_largest_logit() -> None:
    logits = torch.tensor([[2.0, 1.0], [0.0, 3.0], [1.0, 0.0]])
    assert Classification().right(logits, torch.tensor([0, 1, 1])) == 2


def judged(monkeypatch: pytest.MonkeyPatch, logits: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, float]:
    monkeypatch.setattr(losses, "logits_of", lambda *_: logits)
    return Classification().judged(None, feed(targets), np.arange(len(targets)), 1)  # type: ignore[arg-type]


def test_an_epoch_is_judged_at_its_best_temperature(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    targets = rng.integers(0, 3, 200)
    logits = rng.normal(size=(200, 3)) + 1.5 * np.eye(3)[targets]
    losses, accuracy = judged(monkeypatch, logits, targets)
    shy, same = judged(monkeypatch, logits / 7, targets)
    assert accuracy == same == pytest.approx((logits.argmax(1) == targets).mean())
    assert shy.mean() == pytest.approx(losses.mean(), abs=0.01), "underconfidence alone is no fault"


def test_logits_that_diverged_have_no_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    logits = np.array([[0.0, 1.0], [np.nan, 0.0]])
    losses, accuracy = judged(monkeypatch, logits, np.array([1, 0]))
    assert np.isnan(losses).all() and math.isnan(accuracy)
