"""Building file rows from files, statistics and decisions: the state of every file, and the reason."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from tellapart.dataset.catalog import FileState, ImageFacts
from tellapart.dataset.dataset import Dataset
from tellapart.dataset.decisions import Decisions
from tellapart.dataset.file_rows import UNREADABLE, USED, FileRow
from tellapart.printable import printable


def file_rows(
    dataset: Dataset, files: Sequence[FileState], facts: Mapping[str, ImageFacts], decisions: Decisions | None = None
) -> list[FileRow]:
    """A row for each entry of the data set as decided; unreadable files, contradictions and exact copies are left out with a reason.

    Of byte-identical files in the same part and class the first by path is used. An image with two
    labels is not used: one of the labels is wrong, and it is not known which.
    """
    return decided_rows(undecided_rows(dataset, files, facts), decisions)


def decided_rows(rows: Sequence[FileRow], decisions: Decisions | None) -> list[FileRow]:
    """Rows as decided, then without contradictions and exact copies.

    Images do not depend on each other: all files of an image give the same rows alone as among others.
    """
    return _without_copies(_without_contradictions(decisions.applied(rows) if decisions else list(rows)))


def undecided_rows(dataset: Dataset, files: Sequence[FileState], facts: Mapping[str, ImageFacts]) -> list[FileRow]:
    """A row for each entry of the data set, without decisions and without a comparison of the files."""
    rows = []
    for entry, file in zip(dataset.entries, files, strict=True):
        image_facts = facts.get(file.image_id or "")
        rows.append(
            FileRow(
                path=printable(entry.path),
                image_id=file.image_id,
                label=entry.label if entry.label is None else printable(entry.label),
                part=entry.part if file.image_id else None,
                group=entry.group,
                status=USED if file.image_id else UNREADABLE,
                reason=file.reason,
                width=image_facts.width if image_facts else None,
                height=image_facts.height if image_facts else None,
                size_bytes=file.size_bytes,
                user_group=entry.group,
                hash=image_facts.hash if image_facts else None,
                mirror_hash=image_facts.mirror_hash if image_facts else None,
            )
        )
    return rows


def _without_contradictions(rows: list[FileRow]) -> list[FileRow]:
    labels: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        if row.is_used and row.image_id and row.label is not None:
            labels[row.image_id].add(row.label)
    return [
        row.left_out(f"the same image stands under {' and '.join(sorted(labels[row.image_id]))}")
        if row.is_used and row.image_id and len(labels[row.image_id]) > 1
        else row
        for row in rows
    ]


def _without_copies(rows: list[FileRow]) -> list[FileRow]:
    first: dict[tuple[str | None, str | None, str | None], str] = {}
    for row in sorted((r for r in rows if r.is_used), key=lambda r: r.path):
        first.setdefault((row.image_id, row.part, row.label), row.path)
    rest = []
    for row in rows:
        original = first.get((row.image_id, row.part, row.label))
        rest.append(row.left_out(f"exact copy of {original}") if row.is_used and original is not None and original != row.path else row)
    return rest
