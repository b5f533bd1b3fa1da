"""Training the members of a network recipe, fold by fold; each is kept on disk as soon as it is finished."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tellapart.array_types import IntArray
from tellapart.augmentation.counter_rng import image_keys
from tellapart.cache_dir import cache_root
from tellapart.concurrency import available_cores
from tellapart.dataset.splits import assign_folds
from tellapart.images.pixel_store import PixelStore
from tellapart.models.backbone_card import Backbone
from tellapart.models.heads import LinearHead
from tellapart.models.precision import has_fast_bfloat16
from tellapart.models.saved_model import HEAD_TENSORS, Member
from tellapart.progress import SILENT, Progress
from tellapart.training.activation_cache import ActivationFeed, shortened
from tellapart.training.checkpoint import Checkpoint, State
from tellapart.training.data_loader import DataLoader
from tellapart.training.distributed import ALONE, Processes
from tellapart.training.learner import Learner
from tellapart.training.linear_probe import LabeledFeatures
from tellapart.training.loop import Loop, Trained
from tellapart.training.network_recipe import NetworkRecipe, exported, head_of, learner_of
from tellapart.training.thread_replicas import one_thread_each
from tellapart.training.tracking import OnEpoch

INNER_FOLDS = 5
FORMAT = 2


@dataclass(frozen=True, eq=False)
class FoldMember:
    """One trained member.

    Attributes:
        member: backbone on disk, and head.
        held_out: rows of the training images it did not learn from.
        facts: ``history``, ``notes``, ``seconds``, ``images`` and ``precision`` of its training.
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
    progress: Progress = SILENT,
    on_epoch: OnEpoch | None = None,
) -> list[FoldMember]:
    """Train every member of a recipe; those a killed process finished are taken from disk, one it had begun goes on.

    There are fewer members than folds where there are so few images that a fold would be empty.

    Args:
        recipe: what to train.
        train: n training images, with the features of the recipe's backbone if it has one.
        image_ids: of the training images; their squares lie in the pixel store.
        device: where to compute.
        num_workers: threads that prepare batches.
        processes: who computes along.
        progress: hears of every image.
        on_epoch: hears of every epoch.
    """
    count = recipe.folds if recipe.folds > 1 else INNER_FOLDS
    folds = assign_folds(train.labels, train.groups, folds=count, seed=recipe.plan.seed)
    work = training_folder(recipe, train, image_ids, device=device, processes=processes)
    replicas = replicas_on(device, processes)
    store = PixelStore(cache_root() / "pixels", recipe.card.image_size, recipe.resize)
    found = []
    with store.open(image_ids) as pixels, one_thread_each(replicas):
        feed = DataLoader(
            pixels=pixels,
            targets=train.targets,
            keys=image_keys(tuple(image_ids)),
            mean=recipe.card.mean,
            std=recipe.card.std,
            augmentation=None if recipe.augmentation.is_nothing else recipe.augmentation,
            device=device,
            num_workers=num_workers,
        )
        for fold in range(recipe.folds):
            held_out = _held_out(train, folds, fold)
            if not len(held_out) and fold:
                continue
            path = work / f"member-{fold + 1}.safetensors"
            if _read(path, recipe, held_out, device) is None:
                rows = np.setdiff1d(np.arange(len(train.targets)), held_out)
                title = f"fold {fold + 1} of {recipe.folds}" if recipe.folds > 1 else recipe.name
                _train(recipe, train, feed, rows, held_out, path, title, replicas, processes, progress, on_epoch)
            member = _read(path, recipe, held_out, device)
            assert member is not None  # noqa: S101
            found.append(member)
    return found


def training_folder(
    recipe: NetworkRecipe, train: LabeledFeatures, image_ids: Sequence[str], *, device: str, processes: Processes = ALONE
) -> Path:
    """Where an unfinished training keeps its checkpoints and finished members; named after all it depends on."""
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


def _held_out(train: LabeledFeatures, folds: IntArray, fold: int) -> IntArray:
    """Rows of a fold, but for those without which a class would have nothing to learn from."""
    rows = np.flatnonzero(folds == fold)
    others = np.bincount(train.targets[folds != fold], minlength=len(train.class_names))
    return np.asarray(rows[others[train.targets[rows]] > 0])


def _train(
    recipe: NetworkRecipe,
    train: LabeledFeatures,
    feed: DataLoader,
    rows: IntArray,
    held_out: IntArray,
    path: Path,
    title: str,
    replicas: int,
    processes: Processes,
    progress: Progress,
    on_epoch: OnEpoch | None,
) -> None:
    """Train one member and write it to ``path``."""
    checkpoint = Checkpoint(path.with_suffix(".checkpoint"))
    learner = learner_of(recipe, train.rows(rows), feed.device)
    plan = recipe.plan if recipe.plan.time_s is None else replace(recipe.plan, time_s=recipe.plan.time_s / recipe.folds)
    taught: Learner = learner
    images: DataLoader | ActivationFeed = feed
    if recipe.augmentation.is_nothing:
        taught, images = shortened(learner, feed, path.with_suffix(".activations"), progress)
    loop = Loop(
        taught,
        images,
        rows,
        held_out,
        plan,
        checkpoint=checkpoint,
        processes=processes,
        progress=progress,
        title=title,
        replicas=replicas,
        on_epoch=on_epoch,
    )
    trained = loop.run()
    if processes.is_first:
        _write(path, learner, trained)
        checkpoint.remove()
    processes.wait()


def replicas_on(device: str, processes: Processes = ALONE) -> int:
    """How many threads compute a step: one a core of a CPU that this process has for itself."""
    return available_cores() if device == "cpu" and processes.count == 1 else 1


def _write(path: Path, learner: Learner, trained: Trained) -> None:
    head = head_of(learner)
    tensors = {name: torch.from_numpy(getattr(head, name)) for name in HEAD_TENSORS}
    facts = {"history": trained.history, "notes": trained.notes, "seconds": trained.seconds, "images": trained.images}
    is_mixed = learner.is_autocast or getattr(learner.backbone, "precision", "") == "mixed"
    facts["precision"] = "bfloat16" if is_mixed else "float32"
    Checkpoint(path).save({"backbone": exported(learner), "head": tensors}, facts)


def _read(path: Path, recipe: NetworkRecipe, held_out: IntArray, device: str) -> FoldMember | None:
    """A finished member, or None."""
    loaded = Checkpoint(path).load()
    if loaded is None:
        return None
    states, facts = loaded
    card = replace(recipe.card, weights_sha256=digest_of(states["backbone"]))
    head = LinearHead(power=1.0, **{name: states["head"][name].numpy() for name in HEAD_TENSORS})
    backbone = Backbone(card, path, "backbone/").in_precision(recipe.precision, device)
    return FoldMember(Member((backbone,), recipe.resize, False, (head,)), held_out, facts)


def digest_of(state: State) -> str:
    """Names tensors by what they hold; the file also holds seconds, which differ from training to training."""
    digest = hashlib.sha256()
    for key, value in sorted(state.items()):
        digest.update(f"{key} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
