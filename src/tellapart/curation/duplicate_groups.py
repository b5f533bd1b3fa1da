"""Groups of duplicates, the best copy of each, and the issues that follow: copies, contradictions, leaks and placeholders."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tellapart.curation.near_duplicates import ComparedPair
from tellapart.dataset.catalog import ImageFacts
from tellapart.dataset.file_rows import FileRow
from tellapart.dataset.groups import groups_together

EXACT, NEAR, BOUNDARY = "exact", "near", "boundary"
SAME_SIZE = 0.05
"""Images whose pixel counts differ by less than about this fraction count as the same size."""
LEAST_CHROMA = 12.0
"""In gray levels; images with less count as gray."""


@dataclass(frozen=True)
class DuplicateGroup:
    """Files that show the same photo.

    Attributes:
        kind: ``exact`` (the same bytes), ``near`` (the same photo, changed), or ``boundary`` (a pair just below the threshold, to
            be checked by a person).
        image_ids: content hashes, the best first.
        paths: files, the best first; exact copies by name.
        best: path of the copy to keep.
        why: the reason for that copy, in a few words.
        similarity: of the least similar pair that was joined, 0 to 1; 1 for the same bytes.
    """

    kind: str
    image_ids: tuple[str, ...]
    paths: tuple[str, ...]
    best: str
    why: str
    similarity: float

    @property
    def others(self) -> tuple[str, ...]:
        """All files but the best."""
        return self.paths[1:]


@dataclass(frozen=True)
class _Quality:
    """Criteria for the best copy, compared in the order of the fields; more is better."""

    is_unframed: bool
    size: int
    is_colored: bool
    bytes_per_pixel: float


def duplicate_groups(
    rows: Sequence[FileRow], facts: Mapping[str, ImageFacts], likenesses: Iterable[ComparedPair], *, boundary: bool = True
) -> list[DuplicateGroup]:
    """Group exact and near-duplicates among readable files, across labels and parts; then list the pairs at the boundary.

    Args:
        rows: one per file; see :func:`tellapart.dataset.row_building.file_rows`. Excluded copies are included.
        facts: image facts by image id.
        likenesses: the result of :func:`tellapart.curation.near_duplicates.compare_pairs`.
        boundary: whether to add the pairs just below the threshold.
    """
    files: dict[str, list[FileRow]] = defaultdict(list)
    for row in rows:
        if row.image_id is not None and row.image_id in facts:
            files[row.image_id].append(row)
    known = [one for one in likenesses if one.first in files and one.second in files]
    framed = {image_id for one in known for image_id in one.framed}
    copies = [one for one in known if one.is_copy]
    group_of = groups_together(files, [one.pair for one in copies])
    members: dict[str, list[str]] = defaultdict(list)
    for image_id, group in group_of.items():
        members[group].append(image_id)
    least = dict.fromkeys(members, 1.0)
    for one in copies:
        least[group_of[one.first]] = min(least[group_of[one.first]], one.similarity)
    groups = [
        _group(EXACT if len(ids) == 1 else NEAR, ids, files, facts, framed, least[group])
        for group, ids in members.items()
        if sum(len(files[image_id]) for image_id in ids) > 1
    ]
    if boundary:
        doubtful = [one for one in known if not one.is_copy and group_of[one.first] != group_of[one.second]]
        groups += [_group(BOUNDARY, list(one.pair), files, facts, framed, one.similarity) for one in doubtful]
    return sorted(groups, key=lambda group: ((EXACT, NEAR, BOUNDARY).index(group.kind), -group.similarity, group.paths))


def _group(
    kind: str,
    image_ids: list[str],
    files: Mapping[str, Sequence[FileRow]],
    facts: Mapping[str, ImageFacts],
    framed: set[str],
    similarity: float,
) -> DuplicateGroup:
    qualities = {image_id: _quality(files[image_id][0], facts[image_id], image_id in framed) for image_id in image_ids}
    order = sorted(image_ids, key=lambda image_id: (_key(qualities[image_id]), min(row.path for row in files[image_id])))
    paths = [path for image_id in order for path in sorted(row.path for row in files[image_id])]
    why = "the first by name" if kind == EXACT else _why(order, qualities, facts)
    return DuplicateGroup(kind, tuple(order), tuple(paths), paths[0], why, similarity)


def _quality(row: FileRow, facts: ImageFacts, is_framed: bool) -> _Quality:
    pixels = max(1, facts.width * facts.height)
    return _Quality(not is_framed, round(math.log(pixels) / SAME_SIZE), facts.chroma >= LEAST_CHROMA, round(row.size_bytes / pixels, 2))


def _key(quality: _Quality) -> tuple[bool, int, bool, float]:
    return (not quality.is_unframed, -quality.size, not quality.is_colored, -quality.bytes_per_pixel)


def _why(order: Sequence[str], qualities: Mapping[str, _Quality], facts: Mapping[str, ImageFacts]) -> str:
    """The first criterion in which the best copy differs from the second."""
    best, second = qualities[order[0]], qualities[order[1]]
    best_facts = facts[order[0]]
    if best.is_unframed != second.is_unframed:
        return "without frame or caption"
    if best.size != second.size:
        return f"the largest, {best_facts.width} x {best_facts.height}"
    if best.is_colored != second.is_colored:
        return "in color"
    if best.bytes_per_pixel != second.bytes_per_pixel:
        return f"least compressed, {best.bytes_per_pixel:.2f} bytes per pixel"
    return "the first by name"


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
        key = (row.label, row.part)
        if (*key, row.image_id) in seen:
            exact.append(number)
            continue
        seen.add((*key, row.image_id))
        if best.setdefault(key, row.image_id) != row.image_id:
            near.append(number)
    return exact, near
