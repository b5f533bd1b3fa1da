"""tellapart autoencode: a network that gives images back through few numbers, and those numbers as features."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tellapart.dataset.options import DatasetOptions
from tellapart.durations import duration_complaint, seconds_of
from tellapart.models.precision import precision_option
from tellapart.options import dataclass, option, when, with_options
from tellapart.printable import folder_name, name_complaint
from tellapart.progress import AUTO, Progress
from tellapart.shared_options import (
    device_option,
    image_size_option,
    num_workers_option,
    resize_option,
    runs_option,
    seed_option,
    state_option,
    test_share_option,
)

if TYPE_CHECKING:
    from tellapart.runs import Run
    from tellapart.training.autoencoder_training import AutoencoderRecipe

TEST_SHARE = 0.1
SIZES = {"small": 64, "classic": 128}
"""Side of the images where none is given."""


def _side_complaint(side: int | None) -> str | None:
    return f"must be a multiple of 16, got {side}" if side is not None and side % 16 else None


@dataclass(frozen=True, kw_only=True)
class AutoencodeOptions(DatasetOptions):
    """How to train an autoencoder."""

    net: str = option("small", "small: ours; classic: the network of the animal-faces project.", choices=("small", "classic"))
    image_size: int | None = image_size_option()
    latent: int | None = option(
        None,
        "Numbers an image becomes, for small; by default 128. classic has its own.",
        minimum=1,
        maximum=65_536,
        only_for=when("net", "small"),
    )
    resize: str = resize_option()
    augment: str = option("flip", "Variation of training images: none or flip.", choices=("none", "flip"))
    epochs: int = option(30, "Times every image is seen.", minimum=1, maximum=10_000)
    batch_size: int = option(32, "Images a step.", minimum=1, maximum=8192)
    lr: float = option(2e-3, "Highest learning rate.", minimum=1e-8, maximum=10.0)
    patience: int = option(20, "Stop after so many epochs in a row that are worse on the held-out photos.", minimum=1, maximum=10_000)
    time: str | None = option(
        None,
        "Time for the training of the network: 90s, 10m, 2h. Reading the photos and the report come on top.",
        check=duration_complaint,
        metavar="TIME",
    )
    test_share: float | None = test_share_option(TEST_SHARE)
    seed: int = seed_option()
    name: str | None = option(
        None, "Name of the run; by default the folder's name, autoencoder and a number.", metavar="NAME", check=name_complaint
    )
    out: Path = runs_option()
    state: Path | None = state_option()
    device: str = device_option()
    precision: str = precision_option()
    num_workers: int | None = num_workers_option()


@with_options(AutoencodeOptions)
def autoencode(folder: str | Path, *, options: AutoencodeOptions, progress: Progress = AUTO) -> Run:
    """Train a convolutional autoencoder on a folder of photos, with labels or without.

    It learns to give images back through a few numbers, which are then features like any other:
    --features run:RUN. Errors are reported on photos it did not learn from. A training that was
    interrupted goes on where it stopped when the same command is given again.

    Args:
        folder: photos, in class folders or not, or a manifest.
        progress: hears how far it is.
        options: as keywords; see :class:`AutoencodeOptions`.

    Returns:
        The finished run: encoder, decoder, numbers, the error of every image, and a page.

    Raises:
        OptionError: an option's name or value is wrong.
        DataError: the photos cannot be used as they are.
        ModelError: the training went astray.
        StorageError: the disk is full or cannot be written.
    """
    recipe = _recipe(options)
    from tellapart.analyzed_folder import analyze_folder
    from tellapart.concurrency import worker_count
    from tellapart.dataset.parts import assign_unlabeled_parts, share_held_back
    from tellapart.feature_extraction import FeatureSpec
    from tellapart.models.devices import chosen_device
    from tellapart.models.pixel_features import pixel_backbone
    from tellapart.reports.autoencoder_page import write_autoencoder_report
    from tellapart.runs import Run
    from tellapart.training.autoencoder_evaluation import evaluate_autoencoder
    from tellapart.training.autoencoder_record import history_of, write_autoencoder
    from tellapart.training.autoencoder_training import train_autoencoder
    from tellapart.training.run_writer import RunContext, run_folder

    started, device = datetime.now(UTC), chosen_device(options.device)
    spec = FeatureSpec((pixel_backbone(None),), recipe.resize, False, (recipe.image_size,))  # near-duplicates are known by their pixels
    looked = analyze_folder(
        folder, spec, reading=options, state=options.state, device=options.device, num_workers=options.num_workers, progress=progress
    )
    share = share_held_back(looked.rows, options.test_share, usual=TEST_SHARE)
    assignment = assign_unlabeled_parts(looked.rows, looked.pairs, test_share=share, seed=options.seed)
    used = [row for row in assignment.rows if row.is_used]
    workers = worker_count(options.num_workers)
    training = [row for row in used if row.part == "train"]
    trained = train_autoencoder(recipe, training, device=device, num_workers=workers, progress=progress)
    examination = evaluate_autoencoder(trained, recipe, used, device=device, num_workers=workers, progress=progress)
    notes = [*looked.notes, *assignment.notes, *trained.facts["notes"], *_said(examination.numbers())]
    with run_folder(options.out, f"{folder_name(looked.dataset.root)}-autoencoder", given=options.name, progress=progress) as (
        partial,
        final,
    ):
        metrics = write_autoencoder(
            partial,
            final,
            recipe,
            trained,
            examination,
            assignment.rows,
            RunContext("autoencode", looked.dataset, options.as_dict(), notes, started),
        )
        write_autoencoder_report(partial, metrics, history_of(trained), examination)
    shutil.rmtree(trained.folder, ignore_errors=True)
    for sentence in notes:
        progress.note(sentence)
    return Run(final)


def _recipe(chosen: AutoencodeOptions) -> AutoencoderRecipe:
    from tellapart.augmentation.policy import parse_augmentation
    from tellapart.models.autoencoder import build_autoencoder
    from tellapart.training.autoencoder_training import AutoencoderRecipe
    from tellapart.training.config import TrainingConfig

    size = chosen.image_size or SIZES[chosen.net]
    build_autoencoder(chosen.net, size, chosen.latent)
    plan = TrainingConfig(
        epochs=chosen.epochs,
        batch_size=chosen.batch_size,
        lr=chosen.lr,
        weight_decay=0.0,
        patience=chosen.patience,
        time_s=seconds_of(chosen.time) if chosen.time else None,
        seed=chosen.seed,
    )
    return AutoencoderRecipe(chosen.net, size, chosen.latent, chosen.resize, parse_augmentation(chosen.augment), plan, chosen.precision)


def _said(numbers: dict[str, Any]) -> list[str]:
    """Sentences for whom the numbers are a surprise."""
    notes = []
    if numbers["held_back"] is None:
        notes.append("there are too few different images to hold any back, so the error is that on images it learned from")
    dead = numbers["units"]["dead"] or []
    if len(dead) > numbers["units"]["latent"] / 2:
        notes.append(f"{len(dead):,} of {numbers['units']['latent']:,} units say next to nothing: a smaller --latent would do")
    return notes
