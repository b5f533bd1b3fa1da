from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from PIL import Image

import tellapart
from tellapart.cli.app import tellapart as door
from tellapart.errors import DataError, ModelError, OptionError
from tellapart.run_folder import Run
from tests import folders, sample_images


def new_photos(to: Path, each: int = 3) -> Path:
    files = {f"{kind}/{seed}.jpg": folders.class_photo(kind, 100 + seed) for kind in folders.KINDS for seed in range(each)}
    return folders.write(to, files)


def test_new_images_are_told_apart(trained: Run, tmp_path: Path) -> None:
    found = tellapart.predict(trained.folder, new_photos(tmp_path / "new")).predictions
    assert found.is_right.mean() >= 7 / 9
    assert found.class_names == ("dots", "plain", "stripes")
    assert found.probabilities.sum(axis=1) == pytest.approx(1)
    assert found.source == "photos-1"


def test_one_file_several_files_and_a_folder_say_the_same(trained: Run, tmp_path: Path) -> None:
    root = new_photos(tmp_path / "new", each=1)
    files = sorted(root.rglob("*.jpg"))
    folder = tellapart.predict(trained.folder, root).predictions
    several = tellapart.predict(trained.folder, files).predictions
    alone = [tellapart.predict(trained.folder, str(file)).predictions for file in files]
    assert folder.paths == ("dots/0.jpg", "plain/0.jpg", "stripes/0.jpg")
    assert several.image_ids == folder.image_ids == tuple(one.image_ids[0] for one in alone)
    for one, row in zip(alone, folder.probabilities, strict=True):
        assert one.probabilities[0] == pytest.approx(row, abs=0.02)
    assert (several.probabilities == folder.probabilities).all()


def test_images_in_memory_are_answered_as_their_files(trained: Run, tmp_path: Path) -> None:
    file = sorted(new_photos(tmp_path / "new", each=1).rglob("*.jpg"))[0]
    expected = tellapart.predict(trained.folder, file).predictions
    opened = Image.open(file).convert("RGB")
    pixels = np.asarray(opened)
    for one in (file.read_bytes(), opened, pixels, pixels / 255, [opened], np.stack([pixels])):
        found = tellapart.predict(trained.folder, one).predictions
        assert found.paths == ("image 1",)
        assert np.abs(found.probabilities - expected.probabilities).max() < 0.02
    mixed = tellapart.predict(trained.folder, [pixels, file, b"no image"])
    assert mixed.predictions.paths == ("image 1", str(file)) and [one.path for one in mixed.unreadable] == ["image 3"]
    assert "image 3" in mixed._repr_html_() and "1 of 3" in mixed._repr_html_()
    for wrong, said in ((pixels * 1.0, "floats from 0 to 1"), (None, "give a list"), ([3], "an image is a path"), ([], "give files")):
        with pytest.raises(DataError) as error:
            tellapart.predict(trained.folder, wrong)
        assert said in str(error.value.hint)


def test_nothing_is_written_beside_the_photos_or_in_the_run(trained: Run, tmp_path: Path) -> None:
    root = new_photos(tmp_path / "new", each=1)
    before = {p for place in (root, trained.folder) for p in place.rglob("*")}
    tellapart.predict(trained.folder, root)
    assert {p for place in (root, trained.folder) for p in place.rglob("*")} == before


def test_a_image_that_cannot_be_read_is_a_row_in_its_place(trained: Run, tmp_path: Path) -> None:
    root = folders.write(tmp_path, {"a.jpg": b"", "b.jpg": folders.class_photo("dots", 100), "c.jpg": sample_images.TEXT})
    found = tellapart.predict(trained.folder, [root / "c.jpg", root / "b.jpg", root / "nowhere.jpg", root / "a.jpg"])
    rows = found.records()
    assert [(Path(row["path"]).name, row["predicted"], row["status"], row["reason"]) for row in rows] == [
        ("c.jpg", None, "unreadable", "not an image (looks like text)"),
        ("b.jpg", "dots", "ok", None),
        ("nowhere.jpg", None, "unreadable", "there is no such file"),
        ("a.jpg", None, "unreadable", "empty file"),
    ]
    assert [file.reason for file in found.unreadable] == ["not an image (looks like text)", "there is no such file", "empty file"]


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".json"])
def test_the_table_has_a_row_a_file_in_every_form(trained: Run, tmp_path: Path, suffix: str) -> None:
    root = new_photos(tmp_path / "new", each=1)
    folders.write(root, {"dots/bad, very.jpg": b""})
    out = tmp_path / f"deep/answers{suffix}"
    found = tellapart.predict(trained.folder, root, out=out)
    if suffix == ".csv":
        with out.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    else:
        rows = pq.read_table(out).to_pylist() if suffix == ".parquet" else json.loads(out.read_text(encoding="utf-8"))
    columns = ["path", "label", "predicted", "probability", "p(dots)", "p(plain)", "p(stripes)", "familiarity", "status", "reason"]
    assert list(rows[0]) == list(found.to_frame().columns) == columns
    assert [name for name in columns if name != "familiarity"] == list(found.predictions.to_frame().columns)
    assert [row["label"] for row in rows] == list(found.to_frame()["label"]) == ["dots", "dots", "plain", "stripes"], "the truth"
    assert [row["predicted"] or None for row in rows] == [row["predicted"] for row in found.records()] == ["dots", None, "plain", "stripes"]
    assert [row["path"] for row in rows] == ["dots/0.jpg", "dots/bad, very.jpg", "plain/0.jpg", "stripes/0.jpg"]
    assert [row["status"] for row in rows] == ["ok", "unreadable", "ok", "ok"]
    assert float(rows[0]["p(dots)"]) == pytest.approx(found.predictions.probabilities[0, 0])
    assert float(rows[0]["probability"]) == pytest.approx(found.predictions.confidence[0])


@pytest.mark.parametrize("name", ["metadata.csv", "Manifest.parquet"])
def test_a_table_is_not_written_where_it_would_list_the_photos(trained: Run, tmp_path: Path, name: str) -> None:
    root = new_photos(tmp_path / "new", each=1)
    with pytest.raises(OptionError, match="would be read as the manifest"):
        tellapart.predict(trained.folder, root, out=root / name)
    assert not (root / name).exists()


def test_the_same_file_twice_is_answered_twice(trained: Run, tmp_path: Path) -> None:
    root = folders.write(tmp_path, {"a.jpg": folders.class_photo("dots", 100)})
    rows = tellapart.predict(trained.folder, [root / "a.jpg", root / "a.jpg"]).records()
    assert [row["predicted"] for row in rows] == ["dots", "dots"]


def test_names_that_are_not_utf8_are_answered(trained: Run, tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"caf\xe9.jpg")
    odd.write_bytes(folders.class_photo("dots", 100))
    found = tellapart.predict(trained.folder, [odd], out=tmp_path / "answers.csv")
    assert found.records()[0]["path"].endswith("caf\\xe9.jpg")
    assert "caf\\xe9.jpg,,dots" in (tmp_path / "answers.csv").read_text(encoding="utf-8")


def test_what_is_no_run_or_no_image_is_a_clear_error(trained: Run, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no finished run") as caught:
        tellapart.predict(trained.folder.parent / "phtos-1", tmp_path)
    assert "photos-1" in str(caught.value.hint)
    with pytest.raises(DataError, match="there are no images"):
        tellapart.predict(trained.folder, tmp_path)
    with pytest.raises(DataError, match="no images were given"):
        tellapart.predict(trained.folder, [])
    with pytest.raises(DataError, match="there is no file"):
        tellapart.predict(trained.folder, tmp_path / "nowhere.jpg")
    with pytest.raises(OptionError, match=r"answers\.txt must end in \.csv"):
        tellapart.predict(trained.folder, tmp_path, out="answers.txt")


def test_a_run_without_its_model_is_a_clear_error(trained: Run, tmp_path: Path) -> None:
    folders.write(tmp_path / "runs/x-1", {"metrics.json": b"{}"})
    with pytest.raises(ModelError, match="no usable model"):
        tellapart.predict(tmp_path / "runs/x-1", tmp_path)


def test_views_are_averaged_and_the_first_is_the_image_itself(trained: Run, tmp_path: Path) -> None:
    root = new_photos(tmp_path / "new", each=1)
    alone, found = tellapart.predict(trained.folder, root), tellapart.predict(trained.folder, root, tta=3)
    assert (alone.views, found.views) == (1, 3)
    assert alone.first_view is alone.predictions
    assert (found.first_view.probabilities == alone.predictions.probabilities).all()
    assert not np.allclose(found.predictions.logits, found.first_view.logits)
    again = tellapart.predict(trained.folder, root, tta=3)
    assert (again.predictions.logits == found.predictions.logits).all()
    said = CliRunner().invoke(door, ["predict", str(trained.folder), str(root), "--tta", "3", "-q"]).stdout
    assert "averaged over 3 views of each image; " in said


def test_views_can_be_drawn_from_an_augmentation(trained: Run, tmp_path: Path) -> None:
    root = new_photos(tmp_path / "new", each=1)
    crops = tellapart.predict(trained.folder, root, tta=2).predictions
    drawn = tellapart.predict(trained.folder, root, tta=2, tta_augment="light").predictions
    longhand = tellapart.predict(
        trained.folder, root, tta=2, tta_augment="flip, rotation=10 shift=0.08 zoom=0.1 brightness=0.1 contrast=0.1"
    ).predictions
    assert not np.allclose(crops.logits, drawn.logits)
    assert (longhand.logits == drawn.logits).all(), "the same in other words"


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"tta": 0}, "tta must be at least 1, got 0"),
        ({"tta": 65}, "tta must be at most 64, got 65"),
        ({"tta": 2, "tta_augment": "rotaton=3"}, "tta_augment: there is no augmentation 'rotaton'"),
        ({"tta": 2, "tta_augment": "none"}, "tta_augment: 'none' changes nothing"),
        ({"tta_augment": "light"}, "tta_augment has no effect on one view"),
        ({"tta": 9}, "tta must be at most 8 for this model, got 9"),
    ],
)
def test_views_that_cannot_be_are_refused(trained: Run, tmp_path: Path, options: dict[str, object], complaint: str) -> None:
    with pytest.raises(OptionError) as caught:
        tellapart.predict(trained.folder, new_photos(tmp_path / "new", each=1), **options)
    assert complaint in str(caught.value)


def test_every_image_below_a_folder_is_answered_whatever_its_folders_are_called(trained: Run, tmp_path: Path) -> None:
    paths = ["inbox/1.jpg", "test/2.jpg", "train/3.jpg", "val/cats/4.jpg", "5.jpg", "deep/test/6.jpg_large"]
    root = folders.write(tmp_path / "new", {path: folders.class_photo("dots", 100 + i) for i, path in enumerate(paths)})
    folders.write(root, {"phone.HEIC": b"\0\0\0\x18ftypheic", "metadata.csv": b"file_name,label\ninbox/1.jpg,cats\n"})
    assert [file.path for file in tellapart.predict(trained.folder, root).files] == sorted([*paths, "phone.HEIC"])


def test_images_are_copied_by_class_and_names_that_collide_are_numbered(trained: Run, tmp_path: Path) -> None:
    root = new_photos(tmp_path / "new", each=2)
    before = {path: path.read_bytes() for path in root.rglob("*.jpg")}
    found = tellapart.predict(trained.folder, root, sort_into=tmp_path / "sorted").predictions
    copies = sorted(path for path in (tmp_path / "sorted").rglob("*.jpg"))
    assert sorted(path.read_bytes() for path in copies) == sorted(before.values())
    assert {path.parent.name for path in copies} == {found.class_names[k] for k in found.predicted}
    assert {path: path.read_bytes() for path in root.rglob("*.jpg")} == before
    both = tellapart.predict(trained.folder, [root / "dots" / "0.jpg", root / "dots" / "0.jpg"], sort_into=tmp_path / "twice")
    assert both.sorted_into == tmp_path / "twice" and len(list((tmp_path / "twice").rglob("*.jpg"))) in (1, 2)


def test_copies_are_refused_among_the_images_and_over_other_files(trained: Run, tmp_path: Path) -> None:
    root = new_photos(tmp_path / "new", each=1)
    with pytest.raises(OptionError, match="inside the image folder"):
        tellapart.predict(trained.folder, root, sort_into=root / "sorted")
    with pytest.raises(OptionError, match="inside the image folder"):
        tellapart.predict(trained.folder, root, sheet=root / "sheet.jpg")
    full = tmp_path / "full"
    full.mkdir()
    (full / "mine.txt").write_text("mine")
    with pytest.raises(OptionError, match="is not empty"):
        tellapart.predict(trained.folder, root, sort_into=full)
    assert [path.name for path in full.iterdir()] == ["mine.txt"]


def test_a_contact_sheet_of_the_predictions(trained: Run, tmp_path: Path) -> None:
    root = new_photos(tmp_path / "new", each=1)
    (root / "broken.jpg").write_bytes(b"no image")
    sheet = tmp_path / "sheet.png"
    result = CliRunner().invoke(door, ["predict", str(trained.folder), str(root), "--sheet", str(sheet), "-q"])
    assert result.exit_code == 0 and "contact sheet" in result.output
    with Image.open(sheet) as image:
        assert image.format == "PNG" and image.width > 8 * 136


def test_columns_of_a_table_are_named(trained: Run, tmp_path: Path) -> None:
    folders.write(tmp_path, {f"a/{kind}.jpg": folders.class_photo(kind, 400) for kind in folders.KINDS})
    (tmp_path / "list.csv").write_text("foto,art\n" + "".join(f"a/{kind}.jpg,{kind}\n" for kind in folders.KINDS))
    found = tellapart.predict(trained.folder, tmp_path / "list.csv", path_column="foto", label_column="art").predictions
    assert found.labels == tuple(folders.KINDS) and len(found.paths) == 3
    with pytest.raises(OptionError, match="path_column names a column of a table, and no table was given"):
        tellapart.predict(trained.folder, tmp_path / "a", path_column="foto")
