from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import minimize_scalar
from scipy.special import softmax as scipy_softmax

from tellapart.calibration import apply, clip_probabilities, fit_clip, fit_temperature, softmax
from tellapart.evaluation.metrics import log_loss

from .evaluation.toy import logits_and_targets


@given(arrays(np.float64, (5, 3), elements=st.floats(-900, 900)))
def test_softmax_equals_scipy_without_overflow(logits: np.ndarray) -> None:
    assert np.allclose(softmax(logits), scipy_softmax(logits, axis=1))


@pytest.mark.parametrize("planted", [0.5, 1.0, 2.0, 4.0])
def test_a_planted_temperature_is_recovered(planted: float) -> None:
    logits, y = logits_and_targets(20_000, 3, 1.5)
    assert fit_temperature(logits * planted, y) == pytest.approx(planted, rel=0.05)


def test_the_temperature_minimises_the_penalised_log_loss() -> None:
    logits, y = logits_and_targets(400, 4, 1.0)
    best = minimize_scalar(lambda t: 400 * log_loss(softmax(logits, np.exp(t)), y) + t * t / 2, bounds=(-3, 3), method="bounded")
    assert fit_temperature(logits, y) == pytest.approx(np.exp(best.x), rel=1e-3)


def test_weights_count_images() -> None:
    logits, y = logits_and_targets(500, 2, 1.0)
    logits[:250] *= 3
    only_first = fit_temperature(logits, y, weights=(np.arange(500) < 250).astype(float))
    assert only_first == pytest.approx(fit_temperature(logits[:250], y[:250]), rel=0.02)
    assert fit_temperature(logits, y, weights=np.full(500, 7.0)) == pytest.approx(fit_temperature(logits, y))


@pytest.mark.parametrize("margin", [1.0, 4.0, 12.0, 40.0])
def test_separated_images_do_not_go_to_the_bound(margin: float) -> None:
    y = np.tile([0, 1], 300)
    logits = np.where(np.arange(2) == y[:, None], margin, 0.0)
    assert 0.1 < fit_temperature(logits, y) <= 1.001


def test_all_wrong_and_no_images_give_an_answer() -> None:
    y = np.tile([0, 1], 100)
    assert fit_temperature(np.where(np.arange(2) == y[:, None], 0.0, 9.0), y) == pytest.approx(20.0, rel=1e-3)
    assert fit_temperature(np.zeros((3, 2)), np.full(3, -1)) == 1.0
    assert fit_clip(np.full((3, 2), 0.5), np.full(3, -1)) == 0.05


@pytest.mark.parametrize(("n", "k"), [(100, 2), (1000, 2), (1000, 5)])
def test_without_errors_the_clip_is_the_rule_of_succession(n: int, k: int) -> None:
    y = np.arange(n) % k
    p = np.where(np.arange(k) == y[:, None], 1.0, 0.0)
    assert fit_clip(p, y) == pytest.approx(1 / (2 * n * (k - 1)), rel=0.1)


def test_confident_errors_raise_the_clip_to_their_share() -> None:
    y = np.zeros(1000, dtype=np.int64)
    p = np.tile([[1.0, 0.0]], (1000, 1))
    p[:20] = [0.0, 1.0]
    assert fit_clip(p, y) == pytest.approx(20.5 / 1000, rel=0.12)


def test_the_clip_leaves_room_for_many_classes() -> None:
    assert fit_clip(np.full((10, 200), 1 / 200), np.zeros(10, dtype=np.int64)) <= 0.5 / 200


@given(arrays(np.float64, (4, 3), elements=st.floats(-50, 50)), st.floats(0.05, 20), st.floats(0, 0.05))
def test_calibrated_rows_are_probabilities(logits: np.ndarray, temperature: float, clip: float) -> None:
    p = apply(logits, temperature, clip)
    assert np.allclose(p.sum(axis=1), 1.0)
    assert (p >= clip / (1 + 3 * clip)).all()


def test_clip_zero_changes_nothing() -> None:
    p = np.array([[0.25, 0.75]])
    assert (clip_probabilities(p, 0.0) == p).all()
