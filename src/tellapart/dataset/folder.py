"""Reading a folder layout: which file has which label and belongs to which part.

Understood as they are::

    photos/<class>/*                      class folders
    photos/{train,val,test}/<class>/*     parts, then class folders (valid, validation, training, testing too)
    photos/test/* and photos/test/test/*  a flat, unlabelled test part (Kaggle)
    photos/*                              no labels
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from tellapart.dataset.entry import Entry
from tellapart.errors import DataError
from tellapart.images.formats import IMAGE_SUFFIXES
from tellapart.paths import printable

PART_FOLDERS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}


def folder_entries(root: Path) -> tuple[list[Entry], list[str]]:
    """Every picture file below ``root`` with its label and part, in sorted order, and notes on what was passed over.

    Hidden files and folders are skipped; links are followed once, so that a loop ends.
    """
    closed: list[OSError] = []
    files = sorted(picture_files(root, closed.append))
    unread = [f"the folder {printable(str(error.filename))} cannot be read: {error.strerror}" for error in closed]
    wrapper = _wrapper(files)
    tops = {parts[len(wrapper)] for parts in (f.split("/") for f in files) if len(parts) > len(wrapper) + 1}
    parts = {top: PART_FOLDERS[top.lower()] for top in tops if top.lower() in PART_FOLDERS}
    if "train" in parts.values() or (parts and len(parts) == len(tops)):
        entries, notes = _by_part(files, wrapper, parts)
        return entries, unread + notes
    return [Entry(path=f, label=_first_folder(f, len(wrapper))) for f in files], unread


def picture_files(root: Path, on_closed: Callable[[OSError], object]) -> Iterator[str]:
    """Paths relative to ``root``, with ``/``, of all files that are pictures by their suffix.

    ``on_closed`` hears of every folder below that cannot be read.

    Raises:
        DataError: ``root`` is not a folder or cannot be listed.
    """
    if not root.is_dir():
        raise DataError(
            f"{root} is not a folder" if root.exists() else f"there is no folder {root}",
            hint="give the folder that holds one folder a class",
        )
    if not os.access(root, os.R_OK | os.X_OK):
        raise DataError(f"the folder {root} cannot be read: permission denied")
    seen: set[tuple[int, int]] = set()
    for where, folders, names in os.walk(root, followlinks=True, onerror=on_closed):
        status = os.stat(where)
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__MACOSX")))
        relative = Path(where).relative_to(root)
        for name in names:
            if not name.startswith(".") and os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES:  # noqa: PTH122  (fast on long lists)
                yield (relative / name).as_posix()


def _wrapper(files: list[str]) -> tuple[str, ...]:
    """The single folder around everything, as unzipping leaves it, when there are folders inside it."""
    found: tuple[str, ...] = ()
    while True:
        depth = len(found)
        split = [f.split("/") for f in files]
        names = {parts[depth] for parts in split if len(parts) > depth + 1}
        is_wrapped = len(names) == 1 and all(len(parts) > depth + 2 for parts in split)
        if not is_wrapped or next(iter(names)).lower() in PART_FOLDERS:
            return found
        found = (*found, next(iter(names)))


def _first_folder(path: str, depth: int) -> str | None:
    parts = path.split("/")
    return parts[depth] if len(parts) > depth + 1 else None


def _by_part(files: list[str], wrapper: tuple[str, ...], parts: dict[str, str]) -> tuple[list[Entry], list[str]]:
    depth, entries, passed_over = len(wrapper), [], 0
    for path in files:
        top = _first_folder(path, depth)
        if top not in parts:
            passed_over += 1
            continue
        label = _first_folder(path, depth + 1)
        if label is not None and label.lower() == top.lower():
            label = None
        entries.append(Entry(path=path, label=label, part=parts[top]))
    notes = [f"{passed_over:,} pictures lie outside {', '.join(sorted(parts))} and were passed over"] if passed_over else []
    return entries, notes
