"""What the evaluation of a probe leaves out, and why; the counts of the data; and the neighbors of reported images."""

from __future__ import annotations

import numpy as np
import pytest

from tellapart.dataset.file_rows import SET_ASIDE, UNREADABLE, USED, FileRow
from tellapart.features import FeatureMatrix
from tellapart.run_metrics import ClassCounts
from tellapart.training.linear_probe import fit_probe
from tellapart.training.part_evaluation import LabeledSet, baseline_predictions, evaluate_part, probe_predictions
from tellapart.training.probe_evaluation import EvaluationOptions, _curve, _sensitivity, data_card, rows_with_neighbors

from .test_part_evaluation import labeled_set
from .toy import labeled


def row(name: str, label: str | None = "cat", part: str | None = "train", status: str = USED, image_id: str | None = None) -> FileRow:
    return FileRow(name, image_id or name, label, part, name, status, None, 9, 9, 9)


def options(n_splits: int = 2, *, learning_curve: bool = True) -> EvaluationOptions:
    return EvaluationOptions("none", 0, n_splits, learning_curve)


def test_files_are_counted_by_status_class_and_part() -> None:
    rows = [
        *(row(f"c{i}") for i in range(3)), row("t", part="test"), row("v", "dog", "val"),
        row("x", status=SET_ASIDE), row("broken", None, None, UNREADABLE), row("copy", image_id="c0"),
    ]  # fmt: skip
    found = data_card(rows, ["cat", "dog"], [("c0", "copy"), ("c1", "c2")])
    assert (found.files, found.used, found.unreadable, found.set_aside) == (8, 6, 1, 1)
    assert found.classes == [ClassCounts("cat", train=4, val=0, test=1), ClassCounts("dog", train=0, val=1, test=0)]
    assert found.duplicates is not None
    assert (found.duplicates.exact_groups, found.duplicates.near_groups, found.duplicates.images) == (1, 1, 4)


def sets(n: int = 60) -> tuple[LabeledSet, LabeledSet]:
    return labeled_set(labeled(n), "train", "a"), labeled_set(labeled(n // 2, seed=1), "test", "b")


def test_other_splits_are_tried_where_they_were_asked_for_and_every_class_has_four_images() -> None:
    train, test = sets()
    probe = fit_probe(train.data)
    found, reason = _sensitivity([train, test], probe, options())
    assert found is not None and len(found.splits) == 2 and reason is None
    assert _sensitivity([train, test], probe, options(0)) == (None, "not asked for (n_splits = 0)")
    rare = np.flatnonzero(train.data.targets > 0)
    few = train.taken(np.concatenate([rare, np.flatnonzero(train.data.targets == 0)[:3]]))
    assert _sensitivity([few], probe, options()) == (None, "a class has fewer than 4 images")


@pytest.mark.parametrize(("n", "reason"), [(40, "too few training images to take shares of"), (240, None)])
def test_a_learning_curve_needs_enough_images(n: int, reason: str | None) -> None:
    train, test = sets(n)
    probe = fit_probe(train.data)
    part = evaluate_part(probe_predictions(probe, test, "probe"), baseline_predictions(train, test))
    curve, why = _curve(train, test, probe, part, options())
    assert why == reason and (curve is None) == (reason is not None)
    if curve is not None:
        assert curve.points[-1].accuracy == (part.accuracy.value,)
    assert _curve(train, test, probe, part, options(learning_curve=False))[0] is None


def test_reported_images_get_their_nearest_training_images_and_every_used_one_a_place() -> None:
    train, test = sets(12)
    values = np.concatenate([train.data.features, test.data.features])
    left_out = row("out", status=SET_ASIDE)
    rows = [*train.rows, *test.rows, left_out]
    matrix = FeatureMatrix(tuple(one.image_id or "" for one in rows[:-1]), values, {})
    found = rows_with_neighbors(rows, matrix, train, {"test": test})
    assert found[-1] == left_out
    assert all(one.x is not None and one.y is not None for one in found[:-1])
    assert all(one.neighbors == () for one in found[: len(train.rows)])
    units = values / np.linalg.norm(values, axis=1, keepdims=True)
    for number, one in enumerate(found[len(train.rows) : -1]):
        cosines = units[: len(train.rows)] @ units[len(train.rows) + number]
        assert one.neighbors[0] == train.rows[int(cosines.argmax())].image_id
        assert list(one.similarities) == pytest.approx(sorted(cosines, reverse=True)[:3], abs=1e-5)
