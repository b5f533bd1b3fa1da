"""Files that were added to a folder, or taken out of it, since the studio read it."""

from __future__ import annotations

import os
import threading
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from tellapart.dataset.image_files import image_files
from tellapart.errors import DataError


@dataclass(frozen=True)
class FileChanges:
    """Number of image files that are ``new`` or ``gone`` since the folder was read."""

    new: int = 0
    gone: int = 0


class NewFiles:
    """Looks for new files. The folder is listed only where one of its folders has another time than at the last look.

    Args:
        root: the folder.
        known: paths of its image files as they were read, relative to it.
    """

    def __init__(self, root: Path, known: Collection[str]) -> None:
        self.root, self.known = root, frozenset(known)
        self._times: dict[str, int] | None = None
        self._changes = FileChanges()
        self._lock = threading.Lock()

    def changes(self) -> FileChanges:
        """What changed by now; nothing for a folder that cannot be listed."""
        with self._lock:
            if self._times is None or any(_time(folder) != time for folder, time in self._times.items()):
                self._times = {folder: _time(folder) for folder in _folders(self.root)}
                self._changes = self._listed()
            return self._changes

    def _listed(self) -> FileChanges:
        try:
            listed = set(image_files(self.root)[0])
        except (DataError, OSError):
            return FileChanges()
        return FileChanges(len(listed - self.known), len(self.known - listed))


def _folders(root: Path) -> list[str]:
    """Every folder that may hold images; hidden ones do not."""
    folders = []
    for folder, inside, _ in os.walk(root):
        inside[:] = [name for name in inside if not name.startswith(".")]
        folders.append(folder)
    return folders


def _time(folder: str) -> int:
    """When the content of a folder last changed; 0 where it is gone."""
    try:
        return os.stat(folder).st_mtime_ns
    except OSError:
        return 0
