from __future__ import annotations

import numpy as np
import pytest

from tellapart.training import probe_learning_curve
from tellapart.training.linear_probe import LabeledFeatures, fit_probe
from tellapart.training.probe_learning_curve import learning_curve

from .toy import labeled


def asked(train: LabeledFeatures, test: LabeledFeatures, full: float = 0.9) -> dict:
    return learning_curve(train, test, fit_probe(train), full_accuracy=full, full_log_loss=0.3, class_weight="none")


def test_more_data_is_seen_to_help_where_it_does() -> None:
    found = asked(labeled(480, k=2, margin=0.2, d=60), labeled(600, k=2, margin=0.2, d=60, seed=1), full=0.86)
    means = [np.mean(point["accuracy"]) for point in found["points"]]
    assert means[-1] > means[0] + 0.1
    assert [p["n_train"] for p in found["points"]] == [30, 60, 120, 240, 480]
    assert [len(p["accuracy"]) for p in found["points"]] == [6, 6, 4, 4, 1]
    assert found["twice"]["n_train"] == 960
    gain = found["twice"]["gain"]
    assert gain["low"] <= gain["value"] <= gain["high"]
    assert gain["value"] > 0


def test_the_last_point_is_the_run_itself() -> None:
    last = asked(labeled(200), labeled(60, seed=1), full=0.123)["points"][-1]
    assert last == {"n_train": 200, "accuracy": [0.123], "log_loss": [0.3]}


def test_small_sets_have_no_small_shares() -> None:
    assert [p["n_train"] for p in asked(labeled(60), labeled(30, seed=1))["points"]] == [30, 60]


def test_every_draw_has_every_class_and_whole_groups() -> None:
    train = labeled(300, k=3)
    rare = train.rows(np.flatnonzero((train.targets < 2) | (np.arange(300) == 299)))
    grouped = LabeledFeatures(rare.features, rare.targets, [f"g{i // 4}" for i in range(len(rare.targets))], rare.class_names)
    for seed in range(6):
        rows = probe_learning_curve._draw(grouped, 1 / 8, seed)
        assert set(grouped.targets[rows]) == {0, 1, 2}
        assert len(set(rows)) == len(rows)
        by_group = {g: sum(grouped.groups[i] == g for i in rows) for g in {grouped.groups[i] for i in rows}}
        whole = {g: grouped.groups.count(g) for g in by_group}
        assert sum(by_group[g] != whole[g] for g in by_group) <= 1, "only the image added for its class may come alone"


def test_draws_differ() -> None:
    train = labeled(200)
    assert len({tuple(probe_learning_curve._draw(train, 1 / 4, seed)) for seed in range(4)}) == 4


def test_a_large_set_is_thinned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe_learning_curve, "CURVE_LIMIT", 160)
    points = asked(labeled(480), labeled(60, seed=1))["points"]
    assert points[-1]["n_train"] == 480
    assert max(p["n_train"] for p in points[:-1]) <= 80 + 3


def test_smaller_draws_are_held_back_more() -> None:
    train = labeled(400, margin=0.3)
    probe = fit_probe(train)
    rows = probe_learning_curve._draw(train, 1 / 4, 0)
    recipe = probe_learning_curve._choose_recipe([space.x[rows] for space in probe.spaces], train.rows(rows), probe, "none")
    fewer = 400 / len(rows)
    for strength, choice in zip(recipe.strengths, probe.choices, strict=True):
        assert strength / choice.strength == pytest.approx(fewer) or strength / choice.strength == pytest.approx(fewer**0.5)
