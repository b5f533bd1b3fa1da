"""How to train: the options of tellapart train, which ladder and learning-curve share."""

from __future__ import annotations

from pathlib import Path

from tellapart.counts import is_whole_number
from tellapart.dataset.options import DatasetOptions
from tellapart.decision_rule import parse_recalls
from tellapart.durations import duration_complaint
from tellapart.models.precision import precision_option
from tellapart.options import dataclass, option, when, without
from tellapart.shared_options import (
    again_option,
    backbone_option,
    balance_option,
    device_option,
    image_size_option,
    num_workers_option,
    resize_option,
    run_name_option,
    runs_option,
    seed_option,
    state_option,
    test_share_option,
    weights_option,
)

WITH_BACKBONE = when("recipe", "probe", "finetune", "auto")
PROBED_OR_TUNED = when("recipe", "probe", "finetune")


TRAINED = when("recipe", "finetune", "scratch")
"""Recipes that train a network, step by step."""


def _unfreeze_complaint(words: str) -> str | None:
    return None if words in ("all", "last") or is_whole_number(words) else f"must be all, last or a number of stages, got {words!r}"


def _recall_complaint(words: str) -> str | None:
    try:
        parse_recalls(words)
    except ValueError as error:
        return str(error)
    return None


@dataclass(frozen=True, kw_only=True)
class TrainOptions(DatasetOptions):
    """How to train."""

    recipe: str = option(
        "probe",
        "probe: a linear head on a frozen backbone; finetune: the backbone too; scratch: a network from random weights; "
        "auto: whatever is best out of fold of these and their averages.",
        choices=("probe", "finetune", "scratch", "auto"),
    )
    backbone: str = backbone_option(only_for=WITH_BACKBONE)
    weights: Path | None = weights_option(only_for=WITH_BACKBONE)
    architecture: str = option(
        "resnet", "Architecture for scratch: resnet, tiny, classic, or any timm name.", only_for=when("recipe", "scratch")
    )
    image_size: int | None = image_size_option(minimum=24)
    resize: str = resize_option()
    flip_average: bool = option(
        True,
        "Average the features of each image and its mirror image: twice the work, better accuracy.",
        only_for=PROBED_OR_TUNED,
    )
    balance: str = balance_option()
    augment: str | None = option(
        None,
        "Data augmentation: none, flip, light, strong, or a list such as flip,rotation=20,zoom=0.2.",
        metavar="WORDS",
        only_for=TRAINED,
    )
    epochs: int | None = option(
        None, "Number of epochs; by default 4 for finetune, 60 for scratch.", minimum=1, maximum=10_000, only_for=TRAINED
    )
    batch_size: int | None = option(
        None, "Images per batch; by default 16 for finetune, 32 for scratch.", minimum=1, maximum=8192, only_for=TRAINED
    )
    lr: float | None = option(
        None, "Peak learning rate; by default 2e-4 for finetune, 2e-3 for scratch.", minimum=1e-8, maximum=10.0, only_for=TRAINED
    )
    weight_decay: float = option(0.05, "Weight decay of AdamW.", minimum=0.0, maximum=10.0, only_for=TRAINED)
    layer_decay: float = option(
        0.8, "Layer-wise learning-rate decay: factor from each stage to the one below it.", minimum=0.01, maximum=1.0, only_for=TRAINED
    )
    label_smoothing: float | None = option(
        None, "Label smoothing factor; by default 0 for finetune, 0.1 for scratch.", minimum=0.0, maximum=0.9, only_for=TRAINED
    )
    mixup: float = option(0.0, "Mixup alpha; 0 turns it off.", minimum=0.0, maximum=10.0, only_for=TRAINED)
    cutmix: float = option(0.0, "CutMix alpha; 0 turns it off.", minimum=0.0, maximum=10.0, only_for=TRAINED)
    unfreeze: str = option(
        "all",
        "For finetune: stages to train: all, last, or how many counted from the head.",
        check=_unfreeze_complaint,
        only_for=when("recipe", "finetune"),
    )
    patience: int = option(
        20, "Early stopping: epochs without improvement on the held-out images.", minimum=1, maximum=10_000, only_for=TRAINED
    )
    folds: int | None = option(
        None,
        "Train one network per cross-validation fold and average them; by default 1, and for finetune 5 or 3 where there are few images.",
        minimum=1,
        maximum=100,
        only_for=when("recipe", "probe", "finetune", "scratch"),
    )
    time_limit: str | None = option(
        None,
        "Time limit for the whole command, such as 90s, 10m or 2h: fewer epochs are trained if necessary.",
        check=duration_complaint,
        metavar="TIME",
        only_for=when("recipe", "finetune", "scratch", "auto"),
    )
    logger: str | None = option(None, "Also log every epoch to TensorBoard or MLflow.", choices=("tensorboard", "mlflow"), only_for=TRAINED)
    test_share: float | None = test_share_option()
    n_splits: int = option(
        20,
        "For probe: number of other random splits to evaluate, to measure how much the scores depend on the split.",
        minimum=0,
        maximum=1000,
        only_for=when("recipe", "probe"),
    )
    learning_curve: bool = option(
        True, "For probe: measure the learning curve, to see whether more images would help.", only_for=when("recipe", "probe")
    )
    costs: Path | None = option(
        None,
        "Table of costs (CSV): a row for each true class, a column for each answer; predict then minimizes the expected cost.",
        metavar="FILE",
    )
    recall: str | None = option(
        None,
        "Minimum recall of a class, such as dogs=0.99, set on out-of-fold predictions; predict then answers accordingly.",
        metavar="CLASS=SHARE",
        check=_recall_complaint,
        only_for=without("costs"),
    )
    seed: int = seed_option()
    name: str | None = run_name_option()
    out: Path = runs_option()
    plan: bool = option(
        False,
        "Only estimate time, memory and disk, from a few seconds of measurement; nothing is trained.",
        only_for=when("recipe", "probe", "finetune", "scratch"),
    )
    again: bool = again_option(only_for=without("plan"))
    state: Path | None = state_option()
    device: str = device_option()
    precision: str = precision_option()
    num_workers: int | None = num_workers_option()
