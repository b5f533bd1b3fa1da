"""tellapart autoencode: a network that reconstructs images from a low-dimensional code, and the codes as features."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tellapart.autoencoder_metrics import ReconstructionMetrics
from tellapart.counts import count
from tellapart.dataset.options import DatasetOptions
from tellapart.durations import duration_complaint, seconds_of
from tellapart.models.precision import precision_option
from tellapart.options import dataclass, option, when, with_options
from tellapart.printable import folder_name
from tellapart.progress import AUTO, Progress
from tellapart.shared_options import (
    again_option,
    device_option,
    num_workers_option,
    resize_option,
    run_name_option,
    runs_option,
    seed_option,
    state_option,
    test_share_option,
)

if TYPE_CHECKING:
    from tellapart.run_folder import Run
    from tellapart.training.autoencoder_training import AutoencoderRecipe

TEST_SHARE = 0.1
SIZES = {"small": 64, "classic": 128}
"""Side of the images where none is given."""


def _side_complaint(side: int | None) -> str | None:
    return f"must be a multiple of 16, got {side}" if side is not None and side % 16 else None


@dataclass(frozen=True, kw_only=True)
class AutoencodeOptions(DatasetOptions):
    """How to train an autoencoder."""

    architecture: str = option("small", "small: ours; classic: the network of the animal-faces project.", choices=("small", "classic"))
    image_size: int | None = option(
        None,
        "Side of the images in pixels, a multiple of 16; by default 64 for small, 128 for classic.",
        minimum=32,
        maximum=512,
        check=_side_complaint,
        metavar="N",
    )
    latent: int | None = option(
        None,
        "Size of the latent code, for small; by default 128. classic has its own.",
        minimum=1,
        maximum=65_536,
        only_for=when("architecture", "small"),
    )
    resize: str = resize_option()
    augment: str = option("flip", "Data augmentation: none or flip.", choices=("none", "flip"))
    epochs: int = option(30, "Number of epochs.", minimum=1, maximum=10_000)
    batch_size: int = option(32, "Images per batch.", minimum=1, maximum=8192)
    lr: float = option(2e-3, "Peak learning rate.", minimum=1e-8, maximum=10.0)
    patience: int = option(20, "Early stopping: epochs without improvement on the held-out images.", minimum=1, maximum=10_000)
    time_limit: str | None = option(
        None,
        "Time limit for training the network: 90s, 10m, 2h. Reading the photos and writing the report are not counted.",
        check=duration_complaint,
        metavar="TIME",
    )
    test_share: float | None = test_share_option(TEST_SHARE)
    seed: int = seed_option()
    name: str | None = run_name_option("autoencoder")
    out: Path = runs_option()
    again: bool = again_option()
    state: Path | None = state_option()
    device: str = device_option()
    precision: str = precision_option()
    num_workers: int | None = num_workers_option()


@with_options(AutoencodeOptions)
def autoencode(folder: str | Path, *, options: AutoencodeOptions, progress: Progress = AUTO) -> Run:
    """Train a convolutional autoencoder on a folder of photos, with labels or without.

    It learns to reconstruct images from a low-dimensional code, and the codes are features like any other:
    --features run:RUN. Errors are reported on held-out photos. If a training is interrupted, the same command
    continues it.

    Args:
        folder: photos, in class folders or not, or a manifest.
        progress: progress receiver.
        options: as keywords; see :class:`AutoencodeOptions`.

    Returns:
        The finished run: encoder, decoder, numbers, the error of every image, and a page.

    Raises:
        OptionError: an option's name or value is wrong.
        DataError: the photos cannot be used as they are.
        ModelError: the training diverged.
        StorageError: the disk is full or cannot be written.
    """
    recipe = _recipe(options)
    from tellapart.analyzed_folder import open_folder
    from tellapart.concurrency import worker_count
    from tellapart.dataset.parts import assign_unlabeled_parts, share_held_back
    from tellapart.feature_spec import FeatureSpec
    from tellapart.models.devices import chosen_device
    from tellapart.models.pixel_features import pixel_backbone
    from tellapart.output_guards import check_outside
    from tellapart.reports.autoencoder_page import write_autoencoder_report
    from tellapart.run_folder import Run, epochs_of
    from tellapart.training.autoencoder_evaluation import evaluate_autoencoder
    from tellapart.training.autoencoder_record import history_of, write_autoencoder
    from tellapart.training.autoencoder_training import train_autoencoder
    from tellapart.training.run_writer import RunContext, equal_run, new_run_folder

    started, device = datetime.now(UTC), chosen_device(options.device)
    spec = FeatureSpec((pixel_backbone(None),), recipe.resize, False, (recipe.image_size,))  # near-duplicates are known by their pixels
    opened = open_folder(folder, reading=options, state=options.state, num_workers=options.num_workers, progress=progress)
    check_outside(options.out, opened.dataset)
    analyzed = opened.analyze(spec.computed(options.device), progress=progress)
    share = share_held_back(analyzed.rows, options.test_share, usual=TEST_SHARE)
    assignment = assign_unlabeled_parts(analyzed.rows, analyzed.pairs, test_share=share, seed=options.seed)
    if same := equal_run("autoencode", options.out, options.as_dict(), assignment.rows, progress):
        return Run(same)
    used, workers = [row for row in assignment.rows if row.is_used], worker_count(options.num_workers)
    training = [row for row in used if row.part == "train"]
    trained = train_autoencoder(recipe, training, device=device, num_workers=workers, progress=progress)
    evaluation = evaluate_autoencoder(trained, recipe, used, device=device, num_workers=workers, progress=progress)
    notes = [*analyzed.notes, *assignment.notes, *trained.facts["notes"], *_notes(evaluation.metrics())]
    context = RunContext("autoencode", analyzed.dataset, options.as_dict(), notes, started)
    name = f"{folder_name(analyzed.dataset.root)}-autoencoder"
    with new_run_folder(options.out, name, given=options.name, progress=progress) as (partial, final):
        metrics = write_autoencoder(partial, final, recipe, trained, evaluation, assignment.rows, context)
        write_autoencoder_report(partial, metrics, epochs_of(history_of(trained)), evaluation)
    shutil.rmtree(trained.folder, ignore_errors=True)
    for sentence in notes:
        progress.note(sentence)
    return Run(final)


def _recipe(chosen: AutoencodeOptions) -> AutoencoderRecipe:
    from tellapart.augmentation.policy import parse_augmentation
    from tellapart.models.autoencoder import build_autoencoder
    from tellapart.training.autoencoder_training import AutoencoderRecipe
    from tellapart.training.config import TrainingConfig

    size = chosen.image_size or SIZES[chosen.architecture]
    build_autoencoder(chosen.architecture, size, chosen.latent)
    config = TrainingConfig(
        epochs=chosen.epochs,
        batch_size=chosen.batch_size,
        lr=chosen.lr,
        weight_decay=0.0,
        patience=chosen.patience,
        time_s=seconds_of(chosen.time_limit) if chosen.time_limit else None,
        seed=chosen.seed,
    )
    augmentation = parse_augmentation(chosen.augment)
    return AutoencoderRecipe(chosen.architecture, size, chosen.latent, chosen.resize, augmentation, config, chosen.precision)


def _notes(metrics: ReconstructionMetrics) -> list[str]:
    """Sentences worth knowing about the numbers."""
    notes = []
    if metrics.held_back is None:
        notes.append("there are too few different images to hold any back, so the error is that on training images")
    dead, latent = metrics.units.dead or [], metrics.units.latent
    if len(dead) > latent / 2:
        notes.append(f"{len(dead):,} of {count(latent, 'unit')} are dead: a smaller --latent is enough")
    return notes
