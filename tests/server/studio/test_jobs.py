from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tellapart.dataset.options import DatasetOptions
from tellapart.errors import DataError, OptionError
from tellapart.run_folder import Run
from tellapart.server.studio import jobs as module
from tellapart.server.studio.jobs import DONE, FAILED, RUNNING, STOPPED, Job, Jobs, arguments_of
from tellapart.server.studio.scan import FolderSource
from tellapart.server.studio.studio import Studio

PATIENCE_S = 120
WAITING = "import sys, time\nprint('on it', file=sys.stderr, flush=True)\ntry: time.sleep(600)\nexcept KeyboardInterrupt: sys.exit(130)"


def until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs run Python instead of tellapart."""
    monkeypatch.setattr(module, "_command", lambda arguments: (sys.executable, "-c", *arguments))


def ended(job: Job, state: str) -> None:
    until(lambda: job.state != RUNNING)
    assert job.state == state


def test_a_job_ends_with_its_result_and_the_next_has_the_next_number(tmp_path: Path, script: None) -> None:
    jobs = Jobs(tmp_path / "jobs")
    job = jobs.start("train", ['import json, sys; print("4 of 5", file=sys.stderr); print(json.dumps({"path": "/runs/pets-1"}))'])
    ended(job, DONE)
    view = Jobs(tmp_path / "jobs").all()[0].view()
    assert (view["result"], view["lines"], view["kind"]) == ("pets-1", ["4 of 5"], "train")
    failed = jobs.start("train", ["raise SystemExit('no')"])
    ended(failed, FAILED)
    assert failed.number == 2 and failed.view()["lines"] == ["no"]


def test_a_job_survives_the_studio_and_is_stopped_by_another_one(tmp_path: Path, script: None) -> None:
    Jobs(tmp_path / "jobs").start("train", [WAITING])
    later = Jobs(tmp_path / "jobs")
    (job,) = later.all()
    until(lambda: job.view()["lines"] == ["on it"])
    assert job.state == RUNNING
    with pytest.raises(DataError, match="running already"):
        later.start("train", [WAITING])
    ended(later.start("check", ["pass"]), DONE)
    job.stop()
    ended(job, STOPPED)
    job.stop()  # whoever has its process number now is left alone


def test_a_keeper_that_was_killed_has_failed(tmp_path: Path, script: None, monkeypatch: pytest.MonkeyPatch) -> None:
    import json
    import os
    import signal

    job = Jobs(tmp_path / "jobs").start("train", [WAITING])
    until(lambda: job.view()["lines"] == ["on it"])
    keeper = json.loads((job.folder / "keeper.json").read_text())["process"]
    children = Path(f"/proc/{keeper}/task/{keeper}/children")
    child = int(children.read_text().split()[0]) if children.exists() else None
    os.kill(keeper, signal.SIGKILL)
    ended(job, FAILED)
    if child is not None:
        os.kill(child, signal.SIGKILL)


def test_the_command_line_reads_the_folder_as_the_studio_does(tmp_path: Path) -> None:
    source = FolderSource("photos", DatasetOptions(label_folder="top"), tmp_path / "state")
    arguments = arguments_of("train", source, tmp_path / "runs", {"recipe": "finetune", "epochs": 2, "name": ""})
    assert arguments == [
        *("train", str(Path("photos").absolute()), "--out", str(tmp_path / "runs"), "--label-folder", "top"),
        *("--state", str(tmp_path / "state"), "--recipe", "finetune", "--epochs", "2", "--json"),
    ]
    plain = FolderSource("s3://bucket/pets", DatasetOptions())
    assert arguments_of("check", plain, tmp_path, {}) == ["check", "s3://bucket/pets", "--out", str(tmp_path), "--json"]


def test_a_suggestion_asks_the_newest_run_of_the_folder(
    trained_studio: Studio, trained: Run, script: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(module, "_command", lambda arguments: (sys.executable, "-c", "pass", *arguments))
    trained_studio.places = replace(trained_studio.places, suggested=tmp_path / "suggested")
    job = trained_studio.start_job("suggest", {"n": 50})
    out, run = str(tmp_path / "suggested"), str(trained.folder)
    words = job.command[job.command.index("suggest") + 2 :]
    assert words == ("--out", out, "--state", str(trained_studio.source.state), "--n", "50", "--json", "--run", run)
    ended(job, DONE)
    ended(job := trained_studio.start_job("suggest", {"classes": "cats,dogs"}), DONE)
    assert "--run" not in job.command and job.command[-3:] == ("--classes", "cats,dogs", "--json")


@pytest.mark.parametrize(
    "chosen", [{"recipe": "magic"}, {"out": "/etc"}, {"name": "../../x"}, {"epochs": 3}, {"weights": "/etc/passwd"}, {"name": ["a"]}]
)
def test_options_that_are_wrong_or_not_offered_start_nothing(tmp_path: Path, chosen: dict[str, object]) -> None:
    with pytest.raises(OptionError):
        arguments_of("train", FolderSource("photos", DatasetOptions()), tmp_path, chosen)
