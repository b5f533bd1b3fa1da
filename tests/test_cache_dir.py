from __future__ import annotations

from pathlib import Path

import pytest

from tellapart.cache_dir import cache_root


def test_the_cache_lies_where_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    monkeypatch.setenv("TELLAPART_CACHE", "~/mine")
    assert cache_root() == Path("/home/me/mine")
    monkeypatch.delenv("TELLAPART_CACHE")
    assert cache_root() == Path("/xdg/tellapart")
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    assert cache_root() == Path("/home/me/.cache/tellapart")
