from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

import tellapart
from tellapart.cli.app import tellapart as cli
from tellapart.cli.output.runs import rm_run_output, runs_output
from tellapart.errors import DataError
from tellapart.run_folder import Run
from tellapart.workflows.leaderboard import BEST, LEVEL
from tests import folders


@pytest.fixture
def several(trained: Run, photos: Path, tmp_path: Path) -> Path:
    """A folder of runs: one, a copy of it, a blind one on the same images, one on other images, a damaged one."""
    out = tmp_path / "runs"
    usual = {"out": out, "state": tmp_path / "state", "n_splits": 0, "learning_curve": False, "backbone": "lite0"}
    shutil.copytree(trained.folder, out / "first")
    shutil.copytree(trained.folder, out / "twin")
    tellapart.train(photos, image_size=32, flip_average=False, name="blind", **usual)
    tellapart.train(photos, seed=1, name="other", **usual)
    (out / "damaged").mkdir()
    (out / "damaged" / "metrics.json").write_text("{")
    (out / "no run").mkdir()
    return out


def test_runs_on_the_same_images_are_paired_with_the_best(several: Path) -> None:
    found = tellapart.runs(several)
    assert {entry.name for entry in found.runs} == {"first", "twin", "blind", "other"}
    assert [len(group.ranks) for group in found.groups] == [3, 1]
    best, *rest = found.groups[0].ranks
    expected = tellapart.compare(several / best.name, several / "blind")
    blind = next(rank for rank in rest if rank.name == "blind")
    assert best.standing == BEST and best.p_value is None
    assert blind.p_value == pytest.approx(expected.p_value)
    assert blind.accuracy is not None and blind.accuracy.value == pytest.approx(expected.accuracy.value)
    twin = next(rank for rank in rest if rank.name in ("first", "twin"))
    assert twin.standing == LEVEL
    assert list(found.unreadable) == ["damaged"]
    assert any("too optimistic" in note for note in found.notes)


def test_scores_time_and_size_are_those_of_the_run(several: Path, trained: Run) -> None:
    found = tellapart.runs(several)
    first = next(entry for entry in found.runs if entry.name == "first")
    assert first.accuracy is not None
    assert first.accuracy == trained.metrics.parts["test"].accuracy
    assert first.seconds == trained.metrics.seconds > 0
    assert first.size_bytes == sum(file.stat().st_size for file in first.path.rglob("*") if file.is_file())
    lines, content = runs_output(found)
    text = "\n".join(map(str, lines))
    assert all(name in text for name in ("first", "blind", "damaged", LEVEL))
    assert json.loads(json.dumps(content))["groups"][0]["n"] == 18


def test_the_page_is_one_file_without_scripts_of_strangers(several: Path, tmp_path: Path) -> None:
    (several / "twin").rename(several / "<b>twin")
    page = tmp_path / "runs.html"
    assert tellapart.runs(several, page=page).page == page
    text = page.read_text()
    assert "&lt;b&gt;twin" in text and "<b>twin" not in text
    assert text.count("<svg") >= 4


def test_a_run_is_deleted_only_when_asked_for(several: Path) -> None:
    asked = tellapart.rm_run([several / "twin", several / "first"])
    assert not asked.is_deleted and (several / "twin" / "metrics.json").exists()
    assert any("--yes" in str(line) for line in rm_run_output(asked)[0])
    (several / "twin" / "export" / "onnx").mkdir(parents=True)  # where export-model writes
    done = tellapart.rm_run(several / "twin", yes=True)
    assert done.is_deleted and not (several / "twin").exists() and (several / "first").exists()


def test_a_run_folder_with_files_of_yours_is_left_alone(several: Path) -> None:
    (several / "twin" / "thesis.docx").write_text("mine")
    with pytest.raises(DataError, match=r"thesis\.docx"):
        tellapart.rm_run([several / "first", several / "twin"], yes=True)
    assert (several / "first").exists()


def test_a_run_on_a_bucket_names_its_address(trained: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path / "cache"))
    copy = tmp_path / "cache/buckets/0123/pets"
    folders.write(copy.parent, {".address": b"s3://animals/pets"})
    shutil.copytree(trained.folder, tmp_path / "runs/pets-1")
    file = tmp_path / "runs/pets-1/metrics.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "folder": str(copy)}))
    assert [entry.images for entry in tellapart.runs(tmp_path / "runs").runs] == ["s3://animals/pets"]


def test_without_a_folder_those_in_runs_are_listed(several: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(several.parent)
    result = CliRunner().invoke(cli, ["runs", "--json"], catch_exceptions=False)
    assert {entry["name"] for entry in json.loads(result.stdout)["runs"]} == {"first", "twin", "blind", "other"}


def test_a_folder_without_runs_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no run in"):
        tellapart.runs(tmp_path)
    with pytest.raises(DataError, match="there is no folder"):
        tellapart.runs(tmp_path / "absent")
