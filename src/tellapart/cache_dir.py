"""The folder that holds tellapart's caches."""

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
