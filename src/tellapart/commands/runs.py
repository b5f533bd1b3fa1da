"""tellapart runs: the runs of a folder, ranked; and rm-run: delete runs."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tellapart.cache_dir import folder_size
from tellapart.counts import count
from tellapart.errors import DataError, TellapartError
from tellapart.options import Options, dataclass, option, with_options
from tellapart.progress import AUTO, Progress
from tellapart.results import Result

if TYPE_CHECKING:
    from tellapart.evaluation import Interval
    from tellapart.evaluation.leaderboard import Rank
    from tellapart.predictions import Predictions
    from tellapart.run_folder import Run

MANY = 3
"""Runs on the same images from which on the best of them flatters noticeably."""
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
class RunEntry(Result):
    """A finished run.

    Attributes:
        name: of the run.
        path: its folder.
        created: when it began, ISO 8601.
        images: the folder it was trained on.
        recipe: ``probe``, ``finetune``, ``scratch``, ``ensemble`` or ``autoencoder``.
        backbone: the network.
        part: the part it was evaluated on, ``test`` or ``val``; None for an autoencoder.
        n: images of that part.
        accuracy: with its 95 % interval.
        log_loss: with its 95 % interval.
        seconds: the whole command took; None in runs of older versions.
        size_bytes: of the run folder.
    """

    name: str
    path: Path
    created: str
    images: str
    recipe: str
    backbone: str
    part: str | None
    n: int | None
    accuracy: Interval | None
    log_loss: Interval | None
    seconds: float | None
    size_bytes: int


@dataclass(frozen=True, kw_only=True)
class RunGroup(Result):
    """Runs that were evaluated on the same images.

    Attributes:
        n: number of these images.
        ranks: the lowest log loss first, each with its paired differences to the best.
    """

    n: int
    ranks: tuple[Rank, ...]


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
    where = Path(folder).expanduser().absolute()
    opened, unreadable = _open_all(where)
    entries, predictions = [], {}
    with progress.stage("reading the runs", total=len(opened), unit="runs") as advance:
        for run in opened:
            try:
                entry = _entry(run)
                if entry.part is not None:
                    predictions[run.name] = _reported(run, entry.part)
                entries.append(entry)
            except (TellapartError, KeyError, TypeError, ValueError) as error:
                unreadable[run.name] = str(error)
            advance(1)
    entries.sort(key=lambda entry: (entry.created, entry.name), reverse=True)
    groups = _groups(entries, predictions, progress)
    result = RunsResult(folder=where, runs=tuple(entries), groups=groups, unreadable=unreadable, notes=_notes(groups), page=options.page)
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
        DataError: a folder is no finished run, or holds files that tellapart did not write; nothing is deleted then.
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


def _open_all(where: Path) -> tuple[list[Run], dict[str, str]]:
    """The finished runs of a folder, and what is wrong with others."""
    from tellapart.run_folder import open_run

    if not where.is_dir():
        raise DataError(f"there is no folder {where}", hint="tellapart train FOLDER writes its run into runs/")
    opened, unreadable = [], {}
    for file in sorted(where.glob("*/metrics.json")):
        run = open_run(file.parent)
        try:
            run.metrics  # noqa: B018  (reads it)
            opened.append(run)
        except TellapartError as error:
            unreadable[run.name] = str(error)
    if not opened and not unreadable:
        raise DataError(f"there is no run in {where}", hint="tellapart train FOLDER writes its run into runs/")
    return opened, unreadable


def _entry(run: Run) -> RunEntry:
    from tellapart.evaluation import Interval
    from tellapart.run_folder import REPORTED_PARTS

    metrics = run.metrics
    part = next((part for part in REPORTED_PARTS if part in metrics), None)
    scores: dict[str, Any] = metrics[part] if part else {}
    return RunEntry(
        name=run.name,
        path=run.folder,
        created=str(metrics["created"]),
        images=str(metrics["folder"]),
        recipe=str(metrics["recipe"]),
        backbone=str(metrics.get("backbone", "")),
        part=part,
        n=int(scores["n"]) if part else None,
        accuracy=Interval.from_dict(scores["accuracy"]) if part else None,
        log_loss=Interval.from_dict(scores["log_loss"]) if part else None,
        seconds=metrics.get("seconds"),
        size_bytes=folder_size(run.folder),
    )


def _reported(run: Run, part: str) -> Predictions:
    """The predictions for the labeled images of one part."""
    import numpy as np

    found = run.predictions
    return found.where(np.array([one == part for one in found.parts], dtype=bool) & (found.targets >= 0))


def _groups(entries: Sequence[RunEntry], predictions: dict[str, Predictions], progress: Progress) -> tuple[RunGroup, ...]:
    from tellapart.evaluation.leaderboard import ranking, same_images

    losses = {entry.name: entry.log_loss.value for entry in entries if entry.log_loss}
    groups = []
    with progress.stage("comparing", total=len(predictions), unit="runs") as advance:
        for names in same_images(predictions):
            ranks = ranking({name: predictions[name] for name in names}, losses)
            groups.append(RunGroup(n=len(predictions[names[0]]), ranks=tuple(ranks)))
            advance(len(names))
    return tuple(groups)


def _notes(groups: Sequence[RunGroup]) -> tuple[str, ...]:
    most = max((len(group.ranks) for group in groups), default=0)
    if most < MANY:
        return ()
    return (
        f"The best of {count(most, 'run')} on the same images is partly luck, so its score is too optimistic; before you rely on it,"
        " evaluate it on new images: tellapart evaluate RUN FOLDER.",
    )
