from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from tellapart.dataset.file_rows import USED, FileRow
from tellapart.dataset.parts import Assignment
from tellapart.errors import DataError
from tellapart.interval import Interval
from tellapart.predictions import Predictions
from tellapart.run_metrics import ClassCounts, CurvePoint, DataCounts, EvaluationMetrics
from tellapart.training import learning_curves
from tellapart.training.learning_curves import curve_point, drawn, fitted_curve, learning_curve, sizes_of, subset
from tellapart.training.linear_probe import LabeledFeatures, fit_probe
from tellapart.training.part_evaluation import evaluate_part

from .toy import labeled


def asked(train: LabeledFeatures, test: LabeledFeatures, full: float = 0.9) -> dict:
    return learning_curve(train, test, fit_probe(train), full_accuracy=full, full_log_loss=0.3, class_weight="none")


def test_more_data_is_seen_to_help_where_it_does() -> None:
    found = asked(labeled(480, k=2, margin=0.2, d=60), labeled(600, k=2, margin=0.2, d=60, seed=1), full=0.86)
    means = [np.mean(point.accuracy) for point in found.points]
    assert means[-1] > means[0] + 0.1
    assert [p.n_train for p in found.points] == [30, 60, 120, 240, 480]
    assert [len(p.accuracy) for p in found.points] == [6, 6, 4, 4, 1]
    assert found.twice.n_train == 960
    gain = found.twice.gain
    assert gain.low <= gain.value <= gain.high
    assert gain.value > 0


def test_the_last_point_is_the_run_itself() -> None:
    last = asked(labeled(200), labeled(60, seed=1), full=0.123).points[-1]
    assert last == CurvePoint(200, (0.123,), (0.3,))


def test_small_sets_have_no_small_shares() -> None:
    assert [p.n_train for p in asked(labeled(60), labeled(30, seed=1)).points] == [30, 60]


def test_every_draw_has_every_class_and_whole_groups() -> None:
    train = labeled(300, k=3)
    rare = train.rows(np.flatnonzero((train.targets < 2) | (np.arange(300) == 299)))
    grouped = LabeledFeatures(rare.features, rare.targets, [f"g{i // 4}" for i in range(len(rare.targets))], rare.class_names)
    for seed in range(6):
        rows = learning_curves._draw(grouped, 1 / 8, seed)
        assert set(grouped.targets[rows]) == {0, 1, 2}
        assert len(set(rows)) == len(rows)
        by_group = {g: sum(grouped.groups[i] == g for i in rows) for g in {grouped.groups[i] for i in rows}}
        whole = {g: grouped.groups.count(g) for g in by_group}
        assert sum(by_group[g] != whole[g] for g in by_group) <= 1, "only the image added for its class may come alone"


def test_draws_differ() -> None:
    train = labeled(200)
    assert len({tuple(learning_curves._draw(train, 1 / 4, seed)) for seed in range(4)}) == 4


def test_a_large_set_is_thinned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning_curves, "CURVE_LIMIT", 160)
    points = asked(labeled(480), labeled(60, seed=1)).points
    assert points[-1].n_train == 480
    assert max(p.n_train for p in points[:-1]) <= 80 + 3


def test_smaller_draws_are_held_back_more() -> None:
    train = labeled(400, margin=0.3)
    probe = fit_probe(train)
    rows = learning_curves._draw(train, 1 / 4, 0)
    recipe = learning_curves._choose_recipe([space.x[rows] for space in probe.spaces], train.rows(rows), probe, "none")
    fewer = 400 / len(rows)
    for strength, choice in zip(recipe.strengths, probe.choices, strict=True):
        assert strength / choice.strength == pytest.approx(fewer) or strength / choice.strength == pytest.approx(fewer**0.5)


def row(number: int, label: str, part: str = "train", group: str | None = None) -> FileRow:
    name = f"{label}{number}"
    return FileRow(
        path=name, image_id=name, label=label, part=part, group=group or name, status=USED, reason=None, width=8, height=8, size_bytes=1
    )


@pytest.fixture
def assignment() -> Assignment:
    cats = [row(i, "cat", group=f"pair{i // 2}") for i in range(60)]
    dogs = [row(i, "dog") for i in range(30)]
    return Assignment([*cats, *dogs, *(row(i, "dog", "test") for i in range(100, 110))], [], [], [])


def test_sizes_rise_and_end_with_all_there_are(assignment: Assignment) -> None:
    assert sizes_of(assignment, (1 / 8, 1 / 4, 1 / 2, 1.0)) == [11, 22, 45, 90]
    assert sizes_of(assignment, [50, 20, 2000]) == [20, 50, 90]
    with pytest.raises(DataError, match="too few"):
        sizes_of(assignment, [5, 20])


def test_a_draw_takes_whole_groups_in_the_classes_shares(assignment: Assignment) -> None:
    kept = drawn(assignment.rows, range(90), 30, seed=0)
    counts = Counter(assignment.rows[i].label for i in kept)
    assert counts == {"cat": 20, "dog": 10}
    assert all(assignment.rows[i].group != assignment.rows[j].group for i in kept for j in range(90) if j not in kept)
    assert drawn(assignment.rows, range(90), 30, seed=0) == kept != drawn(assignment.rows, range(90), 30, seed=1)


def test_a_subset_changes_the_training_part_only(assignment: Assignment) -> None:
    found = list(subset(assignment, 30, 3))
    assert len(found) == 3
    for smaller in found:
        assert sum(r.is_used and r.part == "train" for r in smaller.rows) == 30
        assert [r for r in smaller.rows if r.part == "test"] == [r for r in assignment.rows if r.part == "test"]
    (whole,) = subset(assignment, 90, 3)
    assert whole.rows == assignment.rows


def test_a_point_counts_what_was_really_trained_on() -> None:
    def metrics(n: int, value: float) -> EvaluationMetrics:
        data = DataCounts(files=n, used=n, unreadable=0, set_aside=0, classes=[ClassCounts("a", n // 2), ClassCounts("b", n - n // 2)])
        one = np.ones((1, 1))
        known = Predictions(("i",), ("i",), ("a",), one, one, ("a",), ("val",), ("i",), "made up")
        part = replace(evaluate_part(known, []), accuracy=Interval(value, 0, 1), log_loss=Interval(1 - value, 0, 1))
        return EvaluationMetrics(val=part, split_sensitivity=None, learning_curve=None, leak=None, data=data)

    point = curve_point([metrics(98, 0.75), metrics(102, 0.5)])
    assert point == CurvePoint(100, (0.75, 0.5), (0.25, 0.5))
    curve = fitted_curve([point, CurvePoint(200, (0.8,), (0.3,)), CurvePoint(400, (0.9, 0.91), (0.1, 0.1))])
    assert curve.twice.n_train == 800
    assert curve.twice.accuracy.value > 0.9
