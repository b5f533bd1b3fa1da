"""tellapart train: from a folder of photos to a saved model, honest numbers and a report."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tellapart.dataset.options import DatasetOptions
from tellapart.durations import duration_complaint
from tellapart.models.precision import precision_option
from tellapart.options import dataclass, num_workers_option, option, test_share_option, when, when_not
from tellapart.paths import folder_name, name_complaint
from tellapart.progress import AUTO, SILENT, Progress

if TYPE_CHECKING:
    from tellapart.runs import Run

EXAMPLE = "tellapart train photos"
WITH_BACKBONE = when("recipe", "probe", "finetune")
TRAINED = when("recipe", "finetune", "scratch")
"""Recipes that train a network, step by step."""


def _unfreeze_complaint(words: str) -> str | None:
    return None if words in ("all", "last") or words.isdigit() else f"must be all, last or a number of stages, got {words!r}"


@dataclass(frozen=True, kw_only=True)
class TrainOptions(DatasetOptions):
    """How to train."""

    recipe: str = option(
        "probe",
        "probe: a head on a frozen backbone; finetune: the backbone too; scratch: a network from nothing.",
        choices=("probe", "finetune", "scratch"),
    )
    backbone: str = option(
        "lite2", "Network that sees: lite0, lite1, lite2, several joined by +, or any timm name.", only_for=WITH_BACKBONE
    )
    weights: Path | None = option(
        None, "Weights for a timm name: a .safetensors, .pth or Keras .h5 file.", metavar="FILE", only_for=WITH_BACKBONE
    )
    net: str = option("resnet", "For scratch: resnet, tiny, classic, or any timm name.", only_for=when("recipe", "scratch"))
    image_size: int | None = option(None, "Side of the network's input in pixels; by default its own.", minimum=24, maximum=2048)
    resize: str = option("crop", "How a photo becomes a square.", choices=("crop", "pad", "squash"))
    mirror: bool = option(
        True,
        "Average the backbone's features with those of the mirror image (twice the work, better numbers).",
        only_for=WITH_BACKBONE,
    )
    class_weight: str = option("none", "balanced is the same as --balance weights.", choices=("none", "balanced"))
    balance: str = option(
        "none",
        "What to do about unequal classes.",
        choices=("none", "weights", "oversample", "undersample"),
        only_for=when_not("class_weight", "balanced"),
    )
    augment: str | None = option(
        None,
        "Augmentation of training images: none, flip, light, strong, or words such as flip,rotation=20,zoom=0.2.",
        metavar="WORDS",
        only_for=TRAINED,
    )
    epochs: int | None = option(
        None, "Times every image is seen; by default 4 for finetune, 60 for scratch.", minimum=1, maximum=10_000, only_for=TRAINED
    )
    batch_size: int | None = option(
        None, "Images a step; by default 16 for finetune, 32 for scratch.", minimum=1, maximum=8192, only_for=TRAINED
    )
    lr: float | None = option(None, "Highest learning rate; by default the recipe's.", minimum=1e-8, maximum=10.0, only_for=TRAINED)
    weight_decay: float = option(0.05, "Weight decay of AdamW.", minimum=0.0, maximum=10.0, only_for=TRAINED)
    layer_decay: float = option(0.8, "Learning rate of a stage as a share of that above it.", minimum=0.01, maximum=1.0, only_for=TRAINED)
    label_smoothing: float | None = option(None, "Share of the truth spread over all classes.", minimum=0.0, maximum=0.9, only_for=TRAINED)
    mixup: float = option(0.0, "Mix images with each other: Beta parameter; 0 for never.", minimum=0.0, maximum=10.0, only_for=TRAINED)
    cutmix: float = option(0.0, "Paste images into each other: Beta parameter; 0 for never.", minimum=0.0, maximum=10.0, only_for=TRAINED)
    unfreeze: str = option(
        "all",
        "For finetune: which stages learn: all, last, or how many from the top.",
        check=_unfreeze_complaint,
        only_for=when("recipe", "finetune"),
    )
    patience: int = option(
        20, "Stop after so many epochs in a row that are worse on the held-out photos.", minimum=1, maximum=10_000, only_for=TRAINED
    )
    folds: int = option(1, "Train so many networks, each with another fold held out, and average them.", minimum=1, maximum=100)
    time: str | None = option(
        None,
        "Time for the training of the network: 90s, 10m, 2h. Reading the photos and the report come on top.",
        check=duration_complaint,
        metavar="TIME",
        only_for=TRAINED,
    )
    track: str | None = option(None, "Also tell TensorBoard or MLflow of every epoch.", choices=("tensorboard", "mlflow"), only_for=TRAINED)
    test_share: float | None = test_share_option()
    splits: int = option(
        20,
        "For probe: other splits to try, to see how much the numbers depend on the split.",
        minimum=0,
        maximum=1000,
        only_for=when("recipe", "probe"),
    )
    curve: bool = option(True, "For probe: measure the learning curve: would more photos help?", only_for=when("recipe", "probe"))
    seed: int = option(0, "Seed of the split and of everything random.", minimum=0)
    name: str | None = option(None, "Name of the run; by default the folder's name and a number.", metavar="NAME", check=name_complaint)
    out: Path = option(Path("runs"), "Folder for the runs.", metavar="DIR")
    state: Path | None = option(None, "Folder for the catalog; by default .tellapart in the photo folder.", metavar="DIR")
    device: str = option("auto", "Where to compute.", choices=("auto", "cpu", "cuda", "mps"))
    precision: str = precision_option()
    num_workers: int | None = num_workers_option()


def train(folder: str | Path, *, progress: Progress = AUTO, **options: Any) -> Run:
    """Train a classifier on a folder of photos and judge it honestly.

    A training that was interrupted goes on where it stopped when the same command is given again.

    Args:
        folder: class folders, parts with class folders, or a manifest.
        progress: hears how far it is.
        **options: the fields of :class:`TrainOptions`.

    Returns:
        The finished run: model, metrics, predictions and report in one folder.

    Raises:
        OptionError: an option's name or value is wrong.
        DataError: the photos cannot be used as they are.
        ModelError: the backbone or its weights are not to be had, or the training went astray.
        StorageError: the disk is full or cannot be written.
    """
    chosen = TrainOptions.of(**options)
    from tellapart.analyzed_folder import analyze_folder
    from tellapart.reports import write_report
    from tellapart.runs import Run
    from tellapart.training.recipe_runner import recipe_runner
    from tellapart.training.run_writer import run_folder, write_run

    started = datetime.now(UTC)
    recipe = recipe_runner(chosen, is_live=True)
    processes = recipe.processes
    progress = SILENT if processes and not processes.is_first else progress
    with processes.first_alone() if processes else nullcontext():
        looked = analyze_folder(
            folder,
            recipe.spec,
            reading=chosen,
            min_classes=2,
            state=chosen.state,
            device=chosen.device,
            num_workers=chosen.num_workers,
            progress=progress,
        )
    dataset, extraction = looked.dataset, looked.extraction
    assignment = looked.assignment(test_share=chosen.test_share, seed=chosen.seed)
    recipe.train(assignment, extraction.features, progress)
    if processes and not processes.is_first:
        return Run(Path(processes.told_by_first()))
    examination = recipe.examination(dataset, assignment, extraction.features, progress)
    examination.metrics["decisions"] = assignment.decisions
    notes = [*looked.notes, *assignment.notes, *recipe.notes]
    with run_folder(chosen.out, folder_name(dataset.root), given=chosen.name, progress=progress) as (partial, final):
        write_run(partial, final, examination, dataset, chosen.as_dict(), notes, started)
        write_report(partial, looked.thumbnails)
    recipe.forget()
    for sentence in notes:
        progress.note(sentence)
    if processes:
        processes.told_by_first(str(final))
    return Run(final)
