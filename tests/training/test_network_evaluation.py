from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tellapart.augmentation.policy import parse_augmentation
from tellapart.dataset.file_rows import USED, FileRow
from tellapart.dataset.parts import Assignment
from tellapart.features import FeatureMatrix
from tellapart.models.backbone_card import Backbone
from tellapart.models.heads import LinearHead
from tellapart.models.saved_model import Member
from tellapart.run_metrics import TrainingCost
from tellapart.training.config import TrainingConfig
from tellapart.training.fold_training import FoldMember
from tellapart.training.network_evaluation import evaluate_network
from tellapart.training.network_recipe import NetworkRecipe, scratch_card
from tellapart.training.recipe_evaluation import Evaluation

CARD = scratch_card("tiny", 24)
RECIPE = NetworkRecipe("scratch", CARD, None, "crop", "all", parse_augmentation("none"), TrainingConfig(epochs=1), 3)
N, TESTED = 12, 6


def rows() -> list[FileRow]:
    parts = ["train"] * N + ["test"] * TESTED
    return [FileRow(f"{i}.jpg", f"{i:064x}", f"class {i % 2}", part, f"g{i}", USED, None, 9, 9, 1) for i, part in enumerate(parts)]


def fold(number: int, held_out: np.ndarray) -> FoldMember:
    """A member whose backbone answers its number, and whose head hands that on."""
    head = LinearHead(1.0, np.zeros(2, np.float32), np.ones(2, np.float32), np.eye(2, dtype=np.float32), np.zeros(2, np.float32))
    member = Member((Backbone(CARD, Path(f"{number}")),), "crop", False, (head,))
    event = {"epoch": 1, "train": {"loss": 1.0}, "held_out": None}
    return FoldMember(member, held_out, {"history": [event], "notes": [], "seconds": 2.0, "images": 30, "precision": "float32"})


def examined(held_out: list[np.ndarray]) -> Evaluation:
    folds = [fold(number, held) for number, held in enumerate(held_out, 1)]
    places = {id(each.member): number for number, each in enumerate(folds, 1)}
    files = rows()
    ids = tuple(row.image_id or "" for row in files)

    def features_of(members: Sequence[Member]) -> list[FeatureMatrix]:
        values = np.tile(np.arange(len(ids), dtype=np.float32)[:, None] / 100, (len(members), 1, 2))
        values[:, :, 0] = np.array([places[id(member)] for member in members])[:, None]
        return [FeatureMatrix(ids, each, {"backbone": "tiny"}) for each in values]

    base = FeatureMatrix(ids, np.empty((len(ids), 0), np.float32), {"backbone": ""})
    return evaluate_network(Assignment(files, [], [], []), base, RECIPE, folds, features_of, None)


def test_out_of_fold_answers_are_those_of_members_that_did_not_see_the_image() -> None:
    held_out = [np.array([0, 1, 6, 7]), np.array([2, 3, 8, 9]), np.array([4, 5, 10, 11])]
    found = examined(held_out).out_of_fold
    assert sorted(found.paths) == sorted(f"{i}.jpg" for i in range(N))
    answers = dict(zip(found.paths, found.logits[:, 0].tolist(), strict=True))
    for number, held in enumerate(held_out, 1):
        assert {answers[f"{i}.jpg"] for i in held} == {float(number)}
    for path, logits, label in zip(found.paths, found.logits, found.labels, strict=True):
        assert logits[1] == pytest.approx(int(path[:-4]) / 100)
        assert label == f"class {int(path[:-4]) % 2}"


def test_reported_images_are_answered_by_the_mean_of_all_members() -> None:
    examination = examined([np.arange(0, 4), np.arange(4, 8), np.arange(8, 12)])
    assert len(examination.predictions) == TESTED
    assert np.allclose(examination.predictions.logits[:, 0], 2.0)
    assert examination.metrics.training == TrainingCost(
        precision="float32",
        replicas=1,
        seconds=6.0,
        images=90,
        images_per_s=15.0,
        epochs=1,
        image_size=24,
        augmentation="none",
    )
    assert [(event["fold"], event["epoch"]) for event in examination.history] == [(1, 1), (2, 1), (3, 1)]
    assert [(row.fold, row.n) for row in examination.metrics.selection.members] == [(1, 4), (2, 4), (3, 4)]


@pytest.mark.parametrize(
    ("held_out", "members"), [([np.arange(3)], [(1, 3)]), ([np.arange(3), np.arange(0)], [(1, 3)]), ([np.arange(0)], [])]
)
def test_folds_that_hold_nothing_out_have_no_score(held_out: list[np.ndarray], members: list[Any]) -> None:
    examination = examined(held_out)
    selection = examination.metrics.selection
    assert [(row.fold, row.n) for row in selection.members] == members
    assert selection.n == len(examination.out_of_fold) == sum(n for _, n in members)
    assert (selection.log_loss is None) == (not members)
    assert np.isfinite(examination.predictions.probabilities).all()


@pytest.mark.parametrize("folds", [1, 3])
def test_familiarity_is_measured_on_what_the_first_member_held_out(folds: int) -> None:
    held_out = [np.arange(4 * number, 4 * number + 4) for number in range(folds)]
    examination = examined(held_out)
    found = examination.classifier.familiarity
    assert found is not None and examination.familiarity is not None
    assert (len(found.units), len(found.scale)) == (N - 4, 4)
    assert (found.energy is None) == (folds > 1), "an average of networks answers otherwise than each of them"
    assert examination.familiarity.shape == (TESTED,)
