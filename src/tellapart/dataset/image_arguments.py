"""The image arguments of a command: files, folders, quoted patterns, or a list of paths on standard input."""

from __future__ import annotations

import glob
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tellapart.dataset import Dataset
from tellapart.dataset.bucket import SCHEME
from tellapart.dataset.dataset import ADDRESS, address_error, files_dataset
from tellapart.dataset.manifest import MANIFEST_SUFFIXES
from tellapart.errors import DataError, ImageError, closest_name
from tellapart.images.formats import sniff_format
from tellapart.printable import printable

STDIN = "-"
_PATTERN = re.compile(r"[*?\[]")


def resolve_image_arguments(given: str | Path | Sequence[str | Path], open_folder: Callable[[str | Path], Dataset]) -> Dataset:
    """A data set of what was given, in that order; a file named twice is there twice.

    Args:
        given: one folder, bucket or manifest, which is opened as it is; else files and folders. A pattern that the shell left as it is
            (``'new/*.jpg'``) is expanded here, ``**`` crossing folders. ``-`` reads paths from standard input, one a line or parted
            by NUL.
        open_folder: opens a folder, bucket or manifest.

    Raises:
        DataError: nothing was given; an address of the web; nothing fits a pattern; or not one of the files is there.
    """
    words = [given] if isinstance(given, str | Path) else list(given)
    paths = [path for word in words for path in _expanded(word)]
    if not paths:
        raise DataError("no images were given", hint="give files or a folder")
    if len(paths) == 1 and _is_opened(paths[0]):
        return open_folder(paths[0])
    if not any(os.path.lexists(Path(path).expanduser()) for path in paths):
        raise _missing(Path(paths[0]).expanduser())
    files: list[Path] = []
    for path in paths:
        if _is_opened(path):
            dataset = open_folder(path)
            files += [dataset.file(entry) for entry in dataset.entries]
        else:
            files.append(Path(path).expanduser().absolute())
    return files_dataset(files)


def _is_opened(path: str | Path) -> bool:
    """Whether a path is a data set: a folder, a bucket or a manifest."""
    is_manifest = Path(path).suffix.lower() in MANIFEST_SUFFIXES
    return str(path).startswith(SCHEME) or is_manifest or Path(path).expanduser().is_dir()


def _expanded(word: str | Path) -> list[str | Path]:
    """The paths that match one argument."""
    text = str(word)
    if text == STDIN:
        return _from_stdin()
    if os.path.lexists(Path(word).expanduser()) or text.startswith(SCHEME):
        return [word]
    if ADDRESS.match(text):
        raise address_error(text, "a file")
    if not _PATTERN.search(text):
        return [word]
    matches = sorted(glob.glob(str(Path(word).expanduser()), recursive=True))  # noqa: PTH207  (the pattern may be absolute)
    if not matches:
        raise DataError(f"no file fits the pattern {printable(text)}", hint="* stands for part of a name, ** for folders in between")
    return [*matches]


def _from_stdin() -> list[str | Path]:
    """The paths on standard input.

    Raises:
        DataError: it is a terminal, holds an image, or nothing.
    """
    if sys.stdin is None or sys.stdin.isatty():
        raise DataError(
            "- reads a list of paths from standard input, and that is a terminal", hint="find new -name '*.jpg' | tellapart predict RUN -"
        )
    data = sys.stdin.buffer.read()
    try:
        kind = sniff_format(data[:4096])
    except ImageError:
        kind = ""
    if kind:
        raise DataError(
            f"standard input holds an image ({kind}), where - reads a list of paths", hint="save the image to a file and name that"
        )
    parts = data.split(b"\0") if b"\0" in data else data.splitlines()
    paths: list[str | Path] = [os.fsdecode(part) for part in parts if part.strip()]
    if not paths:
        raise DataError("standard input holds no path", hint="find new -name '*.jpg' | tellapart predict RUN -")
    return paths


def _missing(path: Path) -> DataError:
    """The error for a missing file; its hint is the closest name."""
    if not path.parent.is_dir():
        return DataError(f"there is no file {printable(str(path))}: there is no folder {printable(str(path.parent))}")
    names = [printable(one.name) for one in path.parent.iterdir()]
    return DataError(f"there is no file {printable(str(path))}", hint=closest_name(printable(path.name), names))
