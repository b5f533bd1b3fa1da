"""Reading a manifest, a table of images with labels: CSV, TSV, JSON Lines or Parquet (Hugging Face ``metadata.csv`` too)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tellapart.counts import count
from tellapart.dataset.delimited_files import ANSI, TABLE_SUFFIXES, TEXT_SUFFIXES, encoding_of, is_parquet, named_rows
from tellapart.dataset.entry import PARTS, Entry
from tellapart.dataset.folder_names import part_of
from tellapart.dataset.options import AS_FOUND, DatasetOptions
from tellapart.dataset.table_columns import HINT, Columns, columns_of
from tellapart.dataset.table_labels import TRUTH, Row, table_labels
from tellapart.dataset.table_paths import AS_WRITTEN, BY_NAME, ListedFiles
from tellapart.errors import DataError
from tellapart.images.formats import is_named_like_image
from tellapart.printable import printable

MANIFEST_SUFFIXES = TABLE_SUFFIXES


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
        label_notes: those on the labels.
    """

    file: Path
    entries: list[Entry]
    path_column: str
    label_column: str | None
    has_parts: bool
    is_guess: bool
    missing: int
    notes: list[str]
    label_notes: list[str]

    @property
    def all_notes(self) -> list[str]:
        """Both kinds of notes."""
        return [*self.notes, *self.label_notes]


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
    path, matches, notes = _paths(file, place, rows, columns, files)
    labels = table_labels(file, place, rows, columns, path, is_named=reading.label_column is not None)
    parts, part_notes = table_parts(file, place, rows, columns)
    entries = [
        Entry(
            matches[number][0],
            labels.labels[number],
            None if parts is None else parts[number],
            None if columns.group is None else row.get(str(columns.group)) or None,
        )
        for number, (_, row) in enumerate(rows)
    ]
    return Manifest(
        file=file,
        entries=entries,
        path_column=columns.header[path],
        label_column=labels.column,
        has_parts=parts is not None,
        is_guess=labels.is_guess,
        missing=sum(how is None for _, how in matches),
        notes=[*_repeated_notes(file, columns), *notes, *part_notes, *labels.unfit],
        label_notes=[*_encoding_notes(file, rows, labels.labels), *labels.notes, *_contradictions(file, place, rows, entries)],
    )


def _paths(
    file: Path, place: str, rows: Sequence[Row], columns: Columns, files: ListedFiles
) -> tuple[int, list[tuple[str, str | None]], list[str]]:
    """The column whose cells name files, the file of each row and how it was found, and notes."""
    first = columns.paths[0]
    for path in columns.paths:
        cells = [row.get(str(path), "") for _, row in rows]
        if any(not cell for cell in cells) and len(columns.paths) > 1 and path != columns.paths[0]:
            continue
        matches = [files.path_of(cell) if cell else ("", None) for cell in cells]
        if not any(how for _, how in matches):
            if not any(is_named_like_image(cell) for cell in cells):
                continue
            first = path  # it names the images, so numbers in another column do not
            break
        empty = next((line for (line, _), cell in zip(rows, cells, strict=True) if not cell), None)
        if empty is not None:
            raise DataError(f"{file}, {place} {empty}: the path is empty", hint=HINT)
        return path, matches, _path_notes(file, place, rows, columns.header[path], cells, matches)
    line, row = rows[0]
    empty = next((number for number, one in rows if not one.get(str(first))), None)
    if empty is not None:
        raise DataError(f"{file}, {place} {empty}: the path is empty", hint=HINT)
    raise DataError(
        f"{file}: not one of the {count(len(rows), 'cell')} of the column {columns.header[first]!r} names an image file here; "
        f"the first, in {place} {line}, is {row.get(str(first), '')!r}",
        hint="paths are relative to the folder of the table; --path-column names another column",
    )


def _path_notes(
    file: Path, place: str, rows: Sequence[Row], column: str, cells: Sequence[str], matches: Sequence[tuple[str, str | None]]
) -> list[str]:
    notes = []
    by_name = [number for number, (_, how) in enumerate(matches) if how == BY_NAME]
    if by_name:
        first = by_name[0]
        notes.append(
            f"{printable(file.name)}: {len(by_name):,} of {count(len(rows), 'cell')} of the column {column!r} "
            f"are no paths from here, but name "
            f"one file each, such as {cells[first]!r} ({place} {rows[first][0]}): {printable(matches[first][0])}"
        )
    missing = [number for number, (_, how) in enumerate(matches) if how is None]
    if missing and len(missing) < len(rows):
        first = missing[0]
        notes.append(
            f"{printable(file.name)}: {len(missing):,} of {count(len(rows), 'row')} name no file here, "
            f"the first in {place} {rows[first][0]}: {cells[first]!r}"
        )
    return notes


def _repeated_notes(file: Path, columns: Columns) -> list[str]:
    """Notes on columns of one name."""
    start = f"{printable(file.name)} has several columns"
    return [f"{start} {printable(name)!r}; the first is read" for name in columns.repeated]


def _encoding_notes(file: Path, rows: Sequence[Row], labels: Sequence[str | None]) -> list[str]:
    """A note where labels hold letters of which it is only a guess what they are."""
    if file.suffix.lower() not in TEXT_SUFFIXES or encoding_of(file) != ANSI:
        return []
    first = next(((row[0], label) for row, label in zip(rows, labels, strict=True) if label and not label.isascii()), None)
    if first is None:
        return []
    return [
        f"{printable(file.name)} is not UTF-8 and is read as Windows-1252, which makes a label {printable(first[1])!r} of line {first[0]}; "
        "if that is wrong, save it as UTF-8"
    ]


def _contradictions(file: Path, place: str, rows: Sequence[Row], entries: Sequence[Entry]) -> list[str]:
    """A note on files that the rows give several labels."""
    first: dict[str, int] = {}
    several: dict[str, tuple[int, int]] = {}
    for number, entry in enumerate(entries):
        if entry.label is not None:
            before = first.setdefault(entry.path, number)
            if entries[before].label != entry.label:
                several.setdefault(entry.path, (before, number))
    if not several:
        return []
    path, (one, other) = next(iter(several.items()))
    labels = " and ".join(repr(printable(entries[number].label or "")) for number in (one, other))
    return [
        f"{printable(file.name)} gives {count(len(several), 'file')} several labels, the first in {place}s {rows[one][0]} and "
        f"{rows[other][0]}: {printable(path)} is {labels}"
    ]


def with_parts(manifest: Manifest, part: str) -> list[Entry]:
    """The entries; all of one part if the table has no column for it."""
    return manifest.entries if manifest.has_parts else [replace(entry, part=part) for entry in manifest.entries]


__all__ = ["AS_WRITTEN", "MANIFEST_SUFFIXES", "Manifest", "read_manifest", "with_parts"]


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
    parts_of_rows: Parts = [next((name for name, _, values in read if values[number]), rest) for number in range(len(rows))]
    return parts_of_rows, [*notes, f"{printable(file.name)}: parts come from its column{'s' if len(read) > 1 else ''} {names}"]


def _part(place: str, text: str) -> str | None:
    if not text:
        return None
    part = part_of(text)
    if part is None:
        raise DataError(f"{place}: unknown part {text!r}", hint=f"a part is one of {', '.join(PARTS)}, or empty")
    return part
