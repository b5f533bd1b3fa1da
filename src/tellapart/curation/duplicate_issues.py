"""Issues of files that follow from groups of duplicates: copies, contradictions, leaks and placeholders."""

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
    """Scores of the flagged files by issue and row; and the groups with the kind they are shown as."""

    flagged: dict[str, dict[int, float]]
    groups: list[tuple[str, DuplicateGroup]]

    @staticmethod
    def issue_of(kind: str) -> str:
        """The issue that belongs to a kind of group."""
        return ISSUE_OF.get(kind, kind)


def copy_findings(
    rows: Sequence[FileRow], used: Iterable[int], groups: Iterable[DuplicateGroup], placeholders: Iterable[DuplicateGroup]
) -> CopyFindings:
    """Derive the issues of files from groups of duplicates.

    Exact and near-duplicates are flagged within a class and part, except the best copy. Copies across classes are
    contradictions, and training copies of validation or test images are leaks.

    Args:
        rows: one per file.
        used: indices of the rows that take part.
        groups: of duplicates, the best first.
        placeholders: those of the groups that are placeholders; they get no other issue.
    """
    numbers: dict[str, list[int]] = defaultdict(list)
    for number in used:
        numbers[rows[number].path].append(number)
    flagged: dict[str, dict[int, float]] = {name: {} for name in (*ISSUE_OF.values(), CONTRADICTION, LEAK, PLACEHOLDER)}
    placeholder_paths = {group.paths for group in placeholders}
    shown: list[tuple[str, DuplicateGroup]] = []
    for group in groups:
        members = [number for path in dict.fromkeys(group.paths) for number in numbers[path]]
        if group.kind == BOUNDARY:
            shown.append((BOUNDARY, group))
        elif group.paths in placeholder_paths:
            flagged[PLACEHOLDER].update(dict.fromkeys(members, 1.0 / len(members)))
            shown.append((PLACEHOLDER, group))
        else:
            shown += [(kind, group) for kind in _kinds(rows, members, group, flagged)]
    return CopyFindings(flagged, shown)


def _kinds(rows: Sequence[FileRow], members: Sequence[int], group: DuplicateGroup, flagged: dict[str, dict[int, float]]) -> list[str]:
    """Flag the members of a group and return the kinds of the group."""
    kinds = []
    if contradicting := _contradictions(rows, members):
        flagged[CONTRADICTION].update(contradicting)
        kinds.append(CONTRADICTION)
    if leaking := _leaks(rows, members):
        flagged[LEAK].update(leaking)
        kinds.append(LEAK)
    exact, near = _redundant(rows, members)
    flagged["exact_duplicate"].update(dict.fromkeys(exact, SAME_BYTES))
    flagged["near_duplicate"].update(dict.fromkeys(near, (1.0 - group.similarity) / 2))
    return kinds + [NEAR] * bool(near) + [EXACT] * bool(exact and not near)


def _contradictions(rows: Sequence[FileRow], members: Sequence[int]) -> dict[int, float]:
    """Scores of the members if they are in several classes."""
    labels: dict[str | None, set[str]] = defaultdict(set)
    for number in members:
        if (label := rows[number].label) is not None:
            labels[rows[number].image_id].add(label)
    if len(set().union(*labels.values())) < 2:
        return {}
    return {
        number: SAME_BYTES if len(labels[rows[number].image_id]) > 1 else SAME_PHOTO for number in members if rows[number].label is not None
    }


def _leaks(rows: Sequence[FileRow], members: Sequence[int]) -> dict[int, float]:
    """Scores of training files that are also in the validation or test part."""
    reported = {rows[number].image_id for number in members if rows[number].part in REPORTED}
    if not reported:
        return {}
    return {
        number: SAME_BYTES if rows[number].image_id in reported else SAME_PHOTO for number in members if rows[number].part not in REPORTED
    }


def _redundant(rows: Sequence[FileRow], members: Sequence[int]) -> tuple[list[int], list[int]]:
    """Exact copies and near-duplicates that are redundant within a class and part; ``members`` are ordered best first."""
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
