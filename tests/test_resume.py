"""SIGKILL at any moment of a network's training: the same command again ends with the same weights, to the last bit."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import tellapart
from tellapart.errors import StorageError
from tellapart.training import loop
from tests import folders

EACH = 12
EPOCHS = 6
MOMENTS = int(os.environ.get("TELLAPART_MOMENTS", "3"))
"""Kills, at random moments of a training's time; more of them make a longer and surer test."""
WORKERS = (1, 2, 4)
TRAIN = {"recipe": "scratch", "architecture": "resnet", "image_size": 24, "epochs": EPOCHS, "batch_size": 8, "augment": "strong"}


def command(photos: Path, out: Path, num_workers: int = 2) -> list[str]:
    flags = [text for name, value in TRAIN.items() for text in (f"--{name.replace('_', '-')}", str(value))]
    return [
        sys.executable,
        "-m",
        "tellapart",
        "train",
        str(photos),
        *flags,
        "--out",
        str(out),
        "--num-workers",
        str(num_workers),
        "--quiet",
    ]


def weights(run: Path) -> str:
    return hashlib.sha256((run / "model/member-1.safetensors").read_bytes()).hexdigest()


def told(run: Path) -> list[dict[str, Any]]:
    """What the run says of its epochs, times left out."""
    events = [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]
    return [{key: value for key, value in event.items() if key not in ("seconds", "images_per_s")} for event in events]


@pytest.fixture(scope="module")
def place(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos, and a cache whose number format is settled and whose images are read."""
    place = tmp_path_factory.mktemp("resume")
    folders.some_of(photos, place / "photos", each=EACH)
    return place


@pytest.fixture(scope="module")
def environment(place: Path) -> dict[str, str]:
    return {**os.environ, "TELLAPART_CACHE": str(place / "cache"), "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def whole(place: Path, environment: dict[str, str]) -> tuple[Path, float]:
    """The run of a training nobody interrupted, and the seconds of one of its epochs."""
    subprocess.run(command(place / "photos", place / "whole"), env=environment, check=True, capture_output=True)
    run = place / "whole/photos-1"
    return run, json.loads((run / "history.jsonl").read_text().splitlines()[-1])["seconds"] / EPOCHS


@pytest.mark.parametrize("number", range(MOMENTS))
def test_a_killed_training_ends_with_the_same_weights(
    place: Path, environment: dict[str, str], whole: tuple[Path, float], tmp_path: Path, number: int
) -> None:
    """Killed some time after its first, second, ... epoch ended; every fourth time while it starts."""
    wanted, an_epoch = whole
    draw = random.Random(number + 1000 * MOMENTS)
    again = command(place / "photos", tmp_path, WORKERS[number % len(WORKERS)])
    with subprocess.Popen(again, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        seen: set[int] = set()
        while len(seen) < number % 4 and process.poll() is None:
            seen |= {path.stat().st_mtime_ns for path in place.glob("cache/trainings/*/*.checkpoint")}
            time.sleep(0.005)
        time.sleep(draw.uniform(0, an_epoch if number % 4 else 5))
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=600)
    if not list(tmp_path.glob("photos-*")):
        subprocess.run(again, env=environment, check=True, capture_output=True)
    run = tmp_path / "photos-1"
    assert weights(run) == weights(wanted)
    assert told(run) == told(wanted)
    assert not list((place / "cache/trainings").iterdir())


class Interrupting:
    """Raises at the so-manieth word of progress of the training itself."""

    def __init__(self, at: int, error: BaseException) -> None:
        self.at, self.error = at, error

    @contextmanager
    def stage(self, title: str, total: int | None = None, unit: str = "images") -> Iterator[Callable[[int], None]]:
        def advance(count: int) -> None:
            if title.startswith(("scratch", "fold")):
                self.at -= 1
                if self.at < 0:
                    raise self.error

        yield advance

    def note(self, message: str) -> None: ...


def train(place: Path, out: Path, progress: Any = tellapart.progress.SILENT, **more: Any) -> Path:
    """In this process: two epochs of four steps, with a checkpoint after each step."""
    options = {"recipe": "scratch", "architecture": "tiny", "image_size": 24, "epochs": 2, "batch_size": 8, "num_workers": 1}
    return tellapart.train(place / "photos", out=out, progress=progress, **{**options, **more}).folder


@pytest.fixture
def one_thread(place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    import torch

    monkeypatch.setenv("TELLAPART_CACHE", str(place / "cache"))
    monkeypatch.setattr(loop, "CHECKPOINT_EVERY_S", -1.0)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("one_thread")
def test_interrupted_after_every_step_it_still_ends_the_same(place: Path, tmp_path: Path) -> None:
    wanted = train(place, tmp_path / "whole")
    sessions = 0
    while True:
        try:
            run = train(place, tmp_path / "pieces", Interrupting(2, KeyboardInterrupt()), num_workers=WORKERS[sessions % 3])
            break
        except KeyboardInterrupt:
            sessions += 1
            (folder,) = (place / "cache/trainings").iterdir()
            assert len(list((place / "cache/trainings").iterdir())) == 1, "the number of workers is no other training"
    assert sessions >= 4
    assert not folder.exists()
    assert weights(run) == weights(wanted)
    assert told(run) == told(wanted)
    cards = [json.loads((each / "model/model.json").read_text()) for each in (run, wanted)]
    assert cards[0]["members"] == cards[1]["members"]
    assert len(list((tmp_path / "pieces").iterdir())) == 1


@pytest.mark.usefixtures("one_thread")
def test_folds_go_on_in_the_middle(place: Path, tmp_path: Path) -> None:
    wanted = train(place, tmp_path / "whole", folds=2)
    for at in (3, 5):
        with pytest.raises(KeyboardInterrupt):
            train(place, tmp_path / "pieces", Interrupting(at, KeyboardInterrupt()), folds=2)
    run = train(place, tmp_path / "pieces", folds=2)
    for name in ("member-1.safetensors", "member-2.safetensors"):
        assert (run / "model" / name).read_bytes() == (wanted / "model" / name).read_bytes()


@pytest.mark.usefixtures("one_thread")
def test_a_full_disk_keeps_the_last_checkpoint(place: Path, tmp_path: Path, small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = train(place, tmp_path / "whole")
    cache = small_disk / "cache"
    monkeypatch.setenv("TELLAPART_CACHE", str(cache))
    filler = small_disk / "filler"

    class Filling(Interrupting):
        """Fills the disk after a few steps."""

        def __init__(self) -> None:
            super().__init__(4, KeyboardInterrupt())

        @contextmanager
        def stage(self, title: str, total: int | None = None, unit: str = "images") -> Iterator[Callable[[int], None]]:
            with super().stage(title, total, unit) as count:

                def advance(number: int) -> None:
                    try:
                        count(number)
                    except KeyboardInterrupt:
                        with filler.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
                            while True:
                                file.write(bytes(512))

                yield advance

    with pytest.raises(StorageError, match="no space left"):
        train(place, tmp_path / "pieces", Filling())
    filler.unlink()
    (checkpoint,) = cache.glob("trainings/*/*.checkpoint")
    assert checkpoint.stat().st_size > 100_000
    assert weights(train(place, tmp_path / "pieces")) == weights(wanted)


def torchrun(photos: Path, out: Path, environment: dict[str, str]) -> subprocess.Popen[str]:
    """Two processes on this machine that train together."""
    start = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--nproc_per_node",
        "2",
        "--rdzv_backend",
        "c10d",
        "--rdzv_endpoint",
        "127.0.0.1:0",
    ]
    own = [*command(photos, out)[1:], "--epochs", "10"]
    own.remove("--quiet")
    quiet = {**environment, "PYTHONWARNINGS": "ignore"}
    return subprocess.Popen([*start, *own], env=quiet, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)


def worker_of(process: subprocess.Popen[str]) -> int:
    """The second of the processes that torchrun started."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return max(int(child) for child in children)


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs /proc")
def test_processes_that_train_together_go_on_after_one_was_killed(place: Path, environment: dict[str, str], tmp_path: Path) -> None:
    environment = {**environment, "TELLAPART_CACHE": str(tmp_path / "cache")}
    with torchrun(place / "photos", tmp_path / "killed", environment) as process:
        while process.poll() is None and not list((tmp_path / "cache").glob("trainings/*/*.checkpoint")):
            time.sleep(0.02)
        assert process.poll() is None, process.communicate()[1]
        os.kill(worker_of(process), signal.SIGKILL)
        process.communicate(timeout=600)
    assert process.returncode != 0, "torchrun ends the others"
    assert not list(tmp_path.glob("killed/photos-*"))
    with torchrun(place / "photos", tmp_path / "killed", environment) as process:
        out, err = process.communicate(timeout=900)
    assert process.returncode == 0, err
    assert out.count("report:") == 1, "the first alone speaks"
    assert err.count("epoch 10 of 10") == 1
    assert "epoch 1 of 10" not in err, "it went on from the checkpoint"
    assert [path.name for path in (tmp_path / "killed").iterdir()] == ["photos-1"]
    run = tmp_path / "killed/photos-1"
    losses = [event["train"]["loss"] for event in told(run)]
    assert len(losses) == 10
    assert losses[-1] < losses[0]
    if MOMENTS > 3:
        with torchrun(place / "photos", tmp_path / "whole", environment) as process:
            process.communicate(timeout=900)
        assert weights(run) == weights(tmp_path / "whole/photos-1")
