"""The report of an evaluation on new images: the page of a run, about these images alone."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tellapart.version import __version__

if TYPE_CHECKING:
    from tellapart.dataset import Dataset
    from tellapart.dataset.file_rows import FileRow
    from tellapart.dataset.thumbnail_store import Thumbnails
    from tellapart.part_metrics import EvaluatedPart
    from tellapart.predictions import Predictions
    from tellapart.predictor import PredictedFiles
    from tellapart.progress import Progress
    from tellapart.run_folder import Run, RunContent
    from tellapart.run_metrics import RunMetrics

PART = "test"
"""New images are a test: the model saw none of them."""
PAGE, VIEW = "report.html", "report.json"


def is_evaluation_report(folder: Path) -> bool:
    """Whether a folder holds nothing but an earlier report of an evaluation, which is replaced."""
    if not folder.is_dir() or {path.name for path in folder.iterdir()} - {PAGE, VIEW, "figures"}:
        return False
    return (folder / PAGE).is_file() and _created_before(folder) is not None


def write_evaluation_report(
    folder: Path,
    run: Run,
    scores: EvaluatedPart,
    evaluated: Predictions,
    images: tuple[Dataset, PredictedFiles],
    notes: list[str],
    progress: Progress,
) -> Path:
    """Write ``report.html``, ``report.json`` and the figures into a folder.

    Args:
        folder: where to; it is made if it is not there.
        run: whose model was evaluated.
        scores: the metrics of the evaluated images.
        evaluated: the predictions that the scores are of.
        images: the data set, and the predictions for all its files.
        notes: sentences worth knowing.
        progress: receives progress.

    Returns:
        The path of ``report.html``.
    """
    from tellapart.dataset.thumbnail_store import thumbnail_loader
    from tellapart.reports import write_report
    from tellapart.run_folder import RunContent, RunOptions

    dataset, predicted = images
    metrics = replace(_metrics(run, scores, evaluated, images), notes=notes)
    content = RunContent(folder, metrics, RunOptions(), _rows(evaluated), replace(evaluated, parts=(PART,) * len(evaluated)))
    with progress.stage("writing the report", unit="steps"):
        thumbnails = thumbnail_loader(dataset, predicted.files)
        return write_report(folder, thumbnails, run=_dated_as_before(folder, content, thumbnails))


def _metrics(run: Run, scores: EvaluatedPart, evaluated: Predictions, images: tuple[Dataset, PredictedFiles]) -> RunMetrics:
    """The metrics of the run on these images alone."""
    from tellapart.part_metrics import ReportedPart
    from tellapart.run_metrics import ClassCounts, DataCounts, RunMetrics

    dataset, predicted = images
    n = len(evaluated)
    return RunMetrics(
        run=f"{run.name} on {dataset.root.name}",
        folder=str(dataset.root),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        tellapart=__version__,
        recipe=run.metrics.recipe,
        backbone=run.metrics.backbone,
        class_names=run.metrics.class_names,
        selection=run.metrics.selection,
        test=ReportedPart(**vars(scores)),
        data=DataCounts(
            files=len(predicted.files),
            used=n,
            unreadable=len(predicted.unreadable),
            set_aside=len(predicted.files) - len(predicted.unreadable) - n,
            classes=[ClassCounts(name, test=evaluated.labels.count(name)) for name in evaluated.class_names],
        ),
        split_sensitivity=None,
        split_sensitivity_reason="These images are new: there is no other split of them.",
        learning_curve=None,
        learning_curve_reason="Nothing was trained on these images.",
        leak=None,
        leak_reason="Nothing was trained on these images.",
    )


def _dated_as_before(folder: Path, content: RunContent, thumbnails: Thumbnails) -> RunContent:
    """The evaluation with the date of the report written before, if nothing else in it would change; else as it is."""
    from tellapart.reports.html_shell import view_json
    from tellapart.reports.run_view import report_view

    created = _created_before(folder)
    if created is None:
        return content
    same = replace(content, metrics=replace(content.metrics, created=created))
    is_same = view_json(report_view(folder, thumbnails, run=same)) == (folder / VIEW).read_text(encoding="utf-8")
    return same if is_same else content


def _created_before(folder: Path) -> str | None:
    """The date of the report in a folder; None if there is none."""
    try:
        return str(json.loads((folder / VIEW).read_text(encoding="utf-8"))["header"]["created"])
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _rows(evaluated: Predictions) -> list[FileRow]:
    """The evaluated images as rows of ``images.parquet``."""
    from tellapart.dataset.file_rows import USED, FileRow

    known = zip(evaluated.paths, evaluated.image_ids, evaluated.labels, evaluated.groups, strict=True)
    return [FileRow(path, image_id, label, PART, group, USED, None, None, None, 0) for path, image_id, label, group in known]
