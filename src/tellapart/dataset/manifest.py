"""Reading a manifest, a table of images with labels: CSV, TSV, JSON Lines or Parquet (Hugging Face ``metadata.csv`` too)."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tellapart.dataset.delimited_files import TABLE_SUFFIXES, is_parquet, named_rows
from tellapart.dataset.entry import PARTS, Entry
from tellapart.dataset.folder_names import part_of
from tellapart.dataset.listed_files import AS_WRITTEN, BY_NAME, ListedFiles
from tellapart.dataset.options import AS_FOUND, DatasetOptions
from tellapart.dataset.table_columns import HINT, Columns, columns_of
from tellapart.errors import DataError
from tellapart.printable import printable

MANIFEST_SUFFIXES = TABLE_SUFFIXES
_LISTS = "|;"
Row = tuple[int, dict[str, str]]


@dataclass(frozen=True)
class Manifest:
    """A table of images, read.

    Attributes:
        file: the table.
        entries: one for each row, in order.
        path_column: the column that names the images.
        label_column: the column of the labels; None where no column is known for it.
        has_parts: whether it has a column with the part.
        is_guess: whether the label column has a name that does not mean "label".
        missing: how many rows name no file.
        notes: sentences for the user.
    """

    file: Path
    entries: list[Entry]
    path_column: str
    label_column: str | None
    has_parts: bool
    is_guess: bool
    missing: int
    notes: list[str]


def read_manifest(file: Path, files: ListedFiles, reading: DatasetOptions = AS_FOUND) -> Manifest:
    """Read a table; the paths of its rows are those of the files found.

    Args:
        file: the table.
        files: finds the file a cell names.
        reading: the columns, where the user names them.

    Raises:
        DataError: unreadable, no column for the paths or none of those the user named, no path that names a file, several labels for
            one image, or an unknown part; with the line.
    """
    place = "row" if is_parquet(file) else "line"
    known: list[Columns] = []

    def choice(header: Sequence[str]) -> dict[str, int]:
        known.append(columns_of(file, header, reading))
        return known[0].read

    rows = list(named_rows(file, choice))
    if not rows:
        raise DataError(f"{file} has no rows", hint=HINT)
    columns = known[0]
    path, found, notes = _paths(file, place, rows, columns, files)
    label, is_guess, more = _label_column(file, rows, columns, path)
    weak = columns.weak_part
    if weak is not None and not all(part_of(row.get(str(weak), "")) for _, row in rows):
        weak = None
    part = columns.part if columns.part is not None else weak
    entries = [
        Entry(
            found[number][0],
            None if label is None else _label(f"{file}, {place} {line}", row.get(str(label), "")),
            None if part is None else _part(f"{file}, {place} {line}", row.get(str(part), "")),
            None if columns.group is None else row.get(str(columns.group)) or None,
        )
        for number, (line, row) in enumerate(rows)
    ]
    _check_single(file, entries, columns, label)
    return Manifest(
        file=file,
        entries=entries,
        path_column=columns.header[path],
        label_column=None if label is None else columns.header[label],
        has_parts=part is not None,
        is_guess=is_guess,
        missing=sum(how is None for _, how in found),
        notes=[*notes, *more],
    )


def _paths(
    file: Path, place: str, rows: Sequence[Row], columns: Columns, files: ListedFiles
) -> tuple[int, list[tuple[str, str | None]], list[str]]:
    """The column whose cells name files, the file of each row and how it was found, and notes."""
    for path in columns.paths:
        cells = [row.get(str(path), "") for _, row in rows]
        if any(not cell for cell in cells) and len(columns.paths) > 1 and path != columns.paths[0]:
            continue
        found = [files.path_of(cell) if cell else ("", None) for cell in cells]
        if not any(how for _, how in found):
            continue
        empty = next((line for (line, _), cell in zip(rows, cells, strict=True) if not cell), None)
        if empty is not None:
            raise DataError(f"{file}, {place} {empty}: the path is empty", hint=HINT)
        return path, found, _path_notes(file, place, rows, columns.header[path], cells, found)
    first = columns.paths[0]
    line, row = rows[0]
    empty = next((number for number, one in rows if not one.get(str(first))), None)
    if empty is not None:
        raise DataError(f"{file}, {place} {empty}: the path is empty", hint=HINT)
    raise DataError(
        f"{file}: not one of the {len(rows):,} cells of the column {columns.header[first]!r} names an image file here; "
        f"the first, in {place} {line}, is {row.get(str(first), '')!r}",
        hint="paths are relative to the folder of the table; --path-column names another column",
    )


def _path_notes(
    file: Path, place: str, rows: Sequence[Row], column: str, cells: Sequence[str], found: Sequence[tuple[str, str | None]]
) -> list[str]:
    notes = []
    by_name = [number for number, (_, how) in enumerate(found) if how == BY_NAME]
    if by_name:
        first = by_name[0]
        notes.append(
            f"{printable(file.name)}: {len(by_name):,} of {len(rows):,} cells of the column {column!r} are no paths from here, but name "
            f"one file each, such as {cells[first]!r} ({place} {rows[first][0]}): {printable(found[first][0])}"
        )
    missing = [number for number, (_, how) in enumerate(found) if how is None]
    if missing and len(missing) < len(rows):
        first = missing[0]
        notes.append(
            f"{printable(file.name)}: {len(missing):,} of {len(rows):,} rows name no file here, "
            f"the first in {place} {rows[first][0]}: {cells[first]!r}"
        )
    return notes


def _label_column(file: Path, rows: Sequence[Row], columns: Columns, path: int) -> tuple[int | None, bool, list[str]]:
    """The column of the labels, whether it is a guess, and notes."""
    labels = [place for place in columns.labels if place != path]
    if labels:
        others = [columns.header[place] for place in labels[1:]]
        if not others:
            return labels[0], False, []
        return (
            labels[0],
            False,
            [f"{printable(file.name)}: labels come from the column {columns.header[labels[0]]!r}, not from {', '.join(map(repr, others))}"],
        )
    if columns.other is not None and columns.other != path:
        values = Counter(row.get(str(columns.other), "") for _, row in rows)
        if 2 <= len(values) <= len(rows) / 2:
            return columns.other, True, []
    names = [name for place, name in enumerate(columns.header) if place != path]
    said = f"its other columns are {', '.join(names)}; --label-column names one" if names else "it has no other column"
    return None, False, [f"{printable(file.name)} has no column known to hold labels: {said}"]


def _label(place: str, text: str) -> str | None:
    """The label in a cell; a list of one is that one.

    Raises:
        DataError: a list of several.
    """
    if text[:1] in "[({" and text[-1:] in "])}" and text:
        try:
            value = ast.literal_eval(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return text
        if isinstance(value, list | tuple | set):
            if len(value) > 1:
                raise _several(place, text)
            return next((str(one).strip() for one in value if one is not None), None) or None
    return text or None


def _check_single(file: Path, entries: Sequence[Entry], columns: Columns, label: int | None) -> None:
    """Refuse labels such as ``cat|dog`` beside ``cat`` and ``dog``: lists of labels, not labels."""
    labels = {entry.label for entry in entries if entry.label is not None}
    for mark in _LISTS:
        for one in sorted(labels):
            pieces = [piece.strip() for piece in one.split(mark)]
            if len(pieces) > 1 and all(piece in labels for piece in pieces):
                raise _several(f"{file}, column {columns.header[label or 0]}", one)


def _several(place: str, text: str) -> DataError:
    return DataError(
        f"{place}: the label {text!r} is a list of several; an image has one class here",
        hint="keep one label for each image, or name another column with --label-column",
    )


def _part(place: str, text: str) -> str | None:
    if not text:
        return None
    part = part_of(text)
    if part is None:
        raise DataError(f"{place}: unknown part {text!r}", hint=f"a part is one of {', '.join(PARTS)}, or empty")
    return part


def with_parts(manifest: Manifest, part: str) -> list[Entry]:
    """The entries; all of one part if the table has no column for it."""
    return manifest.entries if manifest.has_parts else [replace(entry, part=part) for entry in manifest.entries]


__all__ = ["AS_WRITTEN", "MANIFEST_SUFFIXES", "Manifest", "read_manifest", "with_parts"]
