from __future__ import annotations

import numpy as np
import pytest

from tellapart.dataset.file_rows import USED, FileRow
from tellapart.evaluation.metrics import accuracy
from tellapart.features import FeatureMatrix
from tellapart.training.linear_probe import LabeledFeatures, fit_probe
from tellapart.training.part_evaluation import LabeledSet, baseline_predictions, evaluate_part, leak_effect, probe_predictions

from .toy import labeled


def labeled_set(data: LabeledFeatures, part: str, prefix: str) -> LabeledSet:
    rows = [
        FileRow(f"{prefix}{i}", f"{prefix}{i}", label, part, group, USED, None, 9, 9, 9)
        for i, (label, group) in enumerate(zip(data.labels, data.groups, strict=True))
    ]
    matrix = FeatureMatrix(tuple(row.image_id or "" for row in rows), data.features, {})
    return LabeledSet.of(rows, matrix, data.class_names)


def test_rows_meet_their_features_and_targets() -> None:
    data = labeled(12)
    found = labeled_set(data, "train", "x")
    assert np.array_equal(found.data.features, data.features)
    assert np.array_equal(found.data.targets, data.targets)


def test_the_rungs_are_judged_on_the_same_images_and_compared() -> None:
    train, test = labeled_set(labeled(150), "train", "a"), labeled_set(labeled(90, seed=1), "test", "b")
    probe = fit_probe(train.data)
    predictions = probe_predictions(probe, test, "probe on toy")
    part = evaluate_part(predictions, baseline_predictions(train, test))
    names = [rung["name"] for rung in part["rungs"]]
    assert names == ["majority class", "5 nearest neighbors", "probe on toy"]
    assert part["rungs"][0]["gain"] is None
    assert part["rungs"][0]["accuracy"]["value"] == pytest.approx(1 / 3)
    assert part["rungs"][-1]["accuracy"] == part["accuracy"]
    for lower, rung in zip(part["rungs"], part["rungs"][1:], strict=False):
        assert rung["gain"]["accuracy"]["value"] == pytest.approx(rung["accuracy"]["value"] - lower["accuracy"]["value"])
    assert part["accuracy"]["value"] == accuracy(predictions.probabilities, test.data.targets)
    assert set(predictions.parts) == {"test"}


def test_a_leak_flatters_and_is_measured() -> None:
    train = labeled_set(labeled(60, margin=0.05, d=100), "train", "a")
    test = labeled_set(labeled(90, margin=0.05, d=100, seed=1), "val", "b")
    copies = labeled_set(labeled(90, margin=0.05, d=100, seed=1), "train", "c")
    probe = fit_probe(train.data)
    honest = probe_predictions(probe, test, "probe")
    found = leak_effect(probe, train, copies, test, honest, class_weight="none")
    assert (found["images"], found["groups"], found["part"]) == (90, 90, "val")
    assert found["naive"]["accuracy"]["value"] > found["honest"]["accuracy"]["value"] + 0.2
    assert found["honest"]["accuracy"]["value"] == accuracy(honest.probabilities, test.data.targets)
