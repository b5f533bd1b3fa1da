"""tellapart evaluate: the accuracy of a run on new labeled images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import compress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tellapart.dataset.options import DatasetOptions
from tellapart.models.precision import precision_option
from tellapart.options import dataclass, option, with_options
from tellapart.part_metrics import EvaluatedPart, FamiliarityScores
from tellapart.progress import AUTO, Progress
from tellapart.shared_options import device_option, num_workers_option
from tellapart.workflows.tta_options import TtaGain, tta_augment_option, tta_option

if TYPE_CHECKING:
    from tellapart.array_types import BoolArray, FloatArray
    from tellapart.dataset import Dataset
    from tellapart.errors import DataError
    from tellapart.models.saved_model import SavedModel
    from tellapart.predictions import Predictions
    from tellapart.predictor import PredictedFiles
    from tellapart.workflows.training_overlap import TrainingOverlap

MAX_NAMED = 8


def _is_parquet(path: Path) -> str | None:
    return None if path.suffix.lower() == ".parquet" else f"{path} must end in .parquet"


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions(DatasetOptions):
    """How to evaluate."""

    out: Path | None = option(None, "File for the predictions (.parquet).", metavar="FILE", check=_is_parquet)
    report: Path | None = option(None, "New folder for report.html, its data and figures.", metavar="DIR")
    tta: int = tta_option()
    tta_augment: str | None = tta_augment_option()
    device: str = device_option()
    precision: str = precision_option()
    num_workers: int | None = num_workers_option()


@dataclass(frozen=True, kw_only=True)
class EvaluateResult(EvaluatedPart):
    """The scores of a run on new images.

    Attributes:
        run: name of the run.
        folder: the images.
        unknown_classes: familiarity of the images of classes that the run does not know; None where there are none.
        tta: what test-time augmentation changed; None for one view.
        seen_in_training: number of files left out because the run was trained on them.
        near_duplicate_of_training: number left out because they are near-duplicates of training images.
        group_in_training: number left out because an image of their group was trained on.
        unknown_class: number left out because the run does not know their class.
        unknown_labels: their number by class.
        unlabeled: number left out because they have no label.
        unreadable: number of files that cannot be read.
        left_out: reason by path, for files left out because of the training images.
        notes: checks that were not possible.
        report: ``report.html``, or None.
    """

    run: str
    folder: str
    unknown_classes: FamiliarityScores | None
    tta: TtaGain | None
    seen_in_training: int
    near_duplicate_of_training: int
    group_in_training: int
    unknown_class: int
    unknown_labels: Mapping[str, int]
    unlabeled: int
    unreadable: int
    left_out: Mapping[str, str]
    notes: Sequence[str]
    report: Path | None = None


@with_options(EvaluateOptions)
def evaluate(run: str | Path, folder: str | Path, *, options: EvaluateOptions, progress: Progress = AUTO) -> EvaluateResult:
    """Evaluate a run on images it was not trained on.

    The run's training images, near-duplicates of them, and images of the same group (of a manifest) are left out and counted:
    they would inflate the scores.

    Args:
        run: a run folder.
        folder: labeled images, in any layout that ``train`` reads.
        progress: receives progress and notes.
        options: as keywords; see :class:`EvaluateOptions`.

    Returns:
        The scores with their 95 % intervals, and the number of files left out, by reason.

    Raises:
        OptionError: an option's name or value is wrong, there are fewer fixed crops than views, or ``report`` is not a new folder outside
            of the images.
        DataError: no image is left to evaluate: none is labeled with one of the run's classes, or all are training images.
    """
    from tellapart.dataset import open_dataset
    from tellapart.dataset.dataset import without_labels
    from tellapart.models.saved_model import load_model
    from tellapart.output_guards import noting_unchanged
    from tellapart.predictor import predict_files
    from tellapart.run_folder import open_classifier_run
    from tellapart.workflows.evaluation_report import write_evaluation_report
    from tellapart.workflows.training_overlap import training_overlap
    from tellapart.workflows.tta_options import tta_gain, tta_settings

    opened = open_classifier_run(run)
    model, dataset = load_model(opened.model_folder), open_dataset(folder, options, progress=progress)
    if not dataset.class_names:
        raise without_labels(dataset, [entry.path for entry in dataset.entries])
    for note in dataset.notes:
        progress.note(note)
    _check_outputs(options, dataset)
    predicted = predict_files(model, dataset, tta_settings(options), progress=progress)
    overlap = training_overlap(opened, model, dataset, predicted, progress)
    files = _PredictedFiles.of(predicted, overlap)
    if not files.is_evaluated.any():
        raise _nothing_to_evaluate(folder, files.predictions, files.counts)
    evaluated = files.predictions.where(files.is_evaluated)
    notes = [*overlap.notes, *_alike_notes(files)]
    for note in notes:
        progress.note(note)
    if options.out is not None:
        with noting_unchanged([options.out], progress):
            evaluated.save(options.out)
    scores, strange = _scores(model, files, predicted.familiarity)
    page = None
    if options.report is not None:
        images = (dataset, predicted)
        with noting_unchanged([options.report / name for name in ("report.html", "report.json")], progress):
            page = write_evaluation_report(options.report, opened, scores, evaluated, images, notes, progress)
    return EvaluateResult(
        run=opened.name,
        folder=str(folder),
        **vars(scores),
        unknown_classes=strange,
        tta=tta_gain(replace(predicted.first_view, groups=overlap.groups).where(files.is_evaluated), evaluated, predicted.views),
        **files.counts,
        unknown_labels=files.unknown_labels,
        left_out={path: reason for path, reason in zip(files.predictions.paths, overlap.reasons, strict=True) if reason},
        notes=tuple(notes),
        report=page,
    )


def _check_outputs(options: EvaluateOptions, dataset: Dataset) -> None:
    """Refuse to write over what is not an output of an evaluation."""
    from tellapart.output_guards import check_new_folder, check_no_manifest, check_outside
    from tellapart.workflows.evaluation_report import is_evaluation_report

    if options.out is not None:
        check_no_manifest(options.out, dataset)
    if options.report is not None:
        check_outside(options.report, dataset, option="--report")
        if not is_evaluation_report(options.report):
            check_new_folder(options.report)


@dataclass(frozen=True, eq=False)
class _PredictedFiles:
    """Predictions of all readable files, bool (n,) of those evaluated and of those of unknown classes, and counts of the others."""

    predictions: Predictions
    is_evaluated: BoolArray
    is_unknown: BoolArray
    counts: dict[str, Any]

    @property
    def unknown_labels(self) -> dict[str, int]:
        """The number of images of each class that the run does not know."""
        labels = compress(self.predictions.labels, self.is_unknown)
        return dict(sorted(Counter(label for label in labels if label is not None).items()))

    @classmethod
    def of(cls, predicted: PredictedFiles, overlap: TrainingOverlap) -> _PredictedFiles:
        import numpy as np

        from tellapart.workflows.training_overlap import GROUP, NEAR, SEEN

        predictions = replace(predicted.predictions, groups=overlap.groups)
        is_new = np.array([kind is None for kind in overlap.kinds], dtype=bool)
        is_unlabeled = np.array([label is None for label in predictions.labels], dtype=bool)
        is_unknown = is_new & (predictions.targets < 0) & ~is_unlabeled
        counts: dict[str, Any] = {
            **{kind: overlap.kinds.count(kind) for kind in (SEEN, NEAR, GROUP)},
            "unknown_class": int(is_unknown.sum()),
            "unlabeled": int((is_unlabeled & is_new).sum()),
            "unreadable": len(predicted.unreadable),
        }
        return cls(predictions, is_new & (predictions.targets >= 0), is_unknown, counts)


def _scores(model: SavedModel, files: _PredictedFiles, familiarity: FloatArray | None) -> tuple[EvaluatedPart, FamiliarityScores | None]:
    """The scores of the evaluated images, and the familiarity of those of unknown classes."""
    from tellapart.evaluation import evaluate as evaluate_predictions
    from tellapart.evaluation.conformal_scores import familiarity_scores
    from tellapart.evaluation.decision_scores import decision_scores
    from tellapart.training.conformal_evaluation import unknown_scores

    evaluated, is_unknown = files.predictions.where(files.is_evaluated), files.is_unknown
    known, sets = unknown_scores(model, evaluated, None if familiarity is None else familiarity[files.is_evaluated])
    decision = None if model.decision is None else decision_scores(model.decision, evaluated)
    scores = EvaluatedPart(**vars(evaluate_predictions(evaluated)), familiarity=known, prediction_sets=sets, decision=decision)
    if familiarity is None or not is_unknown.any():
        return scores, None
    return scores, familiarity_scores(familiarity[is_unknown], files.predictions.where(is_unknown))


def _alike_notes(files: _PredictedFiles) -> list[str]:
    """A note for each class of the images that is left out, although the run knows one whose name is the same to a person."""
    from tellapart.dataset.class_names import ALIKE, alike_names, spelled

    known = set(files.predictions.class_names)
    groups = alike_names([*files.predictions.class_names, *files.unknown_labels])
    return [
        f"the run does not know {spelled(name)}, but {spelled(own)}, which is called {ALIKE}; if they are one, name its images so"
        for group in groups
        for own in [name for name in group if name in known][:1]
        for name in group
        if name not in known
    ]


def _nothing_to_evaluate(folder: str | Path, predictions: Predictions, left_out: dict[str, int]) -> DataError:
    """The error when no image is left: names both sets of classes where they differ, else counts the reasons."""
    from tellapart.errors import DataError
    from tellapart.printable import printable

    counts = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in left_out.items() if count)
    message = f"no image in {printable(str(folder))} can be evaluated: {counts}"
    classes = sorted({label for label in predictions.labels if label is not None} - set(predictions.class_names))
    if classes and left_out["unknown_class"]:
        known = ", ".join(map(repr, predictions.class_names[:MAX_NAMED]))
        return DataError(
            f"{message}; the classes there are {', '.join(map(repr, classes[:MAX_NAMED]))}, the run knows {known}",
            hint="use the class names of the run, or evaluate a run that knows these classes",
        )
    if left_out["unlabeled"]:
        return DataError(message, hint="evaluation needs labeled images: put them in folders named after their class")
    return DataError(message, hint="evaluate on images that are not among the training images")
