from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tellapart.commands.serve import asgi
from tellapart.run_folder import Run
from tests import folders

LOCAL = "http://127.0.0.1"


@pytest.fixture(scope="session")
def app(trained: Run) -> Any:
    return asgi(trained.folder, num_workers=1, max_images=4, max_body=1.0)


@pytest.fixture(scope="module")
def client(app: Any) -> Iterator[TestClient]:
    yield TestClient(app, base_url=LOCAL)


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder: Path = folders.write(tmp_path_factory.mktemp("one"), {"dots.jpg": folders.class_photo("dots", 77)})
    return (folder / "dots.jpg").read_bytes()
