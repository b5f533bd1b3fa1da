from __future__ import annotations

import numpy as np
import pytest

from tellapart.calibration import softmax
from tellapart.evaluation.loss_intervals import difference_columns, loss_columns, mean_interval
from tellapart.evaluation.metrics import log_loss

from .toy import logits_and_targets


def test_the_interval_of_many_images_is_the_usual_one() -> None:
    logits, y = logits_and_targets(5000, 2, 1.2)
    columns = loss_columns(softmax(logits), y)
    found = mean_interval(columns, lowest=0.0)
    error = columns[:, 0].std() / np.sqrt(5000)
    assert found.value == pytest.approx(log_loss(softmax(logits), y))
    assert (found.low, found.high) == pytest.approx((found.value - 1.96 * error, found.value + 1.96 * error), abs=error / 4)


def test_a_test_set_without_errors_still_admits_that_there_may_be_some() -> None:
    p = np.tile([[0.99, 0.01]], (100, 1))
    found = mean_interval(loss_columns(p, np.zeros(100, dtype=np.int64)), lowest=0.0)
    assert found.low >= 0.0
    assert found.high > 3 * found.value


def test_copies_of_images_add_nothing() -> None:
    logits, y = logits_and_targets(300, 2, 1.2)
    columns = loss_columns(softmax(logits), y)
    once, thrice = mean_interval(columns, lowest=0.0), mean_interval(columns * 3, lowest=0.0)
    assert (thrice.value, thrice.low, thrice.high) == pytest.approx((once.value, once.low, once.high))


def test_a_model_does_not_differ_from_itself() -> None:
    logits, y = logits_and_targets(300, 2, 1.2)
    p = softmax(logits)
    found = mean_interval(difference_columns(p, p, y))
    assert (found.value, found.low, found.high) == (0.0, 0.0, 0.0)


def test_a_better_model_is_told_apart() -> None:
    logits, y = logits_and_targets(500, 3, 1.2)
    found = mean_interval(difference_columns(softmax(logits, 8.0), softmax(logits), y))
    assert found.high < 0


@pytest.mark.parametrize("margin", [1.0, 2.8])
def test_log_loss_intervals_cover(margin: float) -> None:
    logits, y = logits_and_targets(20_000, 2, margin)
    p, rng = softmax(logits), np.random.default_rng(1)
    truth, held = log_loss(p, y), []
    for seed in range(300):
        rows = rng.choice(20_000, 200, replace=False)
        found = mean_interval(loss_columns(p[rows], y[rows]), lowest=0.0, draws=400, seed=seed)
        held.append(found.low <= truth <= found.high)
    assert np.mean(held) >= 0.92


def test_of_two_images_the_interval_reaches_to_both_sides_and_holds_the_truth() -> None:
    rng = np.random.default_rng(0)
    targets = rng.integers(0, 3, 5000)
    logits = rng.normal(size=(5000, 3)) + 2.5 * np.eye(3)[targets]
    first, second = (softmax(logits + rng.normal(0, 0.7, logits.shape)) for _ in range(2))
    columns = difference_columns(first, second, targets)
    truth, held = columns[:, 0].mean(), 0
    for seed in range(200):
        interval = mean_interval(columns[rng.choice(5000, 2, replace=False)], draws=200, seed=seed)
        assert interval.low < interval.value < interval.high
        held += interval.low <= truth <= interval.high
    assert held >= 184, "it held the truth in 65 % when the draws that equal the value counted as above it"
