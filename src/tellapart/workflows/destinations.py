"""Where results may go: never among the photos, never over other things."""

from __future__ import annotations

from pathlib import Path

from tellapart.dataset import Dataset
from tellapart.errors import OptionError


def check_outside(out: Path, dataset: Dataset) -> None:
    """See that ``out`` does not lie among the photos.

    Raises:
        OptionError: it does.
    """
    place = out.resolve()
    sources = {dataset.root.resolve(), *(parent.resolve() for parent in {dataset.file(entry).parent for entry in dataset.entries})}
    if any(place.is_relative_to(source) for source in sources):
        raise OptionError(f"{out} lies in the folder of the photos, which is only read", hint="choose another place for the result")


def check_new_folder(out: Path) -> None:
    """See that ``out`` is not there yet, or an empty folder.

    Raises:
        OptionError: it is something else.
    """
    if out.exists() and not out.is_dir():
        raise OptionError(f"{out} is a file, and the result is a folder", hint="name a new folder")
    if out.is_dir() and any(out.iterdir()):
        raise OptionError(f"the folder {out} is not empty", hint="name a new folder")


def check_table(out: Path) -> None:
    """See that ``out`` can become a CSV.

    Raises:
        OptionError: it is a folder, exists already, or ends otherwise.
    """
    if out.is_dir() or out.suffix.lower() != ".csv":
        raise OptionError(f"{out} cannot be the table: it must be a file that ends in .csv", hint="name a file such as clean.csv")
    if out.exists():
        raise OptionError(f"the file {out} is there already", hint="name a new file")
