"""tellapart report: write the report of a run again."""

from __future__ import annotations

from pathlib import Path

from tellapart.options import Options, dataclass, with_options
from tellapart.progress import AUTO, Progress


@dataclass(frozen=True, kw_only=True)
class ReportOptions(Options):
    """``report`` has no options."""


@with_options(ReportOptions)
def report(run: str | Path, *, options: ReportOptions, progress: Progress = AUTO) -> Path:
    """Write ``report.html``, ``report.json`` and the figures of a finished run again, and return its path.

    Thumbnails come from the cache, or from the images if they are still where they were.

    Args:
        run: a run folder.
        progress: receives progress and notes.
        options: as keywords; see :class:`ReportOptions`.
    """
    from tellapart.dataset.thumbnail_store import run_thumbnail_loader
    from tellapart.reports import write_report
    from tellapart.run_folder import open_classifier_run

    opened = open_classifier_run(run)
    with progress.stage("writing the report", unit="steps"):
        return write_report(opened.folder, run_thumbnail_loader(Path(opened.metrics["folder"]), opened.rows))
