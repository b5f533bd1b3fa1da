r"""Writing CSV: the one place where it is written, so that no spreadsheet runs what a stranger put into a name.

Spreadsheets run a cell that begins with ``=``, ``+``, ``-`` or ``@`` (also after a tab or line break, or in full width) as a
formula. Such a cell gets an apostrophe before it, which spreadsheets hide or show harmlessly; a path gets ``./`` instead and stays
a path. Plain numbers stay. :func:`unguarded` takes the apostrophe away again, and all our readers of tables call it.

>>> guarded("=1+1"), guarded("-0.5"), guarded("@cat.jpg", is_path=True), unguarded(guarded("'=x"))
("'=1+1", '-0.5', './@cat.jpg', "'=x")
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from tellapart.atomic_files import replacing

PATH_COLUMNS = frozenset({"path", "file_name", "original", "parent", "similar"})
"""Columns of our tables whose cells are paths, relative or whole."""
_FORMULA = re.compile(r"'*[\s\x00]*[=+\-@＝＋－＠]|'*[\t\r\n\x00]")
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?")


class Writable(Protocol):
    """What text can be written to."""

    def write(self, text: str, /) -> object:
        """Take some text."""


class CsvWriter:
    """Writes rows as CSV (RFC 4180: CRLF, quotation marks where needed), the header first, every cell guarded.

    Args:
        file: text file, opened with ``newline=""``.
        columns: the header; cells below the names in :data:`PATH_COLUMNS` are paths.
        is_exact: write cells as they are, and lines that end with a line feed. Only for Kaggle's submissions: an id that differs
            from the sample's is refused there, and the ids are the competition's, not a stranger's.
    """

    def __init__(self, file: Writable, columns: Sequence[str], *, is_exact: bool = False) -> None:
        self._writer = csv.writer(file, lineterminator="\n" if is_exact else "\r\n")
        self._columns, self._is_exact = tuple(columns), is_exact
        self._is_path = [column in PATH_COLUMNS for column in columns]
        self._writer.writerow(columns if is_exact else [guarded(column) for column in columns])

    def write(self, row: Sequence[Any] | Mapping[str, Any]) -> None:
        """Write one row: a cell a column in their order, or by their names; None is an empty cell."""
        cells = [row.get(column) for column in self._columns] if isinstance(row, Mapping) else row
        if not self._is_exact:
            cells = [
                guarded(cell, is_path=is_path) if isinstance(cell, str) else cell
                for cell, is_path in zip(cells, self._is_path, strict=True)
            ]
        self._writer.writerow(cells)

    def write_all(self, rows: Iterable[Sequence[Any] | Mapping[str, Any]]) -> None:
        """Write rows, one after another."""
        for row in rows:
            self.write(row)


@contextmanager
def csv_file(path: Path, columns: Sequence[str], *, is_exact: bool = False, errors: str = "backslashreplace") -> Iterator[CsvWriter]:
    """A table at ``path`` to write rows to, UTF-8, there whole or not at all; ``errors`` says what becomes of lone surrogates.

    Raises:
        StorageError: the disk is full or the folder cannot be written.
    """
    with replacing(path) as partial, partial.open("w", newline="", encoding="utf-8", errors=errors) as file:
        yield CsvWriter(file, columns, is_exact=is_exact)


def guarded(cell: str, *, is_path: bool = False) -> str:
    """A cell as no spreadsheet runs it."""
    if not _FORMULA.match(cell) or _NUMBER.fullmatch(cell):
        return cell
    return f"./{cell}" if is_path else f"'{cell}"


def unguarded(cell: str) -> str:
    """A cell as it was before :func:`guarded`; the ``./`` of a path stays, as it means the same."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
