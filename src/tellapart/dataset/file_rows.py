"""File rows: the state of every file, and the reason for it; the records of ``images.parquet``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import MISSING, dataclass, fields, replace
from pathlib import Path
from typing import Any

from tellapart.errors import StorageError, reason_of
from tellapart.parquet_files import BATCH_ROWS, ParquetError, read_parquet, write_parquet

USED, SET_ASIDE, UNREADABLE = "used", "set aside", "unreadable"
STATUSES = (USED, SET_ASIDE, UNREADABLE)


@dataclass(frozen=True, slots=True)
class FileRow:
    """One file; the columns of ``images.parquet`` (see docs/reference/run-folder.md)."""

    path: str
    image_id: str | None
    label: str | None
    part: str | None
    group: str | None
    status: str
    reason: str | None
    width: int | None
    height: int | None
    size_bytes: int
    x: float | None = None
    y: float | None = None
    neighbors: tuple[str, ...] = ()
    similarities: tuple[float, ...] = ()
    user_group: str | None = None
    hash: bytes | None = None
    mirror_hash: bytes | None = None

    @property
    def is_used(self) -> bool:
        """Whether the image takes part in training or reporting."""
        return self.status == USED

    @property
    def is_excluded(self) -> bool:
        """Whether the user decided to leave it out."""
        return self.status == SET_ASIDE and (self.reason or "").startswith(EXCLUDED)

    def left_out(self, reason: str) -> FileRow:
        """The row, left out for a reason."""
        return replace(self, status=SET_ASIDE, reason=reason, part=None)


def save_rows(rows: Sequence[FileRow], path: Path) -> None:
    """Write ``images.parquet`` atomically."""
    import pyarrow as pa

    columns: dict[str, Any] = {name: [getattr(row, name) for row in rows] for name in FileRow.__dataclass_fields__}
    write_parquet(pa.table({name: pa.array(columns[name], kind) for name, kind in _schema().items()}), path)


def load_rows(path: Path) -> list[FileRow]:
    """Read what :func:`save_rows` wrote.

    Raises:
        StorageError: the file is absent or damaged.
    """
    try:
        table = read_parquet(path)
        known = _schema()
        needed = {f.name for f in fields(FileRow) if f.default is MISSING}
        if not needed <= set(table.column_names) <= set(known) or any(field.type != known[field.name] for field in table.schema):
            raise ParquetError(f"its columns are {', '.join(table.column_names)[:200]}, expected {', '.join(known)}")
        return [_row_read(row) for batch in table.to_batches(max_chunksize=BATCH_ROWS) for row in batch.to_pylist()]
    except (OSError, TypeError, ValueError) as error:
        raise StorageError(f"{path} cannot be read as the images of a run: {reason_of(error)}") from error


def _row_read(row: dict[str, Any]) -> FileRow:
    if not isinstance(row["path"], str) or row["status"] not in STATUSES or row["size_bytes"] is None:
        raise ValueError(f"a row has the path {row['path']!r} and the status {row['status']!r}")
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}
    return FileRow(**values)


def _schema() -> dict[str, Any]:
    import pyarrow as pa

    text, whole, real = pa.string(), pa.int32(), pa.float32()
    return {
        **dict.fromkeys(("path", "image_id", "label", "part", "group", "status", "reason"), text),
        "width": whole,
        "height": whole,
        "size_bytes": pa.int64(),
        "x": real,
        "y": real,
        "neighbors": pa.list_(text),
        "similarities": pa.list_(real),
        "user_group": text,
        **dict.fromkeys(("hash", "mirror_hash"), pa.binary()),
    }


EXCLUDED = "excluded"
"""Start of the reason of rows that the user excluded."""
