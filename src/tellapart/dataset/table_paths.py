"""Finding the file of a table cell: by the path as written, with other slashes, from another machine, or without a suffix."""

from __future__ import annotations

import os
import posixpath
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tellapart.dataset.folder_names import part_of

AS_WRITTEN, BY_NAME = "as written", "by name"


class ListedFiles:
    """The files of a data set by what a table calls them.

    Args:
        root: the folder that paths are relative to.
        folder: the folder below it in which the table lies; empty for the root.
        files: gives the image files of the data set, relative to ``root``; asked only where a path is not found as written.
    """

    def __init__(self, root: Path, folder: str, files: Callable[[], Iterable[str]]) -> None:
        self._root, self._folder, self._files = root, folder, files
        self._known: set[str] | None = None
        self._by_name: dict[str, list[str]] = defaultdict(list)

    def path_of(self, cell: str) -> tuple[str, str | None]:
        """The path of the file that a cell names and how it was found: as written, by its name; None where there is no such file."""
        own = posixpath.normpath(posixpath.join(self._folder, self._inside(cell)))
        if "\0" in cell:
            return cell.replace("\0", "?"), None
        if (self._known is not None and own in self._known) or os.path.isfile(self._root / own):  # noqa: PTH113  (fast on long lists)
            return own, AS_WRITTEN
        slashed = cell.replace("\\", "/")
        bare = urlsplit(slashed).path if "://" in slashed else slashed
        for spelled in dict.fromkeys((slashed, bare, unquote(bare))):
            named = self._named(spelled, posixpath.normpath(posixpath.join(self._folder, spelled)))
            if named is not None:
                return named, BY_NAME
        return own, None

    def _inside(self, cell: str) -> str:
        """A cell with an absolute path of a file of the data set as a path below its root; other cells as they are."""
        if not posixpath.isabs(cell):
            return cell
        roots = (Path(self._root).absolute(), Path(self._root).resolve())
        below = next((Path(cell).relative_to(root) for root in roots if Path(cell).is_relative_to(root)), None)
        return cell if below is None else posixpath.relpath(below.as_posix(), self._folder or ".")

    def _named(self, cell: str, own: str) -> str | None:
        """The one file whose path ends most like the cell; one in a train part where others are in none."""
        if self._known is None:
            self._known = set(self._files())
            for file in self._known:
                name = file.rpartition("/")[2]
                self._by_name[_folded(name)].append(file)
                self._by_name[_folded(os.path.splitext(name)[0])].append(file)  # noqa: PTH122
        if own in self._known:
            return own
        steps = [_folded(step) for step in cell.split("/") if step not in ("", ".", "..")]
        if not steps:
            return None
        files = [file for file in self._by_name.get(steps[-1], ()) if not self._folder or file.startswith(f"{self._folder}/")]
        if not files:
            return None
        ends = {file: _common_end(steps[:-1], [_folded(step) for step in file.split("/")[:-1]]) for file in files}
        best = [file for file in files if ends[file] == max(ends.values())]
        trained = [file for file in best if any(part_of(step) == "train" for step in file.split("/")[:-1])]
        return best[0] if len(best) == 1 else trained[0] if len(trained) == 1 else None


def _common_end(first: list[str], second: list[str]) -> int:
    number = 0
    for a, b in zip(reversed(first), reversed(second), strict=False):
        if a != b:
            break
        number += 1
    return number


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
