"""tellapart report: write a run's report anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tellapart.options import Options, dataclass
from tellapart.progress import SILENT, Progress

EXAMPLE = "tellapart report runs/photos-1"


@dataclass(frozen=True, kw_only=True)
class ReportOptions(Options):
    """How to report (there is nothing to choose)."""


def report(run: str | Path, *, progress: Progress = SILENT, **options: Any) -> Path:
    """Write ``report.html``, ``report.json`` and the figures of a finished run again, and say where.

    Thumbnails come from the cache, or are made from the photos if they still lie where they were.

    Args:
        run: a run folder.
        progress: hears how far it is.
        **options: none.
    """
    ReportOptions.of(**options)
    from tellapart.dataset import Dataset, Entry
    from tellapart.dataset.catalog import FileState
    from tellapart.reports import write_report
    from tellapart.runs import open_run
    from tellapart.verbs.looking import thumbnails

    opened = open_run(run)
    dataset = Dataset(Path(opened.metrics["folder"]), tuple(Entry(row.path) for row in opened.rows))
    files = [FileState(row.path, row.size_bytes, 0, row.image_id, row.reason) for row in opened.rows]
    with progress.stage("writing the report", unit="steps"):
        return write_report(opened.folder, thumbnails(dataset, files))
