from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from tellapart.errors import DataError
from tellapart.evaluation import compare
from tellapart.evaluation.comparison import mcnemar
from tellapart.predictions import Predictions
from tellapart.results import plain

from .toy import logits_and_targets, record


def planted(n: int = 200, lost: int = 3, won: int = 12, groups: list[str] | None = None) -> tuple[Predictions, Predictions]:
    """Two models, both right except that the first alone misses ``won`` images and the second alone ``lost``."""
    y = np.arange(n) % 2
    right = np.where(np.arange(2) == y[:, None], 2.0, 0.0)
    first, second = right.copy(), right.copy()
    first[:won] *= -1
    second[won : won + lost] *= -1
    return record(first, y, groups=groups, source="old"), record(second, y, groups=groups, source="new")


@given(st.integers(0, 300), st.integers(0, 300))
def test_mcnemar_equals_scipy(lost: int, won: int) -> None:
    expected = binomtest(lost, lost + won).pvalue if lost + won else 1.0
    assert mcnemar(lost, won) == pytest.approx(expected, abs=1e-9)


def test_mcnemar_of_many_changes_is_finite() -> None:
    assert 0 <= mcnemar(4_000, 6_000) < 1e-80


def test_planted_changes_are_found() -> None:
    first, second = planted()
    found = compare(first, second)
    assert found.n == found.groups == 200
    assert found.wrong_to_right.tolist() == list(range(12))
    assert found.right_to_wrong.tolist() == [12, 13, 14]
    assert found.accuracy.value == pytest.approx(9 / 200)
    assert found.accuracy.low < 9 / 200 < found.accuracy.high
    assert found.p_value == pytest.approx(binomtest(3, 15).pvalue)
    assert found.log_loss.value < 0
    assert found.verdict.startswith("new beats old by 4.5 points (")
    assert compare(second, first).verdict.startswith("new beats old by 4.5 points (")
    assert str(found) == found.verdict


def test_order_and_strangers_do_not_matter() -> None:
    first, second = planted()
    shuffled = second.where(np.random.default_rng(0).permutation(200)[:150])
    found = compare(first, shuffled)
    assert found.n == 150
    assert [first.paths[i] for i in found.rows[:, 0]] == [shuffled.paths[i] for i in found.rows[:, 1]]
    assert set(found.wrong_to_right.tolist()) <= set(range(12))


def test_class_order_does_not_matter() -> None:
    first, second = planted()
    turned = replace(first, class_names=first.class_names[::-1], probabilities=first.probabilities[:, ::-1], logits=first.logits[:, ::-1])
    assert compare(turned, second).gain == compare(first, second).gain


def test_equal_models_cannot_be_told_apart() -> None:
    first, _ = planted(160)
    found = compare(first, first)
    assert found.p_value == 1.0
    assert found.verdict == "the first and the second do not differ significantly on these 160 images (p = 1)"
    assert found.accuracy.low < 0 < found.accuracy.high


def test_log_loss_can_tell_what_accuracy_cannot() -> None:
    logits, y = logits_and_targets(400, 2, 1.5)
    found = compare(record(logits * 6, y, source="loud"), record(logits, y, source="calm"))
    assert found.p_value == 1.0
    assert "do not differ significantly in accuracy" in found.verdict
    assert "the log loss of calm is lower by" in found.verdict


def test_duplicates_do_not_make_a_difference_certain() -> None:
    groups = ["copies"] * 12 + [f"g{i}" for i in range(188)]
    first, second = planted(lost=0, groups=groups)
    found = compare(first, second)
    assert found.groups == 189
    assert found.p_value == 1.0
    alone = compare(*planted(lost=0))
    assert found.accuracy.high - found.accuracy.low > alone.accuracy.high - alone.accuracy.low


def test_labels_of_the_second_are_the_truth() -> None:
    first, second = planted()
    mended = replace(second, labels=(None, *second.labels[1:]))
    assert compare(first, mended).n == 199


def test_nothing_in_common_is_an_error() -> None:
    first, second = planted()
    with pytest.raises(DataError, match="no labeled image in common"):
        compare(first, replace(second, paths=tuple(f"other {p}" for p in second.paths)))
    with pytest.raises(DataError, match="class names differ"):
        compare(first, replace(second, class_names=("x", "y")))


def test_forms() -> None:
    first, second = planted()
    gain = plain(compare(first, second).gain)
    assert gain.keys() == {"accuracy", "log_loss", "p_value"}
    assert gain["accuracy"].keys() == {"value", "low", "high"}
    assert json.loads(json.dumps(compare(first, second).as_dict()))["wrong_to_right"] == list(range(12))
