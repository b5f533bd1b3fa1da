"""tellapart evaluate: how good a trained run is on new labeled photos."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tellapart.dataset.options import DatasetOptions
from tellapart.models.precision import precision_option
from tellapart.options import dataclass, option, with_options
from tellapart.progress import AUTO, Progress
from tellapart.shared_options import device_option, num_workers_option
from tellapart.workflows.tta_options import tta_augment_option, tta_option

if TYPE_CHECKING:
    from tellapart.errors import DataError
    from tellapart.predictions import Predictions

NAMED = 8


def _is_parquet(path: Path) -> str | None:
    return None if path.suffix.lower() == ".parquet" else f"{path} must end in .parquet"


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions(DatasetOptions):
    """How to evaluate."""

    out: Path | None = option(None, "File for the predictions (.parquet).", metavar="FILE", check=_is_parquet)
    views: int = tta_option()
    view_augment: str | None = tta_augment_option()
    device: str = device_option()
    precision: str = precision_option()
    num_workers: int | None = num_workers_option()


@with_options(EvaluateOptions)
def evaluate(run: str | Path, folder: str | Path, *, options: EvaluateOptions, progress: Progress = AUTO) -> dict[str, Any]:
    """Judge a run on photos it was not trained on.

    The run's training images, near-duplicates of them, and photos of the same group (of a manifest) are left out and counted:
    they would flatter.

    Args:
        run: a run folder.
        folder: labeled photos, in any layout that ``train`` reads.
        progress: hears how far it is.
        options: as keywords; see :class:`EvaluateOptions`.

    Returns:
        The numbers of ``PART`` (docs/reference/run-folder.md) with ``seen_in_training``, ``near_duplicate_of_training``,
        ``group_in_training``, ``unknown_class``, ``unlabeled`` and ``unreadable``: how many files were left out, and why;
        ``left_out`` (path: reason) names those of the first three, ``notes`` what could not be looked for. ``views`` says
        what more than one view changed: ``right_to_wrong`` and ``wrong_to_right`` (paths), and the paired differences of ``accuracy`` and
        ``log_loss`` from one view to all, with their intervals and ``p_value``; it is None for one view.

    Raises:
        OptionError: an option's name or value is wrong, or there are not so many views.
        DataError: no photo is left to judge: none is labeled with one of the run's classes, or the run knows all of them.
    """
    from dataclasses import replace

    import numpy as np

    from tellapart.dataset import open_dataset
    from tellapart.evaluation import evaluate as evaluated
    from tellapart.models.saved_model import load_model
    from tellapart.output_guards import check_no_manifest
    from tellapart.predictor import predict_files
    from tellapart.runs import open_judged_run
    from tellapart.workflows.training_overlap import GROUP, NEAR, SEEN, training_overlap
    from tellapart.workflows.tta_options import tta_gain, tta_settings

    opened = open_judged_run(run)
    model, dataset = load_model(opened.model_folder), open_dataset(folder, options, progress=progress)
    for note in dataset.notes:
        progress.note(note)
    for note in dataset.notes:
        progress.note(note)
    for note in dataset.notes:
        progress.note(note)
    if options.out is not None:
        check_no_manifest(options.out, dataset)
    found = predict_files(model, dataset, **tta_settings(options), progress=progress)
    overlap = training_overlap(opened, model, dataset, found, progress)
    predictions = replace(found.predictions, groups=overlap.groups)
    is_new = np.array([kind is None for kind in overlap.kinds], dtype=bool)
    is_unlabeled = np.array([label is None for label in predictions.labels], dtype=bool)
    is_strange = (predictions.targets < 0) & ~is_unlabeled
    is_judged = is_new & (predictions.targets >= 0)
    left_out = {
        **{kind: overlap.kinds.count(kind) for kind in (SEEN, NEAR, GROUP)},
        "unknown_class": int((is_strange & is_new).sum()),
        "unlabeled": int((is_unlabeled & is_new).sum()),
        "unreadable": len(found.unreadable),
    }
    if not is_judged.any():
        raise _nothing_to_judge(folder, predictions, left_out)
    judged = predictions.where(is_judged)
    for note in overlap.notes:
        progress.note(note)
    if options.out is not None:
        judged.save(options.out)
    return {
        "run": opened.name,
        "folder": str(folder),
        **evaluated(judged),
        "views": tta_gain(replace(found.first_view, groups=overlap.groups).where(is_judged), judged, found.views),
        **left_out,
        "left_out": {path: reason for path, reason in zip(predictions.paths, overlap.reasons, strict=True) if reason},
        "notes": overlap.notes,
    }


def _nothing_to_judge(folder: str | Path, predictions: Predictions, left_out: dict[str, int]) -> DataError:
    """Why no image can be judged: names both sets of classes where they differ, else counts the reasons."""
    from tellapart.errors import DataError
    from tellapart.printable import printable

    counts = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in left_out.items() if count)
    message = f"no image in {printable(str(folder))} can be judged: {counts}"
    there = sorted({label for label in predictions.labels if label is not None} - set(predictions.class_names))
    if there and left_out["unknown_class"]:
        known = ", ".join(map(repr, predictions.class_names[:NAMED]))
        return DataError(
            f"{message}; the classes there are {', '.join(map(repr, there[:NAMED]))}, the run knows {known}",
            hint="name the classes as the run does, or evaluate a run that knows these",
        )
    if left_out["unlabeled"]:
        return DataError(message, hint="numbers need labeled images: put them in folders named after their class")
    return DataError(message, hint="evaluate on images that are not of the training photos")
