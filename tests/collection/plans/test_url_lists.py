from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tellapart.collection.candidates import Offer
from tellapart.collection.plans.url_lists import listed_offers
from tellapart.errors import DataError
from tellapart.parquet_files import BATCH_ROWS

from .test_plan import written


def read(file: Path, label: str | None = None) -> tuple[list[tuple[str, Offer]], list[str]]:
    notes: list[str] = []
    return list(listed_offers(file, label, notes)), notes


def urls(file: Path, label: str | None = None) -> list[tuple[str, str]]:
    return [(label, offer.url) for label, offer in read(file, label)[0]]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_table_as_any_program_writes_it(tmp_path: Path, encoding: str, end: str) -> None:
    lines = [
        "URL;Label;License;Author;Title;Group;page;width;height;remark",
        'http://a.example/1.jpg;Bär;cc0-1.0;"M\u00fcller; A.";K\u00f6ln;album 1;http://a.example/;640;x;-',
        "http://a.example/2.jpg; cats",
    ]
    found, notes = read(written(tmp_path, "list.csv", end.join(lines).encode(encoding)))
    assert found == [
        (
            "B\u00e4r",
            Offer(
                url="http://a.example/1.jpg",
                license="cc0-1.0",
                creator="M\u00fcller; A.",
                title="K\u00f6ln",
                group="album 1",
                page="http://a.example/",
                width=640,
            ),
        ),
        ("cats", Offer(url="http://a.example/2.jpg")),
    ]
    assert notes == []


def test_licence_columns_are_read_in_either_spelling(tmp_path: Path) -> None:
    for spelling in ("license", "licence"):
        found, _ = read(
            written(tmp_path, "list.csv", f"url,label,{spelling},{spelling}_url\nhttp://a.example/1.jpg,cat,cc0-1.0,http://l.example\n")
        )
        assert (found[0][1].license, found[0][1].license_url) == ("cc0-1.0", "http://l.example")


def test_plain_text_needs_a_label_and_has_comments(tmp_path: Path) -> None:
    file = written(tmp_path, "list.txt", "\ufeff# mine\r\n\r\n http://a.example/1.jpg#x \r\nhttp://a.example/2.jpg")
    assert urls(file, "cats") == [("cats", "http://a.example/1.jpg#x"), ("cats", "http://a.example/2.jpg")]
    with pytest.raises(DataError, match="names no classes") as caught:
        read(file)
    assert "--label" in str(caught.value.hint)


def test_a_rows_own_label_stands_before_the_given_one(tmp_path: Path) -> None:
    file = written(tmp_path, "list.tsv", "label\turl\ndogs\thttp://a.example/1.jpg\n\thttp://a.example/2.jpg\n")
    assert urls(file, "cats") == [("dogs", "http://a.example/1.jpg"), ("cats", "http://a.example/2.jpg")]


def test_an_address_that_is_none_goes_on_to_the_ledger(tmp_path: Path) -> None:
    file = written(tmp_path, "list.csv", "url,label\nftp://a.example/1.jpg,a\nnonsense,a\nhttp://[bad/,a\n")
    assert [url for _, url in urls(file)] == ["ftp://a.example/1.jpg", "nonsense", "http://[bad/"]


def test_rows_left_out_and_repeats_are_told_with_their_lines(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        "list.csv",
        "url,label\nhttp://a.example/1.jpg,cats\n,cats\nhttp://A.example:80/1.jpg#x,cats\nhttp://a.example/2.jpg,\n,dogs\n"
        "http://a.example/1.jpg,dogs\nhttp://a.example/3.jpg,../up\n,x\n,x\nhttp://a.example/?1.jpg,cats\n",
    )
    found, notes = read(file)
    assert len(found) == 4
    assert notes == [
        f"{file}: 4 rows left out, without an address (lines 3, 6, 9 and 1 more)",
        f"{file}: 1 row left out, without a label (--label names one for them) (line 5)",
        f"{file}: 1 row left out, whose label cannot be the name of a class: it contains a character not allowed in file names (line 8)",
        f"{file}: 1 row with an address that an earlier row has under the same label (lines 2 and 4)",
        f"{file}: 1 row with an address that an earlier row has under another label (lines 4 and 7)",
    ]


def test_of_many_repeats_the_first_lines_are_told(tmp_path: Path) -> None:
    lines = [f"http://a.example/{n}.jpg,cats" for n in range(50)]
    _, notes = read(written(tmp_path, "list.csv", "\n".join(["url,label", *lines, *lines])))
    assert notes[0].endswith("under the same label (lines 2 and 52, 3 and 53, 4 and 54 and 47 more)")


def test_a_list_of_which_nothing_survives_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"lists no address that can be used\n2 rows left out, without an address \(lines 2, 4\)"):
        read(written(tmp_path, "list.csv", "url,label\n,a\n\n,b\n"))
    with pytest.raises(DataError, match="lists no address"):
        read(written(tmp_path, "list.txt", "# nothing\n"), "cats")


@pytest.mark.parametrize(
    ("name", "text", "label", "said", "hint"),
    [
        ("list.csv", "ur,label\na,b\n", None, "has no column url; its columns are ur, label", "did you mean 'ur'?"),
        ("list.csv", "url,labell\na,b\n", None, "has no column label", "did you mean 'labell'?"),
        ("list.csv", "url,part\na,b\n", None, "has no column label", "--label"),
        ("list.csv", "", "cats", "has no column url; its columns are none", "a list has"),
        ("list.csv", "url,label\na,b,c\n", None, "line 2: 3 cells where the header has 2", "quotation marks"),
        ("list.csv", 'url,label\na,b\n"a,b\n', None, "line 3: not a row of a table", "quotation marks"),
        ("list.csv", b"\x89PNG\0\0", None, "is not a text file", None),
        ("list.parquet", "url,label\na,b\n", None, "cannot be read as Parquet", None),
        ("list.json", "[]", None, "ends with .csv, .tsv, .parquet, .jsonl, .txt", None),
        ("list.txt", "http://a.example/", "a/b", "'a/b' cannot be the name of a class", None),
    ],
)
def test_lists_that_cannot_be_read(tmp_path: Path, name: str, text: str | bytes, label: str | None, said: str, hint: str | None) -> None:
    with pytest.raises(DataError) as caught:
        read(written(tmp_path, name, text), label)
    assert said in str(caught.value)
    assert (hint or "") in (caught.value.hint or "")


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".txt"])
def test_a_list_that_is_not_there(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(DataError, match="there is no file"):
        read(tmp_path / f"none{suffix}", "cats")


def parquet(file: Path, **columns: Any) -> Path:
    pq.write_table(pa.table(columns), file, row_group_size=1000)
    return file


def test_parquet_of_odd_types(tmp_path: Path) -> None:
    file = parquet(
        tmp_path / "list.parquet",
        URL=pa.array(["http://a.example/1.jpg", None, "http://a.example/3.jpg"]).dictionary_encode(),
        label=[1.0, 2.0, None],
        license=[b"cc0-1.0", None, None],
        WIDTH=[640, 0, None],
        image=[[1, 2], None, [3]],
    )
    found, notes = read(file, "rest")
    assert found == [
        ("1", Offer(url="http://a.example/1.jpg", license="cc0-1.0", width=640)),
        ("rest", Offer(url="http://a.example/3.jpg")),
    ]
    assert notes == [f"{file}: 1 row left out, without an address (row 2)"]


def test_rows_are_given_before_the_file_is_read_to_its_end(tmp_path: Path) -> None:
    lines = [f"http://a.example/{n}.jpg,cats" for n in range(3)] + ['"unclosed']
    rows = listed_offers(written(tmp_path, "list.csv", "url,label\n" + "\n".join(lines)), None)
    assert next(rows)[1].url == "http://a.example/0.jpg"
    with pytest.raises(DataError, match="line 5"):
        list(rows)


def test_memory_stays_bounded(tmp_path: Path) -> None:
    many = 6 * BATCH_ROWS
    file = parquet(tmp_path / "list.parquet", url=[f"https://a.example/{'x' * 200}/{n}.jpg" for n in range(many)], label=["cats"] * many)
    tracemalloc.start()
    number = sum(1 for _ in listed_offers(file, None))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert number == many
    assert peak < 60 * many + 700 * BATCH_ROWS  # all rows as text would be 270 bytes each and more
