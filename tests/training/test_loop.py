from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tellapart import calibration
from tellapart.errors import ModelError, StorageError
from tellapart.evaluation.metrics import log_loss
from tellapart.training import loop as loop_module
from tellapart.training.checkpoint import Checkpoint
from tellapart.training.config import TrainingConfig
from tellapart.training.data_loader import DataLoader
from tellapart.training.distributed import Compute
from tellapart.training.learner import Learner
from tellapart.training.loop import FoldRows, Loop, Trained
from tellapart.training.losses import Classification, logits_of
from tellapart.training.tracking import Listeners
from tests.training import toy_feed

N, HELD = 60, np.arange(48, 60)
TRAIN = np.arange(48)
PLAN = TrainingConfig(epochs=3, batch_size=10, lr=0.02)


class Interrupting:
    """Raises KeyboardInterrupt once the training has told of so many steps; hears notes."""

    def __init__(self, after: int = 10**9, error: type[BaseException] = KeyboardInterrupt) -> None:
        self.left, self.error = after, error
        self.notes: list[str] = []
        self.told: list[int] = []
        self.total: int | None = None

    @contextmanager
    def stage(self, title: str, total: int | None = None, unit: str = "images") -> Iterator[Callable[[int], None]]:
        self.total = total

        def advance(count: int) -> None:
            self.told.append(count)
            self.left -= 1
            if self.left < 0:
                raise self.error

        yield advance

    def note(self, message: str) -> None:
        self.notes.append(message)


def made(
    folder: Path, plan: TrainingConfig = PLAN, *, train: np.ndarray = TRAIN, held: np.ndarray = HELD, noise: float = 60.0, **more: Any
) -> Loop:
    pixels, targets = toy_feed.squares(N, noise=noise)
    feed = more.pop("feed", None) or toy_feed.feed_of(folder, pixels, targets, **more.pop("of_feed", {}))
    compute = Compute(**{name: more.pop(name) for name in ("processes", "replicas") if name in more})
    listeners = Listeners(**{name: more.pop(name) for name in ("progress", "on_epoch", "title") if name in more})
    learner = more.pop("learner", None) or toy_feed.learner()
    return Loop(learner, feed, FoldRows(train, held), plan, compute=compute, listeners=listeners, **more)


def losses(trained: Trained) -> list[float]:
    return [event["train"]["loss"] for event in trained.history]


def test_the_loss_falls_and_the_history_tells_of_it(tmp_path: Path) -> None:
    heard = Interrupting()
    trained = made(tmp_path, replace(PLAN, epochs=15), progress=heard).run()
    assert losses(trained)[-1] < 0.4 < losses(trained)[0]
    assert trained.history[-1]["held_out"]["accuracy"] > 0.9
    assert [event["epoch"] for event in trained.history] == list(range(1, 16))
    assert trained.history[-1]["step"] == 75
    assert trained.history[-1]["held_out"]["n"] == 12
    assert trained.images == 15 * 48 == heard.total == sum(heard.told)
    assert (len(heard.notes), trained.notes) == (15, [])
    assert trained.seconds > 0
    assert not trained.learner.training


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(tmp_path: Path) -> None:
    first, again, other = (made(tmp_path, replace(PLAN, seed=seed)).run().learner for seed in (0, 0, 1))
    assert toy_feed.equal(first, again)
    assert not toy_feed.equal(first, other)


@pytest.mark.parametrize("num_workers", [1, 4])
def test_the_number_of_workers_changes_nothing(tmp_path: Path, num_workers: int) -> None:
    first = made(tmp_path, of_feed={"augment": "strong"}).run().learner
    assert toy_feed.equal(first, made(tmp_path, of_feed={"augment": "strong", "num_workers": num_workers}).run().learner)


MOMENTS = [1, 4, 5, 6, 8, 14, 15]


@pytest.mark.parametrize("changes", [{}, {"averaging": 0.0}, {"mixup": 0.4, "cutmix": 0.5, "balance": "oversample"}, {"layer_decay": 0.5}])
def test_an_interrupted_training_ends_with_the_same_weights(
    tmp_path: Path, changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed again and again, a few steps after every start, with a checkpoint after every step."""
    monkeypatch.setattr(loop_module, "CHECKPOINT_EVERY_S", -1.0)
    plan, uneven = replace(PLAN, **changes), np.r_[TRAIN[TRAIN % 3 == 0], TRAIN[TRAIN % 3 == 1][:9], TRAIN[TRAIN % 3 == 2]]
    whole = made(tmp_path, plan, train=uneven).run()
    checkpoint = Checkpoint(tmp_path / "member.checkpoint")
    sessions = 0
    for number in range(100):
        try:
            steps = 2 + number % 3  # the first thing told is where it goes on from
            trained = made(
                tmp_path, plan, train=uneven, learner=toy_feed.learner(seed=number), checkpoint=checkpoint, progress=Interrupting(steps)
            ).run()
            break
        except KeyboardInterrupt:
            sessions += 1
    assert sessions >= 4
    assert toy_feed.equal(whole.learner, made_from_start(tmp_path, plan, uneven, checkpoint, trained))
    assert trained.images == whole.images
    assert without_speed(trained) == without_speed(whole)


def made_from_start(tmp_path: Path, plan: TrainingConfig, train: np.ndarray, checkpoint: Checkpoint, trained: Trained) -> torch.nn.Module:
    """The weights of a training that was over and is asked for again."""
    again = made(tmp_path, plan, train=train, checkpoint=checkpoint).run()
    assert toy_feed.equal(again.learner, trained.learner)
    return again.learner


def without_speed(trained: Trained) -> list[dict[str, Any]]:
    return [{k: v for k, v in event.items() if k not in ("seconds", "images_per_s")} for event in trained.history]


@pytest.mark.parametrize("moment", MOMENTS)
def test_one_interruption_at_each_kind_of_moment(tmp_path: Path, moment: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the middle of an epoch, at its end, in the last; with checkpoints only at the ends of epochs too."""
    whole = made(tmp_path).run().learner
    for every in (-1.0, 1e9):
        monkeypatch.setattr(loop_module, "CHECKPOINT_EVERY_S", every)
        checkpoint = Checkpoint(tmp_path / f"{every}.checkpoint")
        with pytest.raises(KeyboardInterrupt):
            made(tmp_path, checkpoint=checkpoint, progress=Interrupting(moment)).run()
        assert (checkpoint.load() is not None) == (moment > (1 if every < 0 else 5))
        resumed = made(tmp_path, checkpoint=checkpoint, learner=toy_feed.learner(seed=5) if moment > 5 else None).run()
        assert toy_feed.equal(whole, resumed.learner)


def test_a_damaged_checkpoint_is_a_fresh_start(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "member.checkpoint")
    with pytest.raises(KeyboardInterrupt):
        made(tmp_path, checkpoint=checkpoint, progress=Interrupting(8)).run()
    checkpoint.path.write_bytes(checkpoint.path.read_bytes()[:-20])
    assert toy_feed.equal(made(tmp_path, checkpoint=checkpoint).run().learner, made(tmp_path).run().learner)


def test_the_number_format_is_that_of_the_checkpoint(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "member.checkpoint")
    learner = toy_feed.learner()
    learner.is_autocast = True
    whole = made(tmp_path, learner=toy_feed.learner()).run()
    with pytest.raises(KeyboardInterrupt):
        made(tmp_path, learner=learner, checkpoint=checkpoint, progress=Interrupting(8)).run()
    loop = made(tmp_path, checkpoint=checkpoint)
    trained = loop.run()
    assert trained.learner.is_autocast
    assert loop.average is not None
    assert loop.average.network.is_autocast
    assert not toy_feed.equal(trained.learner, whole.learner)


def test_a_full_disk_at_a_checkpoint_is_a_storage_error_and_the_old_one_goes_on(tmp_path: Path, small_disk: Path) -> None:
    checkpoint = Checkpoint(small_disk / "member.checkpoint")
    filler = small_disk / "filler"

    class Filling(Interrupting):
        def note(self, message: str) -> None:
            if "epoch 2" in message:
                with pytest.raises(OSError, match="No space"), filler.open("wb", buffering=0) as file:
                    while True:
                        file.write(bytes(512))

    with pytest.raises(StorageError, match="no space left") as caught:
        made(tmp_path, checkpoint=checkpoint, progress=Filling()).run()
    assert caught.value.hint is not None
    assert "same command again" in caught.value.hint
    loaded = checkpoint.load()
    assert loaded is not None
    assert loaded.facts["epoch"] == 1
    filler.unlink()
    assert toy_feed.equal(
        made(tmp_path, checkpoint=checkpoint, learner=toy_feed.learner(seed=9)).run().learner, made(tmp_path).run().learner
    )


def judged(learner: Learner, feed: DataLoader) -> float:
    found = logits_of(learner, feed, HELD)
    targets = feed.targets[HELD]
    return log_loss(calibration.softmax(found, calibration.fit_temperature(found, targets)), targets)


def wrong_about(tmp_path: Path, share: float) -> DataLoader:
    """A feed whose held-out labels are wrong for a share of the rows."""
    pixels, targets = toy_feed.squares(N, noise=5.0)
    wrong = HELD[: round(share * len(HELD))]
    changed = targets.copy()
    changed[wrong] = (targets[wrong] + 1) % 3
    return toy_feed.feed_of(tmp_path, pixels, changed)


def test_patience_ends_what_does_harm_and_keeps_the_last_epoch_that_did_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    means = [1.0, 0.7, 0.5, 0.9, 0.5, 0.6, 0.55, 0.8, 0.3]
    seen: list[dict[str, torch.Tensor]] = []

    def judged(self: Classification, network: Learner, *_: Any) -> tuple[np.ndarray, float]:
        seen.append({key: value.clone() for key, value in network.state_dict().items()})
        return np.full(12, means[len(seen) - 1]), 0.5

    monkeypatch.setattr(Classification, "judged", judged)
    trained = made(tmp_path, replace(PLAN, epochs=40, patience=3, averaging=0.0)).run()
    assert [event["is_kept"] for event in trained.history] == [True, True, False, True, False, False, False]
    why = "every epoch since epoch 4, which is kept, was worse on the held-out photos"
    assert trained.notes == [f"training: stopped after epoch 7; {why}"]
    assert all(torch.equal(value, seen[4][key]) for key, value in trained.learner.state_dict().items())


def test_where_every_epoch_does_harm_the_start_is_kept(tmp_path: Path) -> None:
    feed = wrong_about(tmp_path, 1.0)
    learner = toy_feed.learner()
    start = judged(learner, feed)
    trained = made(tmp_path, replace(PLAN, epochs=40, patience=3, averaging=0.0), feed=feed, learner=learner).run()
    assert min(event["held_out"]["loss"] for event in trained.history) > start
    assert len(trained.history) == 3
    assert trained.notes == ["training: no epoch was better on the held-out photos than the start, which is kept"]
    assert judged(trained.learner, feed) == pytest.approx(start)


def test_where_nothing_selects_the_epoch_the_last_is_kept_whatever_it_is(tmp_path: Path) -> None:
    """Held-out images that will judge the network must not have chosen its weights; patience still ends what does harm."""
    feed = wrong_about(tmp_path, 1.0)
    learner = toy_feed.learner()
    start = judged(learner, feed)
    plan = replace(PLAN, epochs=40, patience=3, averaging=0.0, selects_epoch=False)
    trained = made(tmp_path, plan, feed=feed, learner=learner).run()
    assert [event["is_kept"] for event in trained.history] == [True] * len(trained.history)
    assert len(trained.history) < 40 and trained.notes[0].endswith("was worse on the held-out photos")
    assert judged(trained.learner, feed) == pytest.approx(trained.history[-1]["held_out"]["loss"])
    assert judged(trained.learner, feed) > start


def test_without_held_out_images_the_last_weights_are_kept(tmp_path: Path) -> None:
    loop = made(tmp_path, replace(PLAN, patience=1, averaging=0.0), held=np.array([], dtype=np.int64))
    trained = loop.run()
    assert [event["held_out"] for event in trained.history] == [None] * 3
    assert toy_feed.equal(trained.learner, loop.learner)


def test_balance_weights_makes_a_rare_class_count(tmp_path: Path) -> None:
    rare = np.r_[TRAIN[TRAIN % 3 != 2], [2, 5]]
    loop = made(tmp_path, replace(PLAN, balance="weights"), train=rare)
    assert isinstance(loop.objective, Classification)
    weights = loop.objective.class_weights
    assert weights is not None
    counts = np.array([16, 16, 2])
    assert weights.tolist() == pytest.approx((34 / (3 * counts)).tolist())
    recalls = []
    for balance in ("none", "weights"):
        trained = made(tmp_path, replace(PLAN, epochs=6, balance=balance), train=rare, noise=90.0).run()
        feed = toy_feed.feed_of(tmp_path, *toy_feed.squares(N, noise=90.0))
        found = logits_of(trained.learner, feed, HELD).argmax(1)
        recalls.append(float((found[HELD % 3 == 2] == 2).mean()))
    assert recalls[1] > recalls[0]


@pytest.mark.parametrize(("balance", "shown"), [("oversample", 48), ("undersample", 6)])
def test_other_balances_show_classes_more_or_less_often(tmp_path: Path, balance: str, shown: int) -> None:
    heard = Interrupting()
    trained = made(tmp_path, replace(PLAN, balance=balance), train=np.r_[TRAIN[TRAIN % 3 != 2], [2, 5]], progress=heard).run()
    assert trained.images == 3 * shown == heard.total == sum(heard.told)


def test_a_time_leaves_out_what_does_not_fit_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(loop_module.time, "monotonic", lambda: clock[0])
    original = Loop._step

    def step(self: Loop, batch: Any) -> bool:
        clock[0] += 1.0
        return original(self, batch)

    monkeypatch.setattr(Loop, "_step", step)
    trained = made(tmp_path, replace(PLAN, epochs=20, time_s=20.0)).run()
    assert trained.history[-1]["step"] == 18
    assert trained.notes == ["training: 20 s allow 3.6 of 20 epochs; the rest was left out"]
    assert trained.history[-1]["lr"] < 0.1 * PLAN.lr, "the learning rate comes down in the time there is"
    assert made(tmp_path, replace(PLAN, epochs=20, time_s=1000.0)).run().notes == []


def test_a_time_is_kept_where_training_slows_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(loop_module.time, "monotonic", lambda: clock[0])
    original = Loop._step

    def step(self: Loop, batch: Any) -> bool:
        clock[0] += 0.1 if self.at.step < 10 else 3.0
        return original(self, batch)

    monkeypatch.setattr(Loop, "_step", step)
    trained = made(tmp_path, replace(PLAN, epochs=20, time_s=20.0)).run()
    assert trained.seconds < 24
    assert trained.notes == ["training: 20 s were over after 3.4 epochs, as it had become slower"]


def test_epochs_are_counted_truly_after_a_plan_that_was_cut_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time allowed 18 of 100 steps, and it became slower still: 12 steps of 5 an epoch are 2.4 epochs, of which 20 were planned."""
    clock = [0.0]
    monkeypatch.setattr(loop_module.time, "monotonic", lambda: clock[0])
    original = Loop._step

    def step(self: Loop, batch: Any) -> bool:
        clock[0] += 1.0 if self.at.step < 8 else 3.0
        return original(self, batch)

    monkeypatch.setattr(Loop, "_step", step)
    trained = made(tmp_path, replace(PLAN, epochs=20, time_s=20.0)).run()
    assert trained.history[-1]["step"] == 12
    assert trained.notes == [
        "training: 20 s allow 3.6 of 20 epochs; the rest was left out",
        "training: 20 s were over after 2.4 epochs, as it had become slower",
    ]


@pytest.mark.parametrize("slow", [1.0, 4.0])
def test_judging_is_part_of_the_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slow: float) -> None:
    """A step takes 1 s, judging 4 s, and later each ``slow`` times as long: the end still comes in time."""
    clock = [0.0]
    monkeypatch.setattr(loop_module.time, "monotonic", lambda: clock[0])
    stepped, judged = Loop._step, Classification.judged

    def step(self: Loop, batch: Any) -> bool:
        clock[0] += 1.0 if self.at.step < 10 else slow
        return stepped(self, batch)

    def judge(self: Classification, *args: Any) -> Any:
        clock[0] += 4.0
        return judged(self, *args)

    monkeypatch.setattr(Loop, "_step", step)
    monkeypatch.setattr(Classification, "judged", judge)
    trained = made(tmp_path, replace(PLAN, epochs=20, time_s=60.0)).run()
    assert 40 <= clock[0] <= 60 + slow
    assert trained.history[-1]["held_out"] is not None


def test_a_time_shorter_than_a_step_still_trains(tmp_path: Path) -> None:
    trained = made(tmp_path, replace(PLAN, time_s=1e-9)).run()
    assert trained.history[-1]["step"] == 1
    assert len(trained.notes) == 1


@pytest.mark.parametrize("what", ["loss", "gradient"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_an_infinite_loss_before_the_first_epoch_ended_is_a_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: float, what: str
) -> None:
    breaking(monkeypatch, at=3, value=value, what=what)
    with pytest.raises(ModelError, match="the loss became infinite in epoch 1") as caught:
        made(tmp_path).run()
    assert caught.value.hint == "try a lower learning rate: --lr 0.004"


@pytest.mark.parametrize("what", ["loss", "gradient"])
def test_an_infinite_loss_later_keeps_the_last_good_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    breaking(monkeypatch, at=12, value=math.nan, what=what)
    loop = made(tmp_path, checkpoint=Checkpoint(tmp_path / "member.checkpoint"))
    trained = loop.run()
    assert [event["epoch"] for event in trained.history] == [1, 2]
    best = trained.history[int(np.argmin([event["held_out"]["loss"] for event in trained.history]))]["epoch"]
    note = f"training: the loss became infinite in epoch 3; the weights after epoch {best} are kept (a lower --lr than 0.02 may help)"
    assert trained.notes == [note]
    assert all(bool(value.isfinite().all()) for value in trained.learner.state_dict().values())
    assert toy_feed.equal(trained.learner, made(tmp_path, checkpoint=Checkpoint(tmp_path / "member.checkpoint")).run().learner)


def breaking(monkeypatch: pytest.MonkeyPatch, *, at: int, value: float, what: str) -> None:
    """From step ``at`` on the loss, or only its gradient, is ``value``."""
    original, steps = Classification.loss, count()

    def loss(self: Classification, logits: torch.Tensor, x: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        found = original(self, logits, x, targets)
        if next(steps) < at:
            return found
        if what == "loss":
            return found * value
        logits.register_hook(lambda gradient: gradient * value)
        return found

    monkeypatch.setattr(Classification, "loss", loss)


@pytest.mark.parametrize("lr", [1e8, 1e30])
def test_a_mad_learning_rate_gives_an_error_or_finite_weights(tmp_path: Path, lr: float) -> None:
    try:
        trained = made(tmp_path, replace(PLAN, lr=lr, averaging=0.0), learner=toy_feed.learner(norm=False)).run()
    except ModelError as error:
        assert error.hint is not None
        assert "lower learning rate" in error.hint
    else:
        assert all(bool(value.isfinite().all()) for value in trained.learner.state_dict().values())
        assert all(math.isfinite(event["held_out"]["loss"]) for event in trained.history)


def test_a_batch_larger_than_the_set_is_the_set(tmp_path: Path) -> None:
    trained = made(tmp_path, replace(PLAN, batch_size=4096)).run()
    assert trained.history[-1]["step"] == 3


def test_label_smoothing_keeps_the_network_from_being_sure(tmp_path: Path) -> None:
    sure, unsure = (made(tmp_path, replace(PLAN, epochs=12, label_smoothing=s), noise=5.0).run().learner for s in (0.0, 0.6))
    feed = toy_feed.feed_of(tmp_path, *toy_feed.squares(N, noise=5.0))
    tops = [torch.from_numpy(logits_of(network, feed, HELD)).softmax(1).amax(1).mean() for network in (sure, unsure)]
    assert tops[0] > tops[1]
    assert tops[1] < 0.75, "with 0.6 of the truth spread over three classes the truth is 0.6"


def test_checkpoints_come_by_the_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved = []
    monkeypatch.setattr(Checkpoint, "save", lambda self, states, facts: saved.append((facts["epoch"], facts["batch"])))
    made(tmp_path, checkpoint=Checkpoint(tmp_path / "a")).run()
    assert saved == [(1, 0), (2, 0), (3, 0)]
    saved.clear()
    monkeypatch.setattr(loop_module, "CHECKPOINT_EVERY_S", -1.0)
    made(tmp_path, checkpoint=Checkpoint(tmp_path / "a")).run()
    assert saved == [(e + (b == 0), b) for e in range(3) for b in (1, 2, 3, 4, 0)]
