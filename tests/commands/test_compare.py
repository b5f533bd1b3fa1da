from __future__ import annotations

import json
from pathlib import Path

import pytest

import tellapart
from tellapart.cli.output.compare import compare_output
from tellapart.commands.compare import _names
from tellapart.errors import DataError
from tellapart.run_folder import Run
from tests import folders


def run_on(folder: Path, tmp_path: Path, **options: object) -> Run:
    return tellapart.train(
        folder, out=tmp_path / "runs", state=tmp_path / "state", n_splits=0, learning_curve=False, **{"backbone": "lite0", **options}
    )


def test_a_run_cannot_be_told_apart_from_itself(trained: Run) -> None:
    found = tellapart.compare(trained.folder, trained.folder)
    assert (found.n, found.accuracy.value, found.log_loss.value, found.p_value) == (18, 0, 0, 1)
    name = trained.folder.name
    assert found.names == (f"{name} (first)", f"{name} (second)")
    assert found.verdict == f"{name} (first) and {name} (second) do not differ significantly on these 18 images (p = 1)"


def test_both_are_said_by_name_with_their_scores(trained: Run, photos: Path, tmp_path: Path) -> None:
    blind = run_on(photos, tmp_path, image_size=32, flip_average=False, name="blind")
    found = tellapart.compare(trained.folder, blind.folder)
    first, second = found.as_dict()["runs"]
    assert (first["name"], second["name"]) == found.names == (trained.folder.name, blind.folder.name)
    for run, said in ((trained, first), (blind, second)):
        expected = run.metrics.parts["test"]
        assert said["accuracy"] == pytest.approx(expected.accuracy.as_dict()) and said["log_loss"] == pytest.approx(
            expected.log_loss.as_dict()
        )
        assert said["model"] == run.predictions.source
    assert second["accuracy"]["value"] - first["accuracy"]["value"] == pytest.approx(found.accuracy.value)
    lines, content = compare_output(found)
    assert json.loads(json.dumps(content))["runs"][1]["name"] == blind.folder.name
    for name, said in zip(found.names, (first, second), strict=True):
        line = next(line for line in map(str, lines) if name in line)
        assert f"{100 * said['accuracy']['value']:.1f} %" in line
        assert name in found._repr_html_() and f"{100 * said['accuracy']['value']:.1f} %" in found._repr_html_()


def test_runs_of_one_name_are_told_apart_by_their_folders() -> None:
    assert _names(Path("/a/runs/x"), Path("/b/runs/x")) == ("a/runs/x", "b/runs/x")
    assert _names(Path("/runs/x"), Path("/runs/y")) == ("x", "y")
    assert _names(Path("/runs/x"), Path("/runs/x")) == ("x (first)", "x (second)")


def test_images_either_run_trained_on_are_left_out(trained: Run, photos: Path, tmp_path: Path) -> None:
    other = run_on(photos, tmp_path, seed=1)
    reported = {row.image_id for row in trained.rows if row.part == "test"} & {row.image_id for row in other.rows if row.part == "test"}
    assert 0 < len(reported) < 18
    found = tellapart.compare(trained.folder, other.folder)
    assert found.n == len(reported)


def test_differences_are_second_minus_first(trained: Run, photos: Path, tmp_path: Path) -> None:
    blind = run_on(photos, tmp_path, image_size=32, flip_average=False)
    there, back = tellapart.compare(blind.folder, trained.folder), tellapart.compare(trained.folder, blind.folder)
    assert there.log_loss.value == pytest.approx(-back.log_loss.value)
    assert there.log_loss.value < 0, "32 pixels see less"
    assert there.wrong_to_right.tolist() == back.right_to_wrong.tolist()


def test_runs_that_share_nothing_cannot_be_compared(trained: Run, tmp_path: Path) -> None:
    files = {f"{kind}/{seed}.jpg": folders.class_photo(kind, 300 + seed) for kind in folders.KINDS for seed in range(5)}
    other = run_on(folders.write(tmp_path / "others", files), tmp_path)
    with pytest.raises(DataError):
        tellapart.compare(trained.folder, other.folder)
    two = run_on(folders.some_of(trained_photos(trained), tmp_path / "two", each=10, kinds=("dots", "plain")), tmp_path)
    with pytest.raises(DataError, match="class"):
        tellapart.compare(trained.folder, two.folder)


def trained_photos(trained: Run) -> Path:
    return Path(trained.metrics.folder)


def test_what_is_no_run_is_a_clear_error(trained: Run, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no finished run"):
        tellapart.compare(trained.folder, tmp_path)
