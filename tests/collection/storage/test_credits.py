from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tellapart.collection.storage.credits import ATTRIBUTION_FILE, COLUMNS, attribution_parts, write_attribution
from tellapart.collection.storage.stores import Folder
from tellapart.dataset import open_dataset
from tests import sample_images

ROW = {
    "file_name": "cats/1.jpg",
    "label": "cats",
    "group": "page 7",
    "title": 'A "cat", asleep',
    "creator": "Zoë 猫",
    "creator_url": "https://a.example/zoe",
    "source": "openverse",
    "page": "https://a.example/1",
    "url": "https://a.example/1.jpg",
    "license": "cc-by-4.0",
    "license_url": "https://creativecommons.org/licenses/by/4.0/",
    "attribution": '"A cat" by Zoë is licensed under CC BY 4.0.',
    "sha256": "ab" * 32,
    "width": 640,
    "height": 480,
    "keyword": "cat asleep",
}


def table_of(rows: Iterable[Mapping[str, Any]]) -> str:
    return "".join(attribution_parts(rows))


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_what_is_written_is_read_back() -> None:
    text = table_of([ROW, {"file_name": "dogs/2.jpg", "label": "dogs", "creator": None, "further": 1}])
    assert text.splitlines()[0] == ",".join(COLUMNS)
    assert text.count("\r\n") == 3
    first, second = read(text)
    assert first == {key: str(value) for key, value in ROW.items()}
    assert second == dict.fromkeys(COLUMNS, "") | {"file_name": "dogs/2.jpg", "label": "dogs"}


@pytest.mark.parametrize(
    "evil", ['=HYPERLINK("http://evil.example")', "+1+1", "-2+3", "@SUM(A1)", "\t=1+1", "\r\n=1+1", "  =1+1", "\x00=1"]
)
def test_strangers_words_are_no_formulas(evil: str) -> None:
    strange = {column: evil for column in COLUMNS if column not in ("file_name", "label", "keyword", "sha256", "width", "height")}
    (row,) = read(table_of([{**ROW, **strange}]))
    for column in strange:
        assert row[column].startswith("'")
        assert row[column][1:] in evil.replace("\r\n", "")


def test_what_needs_no_care_stays_as_it_is() -> None:
    (row,) = read(table_of([{**ROW, "title": "a = b - c @ d", "group": "x-1"}]))
    assert (row["title"], row["group"]) == ("a = b - c @ d", "x-1")


def test_line_breaks_of_strangers_become_spaces() -> None:
    text = table_of([{**ROW, "title": "one\r\ntwo\u2028three\x00", "attribution": "\n\n"}])
    assert len(text.splitlines()) == 2
    assert read(text)[0]["title"] == "one two three"


def test_halves_of_characters_do_not_stop_the_table(tmp_path: Path) -> None:
    write_attribution([{**ROW, "title": "bad \ud800 half"}], Folder(tmp_path))
    assert "bad \\ud800 half" in (tmp_path / ATTRIBUTION_FILE).read_text(encoding="utf-8")


@pytest.mark.parametrize("label", ["cats", "=cats", "-1", "@home", "+1", 'a "b", c', "übung 猫"])
def test_the_table_is_a_manifest_with_the_same_classes_as_the_folders(label: str, tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    rows: list[dict[str, Any]] = []
    for number in range(6):
        own = label if number % 2 else "dogs"
        name = f"{own}/{number}.jpg"
        folder.put(name, sample_images.photo(number, 40, 30))
        rows.append({**ROW, "file_name": name, "label": own, "group": f"g{number // 3}"})
    by_folder = open_dataset(tmp_path)
    write_attribution(rows, folder)
    by_table = open_dataset(tmp_path / ATTRIBUTION_FILE)
    assert by_table.class_names == by_folder.class_names == tuple(sorted(["dogs", label]))
    entries = by_table.entries
    assert {entry.group for entry in entries} == {"g0", "g1"}
    assert all((by_table.root / entry.path).exists() for entry in entries)


def test_very_many_rows_are_written_in_parts(tmp_path: Path) -> None:
    written = []

    def rows() -> Iterator[dict[str, Any]]:
        for number in range(25_000):
            written.append(number)
            yield {**ROW, "file_name": f"cats/{number}.jpg"}

    parts = attribution_parts(rows())
    assert len(next(parts).splitlines()) == 1001
    assert len(written) <= 1001
    write_attribution(rows(), Folder(tmp_path))
    found = read((tmp_path / ATTRIBUTION_FILE).read_text(encoding="utf-8"))
    assert [row["file_name"] for row in found] == [f"cats/{number}.jpg" for number in range(25_000)]


def test_no_rows_make_a_table_of_headings(tmp_path: Path) -> None:
    write_attribution([], Folder(tmp_path))
    assert (tmp_path / ATTRIBUTION_FILE).read_bytes() == (",".join(COLUMNS) + "\r\n").encode()
