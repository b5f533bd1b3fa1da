from __future__ import annotations

from pathlib import Path

import pytest

from tellapart.dataset import open_dataset
from tellapart.dataset.split_file import Known, SplitRow, read_split, write_split
from tellapart.errors import DataError


def test_what_is_written_is_read_by_path_and_by_content_wherever_it_lies(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    files = [tmp_path / "photos" / name for name in ('ß, "1"\n.jpg', "b.jpg", "c.jpg")]
    rows = [
        SplitRow(file, label, part, f"g{n}", fold, f"id{n}")
        for n, (file, label, part, fold) in enumerate(zip(files, ("x", "y", None), ("train", "test", "val"), (3, None, None), strict=True))
    ]
    place = tmp_path / "lists/deep/split.csv"
    write_split(rows, place, "stratified")
    known = read_split(place)
    assert known.folds == 4
    assert known.of(files[0], "id0") == Known("train", "g0", 3)
    assert known.of(tmp_path / "renamed.jpg", "id1") == Known("test", "g1", None)
    assert known.of(files[2], "changed") == Known("val", "g2", None)
    assert known.of(files[0], "id1") == Known("test", "g1", None), "another known image now lies there"
    assert known.of(tmp_path / "new.jpg", "new") is None
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    again = open_dataset(place)
    assert [(again.file(e).resolve(), e.label, e.part, e.group) for e in again.entries] == [
        (r.file, r.label, r.part, r.group) for r in rows
    ]


def test_a_content_in_two_parts_is_known_by_its_paths_alone(tmp_path: Path) -> None:
    rows = [SplitRow(tmp_path / f"{part}.jpg", "x", part, "g", None, "id") for part in ("train", "val")]
    write_split(rows, tmp_path / "split.csv", "own")
    known = read_split(tmp_path / "split.csv")
    assert [one.part for name in ("train", "val") if (one := known.of(tmp_path / f"{name}.jpg", "id"))] == ["train", "val"]
    assert known.of(tmp_path / "elsewhere.jpg", "id") is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,label\na.jpg,x\n", "is no split: it has no columns path and part"),
        ("path,part\na.jpg,tset\n", "line 2: part 'tset'"),
        ("path,part,fold\na.jpg,train,first\n", "line 2: part 'train', fold 'first'"),
        ("path,part\na.jpg,\n", "line 2: part ''"),
    ],
)
def test_what_is_no_split_says_where(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "split.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        read_split(tmp_path / "split.csv")
