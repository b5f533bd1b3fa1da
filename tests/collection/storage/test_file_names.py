from __future__ import annotations

from pathlib import Path

import pytest

from tellapart.collection.storage.file_names import class_folder, class_folders, image_name
from tellapart.dataset import open_dataset
from tellapart.errors import OptionError
from tellapart.printable import name_complaint
from tests import folders, sample_images


@pytest.mark.parametrize(
    ("label", "folder"),
    [
        ("road trip", "road trip"),
        ("Übergröße 猫", "Übergröße 猫"),
        ("AC/DC", "AC-DC"),
        ("a\\b:c*d?", "a-b-c-d-"),
        (".net", "_.net"),
        ("..", None),
        ("St. Bernard.", "St. Bernard"),
        ("con", "con_"),
        ("LPT1.x", "LPT1.x_"),
        ("train", "train_"),
        ("Test", "Test_"),
        ("trains", "trains"),
        ("-1", "-1"),
        ("a\x00b\nc", "a-b-c"),
        ("", None),
        (" / ", None),
        ("///", None),
    ],
)
def test_a_label_becomes_a_folder(label: str, folder: str | None) -> None:
    if folder is None:
        with pytest.raises(OptionError, match="cannot be the name of a class"):
            class_folder(label)
    else:
        assert class_folder(label) == folder
        assert name_complaint(folder) is None


def test_a_long_label_is_cut_and_stays_its_own() -> None:
    first, second = class_folder("ü" * 200 + "a"), class_folder("ü" * 200 + "b")
    assert first != second
    assert len(first.encode()) <= 180
    assert first.startswith("üüü")


@pytest.mark.parametrize(
    "labels", [("AC/DC", "AC-DC"), ("Cat", "cat"), ("train", "train_"), ("caf\u00e9", "cafe\u0301"), ("a.", "a"), ("ﬁsh", "fish")]
)
def test_two_labels_never_share_a_folder(labels: tuple[str, str]) -> None:
    with pytest.raises(OptionError, match="would share the folder"):
        class_folders(["dogs", *labels])


def test_every_clash_is_said_at_once() -> None:
    with pytest.raises(OptionError, match=r"'a' and 'A' .*; the classes 'b' and 'B'"):
        class_folders(["a", "A", "b", "B"])
    assert class_folders(["a", "b"]) == {"a": "a", "b": "b"}


def test_what_was_collected_is_read_as_the_classes_meant(tmp_path: Path) -> None:
    labels = ["train", "test", "bus", "AC/DC", ".net", "con"]
    names = {image_name(class_folder(label), f"{number:064x}", "JPEG"): sample_images.photo(number) for number, label in enumerate(labels)}
    found = open_dataset(folders.write(tmp_path / "photos", names))
    assert set(found.class_names) == {"train_", "test_", "bus", "AC-DC", "_.net", "con_"}


def test_a_image_is_named_by_its_content() -> None:
    assert image_name("cats", "0123456789abcdef" * 4, "TIFF") == "cats/0123456789abcdef0123456789abcdef.tif"
