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
from tellapart.analyzed_folder import analyze_folder
from tellapart.cli.app import tellapart as door
from tellapart.errors import DataError, OptionError
from tellapart.feature_spec import FeatureSpec
from tellapart.models.backbones import find_backbones
from tests import folders, sample_images

LOOK = {"features": "lite0"}


@pytest.fixture
def root(photos: Path, tmp_path: Path) -> Path:
    return folders.some_of(photos, tmp_path / "photos", each=8, kinds=("dots", "stripes"))


def expected(root: Path, path: str) -> list[str]:
    """The paths of all others by cosine, computed by hand."""
    analyzed = analyze_folder(root, FeatureSpec(find_backbones("lite0")))
    features = analyzed.features
    values = features.values / np.linalg.norm(features.values, axis=1, keepdims=True)
    name = {row.image_id: row.path for row in analyzed.rows}
    own = [name[i] for i in features.image_ids].index(path)
    return [name[features.image_ids[i]] for i in np.argsort(-(values @ values[own])) if i != own]


def test_the_most_similar_come_first_whatever_the_image_is_called(root: Path, tmp_path: Path) -> None:
    before = folders.contents(root)
    wanted = expected(root, "dots/dots 03.jpg")[:5]
    for name in ("dots/dots 03.jpg", str(root / "dots/dots 03.jpg")):
        found = tellapart.similar(root, name, k=5, out=tmp_path / "sheet.jpg", **LOOK)
        assert [one.path for one in found.similar] == wanted
        assert found.image == "dots/dots 03.jpg"
        cosines = [one.cosine for one in found.similar]
        assert cosines == sorted(cosines, reverse=True)
    with Image.open(tmp_path / "sheet.jpg") as sheet:
        assert sheet.width > 500
    assert folders.contents(root) == before


def test_a_image_from_outside(root: Path, tmp_path: Path) -> None:
    with Image.open(root / "dots/dots 03.jpg") as photo:
        file = folders.write(tmp_path / "new", {"x y.png": sample_images.encoded(photo, "PNG")}) / "x y.png"
    found = tellapart.similar(root, file, k=3, out=tmp_path / "sheet.png", **LOOK)
    assert found.similar[0].path == "dots/dots 03.jpg"
    assert found.similar[0].cosine > 0.999
    assert [one.path for one in found.similar[1:]] == expected(root, "dots/dots 03.jpg")[:2]
    other = tellapart.similar(root, file, k=3, skip_duplicates=True, out=tmp_path / "sheet.png", **LOOK)
    assert "dots/dots 03.jpg" not in {one.path for one in other.similar}


def test_duplicates_are_skipped_on_request(root: Path, tmp_path: Path) -> None:
    for source, copy in (("dots 03", "copy of 3"), ("dots 01", "copy of 1")):
        with Image.open(root / f"dots/{source}.jpg") as photo:
            photo.save(root / f"dots/{copy}.jpg", quality=70)
    found = tellapart.similar(root, "dots/dots 03.jpg", k=20, out=tmp_path / "s.jpg", **LOOK)
    assert found.similar[0].path == "dots/copy of 3.jpg"
    assert len(found.similar) == 17
    without = [
        one.path for one in tellapart.similar(root, "dots/dots 03.jpg", k=20, skip_duplicates=True, out=tmp_path / "s.jpg", **LOOK).similar
    ]
    assert len(without) == 15
    assert "dots/copy of 3.jpg" not in without
    assert len({"dots/dots 01.jpg", "dots/copy of 1.jpg"} & set(without)) == 1
    tellapart.similar(root, all_=True, k=3, skip_duplicates=True, out=tmp_path / "all.csv", **LOOK)
    pairs = {(row["path"], row["similar"]) for row in rows_of(tmp_path / "all.csv")}
    assert not pairs & {("dots/dots 03.jpg", "dots/copy of 3.jpg"), ("dots/copy of 3.jpg", "dots/dots 03.jpg")}


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_all_of_them(root: Path, tmp_path: Path) -> None:
    found = tellapart.similar(root, all_=True, k=3, out=tmp_path / "all.csv", **LOOK)
    rows = rows_of(tmp_path / "all.csv")
    assert len(rows) == 16 * 3
    assert [row["similar"] for row in rows if row["path"] == "stripes/stripes 02.jpg"] == expected(root, "stripes/stripes 02.jpg")[:3]
    firsts = [row for row in rows if row["rank"] == "1"]
    assert found.same_label == sum(row["label"] == row["similar_label"] for row in firsts) / 16
    assert found.same_label > 0.7


def test_what_cannot_be_asked(root: Path, tmp_path: Path) -> None:
    folders.write(root, {"dots/broken.jpg": sample_images.HTML})
    broken = folders.write(tmp_path / "new", {"bad.jpg": sample_images.TEXT}) / "bad.jpg"
    for name, words in (
        ("dots/broken.jpg", "dots/broken.jpg cannot be read"),
        (str(broken), "bad.jpg cannot be compared"),
        ("dots/dots 99.jpg", "there is no image 'dots/dots 99.jpg'"),
        ("dots", "is a folder of 9 images"),
    ):
        with pytest.raises(DataError, match=words):
            tellapart.similar(root, name, out=tmp_path / "s.jpg", **LOOK)
    with pytest.raises(OptionError, match="no image was named"):
        tellapart.similar(root, **LOOK)
    with pytest.raises(OptionError, match="together with --all"):
        tellapart.similar(root, "dots/dots 01.jpg", all_=True, **LOOK)
    with pytest.raises(OptionError, match="is inside the image folder"):
        tellapart.similar(root, "dots/dots 01.jpg", out=root / "s.jpg", **LOOK)
    with pytest.raises(OptionError, match=r"must be a file that ends in \.csv"):
        tellapart.similar(root, all_=True, out=tmp_path / "s.jpg", **LOOK)
    assert not (tmp_path / "s.jpg").exists()


def test_one_image_has_none_like_it(tmp_path: Path) -> None:
    root = folders.write(tmp_path / "one", {"1.jpg": sample_images.photo(1)})
    assert tellapart.similar(root, "1.jpg", out=tmp_path / "s.jpg", **LOOK).similar == ()
    assert tellapart.similar(root, all_=True, out=tmp_path / "s.csv", **LOOK).same_label is None


def test_from_the_command_line(root: Path, tmp_path: Path) -> None:
    def called(*words: object) -> Any:
        return CliRunner().invoke(door, ["similar", str(root), "--features", "lite0", *map(str, words)], catch_exceptions=False)

    plain = called("dots/dots 03.jpg", "-k", 2, "-o", tmp_path / "s.jpg")
    assert plain.exit_code == 0, plain.output
    assert expected(root, "dots/dots 03.jpg")[0] in plain.stdout.splitlines()[0]
    every = called("--all", "-o", tmp_path / "s.csv")
    assert "16 images by lite0" in every.stdout
    assert "the most similar image has the same label in" in every.stdout
    spoken = called("dots/dots 03.jpg", "--json", "-o", tmp_path / "s.csv", "--quiet")
    assert len(json.loads(spoken.stdout)["similar"]) == 10
    assert called("-o", tmp_path / "s.jpg").exit_code == 2
