from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tellapart.evaluation.intervals import wilson
from tellapart.reports.run_page import changed_options, repeating_command
from tellapart.reports.scores_section import binary_view, per_class_view, proportion, top_k_view, verdict_view
from tellapart.run_folder import OPTIONS, Run

from .synthetic import class_names, write_run


def test_a_proportion_has_the_interval_of_its_groups() -> None:
    right = np.array([True] * 8 + [False] * 2)
    alone = proportion(right, [str(i) for i in range(10)])
    paired = proportion(right, [str(i // 2) for i in range(10)])
    assert alone == pytest.approx({key: getattr(wilson(8, 10), key) for key in ("value", "low", "high")})
    assert paired is not None and alone is not None and paired["low"] < alone["low"] and paired["high"] > alone["high"]
    assert proportion(right[:0], []) is None


def test_recall_and_precision_of_each_class_lie_in_their_intervals(two: Path) -> None:
    run = Run(two).content()
    matrix = np.array(run.metrics.parts["test"].confusion_matrix)
    for k, row in enumerate(per_class_view(run, "test")):
        assert row["recall_interval"]["value"] == pytest.approx(matrix[k, k] / matrix[k].sum())
        assert row["precision_interval"]["value"] == pytest.approx(matrix[k, k] / matrix[:, k].sum())
        for interval in (row["recall_interval"], row["precision_interval"]):
            assert 0 <= interval["low"] < interval["value"] < interval["high"] <= 1


def test_top_k_is_said_of_more_than_ten_classes(tmp_path: Path, two: Path) -> None:
    run = Run(write_run(tmp_path / "twelve", names=class_names(12), n_test=120, n_train=120, sharpness=2.0)).content()
    found = run.predictions
    rank = (-found.probabilities).argsort(axis=1)
    for row in top_k_view(run, "test"):
        hits = [target in order[: row["k"]] for target, order in zip(found.targets, rank, strict=True)]
        assert row["accuracy"]["value"] == pytest.approx(np.mean(hits))
    assert [row["k"] for row in top_k_view(run, "test")] == [1, 3, 5]
    assert top_k_view(Run(two).content(), "test") == []


def test_thresholds_count_what_they_say(two: Path, sixty: Path) -> None:
    run = Run(two).content()
    view = binary_view(run, "test")
    assert view is not None and [view["negative"], view["positive"]] == run.class_names
    scores, is_positive = run.predictions.probabilities[:, 1], run.predictions.targets == 1
    for row in view["rows"][::20]:
        called = scores >= row["threshold"]
        assert (row["tp"], row["fp"]) == (int((called & is_positive).sum()), int((called & ~is_positive).sum()))
        assert row["accuracy"]["value"] == pytest.approx((called == is_positive).mean())
    first = view["rows"][0]
    assert first["recall"]["value"] == 1 and first["tn"] == 0 and len(view["rows"]) == 101
    assert view["roc"][0] == [0, 0] and view["roc"][-1] == [1, 1] and len(view["roc"]) <= 200
    area = np.trapezoid([y for _, y in view["roc"]], [x for x, _ in view["roc"]])
    assert area == pytest.approx(run.metrics.parts["test"].auc.value, abs=0.01)
    assert binary_view(Run(sixty).content(), "test") is None


def test_one_class_alone_has_no_curve(two: Path) -> None:
    run = Run(two).content()
    assert binary_view(replace(run, predictions=run.predictions.where(run.predictions.targets == 1)), "test") is None


def test_the_first_screen_names_the_weakest_class_and_the_mean_of_other_splits(two: Path, nasty: Path) -> None:
    run = Run(two).content()
    facts = {fact["name"]: fact for fact in verdict_view(run, "test")["facts"]}
    rows = per_class_view(run, "test")
    assert facts["Weakest class"]["value"] == min(rows, key=lambda row: row["recall"])["name"]
    splits = run.metrics.split_sensitivity
    assert f"{100 * splits.accuracy.mean:.1f}" in facts[f"Mean of {len(splits.splits)} other splits"]["value"]
    matrix = np.array(run.metrics.parts["test"].confusion_matrix)
    assert facts["Most frequent confusion"]["words"].startswith(f"{max(matrix[0, 1], matrix[1, 0])} times")


def test_only_options_that_differ_from_the_default_are_listed_and_repeated(two: Path) -> None:
    content = json.loads((two / "options.json").read_text()) | {
        "options": {
            "backbone": "lite1",
            "seed": 0,
            "flip_average": False,
            "image_size": None,
            "name": "r1",
            "out": "elsewhere",
            "device": "cpu",
        }
    }
    options = OPTIONS(content, "")
    assert ("--backbone", "lite1") in changed_options(options) and not any(flag == "--seed" for flag, _ in changed_options(options))
    assert repeating_command(options, "/photos/my cats") == "tellapart train 'my cats' --backbone lite1 --no-flip-average"
    assert repeating_command(OPTIONS({}, ""), "/photos") == ""
