"""Some hundred mutations of each file that is read back; ``benchmarks/fuzz.py`` reads as many as one likes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests import fuzzing

COUNT = int(os.environ.get("TELLAPART_MUTATIONS", "60"))


@pytest.mark.parametrize("name", fuzzing.SUBJECTS)
def test_a_mutated_file_is_refused_or_gives_the_same_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path / "cache"))
    seen = fuzzing.run(name, COUNT, 0, tmp_path)
    assert sum(seen.values()) == COUNT
    assert seen[fuzzing.REFUSED] or seen[fuzzing.SAID], "some mutations are noticed"
