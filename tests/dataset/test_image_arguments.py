from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest

from tellapart.dataset import open_dataset
from tellapart.dataset.image_arguments import resolve_image_arguments
from tellapart.errors import DataError
from tests import folders

JPEG = folders.class_photo("plain", 1, 48)


@pytest.fixture
def new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    names = ("one/a.jpg", "one/b.jpg", "two/c.jpg", "two/deep/d.jpg", "one/[x].jpg")
    return folders.write(tmp_path / "new", dict.fromkeys(names, JPEG))


def names(*words: str | Path) -> list[str]:
    dataset = resolve_image_arguments(words, open_dataset)
    return [dataset.file(entry).name for entry in dataset.entries]


def standard_input(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


def test_a_quoted_pattern_is_expanded(new: Path) -> None:
    assert names("new/one/?.jpg") == ["a.jpg", "b.jpg"]
    assert names(new / "**" / "*.jpg") == ["[x].jpg", "a.jpg", "b.jpg", "c.jpg", "d.jpg"]
    assert sorted(names("new/*")) == ["[x].jpg", "a.jpg", "b.jpg", "c.jpg", "d.jpg"]


def test_a_file_called_like_a_pattern_is_that_file(new: Path) -> None:
    assert names("new/one/[x].jpg") == ["[x].jpg"]


def test_a_pattern_nothing_fits_is_said(new: Path) -> None:
    with pytest.raises(DataError, match=r"no file fits the pattern new/\*\.png"):
        names("new/*.png")


def test_several_folders_and_files_in_their_order_as_often_as_named(new: Path) -> None:
    assert names("new/two", "new/one/b.jpg", "new/one", "new/two/c.jpg") == [
        "c.jpg",
        "d.jpg",
        "b.jpg",
        "[x].jpg",
        "a.jpg",
        "b.jpg",
        "c.jpg",
    ]


def test_a_missing_file_names_the_closest(new: Path) -> None:
    with pytest.raises(DataError, match=r"there is no file new/one/aa\.jpg") as caught:
        names("new/one/aa.jpg")
    assert caught.value.hint == "did you mean 'a.jpg'?"
    with pytest.raises(DataError, match=r"there is no file nev/a\.jpg: there is no folder nev"):
        names("nev/a.jpg", "nev/b.jpg")


def test_one_missing_file_of_several_is_left_to_its_row(new: Path) -> None:
    assert names("new/one/a.jpg", "new/one/gone.jpg") == ["a.jpg", "gone.jpg"]


@pytest.mark.parametrize("url", ["https://site.example/a.jpg", "http://x/*.jpg", "ftp://x/a", "file:///tmp/a.jpg", "gs://b/c"])
def test_an_address_is_refused(url: str) -> None:
    with pytest.raises(DataError, match="is an address, not a file") as caught:
        names(url)
    assert caught.value.hint is not None
    assert ("without file://" if url.startswith("file") else "download") in caught.value.hint


@pytest.mark.parametrize("between", [b"\n", b"\r\n", b"\0"])
def test_paths_come_from_standard_input(new: Path, monkeypatch: pytest.MonkeyPatch, between: bytes) -> None:
    standard_input(monkeypatch, between.join([b"new/one/a.jpg", b"", os.fsencode(new / "two" / "c.jpg"), b""]))
    assert names("-", "new/one/b.jpg") == ["a.jpg", "c.jpg", "b.jpg"]


@pytest.mark.parametrize(("data", "said"), [(b"", "no path"), (b"\n\n", "no path"), (JPEG, r"holds an image \(JPEG\)")])
def test_what_is_no_list_of_paths_is_said(monkeypatch: pytest.MonkeyPatch, data: bytes, said: str) -> None:
    standard_input(monkeypatch, data)
    with pytest.raises(DataError, match=said):
        names("-")


def test_nothing_given_is_said() -> None:
    with pytest.raises(DataError, match="no images were given"):
        names()
