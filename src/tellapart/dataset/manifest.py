"""Reading a manifest: a CSV, TSV or Parquet file that lists pictures with labels (Hugging Face ``metadata.csv`` too)."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from tellapart.dataset.entry import PARTS, Entry
from tellapart.dataset.folder import PART_FOLDERS
from tellapart.errors import DataError

MANIFEST_SUFFIXES = (".csv", ".tsv", ".parquet")
PATH_COLUMNS = ("path", "file_name", "filename", "file")
HINT = "a manifest has a column path (or file_name), a column label, and optionally part and group"


def manifest_entries(manifest: Path) -> list[Entry]:
    """The rows of a manifest in their order; paths are relative to the manifest's folder.

    Columns: ``path`` or ``file_name``, ``label``, optional ``part`` (or ``split``) and ``group``.

    Raises:
        DataError: unreadable file, missing columns, or an unknown part, with the row it stands in.
    """
    rows = _rows(manifest)
    if not rows:
        raise DataError(f"{manifest} has no rows", hint=HINT)
    columns = {name.strip().lower(): name for name in rows[0] if name}
    path_column = next((columns[name] for name in PATH_COLUMNS if name in columns), None)
    if path_column is None:
        if "url" in columns:
            raise DataError(
                f"{manifest} lists addresses, not files", hint="download the pictures first and list their paths in a column path"
            )
        raise DataError(f"{manifest} has no column path or file_name; its columns are {', '.join(columns)}", hint=HINT)
    part_column = columns.get("part") or columns.get("split")
    return [_entry(manifest, number, row, path_column, columns, part_column) for number, row in enumerate(rows, start=2)]


def _entry(manifest: Path, number: int, row: dict[str, Any], path_column: str, columns: dict[str, str], part_column: str | None) -> Entry:
    def text(column: str | None) -> str | None:
        value = row.get(column) if column else None
        value = str(value).strip() if value is not None else ""
        return value or None

    path, part = text(path_column), text(part_column)
    if path is None:
        raise DataError(f"{manifest}, line {number}: the path is empty", hint=HINT)
    if part is not None and part.lower() not in PART_FOLDERS:
        raise DataError(f"{manifest}, line {number}: unknown part {part!r}", hint=f"a part is one of {', '.join(PARTS)}, or empty")
    return Entry(
        path=path, label=text(columns.get("label")), part=PART_FOLDERS[part.lower()] if part else None, group=text(columns.get("group"))
    )


def _rows(manifest: Path) -> list[dict[str, Any]]:
    try:
        if manifest.suffix.lower() == ".parquet":
            import pyarrow.parquet as pq

            with manifest.open("rb") as binary:
                table: list[dict[str, Any]] = pq.read_table(binary).to_pylist()
            return table
        with manifest.open(newline="", encoding="utf-8-sig") as file:
            return list(csv.DictReader(file, delimiter="\t" if manifest.suffix.lower() == ".tsv" else ","))
    except FileNotFoundError as error:
        raise DataError(f"there is no file {manifest}") from error
    except (OSError, ValueError, csv.Error) as error:
        raise DataError(f"{manifest} cannot be read as a table: {error}", hint=HINT) from error
