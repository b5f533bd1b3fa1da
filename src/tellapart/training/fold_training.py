"""Train the members of a network recipe, one per fold; each is saved as soon as it is finished."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tellapart.array_types import IntArray
from tellapart.cache_dir import cache_root
from tellapart.concurrency import available_cores
from tellapart.dataset.splits import assign_folds
from tellapart.images.pixel_store import PixelStore
from tellapart.models.backbone_card import Backbone
from tellapart.models.heads import LinearHead
from tellapart.models.precision import has_fast_bfloat16
from tellapart.models.saved_model import HEAD_TENSORS, Member
from tellapart.training.activation_cache import ActivationFeed, shortened
from tellapart.training.checkpoint import Checkpoint, State
from tellapart.training.config import TrainingConfig
from tellapart.training.data_loader import DataLoader
from tellapart.training.distributed import ALONE, Compute, Processes
from tellapart.training.learner import Learner
from tellapart.training.linear_probe import LabeledFeatures
from tellapart.training.loop import FoldRows, Loop, Trained
from tellapart.training.network_recipe import NetworkRecipe, exported, head_of, learner_of
from tellapart.training.thread_replicas import one_thread_each
from tellapart.training.tracking import Listeners

INNER_FOLDS = 5
FORMAT = 2


@dataclass(frozen=True, eq=False)
class FoldMember:
    """One trained member.

    Attributes:
        member: backbone on disk, and head.
        held_out: rows of the training images it did not learn from, int64 (m,).
        facts: ``history``, ``notes``, ``seconds``, ``images``, ``replicas`` and ``precision`` of its training.
    """

    member: Member
    held_out: IntArray
    facts: dict[str, Any]


def train_members(
    recipe: NetworkRecipe,
    train: LabeledFeatures,
    image_ids: Sequence[str],
    *,
    device: str,
    num_workers: int,
    processes: Processes = ALONE,
    listeners: Listeners = Listeners(),  # noqa: B008
    used_s: float = 0.0,
) -> list[FoldMember]:
    """Train every member of a recipe; after an interruption, finished members are read from disk and the last one resumes.

    There are fewer members than folds where a fold would be empty.

    Args:
        recipe: the network and how to train it.
        train: n training images, with the features of the recipe's backbone if it has one.
        image_ids: of the training images; their pixels are in the pixel store.
        device: where to compute.
        num_workers: threads that prepare batches.
        processes: the distributed process group.
        listeners: who follows the training of each member.
        used_s: seconds of the time limit that are used already or reserved for what follows; all members share the rest.
    """
    work = training_folder(recipe, train, image_ids, device=device, processes=processes)
    timed = recipe if recipe.plan.time_s is None else replace(recipe, plan=_share_of_time(recipe, recipe.plan.time_s - used_s))
    compute = Compute(processes, replicas_on(device, processes))
    store = PixelStore(cache_root() / "pixels", recipe.card.image_size, recipe.resize)
    members = []
    with store.open(image_ids) as pixels, one_thread_each(compute.replicas):
        feed = recipe.data_loader(pixels, train.targets, image_ids, device=device, num_workers=num_workers)
        for fold, rows in _folds(recipe, train):
            path = work / f"member-{fold + 1}.safetensors"
            if _read(path, recipe, rows.held_out, device) is None:
                title = f"fold {fold + 1} of {recipe.folds}" if recipe.folds > 1 else recipe.name
                _train(timed, train, feed, rows, path, compute, replace(listeners, title=title))
            member = _read(path, recipe, rows.held_out, device)
            assert member is not None  # noqa: S101
            members.append(member)
    return members


def _share_of_time(recipe: NetworkRecipe, time_s: float) -> TrainingConfig:
    """The config of each member where all of them have ``time_s`` seconds together."""
    return replace(recipe.plan, time_s=max(0.0, time_s) / recipe.folds)


def training_folder(
    recipe: NetworkRecipe, train: LabeledFeatures, image_ids: Sequence[str], *, device: str, processes: Processes = ALONE
) -> Path:
    """Folder of checkpoints and finished members of an unfinished training; its name is a hash of all inputs."""
    content = {
        "format": FORMAT,
        "recipe": [recipe.name, recipe.resize, recipe.unfreeze, str(recipe.augmentation), recipe.folds],
        "card": asdict(recipe.card),
        "start": recipe.backbone.digest if recipe.backbone else "",
        "precision": [recipe.precision, has_fast_bfloat16()],
        "plan": asdict(recipe.plan),
        "head": asdict(recipe.head) if recipe.head else None,
        "torch": [torch.__version__, torch.get_num_threads(), device, processes.count, replicas_on(device, processes)],
        "images": [list(image_ids), train.labels, list(train.groups)],
    }
    text = json.dumps(content).encode("utf-8", "surrogateescape")
    return cache_root() / "trainings" / hashlib.sha256(text).hexdigest()[:24]


def _folds(recipe: NetworkRecipe, train: LabeledFeatures) -> Iterator[tuple[int, FoldRows]]:
    """Number and rows of each member, without the folds that hold nothing out; the first is always there."""
    count = recipe.folds if recipe.folds > 1 else INNER_FOLDS
    folds = assign_folds(train.labels, train.groups, folds=count, seed=recipe.plan.seed)
    for fold in range(recipe.folds):
        held_out = _held_out(train, folds, fold)
        if len(held_out) or not fold:
            yield fold, FoldRows(np.setdiff1d(np.arange(len(train.targets)), held_out), held_out)


def _held_out(train: LabeledFeatures, folds: IntArray, fold: int) -> IntArray:
    """Rows of a fold, without those of classes that have no image in the other folds."""
    rows = np.flatnonzero(folds == fold)
    others = np.bincount(train.targets[folds != fold], minlength=len(train.class_names))
    return np.asarray(rows[others[train.targets[rows]] > 0])


def _train(
    recipe: NetworkRecipe,
    train: LabeledFeatures,
    feed: DataLoader,
    rows: FoldRows,
    path: Path,
    compute: Compute,
    listeners: Listeners,
) -> None:
    """Train one member and write it to ``path``."""
    checkpoint = Checkpoint(path.with_suffix(".checkpoint"))
    learner = learner_of(recipe, train.rows(rows.train), feed.device)
    trained_part: Learner = learner
    images: DataLoader | ActivationFeed = feed
    if recipe.augmentation.is_nothing:
        trained_part, images = shortened(learner, feed, path.with_suffix(".activations"), listeners.progress)
    trained = Loop(trained_part, images, rows, recipe.plan, checkpoint=checkpoint, compute=compute, listeners=listeners).run()
    if compute.processes.is_first:
        _write(path, learner, trained, compute.replicas)
        checkpoint.remove()
    compute.processes.wait()


def replicas_on(device: str, processes: Processes = ALONE) -> int:
    """Number of threads that compute a step: one per core on a CPU that this process has to itself, else 1."""
    return available_cores() if device == "cpu" and processes.count == 1 else 1


def _write(path: Path, learner: Learner, trained: Trained, replicas: int) -> None:
    head = head_of(learner)
    tensors = {name: torch.from_numpy(getattr(head, name)) for name in HEAD_TENSORS}
    facts = {"history": trained.history, "notes": trained.notes, "seconds": trained.seconds, "images": trained.images}
    is_mixed = learner.is_autocast or getattr(learner.backbone, "precision", "") == "mixed"
    facts["replicas"] = replicas
    facts["precision"] = "bfloat16" if is_mixed else "float32"
    Checkpoint(path).save({"backbone": exported(learner), "head": tensors}, facts)


def _read(path: Path, recipe: NetworkRecipe, held_out: IntArray, device: str) -> FoldMember | None:
    """A finished member, or None."""
    loaded = Checkpoint(path).load()
    if loaded is None:
        return None
    states, facts = loaded.states, loaded.facts
    card = replace(recipe.card, weights_sha256=digest_of(states["backbone"]))
    head = LinearHead(power=1.0, **{name: states["head"][name].numpy() for name in HEAD_TENSORS})
    backbone = Backbone(card, path, "backbone/").in_precision(recipe.precision, device)
    return FoldMember(Member((backbone,), recipe.resize, False, (head,)), held_out, facts)


def digest_of(state: State) -> str:
    """sha256 of the tensors alone; the file also holds the training time, which differs between runs."""
    digest = hashlib.sha256()
    for key, value in sorted(state.items()):
        digest.update(f"{key} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
