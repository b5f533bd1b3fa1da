"""tellapart evaluate: how good a trained run is on new labelled photos."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tellapart.options import Options, dataclass, num_workers_option, option
from tellapart.progress import SILENT, Progress
from tellapart.workflows.views import view_augment_option, views_option

EXAMPLE = "tellapart evaluate runs/photos-1 newer_photos"


def _is_parquet(path: Path) -> str | None:
    return None if path.suffix.lower() == ".parquet" else f"{path} must end in .parquet"


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions(Options):
    """How to evaluate."""

    out: Path | None = option(None, "File for the predictions (.parquet).", metavar="FILE", check=_is_parquet)
    views: int = views_option()
    view_augment: str | None = view_augment_option()
    device: str = option("auto", "Where to compute.", choices=("auto", "cpu", "cuda", "mps"))
    num_workers: int | None = num_workers_option()


def evaluate(run: str | Path, folder: str | Path, *, progress: Progress = SILENT, **options: Any) -> dict[str, Any]:
    """Judge a run on photos it was not trained on.

    Photos whose bytes were among the run's training images are left out and counted: they would flatter.

    Args:
        run: a run folder.
        folder: labelled photos, in any layout that ``train`` reads.
        progress: hears how far it is.
        **options: the fields of :class:`EvaluateOptions`.

    Returns:
        The numbers of ``PART`` (docs/reference/run-folder.md) with ``seen_in_training``, ``unknown_class``,
        ``unlabelled`` and ``unreadable``: how many files were left out, and why. ``views`` says what more than one view
        changed: ``right_to_wrong`` and ``wrong_to_right`` (paths), and the paired differences of ``accuracy`` and
        ``log_loss`` from one view to all, with their intervals and ``p_value``; it is None for one view.

    Raises:
        OptionError: an option's name or value is wrong, or there are not so many views.
        DataError: no photo there is labelled with one of the run's classes.
    """
    chosen = EvaluateOptions.of(**options)
    import numpy as np

    from tellapart.dataset import open_dataset
    from tellapart.evaluation import evaluate as evaluated
    from tellapart.models.saved import load_model
    from tellapart.prediction import predict_files
    from tellapart.runs import open_judged_run
    from tellapart.workflows.views import ways_of_looking, worth_of_views

    opened = open_judged_run(run)
    found = predict_files(
        load_model(opened.model_folder),
        open_dataset(folder, progress=progress),
        **ways_of_looking(chosen),
        progress=progress,
    )
    trained_on = {row.image_id for row in opened.rows if row.is_used and row.part == "train"}
    predictions = found.predictions
    was_seen = np.array([image_id in trained_on for image_id in predictions.image_ids], dtype=bool)
    is_unlabelled = np.array([label is None for label in predictions.labels], dtype=bool)
    is_strange = (predictions.targets < 0) & ~is_unlabelled
    is_judged = ~was_seen & (predictions.targets >= 0)
    judged = predictions.where(is_judged)
    if chosen.out is not None:
        judged.save(chosen.out)
    return {
        "run": opened.name,
        "folder": str(folder),
        **evaluated(judged),
        "views": worth_of_views(found.first_view.where(is_judged), judged, found.views),
        "seen_in_training": int(was_seen.sum()),
        "unknown_class": int((is_strange & ~was_seen).sum()),
        "unlabelled": int((is_unlabelled & ~was_seen).sum()),
        "unreadable": len(found.unreadable),
    }
