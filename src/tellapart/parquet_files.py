"""Parquet files: written with a checksum of their content, and read safely even if damaged or malicious.

Arrow is always given a path: its threads may still hold a Python file object when Python exits, which aborts the process with
SIGABRT.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from tellapart.atomic_files import regular_file, replacing

SHA256 = b"content_sha256"
BATCH_ROWS = 8192
ROOM, GROWTH = 256 << 20, 100
"""The values of a file may take ROOM bytes plus GROWTH times the size of the file; more is treated as an attack on the memory."""
ROWS = 2_000_000
"""So many rows, and one more for each byte of the file, may be read as Python values, which take hundreds of bytes a row."""


class ParquetError(ValueError):
    """A file that is not valid Parquet, is damaged, lacks a column, or expands far beyond its size."""


def write_parquet(table: Any, path: Path) -> None:
    """Write a pyarrow table of numbers, text and lists of them, atomically, with a checksum of its content.

    Raises:
        StorageError: the disk is full or the folder cannot be written.
    """
    import pyarrow.parquet as pq

    metadata = dict(table.schema.metadata or {})
    sealed = table.replace_schema_metadata({**metadata, SHA256: _digest(table, metadata).encode()})
    with replacing(path) as partial, partial.open("wb") as file:
        pq.write_table(sealed, file, write_page_checksum=True)


def read_parquet(path: Path) -> Any:
    """Read a Parquet file as a pyarrow table.

    Raises:
        OSError: it cannot be read, or is not a regular file.
        ParquetError: it is not a complete Parquet file, or its content does not match its checksum.
    """
    import pyarrow as pa

    with _arrow_errors():
        file = _open(path)
        table = pa.Table.from_batches([*_batches(file, path, None)], _plain(file.schema_arrow))
        table.validate(full=True)
        metadata = dict(table.schema.metadata or {})
        checksum = metadata.pop(SHA256, None)
        table = table.replace_schema_metadata(metadata)
        if checksum is not None and checksum != _digest(table, metadata).encode():
            raise ParquetError("its content does not match its checksum")
        return table


def parquet_columns(path: Path) -> list[tuple[str, bool]]:
    """The column names of a Parquet file, and whether they are structs; raises as :func:`read_parquet`."""
    import pyarrow as pa

    with _arrow_errors():
        return [(str(field.name), bool(pa.types.is_struct(field.type))) for field in _open(path).schema_arrow]


def parquet_rows(path: Path, columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a Parquet file as Python values of the given columns, reading only these; raises as :func:`read_parquet`."""
    with _arrow_errors():
        file = _open(path)
        number, size_bytes = file.metadata.num_rows, path.stat().st_size
        if number > ROWS + size_bytes:
            raise ParquetError(f"its {number:,} rows take too much memory for a file of {size_bytes:,} bytes")
        for batch in _batches(file, path, list(columns)):
            yield from zip(*(batch.column(name).to_pylist() for name in columns), strict=True)


@contextmanager
def _arrow_errors() -> Iterator[None]:
    """Turn every error of Arrow about a damaged file into a :class:`ParquetError`."""
    import pyarrow as pa

    try:
        yield
    except ParquetError:
        raise
    except OSError as error:
        if error.errno is not None:
            raise
        raise ParquetError(_first_line(error)) from error
    except (pa.ArrowException, ValueError, LookupError, TypeError, AttributeError, OverflowError, MemoryError) as error:
        raise ParquetError(_first_line(error)) from error


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0][:200] or type(error).__name__


def _open(path: Path) -> Any:
    """Open a ``ParquetFile`` that checks its pages, and reads text as dictionaries if possible.

    A few kilobytes may contain one text a billion times; as a dictionary it stays as small as in the file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    source: Any = str(regular_file(path))
    try:
        source.encode("utf-8")
    except UnicodeEncodeError:  # Arrow accepts only UTF-8 names
        source = pa.BufferReader(path.read_bytes())
    plain = pq.ParquetFile(source, page_checksum_verification=True)
    names = plain.schema_arrow.names
    texts = [field.name for field in plain.schema_arrow if _is_text(field.type) and names.count(field.name) == 1]
    if not texts:
        return plain
    if isinstance(source, pa.BufferReader):
        source.seek(0)
    file = pq.ParquetFile(source, page_checksum_verification=True, read_dictionary=texts)
    try:
        next(file.iter_batches(batch_size=1, columns=texts, use_threads=False), None)
    except (pa.ArrowNotImplementedError, OSError) as error:
        if "DictAccumulator" not in str(error):
            raise
        return plain  # delta-encoded text cannot be read as dictionaries
    return file


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_binary(kind) or pa.types.is_large_string(kind))


def _batches(file: Any, path: Path, columns: list[str] | None) -> Iterator[Any]:
    """Yield record batches without dictionaries, while their values stay within the limit on growth."""
    import pyarrow as pa
    import pyarrow.compute as pc

    room = ROOM + GROWTH * path.stat().st_size
    total = 0
    for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=columns, use_threads=False):
        total += batch.nbytes
        arrays = []
        for array in batch.columns:
            if pa.types.is_dictionary(array.type):
                array.validate(full=True)
                total += pc.sum(pc.take(pc.binary_length(array.dictionary), array.indices)).as_py() or 0
                if total <= room:
                    array = array.dictionary_decode()
            arrays.append(array)
        if total > room:
            raise ParquetError(f"its values take more than {room >> 20:,} MiB, and the file has {path.stat().st_size:,} bytes")
        yield pa.RecordBatch.from_arrays(arrays, schema=_plain(batch.schema))


def _plain(schema: Any) -> Any:
    """A schema with dictionaries of text replaced by text."""
    import pyarrow as pa

    for number, field in enumerate(schema):
        if pa.types.is_dictionary(field.type):
            schema = schema.set(number, field.with_type(field.type.value_type))
    return schema


def _digest(table: Any, metadata: Mapping[bytes, bytes]) -> str:
    """A digest of the names, types, values and metadata of a table, independent of chunks and compression."""
    digest = hashlib.sha256()
    for key in sorted(metadata):
        if key != SHA256:
            digest.update(repr((key, metadata[key])).encode())
    for name in table.column_names:
        column = table.column(name)
        digest.update(repr((name, len(column))).encode())
        for array in [column.combine_chunks()] if len(column) else []:
            _update(digest, array)
    return digest.hexdigest()


def _update(digest: Any, array: Any) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc

    digest.update(np.packbits(array.is_null().to_numpy(zero_copy_only=False)).tobytes())
    kind = array.type
    if pa.types.is_list(kind):
        digest.update(b"list")
        digest.update(pc.fill_null(pc.list_value_length(array), 0).to_numpy(zero_copy_only=False).tobytes())
        _update(digest, array.flatten())
    elif pa.types.is_string(kind) or pa.types.is_binary(kind):
        digest.update(str(kind).encode())
        digest.update(pc.fill_null(pc.binary_length(array), 0).to_numpy(zero_copy_only=False).tobytes())
        digest.update(b"".join(value for value in array.cast(pa.binary()).to_pylist() if value is not None))
    else:
        digest.update(str(kind).encode())
        digest.update(pc.fill_null(array, 0).to_numpy(zero_copy_only=False).tobytes())
