"""The benefit of cropping, where it is known beforehand: all that tells the classes apart is in a corner of the images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tellapart.cropping import benefit
from tellapart.cropping.crop_folder import Crop, write_crops
from tellapart.cropping.geometry import Box, CropShape
from tellapart.cropping.options import CropOptions
from tellapart.errors import DataError
from tellapart.models.backbone_card import Backbone
from tellapart.models.pixel_features import pixel_backbone
from tests import folders, sample_images

SIDE, CORNER, EACH = 96, 24, 20
PLAIN = CropShape(margin=0.0)
COLORS = {"red": (200, 30, 30), "blue": (30, 30, 200)}


@pytest.fixture(autouse=True)
def pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    def found(names: str) -> tuple[Backbone, ...]:
        return (pixel_backbone(8),)

    monkeypatch.setattr(benefit, "find_backbones", found)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Noise in coarse squares, as strong as can be; only the corner at the top left has the color of the class."""
    files = {}
    for label, color in COLORS.items():
        for number in range(EACH):
            rng = np.random.default_rng([number, label == "red"])
            image = np.kron(rng.integers(0, 256, (4, 4, 3)), np.ones((SIDE // 4, SIDE // 4, 1))).astype(np.uint8)
            image[:CORNER, :CORNER] = color
            files[f"{label}/{number}.png"] = sample_images.encoded(image, "PNG")
    return folders.write(tmp_path / "photos", files)


def crops_of(folder: Path, box: Box, *, number: int = 0) -> list[Crop]:
    files = sorted(folder.rglob("*.png"))
    paths = [file.relative_to(folder).as_posix() for file in files]
    return [Crop(file, path, file.parent.name, None, path, box, number=number) for file, path in zip(files, paths, strict=True)]


CORNER_BOX, ELSEWHERE = Box(0, 0, CORNER, CORNER), Box(CORNER, CORNER, SIDE, SIDE)


def test_crops_to_what_tells_the_classes_apart_are_better_than_whole_images(folder: Path) -> None:
    measured = benefit.measure_crop_benefit(folder, crops_of(folder, CORNER_BOX), PLAIN, CropOptions(), (None, ()))
    assert measured.crops.value == 1.0 > measured.whole_images.value
    assert measured.accuracy.value == pytest.approx(measured.crops.value - measured.whole_images.value)
    assert measured.log_loss.value < 0 and measured.n > 0


def test_of_several_crops_of_an_image_the_first_counts(folder: Path) -> None:
    first, second = crops_of(folder, CORNER_BOX, number=1), crops_of(folder, ELSEWHERE, number=2)
    both = [crop for pair in zip(first, second, strict=True) for crop in pair]
    assert benefit.measure_crop_benefit(folder, both, PLAIN, CropOptions(), (None, ())).crops.value == 1.0


def test_crops_that_are_written_already_are_read_and_not_made_again(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    crops, out = crops_of(folder, CORNER_BOX), tmp_path / "crops"
    out.mkdir()
    names, _ = write_crops(crops, out, PLAIN, lambda count: None)
    made_here = benefit.measure_crop_benefit(folder, crops, PLAIN, CropOptions(), (None, ()))

    def refuse(*given: object) -> None:
        raise AssertionError("written again")

    monkeypatch.setattr(benefit, "write_crops", refuse)
    assert benefit.measure_crop_benefit(folder, crops, PLAIN, CropOptions(), (out, names)) == made_here


def test_both_are_judged_on_images_that_have_a_crop(folder: Path) -> None:
    crops = [crop for crop in crops_of(folder, CORNER_BOX) if int(Path(crop.path).stem) < EACH // 2]
    some = benefit.measure_crop_benefit(folder, crops, PLAIN, CropOptions(), (None, ()))
    every = benefit.measure_crop_benefit(folder, crops_of(folder, CORNER_BOX), PLAIN, CropOptions(), (None, ()))
    assert 0 < some.n < every.n


def test_images_without_labels_are_refused(folder: Path) -> None:
    with pytest.raises(DataError, match="has a label"):
        crops = [Crop(file, file.name, None, None, file.name, CORNER_BOX) for file in sorted((folder / "red").iterdir())]
        benefit.measure_crop_benefit(folder / "red", crops, PLAIN, CropOptions(), (None, ()))
