"""Taking over decisions from a file: which of them change something here, which match no image, and which contradict what holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from tellapart.dataset.decisions import EXCLUDE, RELABEL, Decision, Decisions
from tellapart.dataset.file_rows import FileRow
from tellapart.results import Result


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
    found = folder.undecided_by_path
    for one in new:
        row = current.get(one.path)
        original = found.get(one.path)
        if row is None or original is None:
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
