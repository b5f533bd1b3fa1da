"""Which files below a folder are listed, and what is said of the others."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tellapart.dataset.image_files import SYSTEM_FOLDERS, image_files
from tests import folders, sample_images

JPEG, PNG = sample_images.photo(1, 20, 20), sample_images.photo(1, 20, 20, name="PNG")


def listed(root: Path) -> list[str]:
    return image_files(root)[0]


@pytest.mark.parametrize(
    "name",
    [
        "a.HEIC",
        "a.heif",
        "a.jxl",
        "a.jp2",
        "a.tga",
        "a.ppm",
        "a.pgm",
        "a.pnm",
        "a.ico",
        "a.psd",
        "a.cr2",
        "a.NEF",
        "a.dng",
        "a.svg",
        "a.dcm",
        "a.jpg_large",
        "a.jpg.1",
        "a.JPG.download",
        "a.jpeg~",
        "a.pjpeg",
        "a.jfif",
        "a.jpg-large",
        "a.jpg?w=300",
        "a.png.crdownload",
        "a.jpg!d",
    ],
)
def test_a_name_like_an_images_is_listed_whatever_the_file_holds(tmp_path: Path, name: str) -> None:
    assert listed(folders.write(tmp_path, {f"cats/{name}": b"rubbish"})) == [f"cats/{name}"]


@pytest.mark.parametrize("name", ["IMG_1", "photo.dat", "a.image", "a.tmp", "1.0", "Ünïcödé", "a.jpegfile"])
@pytest.mark.parametrize(
    "data", [JPEG, PNG, sample_images.HEIC_PHOTO, sample_images.PSD, b"\xff\x0a\x00\x10"], ids=["jpeg", "png", "heic", "psd", "jxl"]
)
def test_another_name_is_listed_by_the_first_bytes(tmp_path: Path, name: str, data: bytes) -> None:
    assert listed(folders.write(tmp_path, {f"cats/{name}": data})) == [f"cats/{name}"]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.jpg.json", b"{}"),
        ("a.jpg.txt", JPEG),
        ("a.png.xmp", b"<x/>"),
        ("notes", sample_images.TEXT),
        ("empty", b""),
        ("a.xyz", sample_images.HTML),
        ("BMI", b"BMI of the patients"),
        ("P5", b"P5 is a processor"),
        ("a.part", bytes(40)),
        ("clip.mp4", b"\x00\x00\x00\x18ftypmp42"),
        ("b.ts", b"G"),
    ],
)
def test_what_is_no_image_is_counted_and_not_listed(tmp_path: Path, name: str, data: bytes) -> None:
    files, notes = image_files(folders.write(tmp_path, {name: data}))
    assert files == []
    suffix = Path(name).suffix
    assert notes == [
        f"1 file is passed over that are no images: 1 {suffix or 'without a suffix'}".replace("that are no images", "that is no image")
    ]


def test_other_files_are_one_note_and_tables_none(tmp_path: Path) -> None:
    names = ["a.txt", "b.txt", "c.json", "d.mp4", "e.pdf", "f.zip", "g.xml", "h"]
    files, notes = image_files(folders.write(tmp_path, dict.fromkeys(["labels.csv", "x.jpg", *names], b"x")))
    assert files == ["x.jpg"]
    assert notes == ["8 files are passed over that are no images: 2 .txt, 1 .json, 1 .mp4, 1 .pdf, 1 .xml, others"]


def test_system_files_and_folders_are_no_classes(tmp_path: Path) -> None:
    names = [
        f"{folder}/a.jpg" for folder in ("$RECYCLE.BIN", "lost+found", "#recycle", "cats/@eaDir", "System Volume Information", "__MACOSX")
    ]
    names += [".ipynb_checkpoints/a.jpg", ".Trash-1000/a.jpg", ".cache/a.jpg", "cats/Thumbs.db", "cats/desktop.ini", "cats/._a.jpg"]
    files, notes = image_files(folders.write(tmp_path, dict.fromkeys(["cats/a.jpg", *names], JPEG)))
    assert files == ["cats/a.jpg"]
    assert notes == [
        "system folders are passed over: #recycle, $RECYCLE.BIN, @eaDir, System Volume Information, __MACOSX, lost+found",
        "3 hidden image files are passed over (a name or folder that begins with a dot)",
    ]
    assert all(name == name.lower() for name in SYSTEM_FOLDERS)


def test_images_in_hidden_folders_are_counted_and_ours_are_not(tmp_path: Path) -> None:
    names = ["cats/1.jpg", "cats/.old/2.jpg", "..e/deep/3.PNG", "..e/notes.txt", ".tellapart/sheet.jpg", ".git/4.jpg"]
    files, notes = image_files(folders.write(tmp_path, dict.fromkeys(names, JPEG)))
    assert files == ["cats/1.jpg"]
    assert notes == ["2 hidden image files are passed over (a name or folder that begins with a dot)"]


def test_hidden_images_are_counted(tmp_path: Path) -> None:
    assert image_files(folders.write(tmp_path, {".a.jpg": JPEG, ".DS_Store": b"x"})) == (
        [],
        ["1 hidden image file is passed over (a name or folder that begins with a dot)"],
    )


@pytest.mark.parametrize(
    ("link", "target"), [("cats/see_also", "../dogs"), ("zebras", "dogs"), ("aardvarks", "dogs/old"), ("dogs/a", "../cats")]
)
def test_a_linked_folder_within_the_set_never_takes_files_from_the_real_one(tmp_path: Path, link: str, target: str) -> None:
    folders.write(tmp_path, dict.fromkeys(["cats/1.jpg", "dogs/2.jpg", "dogs/old/3.jpg"], JPEG))
    (tmp_path / link).symlink_to(target, target_is_directory=True)
    files, notes = image_files(tmp_path)
    assert files == ["cats/1.jpg", "dogs/2.jpg", "dogs/old/3.jpg"]
    real = os.path.relpath(os.path.realpath(tmp_path / link), os.path.realpath(tmp_path))
    assert notes == [f"the linked folder {link} leads to {real} and is passed over"]


def test_linked_folders_out_of_the_set_are_followed_once(tmp_path: Path) -> None:
    folders.write(tmp_path / "far", {"1.jpg": JPEG, "deep/2.jpg": JPEG})
    folders.write(tmp_path / "photos", {"cats/3.jpg": JPEG})
    (tmp_path / "photos/dogs").symlink_to(tmp_path / "far", target_is_directory=True)
    (tmp_path / "photos/owls").symlink_to(tmp_path / "far/deep", target_is_directory=True)
    (tmp_path / "far/deep/loop").symlink_to(tmp_path / "far", target_is_directory=True)
    (tmp_path / "far/back").symlink_to(tmp_path / "photos", target_is_directory=True)
    files, notes = image_files(tmp_path / "photos")
    assert files == ["cats/3.jpg", "dogs/1.jpg", "dogs/deep/2.jpg"]
    assert notes == [
        "the linked folder owls leads to dogs/deep and is passed over",
        "the linked folder dogs/back leads to the data set itself and is passed over",
        "the linked folder dogs/deep/loop leads to dogs and is passed over",
    ]


def test_a_link_to_a_folder_around_the_set_ends(tmp_path: Path) -> None:
    folders.write(tmp_path, {"photos/cats/1.jpg": JPEG, "other/2.jpg": JPEG})
    (tmp_path / "photos/up").symlink_to("..", target_is_directory=True)
    assert image_files(tmp_path / "photos") == (
        ["cats/1.jpg"],
        ["the linked folder up leads to a folder around the data set and is passed over"],
    )


def test_a_link_to_a_hidden_store_within_the_set_is_followed(tmp_path: Path) -> None:
    folders.write(tmp_path, {".store/7f/1.jpg": JPEG, "dogs/2.jpg": JPEG})
    (tmp_path / "cats").symlink_to(".store/7f", target_is_directory=True)
    assert image_files(tmp_path) == (["cats/1.jpg", "dogs/2.jpg"], [])


def test_links_that_lead_nowhere_and_pipes_do_not_stop_it(tmp_path: Path) -> None:
    folders.write(tmp_path, {"cats/1.jpg": JPEG})
    (tmp_path / "cats/gone.jpg").symlink_to("nowhere.jpg")
    (tmp_path / "cats/gone").symlink_to("nowhere")
    (tmp_path / "cats/self").symlink_to("self")
    os.mkfifo(tmp_path / "cats/pipe")
    os.mkfifo(tmp_path / "cats/pipe.jpg")
    assert listed(tmp_path) == ["cats/1.jpg", "cats/gone.jpg", "cats/pipe.jpg", "cats/self"]


def test_the_root_may_be_a_link_and_may_be_called_like_a_system_folder(tmp_path: Path) -> None:
    folders.write(tmp_path, {"lost+found/cats/1.jpg": JPEG})
    (tmp_path / "photos").symlink_to("lost+found", target_is_directory=True)
    assert listed(tmp_path / "lost+found") == listed(tmp_path / "photos") == ["cats/1.jpg"]


RESULTS = {
    "a run": ("metrics.json", "options.json", "model/model.json", "figures/map.svg", "faces/1.jpg"),
    "a prepared data set": ("prepared.json", "samples.parquet", "train/1.jpg"),
    "the report of an evaluation": ("report.html", "report.json", "figures/map.svg", "figures/a.jpg"),
    "clusters": ("clusters.json", "clusters.csv", "cluster-0.jpg"),
}


@pytest.mark.parametrize("kind", RESULTS)
def test_results_among_the_photos_are_no_class_and_said_once(tmp_path: Path, kind: str) -> None:
    written = [f"runs/photos-{number}/{name}" for number in (1, 2) for name in RESULTS[kind]]
    photos = ["cats/a.jpg", "dogs/b.jpg"]
    files, notes = image_files(folders.write(tmp_path, dict.fromkeys([*photos, *written, "runs/photos-1-explained.jpg"], JPEG)))
    assert files == photos
    assert notes == ["results of tellapart among the photos are passed over: runs/photos-1, runs/photos-2"]


def test_a_folder_that_only_resembles_a_result_keeps_its_photos(tmp_path: Path) -> None:
    names = ["cats/metrics.json", "cats/options.json", "cats/a.jpg", "runs/a.jpg", "runs/review.html"]
    assert image_files(folders.write(tmp_path, dict.fromkeys(names, JPEG)))[0] == ["cats/a.jpg", "runs/a.jpg"]


def test_beside_a_result_in_a_class_only_what_is_named_after_it_is_passed_over(tmp_path: Path) -> None:
    names = ["cats/a.jpg", "cats/cats-2.jpg", "cats/cats-1-sheet.jpg", *(f"cats/cats-1/{name}" for name in RESULTS["a run"])]
    assert image_files(folders.write(tmp_path, dict.fromkeys(names, JPEG)))[0] == ["cats/a.jpg", "cats/cats-2.jpg"]


def test_a_folder_without_an_image_is_said_for_it_may_be_a_class(tmp_path: Path) -> None:
    folders.write(tmp_path, {"cats/a.jpg": JPEG, "clips/raw/a.mp4": b"x", "labels/a.csv": b"x", "dogs/old/b.jpg": JPEG})
    (tmp_path / "horses").mkdir()
    (tmp_path / "dogs/new").mkdir()
    assert image_files(tmp_path)[1] == [
        "4 folders are passed over that hold no image: clips, dogs/new, horses, labels",
        "1 file is passed over that is no image: 1 .mp4",
    ]


def test_a_folder_of_results_alone_is_said_once(tmp_path: Path) -> None:
    names = ["cats/a.jpg", *(f"runs/photos-1/{name}" for name in RESULTS["a run"])]
    assert image_files(folders.write(tmp_path, dict.fromkeys(names, JPEG)))[1] == [
        "results of tellapart among the photos are passed over: runs/photos-1"
    ]
