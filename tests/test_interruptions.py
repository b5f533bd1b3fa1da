"""Ctrl-C, SIGTERM, SIGHUP and SIGKILL at any moment of a training: nothing half-written counts, and the same command then succeeds."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import tellapart
from tellapart.atomic_files import remove_abandoned
from tellapart.features import FeatureCache
from tellapart.run_folder import Run, open_run
from tests import folders

TRAIN = "import sys; from tellapart.cli import main; main()"
EACH = 14
MOMENTS = int(os.environ.get("TELLAPART_MOMENTS", "3"))
"""Interruptions of each kind, spread over a training's time; more of them make a longer and surer test."""
ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Signals that end a command in order."""
STARTED = 0.5
"""Seconds in which Python itself starts; an interruption there is not ours to answer."""


def command(photos: Path, out: Path) -> list[str]:
    return [sys.executable, "-c", TRAIN, "train", str(photos), "--backbone", "lite0", "--out", str(out), "--n-splits", "2", "--quiet"]


@pytest.fixture(scope="module")
def whole(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict, float]:
    """The numbers of a training nobody interrupted, from an empty cache, and its seconds."""
    place = tmp_path_factory.mktemp("whole")
    root = folders.some_of(photos, place / "photos", each=EACH)
    start = time.monotonic()
    subprocess.run(
        command(root, place / "runs"), env={**os.environ, "TELLAPART_CACHE": str(place / "cache")}, check=True, capture_output=True
    )
    return numbers(open_run(place / "runs/photos-1")), time.monotonic() - start


def numbers(run: Run) -> dict:
    """What must not depend on interruptions; probabilities may differ a little as the number format is chosen by timing."""
    return {"test": run.metrics.parts["test"].confusion_matrix, "data": run.metrics.data, "notes": run.metrics.notes}


def check_what_lies_about(place: Path) -> None:
    """Every file under its own name is whole."""
    for folder in (place / "cache/features").glob("*"):
        cache = FeatureCache(folder.parent, folder.name, 1280)
        ids = sorted(cache.image_ids())
        assert cache.read_into(ids, np.empty((len(ids), cache.width), np.float32)).all()
    for path in [*place.glob("cache/**/*.json"), *place.glob("runs/photos-*/**/*.json")]:
        if not path.name.startswith("."):
            json.loads(path.read_text(encoding="utf-8"))
    for folder in (place / "runs").glob("photos-*"):
        assert (folder / "report.html").is_file()
        assert len(open_run(folder).predictions)
        assert len(tellapart.predict(folder, place / "photos/dots").predictions)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
@pytest.mark.parametrize("number", range(MOMENTS))
def test_an_interrupted_training_leaves_nothing_half_and_the_next_one_succeeds(
    photos: Path, tmp_path: Path, whole: tuple[dict, float], how: signal.Signals, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted, seconds = whole
    how = ENDINGS[number % len(ENDINGS)] if how is signal.SIGINT else how
    moment = 0.2 + 0.8 * (number + (0.7 if how is signal.SIGKILL else 0.3)) / MOMENTS
    root = folders.some_of(photos, tmp_path / "photos", each=EACH)
    before = folders.contents(root)
    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path / "cache"))
    with subprocess.Popen(command(root, tmp_path / "runs"), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        time.sleep(moment * seconds)
        process.send_signal(how)
        out, err = process.communicate(timeout=600)
    if how is not signal.SIGKILL and process.returncode != 0 and moment * seconds > STARTED:
        assert process.returncode == 128 + how, err.decode()
        assert b"Traceback" not in err
        assert b"interrupted" in err
        assert out == b""
        assert not list((tmp_path / "cache").rglob("*.partial"))
        assert not list((tmp_path / "runs").glob("*"))
    assert folders.contents(root) == before
    check_what_lies_about(tmp_path)
    finished = len(list((tmp_path / "runs").glob("photos-*")))
    again = tellapart.train(root, backbone="lite0", out=tmp_path / "runs", n_splits=2, again=True)
    assert again.name == f"photos-{finished + 1}"
    assert numbers(again) == wanted
    check_what_lies_about(tmp_path)
    assert folders.contents(root) == before
    remove_abandoned(tmp_path / "runs")
    assert {p.name for p in (tmp_path / "runs").iterdir()} == {f"photos-{i + 1}" for i in range(finished + 1)}
