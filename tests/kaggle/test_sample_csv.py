from __future__ import annotations

from pathlib import Path

import pytest

from tellapart.errors import DataError
from tellapart.kaggle.sample_csv import first_names, read_sample


def sample(tmp_path: Path, data: bytes | str) -> Path:
    path = tmp_path / "sample_submission.csv"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


@pytest.mark.parametrize(
    "data",
    [
        "id,label\n001,0.5\n2,0.5\n",
        "id,label\r\n001,0.5\r\n2,0.5\r\n",
        "id,label\r001,0.5\r2,0.5",
        "\ufeffid,label\n001,0.5\n2,0.5",
        '"id","label"\n"001",0.5\n"2","0.5"\n\n',
        '\ufeff"id",label\r\n"001",0.5\r\n\r\n2,0.5\r\n',
    ],
)
def test_marks_line_ends_and_quotes_make_no_difference(tmp_path: Path, data: str) -> None:
    found = read_sample(sample(tmp_path, data))
    assert found.header == ("id", "label")
    assert found.ids == ("001", "2")
    assert found.columns == ("label",)
    assert found.values("label") == ("0.5", "0.5")


def test_the_id_column_is_the_one_called_id_else_the_first(tmp_path: Path) -> None:
    assert read_sample(sample(tmp_path, "label,Id\n0,7\n")).ids == ("7",)
    assert read_sample(sample(tmp_path, "label,Id\n0,7\n")).columns == ("label",)
    assert read_sample(sample(tmp_path, "file,label\n7.jpg,0\n")).ids == ("7.jpg",)


def test_cells_stay_the_text_they_are(tmp_path: Path) -> None:
    found = read_sample(sample(tmp_path, 'id,a b\n"x, ""y""",0.50\n 0001 ,\nгора,1e-3\n'))
    assert found.ids == ('x, "y"', " 0001 ", "гора")
    assert found.values("a b") == ("0.50", "", "1e-3")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"id,label\n", "a header but no rows"),
        (b"id\n1\n", "only one column, 'id'"),
        (b"id;label\n1;0.5\n", "only one column, 'id;label'.*commas"),
        (b"id,label,label\n1,0,0\n", "columns of the same name: 'label'"),
        (b"id,label\n1,0.5\n2\n", "line 3: 1 cell where the header has 2"),
        (b"id,label\n1,0.5\n2,0.5,3\n", "line 3: 3 cells where the header has 2"),
        (b"id,label\n1,0.5\n ,0.5\n", "line 3: the id is empty"),
        (b"id,label\n1,0.5\n2,0.5\n1,0.5\n", "the same id more than once: '1'"),
        (b'id,label\n"1,0.5\n2,0.5\n', "cannot be read as a table"),
        (b"PK\x03\x04\x00\x00", "not a text file"),
        (b"\x89PNG\r\n\x1a\n\xff\xff", "not text in UTF-8"),
        ("id,label\n1,0\n".encode("utf-16"), "not text in UTF-8"),
        (b"<!DOCTYPE html>\n<html></html>\n", "only one column"),
    ],
)
def test_what_is_no_sample_is_a_clear_error(tmp_path: Path, data: bytes, said: str) -> None:
    with pytest.raises(DataError, match=f"(?s){said}") as caught:
        read_sample(sample(tmp_path, data))
    assert caught.value.hint


def test_what_is_no_file_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no file"):
        read_sample(tmp_path / "nowhere.csv")
    with pytest.raises(DataError, match="cannot be read"):
        read_sample(tmp_path)


def test_messages_show_the_first_few() -> None:
    assert first_names("ab") == "'a', 'b'"
    assert first_names("abcdefgh") == "'a', 'b', 'c', 'd', 'e' and 3 more"
    assert len(first_names(["x" * 1000])) < 80
