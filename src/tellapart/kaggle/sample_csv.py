"""Reading a sample submission; cells stay text, so that ids keep their leading zeros."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tellapart.atomic_files import regular_file
from tellapart.counts import count
from tellapart.errors import DataError, reason_of

SHOWN = 5
"""How many names an error message shows."""
HINT = "give the competition's own sample submission: a .csv file with a header, an id column and one column or more to fill"


@dataclass(frozen=True)
class Sample:
    """A sample submission.

    Attributes:
        path: the file it was read from.
        header: the names of all columns, in order.
        rows: the cells, each row as long as the header.
        id_place: index of the id column.
    """

    path: Path
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    id_place: int

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids in the order of the rows."""
        return tuple(row[self.id_place] for row in self.rows)

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns to fill, in order."""
        return tuple(name for index, name in enumerate(self.header) if index != self.id_place)

    def values(self, column: str) -> tuple[str, ...]:
        """The cells of a column, in the order of the rows."""
        index = self.header.index(column)
        return tuple(row[index] for row in self.rows)


def read_sample(path: Path) -> Sample:
    """Read a sample submission: comma-separated UTF-8 with a header; a byte order mark and any line endings are accepted.

    The id column is the one called ``id``, else the first.

    Raises:
        DataError: the file does not exist, is not a table, has no rows, or has empty or duplicate ids.
    """
    lines = _lines(path)
    if not lines:
        raise DataError(f"{path} is empty", hint=HINT)
    (_, header), *numbered = lines
    if len(header) < 2:
        raise DataError(f"{path} has only one column, {_short(header[0])!r}: the columns must be separated by commas", hint=HINT)
    if twice := repeated_names(header):
        raise DataError(f"{path} has columns of the same name: {first_names(twice)}", hint=HINT)
    if not numbered:
        raise DataError(f"{path} has a header but no rows", hint=HINT)
    for number, cells in numbered:
        if len(cells) != len(header):
            raise DataError(f"{path}, line {number}: {count(len(cells), 'cell')} where the header has {len(header)}", hint=HINT)
    id_place = next((index for index, name in enumerate(header) if name.strip().lower() == "id"), 0)
    sample = Sample(path, tuple(header), tuple(tuple(cells) for _, cells in numbered), id_place)
    empty = next((number for number, cells in numbered if not cells[id_place].strip()), None)
    if empty is not None:
        raise DataError(f"{path}, line {empty}: the id is empty", hint=HINT)
    if twice := repeated_names(sample.ids):
        raise DataError(f"{path} has the same id more than once: {first_names(twice)}", hint="a submission has one row an id")
    return sample


def repeated_names(names: Iterable[str]) -> list[str]:
    """The names that occur more than once, each once."""
    return [name for name, count in Counter(names).items() if count > 1]


def first_names(names: Iterable[str]) -> str:
    """The first few names for a message, and how many more there are."""
    listed = list(names)
    rest = f" and {len(listed) - SHOWN:,} more" if len(listed) > SHOWN else ""
    return ", ".join(repr(_short(name)) for name in listed[:SHOWN]) + rest


def _short(text: str, most: int = 60) -> str:
    return text if len(text) <= most else f"{text[:most]}..."


def _lines(path: Path) -> list[tuple[int, list[str]]]:
    """The non-empty lines, each with its number."""
    try:
        with regular_file(path).open(newline="", encoding="utf-8-sig") as file:
            text = file.read()
        if "\0" in text:
            raise DataError(f"{path} is not a text file", hint=HINT)
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        return [(reader.line_num, cells) for cells in reader if cells]
    except FileNotFoundError as error:
        raise DataError(f"there is no file {path}", hint=HINT) from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not text in UTF-8", hint=f"{HINT}; unpack it if it is an archive") from error
    except (OSError, csv.Error) as error:
        raise DataError(f"{path} cannot be read as a table: {reason_of(error)}", hint=HINT) from error
