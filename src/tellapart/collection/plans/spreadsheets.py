"""CSV and TSV files as people's programs write them: any usual encoding and line end, each row with its line."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator
from pathlib import Path

from tellapart.errors import DataError

TABLE_SUFFIXES = (".csv", ".tsv")
_CHUNK_BYTES = 1 << 20
_DELIMITERS = ",;\t"


def encoding_of(path: Path) -> str:
    """The encoding of a text file: what its byte order mark says, else UTF-8 if all of it is that, else Windows-1252.

    Raises:
        DataError: no such file, it cannot be read, or it is no text.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_CHUNK_BYTES)
            if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                return "utf-16"
            decoder = codecs.getincrementaldecoder("utf-8")()
            while head:
                if b"\0" in head:
                    raise DataError(f"{path} is not a text file")
                decoder.decode(head)
                head = file.read(_CHUNK_BYTES)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return "cp1252"
    except OSError as error:
        raise _unreadable(path, error) from error
    return "utf-8-sig"


def text_lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a text file with their numbers from 1, without line ends.

    Raises:
        DataError: as :func:`encoding_of`.
    """
    encoding = encoding_of(path)
    try:
        with path.open(encoding=encoding, errors="replace") as file:
            for number, line in enumerate(file, start=1):
                yield number, line.rstrip("\n")
    except OSError as error:
        raise _unreadable(path, error) from error


def table_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The rows of a CSV or TSV file, the header first, each with the line it ends on; lines without any text are passed over.

    Cells come stripped. A ``.csv`` without a comma in its first line may be parted by semicolons or tabs, as some programs write it.

    Raises:
        DataError: as :func:`encoding_of`, or quotation marks that do not match, with the line.
    """
    encoding, reader = encoding_of(path), None
    try:
        with path.open(newline="", encoding=encoding, errors="replace") as file:
            delimiter = "\t" if path.suffix.lower() == ".tsv" else _delimiter(file.readline())
            file.seek(0)
            reader = csv.reader(file, delimiter=delimiter, strict=True)
            for row in reader:
                cells = [cell.strip() for cell in row]
                if any(cells):
                    yield reader.line_num, cells
    except csv.Error as error:
        line = reader.line_num if reader else 1
        raise DataError(
            f"{path}, line {line}: not a row of a table: {error}",
            hint='a cell that holds a comma or " stands in quotation marks, its own " doubled',
        ) from error
    except OSError as error:
        raise _unreadable(path, error) from error


def _delimiter(header: str) -> str:
    return next((mark for mark in _DELIMITERS if mark in header), ",")


def _unreadable(path: Path, error: OSError) -> DataError:
    if isinstance(error, FileNotFoundError):
        return DataError(f"there is no file {path}")
    return DataError(f"{path} cannot be read: {error.strerror or error}")
