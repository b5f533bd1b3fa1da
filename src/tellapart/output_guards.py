"""Where results may go: never among the photos, never over other things."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tellapart.dataset import Dataset
from tellapart.dataset.labeled_folder import MANIFEST_NAMES
from tellapart.errors import OptionError


def check_outside(out: Path, dataset: Dataset, *others: Path) -> None:
    """See that ``out`` does not lie among the photos of a data set, nor in other folders of photos.

    Raises:
        OptionError: it does.
    """
    if _is_inside(out, [*_photo_folders(dataset), *others]):
        raise OptionError(
            f"{out} lies in the folder of the photos, which is only read",
            hint="choose a place outside of it with --out, or run the command in another folder",
        )


def check_no_manifest(out: Path, dataset: Dataset) -> None:
    """See that a table would not be read as the list of the photos beside it.

    Raises:
        OptionError: it would.
    """
    if out.name.lower() in MANIFEST_NAMES and _is_inside(out, _photo_folders(dataset)):
        raise OptionError(f"{out} would be read as the list of the photos in its folder", hint=f"choose another name than {out.name}")


def _photo_folders(dataset: Dataset) -> set[Path]:
    """The folder of a data set and those of its files; single files have no folder in common but that of everything."""
    parents = {dataset.file(entry).parent for entry in dataset.entries}
    return {folder for folder in {dataset.root, *parents} if folder != Path(folder.anchor)}


def _is_inside(out: Path, folders: Iterable[Path]) -> bool:
    place = out.expanduser().resolve()
    return any(place.is_relative_to(folder.expanduser().resolve()) for folder in folders)


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
