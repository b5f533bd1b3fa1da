"""Groups of duplicates, and the best copy of each."""

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
    found = [
        _group(EXACT if len(ids) == 1 else NEAR, ids, files, facts, framed, least[group])
        for group, ids in members.items()
        if sum(len(files[image_id]) for image_id in ids) > 1
    ]
    if boundary:
        doubtful = [one for one in known if not one.is_copy and group_of[one.first] != group_of[one.second]]
        found += [_group(BOUNDARY, list(one.pair), files, facts, framed, one.similarity) for one in doubtful]
    return sorted(found, key=lambda group: ((EXACT, NEAR, BOUNDARY).index(group.kind), -group.similarity, group.paths))


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


def _quality(row: FileRow, seen: ImageFacts, is_framed: bool) -> _Quality:
    pixels = max(1, seen.width * seen.height)
    return _Quality(not is_framed, round(math.log(pixels) / SAME_SIZE), seen.chroma >= LEAST_CHROMA, round(row.size_bytes / pixels, 2))


def _key(quality: _Quality) -> tuple[bool, int, bool, float]:
    return (not quality.is_unframed, -quality.size, not quality.is_colored, -quality.bytes_per_pixel)


def _why(order: Sequence[str], qualities: Mapping[str, _Quality], facts: Mapping[str, ImageFacts]) -> str:
    """The first criterion in which the best copy differs from the second."""
    best, second = qualities[order[0]], qualities[order[1]]
    seen = facts[order[0]]
    if best.is_unframed != second.is_unframed:
        return "without frame or caption"
    if best.size != second.size:
        return f"the largest, {seen.width} x {seen.height}"
    if best.is_colored != second.is_colored:
        return "in color"
    if best.bytes_per_pixel != second.bytes_per_pixel:
        return f"least compressed, {best.bytes_per_pixel:.2f} bytes per pixel"
    return "the first by name"
