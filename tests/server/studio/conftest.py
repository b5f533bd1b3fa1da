from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

import tellapart
from tellapart.dataset.options import AS_FOUND
from tellapart.run_folder import Run
from tellapart.server.studio.app import make_studio_app, studio_access
from tellapart.server.studio.loading import load_workspace
from tellapart.server.studio.scan import FolderSource
from tellapart.server.studio.studio import Places, Studio
from tests import folders, sample_images
from tests.reports.conftest import browser as browser

LOCAL = "http://127.0.0.1:8001"
TOKEN = "a token of the tests"  # noqa: S105
NASTY = "<script>alert(1)<script> & 'so'"


def tiny(seed: int) -> bytes:
    """A small JPEG of its own."""
    pixels = np.random.default_rng(seed).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    return sample_images.encoded(sample_images.Image.fromarray(pixels), quality=80)


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Cats, dogs, a class with a dangerous name, a copy, a contradiction, an SVG that calls itself a JPEG; copied by whoever decides."""
    svg = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"></svg>'
    files = {f"{name}/{name} {i}.jpg": tiny(10 * k + i) for k, name in enumerate(("cats", "dogs")) for i in range(6)}
    files |= {f"{NASTY}/<img onerror=alert(1)> {i}.jpg": tiny(100 + i) for i in range(2)}
    files |= {"cats/copy.jpg": tiny(0), "cats/both.jpg": tiny(50), "dogs/both.jpg": tiny(50), "dogs/drawing.jpg": svg}
    return folders.write(tmp_path_factory.mktemp("studio") / "pets", files)


@pytest.fixture
def pets(pristine: Path, tmp_path: Path) -> Path:
    """A copy of the folder, to be decided about."""
    return folders.write(tmp_path / "pets", {str(p.relative_to(pristine)): p.read_bytes() for p in pristine.rglob("*.jpg")})


@pytest.fixture
def studio(pets: Path) -> Iterator[Studio]:
    made = Studio(FolderSource(pets, AS_FOUND))
    made.use(load_workspace(made.source))
    yield made
    made.close()


@pytest.fixture
def client(studio: Studio) -> TestClient:
    """A browser that has opened the address."""
    app = make_studio_app(studio, studio_access(frozenset({"127.0.0.1"}), TOKEN, 8001))
    opened = TestClient(app, base_url=LOCAL, headers={"origin": LOCAL}, raise_server_exceptions=False)
    assert opened.get("/open", params={"token": TOKEN}).status_code == 200
    return opened


@pytest.fixture(scope="session")
def reviewed(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The review of a check without a backbone."""
    out = tmp_path_factory.mktemp("checked")
    tellapart.check(photos, backbone="none", out=out / "check", state=out / "state")
    return out / "check"


@pytest.fixture
def trained_studio(photos: Path, trained: Run, reviewed: Path, tmp_path: Path) -> Iterator[Studio]:
    shutil.copytree(trained.folder.parent.parent / "state", tmp_path / "state")
    made = Studio(FolderSource(photos, AS_FOUND, tmp_path / "state"), Places(runs=trained.folder.parent, check=reviewed))
    made.use(load_workspace(made.source))
    yield made
    made.close()
