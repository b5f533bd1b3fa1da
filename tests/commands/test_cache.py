from __future__ import annotations

import os
from pathlib import Path

import pytest

import tellapart
from tellapart.cli.output.cache import cache_output
from tellapart.errors import OptionError

DAY = 86_400


@pytest.fixture
def filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "cache"
    sizes = {"pixels/old.u8": 1000, "pixels/new.u8": 500, "features/a/one.npy": 70, "thumbnails.sqlite": 30, "state/x/catalog.sqlite": 9}
    for name, size in sizes.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(bytes(size))
    past = (root / "pixels/old.u8").stat().st_mtime - 40 * DAY
    os.utime(root / "pixels/old.u8", (past, past))
    monkeypatch.setenv("TELLAPART_CACHE", str(root))
    return root


def test_each_kind_is_listed_with_its_size(filled: Path) -> None:
    found = tellapart.cache()
    assert {kind.name: (kind.items, kind.size_bytes) for kind in found.kinds} == {
        "pixels": (2, 1500),
        "features": (1, 70),
        "thumbnails": (1, 30),
        "state": (1, 9),
    }
    assert (found.size_bytes, found.cleared_bytes) == (1609, 0)
    assert any("never cleared" in str(line) for line in cache_output(found)[0])


def test_only_what_is_old_of_one_kind_is_cleared(filled: Path) -> None:
    found = tellapart.cache(clear="pixels", older_than="30d")
    assert found.cleared_bytes == 1000
    assert sorted(file.name for file in (filled / "pixels").iterdir()) == ["new.u8"]
    assert (filled / "features/a/one.npy").exists()


def test_everything_that_can_be_made_again_is_cleared_and_decisions_stay(filled: Path) -> None:
    assert tellapart.cache(clear="all").cleared_bytes == 1600
    assert [kind.name for kind in tellapart.cache().kinds] == ["state"]
    assert (filled / "state/x/catalog.sqlite").exists()


@pytest.mark.parametrize(("options", "said"), [({"clear": "state"}, "cannot be cleared"), ({"clear": "pixel"}, "did you mean 'pixels'")])
def test_what_cannot_be_cleared_is_refused(filled: Path, options: dict[str, str], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        tellapart.cache(**options)


def test_an_age_alone_does_nothing_and_is_refused() -> None:
    with pytest.raises(OptionError, match="without --clear"):
        tellapart.cache(older_than="3d")
