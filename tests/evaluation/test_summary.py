from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from tellapart.calibration import softmax
from tellapart.errors import DataError
from tellapart.evaluation import accuracy_interval, evaluate, log_loss_interval
from tellapart.evaluation import metrics as plain
from tellapart.evaluation.reliability import calibration_error, reliability_bins

from .toy import logits_and_targets, record

PART = {"n", "groups", "accuracy", "log_loss", "macro_f1", "auc", "ece", "per_class", "confusion_matrix", "reliability", "coverage"}


@pytest.mark.parametrize("k", [2, 5])
def test_every_number_is_the_plain_one_with_an_interval(k: int) -> None:
    logits, y = logits_and_targets(600, k, 1.5)
    told = record(logits, y, clip=0.02)
    part = evaluate(told).as_dict()
    assert part.keys() == PART
    assert json.loads(json.dumps(part, allow_nan=False)) == part
    for name in ("accuracy", "log_loss", "macro_f1", "auc"):
        expected = getattr(plain, name)(told.probabilities, y)
        assert part[name]["value"] == pytest.approx(expected)
        assert part[name]["low"] < expected < part[name]["high"]
    assert part["ece"]["before"] == pytest.approx(calibration_error(reliability_bins(softmax(logits), y)))
    assert part["ece"]["after"] == pytest.approx(calibration_error(reliability_bins(told.probabilities, y)))
    assert np.sum(part["confusion_matrix"]) == part["n"] == part["groups"] == 600
    assert part["accuracy"] == accuracy_interval(told).as_dict()
    assert part["log_loss"] == log_loss_interval(told).as_dict()


def test_probabilities_before_calibration_can_be_given() -> None:
    logits, y = logits_and_targets(300, 2)
    before = softmax(logits, 5.0)
    assert evaluate(record(logits, y), before).ece["before"] == pytest.approx(calibration_error(reliability_bins(before, y)))


def test_unknown_labels_are_left_out() -> None:
    logits, y = logits_and_targets(300, 2)
    some = np.where(np.arange(300) < 100, -1, y)
    part = evaluate(record(logits, some)).as_dict()
    assert part["n"] == 200
    assert part == evaluate(record(logits, y).where(np.arange(300) >= 100)).as_dict()
    with pytest.raises(DataError, match="none of the 300 predictions"):
        evaluate(record(logits, np.full(300, -1)))


def test_duplicates_widen_every_interval() -> None:
    logits, y = logits_and_targets(200, 3, 1.5)
    alone = evaluate(record(logits, y)).as_dict()
    copied = evaluate(record(np.repeat(logits, 3, axis=0), np.repeat(y, 3), groups=[f"g{i // 3}" for i in range(600)])).as_dict()
    assert (copied["n"], copied["groups"]) == (600, 200)
    for name in ("accuracy", "log_loss", "macro_f1", "auc"):
        assert [copied[name][end] for end in ("value", "low", "high")] == pytest.approx(
            [alone[name][end] for end in ("value", "low", "high")], abs=0.004
        )


def test_a_flawless_part_does_not_claim_certainty() -> None:
    y = np.arange(60) % 3
    part = evaluate(record(np.where(np.arange(3) == y[:, None], 6.0, 0.0), y)).as_dict()
    for name in ("accuracy", "macro_f1", "auc"):
        assert part[name]["value"] == part[name]["high"] == 1.0
        assert part[name]["low"] == pytest.approx(part["accuracy"]["low"])
    assert part["log_loss"]["high"] > part["log_loss"]["value"]


def test_a_hopeless_part_and_a_single_image() -> None:
    y = np.arange(60) % 2
    part = evaluate(record(np.where(np.arange(2) == y[:, None], 0.0, 6.0), y)).as_dict()
    assert part["macro_f1"]["value"] == part["auc"]["value"] == part["auc"]["low"] == 0.0
    assert part["auc"]["high"] > 0.02
    one = evaluate(record(np.array([[1.0, 0.0]]), np.array([0]))).as_dict()
    assert one["n"] == 1
    assert one["auc"] is None
    assert one["accuracy"]["low"] < 0.25
    json.dumps(one, allow_nan=False)


def test_one_group_knows_nothing() -> None:
    logits, y = logits_and_targets(50, 2, 1.0)
    part = evaluate(record(logits, y, groups=["all"] * 50)).as_dict()
    assert part["accuracy"]["high"] - part["accuracy"]["low"] > 0.7
    assert (part["macro_f1"]["low"], part["macro_f1"]["high"]) == (0.0, 1.0)


def test_the_same_seed_gives_the_same_numbers() -> None:
    told = record(*logits_and_targets(200, 2, 1.0))
    assert evaluate(told) == evaluate(told)
    assert evaluate(told, seed=1).log_loss != evaluate(told).log_loss


@pytest.mark.parametrize("metric", ["macro_f1", "auc"])
def test_intervals_of_scores_near_one_cover(metric: str) -> None:
    logits, y = logits_and_targets(20_000, 2, 2.2)
    whole, rng = record(logits, y), np.random.default_rng(0)
    truth = getattr(plain, metric)(whole.probabilities, y)
    held = []
    for _ in range(300):
        part = evaluate(whole.where(rng.choice(20_000, 150, replace=False)), draws=2).as_dict()[metric]
        held.append(part["low"] <= truth <= part["high"])
    assert 0.91 <= np.mean(held) <= 0.99


def test_labels_outside_the_classes_are_unknown() -> None:
    told = record(*logits_and_targets(50, 2))
    assert evaluate(replace(told, labels=("a stranger", *told.labels[1:]))).n == 49
