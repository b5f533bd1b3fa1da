from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import tellapart
from tellapart.cli.output.train import train_output
from tellapart.errors import DataError, TimeLimitError
from tellapart.run_folder import Run
from tellapart.workflows.training_plan import TrainingPlan
from tests import folders


def planned(folder: Path, place: Path, **options: Any) -> TrainingPlan:
    plan = tellapart.train(folder, plan=True, out=place / "runs", state=place / "state", **options)
    assert isinstance(plan, TrainingPlan)
    return plan


def test_a_plan_measures_and_trains_nothing(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path / "cache"))
    few = folders.some_of(photos, tmp_path / "photos", each=4)
    plan = planned(few, tmp_path, backbone="lite0", image_size=32)
    reading, rest = plan.stages
    assert (plan.files, plan.cached, reading.images, rest.images) == (12, 0, 12, 12)
    assert reading.images_per_s is not None and reading.images_per_s > 0
    assert reading.seconds == pytest.approx(12 / reading.images_per_s)
    assert reading.disk_bytes > 12 * 4 * 1280
    assert plan.seconds == reading.seconds + rest.seconds
    assert not (tmp_path / "runs").exists()
    (few / folders.KINDS[0] / "broken.jpg").write_bytes(b"<html>")
    again = planned(few, tmp_path, backbone="lite0", image_size=32)
    assert (again.files, again.cached) == (13, 12), "what was read to measure is not read again, and a broken file does no harm"


def test_a_plan_of_a_network_counts_every_epoch(photos: Path, tmp_path: Path) -> None:
    options = {"recipe": "scratch", "architecture": "tiny", "image_size": 32, "batch_size": 4}
    two, four = (planned(photos, tmp_path, **options, epochs=epochs).stages[1] for epochs in (2, 4))
    assert (two.images, four.images) == (round(90 * 0.8 * 0.8 * 2), round(90 * 0.8 * 0.8 * 4))
    assert two.images_per_s is not None and two.images_per_s > 0
    limited = planned(photos, tmp_path, **options, epochs=1000, time_limit="1s").stages[1]
    assert limited.seconds <= 1


def test_a_plan_says_what_the_last_run_expects_of_more_images(photos: Path, trained: Run, tmp_path: Path) -> None:
    plan = tellapart.train(photos, plan=True, backbone="lite0", out=trained.folder.parent, state=tmp_path / "state")
    assert isinstance(plan, TrainingPlan)
    assert plan.more_images.startswith("twice the training images (") and trained.name in plan.more_images
    assert "not known" in planned(photos, tmp_path, backbone="lite0").more_images
    lines, content = train_output(plan)
    assert any("together" in str(line) for line in lines)
    assert content["stages"][0]["name"] == "reading images"


def test_a_plan_refuses_what_the_training_would(tmp_path: Path, photos: Path) -> None:
    folders.some_of(photos, tmp_path / "photos", each=2)
    for name in folders.KINDS[1:]:
        for file in (tmp_path / "photos" / name).iterdir():
            file.unlink()
    with pytest.raises(DataError, match="class"):
        planned(tmp_path / "photos", tmp_path)


def test_a_time_limit_that_reading_uses_up_ends_the_command_and_keeps_what_was_read(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path / "cache"))
    few = folders.some_of(photos, tmp_path / "photos", each=4)
    options: dict[str, Any] = {"recipe": "scratch", "architecture": "tiny", "image_size": 32, "epochs": 1}
    with pytest.raises(TimeLimitError, match=r"the time limit of 0\.001s leaves no time to train"):
        tellapart.train(few, time_limit="0.001s", out=tmp_path / "runs", state=tmp_path / "state", **options)
    assert not list((tmp_path / "runs").glob("*"))
    assert planned(few, tmp_path, **options).cached > 0
