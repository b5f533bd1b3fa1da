from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import minimize

from tellapart import calibration
from tellapart.evaluation.metrics import log_loss
from tellapart.models.heads import LinearHead
from tellapart.models.saved_model import Member, SavedModel
from tellapart.predictions import Predictions
from tellapart.run_folder import Run
from tellapart.training.ensemble import Ensemble, EnsembleMember, fit_weights

NAMES = ("cat", "dog", "owl")
D = 5


def member(seed: int, weight: float) -> Member:
    rng = np.random.default_rng(seed)
    head = LinearHead(
        1.0, np.zeros(D, np.float32), np.ones(D, np.float32), rng.normal(size=(D, 3)).astype(np.float32), np.zeros(3, np.float32)
    )
    return Member((), "crop", True, (head,), weight)


def run_member(name: str, temperature: float, members: tuple[Member, ...], names: tuple[str, ...] = NAMES) -> EnsembleMember:
    run = Run(Path(f"/runs/{name}"))
    model = SavedModel(names, members, temperature, 0.001, folder=run.model_folder, details={})
    run.__dict__["predictions"] = predictions(np.zeros((0, 3)), model)
    return EnsembleMember(run, model, NAMES)


def predictions(logits: np.ndarray, model: SavedModel) -> Predictions:
    n = len(logits)
    ids = tuple(f"{i:03}" for i in range(n))
    return Predictions(ids, ids, ("cat",) * n, model.probabilities(logits), logits, model.class_names, ("test",) * n, ids, "a recipe")


@pytest.fixture
def features() -> np.ndarray:
    return np.random.default_rng(1).normal(size=(20, D)).astype(np.float32)


@pytest.fixture
def run_members() -> list[EnsembleMember]:
    """Runs of one and of three members that weigh differently, with temperatures far apart, one with its classes in another order."""
    three = tuple(member(10 + number, weight) for number, weight in enumerate((1.0, 2.5, 0.5)))
    return [run_member("a-1", 0.4, (member(0, 7.0),)), run_member("b-1", 3.0, three, ("owl", "cat", "dog"))]


def own_logits(run_member: EnsembleMember, features: np.ndarray) -> np.ndarray:
    return run_member.model.logits([each.logits(features) for each in run_member.model.members])


def test_the_models_logits_are_the_weighted_mean_of_calibrated_log_odds_up_to_the_scale(
    run_members: list[EnsembleMember], features: np.ndarray
) -> None:
    ensemble = Ensemble(run_members, np.array([0.3, 0.7]), temperature=1.7, clip=0.01)
    answers = []
    for each in run_members:
        own = predictions(own_logits(each, features), each.model)
        answers.append(each.answers(own, own))
    mean = 0.3 * own_logits(run_members[0], features) / 0.4 + 0.7 * own_logits(run_members[1], features)[:, [1, 2, 0]] / 3.0
    assert np.allclose(ensemble.log_odds(answers), mean)
    assert ensemble.scale == pytest.approx(0.3 / 0.4 + 0.7 / 3.0)
    saved = ensemble.classifier
    logits = saved.logits([each.logits(features) for each in saved.members])
    assert np.allclose(logits * ensemble.scale, mean, atol=1e-5)
    assert sum(each.weight for each in saved.members) == pytest.approx(ensemble.scale)
    assert np.allclose(saved.probabilities(logits), calibration.apply(mean, 1.7, 0.01), atol=1e-6)
    found = ensemble.predictions(answers)
    assert np.allclose(found.logits, logits, atol=1e-5)
    assert np.allclose(found.probabilities, saved.probabilities(found.logits))
    assert found.source == "ensemble of 2 runs"


def test_members_of_a_run_keep_their_weights_among_each_other(run_members: list[EnsembleMember]) -> None:
    weights = [each.weight for each in Ensemble(run_members, np.array([0.5, 0.5])).classifier.members[1:]]
    assert np.array(weights) / sum(weights) == pytest.approx(np.array([1.0, 2.5, 0.5]) / 4)


def test_a_run_alone_says_what_it_said(run_members: list[EnsembleMember], features: np.ndarray) -> None:
    saved = Ensemble(run_members, np.array([0.0, 1.0]), clip=0.001).classifier
    assert len(saved.members) == 3, "who weighs nothing is not saved"
    logits = saved.logits([each.logits(features) for each in saved.members])
    expected = run_members[1].model.probabilities(own_logits(run_members[1], features))[:, [1, 2, 0]]
    assert np.allclose(saved.probabilities(logits), expected, atol=1e-6)


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
