from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from tellapart import large_arrays
from tellapart.models import logistic
from tellapart.models.heads import HeadSpace
from tellapart.models.logistic import fit_logistic


def data(n: int, d: int, k: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    targets = np.arange(n) % k
    x = rng.normal(size=(n, d)) + 1.2 * rng.normal(size=(k, d))[targets]
    return x.astype(np.float32), targets


def peer(x: np.ndarray, targets: np.ndarray, weights: np.ndarray, strength: float) -> np.ndarray:
    """scikit-learn's probabilities: it minimises C * sum(w * loss) + |W|^2 / 2."""
    weights = weights / weights.sum()
    found = LogisticRegression(C=1 / strength, tol=1e-10, max_iter=10_000).fit(x.astype(np.float64), targets, sample_weight=weights)
    return found.predict_proba(x.astype(np.float64))


def softmax(logits: np.ndarray) -> np.ndarray:
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("k", [2, 3, 7])
@pytest.mark.parametrize("strength", [1.0, 0.03, 0.001])
def test_the_solution_is_scikit_learns(k: int, strength: float) -> None:
    x, targets = data(210, 12, k)
    weights = np.random.default_rng(1).uniform(0.2, 3, len(targets))
    fits = fit_logistic(x, targets, k, weights[:, None], np.array([strength]), tolerance=1e-6)
    assert np.abs(softmax(fits.logits(x, 0)) - peer(x, targets, weights, strength)).max() < 2e-3


@pytest.mark.parametrize("k", [2, 4])
def test_problems_solved_together_are_those_solved_alone(k: int) -> None:
    x, targets = data(150, 10, k)
    rng = np.random.default_rng(2)
    weights = rng.uniform(0.1, 1, (150, 6)) * (rng.random((150, 6)) > 0.3)
    strengths = np.array([1.0, 0.3, 0.1, 0.03, 0.01, 0.003])
    together = fit_logistic(x, targets, k, weights, strengths, tolerance=1e-6)
    for number, strength in enumerate(strengths):
        ours = softmax(together.logits(x, number))
        used = weights[:, number] > 0
        theirs = LogisticRegression(C=1 / strength, tol=1e-10, max_iter=10_000)
        theirs.fit(x[used].astype(np.float64), targets[used], sample_weight=weights[used, number] / weights[:, number].sum())
        assert np.abs(ours - theirs.predict_proba(x.astype(np.float64))).max() < 2e-3, number


def test_blocks_of_problems_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    x, targets = data(90, 8, 3)
    weights, strengths = np.random.default_rng(3).uniform(0, 1, (90, 7)), np.logspace(-3, 0, 7)
    whole = fit_logistic(x, targets, 3, weights, strengths, tolerance=1e-6)
    monkeypatch.setattr(logistic, "MAX_CELLS", 4 * 90 * 3 * 2)
    parts = fit_logistic(x, targets, 3, weights, strengths, tolerance=1e-6)
    assert np.allclose(whole.weight, parts.weight, atol=1e-3)


def test_the_scale_of_the_weights_does_not_matter() -> None:
    x, targets = data(60, 5, 3)
    weights = np.random.default_rng(4).uniform(0.1, 1, 60)
    small, large = (fit_logistic(x, targets, 3, factor * weights[:, None], np.array([0.1]), tolerance=1e-6) for factor in (1, 1000))
    assert np.allclose(small.weight, large.weight, atol=1e-3)


def test_a_class_nobody_shows_and_separable_classes_stay_finite() -> None:
    x = np.array([[-5.0], [-4], [4], [5]], np.float32) * 100
    fits = fit_logistic(x, np.array([0, 0, 1, 1]), 3, np.ones((4, 1)), np.array([1e-4]))
    probabilities = softmax(fits.logits(x, 0))
    assert np.isfinite(probabilities).all()
    assert probabilities.argmax(axis=1).tolist() == [0, 0, 1, 1]
    assert (probabilities[:, 2] < 0.1).all()


@pytest.mark.parametrize(("n", "d"), [(200, 20), (40, 100)])
@pytest.mark.parametrize("k", [2, 3])
def test_the_rotated_space_gives_the_unrotated_solution(n: int, d: int, k: int) -> None:
    x, targets = data(n, d, k)
    x = 3 * x + 7
    space = HeadSpace.of(x, power=1.0)
    weights = np.ones((n, 1))
    rotated = fit_logistic(space.x, targets, k, weights, np.array([0.05]), tolerance=1e-6)
    standard = (x - x.mean(axis=0)) / x.std(axis=0)
    straight = fit_logistic(standard, targets, k, weights, np.array([0.05]), tolerance=1e-6)
    head = space.head(rotated.weight[0], rotated.bias[0])
    assert np.abs(softmax(head.logits(x)) - softmax(straight.logits(standard, 0))).max() < 2e-3
    assert np.allclose(softmax(head.logits(x)), softmax(rotated.logits(space.x, 0)), atol=1e-4)


@pytest.mark.parametrize("k", [2, 4])
def test_images_in_blocks_on_disk_give_the_solution_of_the_whole(k: int, monkeypatch: pytest.MonkeyPatch) -> None:
    x, targets = data(300, 12, k)
    weights, strengths = np.random.default_rng(1).uniform(0.2, 2, (300, 3)), np.array([0.01, 0.1, 1.0])
    whole = fit_logistic(x, targets, k, weights, strengths, tolerance=1e-5)
    monkeypatch.setattr(large_arrays, "BLOCK_BYTES", 2000)
    blocks = fit_logistic(x, targets, k, weights, strengths, tolerance=1e-5)
    np.testing.assert_allclose(blocks.weight, whole.weight, atol=2e-3)
    np.testing.assert_allclose(blocks.logits(x, 1), whole.logits(x, 1), atol=1e-2)
