from __future__ import annotations

import json
from pathlib import Path

import pytest

import tellapart
from tellapart.errors import DataError, OptionError
from tests import folders


def test_a_page_with_everything(photos: Path, tmp_path: Path) -> None:
    before = folders.contents(photos)
    found = tellapart.explore(
        photos, k=3, features="lite0", vocabulary="none", name="0=spots", out=tmp_path / "seen", state=tmp_path / "state"
    )
    assert found.out == tmp_path / "seen" / "explore.html" and found.out.is_file()
    view = json.loads(found.details.read_text(encoding="utf-8"))
    assert set(view) == {"header", "map", "clusters", "choice", "encoding", "outliers", "neighbors", "notes"}
    assert view["header"]["class_names"] == ["dots", "plain", "stripes"] and view["header"]["images"] == found.images == 90
    assert [len(view["map"][key]) for key in ("x", "y", "label", "cluster", "score", "image_id", "path")] == [90] * 7
    sizes = [one["size"] for one in view["clusters"]["clusters"]]
    assert found.k == 3 and sum(sizes) == 90
    assert [sum(c == k for c in view["map"]["cluster"]) for k in range(3)] == sizes
    assert view["clusters"]["clusters"][0]["name"] == "spots" and found.clusters.lines[0].startswith("spots: ")
    near = view["neighbors"]["0"]
    assert len(near) == 8 and 0 not in [other for other, _ in near] and near[0][1] >= near[-1][1]
    assert found.choice is None and "These clusters follow" in found.encoding
    assert folders.contents(photos) == before


def test_the_strangest_image_has_the_highest_score(photos: Path, tmp_path: Path) -> None:
    folders.some_of(photos, tmp_path / "some", 8)
    found = tellapart.explore(tmp_path / "some", k=2, features="lite0", vocabulary="none", map="pca", out=tmp_path / "seen")
    view = json.loads(found.details.read_text(encoding="utf-8"))
    scores = view["map"]["score"]
    assert scores[view["outliers"][0]] == max(scores) == 1.0 and scores[view["outliers"][-1]] == min(scores) == 0.0
    assert found.outliers[0] == view["map"]["path"][view["outliers"][0]]


def test_one_image(photos: Path, tmp_path: Path) -> None:
    folders.some_of(photos, tmp_path / "one", 1, kinds=("dots",))
    found = tellapart.explore(tmp_path / "one", features="lite0", vocabulary="none", out=tmp_path / "seen")
    assert (found.images, found.k, found.map) == (1, 1, "PCA")


def test_wrong_wishes_are_said_before_anything_is_written(photos: Path, tmp_path: Path) -> None:
    folders.some_of(photos, tmp_path / "few", 2)
    with pytest.raises(DataError, match="9 clusters cannot be made of 6"):
        tellapart.explore(tmp_path / "few", k=9, features="lite0", vocabulary="none", out=tmp_path / "seen")
    with pytest.raises(OptionError, match="is inside the image folder"):
        tellapart.explore(tmp_path / "few", features="lite0", vocabulary="none", out=tmp_path / "few" / "seen")
    with pytest.raises(OptionError, match="there is no cluster 7"):
        tellapart.explore(tmp_path / "few", k=2, features="lite0", vocabulary="none", name="7=lion", out=tmp_path / "seen")
    assert not (tmp_path / "seen").exists() and not (tmp_path / "few" / "seen").exists()
