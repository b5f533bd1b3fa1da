"""Checks of output paths: never inside the image folder, never over existing files; and what a second run changed of them."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tellapart.dataset import Dataset
from tellapart.dataset.labeled_folder import MANIFEST_NAMES
from tellapart.errors import OptionError
from tellapart.progress import Progress


def check_outside(out: Path, dataset: Dataset, *others: Path, option: str = "--out") -> None:
    """Check that ``out`` is not inside the image folders of a dataset, nor inside ``others``.

    The hint names ``option``, which is empty for an argument.

    Raises:
        OptionError: it does.
    """
    if _is_inside(out, [*_photo_folders(dataset), *others]):
        suggested = f"{option} {shlex.quote(_beside(out, dataset.root))}".lstrip()
        raise OptionError(
            f"{out} is inside the image folder, which is only read",
            hint=f"choose a place outside of it, such as {suggested}, or run the command in another folder",
        )


def _beside(out: Path, root: Path) -> str:
    """The same name beside the image folder, as short as it can be typed here: ``../runs``."""
    sibling = root.resolve().parent / out.name
    near = os.path.relpath(sibling)
    return near if near.count("..") < 3 else str(sibling)


def check_no_manifest(out: Path, dataset: Dataset) -> None:
    """Check that a table would not be read as the manifest of its folder.

    Raises:
        OptionError: it would.
    """
    if out.name.lower() in MANIFEST_NAMES and _is_inside(out, _photo_folders(dataset)):
        raise OptionError(f"{out} would be read as the manifest of the image folder", hint=f"choose another name than {out.name}")


def _photo_folders(dataset: Dataset) -> set[Path]:
    """The root folder of a dataset and the folders of its files, without the root of the file system.

    Where a table lists the files, the folder of the table counts only if some of them lie directly in it; else those in it do.
    """
    parents = {dataset.file(entry).parent for entry in dataset.entries}
    tops = {dataset.root}
    if dataset.is_listed:
        tops = {dataset.root / top for entry in dataset.entries if (top := entry.path.partition("/")[0]) not in ("", "..", entry.path)}
        if not any(dataset.file(entry).is_file() for entry in dataset.entries if "/" not in entry.path):
            parents.discard(dataset.root)
    return {folder for folder in {*tops, *parents} if folder != Path(folder.anchor)}


def _is_inside(out: Path, folders: Iterable[Path]) -> bool:
    path = out.expanduser().resolve()
    return any(path.is_relative_to(folder.expanduser().resolve()) for folder in folders)


def check_new_folder(out: Path) -> None:
    """Check that ``out`` does not exist, or is an empty folder.

    Raises:
        OptionError: it is a file or a folder with content.
    """
    if out.exists() and not out.is_dir():
        raise OptionError(f"{out} is a file, but the output is a folder", hint="name a new folder")
    if out.is_dir() and any(out.iterdir()):
        raise OptionError(f"the folder {out} is not empty", hint="name a new folder")


def check_table(out: Path) -> None:
    """Check that ``out`` can be written as a CSV file.

    Raises:
        OptionError: it is a folder, exists already, or does not end in ``.csv``.
    """
    if out.is_dir() or out.suffix.lower() != ".csv":
        raise OptionError(f"{out} cannot be the table: it must be a file that ends in .csv", hint="name a file such as clean.csv")
    if out.exists():
        raise OptionError(f"the file {out} already exists", hint="name a new file")


@contextmanager
def noting_unchanged(paths: Sequence[Path], progress: Progress, *, hint: str = "", says: str = "") -> Iterator[None]:
    """Within, ``paths`` are written; if all were there and none has changed, a note says so.

    Args:
        paths: what is written, each by :func:`tellapart.atomic_files.replacing`, which leaves a file with the same bytes alone.
        progress: receives the note.
        hint: added to the note.
        says: what the note calls the files; by default by their names.
    """
    before = [_mark(path) for path in paths]
    yield
    if all(before) and before == [_mark(path) for path in paths]:
        names = says or " and ".join(dict.fromkeys(path.name for path in paths))
        progress.note(f"nothing has changed: {names} would be the same, so nothing was rewritten{hint}")


def _mark(path: Path) -> tuple[int, int, int] | None:
    """Tells a file from one that has replaced it; None if there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size
