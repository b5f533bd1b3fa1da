"""Reading a manifest: a CSV, TSV or Parquet file that lists pictures with labels (Hugging Face ``metadata.csv`` too)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from tellapart.dataset.entry import PARTS, Entry
from tellapart.dataset.folder import PART_FOLDERS
from tellapart.dataset.spreadsheets import TABLE_SUFFIXES, columns_found, is_parquet, named_rows
from tellapart.errors import DataError

MANIFEST_SUFFIXES = TABLE_SUFFIXES
COLUMNS = {"path": ("path", "file_name", "filename", "file"), "label": ("label",), "part": ("part", "split"), "group": ("group",)}
"""What is read, and the names its column may have, the first that is there; capitals do not matter. Other columns are passed over."""
HINT = "a manifest has a column path (or file_name), a column label, and optionally part and group"


def manifest_entries(manifest: Path) -> list[Entry]:
    """The rows of a manifest in their order; paths are relative to the manifest's folder.

    Columns: ``path`` or ``file_name``, ``label``, optional ``part`` (or ``split``) and ``group``.

    Raises:
        DataError: unreadable file, missing columns, or an unknown part, with the row it stands in.
    """
    place = "row" if is_parquet(manifest) else "line"
    rows = named_rows(manifest, lambda header: _columns(manifest, header))
    entries = [_entry(f"{manifest}, {place} {number}", row) for number, row in rows]
    if not entries:
        raise _without_rows(manifest)
    return entries


def _columns(manifest: Path, header: Sequence[str]) -> dict[str, int]:
    """Which column holds what.

    Raises:
        DataError: there is no column, or none for the path.
    """
    if not header:
        raise _without_rows(manifest)
    found = columns_found(header, COLUMNS)
    if "path" in found:
        return found
    if any(name.strip().lower() == "url" for name in header):
        raise DataError(f"{manifest} lists addresses, not files", hint="download the pictures first and list their paths in a column path")
    raise DataError(f"{manifest} has no column path or file_name; its columns are {', '.join(header)}", hint=HINT)


def _entry(place: str, row: Mapping[str, str]) -> Entry:
    path, part = row.get("path"), row.get("part")
    if not path:
        raise DataError(f"{place}: the path is empty", hint=HINT)
    if part and part.lower() not in PART_FOLDERS:
        raise DataError(f"{place}: unknown part {part!r}", hint=f"a part is one of {', '.join(PARTS)}, or empty")
    return Entry(
        path=path, label=row.get("label") or None, part=PART_FOLDERS[part.lower()] if part else None, group=row.get("group") or None
    )


def _without_rows(manifest: Path) -> DataError:
    return DataError(f"{manifest} has no rows", hint=HINT)
