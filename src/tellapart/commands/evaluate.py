"""tellapart evaluate: the accuracy of a run on new labeled images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tellapart.dataset.options import DatasetOptions
from tellapart.models.precision import precision_option
from tellapart.options import dataclass, option, with_options
from tellapart.progress import AUTO, Progress
from tellapart.results import Result
from tellapart.shared_options import device_option, num_workers_option
from tellapart.workflows.tta_options import TtaGain, tta_augment_option, tta_option

if TYPE_CHECKING:
    from tellapart.errors import DataError
    from tellapart.evaluation import Interval
    from tellapart.evaluation.metrics import ClassScores
    from tellapart.evaluation.reliability import CoveragePoint, ReliabilityBin
    from tellapart.predictions import Predictions

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


@dataclass(frozen=True)
class EvaluateResult(Result):
    """The scores of a run on new images; the fields up to ``coverage`` are those of ``PART`` in docs/reference/run-folder.md.

    Attributes:
        run: name of the run.
        folder: the images.
        n: number of images evaluated.
        groups: number of groups they form; images of a group count as one for the intervals.
        accuracy: a proportion.
        log_loss: in nats.
        macro_f1: mean F1 score of the classes.
        auc: mean area under the ROC curve, one class against the rest; None if a class is absent.
        ece: expected calibration error ``before`` and ``after`` calibration.
        per_class: the scores of each class.
        confusion_matrix: images by true class (rows) and predicted class (columns).
        reliability: bins of the reliability diagram ``before`` and ``after`` calibration.
        coverage: accuracy on the most confident shares of the images.
        familiarity: ``n``, ``false_alarms`` (at each value of ``--unknown`` the share of the evaluated images called unknown) and the
            ``strangest`` images; None where the model does not know familiarity.
        unknown_classes: the same for the images of classes that the run does not know; None where there are none.
        prediction_sets: how often the true class is in its set of ``--coverage 0.95``, and how large the sets are; None without a scale.
        decision: what the answers by the model's own costs or recall do, beside the most probable class; None without such a rule.
        tta: what test-time augmentation changed; None for one view.
        seen_in_training: number of files left out because the run was trained on them.
        near_duplicate_of_training: number left out because they are near-duplicates of training images.
        group_in_training: number left out because an image of their group was trained on.
        unknown_class: number left out because the run does not know their class.
        unlabeled: number left out because they have no label.
        unreadable: number of files that cannot be read.
        left_out: reason by path, for files left out because of the training images.
        notes: checks that were not possible.
        report: ``report.html``, or None.
    """

    run: str
    folder: str
    n: int
    groups: int
    accuracy: Interval
    log_loss: Interval
    macro_f1: Interval
    auc: Interval | None
    ece: Mapping[str, float]
    per_class: Sequence[ClassScores]
    confusion_matrix: Sequence[Sequence[int]]
    reliability: Mapping[str, Sequence[ReliabilityBin]]
    coverage: Sequence[CoveragePoint]
    familiarity: Mapping[str, Any] | None
    unknown_classes: Mapping[str, Any] | None
    prediction_sets: Mapping[str, Any] | None
    decision: Mapping[str, Any] | None
    tta: TtaGain | None
    seen_in_training: int
    near_duplicate_of_training: int
    group_in_training: int
    unknown_class: int
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
        OptionError: an option's name or value is wrong, there are fewer fixed crops than views, or ``report`` is no new folder outside
            of the images.
        DataError: no image is left to evaluate: none is labeled with one of the run's classes, or all are training images.
    """
    from dataclasses import fields, replace

    import numpy as np

    from tellapart.dataset import open_dataset
    from tellapart.evaluation import evaluate as evaluate_predictions
    from tellapart.evaluation.decision_scores import decision_scores
    from tellapart.evaluation.unknowns import familiarity_scores
    from tellapart.models.saved_model import load_model
    from tellapart.output_guards import check_new_folder, check_no_manifest, check_outside, noting_unchanged
    from tellapart.predictor import predict_files
    from tellapart.run_folder import open_classifier_run
    from tellapart.training.usualness import unusual_scores
    from tellapart.workflows.evaluation_report import is_evaluation_report, write_evaluation_report
    from tellapart.workflows.training_overlap import GROUP, NEAR, SEEN, training_overlap
    from tellapart.workflows.tta_options import tta_gain, tta_settings

    opened = open_classifier_run(run)
    model, dataset = load_model(opened.model_folder), open_dataset(folder, options, progress=progress)
    for note in dataset.notes:
        progress.note(note)
    if options.out is not None:
        check_no_manifest(options.out, dataset)
    if options.report is not None:
        check_outside(options.report, dataset)
        if not is_evaluation_report(options.report):
            check_new_folder(options.report)
    predicted = predict_files(model, dataset, tta_settings(options), progress=progress)
    overlap = training_overlap(opened, model, dataset, predicted, progress)
    predictions = replace(predicted.predictions, groups=overlap.groups)
    is_new = np.array([kind is None for kind in overlap.kinds], dtype=bool)
    is_unlabeled = np.array([label is None for label in predictions.labels], dtype=bool)
    is_unknown = (predictions.targets < 0) & ~is_unlabeled
    is_evaluated = is_new & (predictions.targets >= 0)
    counts: dict[str, Any] = {
        **{kind: overlap.kinds.count(kind) for kind in (SEEN, NEAR, GROUP)},
        "unknown_class": int((is_unknown & is_new).sum()),
        "unlabeled": int((is_unlabeled & is_new).sum()),
        "unreadable": len(predicted.unreadable),
    }
    if not is_evaluated.any():
        raise _nothing_to_evaluate(folder, predictions, counts)
    evaluated = predictions.where(is_evaluated)
    for note in overlap.notes:
        progress.note(note)
    if options.out is not None:
        with noting_unchanged([options.out], progress):
            evaluated.save(options.out)
    scores = evaluate_predictions(evaluated)
    familiarity = predicted.familiarity
    unusual = unusual_scores(model, evaluated, None if familiarity is None else familiarity[is_evaluated])
    is_strange = is_unknown & is_new
    strange = None
    if familiarity is not None and is_strange.any():
        strange = familiarity_scores(familiarity[is_strange], predictions.where(is_strange))
    page = None
    if options.report is not None:
        images = (dataset, predicted)
        part = {**scores.as_dict(), **unusual}
        with noting_unchanged([options.report / name for name in ("report.html", "report.json")], progress):
            page = write_evaluation_report(options.report, opened, part, evaluated, images, list(overlap.notes), progress)
    return EvaluateResult(
        run=opened.name,
        folder=str(folder),
        **{f.name: getattr(scores, f.name) for f in fields(scores)},
        **unusual,
        decision=None if model.decision is None else decision_scores(model.decision, evaluated),
        unknown_classes=strange,
        tta=tta_gain(replace(predicted.first_view, groups=overlap.groups).where(is_evaluated), evaluated, predicted.views),
        **counts,
        left_out={path: reason for path, reason in zip(predictions.paths, overlap.reasons, strict=True) if reason},
        notes=tuple(overlap.notes),
        report=page,
    )


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
