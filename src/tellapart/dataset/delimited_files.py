"""CSV, TSV, JSON Lines and Parquet files as written by other programs: any common encoding and line end, each row with its line number."""

from __future__ import annotations

import codecs
import csv
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from tellapart.atomic_files import regular_file
from tellapart.counts import count
from tellapart.csv_writer import unguard_cell
from tellapart.errors import DataError
from tellapart.parquet_files import ParquetError, parquet_columns, parquet_rows

TEXT_SUFFIXES = (".csv", ".tsv")
JSON_SUFFIX = ".jsonl"
TABLE_SUFFIXES = (*TEXT_SUFFIXES, ".parquet", JSON_SUFFIX)
ANSI = "cp1252"
"""The encoding that text is taken to have which is not UTF-8: Windows-1252, as Windows writes it in the West."""
_CHUNK_BYTES = 1 << 20
_DELIMITERS = ",;\t|"
_MARK = "\ufeff"
"""The byte order mark, which is in the middle of a file where files were put one after the other."""
_QUOTED = re.compile(r'"[^"]*"')
_SEPARATOR = re.compile(r"\"?sep=(.)\"?\s*", re.IGNORECASE)
"""The first line that tells Excel the separator."""
RECORD = " (records, not text)"
"""Added to the name of a column of a Parquet file that holds records, such as images with their bytes."""

Choice = Callable[[Sequence[str]], Mapping[str, int]]
"""From the header of a table to the places of the columns that are wanted, by the names they are to have."""


def named_rows(file: Path, choice: Choice) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a table below its header, each with its line (in Parquet its number from 1): the text of the columns ``choice`` names.

    A cell that a short row lacks is left out; an absent value is empty text. Other columns are passed over, unread in Parquet.

    Raises:
        DataError: the file cannot be read, or a row holds more than the header has columns for; and whatever ``choice`` raises.
    """
    read = _parquet_rows if is_parquet(file) else _json_rows if file.suffix.lower() == JSON_SUFFIX else _text_rows
    yield from read(file, choice)


def columns_found(header: Sequence[str], known: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """The places of the columns whose names are ``known``, of several the first named there; capitals and blanks do not matter."""
    names = [name.strip().lower() for name in header]
    return {what: names.index(name) for what, of in known.items() if (name := next((n for n in of if n in names), None))}


def is_parquet(file: Path) -> bool:
    """Whether a file is Parquet by its name: it has rows, not lines."""
    return file.suffix.lower() == ".parquet"


def encoding_of(path: Path) -> str:
    """The encoding of a text file: what its byte order mark says, else UTF-8 if all of it is that, else Windows-1252.

    Raises:
        DataError: no such file, it cannot be read, or it is not text.
    """
    try:
        with regular_file(path).open("rb") as file:
            head = file.read(_CHUNK_BYTES)
            if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
                return "utf-32"
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
        return ANSI
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

    Cells come stripped, and :func:`unguard_cell`.
    The cells of a ``.csv`` may be parted by semicolons, tabs or bars, as some programs write it.

    Raises:
        DataError: as :func:`encoding_of`, or quotation marks that do not match, with the line.
    """
    encoding, reader = encoding_of(path), None
    try:
        with path.open(newline="", encoding=encoding, errors="replace") as file:
            first = file.readline()
            declared = _SEPARATOR.fullmatch(first)
            if not declared:
                file.seek(0)
            delimiter = declared[1] if declared else "\t" if path.suffix.lower() == ".tsv" and "\t" in first else _delimiter(first)
            reader = csv.reader(file, delimiter=delimiter, strict=True)
            for row in reader:
                cells = [unguard_cell(cell.strip()) for cell in row]
                if any(cells):
                    yield reader.line_num + bool(declared), cells
    except csv.Error as error:
        line = reader.line_num if reader else 1
        raise DataError(
            f"{path}, line {line}: not a row of a table: {error}",
            hint='a cell that holds a comma or " stands in quotation marks, its own " doubled',
        ) from error
    except OSError as error:
        raise _unreadable(path, error) from error


def _text_rows(file: Path, choice: Choice) -> Iterator[tuple[int, dict[str, str]]]:
    rows = table_rows(file)
    _, header = next(rows, (1, []))
    columns = choice(header)
    for line, cells in rows:
        if [cells[0].removeprefix(_MARK), *cells[1:]] == header and len(header) > 1:  # files put one after the other
            continue
        if any(cells[len(header) :]):
            raise DataError(
                f"{file}, line {line}: {count(len(cells), 'cell')} where the header has {len(header)}",
                hint='a cell that holds a comma stands in quotation marks: "a, b"',
            )
        yield line, {name: cells[index] for name, index in columns.items() if index < len(cells)}


def _parquet_rows(file: Path, choice: Choice) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        header = parquet_columns(file)
        shown = [name + RECORD * is_record for name, is_record in header]
        columns = {name: header[index][0] for name, index in choice(shown).items() if not header[index][1]}
        for number, row in enumerate(parquet_rows(file, list(columns.values())), start=1):
            yield number, {name: _text(value) for name, value in zip(columns, row, strict=True)}
    except ParquetError as error:
        raise DataError(f"{file} cannot be read as Parquet: {error}") from error
    except OSError as error:
        raise _unreadable(file, error) from error


def _json_rows(file: Path, choice: Choice) -> Iterator[tuple[int, dict[str, str]]]:
    records = []
    for number, line in text_lines(file):
        try:
            record = json.loads(line) if line.strip() else {}
        except (ValueError, RecursionError) as error:
            raise DataError(f"{file}, line {number}: not JSON: {error}") from error
        if not isinstance(record, dict):
            raise DataError(f"{file}, line {number}: not a JSON object", hint='a line is one image: {"file_name": "1.jpg", "label": "cat"}')
        if record:
            records.append((number, record))
    header = list(dict.fromkeys(str(name) for _, record in records for name in record))
    columns = choice(header)
    for number, record in records:
        yield number, {name: _text(record.get(header[index])) for name, index in columns.items()}


def _text(value: object) -> str:
    if value is None or value != value:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value.decode("utf-8", errors="replace").strip() if isinstance(value, bytes) else str(value).strip()


def _delimiter(header: str) -> str:
    """The mark that parts the cells of a header: the most frequent one outside quotation marks."""
    bare = _QUOTED.sub("", header)
    return max(_DELIMITERS, key=bare.count)


def _unreadable(path: Path, error: OSError) -> DataError:
    if isinstance(error, FileNotFoundError):
        return DataError(f"there is no file {path}")
    return DataError(f"{path} cannot be read: {error.strerror or error}")
