from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import tellapart
from tellapart.cli.app import tellapart as door
from tellapart.dataset import open_dataset
from tellapart.errors import DataError, OptionError
from tellapart.images import decode
from tests import faces, folders, sample_images


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def jpeg(pixels: Any) -> bytes:
    return sample_images.encoded(pixels, quality=92)


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """Three photos of her with one face, one with two faces, one without, and a file that is no image."""
    return folders.write(
        tmp_path / "photos",
        {
            "train/her/first photo.jpg": jpeg(faces.placed(420, 300, (150, 20, 0.9))),
            "train/her/second.png": sample_images.encoded(faces.placed(300, 420, (20, 100, 1.0), seed=1), "PNG"),
            "val/her/two.jpg": jpeg(faces.placed(600, 300, (20, 30, 0.6), (280, 20, 1.0), seed=2)),
            "train/none/landscape.jpg": jpeg(sample_images.photo_pixels(4, 300, 200)),
            "train/none/broken.jpg": sample_images.HTML,
        },
    )


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_without_out_only_a_sheet_is_written(people: Path, in_a_folder: Path) -> None:
    before = folders.contents(people)
    found = tellapart.crop(people, measure_benefit=False)
    assert (found.images, found.crops, found.set_aside, found.not_found) == (4, 4, 0, 1)
    assert found.benefit is None
    assert {path.name for path in in_a_folder.iterdir() if path.name != "cache"} == {"photos", "crop.jpg"}
    with Image.open("crop.jpg") as sheet:
        assert sheet.width > 1000
    assert folders.contents(people) == before


def test_crops_keep_part_label_and_group_and_lie_around_the_face(people: Path, in_a_folder: Path) -> None:
    found = tellapart.crop(people, out="faces", measure_benefit=False, on_multiple="all", filter_identities=False)
    out = in_a_folder / "faces"
    rows = {row["path"]: row for row in table(out / "metadata.csv")}
    assert set(rows) == {
        "train/her/first photo.jpg",
        "train/her/second.jpg",
        "val/her/two-1.jpg",
        "val/her/two-2.jpg",
        "train/none/landscape.jpg",
    }
    assert found.crops == 5
    first = rows["train/her/first photo.jpg"]
    assert (first["label"], first["part"], first["parent"]) == ("her", "train", "train/her/first photo.jpg")
    left, top, right, bottom = (int(value) for value in first["box"].split(","))
    assert right - left == bottom - top
    assert left < 150 + 0.9 * 110 < right
    assert top < 20 + 0.9 * 90 < bottom
    assert decode((out / "train/her/first photo.jpg").read_bytes()).pixels.shape == (bottom - top, right - left, 3)
    assert rows["val/her/two-1.jpg"]["group"] == rows["val/her/two-2.jpg"]["group"] != first["group"]
    assert rows["train/none/landscape.jpg"]["box"] == ""
    dataset = open_dataset(out)
    assert dataset.class_names == ("her", "none")
    assert {entry.part for entry in dataset.entries} == {"train", "val"}
    assert table(out / "set_aside.csv")[0]["reason"] == "no face found; kept whole"
    assert (out / "crop.jpg").is_file()


def test_the_largest_face_and_a_size(people: Path, in_a_folder: Path) -> None:
    tellapart.crop(people, out="faces", measure_benefit=False, size=64, align=True)
    rows = {row["parent"]: row for row in table(in_a_folder / "faces/metadata.csv")}
    left, _, right, _ = (int(value) for value in rows["val/her/two.jpg"]["box"].split(","))
    assert left < 280 + 110 < right
    assert {decode(path.read_bytes()).pixels.shape for path in (in_a_folder / "faces").rglob("her/*.jpg")} == {(64, 64, 3)}


def test_several_faces_may_be_a_reason_and_none_too(people: Path, in_a_folder: Path) -> None:
    (people / "train/none/face.jpg").write_bytes(jpeg(faces.placed(300, 300, (20, 10, 1.0), seed=9)))
    found = tellapart.crop(people, out="faces", measure_benefit=False, on_multiple="reject", on_missing="drop")
    assert (found.crops, found.set_aside, found.not_found) == (3, 1, 1)
    reasons = {row["path"]: row["reason"] for row in table(in_a_folder / "faces/set_aside.csv")}
    assert reasons == {"val/her/two.jpg": "2 faces", "train/none/landscape.jpg": "no face found"}


def test_a_class_that_would_be_empty_is_refused(people: Path, in_a_folder: Path) -> None:
    with pytest.raises(DataError, match="no crop of 'none' would be kept: no face found") as caught:
        tellapart.crop(people, out="faces", on_missing="drop")
    assert "--on-missing keep" in (caught.value.hint or "")
    assert not (in_a_folder / "faces").exists()


def test_no_face_anywhere_is_said(tmp_path: Path) -> None:
    folders.write(tmp_path / "photos", {f"a/{i}.jpg": sample_images.photo(i) for i in range(3)})
    with pytest.raises(DataError, match="no face found in any of the 3 images"):
        tellapart.crop(tmp_path / "photos")


def test_decisions_are_honoured(people: Path, in_a_folder: Path) -> None:
    tellapart.exclude(people, ["train/her/second.png"])
    tellapart.relabel(people, ["val/her/two.jpg"], to="someone", allow_new=True)
    tellapart.crop(people, out="faces", measure_benefit=False)
    rows = {row["parent"]: row["label"] for row in table(in_a_folder / "faces/metadata.csv")}
    assert rows == {"train/her/first photo.jpg": "her", "val/her/two.jpg": "someone", "train/none/landscape.jpg": "none"}


def test_tiny_and_huge_images_are_cropped(tmp_path: Path) -> None:
    huge = np.array(Image.fromarray(faces.placed(400, 300, (100, 20, 1.0))).resize((4000, 3000)))
    folders.write(
        tmp_path / "photos", {"a/huge.jpg": jpeg(huge), "a/tiny.png": sample_images.encoded(np.zeros((3, 1, 3), np.uint8), "PNG")}
    )
    found = tellapart.crop(tmp_path / "photos", out=tmp_path / "out", measure_benefit=False)
    assert (found.crops, found.not_found) == (2, 1)
    box = [int(value) for value in table(tmp_path / "out/metadata.csv")[0]["box"].split(",")]
    assert 900 < box[2] - box[0] < 2600


def test_the_subject_and_a_word(tmp_path: Path) -> None:
    scene = np.full((300, 600, 3), 190, np.uint8)
    scene[80:280, 380:580] = Image.fromarray(faces.shipped("chelsea.png")[:, 100:400]).resize((200, 200))
    folders.write(tmp_path / "photos", {"a/cat.jpg": jpeg(scene), "a/plain.jpg": sample_images.photo(3, 300, 200)})
    for to, missing in (("subject", 0), ("cats", 1)):
        found = tellapart.crop(tmp_path / "photos", target=to, out=tmp_path / to, margin=0.0)
        assert (found.crops, found.not_found) == (2, missing)
        left, top, right, bottom = (int(value) for value in table(tmp_path / to / "metadata.csv")[0]["box"].split(","))
        assert left < 480 < right
        assert top < 190 < bottom
        assert left > 150


def test_unknown_words_and_bad_places_are_refused_before_anything_is_read(people: Path, in_a_folder: Path) -> None:
    with pytest.raises(OptionError, match="no class 'unobtainium'"):
        tellapart.crop(people, target="unobtainium")
    with pytest.raises(OptionError, match="only read"):
        tellapart.crop(people, out=people / "crops")
    (in_a_folder / "full").mkdir()
    (in_a_folder / "full/file.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(OptionError, match="not empty"):
        tellapart.crop(people, out="full")
    with pytest.raises(OptionError, match="must be one of"):
        tellapart.crop(people, on_multiple="some")


def test_the_benefit_compares_whole_images_with_crops(photos: Path, tmp_path: Path) -> None:
    root = folders.some_of(photos, tmp_path / "few", each=16, kinds=("dots", "stripes"))
    found = tellapart.crop(root, target="subject", measure_benefit=True)
    benefit = found.benefit
    assert benefit is not None
    assert benefit.n > 4
    assert 0 <= benefit.crops.low <= benefit.crops.value <= 1
    assert 0 <= benefit.p_value <= 1
    assert "whole images" in benefit.verdict


def test_the_benefit_is_measured_on_the_test_part_that_the_photos_have(photos: Path, tmp_path: Path) -> None:
    root = tmp_path / "photos"
    for part, each, start in (("train", 10, 0), ("test", 4, 10)):
        folders.some_of(photos, root / part, each=each, kinds=("dots", "stripes"), start=start)
    found = tellapart.crop(root, target="subject", out=tmp_path / "crops")
    assert found.benefit is not None
    assert found.benefit.n <= 8


def test_the_command_says_what_would_be_kept(people: Path) -> None:
    said = CliRunner().invoke(door, ["crop", str(people), "--no-measure-benefit", "-q"])
    assert said.exit_code == 0, said.output
    assert "4 crops of 4 images would be kept; 0 images excluded, 1 with nothing detected" in said.output
    assert "--out DIR keeps the crops" in said.output
    said = CliRunner().invoke(door, ["crop", str(people), "--no-measure-benefit", "-q", "--json", "--out", "kept"])
    assert json.loads(said.output)["crops"] == 4


@pytest.mark.parametrize("names", [("cats/1.jpg", "cats/2.jpg"), ("1.jpg", "2.jpg")])
def test_the_benefit_for_one_class_or_none_is_refused_before_a_file_is_read(tmp_path: Path, names: tuple[str, ...]) -> None:
    folders.write(tmp_path / "photos", dict.fromkeys(names, b"never read"))
    with pytest.raises(DataError, match=r"only one class|no .* has a label|no label") as caught:
        tellapart.crop(tmp_path / "photos", target="subject", measure_benefit=True)
    assert "be read" not in str(caught.value)
