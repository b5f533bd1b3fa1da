"""From groups of copies to what is wrong with which file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tellapart.curation.duplicate_groups import BOUNDARY, EXACT, NEAR, DuplicateGroup
from tellapart.dataset.file_rows import FileRow

CONTRADICTION, LEAK, PLACEHOLDER = "contradiction", "leak", "placeholder"
SAME_BYTES, SAME_PHOTO = 0.0, 0.25
"""Scores of files in a contradiction or leak."""
REPORTED = ("test", "val")
ISSUE_OF = {EXACT: "exact_duplicate", NEAR: "near_duplicate", BOUNDARY: "near_duplicate"}


@dataclass(frozen=True)
class CopyFindings:
    """Scores of the flagged files of each issue, by number of the file; and groups with the kind they are shown as."""

    flagged: dict[str, dict[int, float]]
    groups: list[tuple[str, DuplicateGroup]]

    @staticmethod
    def issue_of(kind: str) -> str:
        """The issue that a kind of group belongs to."""
        return ISSUE_OF.get(kind, kind)


def copy_findings(
    rows: Sequence[FileRow], used: Iterable[int], groups: Iterable[DuplicateGroup], placeholders: Iterable[DuplicateGroup]
) -> CopyFindings:
    """What copies mean for each file.

    Exact and near-duplicates are told within a class and part: of each group there the best stays. Copies across
    classes contradict each other, and training copies of reported images leak.

    Args:
        rows: one a file.
        used: numbers of those that take part.
        groups: of copies, the best first.
        placeholders: those of them that are a placeholder; they are nothing else besides.
    """
    numbers: dict[str, list[int]] = defaultdict(list)
    for number in used:
        numbers[rows[number].path].append(number)
    flagged: dict[str, dict[int, float]] = {name: {} for name in (*ISSUE_OF.values(), CONTRADICTION, LEAK, PLACEHOLDER)}
    stand_ins = {group.paths for group in placeholders}
    shown: list[tuple[str, DuplicateGroup]] = []
    for group in groups:
        members = [number for path in dict.fromkeys(group.paths) for number in numbers[path]]
        if group.kind == BOUNDARY:
            shown.append((BOUNDARY, group))
        elif group.paths in stand_ins:
            flagged[PLACEHOLDER].update(dict.fromkeys(members, 1.0 / len(members)))
            shown.append((PLACEHOLDER, group))
        else:
            shown += [(kind, group) for kind in _kinds(rows, members, group, flagged)]
    return CopyFindings(flagged, shown)


def _kinds(rows: Sequence[FileRow], members: Sequence[int], group: DuplicateGroup, flagged: dict[str, dict[int, float]]) -> list[str]:
    """Flag the members of a group, and say what it is."""
    kinds = []
    if contradicting := _contradicting(rows, members):
        flagged[CONTRADICTION].update(contradicting)
        kinds.append(CONTRADICTION)
    if leaking := _leaking(rows, members):
        flagged[LEAK].update(leaking)
        kinds.append(LEAK)
    exact, near = _superfluous(rows, members)
    flagged["exact_duplicate"].update(dict.fromkeys(exact, SAME_BYTES))
    flagged["near_duplicate"].update(dict.fromkeys(near, (1.0 - group.similarity) / 2))
    return kinds + [NEAR] * bool(near) + [EXACT] * bool(exact and not near)


def _contradicting(rows: Sequence[FileRow], members: Sequence[int]) -> dict[int, float]:
    """Scores of the members, where they stand in several classes."""
    labels: dict[str | None, set[str]] = defaultdict(set)
    for number in members:
        if (label := rows[number].label) is not None:
            labels[rows[number].image_id].add(label)
    if len(set().union(*labels.values())) < 2:
        return {}
    return {
        number: SAME_BYTES if len(labels[rows[number].image_id]) > 1 else SAME_PHOTO for number in members if rows[number].label is not None
    }


def _leaking(rows: Sequence[FileRow], members: Sequence[int]) -> dict[int, float]:
    """Scores of training files that are also in a reported part."""
    reported = {rows[number].image_id for number in members if rows[number].part in REPORTED}
    if not reported:
        return {}
    return {
        number: SAME_BYTES if rows[number].image_id in reported else SAME_PHOTO for number in members if rows[number].part not in REPORTED
    }


def _superfluous(rows: Sequence[FileRow], members: Sequence[int]) -> tuple[list[int], list[int]]:
    """Exact copies, then near-duplicates, that a class and part could do without; members come the best first."""
    best: dict[tuple[str | None, str | None], str | None] = {}
    seen: set[tuple[str | None, str | None, str | None]] = set()
    exact, near = [], []
    for number in members:
        row = rows[number]
        place = (row.label, row.part)
        if (*place, row.image_id) in seen:
            exact.append(number)
            continue
        seen.add((*place, row.image_id))
        if best.setdefault(place, row.image_id) != row.image_id:
            near.append(number)
    return exact, near
