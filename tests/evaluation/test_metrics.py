from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from tellapart.calibration import softmax
from tellapart.evaluation import metrics

from .toy import logits_and_targets


def sample(k: int, seed: int, n: int = 300) -> tuple[np.ndarray, np.ndarray]:
    logits, targets = logits_and_targets(n, k, 1.2, seed)
    return np.round(softmax(logits), 3), targets  # rounding makes ties


@pytest.mark.parametrize("k", [2, 3, 7])
@pytest.mark.parametrize("seed", [0, 1])
def test_all_equal_scikit_learn(k: int, seed: int) -> None:
    p, y = sample(k, seed)
    p = p / p.sum(axis=1, keepdims=True)
    predicted = p.argmax(axis=1)
    assert metrics.accuracy(p, y) == pytest.approx(sk.accuracy_score(y, predicted))
    assert metrics.log_loss(p, y) == pytest.approx(sk.log_loss(y, p, labels=range(k)))
    assert metrics.macro_f1(p, y) == pytest.approx(sk.f1_score(y, predicted, average="macro"))
    assert (metrics.confusion_matrix(p, y) == sk.confusion_matrix(y, predicted, labels=range(k))).all()
    theirs = sk.roc_auc_score(y, p[:, 1]) if k == 2 else sk.roc_auc_score(y, p, multi_class="ovr", average="macro")
    assert metrics.auc(p, y) == pytest.approx(theirs)


def test_per_class_equals_scikit_learn() -> None:
    p, y = sample(4, 3)
    rows = metrics.per_class(metrics.confusion_matrix(p, y), tuple("abcd"))
    theirs = sk.precision_recall_fscore_support(y, p.argmax(axis=1), labels=range(4))
    for i, row in enumerate(rows):
        assert (row.precision, row.recall, row.f1, row.support) == pytest.approx(tuple(column[i] for column in theirs))
        assert row.name == "abcd"[i]


def test_per_class_is_none_where_undefined() -> None:
    rows = metrics.per_class(np.array([[3, 0, 0], [1, 0, 0], [0, 0, 0]]), ("a", "b", "c"))
    assert rows[1] == metrics.ClassScores("b", None, 0.0, 0.0, 1)
    assert rows[2] == metrics.ClassScores("c", None, None, None, 0)


def test_auc_is_none_when_a_class_is_absent() -> None:
    p, y = sample(3, 0)
    assert metrics.auc(p[y < 2], y[y < 2]) is None
    assert metrics.auc(np.ones((4, 1)), np.zeros(4, dtype=np.int64)) is None


def test_log_loss_survives_a_certain_error() -> None:
    assert metrics.log_loss(np.array([[1.0, 0.0]]), np.array([1])) == pytest.approx(-np.log(np.finfo(float).eps))


@given(st.integers(0, 10_000), st.sampled_from([2, 3]))
def test_influences_are_derivatives(seed: int, k: int) -> None:
    p, y = sample(k, seed, n=60)
    if np.bincount(y, minlength=k).min() < 2:
        return
    influence = metrics.f1_influence(p, y)
    assert influence.sum() == pytest.approx(0.0, abs=1e-12)
    twice = np.concatenate([p] * 200 + [p[:1]]), np.concatenate([y] * 200 + [y[:1]])
    assert metrics.macro_f1(*twice) - metrics.macro_f1(p, y) == pytest.approx(influence[0] / 200, abs=1e-5)
    found = metrics.auc_influence(p, y)
    assert found is not None
    moved = metrics.auc(*twice)
    assert moved is not None
    m = (y == y[0]).sum()
    if k == 2:
        assert moved - found[0] == pytest.approx(found[1][0] * np.sqrt((m - 1) / m) / 200, abs=1e-5)


def test_a_lone_image_of_a_class_is_not_taken_for_certain() -> None:
    scores = np.array([0.1, 0.2, 0.9, 0.3, 0.5])
    found = metrics.auc_influence(np.stack([1 - scores, scores], axis=1), np.array([0, 0, 0, 0, 1]))
    assert found is not None
    assert found[0] == 0.75
    assert found[1][4] == pytest.approx(np.sqrt(0.75 * 0.25))
