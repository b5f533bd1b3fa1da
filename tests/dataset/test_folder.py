from __future__ import annotations

import os
from pathlib import Path

import pytest

from tellapart.dataset import Entry, open_dataset
from tellapart.errors import DataError


def layout(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def read(root: Path) -> set[tuple[str, str | None, str | None]]:
    return {(e.path, e.label, e.part) for e in open_dataset(root).entries}


def test_class_folders_are_labels(tmp_path: Path) -> None:
    layout(tmp_path, "cats/1.jpg", "cats/deep/er/2.PNG", "dogs/3.webp")
    assert read(tmp_path) == {("cats/1.jpg", "cats", None), ("cats/deep/er/2.PNG", "cats", None), ("dogs/3.webp", "dogs", None)}


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("train", "train"),
        ("training", "train"),
        ("val", "val"),
        ("valid", "val"),
        ("validation", "val"),
        ("test", "test"),
        ("testing", "test"),
        ("Valid", "val"),
    ],
)
def test_part_folders_are_parts(tmp_path: Path, name: str, part: str) -> None:
    layout(tmp_path, "train/cats/1.jpg", f"{name}/dogs/2.jpg")
    assert (f"{name}/dogs/2.jpg", "dogs", part) in read(tmp_path)


def test_a_flat_test_folder_has_no_labels(tmp_path: Path) -> None:
    layout(tmp_path, "train/cats/1.jpg", "train/dogs/2.jpg", "test/3.jpg")
    assert ("test/3.jpg", None, "test") in read(tmp_path)


def test_a_test_folder_within_the_test_folder_has_no_labels(tmp_path: Path) -> None:
    layout(tmp_path, "train/cats/1.jpg", "train/dogs/2.jpg", "test/test/3.jpg")
    assert ("test/test/3.jpg", None, "test") in read(tmp_path)


@pytest.mark.parametrize("wrapper", ["archive", "archive/photos"])
def test_a_folder_around_everything_is_looked_through(tmp_path: Path, wrapper: str) -> None:
    layout(tmp_path, f"{wrapper}/cats/1.jpg", f"{wrapper}/dogs/2.jpg")
    assert {label for _, label, _ in read(tmp_path)} == {"cats", "dogs"}


def test_a_folder_around_the_parts_is_looked_through(tmp_path: Path) -> None:
    layout(tmp_path, "data/train/cats/1.jpg", "data/train/dogs/2.jpg", "data/valid/cats/3.jpg")
    assert {(label, part) for _, label, part in read(tmp_path)} == {("cats", "train"), ("dogs", "train"), ("cats", "val")}


def test_a_lone_class_is_no_wrapper(tmp_path: Path) -> None:
    layout(tmp_path, "cats/1.jpg", "cats/2.jpg")
    assert {label for _, label, _ in read(tmp_path)} == {"cats"}


def test_a_lone_train_folder_is_a_part_and_no_wrapper(tmp_path: Path) -> None:
    layout(tmp_path, "train/cats/1.jpg", "train/dogs/2.jpg")
    assert {(label, part) for _, label, part in read(tmp_path)} == {("cats", "train"), ("dogs", "train")}


def test_images_outside_the_parts_are_passed_over_and_said(tmp_path: Path) -> None:
    layout(tmp_path, "train/cats/1.jpg", "test/cats/2.jpg", "extra/3.jpg", "4.jpg")
    dataset = open_dataset(tmp_path)
    assert {e.path for e in dataset.entries} == {"train/cats/1.jpg", "test/cats/2.jpg"}
    assert dataset.notes == (
        "layout: train/ and test/, 1 class (cats); extra/ passed over (1 image); 1 image beside them passed over, such as 4.jpg",
    )


def test_images_beside_class_folders_have_no_label(tmp_path: Path) -> None:
    layout(tmp_path, "cats/1.jpg", "dogs/2.jpg", "3.jpg")
    assert ("3.jpg", None, None) in read(tmp_path)


def test_hidden_files_folders_and_other_suffixes_are_skipped(tmp_path: Path) -> None:
    layout(tmp_path, "cats/1.jpg", "cats/.2.jpg", ".cache/3.jpg", "__MACOSX/cats/._1.jpg", "cats/notes.txt", "cats/Thumbs.db", "cats/noext")
    assert {path for path, _, _ in read(tmp_path)} == {"cats/1.jpg"}


def test_entries_come_sorted_so_that_every_machine_agrees(tmp_path: Path) -> None:
    layout(tmp_path, "b/2.jpg", "a/9.jpg", "b/1.jpg", "a/10.jpg")
    assert [e.path for e in open_dataset(tmp_path).entries] == ["a/10.jpg", "a/9.jpg", "b/1.jpg", "b/2.jpg"]


def test_a_loop_of_links_ends_and_counts_nothing_twice(tmp_path: Path) -> None:
    layout(tmp_path, "cats/1.jpg", "dogs/2.jpg")
    (tmp_path / "cats/again").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "dogs/self").symlink_to(".", target_is_directory=True)
    assert {path for path, _, _ in read(tmp_path)} == {"cats/1.jpg", "dogs/2.jpg"}


@pytest.mark.parametrize(("name", "beside"), [("dogs", "cats"), ("train", "test/owls")])
def test_a_folder_that_cannot_be_read_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, beside: str) -> None:
    layout(tmp_path, f"{beside}/1.jpg", f"{name}/owls/2.jpg", f"{name}/rats/3.jpg")
    original = os.scandir

    def scandir(where: str) -> object:
        if str(where).endswith("rats"):
            raise PermissionError(13, "Permission denied", str(where))
        return original(where)

    monkeypatch.setattr(os, "scandir", scandir)
    dataset = open_dataset(tmp_path)
    assert f"{name}/rats/3.jpg" not in {e.path for e in dataset.entries}
    assert dataset.notes[0] == f"the folder {tmp_path / name / 'rats'} cannot be read: Permission denied"


def test_linked_class_folders_and_files_are_followed(tmp_path: Path) -> None:
    layout(tmp_path / "far", "many/1.jpg", "one.jpg")
    layout(tmp_path / "photos", "dogs/2.jpg")
    (tmp_path / "photos/cats").symlink_to(tmp_path / "far/many", target_is_directory=True)
    (tmp_path / "photos/dogs/linked.jpg").symlink_to(tmp_path / "far/one.jpg")
    assert read(tmp_path / "photos") == {("cats/1.jpg", "cats", None), ("dogs/2.jpg", "dogs", None), ("dogs/linked.jpg", "dogs", None)}


NAMES = [" leading space", "new\nline", "tab\there", "Ünïcödé 猫", "quote'\"s", "semi;colon,comma"]
NAMES += ["-dash", "<b>bold", "back\\slash", "%41", "~tilde", "a" * 200]


@pytest.mark.parametrize("name", NAMES)
def test_any_name_is_a_label_as_it_stands(tmp_path: Path, name: str) -> None:
    layout(tmp_path, f"{name}/{name}.jpg", "other/1.jpg")
    assert (f"{name}/{name}.jpg", name, None) in read(tmp_path)


def test_names_that_are_not_utf8_lead_back_to_their_files(tmp_path: Path) -> None:
    raw = os.fsencode(tmp_path) + b"/caf\xe9"
    folder = Path(os.fsdecode(raw))
    folder.mkdir()
    (folder / "\udcff.jpg").write_bytes(b"here")
    layout(tmp_path, "other/1.jpg")
    dataset = open_dataset(tmp_path)
    entry = next(e for e in dataset.entries if e.label != "other")
    assert dataset.file(entry).read_bytes() == b"here"


@pytest.mark.parametrize("make", [lambda p: None, lambda p: p.mkdir(), lambda p: p.touch(), lambda p: layout(p, "cats/notes.txt")])
def test_no_folder_an_empty_one_a_file_or_no_images_is_a_clear_error(tmp_path: Path, make) -> None:
    folder = tmp_path / "photos"
    make(folder)
    with pytest.raises(DataError) as caught:
        open_dataset(folder)
    assert str(folder) in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("names", "said", "hint"),
    [
        (
            ("train/0.tfrecord", "train/1.tfrecord"),
            "2 files are passed over that are no images: 2 .tfrecord",
            "arrays are for other programs",
        ),
        (("train-images-idx3-ubyte",), "1 without a suffix", "arrays are for other programs"),
        (("cifar/batches.meta", "cifar/data_batch_1"), "1 .meta, 1 without a suffix", "arrays are for other programs"),
        (("set.npz",), "1 .npz", "arrays are for other programs"),
        (("archive.zip",), "1 .zip", "unpack the archive"),
        (("a/1.mp4", "b/1.MOV"), "1 .mov, 1 .mp4", "take images out of the videos"),
        (("train/a-0.tar", "val/a-0.tar"), "2 .tar", "give that folder"),
        (("train.csv", "data/test.parquet"), "2 tables: test.parquet, train.csv", "a table names the images by their paths"),
        ((".hidden/1.jpg",), "1 hidden image file is passed over", "put the images of each class into a folder"),
        (("a/", "b/"), "2 folders are passed over that hold no image: a, b", "put the images of each class into a folder"),
    ],
    ids=range(10),
)
def test_of_a_folder_without_images_it_is_said_what_lies_there(tmp_path: Path, names: tuple[str, ...], said: str, hint: str) -> None:
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).mkdir() if name.endswith("/") else (tmp_path / name).touch()
    with pytest.raises(DataError) as caught:
        open_dataset(tmp_path)
    assert str(caught.value).startswith(f"there are no images in {tmp_path}; ")
    assert said in str(caught.value)
    assert hint in str(caught.value.hint)


def test_a_home_folder_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layout(tmp_path / "photos", "cats/1.jpg", "dogs/2.jpg")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert open_dataset("~/photos").root == tmp_path / "photos"


def test_counts_and_class_names_say_what_is_there(tmp_path: Path) -> None:
    layout(tmp_path, "train/cats/1.jpg", "train/cats/2.jpg", "train/dogs/3.jpg", "test/4.jpg")
    dataset = open_dataset(tmp_path)
    assert dataset.class_names == ("cats", "dogs")
    assert dataset.counts() == {("train", "cats"): 2, ("train", "dogs"): 1, ("test", None): 1}
    assert len(dataset) == 4
    assert Entry("test/4.jpg", None, "test") in dataset.entries
