from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tellapart.dataset import Entry, open_dataset
from tellapart.errors import DataError

ROWS = [
    {"path": "a/1.jpg", "label": "cats", "part": "train", "group": "x"},
    {"path": "a/2.jpg", "label": "dogs", "part": "valid", "group": ""},
    {"path": "3.jpg", "label": "", "part": "", "group": "y"},
]
ENTRIES = (Entry("a/1.jpg", "cats", "train", "x"), Entry("a/2.jpg", "dogs", "val", None), Entry("3.jpg", None, None, "y"))


@pytest.fixture(autouse=True)
def files(tmp_path: Path) -> None:
    """The files that the tables name."""
    (tmp_path / "a").mkdir()
    for name in ("a/1.jpg", "a/2.jpg", "1.jpg", "2.jpg", "3.jpg", "größe 1.jpg", "a, b\nc.jpg"):
        (tmp_path / name).touch()


def write_text(path: Path, between: str, names: tuple[str, ...] = ("path", "label", "part", "group")) -> Path:
    lines = [between.join(names)] + [between.join(row.values()) for row in ROWS]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_csv_tsv_and_parquet_say_the_same(tmp_path: Path) -> None:
    write_text(tmp_path / "list.csv", ",")
    write_text(tmp_path / "list.tsv", "\t")
    pq.write_table(pa.Table.from_pylist([{k: v or None for k, v in row.items()} for row in ROWS]), tmp_path / "list.parquet")
    for name in ("list.csv", "list.tsv", "list.parquet"):
        dataset = open_dataset(tmp_path / name)
        assert dataset.entries == ENTRIES, name
        assert dataset.root == tmp_path


@pytest.mark.parametrize(
    "names", [("file_name", "label", "split", "group"), ("filename", "Label", "Part", "GROUP"), (" File ", "label", "part", "group")]
)
def test_columns_have_the_names_people_give_them(tmp_path: Path, names: tuple[str, ...]) -> None:
    assert open_dataset(write_text(tmp_path / "list.csv", ",", names)).entries == ENTRIES


@pytest.mark.parametrize("name", ["metadata.csv", "manifest.csv"])
def test_a_manifest_in_the_folder_speaks_for_the_folder(tmp_path: Path, name: str) -> None:
    write_text(tmp_path / name, ",")
    (tmp_path / "unlisted").mkdir()
    (tmp_path / "unlisted/9.jpg").touch()
    assert open_dataset(tmp_path).entries == ENTRIES


def test_a_byte_order_mark_and_windows_lines_are_no_trouble(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_bytes(b"\xef\xbb\xbfpath,label\r\n1.jpg,cats\r\n")
    assert open_dataset(tmp_path / "list.csv").entries == (Entry("1.jpg", "cats"),)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1252"])
@pytest.mark.parametrize("between", [",", ";", "\t"])
def test_a_manifest_is_read_however_a_program_wrote_it(tmp_path: Path, encoding: str, between: str) -> None:
    lines = [between.join(line) for line in (("path", "label"), ("größe 1.jpg", "Bär"), ("", ""), ("2.jpg", '"Fuß, rot; x"'))]
    mark = b"\xff\xfe" if encoding == "utf-16-le" else b""
    (tmp_path / "list.csv").write_bytes(mark + "\r\n".join(lines).encode(encoding))
    assert open_dataset(tmp_path / "list.csv").entries == (Entry("größe 1.jpg", "Bär"), Entry("2.jpg", "Fuß, rot; x"))


def test_letters_that_may_be_read_wrongly_are_said(tmp_path: Path) -> None:
    """A table in Shift JIS gave classes of other letters without a word."""
    (tmp_path / "list.csv").write_bytes("path,label\n1.jpg,猫\n2.jpg,dog\n".encode("shift-jis"))
    (note,) = [note for note in open_dataset(tmp_path / "list.csv").notes if "UTF-8" in note]
    assert (
        note == "list.csv is not UTF-8 and is read as Windows-1252, which makes a label '”L' of line 2; if that is wrong, save it as UTF-8"
    )
    (tmp_path / "list.csv").write_bytes("path,label,comment\n1.jpg,cat,größer\n2.jpg,dog,\n".encode("cp1252"))
    assert not [note for note in open_dataset(tmp_path / "list.csv").notes if "UTF-8" in note]


def test_files_put_one_after_the_other_have_one_header(tmp_path: Path) -> None:
    one = b"\xef\xbb\xbfpath,label\r\n%d.jpg,%s\r\n"
    (tmp_path / "list.csv").write_bytes(one % (1, b"cat") + one % (2, b"dog"))
    assert open_dataset(tmp_path / "list.csv").entries == (Entry("1.jpg", "cat"), Entry("2.jpg", "dog"))


def test_an_empty_cell_at_the_end_of_a_row_is_no_trouble(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("path,label\n1.jpg,cats,\n2.jpg\n")
    assert open_dataset(tmp_path / "list.csv").entries == (Entry("1.jpg", "cats"), Entry("2.jpg"))


def test_quoted_commas_and_newlines_stay_in_the_value(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text('path,label\n"a, b\nc.jpg","cats, big"\n')
    assert open_dataset(tmp_path / "list.csv").entries == (Entry("a, b\nc.jpg", "cats, big"),)


def test_numbers_as_labels_become_text(tmp_path: Path) -> None:
    pq.write_table(pa.table({"path": ["1.jpg", "2.jpg"], "label": [0, 1]}), tmp_path / "list.parquet")
    assert open_dataset(tmp_path / "list.parquet").class_names == ("0", "1")


def test_absent_values_and_whole_numbers_of_a_data_frame_are_what_they_were(tmp_path: Path) -> None:
    table = {"path": [b"1.jpg", b"2.jpg"], "label": [3.0, float("nan")], "pixels": [b"not read", None]}
    pq.write_table(pa.table(table), tmp_path / "list.parquet")
    assert open_dataset(tmp_path / "list.parquet").entries == (Entry("1.jpg", "3"), Entry("2.jpg"))


def test_what_is_wrong_in_parquet_is_said_with_its_row(tmp_path: Path) -> None:
    pq.write_table(pa.table({"path": ["1.jpg", None]}), tmp_path / "list.parquet")
    with pytest.raises(DataError, match=r"list\.parquet, row 2: the path is empty"):
        open_dataset(tmp_path / "list.parquet")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no rows"),
        ("path,label\n", "no rows"),
        ("name,label\n1.jpg,cats\n", "no column path or file_name; its columns are name, label"),
        ("url,label\nhttp://x/1.jpg,cats\n", "lists addresses"),
        ("path,label,part\n1.jpg,cats,train\n2.jpg,cats,tset\n", "line 3: unknown part 'tset'"),
        ("path,label\n1.jpg,cats\n,dogs\n", "line 3: the path is empty"),
        ('path,label\n1.jpg,"ca\nts"\n,dogs\n', "line 4: the path is empty"),
        ("path,label\n1.jpg,cats, big\n", "line 2: 3 cells where the header has 2"),
        ('path,label\n"1.jpg,cats\n', "line 2: not a row of a table"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "list.csv").write_text(text)
    with pytest.raises(DataError, match=said) as caught:
        open_dataset(tmp_path / "list.csv")
    assert "list.csv" in str(caught.value)
    assert caught.value.hint


def test_an_unknown_part_hints_at_the_known_ones(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("path,label,part\n1.jpg,cats,tset\n")
    with pytest.raises(DataError) as caught:
        open_dataset(tmp_path / "list.csv")
    assert caught.value.hint == "a part is one of train, val, test, or empty"


@pytest.mark.parametrize("name", ["list.csv", "list.tsv", "list.parquet"])
def test_a_file_that_is_no_table_is_a_clear_error(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"\x00\xff\xfe\x80PAR1 this is no table \x00" * 20)
    with pytest.raises(DataError, match=r"list\."):
        open_dataset(tmp_path / name)


@pytest.mark.parametrize("name", ["absent.csv", "absent.parquet"])
def test_an_absent_manifest_is_a_clear_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=f"there is no file .*{name}"):
        open_dataset(tmp_path / name)
