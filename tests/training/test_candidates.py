from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tellapart import calibration
from tellapart.array_types import FloatArray
from tellapart.models.backbone_card import Backbone
from tellapart.models.heads import LinearHead
from tellapart.models.saved_model import Classifier, Member
from tellapart.training.candidates import Candidate, average, choose, guarded_weights
from tellapart.training.network_recipe import scratch_card
from tests.training.toy import labeled

N, K = 300, 3
TRAIN = labeled(N, k=K)
ALONE = np.arange(N)
CARD = scratch_card("tiny", 24)


def member(weight: float = 1.0) -> Member:
    """A member that hands its features on as logits."""
    head = LinearHead(1.0, np.zeros(K, np.float32), np.ones(K, np.float32), np.eye(K, dtype=np.float32), np.zeros(K, np.float32))
    return Member((Backbone(CARD, Path("none")),), "crop", False, (head,), weight)


def answers(noise: float, seed: int, scale: float = 1.0) -> FloatArray:
    rng = np.random.default_rng(seed)
    return np.asarray(scale * (2.0 * np.eye(K)[TRAIN.targets] + rng.normal(scale=noise, size=(N, K))))


def candidate(name: str, logits: FloatArray, members: int = 1, rows: FloatArray | None = None) -> Candidate:
    rows = np.arange(N) if rows is None else rows
    logits = logits[rows]
    temperature = calibration.fit_temperature(logits, TRAIN.targets[rows])
    names = tuple(TRAIN.class_names)
    return Candidate(name, Classifier(names, (member(),) * members, temperature, 1e-4), rows, logits)


def test_an_average_says_what_its_saved_members_say() -> None:
    """Two candidates of other scale and number of members, calibrated each for itself, become one flat classifier."""
    first, second = candidate("probe", answers(2.0, 1)), candidate("network", answers(2.0, 2, scale=5.0), members=3)
    found = average([first, second], np.array([0.4, 0.6]), np.arange(N), TRAIN.targets)
    of_members = [answers(2.0, 2, scale=5.0)] * 3 + [answers(2.0, 1)]  # the heavier first
    flat = found.classifier.logits([m.logits(x.astype(np.float32)) for m, x in zip(found.classifier.members, of_members, strict=True)])
    assert np.allclose(flat, found.logits, atol=1e-4)
    odds = 0.4 * first.log_odds(np.arange(N)) + 0.6 * second.log_odds(np.arange(N))
    same = calibration.apply(odds, calibration.fit_temperature(odds, TRAIN.targets), found.classifier.clip)
    assert np.allclose(found.classifier.probabilities(flat), same, atol=1e-5)


def test_a_harmful_network_leaves_the_first_exactly_as_it_was() -> None:
    probe = candidate("probe", answers(1.0, 1))
    useless = candidate("network", -answers(1.0, 2))
    choice = choose([probe, useless], TRAIN, networks=1, seed=0)
    assert choice.candidate is probe and choice.weights.tolist() == [1.0, 0.0]
    assert choice.gain is not None and choice.gain[0] > 0


def test_a_useful_network_is_averaged_in_and_logits_follow() -> None:
    candidates = [candidate("probe", answers(2.0, 1)), candidate("network", answers(2.0, 2, scale=4.0))]
    choice = choose(candidates, TRAIN, networks=1, seed=0)
    assert choice.weights.min() > 0.2 and choice.gain is None
    assert np.allclose(choice.logits([each.logits for each in candidates]), choice.candidate.logits)
    assert choice.log_loss is not None and choice.log_loss < min(choice.candidate_losses)
    assert [row.name for row in choice.candidate_weights()] == ["probe", "network"]


def test_only_rows_that_all_have_judged_choose() -> None:
    held_out = np.arange(0, N, 5)
    choice = choose([candidate("probe", answers(2.0, 1)), candidate("network", answers(1.0, 2), rows=held_out)], TRAIN, networks=1, seed=0)
    assert choice.rows.tolist() == held_out.tolist()


@pytest.mark.parametrize("number", [0, 5, 19])
def test_too_few_images_choose_nothing(number: int) -> None:
    few = np.arange(number)
    choice = choose([candidate("probe", answers(4.0, 1)), candidate("network", answers(0.1, 2), rows=few)], TRAIN, networks=1, seed=0)
    assert choice.weights.tolist() == [1.0, 0.0]


def test_probes_have_to_earn_their_place_and_a_network_only_must_not_harm() -> None:
    probe, twin = candidate("probe", answers(2.0, 1)), candidate("twin", answers(2.0, 1) + 0.001)
    network = candidate("network", answers(2.2, 3))
    choice = choose([probe, twin, network], TRAIN, networks=1, seed=0)
    assert choice.weights[1] == 0 and choice.weights[0] > 0.2 and choice.weights[2] > 0.2
    assert choose([probe, twin], TRAIN, networks=0, seed=0).weights.tolist() == [1.0, 0.0]
    assert choose([network], TRAIN, networks=1, seed=0).weights.tolist() == [1.0]


def test_the_average_of_probes_and_network_is_what_its_shares_say() -> None:
    candidates = [candidate(f"probe {seed}", answers(2.0, seed)) for seed in (1, 2)] + [candidate("network", answers(2.0, 3, scale=3.0))]
    choice = choose(candidates, TRAIN, networks=1, seed=0)
    assert (choice.weights > 0.15).all() and choice.weights.sum() == pytest.approx(1)
    assert np.allclose(choice.logits([each.logits for each in candidates]), choice.candidate.logits)


def test_a_network_beside_the_first_needs_no_proof_but_must_not_harm() -> None:
    first = answers(1.5, 1)
    beside = guarded_weights([first, answers(1.6, 2)], TRAIN.targets, ALONE)
    assert beside.min() > 0.3
    few = np.arange(30)
    assert guarded_weights([first[few], answers(2.0, 3)[few]], TRAIN.targets[few], few).min() > 0.1
    wrong = 4.0 * np.eye(K)[(TRAIN.targets + 1) % 3] + answers(1.0, 4) / 4
    assert guarded_weights([first, wrong], TRAIN.targets, ALONE).tolist() == [1.0, 0.0]
    nothing = np.empty((0, K))
    assert guarded_weights([nothing, nothing], np.empty(0, np.int64), np.empty(0, np.int64)).tolist() == [1.0, 0.0]
