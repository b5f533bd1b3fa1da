from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest

import tellapart
from tellapart import analyzed_folder
from tellapart.errors import DataError, OptionError
from tellapart.feature_extraction import Extraction
from tellapart.features import FeatureMatrix
from tests import folders, sample_images


def test_a_map_with_its_table_and_how_far_to_trust_it(photos: Path, tmp_path: Path) -> None:
    before = folders.contents(photos)
    found = tellapart.explore(photos, only="map", features="lite0", out=tmp_path / "my map", state=tmp_path / "state")
    assert (found.map, found.images) == ("t-SNE", 90)
    assert 0 < found.trust.neighbors_kept <= 1
    flat, full = found.trust.knn_2d, found.trust.knn_full
    assert flat.low < flat.value <= flat.high and flat.value > 0.7 and full.value > 0.7
    with (tmp_path / "my map/map.csv").open(encoding="utf-8", newline="") as table:
        rows = list(csv.DictReader(table))
    assert len(rows) == 90 and {row["label"] for row in rows} == {"dots", "plain", "stripes"}
    assert all(np.isfinite([float(row["x"]), float(row["y"])]).all() for row in rows)
    assert "knn" not in (tmp_path / "my map/map.html").read_text(encoding="utf-8").split("<script")[0]
    assert folders.contents(photos) == before
    again = tellapart.explore(photos, only="map", features="lite0", out=tmp_path / "again", state=tmp_path / "state")
    assert (tmp_path / "again/map.csv").read_bytes() == (tmp_path / "my map/map.csv").read_bytes() and again.trust == found.trust


def test_a_flat_folder_without_labels(photos: Path, tmp_path: Path) -> None:
    for n, path in enumerate(sorted(photos.rglob("*.jpg"))[::6]):
        (tmp_path / "flat").mkdir(exist_ok=True)
        shutil.copy2(path, tmp_path / "flat" / f"{n} ümläut.jpg")
    found = tellapart.explore(tmp_path / "flat", only="map", features="lite0", map="pca", out=tmp_path / "m")
    assert found.map == "PCA" and found.trust.knn_2d is None and found.trust.neighbors_kept > 0


@pytest.mark.parametrize("n", [1, 2])
def test_one_or_two_images(photos: Path, tmp_path: Path, n: int) -> None:
    folders.some_of(photos, tmp_path / "few", n, kinds=("dots",))
    found = tellapart.explore(tmp_path / "few", only="map", features="lite0", out=tmp_path / "m")
    assert (found.map, found.images, found.trust.neighbors_kept) == ("PCA", n, None)


def test_broken_files_and_features_that_are_no_numbers_are_said(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders.some_of(photos, tmp_path / "some", 5)
    folders.write(tmp_path / "some", {"dots/page.jpg": sample_images.HTML})
    extract = analyzed_folder.extract

    def spoilt(*arguments: object, **options: object) -> Extraction:
        found: Extraction = extract(*arguments, **options)  # type: ignore[arg-type]
        values = found.features.values.copy()
        values[3, 5] = np.nan
        return Extraction(found.files, found.facts, FeatureMatrix(found.features.image_ids, values, found.features.provenance))

    monkeypatch.setattr(analyzed_folder, "extract", spoilt)
    found = tellapart.explore(tmp_path / "some", only="map", features="lite0", map="pca", out=tmp_path / "m")
    assert found.images == 14
    said = " / ".join(found.notes)
    assert "are not finite numbers, so they are left out" in said and "1 file is not on the map" in said


def test_wrong_wishes_are_said(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="one of tsne, pca, umap"):
        tellapart.explore(photos, only="map", map="som")
    with pytest.raises(OptionError, match="is inside the image folder"):
        tellapart.explore(photos, only="map", features="lite0", out=photos / "map", state=tmp_path / "state")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError):
        tellapart.explore(tmp_path / "empty", only="map", out=tmp_path / "m")
