"""How to train: the options of tellapart train, which ladder and learning-curve share."""

from __future__ import annotations

from pathlib import Path

from tellapart.dataset.options import DatasetOptions
from tellapart.durations import duration_complaint
from tellapart.models.precision import precision_option
from tellapart.options import dataclass, option, when, when_not
from tellapart.printable import name_complaint
from tellapart.shared_options import (
    backbone_option,
    device_option,
    image_size_option,
    num_workers_option,
    resize_option,
    runs_option,
    seed_option,
    state_option,
    test_share_option,
    weights_option,
)

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
    backbone: str = backbone_option(only_for=WITH_BACKBONE)
    weights: Path | None = weights_option(only_for=WITH_BACKBONE)
    net: str = option("resnet", "For scratch: resnet, tiny, classic, or any timm name.", only_for=when("recipe", "scratch"))
    image_size: int | None = image_size_option(minimum=24)
    resize: str = resize_option()
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
    seed: int = seed_option()
    name: str | None = option(None, "Name of the run; by default the folder's name and a number.", metavar="NAME", check=name_complaint)
    out: Path = runs_option()
    again: bool = option(False, "Train again where a finished run has the same options and images.")
    state: Path | None = state_option()
    device: str = device_option()
    precision: str = precision_option()
    num_workers: int | None = num_workers_option()
