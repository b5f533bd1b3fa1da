from __future__ import annotations

import numpy as np

from tellapart.array_types import FloatArray
from tellapart.evaluation.greedy_ensemble import greedy_weights, mean_gain, scaled_losses

N = 600
TARGETS = np.arange(N) % 3
ALONE = np.arange(N)


def model(noise: float, seed: int) -> FloatArray:
    """Calibrated enough log-odds of three classes; more noise is a worse model."""
    rng = np.random.default_rng(seed)
    return np.asarray(2.0 * np.eye(3)[TARGETS] + rng.normal(scale=noise, size=(N, 3)))


def test_two_models_that_err_apart_are_averaged() -> None:
    weights = greedy_weights([model(1.5, 1), model(1.5, 2)], TARGETS, ALONE)
    assert weights.sum() == 1 and weights.min() > 0.3


def test_a_model_that_is_not_better_by_a_standard_error_is_left_out() -> None:
    first = model(1.0, 1)
    same = first + np.random.default_rng(5).normal(scale=0.01, size=first.shape)
    assert greedy_weights([first, same], TARGETS, ALONE).tolist() == [1.0, 0.0]


def test_the_start_stays_among_pure_chance() -> None:
    """Of many models without any knowledge the best is better by luck alone: it is seldom taken."""
    first = model(1.5, 1)
    stays = 0
    for draw in range(10):
        blind = [np.random.default_rng([draw, number]).normal(scale=0.5, size=(N, 3)) for number in range(5)]
        stays += bool(greedy_weights([first, *blind], TARGETS, ALONE)[0] == 1)
    assert stays >= 5


def test_a_better_model_takes_the_place_of_the_start() -> None:
    weights = greedy_weights([model(3.0, 1), model(0.5, 2)], TARGETS, ALONE)
    assert weights[1] > 0.8


def test_copies_count_as_one_image() -> None:
    """Ten copies of each image make no difference look surer."""
    before, after = model(1.5, 1), model(1.4, 2)
    lost = [scaled_losses(each, TARGETS) for each in (before, after)]
    copies = [np.repeat(each, 10) for each in lost]
    assert np.allclose(mean_gain(lost[0], lost[1], ALONE), mean_gain(copies[0], copies[1], np.repeat(ALONE, 10)))


def test_no_images_leave_the_start() -> None:
    empty = np.empty((0, 3))
    assert greedy_weights([empty, empty], np.empty(0, np.int64), np.empty(0, np.int64), start=1).tolist() == [0.0, 1.0]
