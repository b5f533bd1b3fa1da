"""The parts that a table gives its images: from a column of parts, or from columns of yes and no such as ``is_valid``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tellapart.dataset.entry import PARTS
from tellapart.dataset.folder_names import part_of
from tellapart.dataset.table_columns import Columns
from tellapart.dataset.table_labels import TRUTH, Row
from tellapart.errors import DataError
from tellapart.printable import printable

Parts = list[str | None]


def table_parts(file: Path, place: str, rows: Sequence[Row], columns: Columns) -> tuple[Parts | None, list[str]]:
    """The part of each row, or None where the table gives none; and notes.

    Args:
        file: the table.
        place: what a row is called: ``line`` or ``row``.
        rows: with their numbers.
        columns: of the table.

    Raises:
        DataError: a cell of a column of parts names none; with its line.
    """
    weak = columns.weak_part
    if weak is not None and not all(part_of(row.get(str(weak), "")) for _, row in rows):
        weak = None
    part = columns.part if columns.part is not None else weak
    if part is not None:
        return [_part(f"{file}, {place} {line}", row.get(str(part), "")) for line, row in rows], []
    read, unread = [], [columns.header[column] for column in columns.folds]
    for name, column in columns.part_flags:
        values = [TRUTH.get(row.get(str(column), "").casefold()) for _, row in rows]
        if None in values:
            unread.append(columns.header[column])
        else:
            read.append((name, column, values))
    notes = [
        f"{printable(file.name)}: its column {printable(name)!r} is not read; a column part with train, val and test divides the images"
        for name in unread
    ]
    if not read:
        return None, notes
    names = " and ".join(repr(printable(columns.header[column])) for _, column, _ in read)
    rest = "test" if all(name == "train" for name, _, _ in read) else "train"
    found: Parts = [next((name for name, _, values in read if values[number]), rest) for number in range(len(rows))]
    return found, [*notes, f"{printable(file.name)}: parts come from its column{'s' if len(read) > 1 else ''} {names}"]


def _part(place: str, text: str) -> str | None:
    if not text:
        return None
    part = part_of(text)
    if part is None:
        raise DataError(f"{place}: unknown part {text!r}", hint=f"a part is one of {', '.join(PARTS)}, or empty")
    return part
