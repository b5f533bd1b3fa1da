from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests import folders

if TYPE_CHECKING:
    from tellapart.run_folder import Run

EACH = 30
os.environ.setdefault("OMP_NUM_THREADS", "1")  # torch's threads spin while they wait, and there is a test process on every core
settings.register_profile("tellapart", deadline=None)
settings.load_profile("tellapart")
for _number in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(_number) == signal.SIG_IGN:  # the tests may run in the background, what they start must hear of signals
        signal.signal(_number, signal.default_int_handler if _number == signal.SIGINT else signal.SIG_DFL)


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The session's own cache folder; the user's is never touched, and nothing is fetched."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TELLAPART_CACHE", str(folder))
        patch.setenv("HF_HUB_OFFLINE", "1")
        patch.delenv("NO_COLOR", raising=False)
        yield folder


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes of 30 images; read-only by agreement: whoever changes something copies first."""
    folder = tmp_path_factory.mktemp("session") / "photos"
    files = {f"{kind}/{kind} {seed:02}.jpg": folders.class_photo(kind, seed) for kind in folders.KINDS for seed in range(EACH)}
    return folders.write(folder, files)


@pytest.fixture(scope="session")
def trained(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run on ``photos`` with lite0 and everything else by default."""
    import tellapart

    where = tmp_path_factory.mktemp("trained")
    return tellapart.train(photos, backbone="lite0", out=where / "runs", state=where / "state")


@pytest.fixture
def own_cache(trained: Run, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of the test's own, with the backbone in it and nothing else."""
    folder = tmp_path / "own cache"
    (folder / "backbones").mkdir(parents=True)
    for file in (cache / "backbones").glob("lite0*"):
        shutil.copy2(file, folder / "backbones")
    monkeypatch.setenv("TELLAPART_CACHE", str(folder))
    return folder


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 4 MB, where this process may mount one."""
    place = tmp_path / "small disk"
    place.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)], capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"mounting needs more rights: {done.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", str(place)], check=True)
