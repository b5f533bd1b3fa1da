from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tellapart import parquet_files
from tellapart.dataset.delimited_files import named_rows
from tellapart.dataset.file_rows import FileRow, save_rows
from tellapart.errors import DataError
from tellapart.parquet_files import ParquetError, parquet_columns, parquet_rows, read_parquet, write_parquet

TABLE = pa.table(
    {
        "path": ["a", "b", None],
        "x": [1.5, None, 0.1],
        "n": pa.array([1, 2, None], pa.int32()),
        "both": pa.array([["q"], [], None], pa.list_(pa.string())),
        "bytes": pa.array([b"\xff", b"", None], pa.binary()),
        "p": pa.array([[0.25, 0.75], [1.0], [0.1]], pa.list_(pa.float64())),
    },
    metadata={"class_names": '["ä"]'},
)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    write_parquet(TABLE, tmp_path / "a.parquet")
    found = read_parquet(tmp_path / "a.parquet")
    assert (found.to_pydict(), found.schema.metadata) == (TABLE.to_pydict(), TABLE.schema.metadata)
    assert parquet_columns(tmp_path / "a.parquet") == [(name, False) for name in TABLE.column_names]
    assert list(parquet_rows(tmp_path / "a.parquet", ["n", "path"])) == [(1, "a"), (2, "b"), (None, None)]


def test_the_checksum_does_not_depend_on_how_a_table_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = pa.concat_tables([TABLE.slice(1), TABLE, TABLE.slice(2), TABLE.slice(0, 0)])
    write_parquet(whole, tmp_path / "a.parquet")
    monkeypatch.setattr(parquet_files, "BATCH_ROWS", 2)
    assert read_parquet(tmp_path / "a.parquet").to_pydict() == whole.to_pydict()
    write_parquet(TABLE.slice(0, 0), tmp_path / "empty.parquet")
    assert read_parquet(tmp_path / "empty.parquet").num_rows == 0


@pytest.mark.parametrize("column", TABLE.column_names)
def test_another_value_is_noticed_though_the_file_is_sound(tmp_path: Path, column: str) -> None:
    write_parquet(TABLE, tmp_path / "a.parquet")
    sealed = pq.read_schema(tmp_path / "a.parquet").metadata
    number = TABLE.column_names.index(column)
    turned = TABLE.set_column(number, column, TABLE[column].take([1, 0, 2]))
    pq.write_table(turned.replace_schema_metadata(sealed), tmp_path / "a.parquet")
    with pytest.raises(ParquetError, match="does not match its checksum"):
        read_parquet(tmp_path / "a.parquet")
    pq.write_table(TABLE.replace_schema_metadata({**sealed, b"class_names": b'["o"]'}), tmp_path / "a.parquet")
    with pytest.raises(ParquetError, match="does not match its checksum"):
        read_parquet(tmp_path / "a.parquet")


def test_a_file_of_another_program_has_no_checksum_and_is_read(tmp_path: Path) -> None:
    pq.write_table(TABLE, tmp_path / "a.parquet")
    assert read_parquet(tmp_path / "a.parquet").to_pydict() == TABLE.to_pydict()


@pytest.mark.parametrize(
    "options", [{}, {"use_dictionary": False}, {"use_dictionary": False, "column_encoding": {"path": "DELTA_BYTE_ARRAY"}}]
)
def test_a_small_file_that_holds_far_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict) -> None:
    monkeypatch.setattr(parquet_files, "ROOM", 1 << 20)
    file = tmp_path / "a.parquet"
    pq.write_table(pa.table({"path": ["x" * 1000] * 60_000, "label": ["a"] * 60_000}), file, compression="zstd", **options)
    assert file.stat().st_size * parquet_files.GROWTH < 40_000_000
    with pytest.raises(ParquetError, match="its values take more than"):
        list(parquet_rows(file, ["path"]))
    with pytest.raises(DataError, match="cannot be read as Parquet: its values take more than"):
        list(named_rows(file, lambda header: {"path": header.index("path")}))
    assert len(list(parquet_rows(file, ["label"]))) == 60_000


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + b"\xff" * 400 + b"PAR1", b"text"])
def test_what_is_no_parquet_is_said(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.parquet").write_bytes(content)
    for read in (read_parquet, parquet_columns):
        with pytest.raises(ParquetError):
            read(tmp_path / "a.parquet")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.parquet")
    with pytest.raises(OSError, match="not a regular file"):
        read_parquet(tmp_path / "a.parquet")


def test_a_folder_whose_name_is_not_utf8_is_no_obstacle(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    write_parquet(TABLE, folder / "a.parquet")
    assert read_parquet(folder / "a.parquet").to_pydict() == TABLE.to_pydict()


READ = """
import sys
from pathlib import Path
from tellapart.dataset.file_rows import load_rows
from tellapart.parquet_files import parquet_rows
load_rows(Path(sys.argv[1]))
next(iter(parquet_rows(Path(sys.argv[1]), ["path"])))
sys.exit(1)
"""


def test_nothing_of_arrow_aborts_when_python_ends(tmp_path: Path) -> None:
    """Read through a file object of Python's, 28 of 40 such processes ended with SIGABRT."""
    row = FileRow("a.jpg", "0" * 64, "a", "train", None, "used", None, 8, 8, 99)
    save_rows([row] * 80, tmp_path / "images.parquet")
    for _ in range(4):
        assert subprocess.run([sys.executable, "-c", READ, str(tmp_path / "images.parquet")], check=False).returncode == 1


def test_rows_by_the_million_in_a_few_bytes_are_refused_before_they_are_read(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    zeros = pa.nulls(3_000_000, pa.int32()).fill_null(0)
    texts = {name: pa.DictionaryArray.from_arrays(zeros, pa.array([name])) for name in ("path", "label")}
    pq.write_table(pa.table(texts), tmp_path / "a.parquet", compression="zstd")
    with pytest.raises(ParquetError, match=r"its 3,000,000 rows take too much memory for a file of [0-9,]+ bytes"):
        next(parquet_rows(tmp_path / "a.parquet", ["path", "label"]))
