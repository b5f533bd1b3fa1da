from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tellapart import calibration
from tellapart.models.heads import LinearHead
from tellapart.models.saved_model import Member, SavedModel
from tellapart.predictions import Predictions
from tellapart.run_folder import Run
from tellapart.training.ensemble_members import Ensemble, EnsembleMember

NAMES = ("cat", "dog", "owl")
D = 5


def member(seed: int, weight: float) -> Member:
    rng = np.random.default_rng(seed)
    head = LinearHead(
        1.0, np.zeros(D, np.float32), np.ones(D, np.float32), rng.normal(size=(D, 3)).astype(np.float32), np.zeros(3, np.float32)
    )
    return Member((), "crop", True, (head,), weight)


def voter(name: str, temperature: float, members: tuple[Member, ...], names: tuple[str, ...] = NAMES) -> EnsembleMember:
    run = Run(Path(f"/runs/{name}"))
    model = SavedModel(names, members, temperature, 0.001, run.model_folder, {})
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
def voters() -> list[EnsembleMember]:
    """Runs of one and of three members that weigh differently, with temperatures far apart, one with its classes in another order."""
    three = tuple(member(10 + number, weight) for number, weight in enumerate((1.0, 2.5, 0.5)))
    return [voter("a-1", 0.4, (member(0, 7.0),)), voter("b-1", 3.0, three, ("owl", "cat", "dog"))]


def own_logits(voter: EnsembleMember, features: np.ndarray) -> np.ndarray:
    return voter.model.logits([each.logits(features) for each in voter.model.members])


def test_the_models_logits_are_the_weighted_mean_of_calibrated_log_odds_up_to_the_scale(
    voters: list[EnsembleMember], features: np.ndarray
) -> None:
    mixture = Ensemble(voters, np.array([0.3, 0.7]), temperature=1.7, clip=0.01)
    answers = []
    for each in voters:
        own = predictions(own_logits(each, features), each.model)
        answers.append(each.answers(own, own))
    mean = 0.3 * own_logits(voters[0], features) / 0.4 + 0.7 * own_logits(voters[1], features)[:, [1, 2, 0]] / 3.0
    assert np.allclose(mixture.log_odds(answers), mean)
    assert mixture.scale == pytest.approx(0.3 / 0.4 + 0.7 / 3.0)
    saved = mixture.classifier
    logits = saved.logits([each.logits(features) for each in saved.members])
    assert np.allclose(logits * mixture.scale, mean, atol=1e-5)
    assert sum(each.weight for each in saved.members) == pytest.approx(mixture.scale)
    assert np.allclose(saved.probabilities(logits), calibration.apply(mean, 1.7, 0.01), atol=1e-6)
    found = mixture.predictions(answers)
    assert np.allclose(found.logits, logits, atol=1e-5)
    assert np.allclose(found.probabilities, saved.probabilities(found.logits))
    assert found.source == "ensemble of 2 runs"


def test_members_of_a_run_keep_their_weights_among_each_other(voters: list[EnsembleMember]) -> None:
    weights = [each.weight for each in Ensemble(voters, np.array([0.5, 0.5])).classifier.members[1:]]
    assert np.array(weights) / sum(weights) == pytest.approx(np.array([1.0, 2.5, 0.5]) / 4)


def test_a_run_alone_says_what_it_said(voters: list[EnsembleMember], features: np.ndarray) -> None:
    saved = Ensemble(voters, np.array([0.0, 1.0]), clip=0.001).classifier
    assert len(saved.members) == 3, "who weighs nothing is not saved"
    logits = saved.logits([each.logits(features) for each in saved.members])
    expected = voters[1].model.probabilities(own_logits(voters[1], features))[:, [1, 2, 0]]
    assert np.allclose(saved.probabilities(logits), expected, atol=1e-6)
