"""The answer for an image besides its probabilities; and the images on a contact sheet, or copied into folders by predicted class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tellapart.atomic_files import regular_file
from tellapart.conformal import ConformalScale, prediction_sets, smallest_p_value
from tellapart.dataset.file_rows import USED, FileRow
from tellapart.dataset.image_analysis import thumbnail_of
from tellapart.decision_rule import DecisionRule
from tellapart.errors import ImageError, OptionError
from tellapart.options import option
from tellapart.progress import Progress

if TYPE_CHECKING:
    from tellapart.dataset import Dataset
    from tellapart.models.onnx_classifier import OnnxClassifier
    from tellapart.models.saved_model import SavedModel
    from tellapart.predictor import PredictedFiles
    from tellapart.reports.contact_sheet import Tile

UNKNOWN = "unknown"
BETWEEN = " | "
"""Between the classes of one cell."""
OLD = "train it again: it was trained by an older tellapart, or on too few images"
NOT_IN_FILE = "export it again without --int8, from a run that knows it: tellapart export-model RUN"


def unknown_option() -> Any:
    """The familiarity up to which an image is called unknown."""
    return option(
        None,
        'Answer "unknown" for images with at most this familiarity, such as 0.01: the share of false alarms on images like the '
        "training images.",
        minimum=0.0001,
        maximum=0.5,
        metavar="SHARE",
    )


def coverage_option() -> Any:
    """How often the true class is in the prediction set."""
    return option(
        None,
        "Add the smallest set of classes that holds the true one with this probability, such as 0.95, on images like the training images.",
        minimum=0.5,
        maximum=0.9999,
        metavar="SHARE",
    )


def top_option() -> Any:
    """How many classes are listed."""
    return option(None, "Add the K most probable classes.", minimum=1, metavar="K")


@dataclass(frozen=True)
class AnswerSettings:
    """See :func:`unknown_option`, :func:`coverage_option` and :func:`top_option`."""

    unknown: float | None = None
    coverage: float | None = None
    top: int | None = None

    @classmethod
    def of(cls, options: Any) -> AnswerSettings:
        """Those of a command's options."""
        return cls(options.unknown, options.coverage, options.top)


@dataclass(frozen=True, eq=False)
class AnswerRules:
    """What a model knows beside its probabilities.

    Attributes:
        name: of the model, for messages.
        class_names: in the order of its outputs.
        familiarity_groups: number of groups of images that familiarities were measured on; None where it does not know them.
        true_classes: the scale for prediction sets; None where there is none.
        decision: what is answered; None for the most probable class.
        remedy: what to do where it knows too little.
    """

    name: str
    class_names: tuple[str, ...]
    familiarity_groups: float | None
    true_classes: ConformalScale | None
    decision: DecisionRule | None
    remedy: str

    @classmethod
    def of_model(cls, model: SavedModel) -> AnswerRules:
        """Those of a saved model."""
        groups = None if model.familiarity is None else model.familiarity.scale.groups
        name = model.details.get("run", model.folder.name)
        return cls(name, model.class_names, groups, model.true_classes, model.decision, OLD)

    @classmethod
    def of_onnx(cls, classifier: OnnxClassifier) -> AnswerRules:
        """Those of an exported file."""
        known = classifier
        return cls(known.path.name, known.class_names, known.familiarity_groups, known.true_classes, known.decision, NOT_IN_FILE)


def check_answers(rules: AnswerRules, settings: AnswerSettings) -> None:
    """Check that a model can answer as the settings ask.

    Raises:
        OptionError: it has no familiarity or no scale for sets, or too few groups for so small a share; or there are fewer classes.
    """
    if settings.unknown is not None:
        if rules.familiarity_groups is None:
            raise OptionError(f"unknown cannot be answered: {rules.name} does not know how familiar an image is", hint=rules.remedy)
        _check_resolution(rules.familiarity_groups, settings.unknown, f"unknown {settings.unknown:g}", "unknown")
        if UNKNOWN in rules.class_names:
            raise OptionError(
                f"{rules.name} has a class of its own called {UNKNOWN}", hint="leave --unknown out; see the column familiarity"
            )
    if settings.coverage is not None:
        if rules.true_classes is None:
            raise OptionError(f"coverage cannot be answered: {rules.name} has no scale for prediction sets", hint=rules.remedy)
        _check_resolution(rules.true_classes.groups, 1 - settings.coverage, f"coverage {settings.coverage:g}", "coverage")
    count = len(rules.class_names)
    if settings.top is not None and settings.top > count:
        raise OptionError(f"top must be at most {count}, got {settings.top}: the model knows no more classes")


def with_answers(predicted: PredictedFiles, rules: AnswerRules, settings: AnswerSettings) -> PredictedFiles:
    """Predictions with the answers by the model's own rule and what the settings ask for; :func:`check_answers` has passed.

    Args:
        predicted: the predictions.
        rules: of the model that made them.
        settings: what is asked for.
    """
    if rules.decision is not None:
        predicted = replace(predicted, answers=rules.decision.answered(predicted.predictions))
    more: dict[str, Sequence[str]] = dict(predicted.more)
    predictions = predicted.predictions
    if settings.coverage is not None and rules.true_classes is not None:
        sets = prediction_sets(predictions.probabilities, rules.true_classes, settings.coverage)
        more["prediction_set"] = tuple(
            _names(predictions.probabilities[row], sets[row], predictions.class_names) for row in range(len(predictions))
        )
    if settings.top is not None:
        is_top = np.argsort(np.argsort(-predictions.probabilities, axis=1, kind="stable"), axis=1, kind="stable") < settings.top
        more["top"] = tuple(_names(predictions.probabilities[row], is_top[row], predictions.class_names) for row in range(len(predictions)))
    answers = predicted.answers
    if settings.unknown is not None and predicted.familiarity is not None:
        is_unknown = (predicted.familiarity <= settings.unknown).tolist()
        answers = tuple(UNKNOWN if strange else name for strange, name in zip(is_unknown, predicted.answered, strict=True))
    return replace(predicted, answers=answers, more=more)


def _names(probabilities: np.ndarray, chosen: np.ndarray, class_names: Sequence[str]) -> str:
    """The chosen classes, the most probable first."""
    order = np.argsort(-probabilities, kind="stable")
    return BETWEEN.join(class_names[k] for k in order[chosen[order]].tolist())


def _check_resolution(groups: float, share: float, given: str, option_name: str) -> None:
    smallest = smallest_p_value(groups)
    if share < smallest:
        raise OptionError(
            f"{given} is finer than this model can resolve: it was measured on {groups:,.0f} different images, "
            f"enough for shares from {smallest:.2g} on",
            hint=f"--{option_name} {_coarsest(option_name, smallest)}, or train on more images",
        )


def _coarsest(option_name: str, smallest: float) -> str:
    share = np.ceil(smallest * 1000) / 1000
    return f"{share:.3f}" if option_name == "unknown" else f"{1 - share:.3f}"


COLUMNS = 8


def write_prediction_sheet(predicted: PredictedFiles, dataset: Dataset, out: Path, progress: Progress) -> None:
    """Write a contact sheet of the predictions, class by class, the least certain first; at most 800 images are on it.

    Args:
        predicted: the predictions for ``dataset``.
        dataset: where the files lie.
        out: an image file, ``.jpg`` or ``.png``.
        progress: receives progress and notes.
    """
    from tellapart.atomic_files import replacing
    from tellapart.concurrency import parallel_map
    from tellapart.counts import count
    from tellapart.reports.contact_sheet import MOST_TILES, Tile, contact_sheet

    predictions = predicted.predictions
    answered = predicted.answered
    order = np.lexsort((predictions.confidence, np.array(answered, dtype=object).astype(str)))
    files = _files(predicted, dataset)

    def tile(number: int) -> Tile:
        row = int(order[number])
        caption = f"{answered[row]} {100 * predictions.confidence[row]:.0f} %\n{predictions.paths[row].rpartition('/')[2]}"
        pixels = _pixels(files[row]) if number < MOST_TILES else None
        return Tile(pixels, caption)

    title = f"{count(len(predictions), 'image')} by predicted class, the least certain first"
    with progress.stage("writing the contact sheet", unit="steps"):
        sheet = contact_sheet(parallel_map(tile, range(len(predictions))), columns=COLUMNS, title=title)
        with replacing(out) as partial, partial.open("wb") as file:
            sheet.save(file, "PNG" if out.suffix.lower() == ".png" else "JPEG", quality=92)


def sort_into_classes(predicted: PredictedFiles, dataset: Dataset, folder: Path, progress: Progress) -> None:
    """Copy every image into ``folder/CLASS``, by its predicted class; names that collide are numbered, and nothing is moved.

    Args:
        predicted: the predictions for ``dataset``.
        dataset: where the files lie.
        folder: new or empty, outside of the images.
        progress: receives progress and notes.

    Raises:
        StorageError: the disk is full or cannot be written; nothing is left behind.
    """
    from tellapart.dataset_export.decided_copy import Exported, write_copy

    predictions = predicted.predictions
    images = [
        Exported(file, _row(path, image_id, name, file))
        for path, image_id, name, file in zip(
            predictions.paths, predictions.image_ids, predicted.answered, _files(predicted, dataset), strict=True
        )
    ]
    write_copy(images, folder, is_linked=False, progress=progress)


def _files(predicted: PredictedFiles, dataset: Dataset) -> list[Path]:
    """Where each predicted image lies, in the order of the predictions."""
    pairs = zip(dataset.entries, predicted.files, strict=True)
    return [dataset.file(entry) for entry, state in pairs if state.image_id is not None]


def _row(path: str, image_id: str, label: str, file: Path) -> FileRow:
    return FileRow(path, image_id, label, None, None, USED, None, None, None, file.stat().st_size)


def _pixels(file: Path) -> bytes | None:
    try:
        return thumbnail_of(regular_file(file).read_bytes())
    except (OSError, ImageError):
        return None
