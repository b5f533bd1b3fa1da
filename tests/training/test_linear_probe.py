from __future__ import annotations

import numpy as np
import pytest

from tellapart.evaluation.metrics import accuracy, log_loss
from tellapart.models.heads import mean_logits
from tellapart.training import linear_probe as module
from tellapart.training.linear_probe import LabeledFeatures, class_weights, fit_probe

from .toy import labeled


def scores(train: LabeledFeatures, test: LabeledFeatures, **options: object) -> tuple[float, float]:
    probe = fit_probe(train, **options)
    found = probe.probabilities(mean_logits(probe.heads, test.features))
    return accuracy(found, test.targets), log_loss(found, test.targets)


def test_what_can_be_learnt_is_learnt_and_calibrated() -> None:
    right, loss = scores(labeled(300), labeled(600, seed=1))
    assert right > 0.9
    assert loss < 0.35


def test_nothing_is_learnt_from_noise_and_the_probe_knows() -> None:
    right, loss = scores(labeled(300, margin=0.0), labeled(600, margin=0.0, seed=1))
    assert abs(right - 1 / 3) < 0.1
    assert abs(loss - np.log(3)) < 0.05, "no surer than chance"


def test_the_same_seed_gives_the_same_probe() -> None:
    first, second = (fit_probe(labeled(90), seed=3) for _ in range(2))
    assert first.selection == second.selection
    assert all(np.array_equal(a.weight, b.weight) for a, b in zip(first.heads, second.heads, strict=True))


def test_the_choice_is_the_best_that_was_tried() -> None:
    selection = fit_probe(labeled(150)).selection
    assert selection.n == 150
    assert selection.folds == 5
    for chosen in selection.chosen:
        tried = [row for row in selection.strengths if row.power == chosen.power]
        best = min(tried, key=lambda row: row.log_loss)
        assert best.strength == chosen.strength
        assert len(tried) >= 5


def test_hard_problems_are_held_back_more_than_easy_ones() -> None:
    hard, easy = (fit_probe(labeled(200, margin=margin)).selection.chosen[0].strength for margin in (0.15, 3.0))
    assert hard > easy


def test_copies_in_one_group_do_not_deceive_the_choice() -> None:
    base = labeled(60, margin=0.3)
    copies = LabeledFeatures(
        np.repeat(base.features, 4, axis=0), np.repeat(base.targets, 4), [g for g in base.groups for _ in range(4)], base.class_names
    )
    as_strangers = LabeledFeatures(copies.features, copies.targets, [str(i) for i in range(240)], base.class_names)
    honest, deceived = (fit_probe(train).selection.log_loss.after for train in (copies, as_strangers))
    truth = scores(base, labeled(3000, margin=0.3, seed=1))[1]
    assert abs(honest - truth) < 0.15
    assert deceived < honest - 0.2, "the test itself: without groups the copies would flatter"


def test_balanced_weights_count_every_class_alike() -> None:
    targets = np.array([0] * 8 + [1] * 2)
    weights = class_weights(targets, 2, "balanced")
    assert weights[:8].sum() == pytest.approx(weights[8:].sum())
    assert weights.sum() == pytest.approx(10)
    assert class_weights(targets, 2, "none").tolist() == [1.0] * 10
    assert np.isfinite(class_weights(targets, 3, "balanced")).all()


def test_balancing_finds_more_of_the_rare_class() -> None:
    train = labeled(400, k=2, margin=0.25)
    keep = np.flatnonzero((train.targets == 0) | (np.arange(400) % 16 == 1))
    rare = train.rows(keep)
    test = labeled(600, k=2, margin=0.25, seed=1)
    found = []
    for class_weight in ("none", "balanced"):
        probe = fit_probe(rare, class_weight=class_weight)
        said = mean_logits(probe.heads, test.features).argmax(axis=1)
        found.append((said[test.targets == 1] == 1).mean())
    assert found[1] > found[0] + 0.1


@pytest.mark.parametrize("counts", [(1, 1), (1, 30), (2, 1, 1), (1, 1, 1, 1, 1, 1)])
def test_classes_of_one_image_are_no_trouble(counts: tuple[int, ...]) -> None:
    targets = np.repeat(np.arange(len(counts)), counts)
    rng = np.random.default_rng(0)
    train = LabeledFeatures(
        rng.normal(size=(len(targets), 8)).astype(np.float32),
        targets,
        [str(i) for i in range(len(targets))],
        [str(i) for i in range(len(counts))],
    )
    probe = fit_probe(train)
    found = probe.probabilities(mean_logits(probe.heads, train.features))
    assert np.isfinite(found).all()
    assert np.allclose(found.sum(axis=1), 1)


def test_features_that_are_all_the_same_are_no_trouble() -> None:
    train = LabeledFeatures(np.ones((20, 8), np.float32), np.arange(20) % 2, [str(i) for i in range(20)], ["a", "b"])
    probe = fit_probe(train)
    assert np.allclose(probe.probabilities(mean_logits(probe.heads, train.features)), 0.5, atol=0.1)


def test_large_sets_are_searched_on_a_share_and_fitted_on_all(monkeypatch: pytest.MonkeyPatch) -> None:
    train = labeled(200)
    monkeypatch.setattr(module, "SELECTION_LIMIT", 100)
    probe = fit_probe(train)
    assert probe.selection.n == 100
    assert len(probe.spaces[0].x) == 200
