from __future__ import annotations

import numpy as np
import pytest

from tellapart.conformal import ConformalScale, prediction_sets, true_class_scale


def test_a_p_value_is_the_share_of_scores_that_are_at_least_as_high() -> None:
    scale = ConformalScale.of(np.array([3.0, 1.0, 2.0, 4.0]), list("abcd"))
    assert scale.p_values(np.array([0.0, 1.0, 2.5, 4.0, 9.0])) == pytest.approx([1, 1, 3 / 5, 2 / 5, 1 / 5])
    assert scale.smallest == pytest.approx(1 / 5)


def test_a_group_counts_once_however_many_images_it_has() -> None:
    scores = np.array([1.0, 2.0, 3.0, 9.0, 9.0, 9.0, 9.0])
    scale = ConformalScale.of(scores, ["a", "b", "c", "d", "d", "d", "d"])
    assert scale.groups == 4
    assert scale.p_values(np.array([8.0])) == pytest.approx([2 / 5])


def test_p_values_of_exchangeable_images_are_uniform_or_larger() -> None:
    rng = np.random.default_rng(0)
    alarms = []
    for _ in range(400):
        scores = rng.exponential(size=300)
        scale = ConformalScale.of(scores[:199], [str(n) for n in range(199)])
        alarms.append((scale.p_values(scores[199:]) <= 0.05).mean())
    assert np.mean(alarms) == pytest.approx(0.05, abs=0.004)


def test_prediction_sets_hold_the_true_class_as_often_as_asked() -> None:
    rng = np.random.default_rng(1)
    truth = rng.dirichlet(np.ones(4), size=6000)
    targets = np.array([rng.choice(4, p=p) for p in truth])
    groups = [str(n) for n in range(len(targets))]
    scale = true_class_scale(truth[:3000], targets[:3000], groups[:3000])
    for coverage in (0.8, 0.95):
        sets = prediction_sets(truth[3000:], scale, coverage)
        assert sets[np.arange(3000), targets[3000:]].mean() == pytest.approx(coverage, abs=0.02)
        assert sets.any(axis=1).all()
    assert prediction_sets(truth[3000:], scale, 0.8).sum() < prediction_sets(truth[3000:], scale, 0.95).sum()


def test_a_set_holds_the_most_probable_class_even_where_it_is_improbable() -> None:
    scale = true_class_scale(np.array([[0.99, 0.01]] * 50), np.zeros(50, dtype=int), [str(n) for n in range(50)])
    assert prediction_sets(np.array([[0.55, 0.45]]), scale, 0.5).tolist() == [[True, False]]


def test_images_of_unknown_class_are_no_part_of_the_scale() -> None:
    assert len(true_class_scale(np.array([[0.9, 0.1], [0.5, 0.5]]), np.array([0, -1]), ["a", "b"])) == 1
