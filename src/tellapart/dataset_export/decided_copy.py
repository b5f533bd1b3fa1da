"""A copy of a data set as it is decided: files or links in class folders, or a table."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tellapart.csv_writer import csv_file
from tellapart.dataset.file_rows import FileRow
from tellapart.paths import replacing_folder
from tellapart.progress import SILENT, Progress

TABLE = "metadata.csv"
COLUMNS = ("path", "label", "part", "group", "original")
LONGEST_NAME = 200
"""Bytes; file systems allow 255, and a number may be added."""


@dataclass(frozen=True)
class Exported:
    """One picture to write: where its file lies, and its row as decided."""

    file: Path
    row: FileRow


def write_copy(pictures: Sequence[Exported], folder: Path, *, is_linked: bool, progress: Progress = SILENT) -> None:
    """Write ``folder/[part/]label/name`` for every picture, and ``metadata.csv``; the folder appears when all is there.

    The table holds the exact labels, parts, groups and where each picture came from. Names are kept; where two would
    meet, the later gets a number.

    Args:
        pictures: to be written.
        folder: new or empty.
        is_linked: symbolic links to the photos in place of copies.
        progress: hears of every picture.

    Raises:
        StorageError: the disk is full or cannot be written; nothing is left behind.
    """
    taken: set[str] = {TABLE}
    with replacing_folder(folder) as partial, progress.stage("writing pictures", total=len(pictures)) as advance:
        rows = []
        for picture in pictures:
            path = _free(_place(picture.row), taken)
            target = partial / path
            target.parent.mkdir(parents=True, exist_ok=True)
            if is_linked:
                target.symlink_to(picture.file.resolve())
            else:
                shutil.copy2(picture.file, target)
            rows.append(_row(path, picture))
            advance(1)
        with csv_file(partial / TABLE, COLUMNS) as writer:
            writer.write_all(rows)


def write_table(pictures: Sequence[Exported], path: Path) -> None:
    """Write a manifest of the pictures where they lie; its paths are relative to its own folder.

    Raises:
        StorageError: the disk is full or cannot be written.
    """
    here = path.absolute().parent
    with csv_file(path, COLUMNS, errors="surrogateescape") as writer:
        writer.write_all(_row(Path(os.path.relpath(one.file, here)).as_posix(), one) for one in pictures)


def _row(path: str, picture: Exported) -> tuple[str, ...]:
    row = picture.row
    return path, row.label or "", row.part or "", row.group or "", row.path


def _place(row: FileRow) -> str:
    """``[part/]label/name``; a picture without a label lies in its part, or at the top."""
    name = PurePosixPath(row.path).name
    stem, dot, suffix = name.rpartition(".")
    short = stem.encode()[:LONGEST_NAME].decode(errors="ignore")
    folders = [row.part] if row.part else []
    if row.label is not None:
        folders.append(re.sub(r"[/\\\0]", "_", row.label).lstrip(".") or "_")
    return "/".join([*folders, f"{short}{dot}{suffix}" if stem else name])


def _free(path: str, taken: set[str]) -> str:
    """The path, with a number before the suffix where its name is taken, in whatever case."""
    pure = PurePosixPath(path)
    number, found = 1, path
    while found.casefold() in taken:
        number += 1
        found = (pure.parent / f"{pure.stem}-{number}{pure.suffix}").as_posix()
    taken.add(found.casefold())
    return found
