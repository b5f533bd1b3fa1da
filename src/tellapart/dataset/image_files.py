"""Finding the image files in a folder: every file that may be an image is listed, and skipped files are reported."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Sequence, Set
from contextlib import suppress
from itertools import islice
from pathlib import Path

from tellapart.counts import count
from tellapart.dataset.delimited_files import TABLE_SUFFIXES
from tellapart.errors import DataError
from tellapart.images.formats import IMAGE_SUFFIXES, begins_like_image, is_named_like_image
from tellapart.printable import printable

SYSTEM_FOLDERS = frozenset(
    {
        "$recycle.bin",
        "system volume information",
        "lost+found",
        "lost.dir",
        "#recycle",
        "#snapshot",
        "@eadir",
        "@recycle",
        "@tmp",
        "__macosx",
        "__pycache__",
        "network trash folder",
        "temporary items",
        "thevolumesettingsfolder",
    }
)
"""Folders (lower case) that operating systems and network disks make: never classes. Hidden folders are passed over as well."""

_SYSTEM_FILES = frozenset({"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"})
_FOLDER_HINT = "give the folder that holds one folder for each class"
_ARCHIVES = (".zip", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".7z", ".rar", ".gz")
_ARRAYS = (".h5", ".hdf5", ".npy", ".npz", ".mat", ".pkl", ".pickle", ".tfrecord", ".tfrecords", ".record", "-ubyte", "batches.meta")
_VIDEOS = (".mp4", ".mov", ".avi", ".mkv", ".webm", ".mts", ".3gp")
_ARRAYS_HINT = "arrays are for other programs: give the photos themselves"
_FILE_HINTS = (
    (_ARCHIVES, "unpack it, and give the folder"),
    (_ARRAYS, _ARRAYS_HINT),
    ((".xlsx", ".xls", ".json", ".txt"), "save the list as CSV with the columns path and label"),
    (tuple(IMAGE_SUFFIXES), "that is one image: give the folder that holds one folder for each class"),
)
"""What to do where a file was given, by the end of its name."""
_CONTENT_HINTS = (
    (_ARCHIVES, "unpack the archive, and give the folder of the photos"),
    ((".tar",), "tar shards are read from one folder at a time: give that folder"),
    (_ARRAYS, _ARRAYS_HINT),
    (_VIDEOS, "take images out of the videos first, into a folder for each class"),
    (TABLE_SUFFIXES, "a table names the images by their paths from its own folder, in a column path, with a column label"),
)
"""What to do where a folder holds such files and no image, by the ends of their names."""
_MOST_NAMES = 10_000
_OURS = (".tellapart", ".git")
"""Hidden folders that hold no images of the user's."""
_HEAD_BYTES = 512
_SHOWN = 5
_Identity = tuple[int, int]


def image_files(root: Path) -> tuple[list[str], list[str]]:
    """The image files below ``root``, and notes on what was passed over.

    A file is listed by its suffix, also where something follows it (``cat.jpg_large``, ``cat.jpg.1``); a file whose suffix says
    nothing is listed if its first bytes are those of an image. Hidden files and system folders are passed over. A linked folder
    is read where the link stands, unless it is read where it really lies.

    Returns:
        Paths relative to ``root``, with ``/``, sorted; and sentences.

    Raises:
        DataError: ``root`` is not a folder or cannot be listed.
    """
    if not root.is_dir():
        raise DataError(
            f"{root} is not a folder" if root.exists() else f"there is no folder {root}",
            hint=next((hint for suffixes, hint in _FILE_HINTS if root.name.lower().endswith(suffixes)), _FOLDER_HINT),
        )
    if not os.access(root, os.R_OK | os.X_OK):
        raise DataError(f"the folder {root} cannot be read: permission denied")
    walk = _Walk(root)
    walk.read("")
    while walk.links:
        links, walk.links = sorted(walk.links), []
        for link in links:
            walk.follow(link)
    walk.drop_sheets()
    return sorted(walk.paths), walk.notes()


def others_note(suffixes: Counter[str]) -> str:
    """The sentence on files that are not images, from how many there are of each suffix."""
    kinds = [f"{number:,} {kind}" for kind, number in sorted(suffixes.items(), key=lambda one: (-one[1], one[0]))]
    kinds = [*kinds[:_SHOWN], *(["others"] if len(kinds) > _SHOWN else [])]
    total = suffixes.total()
    return f"{_counted(total, 'file')} passed over that {'is no image' if total == 1 else 'are no images'}: {', '.join(kinds)}"


def no_images(root: Path, notes: Sequence[str], hint: str) -> DataError:
    """The error for a folder without an image: what lies there, and what to do with it; ``hint`` where nothing there tells."""
    visible = (name.lower() for _, _, names in os.walk(root) for name in names if not name.startswith("."))
    names = sorted(islice(visible, _MOST_NAMES))
    tables = [name for name in names if name.endswith(TABLE_SUFFIXES)]
    shown = [f"{count(len(tables), 'table')}: {_named(tables)}"] if tables else []
    own = (hint for suffixes, hint in _CONTENT_HINTS if any(name.endswith(suffixes) for name in names))
    return DataError("; ".join([f"there are no images in {root}", *notes, *shown]), hint=next(own, hint))


class _Walk:
    """The files found in a folder so far; real folders come before linked ones."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.paths: list[str] = []
        self.links: list[str] = []
        self.around = {_identity(folder) for folder in root.resolve().parents}
        self.places: dict[_Identity, str] = {}
        self.closed: list[str] = []
        self.unread: list[str] = []
        self.passed_links: list[str] = []
        self.system: set[str] = set()
        self.results: list[str] = []
        self.others: Counter[str] = Counter()
        self.hidden = 0
        self.hidden_folders: list[str] = []

    def read(self, top: str) -> None:
        """List a folder and those within it; links to folders wait in ``links``."""
        waiting = [top]
        while waiting:
            here = waiting.pop()
            where = os.path.join(self.root, here)  # noqa: PTH118  (fast on long lists)
            try:
                identity = _identity(where)
                if identity in self.places:
                    self._pass_link(here, f"is {self._place(identity)} and is read there")
                    continue
                self.places[identity] = here
                with os.scandir(where) as entries:
                    sorted_entries = sorted(entries, key=lambda entry: entry.name)
            except OSError as error:
                self.closed.append(f"the folder {printable(str(error.filename or where))} cannot be read: {error.strerror}")
                self.unread.append(here)
                continue
            if here and is_result_folder({entry.name for entry in sorted_entries}):
                self.results.append(here)
                continue
            for entry in sorted_entries:
                path = f"{here}/{entry.name}" if here else entry.name
                if not _is_folder(entry):
                    self._file(entry, path)
                elif entry.name.lower() in SYSTEM_FOLDERS:
                    self.system.add(entry.name)
                elif entry.name.startswith("."):
                    self.hidden_folders += [] if entry.is_symlink() or entry.name in _OURS else [entry.path]
                else:
                    (self.links if entry.is_symlink() else waiting).append(path)

    def follow(self, link: str) -> None:
        """Read a linked folder at the path of the link, unless its files are already read at their real path."""
        try:
            identity = _identity(self.root / link)
        except OSError as error:
            self.closed.append(f"the linked folder {printable(link)} cannot be read: {error.strerror}")
            return
        if identity in self.places:
            self._pass_link(link, f"leads to {self._place(identity)} and is passed over")
        elif identity in self.around:
            self._pass_link(link, "leads to a folder around the data set and is passed over")
        else:
            self.read(link)

    def drop_sheets(self) -> None:
        """Take out the images that commands write beside a run, such as ``runs/photos-1-explained.jpg``."""
        if self.results:
            beside = tuple(f"{folder}-" for folder in self.results)
            self.paths = [path for path in self.paths if not path.startswith(beside)]

    def notes(self) -> list[str]:
        """What was passed over, in sentences."""
        notes = [*self.closed, *self.passed_links[:_SHOWN]]
        if len(self.passed_links) > _SHOWN:
            more = count(len(self.passed_links) - _SHOWN, "more linked folder is", "more linked folders are")
            notes.append(f"{more} passed over for the same reason")
        if self.system:
            notes.append(f"system folders are passed over: {', '.join(printable(name) for name in sorted(self.system))}")
        if self.results:
            notes.append(_results_said(sorted(self.results)))
        if hidden := self.hidden + sum(map(self._images_below, self.hidden_folders)):
            notes.append(f"{_counted(hidden, 'hidden image file')} passed over (a name or folder that begins with a dot)")
        if empty := self._empty_folders():
            notes.append(
                f"{_counted(len(empty), 'folder')} passed over that {'holds' if len(empty) == 1 else 'hold'} no image: {_named(empty)}"
            )
        if self.others:
            notes.append(others_note(self.others))
        return notes

    def _empty_folders(self) -> list[str]:
        """The folders that were read and hold no image here or below; of nested ones the outermost."""
        full = {""}
        for path in (*self.paths, *(f"{folder}/" for folder in (*self.results, *self.unread))):
            above = path.rpartition("/")[0]
            while above not in full:
                full.add(above)
                above = above.rpartition("/")[0]
        empty = {folder for folder in self.places.values() if folder not in full}
        return sorted(folder for folder in empty if folder.rpartition("/")[0] not in empty)

    def _images_below(self, hidden: str) -> int:
        """Number of files in a hidden folder and below whose names are those of images, without folders that a link joins to the set."""
        number = 0
        for where, folders, names in os.walk(hidden):
            with suppress(OSError):
                if _identity(where) in self.places:
                    folders.clear()
                    continue
            number += sum(map(_is_hidden_image, names))
        return number

    def _place(self, identity: _Identity) -> str:
        return printable(self.places[identity]) or "the data set itself"

    def _pass_link(self, link: str, why: str) -> None:
        self.passed_links.append(f"the linked folder {printable(link)} {why}")

    def _file(self, entry: os.DirEntry[str], path: str) -> None:
        suffix = os.path.splitext(entry.name)[1].lower()  # noqa: PTH122  (fast on long lists)
        if entry.name.startswith("."):
            self.hidden += _is_hidden_image(entry.name)
        elif entry.name.lower() in _SYSTEM_FILES:
            return
        elif _is_image(entry):
            self.paths.append(path)
        elif suffix not in TABLE_SUFFIXES:
            self.others[printable(suffix) if len(suffix) > 1 else "without a suffix"] += 1


def _is_hidden_image(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES and not name.startswith("._")  # noqa: PTH122


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _is_image(entry: os.DirEntry[str]) -> bool:
    """Whether to list a file; one that cannot be opened is listed, so that its row gives the reason."""
    by_name = is_named_like_image(entry.name)
    if by_name is not None:
        return by_name
    try:
        if not stat.S_ISREG(entry.stat().st_mode):
            return False
        with open(entry.path, "rb") as file:
            return begins_like_image(file.read(_HEAD_BYTES))
    except FileNotFoundError:
        return False
    except OSError:
        return True


def _identity(folder: str | Path) -> _Identity:
    status = os.stat(folder)
    return status.st_dev, status.st_ino


def _results_said(folders: list[str]) -> str:
    return f"results of tellapart among the photos are passed over: {_named(folders)}"


def _named(folders: list[str]) -> str:
    return ", ".join(map(printable, folders[:_SHOWN])) + (f" and {len(folders) - _SHOWN:,} more" if len(folders) > _SHOWN else "")


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what} is" if count == 1 else f"{count:,} {what}s are"


_MARKS = (
    frozenset({"metrics.json", "options.json", "model"}),
    frozenset({"prepared.json", "samples.parquet"}),
    frozenset({"clusters.json", "clusters.csv"}),
    frozenset({"report.json", "report.html", "figures"}),
)
"""What a run, a prepared data set, clusters and the report of an evaluation hold, which are written into new folders only."""


def is_result_folder(names: Set[str]) -> bool:
    """Whether a folder with entries of these names is a run, a prepared data set, or clusters.

    >>> is_result_folder({"metrics.json", "options.json", "model", "figures"}), is_result_folder({"metrics.json", "1.jpg"})
    (True, False)
    """
    return any(marks <= names for marks in _MARKS)
