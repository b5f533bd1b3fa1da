"""The training loop: a learner, a data loader and a config give weights that do not depend on interruptions.

Order, augmentation, mixing and dropout are functions of the seed, the epoch and the step, never of what ran before.
So a killed training that goes on from its checkpoint ends with the same weights as one that never stopped (same
machine, build and number of torch threads; any number of workers).
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from tellapart.array_types import FloatArray, IntArray
from tellapart.counts import count
from tellapart.errors import ModelError
from tellapart.training.activation_cache import ActivationFeed
from tellapart.training.checkpoint import Checkpoint, optimizer_tensors, restore_optimizer
from tellapart.training.config import TrainingConfig, TrainingState
from tellapart.training.data_loader import Batch, DataLoader
from tellapart.training.distributed import Compute
from tellapart.training.early_stopping import EpochChoice, is_out_of_patience
from tellapart.training.ema import MovingAverage
from tellapart.training.learner import Learner
from tellapart.training.losses import Classification, Objective
from tellapart.training.lr_schedule import one_cycle
from tellapart.training.mixup_cutmix import mix_batch
from tellapart.training.sampler import batches_of, epoch_rows
from tellapart.training.thread_replicas import Replicas
from tellapart.training.tracking import Listeners

CHECKPOINT_EVERY_S = 120.0
TIMED_STEPS = 8
SHARE_FOR_STEPS = 0.9


@dataclass(frozen=True, eq=False)
class Trained:
    """The result of a training.

    Attributes:
        learner: with the weights that were kept; see :class:`tellapart.training.early_stopping.EpochChoice`.
        history: one dict an epoch.
        notes: sentences for the report, such as early stopping.
        seconds: of training proper, over all its sessions.
        images: trained on, counted once per epoch.
    """

    learner: Learner
    history: list[dict[str, Any]]
    notes: list[str]
    seconds: float
    images: int


@dataclass(frozen=True, eq=False)
class FoldRows:
    """The rows of one training, int64 (n,) each.

    Attributes:
        train: rows to learn from.
        held_out: rows that choose the epoch; may be empty.
    """

    train: IntArray
    held_out: IntArray


class Loop:
    """One training.

    Args:
        learner: backbone and head; already on its device.
        feed: the images.
        rows: to learn from and held out.
        plan: epochs, learning rate, augmentation and the like.
        objective: the loss; by default classification.
        checkpoint: file to resume from and to write; None for no checkpoints.
        compute: process group and threads.
        listeners: who follows the training.
    """

    def __init__(
        self,
        learner: Learner,
        feed: DataLoader | ActivationFeed,
        rows: FoldRows,
        plan: TrainingConfig,
        *,
        objective: Objective | None = None,
        checkpoint: Checkpoint | None = None,
        compute: Compute = Compute(),  # noqa: B008
        listeners: Listeners = Listeners(),  # noqa: B008
    ) -> None:
        self.learner, self.feed, self.train, self.held_out, self.plan = learner, feed, rows.train, rows.held_out, plan
        self.checkpoint, self.processes = checkpoint, compute.processes
        self.progress, self.title = listeners.progress, listeners.title
        self.on_epoch = listeners.on_epoch if self.processes.is_first else None
        self.replicas = Replicas(learner, compute.replicas)
        self.average = MovingAverage(learner, plan.averaging) if plan.averaging else None
        groups = [{**group} for group in learner.parameter_groups(plan.layer_decay, plan.weight_decay)]
        self.optimizer = torch.optim.AdamW(groups, lr=plan.lr, fused=True)
        self.kept: dict[str, torch.Tensor] = {}
        self.choice = EpochChoice(self.processes.mean)
        self.at = TrainingState()
        self.objective = objective or Classification.of(plan, feed, rows.train, learner.head.out_features)

    def run(self) -> Trained:
        """Train to the end, from the checkpoint if there is one.

        Raises:
            ModelError: the loss became infinite or NaN before the first epoch ended.
            StorageError: a checkpoint cannot be written; the last one stays.
        """
        self._resume()
        an_epoch = epoch_rows(self.feed.targets[self.train], self.plan.balance, seed=0, epoch=0)
        self._steps_an_epoch = len(batches_of(an_epoch, self.plan.batch_size))
        self.at.steps = self.at.steps or self.plan.epochs * self._steps_an_epoch
        self._begun, self._saved = time.monotonic() - self.at.seconds, time.monotonic()
        images = len(an_epoch) * self.plan.epochs
        if not self.at.step and len(self.held_out) and self.plan.selects_epoch:
            self.choice.start(self._judged(self.learner)[0])
            self._keep(self.learner)
        with closing(self.replicas), self.progress.stage(self.title, total=images) as advance:
            advance(min(images, self.at.images))
            while not self.at.is_over:
                for count in self._epoch():
                    advance(count)
        if self.at.kept_epoch < 0 and len(self.held_out) and self.plan.selects_epoch:
            self.at.notes.append(f"{self.title}: no epoch was better on the held-out photos than the start, which is kept")
        if self.kept:
            self.learner.load_state_dict({k: v.to(next(self.learner.parameters()).device) for k, v in self.kept.items()})
        self.learner.eval()
        return Trained(self.learner, self.at.history, self.at.notes, self.at.seconds, self.at.images)

    def _keep(self, network: Learner) -> None:
        """Keep these weights, in place of those that were kept before."""
        self.kept = {key: value.detach().to("cpu", copy=True) for key, value in network.state_dict().items()}

    def _epoch(self) -> Iterator[int]:
        """Train what is left of an epoch; yields the number of images of each step."""
        at, plan = self.at, self.plan
        rows = self.train[epoch_rows(self.feed.targets[self.train], plan.balance, seed=plan.seed, epoch=at.epoch)]
        batches = [self.processes.share(batch) for batch in batches_of(rows, plan.batch_size)]
        for batch in self.feed.epoch(batches, seed=plan.seed, epoch=at.epoch, first=at.batch):
            if not self._step(batch):
                return
            at.batch += 1
            at.step += 1
            at.seconds = time.monotonic() - self._begun
            self._keep_to_the_time()
            yield len(batch.targets) * self.processes.count
            if at.step >= at.steps:
                break
            if time.monotonic() - self._saved > CHECKPOINT_EVERY_S and at.batch < len(batches):
                self._save()
        self._end_epoch()

    def _step(self, batch: Batch) -> bool:
        """One step; False if the loss is not a number, and training is over."""
        at, plan = self.at, self.plan
        for group in self.optimizer.param_groups:
            group["lr"] = plan.lr * group["scale"] * one_cycle(at.step, at.steps)
        x, losses_of = mix_batch(batch, plan.mixup, plan.cutmix, seed=_hash(plan.seed + 1, at.step, self.processes.rank))

        whole = self.processes.mean(self.objective.weight(batch.targets))

        def loss_of(part: slice, logits: torch.Tensor) -> torch.Tensor:
            def share(targets: torch.Tensor) -> torch.Tensor:
                return self.objective.loss(logits, x[part], targets[part]) * (self.objective.weight(targets[part]) / whole)

            return losses_of(share)

        loss, logits = self.replicas.step(x, loss_of, _hash(plan.seed, at.step, self.processes.rank))
        self.processes.average_gradients(self.learner)
        norm = float(torch.nn.utils.clip_grad_norm_(list(self.learner.trained()), plan.clip_norm))
        value = self.processes.mean(loss)
        if not math.isfinite(value + norm):
            self._break_off()
            return False
        self.optimizer.step()
        if self.average:
            self.average.update(self.learner, at.step + 1)
        at.loss += value * len(batch.targets)
        at.right += self.objective.right(logits, batch.targets)
        at.seen += len(batch.targets)
        at.images += len(batch.targets) * self.processes.count
        return True

    def _keep_to_the_time(self) -> None:
        """Once the speed is known, plan no more steps than fit into the time; end where it has slowed down since.

        Judging the held-out images after every epoch, the last one too, is part of the time.
        """
        at, limit = self.at, self.plan.time_s
        if limit is None or at.step >= at.steps:
            return
        seconds, judging = self.processes.mean(at.seconds), self.processes.mean(at.judging_s)
        if seconds + judging >= limit:
            at.steps = at.step
            at.notes.append(f"{self.title}: {limit:.0f} s were over after {self._epochs(at.step)}, as it had become slower")
        elif at.step == TIMED_STEPS:
            times_judged = 1 + at.epoch if len(self.held_out) else 0
            a_step = max(seconds - times_judged * judging, 0.0) / at.step + judging / self._steps_an_epoch
            fitting = max(at.step + 1, int((SHARE_FOR_STEPS * limit - judging) / max(a_step, 1e-9)))
            if fitting < at.steps:
                at.steps = fitting
                allowed = f"{fitting / self._steps_an_epoch:.1f} of {count(self.plan.epochs, 'epoch')}"
                at.notes.append(f"{self.title}: {limit:.0f} s allow {allowed}; the rest was left out")

    def _epochs(self, steps: int) -> str:
        """How many epochs so many steps are, in words."""
        return f"{steps / self._steps_an_epoch:.1f} epochs"

    def _end_epoch(self) -> None:
        at = self.at
        judged = self.average.network if self.average else self.learner
        losses, share = self._judged(judged) if len(self.held_out) else (np.empty(0), 0.0)
        loss = self.processes.mean(float(losses.mean())) if len(losses) else None
        if loss is not None and not math.isfinite(loss):
            self._break_off()
            return
        is_best = self.choice.is_kept(losses)
        is_kept = is_best or not self.plan.selects_epoch
        at.kept_epoch = at.epoch if is_best else at.kept_epoch
        if is_kept:
            self._keep(judged)
        at.history.append(
            {
                "epoch": at.epoch + 1,
                "step": at.step,
                "lr": self.plan.lr * one_cycle(at.step - 1, at.steps),
                "train": {"loss": at.loss / at.seen, **self._accuracy(at.right / at.seen)},
                "held_out": None if loss is None else {"loss": loss, **self._accuracy(share), "n": len(self.held_out)},
                "is_kept": is_kept,
                "seconds": at.seconds,
                "images_per_s": at.images / max(at.seconds, 1e-9),
            }
        )
        is_stuck = loss is not None and is_out_of_patience(at.epoch, at.kept_epoch, self.plan.patience)
        if is_stuck and at.kept_epoch >= 0:
            best = f"epoch {at.kept_epoch + 1}{', which is kept,' if self.plan.selects_epoch else ''}"
            reason = f"every epoch since {best} was worse on the held-out photos"
            at.notes.append(f"{self.title}: stopped after epoch {at.epoch + 1}; {reason}")
        at.epoch, at.batch, at.loss, at.right, at.seen = at.epoch + 1, 0, 0.0, 0.0, 0
        at.is_over = is_stuck or at.step >= at.steps
        self.progress.note(_sentence(self.title, at.history[-1], self.plan.epochs))
        if self.on_epoch:
            self.on_epoch(self.title, at.history)
        self._save()

    def _accuracy(self, share: float) -> dict[str, float]:
        return {"accuracy": share} if self.objective.has_accuracy else {}

    def _judged(self, network: Learner) -> tuple[FloatArray, float]:
        """What each held-out row is lost by, and the share that is right; see :meth:`Objective.judged`."""
        began = time.monotonic()
        self.processes.share_statistics(network)
        losses, share = self.objective.judged(network, self.feed, self.held_out, self.replicas.count)
        self.at.judging_s = time.monotonic() - began
        return losses, self.processes.mean(share)

    def _break_off(self) -> None:
        """The loss is not a number: end with the weights that were kept."""
        if not self.at.history:
            raise ModelError(
                f"the loss became infinite in epoch {self.at.epoch + 1}, before anything was trained",
                hint=f"try a lower learning rate: --lr {self.plan.lr / 5:g}",
            )
        last = self.at.kept_epoch if self.plan.selects_epoch else self.at.epoch - 1
        weights = f"the weights after epoch {last + 1}" if last >= 0 else "the weights it began with"
        self.at.notes.append(
            f"{self.title}: the loss became infinite in epoch {self.at.epoch + 1}; {weights}"
            f" are kept (a lower --lr than {self.plan.lr:g} may help)"
        )
        self.at.is_over = True

    def _save(self) -> None:
        self._saved = time.monotonic()
        if self.checkpoint is None or not self.processes.is_first:
            return
        states = {"learner": self.learner.state_dict(), "optimizer": optimizer_tensors(self.optimizer), "kept": self.kept}
        states["judged"] = {"losses": torch.from_numpy(self.choice.losses)}
        if self.average:
            states["average"] = self.average.network.state_dict()
        self.checkpoint.save(states, {**vars(self.at), "is_autocast": self.learner.is_autocast})

    def _resume(self) -> None:
        saved = self.checkpoint.load() if self.checkpoint else None
        if saved is None:
            return
        states, facts = saved.states, saved.facts
        self.replicas.set_precision(facts.pop("is_autocast"))
        self.learner.load_state_dict(states["learner"])
        self.kept = states.get("kept", {})
        self.choice = EpochChoice(self.processes.mean, states["judged"]["losses"].numpy(), is_start=facts["kept_epoch"] < 0)
        if self.average:
            self.average.network.is_autocast = self.learner.is_autocast
            self.average.network.load_state_dict(states["average"])
        restore_optimizer(self.optimizer, states["optimizer"])
        self.at = TrainingState(**facts)


def _hash(seed: int, step: int, rank: int) -> int:
    """A seed for one step of one process."""
    return int(np.random.SeedSequence([seed, step, rank]).generate_state(1, np.uint64)[0] >> np.uint64(1))


def _sentence(title: str, event: dict[str, Any], epochs: int) -> str:
    held = f", held out: {_said(event['held_out'])}" if event["held_out"] else ""
    return f"{title}, epoch {event['epoch']} of {epochs}: {_said(event['train'])}{held}, {event['images_per_s']:.0f} images/s"


def _said(side: dict[str, float]) -> str:
    accuracy = f", accuracy {100 * side['accuracy']:.1f} %" if "accuracy" in side else ""
    return f"loss {side['loss']:.4f}{accuracy}" if accuracy else f"error {side['loss']:.5f}"
