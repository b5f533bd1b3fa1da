"""tellapart learning-curve: train a recipe on growing numbers of images, to see whether more would help."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tellapart.counts import count, is_whole_number
from tellapart.dataset.options import DatasetOptions
from tellapart.models.precision import precision_option
from tellapart.options import dataclass, option, when, with_options
from tellapart.progress import AUTO, Progress
from tellapart.results import Result
from tellapart.run_metrics import CurvePoint, DoubledTraining, EvaluationMetrics
from tellapart.shared_options import (
    backbone_option,
    balance_option,
    device_option,
    image_size_option,
    num_workers_option,
    seed_option,
    state_option,
    test_share_option,
    weights_option,
)
from tellapart.training.options import TRAINED, WITH_BACKBONE, TrainOptions

if TYPE_CHECKING:
    from tellapart.training.recipe_runner import RecipeRunner

SHARES = (1 / 8, 1 / 4, 1 / 2, 1.0)


def _sizes_complaint(text: str) -> str | None:
    parts = [part.strip() for part in text.split(",")]
    is_fine = all(is_whole_number(part) and int(part) > 1 for part in parts)
    return None if is_fine else f"{text!r} is not a list of numbers of images; separate them by commas, such as 500,1000,2000"


def _is_figure(path: Path) -> str | None:
    return None if path.suffix.lower() in (".svg", ".json") else f"{path} must end in .svg or .json"


@dataclass(frozen=True, kw_only=True)
class LearningCurveOptions(DatasetOptions):
    """What to measure."""

    recipe: str = option("probe", "Recipe to train: probe, finetune or scratch.", choices=("probe", "finetune", "scratch"))
    sizes: str | None = option(
        None, "Numbers of training images, separated by commas; by default 1/8, 1/4, 1/2 and all.", check=_sizes_complaint, metavar="N,N"
    )
    draws: int = option(3, "Random subsets of each size; the full set is trained on once.", minimum=1, maximum=100)
    backbone: str = backbone_option(only_for=WITH_BACKBONE)
    weights: Path | None = weights_option(only_for=WITH_BACKBONE)
    architecture: str = option(
        "resnet", "Architecture for scratch: resnet, tiny, classic, or any timm name.", only_for=when("recipe", "scratch")
    )
    image_size: int | None = image_size_option()
    augment: str | None = option(None, "Data augmentation, as for train.", metavar="WORDS", only_for=TRAINED)
    epochs: int | None = option(None, "Number of epochs; by default the recipe's.", minimum=1, maximum=10_000, only_for=TRAINED)
    balance: str = balance_option()
    test_share: float | None = test_share_option()
    seed: int = seed_option()
    out: Path | None = option(None, "File for the figure (.svg) or the numbers (.json).", metavar="FILE", check=_is_figure)
    state: Path | None = state_option()
    device: str = device_option()
    precision: str = precision_option()
    num_workers: int | None = num_workers_option()


@dataclass(frozen=True)
class LearningCurveResult(Result):
    """The learning curve of a recipe on one split.

    Attributes:
        recipe: the recipe.
        part: the part it is evaluated on, ``test`` or ``val``.
        n: number of images of that part.
        points: one for each size of the training set, from the smallest to the largest.
        fit: the power law of the error, ``floor + scale * n_train ** -power``.
        twice: what twice the training images are expected to reach.
    """

    recipe: str
    part: str
    n: int
    points: tuple[CurvePoint, ...]
    fit: Mapping[str, float]
    twice: DoubledTraining


TRAINING = (
    *("recipe", "backbone", "weights", "architecture", "image_size", "augment"),
    *("epochs", "balance", "seed", "device", "precision", "num_workers"),
)
"""Options that are those of a training."""


@with_options(LearningCurveOptions)
def learning_curve(folder: str | Path, *, options: LearningCurveOptions, progress: Progress = AUTO) -> LearningCurveResult:
    """Train a recipe on growing subsets of one split, and estimate what twice the training images would gain.

    Every subset consists of whole groups and keeps the shares of the classes. The test images are always the same.

    Args:
        folder: class folders, parts with class folders, or a manifest.
        progress: receives progress and notes.
        options: as keywords; see :class:`LearningCurveOptions`.

    Returns:
        The accuracy for each size, the fitted power law, and what it predicts for twice the training images.

    Raises:
        OptionError: an option's name or value is wrong.
        DataError: the images cannot be used as they are, or a size is too small to train on.
    """
    from tellapart.analyzed_folder import open_folder
    from tellapart.output_guards import check_outside, noting_unchanged
    from tellapart.training.learning_curves import curve_point, fitted_curve, sizes_of, subset
    from tellapart.training.recipes import recipe_runner

    training = TrainOptions.from_others(**{name: getattr(options, name) for name in TRAINING}, n_splits=0, learning_curve=False)
    spec = recipe_runner(training).spec
    opened = open_folder(folder, reading=options, min_classes=2, state=options.state, num_workers=options.num_workers, progress=progress)
    if options.out is not None:
        check_outside(options.out, opened.dataset)
    analyzed = opened.analyze(spec.computed(options.device), progress=progress)
    assignment = analyzed.assignment(test_share=options.test_share, seed=options.seed)
    points = []
    finished: list[RecipeRunner] = []
    for size in sizes_of(assignment, [int(part) for part in options.sizes.split(",")] if options.sizes else SHARES):
        metrics = []
        for smaller in subset(assignment, size, options.draws):
            recipe = recipe_runner(training)
            recipe.train(smaller, analyzed.features, progress)
            metrics.append(recipe.evaluate(analyzed, smaller, analyzed.features, progress).metrics)
            finished.append(recipe)
        points.append(curve_point(metrics))
        _note_accuracy(progress, options.recipe, size, metrics)
    part, scores = next(iter(metrics[0].parts.items()))
    curve = fitted_curve(points)
    result = LearningCurveResult(options.recipe, part, scores.n, curve.points, curve.fit, curve.twice)
    if options.out is not None:
        with noting_unchanged([options.out], progress):
            _save(result, options.out)
    for recipe in finished:
        recipe.forget()
    return result


def _note_accuracy(progress: Progress, recipe: str, size: int, draws: Sequence[EvaluationMetrics]) -> None:
    parts = [next(iter(metrics.parts.values())) for metrics in draws]
    accuracies = ", ".join(f"{100 * part.accuracy.value:.1f} %" for part in parts)
    progress.note(f"{recipe} on {count(size, 'image')}: {accuracies}")


def _save(result: LearningCurveResult, path: Path) -> None:
    from tellapart.atomic_files import write_json, write_text
    from tellapart.reports.figures.split_variance import curve_figure

    if path.suffix.lower() == ".json":
        write_json(path, result.as_dict())
        return
    figure = curve_figure({"reason": None, "sentence": "", **result.as_dict()})
    if figure is not None:
        write_text(path, figure.standalone())
