"""Shared by exclude, relabel and restore: find the rows of the named files, and write one batch of decisions."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from tellapart.analyzed_folder import AnalyzedFolder, analyze_folder
from tellapart.dataset.decisions import EXCLUDE, LOG_FILE, RELABEL, RESTORE, UNSURE, Decision, DecisionLog, Decisions, append_decisions
from tellapart.dataset.file_rows import FileRow
from tellapart.dataset.options import DatasetOptions
from tellapart.errors import DataError, closest_name
from tellapart.feature_spec import FeatureSpec
from tellapart.printable import printable
from tellapart.progress import Progress
from tellapart.results import Result

NAMED = 3


class Decidable(Protocol):
    """A folder with what decisions about its files need."""

    @property
    def files_per_image(self) -> Mapping[str, int]:
        """Number of files by image id."""

    @property
    def undecided_by_path(self) -> Mapping[str, FileRow]:
        """The rows by path, without decisions."""

    def is_unsure(self, path: str) -> bool:
        """Whether the newest decision about a file is that one is unsure of it."""


@dataclass(frozen=True, eq=False)
class ProposedDecision:
    """One row as it was decided until now, and the decision about it; None where nothing would change."""

    row: FileRow
    decision: Decision | None


@dataclass(frozen=True)
class DecidedImage(Result):
    """One image a decision was made about.

    Attributes:
        path: as the reports show it.
        action: ``exclude``, ``relabel`` or ``restore``.
        old: its label before.
        new: its label from now on, for ``relabel`` and ``restore``.
    """

    path: str
    action: str
    old: str | None
    new: str | None


@dataclass(frozen=True)
class DecisionResult(Result):
    """One batch of decisions.

    Attributes:
        batch: its number, for ``undo``; None where nothing changed.
        changed: the images decided on.
        unchanged: paths of the named files that were as asked already.
        left: number of usable images in each class, from now on.
        log: the file of the decisions.
        notes: sentences worth knowing, such as that a class has no image left.
    """

    batch: int | None
    changed: tuple[DecidedImage, ...]
    unchanged: tuple[str, ...]
    left: dict[str, int]
    log: Path
    notes: tuple[str, ...]


def decide(
    folder: str | Path,
    files: str | Path | Sequence[str | Path],
    propose: Callable[[FileRow, AnalyzedFolder], ProposedDecision],
    *,
    reading: DatasetOptions,
    state: Path | None,
    reason: str,
    progress: Progress,
) -> DecisionResult:
    """Decide on the named files as one batch, given what others have decided until it is written.

    Args:
        folder: the data set.
        files: paths as the reports show them, or relative to the working directory; a folder means all files in it.
        propose: the decision about a row.
        reading: how folders and tables are read.
        state: folder of the decisions; None for the usual place.
        reason: kept with each decision.
        progress: progress receiver.

    Raises:
        DataError: a name fits no file.
        StorageError: the decisions cannot be read or written.
    """
    analyzed = analyze_folder(folder, FeatureSpec(()), reading=reading, state=state, progress=progress)
    named = {row.path for row in named_rows(analyzed, [files] if isinstance(files, str | Path) else files)}
    proposed: list[ProposedDecision] = []

    def choose(known: Decisions) -> list[Decision]:
        now = analyzed.decided_by(known)
        proposed.extend(propose(row, now) for row in now.rows if row.path in named)
        return [one.decision for one in proposed if one.decision]

    log = DecisionLog(analyzed.state).append_chosen(choose, why=reason)
    unchanged = tuple(one.row.path for one in proposed if one.decision is None)
    return _result(analyzed, [one.decision for one in proposed if one.decision], log, unchanged)


def write_changes(analyzed: AnalyzedFolder, decisions: Sequence[Decision], reason: str) -> DecisionResult:
    """Write decisions as one batch."""
    return _result(analyzed, decisions, append_decisions(analyzed.state, decisions, why=reason))


def _result(analyzed: AnalyzedFolder, decisions: Sequence[Decision], log: Decisions, unchanged: tuple[str, ...] = ()) -> DecisionResult:
    """What a batch changed: the images decided on, and what is left of each class."""
    before = Counter(row.label for row in analyzed.rows if row.is_used and row.label is not None)
    left = Counter(row.label for row in analyzed.rows_with(log) if row.is_used and row.label is not None)
    return DecisionResult(
        batch=log.log[-1].batch if decisions else None,
        changed=tuple(DecidedImage(one.path, one.action, one.old, one.new) for one in decisions),
        unchanged=unchanged,
        left=dict(sorted(left.items())),
        log=log.file or analyzed.state / LOG_FILE,
        notes=tuple(f"{label!r} has no image left" for label in sorted(before.keys() - left.keys())),
    )


def excluded(row: FileRow, folder: Decidable) -> ProposedDecision:
    """Propose to exclude a file; None if it is excluded already."""
    return ProposedDecision(row, None if row.is_excluded else decision_about(row, folder, EXCLUDE))


def relabeled(row: FileRow, folder: Decidable, label: str) -> ProposedDecision:
    """Propose another label for a file, which also includes it again; None if it has that label already."""
    is_so = row.label == label and not row.is_excluded
    return ProposedDecision(row, None if is_so else decision_about(row, folder, RELABEL, label))


def restored(row: FileRow, folder: Decidable) -> ProposedDecision:
    """Propose to revert the decisions about a file; None if there are none."""
    original = folder.undecided_by_path[row.path]
    is_decided = row.is_excluded or folder.is_unsure(row.path) or row.label != original.label
    return ProposedDecision(row, decision_about(row, folder, RESTORE, original.label) if is_decided else None)


def doubted(row: FileRow, folder: Decidable) -> ProposedDecision:
    """Propose to mark the label of a file as doubtful, which also includes it again; None if it is marked already."""
    return ProposedDecision(row, None if folder.is_unsure(row.path) else decision_about(row, folder, UNSURE))


def decision_about(row: FileRow, folder: Decidable, action: str, new: str | None = None) -> Decision:
    """A decision about one row; an exclusion where copies of the file stand elsewhere holds for this file alone."""
    has_copies = row.image_id is not None and folder.files_per_image[row.image_id] > 1
    return Decision(action, row.path, row.image_id, is_of_file=has_copies and action != RELABEL, old=row.label, new=new)


def named_rows(analyzed: AnalyzedFolder, files: Sequence[str | Path]) -> list[FileRow]:
    """The rows of the named files, in the order of the data set, each once.

    Raises:
        DataError: no file was named, or a name fits none; it says which, and the closest.
    """
    if not files:
        raise DataError("no file was named", hint="name files as the report shows them: cats/12.jpg")
    by_path = {row.path: number for number, row in enumerate(analyzed.rows)}
    meant: set[int] = set()
    missing = []
    for file in files:
        matching = _matching_rows(analyzed, by_path, str(file))
        meant.update(matching)
        missing += [] if matching else [str(file)]
    if missing:
        rest = f" and {len(missing) - NAMED:,} more" if len(missing) > NAMED else ""
        raise DataError(
            f"there is no image {', '.join(repr(name) for name in missing[:NAMED])}{rest} in {printable(str(analyzed.dataset.root))}",
            hint=closest_name(printable(missing[0]), by_path) or "name files as the report shows them: cats/12.jpg",
        )
    return [analyzed.rows[number] for number in sorted(meant)]


def _matching_rows(analyzed: AnalyzedFolder, by_path: dict[str, int], name: str) -> list[int]:
    """Numbers of the rows a name means: a path in the data set, a path from here, or a folder of either kind."""
    root = analyzed.dataset.root
    from_here = os.path.relpath(Path(name).expanduser().absolute(), root)
    spellings = (name, os.path.normpath(name), from_here, str(Path(name).absolute()))
    for path in dict.fromkeys((*map(printable, spellings), name)):
        if path in by_path:
            return [by_path[path]]
    for path in (name, from_here):
        inside = printable(os.path.normpath(path).replace(os.sep, "/")) + "/"
        matching = [number for known, number in by_path.items() if known.startswith(inside)]
        if matching and (root / path).is_dir():
            return matching
    return []


@dataclass(frozen=True)
class Conflict(Result):
    """An applied decision that contradicts one that was in effect, or a label that has changed since; the applied one holds.

    Attributes:
        path: the image.
        before: what held until then: an action, with its label for ``relabel``, or the present label.
        applied: what the file says.
    """

    path: str
    before: str
    applied: str


@dataclass(frozen=True)
class ApplicableDecisions:
    """Decisions of a file as they concern a folder.

    Attributes:
        new: those that change something, ready to be appended.
        unmet: those that match no image.
        conflicts: where new ones contradict what holds until then.
    """

    new: tuple[Decision, ...]
    unmet: tuple[Decision, ...]
    conflicts: tuple[Conflict, ...]


class DecidedFolder(Protocol):
    """A folder with its decisions."""

    @property
    def rows(self) -> Sequence[FileRow]:
        """The rows as decided now."""

    @property
    def undecided_by_path(self) -> Mapping[str, FileRow]:
        """The rows by path, without decisions."""

    @property
    def decisions(self) -> Decisions:
        """The decisions of now."""


def applicable_decisions(folder: DecidedFolder, given: Iterable[Decision]) -> ApplicableDecisions:
    """What decisions from elsewhere mean for a folder."""
    rows = list(folder.undecided_by_path.values())
    meant = Decisions(tuple(_with_whole_paths(given, [row.path for row in rows])))
    unmet = meant.unmet(rows)
    known = {(one.action, one.path, one.image_id, one.new) for one in folder.decisions.in_effect}
    missing = set(map(id, unmet))
    new = [one for one in meant.in_effect if id(one) not in missing and (one.action, one.path, one.image_id, one.new) not in known]
    fresh = tuple(replace(one, batch=0, who="", when="") for one in new)
    return ApplicableDecisions(fresh, tuple(unmet), tuple(_conflicts(folder, fresh)))


def _conflicts(folder: DecidedFolder, new: Sequence[Decision]) -> Iterator[Conflict]:
    """Where decisions contradict what holds for their images now."""
    current = {row.path: row for row in folder.rows}
    original_of = folder.undecided_by_path
    for one in new:
        row = current.get(one.path)
        original = original_of.get(one.path)
        if row is None or original is None or (one.action == UNSURE and not row.is_excluded):
            continue
        is_decided = row.is_excluded or row.label != original.label
        before = EXCLUDE if row.is_excluded else f"{RELABEL} to {row.label}" if is_decided else f"labeled {row.label}"
        applied = f"{RELABEL} to {one.new}" if one.action == RELABEL else one.action
        is_changed = one.old is not None and row.label != one.old
        if (is_decided or is_changed) and before != applied:
            yield Conflict(one.path, before, applied)


def _with_whole_paths(decisions: Iterable[Decision], paths: Sequence[str]) -> Iterator[Decision]:
    """Decisions with the path in the data set where theirs, as a page shows it, is the end of exactly one."""
    known = set(paths)
    for one in decisions:
        ends = [] if not one.path or one.path in known else [path for path in paths if path.endswith(f"/{one.path}")]
        yield replace(one, path=ends[0]) if len(ends) == 1 else one
