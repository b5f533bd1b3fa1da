from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tellapart.augmentation.policy import parse_augmentation
from tellapart.errors import StorageError
from tellapart.images.pixel_store import PixelStore
from tellapart.models.feature_network import bare_network
from tellapart.models.heads import LinearHead
from tellapart.training import fold_training, loop
from tellapart.training.config import TrainingConfig
from tellapart.training.distributed import Processes
from tellapart.training.fold_training import FoldMember, train_members, training_folder
from tellapart.training.linear_probe import HeadChoice, LabeledFeatures
from tellapart.training.network_recipe import NetworkRecipe, exported, head_of, scratch_card
from tellapart.training.tracking import Listeners
from tests.training import toy_feed
from tests.training.test_loop import Interrupting

SIZE = 24
N = 30
PLAN = TrainingConfig(epochs=2, batch_size=8, lr=2e-3)


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path / "cache"))


def recipe(**changes: Any) -> NetworkRecipe:
    fields = {"name": "scratch", "card": scratch_card("tiny", SIZE), "backbone": None, "resize": "crop", "unfreeze": "all"}
    return NetworkRecipe(
        **{**fields, "augmentation": parse_augmentation("flip"), "plan": PLAN, "folds": 1, "precision": "float32"} | changes
    )


def images(
    n: int = N, k: int = 3, *, targets: np.ndarray | None = None, groups: list[str] | None = None
) -> tuple[LabeledFeatures, list[str]]:
    """Training images whose squares lie in the store."""
    pixels, found = toy_feed.squares(n, k=k, size=SIZE)
    targets = found if targets is None else targets
    names = toy_feed.ids(n)
    PixelStore(fold_training.cache_root() / "pixels", SIZE, "crop").write(names, pixels)
    names_of = [f"class {i}" for i in range(int(targets.max()) + 1)]
    return LabeledFeatures(np.empty((n, 0), np.float32), targets, groups or names, names_of), names


def trained(of: NetworkRecipe, data: tuple[LabeledFeatures, list[str]], **more: Any) -> list[FoldMember]:
    return train_members(of, *data, **{"device": "cpu", "num_workers": 0, **more})


def tensors(member: FoldMember) -> dict[str, torch.Tensor]:
    (backbone,) = member.member.backbones
    return backbone.state()


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[np.ndarray, np.ndarray]]]:
    """The rows learned from and held out of each training that was really begun."""
    begun = []
    original = fold_training.Loop

    def remembered(learner: Any, feed: Any, rows: loop.FoldRows, *rest: Any, **more: Any) -> Any:
        begun.append((rows.train, rows.held_out))
        return original(learner, feed, rows, *rest, **more)

    monkeypatch.setattr(fold_training, "Loop", remembered)
    yield begun


def test_every_image_is_held_out_of_exactly_one_fold(trainings: list[tuple[np.ndarray, np.ndarray]]) -> None:
    found = trained(recipe(folds=3), images())
    assert len(found) == 3
    assert np.array_equal(np.sort(np.concatenate([member.held_out for member in found])), np.arange(N))
    for (train, held_out), member in zip(trainings, found, strict=True):
        assert np.array_equal(held_out, member.held_out)
        assert np.array_equal(np.sort(np.r_[train, held_out]), np.arange(N))
    heads = [member.member.heads[0].weight for member in found]
    assert not np.allclose(heads[0], heads[1])


def test_one_member_holds_out_a_fifth() -> None:
    (member,) = trained(recipe(), images())
    assert len(member.held_out) == 6
    assert sorted(np.bincount(member.held_out % 3).tolist()) == [2, 2, 2]


def test_groups_are_not_divided(trainings: list[tuple[np.ndarray, np.ndarray]]) -> None:
    groups = [f"{i % 3} {i // 9}" for i in range(N)]
    trained(recipe(folds=2), images(groups=groups))
    for train, held_out in trainings:
        assert {groups[i] for i in train}.isdisjoint({groups[i] for i in held_out})


def test_copies_of_one_image_are_trained_on() -> None:
    """Two files with the same bytes have one id, one square and two rows."""
    data, names = images()
    twice = [names[0], *names[:-1]]
    (member,) = trained(recipe(), (data, twice))
    assert len(member.facts["history"]) == 2


def test_a_class_with_one_image_is_never_held_out() -> None:
    targets = np.r_[np.zeros(14, int), np.ones(15, int), [2]]
    found = trained(recipe(folds=3), images(targets=targets))
    assert N - 1 not in np.concatenate([member.held_out for member in found])
    assert all(member.member.heads[0].weight.shape == (64, 3) for member in found)


def test_folds_without_images_are_left_out() -> None:
    found = trained(recipe(folds=9), images(4, 2))
    assert sorted(np.concatenate([member.held_out for member in found]).tolist()) == [0, 1, 2, 3]
    assert len(found) == 4


def test_two_images_are_the_least() -> None:
    (member,) = trained(recipe(), images(2, 2))
    assert len(member.held_out) == 0
    assert member.facts["history"][-1]["held_out"] is None


def test_finished_members_are_not_trained_again(trainings: list[tuple[np.ndarray, np.ndarray]]) -> None:
    data = images()
    with pytest.raises(KeyboardInterrupt):
        trained(recipe(folds=3), data, listeners=Listeners(Interrupting(11)))
    assert len(trainings) == 2
    folder = training_folder(recipe(folds=3), *data, device="cpu")
    assert {path.name for path in folder.iterdir()} == {"member-1.safetensors", "member-2.checkpoint"}
    found = trained(recipe(folds=3), data)
    assert len(trainings) == 4
    assert {path.name for path in folder.iterdir()} == {f"member-{i}.safetensors" for i in (1, 2, 3)}
    trained(recipe(folds=3), data)
    assert len(trainings) == 4
    for path in folder.iterdir():
        path.unlink()
    for whole, member in zip(trained(recipe(folds=3), data), found, strict=True):
        assert whole.member.backbones[0].card == member.member.backbones[0].card
        assert all(torch.equal(a, b) for a, b in zip(tensors(whole).values(), tensors(member).values(), strict=True))
        assert np.array_equal(whole.member.heads[0].weight, member.member.heads[0].weight)


def test_a_damaged_member_is_trained_again(trainings: list[tuple[np.ndarray, np.ndarray]]) -> None:
    data = images()
    (first,) = trained(recipe(), data)
    (path,) = training_folder(recipe(), *data, device="cpu").iterdir()
    path.write_bytes(path.read_bytes()[:-8])
    (second,) = trained(recipe(), data)
    assert len(trainings) == 2
    assert first.member.backbones[0].card == second.member.backbones[0].card


def test_a_member_says_what_the_learner_said() -> None:
    data = images()
    kept = []

    class Kept(loop.Loop):
        def run(self) -> loop.Trained:
            found = super().run()
            kept.append(found.learner)
            return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fold_training, "Loop", Kept)
        (member,) = trained(recipe(), data)
    (learner,) = kept
    network = bare_network(member.member.backbones[0].card)
    network.load_state_dict(tensors(member), strict=True)
    x = torch.randn(4, 3, SIZE, SIZE)
    with torch.inference_mode():
        said = member.member.logits(network.eval()(x).numpy())
        assert np.allclose(said, learner(x).numpy(), atol=1e-5)
    assert exported(learner).keys() == tensors(member).keys()
    assert isinstance(head_of(learner), LinearHead)


def test_weights_are_named_by_what_they_are_not_by_how_long_they_took(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    cards = []
    for number in range(2):
        monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path / f"cache{number}"))
        (member,) = trained(recipe(), images())
        cards.append(member.member.backbones[0].card)
    assert cards[0] == cards[1]
    assert cards[0].weights_sha256 != scratch_card("tiny", SIZE).weights_sha256
    assert len(cards[0].weights_sha256) == len(hashlib.sha256().hexdigest())


def test_the_folder_depends_on_all_the_result_depends_on_and_on_nothing_else() -> None:
    data, names = images()
    base = training_folder(recipe(), data, names, device="cpu")
    assert base == training_folder(recipe(), data, names, device="cpu")
    others = {
        training_folder(recipe(plan=replace(PLAN, lr=1e-3)), data, names, device="cpu"),
        training_folder(recipe(plan=replace(PLAN, seed=1)), data, names, device="cpu"),
        training_folder(recipe(augmentation=parse_augmentation("light")), data, names, device="cpu"),
        training_folder(recipe(folds=2), data, names, device="cpu"),
        training_folder(recipe(unfreeze="last"), data, names, device="cpu"),
        training_folder(recipe(resize="pad"), data, names, device="cpu"),
        training_folder(recipe(card=scratch_card("classic", SIZE)), data, names, device="cpu"),
        training_folder(recipe(card=scratch_card("tiny", 32)), data, names, device="cpu"),
        training_folder(recipe(head=HeadChoice(1.0, 0.1)), data, names, device="cpu"),
        training_folder(recipe(), data, names[::-1], device="cpu"),
        training_folder(recipe(), replace(data, targets=data.targets[::-1]), names, device="cpu"),
        training_folder(recipe(), data, names, device="cuda"),
        training_folder(recipe(), data, names, device="cpu", processes=Processes(1, 2)),
    }
    assert len(others | {base}) == 14
    first, second = (training_folder(recipe(), data, names, device="cpu", processes=Processes(rank, 2)) for rank in (0, 1))
    assert first == second


def test_the_time_is_shared_by_the_folds(monkeypatch: pytest.MonkeyPatch) -> None:
    plans = []
    original = fold_training.Loop
    monkeypatch.setattr(fold_training, "Loop", lambda *given, **more: plans.append(given[3]) or original(*given, **more))
    trained(recipe(folds=2, plan=replace(PLAN, time_s=50.0)), images())
    assert [plan.time_s for plan in plans] == [25.0, 25.0]


def test_without_its_squares_a_training_says_what_to_do() -> None:
    data, names = images()
    for path in (fold_training.cache_root() / "pixels").rglob("*.json"):
        path.unlink()
    with pytest.raises(StorageError, match="30 images are missing") as caught:
        trained(recipe(), (data, names))
    assert caught.value.hint == "run the same command again"


def test_what_is_used_of_the_time_limit_is_not_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[float | None] = []
    original = fold_training.Loop

    def remembered(learner: Any, feed: Any, rows: loop.FoldRows, plan: TrainingConfig, **more: Any) -> Any:
        limits.append(plan.time_s)
        return original(learner, feed, rows, replace(plan, time_s=None), **more)

    monkeypatch.setattr(fold_training, "Loop", remembered)
    trained(recipe(folds=2, plan=replace(PLAN, time_s=100.0)), images(), used_s=40.0)
    assert limits == [30.0, 30.0]
