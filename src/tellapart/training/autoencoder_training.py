"""Train an autoencoder on the images of a folder; an interrupted training resumes, a finished one is read from disk."""

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
from tellapart.augmentation.policy import Augmentation
from tellapart.cache_dir import cache_root
from tellapart.dataset.file_rows import FileRow
from tellapart.dataset.splits import assign_folds
from tellapart.images.pixel_store import Pixels, PixelStore
from tellapart.models.autoencoder import ARCHITECTURE, Autoencoder, build_autoencoder
from tellapart.models.backbone_card import Backbone, BackboneCard
from tellapart.models.precision import has_fast_bfloat16, training_precision
from tellapart.progress import SILENT, Progress
from tellapart.training.checkpoint import Checkpoint, State
from tellapart.training.config import TrainingConfig
from tellapart.training.data_loader import DataLoader
from tellapart.training.distributed import Compute
from tellapart.training.fold_training import digest_of, replicas_on
from tellapart.training.loop import FoldRows, Loop
from tellapart.training.reconstruction import AutoencoderLearner, Reconstruction
from tellapart.training.thread_replicas import one_thread_each
from tellapart.training.tracking import Listeners, OnEpoch

FORMAT = 2
INNER_FOLDS = 10
"""One group in so many is held out to choose the epoch."""
BLACK, WHITE = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)


@dataclass(frozen=True)
class AutoencoderRecipe:
    """An autoencoder to be trained.

    Attributes:
        net: a name of :data:`tellapart.models.autoencoder.AUTOENCODERS`.
        image_size: side of the images in pixels.
        latent: width of the latent; None for the network's own.
        resize: resize policy.
        augmentation: of the training images.
        plan: how to train.
        precision: number format of the training, or ``auto``.
    """

    net: str
    image_size: int
    latent: int | None
    resize: str
    augmentation: Augmentation
    plan: TrainingConfig
    precision: str = "auto"

    def network(self) -> Autoencoder:
        """The untrained network; the seed decides its weights."""
        torch.manual_seed(self.plan.seed)
        return build_autoencoder(self.net, self.image_size, self.latent)

    @property
    def store(self) -> PixelStore:
        """The pixel store of this size and resize policy."""
        return PixelStore(cache_root() / "pixels", self.image_size, self.resize)

    def feed(self, pixels: Pixels, image_ids: Sequence[str], *, device: str, num_workers: int) -> DataLoader:
        """Data loader of the images, float32 from 0 to 1."""
        no_targets = np.zeros(len(image_ids), np.int64)
        augmentation = None if self.augmentation.is_nothing else self.augmentation
        return DataLoader(pixels, no_targets, image_keys(tuple(image_ids)), BLACK, WHITE, augmentation, device, num_workers)


@dataclass(frozen=True, eq=False)
class TrainedAutoencoder:
    """A trained autoencoder on disk.

    Attributes:
        backbone: its encoder.
        held_out: rows of the training images that chose the epoch, int64 (m,).
        facts: ``history``, ``notes``, ``seconds`` and ``images`` of the training.
        folder: its cache folder; may be removed once the run is written.
    """

    backbone: Backbone
    held_out: IntArray
    facts: dict[str, Any]
    folder: Path

    def decoder_state(self) -> State:
        """The decoder's tensors."""
        return replace(self.backbone, prefix="decoder/").state()

    def learner(self, device: str) -> AutoencoderLearner:
        """The trained network in evaluation mode, in float32."""
        card = self.backbone.card
        net = card.architecture.removeprefix(ARCHITECTURE)
        network = build_autoencoder(net, card.image_size, None if net == "classic" else card.num_features)
        network.encoder.load_state_dict(self.backbone.state(), strict=True)
        network.decoder.load_state_dict(self.decoder_state(), strict=True)
        learner = AutoencoderLearner(network, is_autocast=False).eval()
        return learner.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def train_autoencoder(
    recipe: AutoencoderRecipe,
    rows: Sequence[FileRow],
    *,
    device: str,
    num_workers: int,
    progress: Progress = SILENT,
    on_epoch: OnEpoch | None = None,
) -> TrainedAutoencoder:
    """Train on images in the pixel store; a tenth of the groups is held out to choose the epoch.

    The same call resumes an interrupted training and reads a finished one from disk.

    Args:
        recipe: the network and how to train it.
        rows: the training images; each has an image id and a group.
        device: where to compute.
        num_workers: threads that prepare batches.
        progress: receives the images trained on.
        on_epoch: called after every epoch.

    Raises:
        ModelError: the loss became infinite in the first epoch.
        StorageError: the disk is full or cannot be written.
    """
    image_ids = [row.image_id or "" for row in rows]
    folder = training_folder(recipe, rows, device)
    held_out = _held_out(rows, recipe.plan.seed)
    path = folder / "autoencoder.safetensors"
    if _read(path, recipe, held_out) is None:
        replicas = replicas_on(device)
        with recipe.store.open(image_ids) as pixels, one_thread_each(replicas):
            feed = recipe.feed(pixels, image_ids, device=device, num_workers=num_workers)
            _train(recipe, feed, held_out, path, replicas, progress, on_epoch)
    trained = _read(path, recipe, held_out)
    assert trained is not None  # noqa: S101
    return trained


def training_folder(recipe: AutoencoderRecipe, rows: Sequence[FileRow], device: str) -> Path:
    """Folder of an unfinished training; its name is a hash of all inputs."""
    content = {
        "format": FORMAT,
        "recipe": [recipe.net, recipe.image_size, recipe.latent, recipe.resize, str(recipe.augmentation)],
        "plan": asdict(recipe.plan),
        "precision": [recipe.precision, has_fast_bfloat16()],
        "torch": [torch.__version__, torch.get_num_threads(), device, replicas_on(device)],
        "images": [[row.image_id, row.group] for row in rows],
    }
    text = json.dumps(content).encode("utf-8", "surrogateescape")
    return cache_root() / "trainings" / f"autoencoder-{hashlib.sha256(text).hexdigest()[:24]}"


def _held_out(rows: Sequence[FileRow], seed: int) -> IntArray:
    """Rows held out to choose the epoch, int64 (m,); none where there are too few groups."""
    groups = [row.group or "" for row in rows]
    if len(set(groups)) < INNER_FOLDS:
        return np.empty(0, np.int64)
    return np.flatnonzero(assign_folds([row.label or "" for row in rows], groups, folds=INNER_FOLDS, seed=seed) == 0)


def _train(
    recipe: AutoencoderRecipe, feed: DataLoader, held_out: IntArray, path: Path, replicas: int, progress: Progress, on_epoch: OnEpoch | None
) -> None:
    """Train and write to ``path``."""
    checkpoint = Checkpoint(path.with_suffix(".checkpoint"))
    rows = np.setdiff1d(np.arange(len(feed.targets)), held_out)
    network = recipe.network()
    precision = training_precision(network, recipe.image_size, feed.device, recipe.precision)
    learner = AutoencoderLearner(network, is_autocast=precision == "bfloat16")
    learner.to(feed.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    loop = Loop(
        learner,
        feed,
        FoldRows(rows, held_out),
        recipe.plan,
        objective=Reconstruction(),
        checkpoint=checkpoint,
        compute=Compute(replicas=replicas),
        listeners=Listeners(progress, on_epoch, f"autoencoder {recipe.net}"),
    )
    trained = loop.run()
    facts = {"history": trained.history, "notes": trained.notes, "seconds": trained.seconds, "images": trained.images}
    Checkpoint(path).save({"encoder": _cpu_state(learner.backbone), "decoder": _cpu_state(learner.head)}, facts)
    checkpoint.remove()


def _cpu_state(network: torch.nn.Module) -> State:
    return {key: value.detach().cpu().contiguous() for key, value in network.state_dict().items()}


def _read(path: Path, recipe: AutoencoderRecipe, held_out: IntArray) -> TrainedAutoencoder | None:
    """A finished training, or None."""
    loaded = Checkpoint(path).load()
    if loaded is None:
        return None
    states, facts = loaded.states, loaded.facts
    name, size = ARCHITECTURE + recipe.net, recipe.image_size
    card = BackboneCard(name, name, digest_of(states["encoder"]), size, BLACK, WHITE, recipe.network().num_features)
    return TrainedAutoencoder(Backbone(card, path, "encoder/"), held_out, facts, path.parent)
