"""Exporting a dataset with the decisions applied: copies or links in class folders, or a table."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tellapart.atomic_files import replacing_folder
from tellapart.csv_writer import csv_file
from tellapart.dataset.file_rows import FileRow
from tellapart.progress import SILENT, Progress

TABLE = "metadata.csv"
COLUMNS = ("path", "label", "part", "group", "original")
LONGEST_NAME = 200
"""Maximum length of a name in bytes; file systems allow 255, and a number may be added."""


@dataclass(frozen=True)
class Exported:
    """One image to export: its file, and its row with the decisions applied."""

    file: Path
    row: FileRow


def write_copy(images: Sequence[Exported], folder: Path, *, is_linked: bool, progress: Progress = SILENT) -> None:
    """Write ``folder/[part/]label/name`` for every image, and ``metadata.csv``; the folder appears when all is there.

    The table has the exact labels, parts, groups and the origin of each image. Names are kept; where two would
    meet, the later gets a number.

    Args:
        images: to be written.
        folder: new or empty.
        is_linked: whether to write symbolic links instead of copies.
        progress: progress receiver.

    Raises:
        StorageError: the disk is full or cannot be written; nothing is left behind.
    """
    taken: set[str] = {TABLE}
    with replacing_folder(folder) as partial, progress.stage("writing images", total=len(images)) as advance:
        rows = []
        for image in images:
            path = _free(_place(image.row), taken)
            target = partial / path
            target.parent.mkdir(parents=True, exist_ok=True)
            if is_linked:
                target.symlink_to(image.file.resolve())
            else:
                shutil.copy2(image.file, target)
            rows.append(_row(path, image))
            advance(1)
        with csv_file(partial / TABLE, COLUMNS) as writer:
            writer.write_all(rows)


def write_table(images: Sequence[Exported], path: Path) -> None:
    """Write a manifest of the images at their present paths, relative to the folder of the manifest.

    Raises:
        StorageError: the disk is full or cannot be written.
    """
    here = path.absolute().parent
    with csv_file(path, COLUMNS, errors="surrogateescape") as writer:
        writer.write_all(_row(Path(os.path.relpath(one.file, here)).as_posix(), one) for one in images)


def _row(path: str, image: Exported) -> tuple[str, ...]:
    row = image.row
    return path, row.label or "", row.part or "", row.group or "", row.path


def _place(row: FileRow) -> str:
    """``[part/]label/name``; an image without a label lies in its part, or at the top."""
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
    number, free = 1, path
    while free.casefold() in taken:
        number += 1
        free = (pure.parent / f"{pure.stem}-{number}{pure.suffix}").as_posix()
    taken.add(free.casefold())
    return free
