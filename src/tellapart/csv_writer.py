r"""Writing CSV with a guard against spreadsheet formulas (CSV injection).

Spreadsheets run a cell that begins with ``=``, ``+``, ``-`` or ``@`` (also after a tab or line break, or in full width) as a
formula. Such a cell gets a leading apostrophe, which spreadsheets hide or show harmlessly; a path gets ``./`` instead and stays
a valid path. Plain numbers are unchanged. :func:`unguard_cell` removes the apostrophe; all our readers of tables call it.

>>> guard_cell("=1+1"), guard_cell("-0.5"), guard_cell("@cat.jpg", is_path=True), unguard_cell(guard_cell("'=x"))
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
"""Columns of our tables with relative or absolute paths."""
_FORMULA = re.compile(r"'*[\s\x00]*[=+\-@＝＋－＠]|'*[\t\r\n\x00]")
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?")


class Writable(Protocol):
    """Anything text can be written to."""

    def write(self, text: str, /) -> object:
        """Write text."""


class CsvWriter:
    """Writes rows as CSV (RFC 4180: CRLF, quotes where needed), the header first, every cell guarded.

    Args:
        file: text file, opened with ``newline=""``.
        columns: the header; columns named in :data:`PATH_COLUMNS` are paths.
        is_exact: write cells unchanged and end lines with a line feed. Only for Kaggle submissions: Kaggle refuses ids that differ
            from the sample, and the ids come from the competition.
    """

    def __init__(self, file: Writable, columns: Sequence[str], *, is_exact: bool = False) -> None:
        self._writer = csv.writer(file, lineterminator="\n" if is_exact else "\r\n")
        self._columns, self._is_exact = tuple(columns), is_exact
        self._is_path = [column in PATH_COLUMNS for column in columns]
        self._writer.writerow(columns if is_exact else [guard_cell(column) for column in columns])

    def write(self, row: Sequence[Any] | Mapping[str, Any]) -> None:
        """Write one row: one cell per column, in order or by name; None is an empty cell."""
        cells = [row.get(column) for column in self._columns] if isinstance(row, Mapping) else row
        if not self._is_exact:
            cells = [
                guard_cell(cell, is_path=is_path) if isinstance(cell, str) else cell
                for cell, is_path in zip(cells, self._is_path, strict=True)
            ]
        self._writer.writerow(cells)

    def write_all(self, rows: Iterable[Sequence[Any] | Mapping[str, Any]]) -> None:
        """Write several rows."""
        for row in rows:
            self.write(row)


@contextmanager
def csv_file(path: Path, columns: Sequence[str], *, is_exact: bool = False, errors: str = "backslashreplace") -> Iterator[CsvWriter]:
    """Write a CSV file at ``path`` atomically, in UTF-8; ``errors`` is the error handler for lone surrogates.

    Raises:
        StorageError: the disk is full or the folder cannot be written.
    """
    with replacing(path) as partial, partial.open("w", newline="", encoding="utf-8", errors=errors) as file:
        yield CsvWriter(file, columns, is_exact=is_exact)


def guard_cell(cell: str, *, is_path: bool = False) -> str:
    """Escape a cell so that no spreadsheet runs it as a formula."""
    if not _FORMULA.match(cell) or _NUMBER.fullmatch(cell):
        return cell
    return f"./{cell}" if is_path else f"'{cell}"


def unguard_cell(cell: str) -> str:
    """Undo :func:`guard_cell`; the ``./`` of a path stays, as it means the same."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
