from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tellapart.cropping.detection import Detection
from tellapart.cropping.geometry import CropShape
from tellapart.cropping.options import CropOptions
from tellapart.cropping.selection import alternate_classes, select_crops
from tellapart.dataset import Dataset, Entry
from tellapart.dataset.file_rows import USED, FileRow
from tellapart.errors import DataError

BOX = [10.0, 10.0, 40.0, 40.0]


def folder(*labels: str) -> Any:
    """What the selection reads of a folder: one image for each label."""
    paths = [f"{label}/{number}.jpg" for number, label in enumerate(labels)]
    rows = [FileRow(path, path, label, None, None, USED, None, 99, 99, 9) for path, label in zip(paths, labels, strict=True)]
    return SimpleNamespace(rows=rows, dataset=Dataset(Path("/photos"), tuple(Entry(path) for path in paths)))


def seen(faces: int, *people: list[float]) -> Detection:
    descriptors = np.array(people or [[1.0, 0.0]] * faces, np.float32).reshape(faces, 2)
    return Detection(99, 99, np.array([BOX] * faces).reshape(faces, 4), np.zeros((faces, 2, 2)), descriptors)


def select(analyzed: Any, detections: dict[int, Detection | str], **options: Any) -> Any:
    return select_crops(analyzed, detections, CropOptions(**{"filter_identities": False, **options}), CropShape())


@pytest.mark.parametrize(("on_multiple", "kept", "reasons"), [("largest", 2, []), ("all", 4, []), ("reject", 1, ["3 faces"])])
def test_what_becomes_of_several_faces(on_multiple: str, kept: int, reasons: list[str]) -> None:
    chosen = select(folder("a", "a"), {0: seen(1), 1: seen(3)}, on_multiple=on_multiple)
    assert len(chosen.crops) == kept
    assert [reason for _, reason in chosen.set_aside] == reasons


def test_an_image_without_a_face_is_kept_whole_or_dropped_and_named_either_way() -> None:
    for on_missing, kept in (("keep", ["a/0.jpg", "a/1.jpg"]), ("drop", ["a/0.jpg"])):
        chosen = select(folder("a", "a"), {0: seen(1), 1: seen(0)}, on_missing=on_missing)
        assert [crop.path for crop in chosen.crops] == kept
        assert [(path, reason.partition(";")[0]) for path, _, reason in chosen.not_kept()] == [("a/1.jpg", "no face found")]


def test_another_person_than_most_of_the_class_is_set_aside() -> None:
    detections = {number: seen(1, [0.0, 1.0] if number == 4 else [1.0, 0.0]) for number in range(5)}
    chosen = select(folder(*"aaaaa"), detections, filter_identities=True)
    assert [(crop.path, reason) for crop, reason in chosen.set_aside] == [("a/4.jpg", "another person than most of a")]


def test_unreadable_images_are_left_out_with_their_reason() -> None:
    assert select(folder("a", "a"), {0: seen(1), 1: "not an image"}).left_out == {"a/1.jpg": "not an image"}


def test_a_class_that_would_be_empty_and_a_folder_without_any_face_are_refused() -> None:
    with pytest.raises(DataError, match="no crop of 'b' would be kept: no face found"):
        select(folder("a", "b"), {0: seen(1), 1: seen(0)}, on_missing="drop")
    with pytest.raises(DataError, match="no face found in any of the 2 images"):
        select(folder("a", "b"), {0: seen(0), 1: seen(0)})


def test_classes_take_turns() -> None:
    assert alternate_classes(["a1", "a2", "a3", "b1"], lambda name: name[0]) == ["a1", "b1", "a2", "a3"]
