from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

import tellapart
from tellapart.cli.app import tellapart as door
from tellapart.errors import DataError, OptionError
from tellapart.run_folder import Run
from tests import folders


@pytest.fixture(scope="module")
def unlabeled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos without class folders."""
    files = {f"{kind}{seed}.jpg": folders.class_photo(kind, 700 + seed) for kind in folders.KINDS for seed in range(6)}
    return folders.write(tmp_path_factory.mktemp("unlabeled") / "album", files)


def test_the_least_certain_images_are_suggested_and_labeled_on_a_page(trained: Run, unlabeled: Path, tmp_path: Path) -> None:
    album = shutil.copytree(unlabeled, tmp_path / "album")
    found = tellapart.suggest(album, run=trained.folder, n=4, out=tmp_path / "out")
    assert (len(found.images), found.candidates, found.class_names) == (4, 18, folders.KINDS)
    margins = [image.margin for image in found.images]
    assert margins == sorted(margins)
    assert found.worth is not None and "4 labels more on 72" in found.worth
    with found.table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["path"] for row in rows] == [image.path for image in found.images]
    view = json.loads((tmp_path / "out" / "review.json").read_text())
    assert [row["path"] for row in view["rows"]] == [image.path for image in found.images]
    assert view["issues"][0]["proposal"] == "relabel" and view["header"]["class_names"] == list(folders.KINDS)


def test_labeled_images_are_not_suggested_again(trained: Run, unlabeled: Path, tmp_path: Path) -> None:
    album = shutil.copytree(unlabeled, tmp_path / "album")
    first = tellapart.suggest(album, run=trained.folder, n=4, out=tmp_path / "out")
    rows = json.loads((tmp_path / "out" / "review.json").read_text())["rows"]
    lines = [
        {"action": "relabel", "path": row["path"], "image_id": row["image_id"], "is_of_file": False, "old": None, "new": row["suggested"]}
        for row in rows
    ]
    (tmp_path / "decisions.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert tellapart.decisions(album, apply=tmp_path / "decisions.jsonl").applied == 4
    again = tellapart.suggest(album, run=trained.folder, n=4, out=tmp_path / "again")
    assert again.candidates == 14
    assert not {image.path for image in first.images} & {image.path for image in again.images}


def test_without_a_run_prototypes_are_suggested(trained: Run, unlabeled: Path, tmp_path: Path) -> None:
    found = tellapart.suggest(unlabeled, features="lite0", classes="dots,plain,stripes", n=3, out=tmp_path / "out", state=tmp_path / "s")
    assert len(found.images) == 3 and found.worth is None
    assert all(image.predicted is None for image in found.images)
    shown = CliRunner().invoke(
        door, ["suggest", str(unlabeled), "--features", "lite0", "-n", "2", "--classes", "a,b", "--out", str(tmp_path / "two")]
    )
    assert "2 images to label, of 18 images" in shown.output, shown.output
    with pytest.raises(OptionError, match="no classes to label with"):
        tellapart.suggest(unlabeled, features="lite0", out=tmp_path / "none", state=tmp_path / "s")


def test_labels_that_the_run_doubts_are_looked_at_again(trained: Run, photos: Path, tmp_path: Path) -> None:
    wrong = folders.some_of(photos, tmp_path / "photos", each=10)
    (wrong / "dots" / "plain 00.jpg").write_bytes((wrong / "plain" / "plain 00.jpg").read_bytes())
    (wrong / "plain" / "plain 00.jpg").unlink()
    found = tellapart.suggest(wrong, run=trained.folder, labeled=True, n=5, out=tmp_path / "out")
    margins = {image.path: image.margin for image in found.images}
    assert margins["dots/plain 00.jpg"] is not None and margins["dots/plain 00.jpg"] < 0
    assert found.candidates == 30


def test_nothing_to_suggest_is_a_clear_error(trained: Run, photos: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has a label already"):
        tellapart.suggest(photos, run=trained.folder, out=tmp_path / "out", state=tmp_path / "state")
    with pytest.raises(DataError, match="no finished run"):
        tellapart.suggest(photos, run=tmp_path, out=tmp_path / "out")
    with pytest.raises(OptionError, match="labeled has no effect without --run"):
        tellapart.suggest(photos, labeled=True, out=tmp_path / "out")
