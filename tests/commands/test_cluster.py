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
from tellapart.analyzed_folder import OpenedFolder
from tellapart.cli.app import tellapart as door
from tellapart.errors import DataError, OptionError
from tellapart.features import FeatureMatrix
from tellapart.workflows.folder_clustering import parse_cluster_names
from tests import faces, folders, sample_images

LOOK = {"features": "lite0", "vocabulary": "none"}


@pytest.fixture
def root(photos: Path, tmp_path: Path) -> Path:
    return folders.some_of(photos, tmp_path / "photos", each=8, kinds=("dots", "stripes"))


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / "clusters.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_two_kinds_of_images_are_two_clusters(root: Path, tmp_path: Path) -> None:
    before = folders.contents(root)
    found = tellapart.cluster(root, k=2, out=tmp_path / "out", **LOOK)
    assert (found.k, found.images) == (2, 16)
    assert found.scores.accuracy >= 15 / 16
    assert found.encoding.nmi["class"] > 0.6
    assert found.encoding.sentence.startswith("These clusters follow class (NMI")
    assert [one.size for one in found.clusters] == sorted((one.size for one in found.clusters), reverse=True)
    rows = table(tmp_path / "out")
    assert {row["path"] for row in rows} == {f"{kind}/{kind} {i:02}.jpg" for kind in ("dots", "stripes") for i in range(8)}
    for one in found.clusters:
        inside = [row for row in rows if row["cluster"] == str(one.number)]
        assert len(inside) == one.size == sum(one.classes.values())
        distances = {row["path"]: float(row["distance"]) for row in inside}
        assert distances[one.medoid] == min(distances.values())
        assert distances[(one.farthest or one.nearest or [one.medoid])[0 if one.farthest else -1]] == max(distances.values())
        with Image.open(tmp_path / "out" / one.sheet) as sheet:
            assert sheet.width > 500
    assert json.loads((tmp_path / "out/clusters.json").read_text())["options"]["k"] == 2
    assert folders.contents(root) == before


def test_without_labels_and_without_a_number(root: Path, tmp_path: Path) -> None:
    flat = folders.write(tmp_path / "flat", {path.name: path.read_bytes() for path in sorted(root.rglob("*.jpg"))})
    found = tellapart.cluster(flat, out=tmp_path / "out", max_k=3, **LOOK)
    assert found.choice.ks == (1, 2, 3)
    assert found.choice.suggested is None
    assert "16 images are too few" in found.choice.reason
    assert found.k == 5
    assert found.scores is None
    assert found.encoding.nmi["class"] is None
    assert found.encoding.nmi["source"] is not None
    assert (tmp_path / "out/choice-of-k.svg").read_text().count("<circle") > 4


def test_names_folders_and_labels(root: Path, tmp_path: Path) -> None:
    before = folders.contents(root)
    first = tellapart.cluster(root, k=2, out=tmp_path / "out", **LOOK)
    dotted = next(one.number for one in first.clusters if max(one.classes, key=one.classes.get) == "dots")
    again = tellapart.cluster(
        root, k=2, out=tmp_path / "out", name=f"{dotted}=spotted", apply=True, folders=tmp_path / "sorted", links=True, **LOOK
    )
    assert [one.name for one in again.clusters] == ["spotted" if i == dotted else None for i in range(2)]
    size = first.clusters[dotted].size
    assert len(list((tmp_path / "sorted/spotted").iterdir())) == size
    assert len(list((tmp_path / f"sorted/{1 - dotted}").iterdir())) == 16 - size
    assert all(path.is_symlink() for path in (tmp_path / "sorted/spotted").iterdir())
    assert len(again.applied.changed) == size
    assert again.applied.left["spotted"] == size
    assert {one.new for one in again.applied.changed} == {"spotted"}
    tellapart.undo(root)
    numbered = tellapart.cluster(root, k=2, out=tmp_path / "out", apply=True, **LOOK)
    assert set(numbered.applied.left) == {"0", "1"}
    assert folders.contents(root) == before


def test_words_come_from_the_packaged_network(root: Path, tmp_path: Path) -> None:
    found = tellapart.cluster(root, k=1, out=tmp_path / "out", features="lite0")
    assert all(isinstance(word, str) for word in found.clusters[0].words)
    assert found.sentence.startswith("1 cluster of 16 images by k-means of lite0")


def test_words_of_yours_name_the_clusters_they_fit(tmp_path: Path) -> None:
    cat = Image.fromarray(faces.shipped("chelsea.png"))
    for number in range(4):
        (tmp_path / "photos").mkdir(exist_ok=True)
        cat.crop((20 * number, 0, 300 + 20 * number, 280)).save(tmp_path / f"photos/cat{number}.png")
    folders.write(tmp_path / "photos", {f"other{seed}.jpg": sample_images.photo(seed) for seed in range(5)})
    found = tellapart.cluster(tmp_path / "photos", k=2, features="lite0", vocabulary="dogs, cats", out=tmp_path / "out", apply=True)
    named = {one.name: one for one in found.clusters}
    assert set(named) == {"cats", None}
    assert named["cats"].size == 4
    assert named["cats"].words[0] == "cats"
    assert found.applied.left == {"cats": 4}
    both = tellapart.cluster(
        tmp_path / "photos", k=2, features="lite0", vocabulary="dogs,cats", name=f"{named['cats'].number}=tabby", out=tmp_path / "out"
    )
    assert {one.name for one in both.clusters} == {"tabby", None}


@pytest.mark.parametrize(
    ("words", "complaint"),
    [("cats", "not a choice of words"), ("cats,cats", "not a choice of words"), ("cats,unicorns", "no class 'unicorns'")],
)
def test_words_that_cannot_be_asked_for(root: Path, tmp_path: Path, words: str, complaint: str) -> None:
    with pytest.raises(OptionError, match=complaint):
        tellapart.cluster(root, k=2, vocabulary=words, out=tmp_path / "out")


def test_bad_images_and_bad_features_are_rows_with_a_reason(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders.write(root, {"dots/broken.jpg": sample_images.HTML, "dots/näme\n of two.jpg": sample_images.photo(5)})
    real = OpenedFolder.analyze

    def with_a_gap(*words: Any, **more: Any) -> Any:
        analyzed = real(*words, **more)
        features = analyzed.features
        values = features.values.copy()
        values[features.rows([next(r.image_id for r in analyzed.rows if r.path == "dots/dots 00.jpg")])] = np.nan
        object.__setattr__(analyzed, "features", FeatureMatrix(features.image_ids, values, features.provenance))
        return analyzed

    monkeypatch.setattr(OpenedFolder, "analyze", with_a_gap)
    found = tellapart.cluster(root, k=2, out=tmp_path / "out", **LOOK)
    assert found.images == 16
    assert found.left_out["dots/dots 00.jpg"] == "its features are not finite numbers"
    assert set(found.left_out) == {"dots/broken.jpg", "dots/dots 00.jpg"}
    assert "dots/näme\n of two.jpg" in {row["path"] for row in table(tmp_path / "out")}


def test_more_clusters_than_images(tmp_path: Path) -> None:
    one = folders.write(tmp_path / "one", {"1.jpg": sample_images.photo(1)})
    with pytest.raises(DataError, match=r"4 clusters cannot be made of 1 image$"):
        tellapart.cluster(one, k=4, out=tmp_path / "out", **LOOK)
    assert not (tmp_path / "out").exists()
    found = tellapart.cluster(one, out=tmp_path / "out", **LOOK)
    assert (found.k, found.clusters[0].size) == (1, 1)


def test_images_that_are_the_same_to_the_network(tmp_path: Path) -> None:
    same = sample_images.photo_pixels(1, 64, 64)
    files = {f"{i}.png": sample_images.encoded(same, "PNG", compress_level=i) for i in range(1, 6)}
    root = folders.write(tmp_path / "same", files)
    with pytest.raises(DataError, match="only 1 differs"):
        tellapart.cluster(root, k=2, out=tmp_path / "out", **LOOK)
    assert tellapart.cluster(root, out=tmp_path / "out", **LOOK).k == 1


def test_results_never_lie_among_the_photos_or_over_other_things(root: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="is inside the image folder"):
        tellapart.cluster(root, k=2, out=root / "clusters", **LOOK)
    mine = folders.write(tmp_path / "mine", {"clusters.json": b"{}", "letter.txt": b"mine"})
    with pytest.raises(OptionError, match="is not empty"):
        tellapart.cluster(root, k=2, out=mine, **LOOK)
    assert (mine / "letter.txt").read_bytes() == b"mine"
    with pytest.raises(OptionError, match="links has no effect without --folders"):
        tellapart.cluster(root, k=2, links=True, **LOOK)


def test_names_are_numbers_and_words() -> None:
    assert parse_cluster_names("0=cheetah, 2 = sea lion") == {0: "cheetah", 2: "sea lion"}
    assert parse_cluster_names(None) == {}
    for wrong in ("cheetah", "0=", "0=a,0=b", "x=a", "0=a,"):
        with pytest.raises(OptionError, match=r"does not name a cluster|named twice"):
            parse_cluster_names(wrong)


def test_a_name_for_a_cluster_that_is_not_there(root: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="there is no cluster 7; the clusters are 0 to 1"):
        tellapart.cluster(root, k=2, name="7=x", out=tmp_path / "out", **LOOK)


def test_from_the_command_line(root: Path, tmp_path: Path) -> None:
    folders.write(root, {"dots/broken.jpg": b""})

    def called(*words: object) -> Any:
        fixed = ["cluster", str(root), "--features", "lite0", "--vocabulary", "none", "--out", str(tmp_path / "out")]
        return CliRunner().invoke(door, [*fixed, *map(str, words)], catch_exceptions=False)

    plain = called("-k", 2, "--name", "0=big", "--apply")
    assert plain.exit_code == 0, plain.output
    for words in (
        "2 clusters of 16 images",
        "big",
        "These clusters follow",
        "compared with the labels of 16",
        "dots/broken.jpg  (empty file)",
    ):
        assert words in plain.stdout
    assert "to undo it: tellapart undo FOLDER --batch 1" in plain.stdout
    spoken = called("-k", 0, "--max-k", 2, "--json", "--quiet")
    assert json.loads(spoken.stdout)["choice"]["ks"] == [1, 2]
    assert called("--name", "cheetah").exit_code == 2
