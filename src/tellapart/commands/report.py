"""tellapart report: write the report of a run again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tellapart.counts import count
from tellapart.options import Options, dataclass, option, with_options
from tellapart.progress import AUTO, Progress
from tellapart.shared_options import again_option

if TYPE_CHECKING:
    from tellapart.run_folder import Run, RunContent


@dataclass(frozen=True, kw_only=True)
class ReportOptions(Options):
    """How to write the report again."""

    explain: int = option(0, "Also show where the model looked in the first N images of the gallery (Grad-CAM).", minimum=0, maximum=200)
    map: str = option("pca", "Projection of the map: pca as it was trained, or tsne, from the images.", choices=("pca", "tsne"))
    again: bool = again_option("Write the files anew even where nothing has changed.")


@with_options(ReportOptions)
def report(run: str | Path, *, options: ReportOptions, progress: Progress = AUTO) -> Path:
    """Write ``report.html``, ``report.json`` and the figures of a finished run again, and return its path.

    Thumbnails come from the cache, or from the images if they are still where they were. Files that would be the same are
    left as they are, and a note says so.

    Args:
        run: a run folder.
        progress: receives progress and notes.
        options: as keywords; see :class:`ReportOptions`.

    Raises:
        DataError: there is no such run, or its images are gone and a map of them was asked for.
        ModelError: the saved model is damaged, or has no layer that can be explained.
        StorageError: a file of the run is damaged, or the folder cannot be written.
    """
    from tellapart.dataset.thumbnail_store import run_thumbnail_loader
    from tellapart.output_guards import noting_unchanged
    from tellapart.reports import write_report
    from tellapart.run_folder import open_classifier_run
    from tellapart.workflows.heat_maps import mistake_maps

    opened = open_classifier_run(run)
    written = [opened.report, opened.folder / "report.json"]
    content = _with_tsne_map(opened, progress) if options.map == "tsne" else None
    maps = mistake_maps(opened, options.explain, progress) if options.explain else {}
    with noting_unchanged(written, progress, hint="; --again writes them anew"), progress.stage("writing the report", unit="steps"):
        thumbnails = run_thumbnail_loader(Path(opened.metrics.folder), opened.rows)
        return write_report(opened.folder, thumbnails, run=content, is_anew=options.again, heat_maps=maps)


def _with_tsne_map(run: Run, progress: Progress) -> RunContent:
    """The content of the report with t-SNE coordinates of the images; those that are gone or have changed have none."""
    from tellapart.dataset import Dataset, Entry
    from tellapart.exploration.projection import project
    from tellapart.feature_extraction import extract
    from tellapart.models.saved_model import load_model
    from tellapart.predictor import PredictionSettings, member_specs

    content = run.content()
    used = [row for row in content.rows if row.is_used and row.image_id]
    dataset = Dataset(Path(run.metrics.folder), tuple(Entry(row.path, label=row.label) for row in used))
    spec = member_specs(load_model(run.model_folder), PredictionSettings())[0]
    found = extract(dataset, spec, progress=progress)
    there = [row for row, file in zip(used, found.files, strict=True) if file.image_id == row.image_id]
    if len(there) < len(used):
        progress.note(f"{count(len(used) - len(there), 'image is', 'images are')} gone or changed, and not on the map")
    projection = project(found.features.of([row.image_id or "" for row in there]), progress=progress)
    place = {row.path: at for row, at in zip(there, projection.places.tolist(), strict=True)}
    rows = [
        replace(row, x=place[row.path][0], y=place[row.path][1]) if row.path in place else replace(row, x=None, y=None)
        for row in content.rows
    ]
    return replace(content, rows=rows, map_method=projection.method)
