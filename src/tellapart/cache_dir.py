"""The folder that holds tellapart's caches, and the size of a folder."""

from __future__ import annotations

import os
from pathlib import Path

CACHE_VARIABLE = "TELLAPART_CACHE"


def cache_root() -> Path:
    """The user's cache folder for tellapart: ``$TELLAPART_CACHE``, else ``$XDG_CACHE_HOME/tellapart``, else ``~/.cache/tellapart``."""
    configured = os.environ.get(CACHE_VARIABLE)
    if configured:
        return Path(configured).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").expanduser() / "tellapart"


def folder_size(folder: Path) -> int:
    """Size in bytes of all files below a folder, links left out; 0 if there is none."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
