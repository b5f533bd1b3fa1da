from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from tellapart import calibration
from tellapart.evaluation.ensemble_weights import fit_weights
from tellapart.evaluation.metrics import log_loss


def models(n: int, noises: list[float], k: int = 3, seed: int = 0, scale: float = 2.0) -> tuple[list[np.ndarray], np.ndarray]:
    """Calibrated log-odds of models that see the truth through noise of their own, and the truth."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, k, n)
    found = []
    for noise in noises:
        seen = scale * np.eye(k)[truth] + noise * rng.normal(size=(n, k))
        found.append(seen / calibration.fit_temperature(seen, truth))
    return found, truth


def combined_loss(weights: np.ndarray, log_odds: list[np.ndarray], truth: np.ndarray) -> float:
    logits = np.tensordot(weights, np.stack(log_odds), axes=1)
    return log_loss(calibration.softmax(logits, calibration.fit_temperature(logits, truth)), truth)


def test_independent_witnesses_count_by_their_precision() -> None:
    """Log-odds of independent witnesses add up, so the known optimum is 1 to 1, whatever their noise."""
    log_odds, truth = models(100_000, [1.0, 2.0])
    assert fit_weights(log_odds, truth) == pytest.approx([0.5, 0.5], abs=0.02)
    louder = [log_odds[0], 4 * log_odds[1]]
    assert fit_weights(louder, truth) == pytest.approx([0.8, 0.2], abs=0.02), "who speaks four times too loud counts a quarter"


@pytest.mark.parametrize(("n", "noises"), [(400, [1.0, 1.5, 3.0]), (4000, [1.0, 1.1]), (60, [0.5, 0.9, 2.0, 2.0])])
def test_no_other_weights_do_better(n: int, noises: list[float]) -> None:
    log_odds, truth = models(n, noises, seed=n)
    r = len(noises)

    def objective(s: np.ndarray) -> float:
        v = np.exp(s)
        return n * log_loss(calibration.softmax(np.tensordot(v, np.stack(log_odds), axes=1)), truth) + float((r * v - np.log(r * v)).sum())

    best = minimize(objective, np.full(r, -np.log(r)), method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-9, "maxiter": 20_000})
    v = np.exp(best.x)
    assert fit_weights(log_odds, truth) == pytest.approx(v / v.sum(), abs=1e-4)


def test_the_fitted_weights_beat_each_model_and_equal_ones() -> None:
    good, bad = models(5000, [1.0, 1.0]), models(5000, [4.0], seed=0)
    log_odds, truth = [*good[0], 3 * bad[0][0]], good[1]
    weights = fit_weights(log_odds, truth)
    assert weights.sum() == pytest.approx(1)
    assert (weights >= 0).all()
    fitted = combined_loss(weights, log_odds, truth)
    assert fitted < combined_loss(np.full(3, 1 / 3), log_odds, truth)
    assert all(fitted < combined_loss(np.eye(3)[number], log_odds, truth) for number in range(3))


def test_runs_that_say_the_same_weigh_the_same() -> None:
    (one,), truth = models(300, [1.0])
    assert fit_weights([one, one, one], truth) == pytest.approx([1 / 3] * 3, abs=1e-12)
    assert fit_weights([one], truth) == pytest.approx([1.0])


def test_models_that_are_as_good_weigh_about_the_same() -> None:
    log_odds, truth = models(20_000, [1.5, 1.5, 1.5], seed=3)
    assert fit_weights(log_odds, truth) == pytest.approx([1 / 3] * 3, abs=0.03)


def test_a_useless_run_weighs_next_to_nothing() -> None:
    (good,), truth = models(20_000, [1.0])
    noise = np.random.default_rng(9).normal(size=good.shape)
    assert fit_weights([good, noise], truth)[1] < 0.05
    liar = -models(20_000, [1.0, 1.0])[0][1]
    assert fit_weights([good, liar], truth)[1] < 0.01


def test_few_images_move_the_weights_little() -> None:
    shares = {n: fit_weights([good, np.zeros_like(good)], truth)[0] for n in (1, 5, 50) for (good,), truth in [models(n, [1.0])]}
    assert 0.5 < shares[1] < 0.7
    assert shares[1] < shares[5] < shares[50]
    log_odds, truth = models(50, [1.0, 1.0], seed=5)
    assert fit_weights(log_odds, truth).min() > 0.25


def test_images_without_label_and_separable_ones_do_no_harm() -> None:
    log_odds, truth = models(200, [1.0, 2.0])
    some = np.where(np.arange(200) < 100, truth, -1)
    assert fit_weights(log_odds, some) == pytest.approx(fit_weights([each[:100] for each in log_odds], truth[:100]))
    assert fit_weights(log_odds, np.full(200, -1)) == pytest.approx([0.5, 0.5])
    sure = 1e3 * np.eye(3)[truth]
    assert np.isfinite(fit_weights([sure, 2 * sure, -sure], truth)).all()
