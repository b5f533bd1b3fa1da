from __future__ import annotations

import numpy as np
import pytest

from tellapart.dataset.file_rows import USED, FileRow
from tellapart.evaluation.metrics import accuracy
from tellapart.features import FeatureMatrix
from tellapart.training import part_evaluation
from tellapart.training.linear_probe import LabeledFeatures, fit_probe
from tellapart.training.part_evaluation import (
    LabeledSet,
    baseline_predictions,
    evaluate_part,
    leak_effect,
    majority_probabilities,
    nearest,
    neighbor_probabilities,
    probe_predictions,
)

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
    names = [rung.name for rung in part.rungs]
    assert names == ["majority class", "5 nearest neighbors", "probe on toy"]
    assert part.rungs[0].gain is None
    assert part.rungs[0].accuracy.value == pytest.approx(1 / 3)
    assert part.rungs[-1].accuracy == part.accuracy
    for lower, rung in zip(part.rungs, part.rungs[1:], strict=False):
        assert rung.gain.accuracy.value == pytest.approx(rung.accuracy.value - lower.accuracy.value)
    assert part.accuracy.value == accuracy(predictions.probabilities, test.data.targets)
    assert set(predictions.parts) == {"test"}


def test_a_leak_flatters_and_is_measured() -> None:
    train = labeled_set(labeled(60, margin=0.05, d=100), "train", "a")
    test = labeled_set(labeled(90, margin=0.05, d=100, seed=1), "val", "b")
    copies = labeled_set(labeled(90, margin=0.05, d=100, seed=1), "train", "c")
    probe = fit_probe(train.data)
    honest = probe_predictions(probe, test, "probe")
    found = leak_effect(probe, train, copies, test, honest, class_weight="none")
    assert (found.images, found.groups, found.part) == (90, 90, "val")
    assert found.naive.accuracy.value > found.honest.accuracy.value + 0.2
    assert found.honest.accuracy.value == accuracy(honest.probabilities, test.data.targets)


def test_the_majority_rung_gives_every_image_the_shares_of_the_classes() -> None:
    found = majority_probabilities(np.array([0, 0, 0, 1]), 3, 2)
    assert found.tolist() == [[4 / 7, 2 / 7, 1 / 7]] * 2


def test_neighbors_vote_and_nobody_is_certain() -> None:
    train = np.array([[1, 0.1], [1, 0], [1, -0.1], [0, 1], [0, 2], [-1, 0]], np.float32)
    found = neighbor_probabilities(np.array([[5.0, 0]], np.float32), train, np.array([0, 0, 0, 1, 1, 1]), 2)
    assert found.tolist() == [[3.5 / 6, 2.5 / 6]]


@pytest.mark.parametrize("block", [1, 7, 1024])
def test_the_nearest_are_those_of_a_plain_sort(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(part_evaluation, "BLOCK", block)
    rng = np.random.default_rng(0)
    features, train = rng.normal(size=(20, 6)).astype(np.float32), rng.normal(size=(50, 6)).astype(np.float32)
    rows, cosines = nearest(features, train, 4)
    plain = (features / np.linalg.norm(features, axis=1, keepdims=True)) @ (train / np.linalg.norm(train, axis=1, keepdims=True)).T
    assert np.array_equal(rows, np.argsort(-plain, axis=1)[:, :4])
    assert np.allclose(cosines, -np.sort(-plain, axis=1)[:, :4], atol=1e-5)


def test_no_images_have_no_neighbors_and_few_training_images_are_enough() -> None:
    rows, cosines = nearest(np.empty((0, 3), np.float32), np.ones((5, 3), np.float32), 2)
    assert rows.shape == cosines.shape == (0, 2)
    found = neighbor_probabilities(np.ones((1, 3), np.float32), np.ones((2, 3), np.float32), np.array([0, 1]), 2)
    assert found.tolist() == [[0.5, 0.5]]


def test_blocks_change_nothing_but_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    features, train = rng.normal(size=(70, 8)).astype(np.float32), rng.normal(size=(50, 8)).astype(np.float32)
    rows, cosines = part_evaluation.nearest(features, train, 3)
    monkeypatch.setattr(part_evaluation, "BLOCK_COSINES", 49)
    again, near = part_evaluation.nearest(features, train, 3)
    assert np.array_equal(rows, again)
    assert np.allclose(cosines, near, atol=1e-6)


def test_in_large_sets_neighbors_are_searched_in_a_sample_and_numbered_as_in_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(part_evaluation, "SEARCHED", 40)
    train = np.random.default_rng(0).normal(size=(200, 8)).astype(np.float32)
    searched = part_evaluation.searched_rows(200)
    rows, cosines = part_evaluation.nearest(train, train, 1)
    assert len(searched) == len(np.unique(searched)) == 40
    assert np.isin(rows, searched).all()
    assert np.array_equal(rows[searched, 0], searched)
    np.testing.assert_allclose(cosines[searched], 1, atol=1e-5)
