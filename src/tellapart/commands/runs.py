"""tellapart runs: the runs of a folder, ranked; and rm-run: delete runs."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tellapart.cache_dir import folder_size
from tellapart.errors import DataError
from tellapart.options import Options, dataclass, option, with_options
from tellapart.progress import AUTO, Progress
from tellapart.results import Result

if TYPE_CHECKING:
    from tellapart.workflows.leaderboard import RunEntry, RunGroup

WRITTEN = {
    *("options.json", "history.jsonl", "images.parquet", "predictions.parquet", "metrics.json", "out_of_fold.parquet"),
    *("model", "report.html", "report.json", "figures", "latents.npy", "latents.csv", "reconstruction.csv", "export"),
}
"""What tellapart writes into a run folder."""


@dataclass(frozen=True, kw_only=True)
class RunsOptions(Options):
    """How to show the runs."""

    page: Path | None = option(None, "Write the table as an HTML page too.", metavar="FILE")


@dataclass(frozen=True, kw_only=True)
class RmRunOptions(Options):
    """Whether to delete."""

    yes: bool = option(False, "Delete; without it, what would be deleted is listed.")


@dataclass(frozen=True, kw_only=True)
class RunsResult(Result):
    """The runs of a folder.

    Attributes:
        folder: where they lie.
        runs: every finished run, the newest first.
        groups: runs on the same images, ranked; those of one run alone too.
        unreadable: folder names of damaged runs, with the reason.
        notes: how far to trust the ranking.
        page: the page, if one was asked for.
    """

    folder: Path
    runs: tuple[RunEntry, ...]
    groups: tuple[RunGroup, ...]
    unreadable: dict[str, str]
    notes: tuple[str, ...]
    page: Path | None


@dataclass(frozen=True, kw_only=True)
class RmRunResult(Result):
    """What was deleted, or would be.

    Attributes:
        runs: the run folders.
        size_bytes: of all of them.
        is_deleted: whether they were deleted.
    """

    runs: tuple[Path, ...]
    size_bytes: int
    is_deleted: bool


@with_options(RunsOptions)
def runs(folder: str | Path = "runs", *, options: RunsOptions, progress: Progress = AUTO) -> RunsResult:
    """List the runs of a folder with their scores; those evaluated on the same images are compared with the best of them.

    Accuracy by the exact McNemar test, log loss by a paired bootstrap, on the same images.

    Args:
        folder: the folder of runs.
        progress: receives every run.
        options: as keywords; see :class:`RunsOptions`.

    Raises:
        DataError: there is no run in the folder.
        StorageError: the page cannot be written.
    """
    from tellapart.workflows.leaderboard import list_runs

    where = Path(folder).expanduser().absolute()
    listed = list_runs(where, progress)
    result = RunsResult(
        folder=where, runs=listed.runs, groups=listed.groups, unreadable=listed.unreadable, notes=listed.notes, page=options.page
    )
    if options.page is not None:
        from tellapart.reports.leaderboard_page import write_leaderboard_page

        write_leaderboard_page(options.page, result.as_dict())
    return result


@with_options(RmRunOptions)
def rm_run(runs: Sequence[str | Path], *, options: RmRunOptions, progress: Progress = AUTO) -> RmRunResult:
    """Delete runs for good; without ``yes`` list what would be deleted.

    Args:
        runs: run folders.
        progress: not used.
        options: as keywords; see :class:`RmRunOptions`.

    Raises:
        DataError: a folder is not a finished run, or holds files that tellapart did not write; nothing is deleted then.
        StorageError: a folder cannot be deleted.
    """
    from tellapart.atomic_files import storage_error
    from tellapart.run_folder import open_run

    several = [runs] if isinstance(runs, str | Path) else list(runs)
    folders = list(dict.fromkeys(open_run(where).folder for where in several))
    for folder in folders:
        if foreign := sorted({path.name for path in folder.iterdir()} - WRITTEN):
            raise DataError(
                f"{folder} holds what tellapart did not write: {', '.join(foreign[:5])}", hint="move it elsewhere, then delete the run"
            )
    size = sum(folder_size(folder) for folder in folders)
    if options.yes:
        for folder in folders:
            try:
                (folder / "metrics.json").unlink()  # from here on it is no run, even if deleting is interrupted
                shutil.rmtree(folder)
            except OSError as error:
                raise storage_error(error, folder) from error
    return RmRunResult(runs=tuple(folders), size_bytes=size, is_deleted=options.yes)
