from __future__ import annotations

from pathlib import Path

import pytest

import tellapart
from tellapart.dataset import open_dataset
from tellapart.errors import DataError, OptionError, StorageError
from tests import folders


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    names = ["train/dots/1.jpg", "train/dots/2.jpg", "train/stripes/1.jpg", "test/dots/1 2\n.jpg", "test/größe/1.jpg"]
    files = {name: folders.class_photo("dots", number, 60) for number, name in enumerate(names)}
    return folders.write(tmp_path / "photos", {**files, "train/dots/copy.jpg": files["train/dots/1.jpg"], "train/dots/bad.jpg": b"<html>"})


def test_the_copy_holds_what_is_used_under_the_labels_decided(photos: Path, tmp_path: Path) -> None:
    before = folders.contents(photos)
    tellapart.relabel(photos, "train/stripes/1.jpg", to="dots")
    found = tellapart.export_dataset(photos, tmp_path / "clean")
    assert found.images == 5
    assert found.classes == {"dots": 4, "größe": 1}
    assert found.left_out.keys() == {"train/dots/copy.jpg", "train/dots/bad.jpg"}
    copied = open_dataset(tmp_path / "clean")
    assert {(e.path, e.label, e.part) for e in copied.entries} == {
        ("train/dots/1.jpg", "dots", "train"),
        ("train/dots/1-2.jpg", "dots", "train"),
        ("train/dots/2.jpg", "dots", "train"),
        ("test/dots/1 2\n.jpg", "dots", "test"),
        ("test/größe/1.jpg", "größe", "test"),
    }
    assert (tmp_path / "clean/train/dots/1-2.jpg").read_bytes() == (photos / "train/stripes/1.jpg").read_bytes()
    assert folders.contents(photos) == before


def test_links_and_table_show_the_photos_where_they_lie(photos: Path, tmp_path: Path) -> None:
    tellapart.export_dataset(photos, tmp_path / "links", format="links")
    assert (tmp_path / "links/train/dots/2.jpg").resolve() == photos / "train/dots/2.jpg"
    tellapart.export_dataset(photos, tmp_path / "tables" / "clean.csv", format="csv")
    table = open_dataset(tmp_path / "tables" / "clean.csv")
    assert {table.file(e).resolve() for e in table.entries} == {
        photos / name for name in ("train/dots/1.jpg", "train/dots/2.jpg", "train/stripes/1.jpg", "test/dots/1 2\n.jpg", "test/größe/1.jpg")
    }


def test_labels_that_no_folder_can_have_are_kept_in_the_table(tmp_path: Path) -> None:
    photos = folders.write(tmp_path / "photos", {f"{i}.jpg": folders.class_photo("dots", i, 60) for i in range(3)})
    (photos / "metadata.csv").write_text("path,label,group\n0.jpg,a/b,g\n1.jpg,..,g\n2.jpg,,\n")
    tellapart.export_dataset(photos, tmp_path / "clean")
    assert {(e.label, e.group) for e in open_dataset(tmp_path / "clean").entries} == {("a/b", "g"), ("..", "g"), (None, None)}
    assert {p.relative_to(tmp_path / "clean").as_posix() for p in (tmp_path / "clean").rglob("*.jpg")} == {"a_b/0.jpg", "_/1.jpg", "2.jpg"}


@pytest.mark.parametrize(("place", "said"), [("photos/inside", "only read"), ("full", "not empty"), ("file.txt", "is a file")])
def test_nothing_is_written_among_the_photos_or_over_other_things(photos: Path, tmp_path: Path, place: str, said: str) -> None:
    folders.write(tmp_path, {"full/x": b"x", "file.txt": b"x"})
    before = folders.contents(tmp_path)
    with pytest.raises(OptionError, match=said):
        tellapart.export_dataset(photos, tmp_path / place)
    assert folders.contents(tmp_path) == before


def test_a_table_over_another_file_is_refused(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "there.csv").write_text("mine")
    with pytest.raises(OptionError, match="already exists"):
        tellapart.export_dataset(photos, tmp_path / "there.csv", format="csv")
    with pytest.raises(OptionError, match=r"ends in \.csv"):
        tellapart.export_dataset(photos, tmp_path / "there.txt", format="csv")


def test_nothing_left_to_write_is_said(photos: Path, tmp_path: Path) -> None:
    tellapart.exclude(photos, "train")
    tellapart.exclude(photos, "test")
    with pytest.raises(DataError, match="none is left"):
        tellapart.export_dataset(photos, tmp_path / "clean")
    assert not (tmp_path / "clean").exists()


def test_a_full_disk_leaves_nothing_behind(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(source: object, target: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copy2", full)
    with pytest.raises(StorageError, match="no space left"):
        tellapart.export_dataset(photos, tmp_path / "clean")
    assert {p.name for p in tmp_path.iterdir()} == {"photos"}
