"""tellapart learning-curve: would more photos help this recipe? It is trained on growing numbers of them, several draws each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tellapart.counts import count
from tellapart.dataset.options import DatasetOptions
from tellapart.models.precision import precision_option
from tellapart.options import dataclass, option, when, with_options
from tellapart.progress import AUTO, Progress
from tellapart.shared_options import (
    backbone_option,
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
    is_fine = all(part.isdigit() and int(part) > 1 for part in parts)
    return None if is_fine else f"{text!r} are no numbers of photos; write them with commas, such as 500,1000,2000"


def _is_figure(path: Path) -> str | None:
    return None if path.suffix.lower() in (".svg", ".json") else f"{path} must end in .svg or .json"


@dataclass(frozen=True, kw_only=True)
class LearningCurveOptions(DatasetOptions):
    """What to measure."""

    recipe: str = option("probe", "Recipe to train: probe, finetune or scratch.", choices=("probe", "finetune", "scratch"))
    sizes: str | None = option(
        None, "Numbers of training photos, with commas; by default an eighth to all.", check=_sizes_complaint, metavar="N,N"
    )
    draws: int = option(3, "Draws of each size; all photos can be drawn only once.", minimum=1, maximum=100)
    backbone: str = backbone_option(only_for=WITH_BACKBONE)
    weights: Path | None = weights_option(only_for=WITH_BACKBONE)
    net: str = option("resnet", "Network for scratch: resnet, tiny, classic, or any timm name.", only_for=when("recipe", "scratch"))
    image_size: int | None = image_size_option()
    augment: str | None = option(None, "Augmentation of training images, as for train.", metavar="WORDS", only_for=TRAINED)
    epochs: int | None = option(None, "Times every image is seen; by default the recipe's.", minimum=1, maximum=10_000, only_for=TRAINED)
    balance: str = option("none", "What to do about unequal classes.", choices=("none", "weights", "oversample", "undersample"))
    test_share: float | None = test_share_option()
    seed: int = seed_option()
    out: Path | None = option(None, "File for the figure (.svg) or the numbers (.json).", metavar="FILE", check=_is_figure)
    state: Path | None = state_option()
    device: str = device_option()
    precision: str = precision_option()
    num_workers: int | None = num_workers_option()


@with_options(LearningCurveOptions)
def learning_curve(folder: str | Path, *, options: LearningCurveOptions, progress: Progress = AUTO) -> dict[str, Any]:
    """Measure a recipe's learning curve on one split: sizes, several draws each, and what twice the photos promise.

    Every draw takes whole groups and keeps the classes' shares. The test photos are the same throughout.

    Args:
        folder: class folders, parts with class folders, or a manifest.
        progress: hears how far it is.
        options: as keywords; see :class:`LearningCurveOptions`.

    Returns:
        ``learning_curve`` of metrics.json (docs/reference/run-folder.md) with ``recipe``, ``part`` and ``n``, the
        number of photos judged on.

    Raises:
        OptionError: an option's name or value is wrong.
        DataError: the photos cannot be used as they are, or are fewer than the sizes ask for.
    """
    from tellapart.analyzed_folder import analyze_folder
    from tellapart.training.curve_subsets import curve_of, sizes_of, subset
    from tellapart.training.recipe_runner import recipe_runner

    shared = ("recipe", "backbone", "weights", "net", "image_size", "augment", "epochs", "balance", "seed", "device", "num_workers")
    wanted = TrainOptions.from_others(**{name: getattr(options, name) for name in shared}, splits=0, curve=False)
    spec = recipe_runner(wanted).spec
    looked = analyze_folder(
        folder,
        spec,
        reading=options,
        min_classes=2,
        state=options.state,
        device=options.device,
        num_workers=options.num_workers,
        progress=progress,
    )
    dataset, extraction = looked.dataset, looked.extraction
    assignment = looked.assignment(test_share=options.test_share, seed=options.seed)
    points = []
    finished: list[RecipeRunner] = []
    for size in sizes_of(assignment, [int(part) for part in options.sizes.split(",")] if options.sizes else SHARES):
        found = []
        for smaller in subset(assignment, size, options.draws):
            recipe = recipe_runner(wanted)
            recipe.train(smaller, extraction.features, progress)
            found.append(recipe.examination(dataset, smaller, extraction.features, progress).metrics)
            finished.append(recipe)
        points.append((size, found))
        _say(progress, options.recipe, size, found)
    result = {"recipe": options.recipe, **curve_of(points)}
    if options.out is not None:
        _save(result, options.out)
    for recipe in finished:
        recipe.forget()
    return result


def _say(progress: Progress, recipe: str, size: int, found: Sequence[dict[str, Any]]) -> None:
    part = "test" if "test" in found[0] else "val"
    accuracies = ", ".join(f"{100 * metrics[part]['accuracy']['value']:.1f} %" for metrics in found)
    progress.note(f"{recipe} on {count(size, 'photo')}: {accuracies}")


def _save(result: dict[str, Any], path: Path) -> None:
    from tellapart.atomic_files import write_json, write_text
    from tellapart.reports.figures.split_variance import curve_figure

    if path.suffix.lower() == ".json":
        write_json(path, result)
        return
    figure = curve_figure({"reason": None, "sentence": "", **result})
    if figure is not None:
        write_text(path, figure.standalone())
