"""Finding the columns of a table with the images, labels, parts and groups."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tellapart.dataset.options import AS_FOUND, DatasetOptions
from tellapart.errors import DataError, closest_name
from tellapart.images.formats import IMAGE_SUFFIXES
from tellapart.printable import printable

PATH_NAMES = (
    *("path", "filename", "file", "filepath", "imagepath", "imgpath", "imagefile", "imagefilename", "imagename", "imgname", "image"),
    *("img", "picture", "photo", "fname", "paths", "filenames", "files", "filepaths", "images", "imageid", "imgid", "idcode", "id"),
)
INDEX_NAMES = ("", "index", "unnamed0")
"""What programs call the index of a data frame: it may name the images where no other column does."""
LABEL_NAMES = (
    *("label", "labels", "class", "classname", "classlabel", "classes", "category", "categoryname", "categories", "labelname"),
    *("target", "breed", "species", "diagnosis", "classid", "labelid", "categoryid", "classindex", "labelindex"),
)
PART_NAMES, WEAK_PART_NAMES = ("part", "split"), ("subset", "dataset", "set", "usage", "phase")
"""The weak ones only where every cell is the name of a part."""
PART_FLAGS = {
    **dict.fromkeys(("istest", "intest"), "test"),
    **dict.fromkeys(("isvalid", "isval", "isvalidation"), "val"),
    **dict.fromkeys(("istrain", "istraining"), "train"),
}
"""Names of columns of yes and no that say whether an image is in a part, such as fastai's ``is_valid``."""
FOLD_NAMES = ("fold", "folds", "kfold", "cvfold")
GROUP_NAMES = ("group",)
_NO_LABELS = (
    *(
        "text",
        "caption",
        "captions",
        "description",
        "title",
        "prompt",
        "comment",
        "url",
        "sha256",
        "md5",
        "hash",
        "width",
        "height",
        "size",
    ),
    *("license", "licence", "author", "source", "page", "date", "", "index", "unnamed0"),
)
_SHOWN, _MOST_COLUMNS = 20, 200
"""So many names of columns are shown; a table of more columns than these and none for the images holds pixels."""
HINT = (
    "a table has a column path (or file_name), a column label, and optionally part and group; --path-column and --label-column name others"
)


@dataclass(frozen=True)
class Columns:
    """Places of columns.

    Attributes:
        header: their names, as written.
        paths: those that may name the images, the likeliest first.
        labels: those that may hold labels, the likeliest first.
        others: the columns that are left, which may hold labels where ``labels`` is empty.
        part: the part of an image; None for none.
        weak_part: one that may be its part.
        group: the group of an image; None for none.
        part_flags: parts, and the columns of yes and no that may say whether an image is in them.
        folds: columns of folds, which are not read.
    """

    header: tuple[str, ...]
    paths: tuple[int, ...]
    labels: tuple[int, ...]
    others: tuple[int, ...]
    part: int | None
    weak_part: int | None
    group: int | None
    part_flags: tuple[tuple[str, int], ...] = ()
    folds: tuple[int, ...] = ()

    @property
    def read(self) -> dict[str, int]:
        """The columns whose cells are needed, by their number in words."""
        others = () if self.labels else self.others
        flags = [index for _, index in self.part_flags]
        indices = (*self.paths, *self.labels, *others, self.part, self.weak_part, self.group, *flags)
        return {str(index): index for index in indices if index is not None}

    @property
    def repeated(self) -> list[str]:
        """The names of columns that are read and that other columns have, too."""
        names = [plain_name(name) for name in self.header]
        columns = (*self.paths, *self.labels, self.part, self.group)
        return [self.header[index] for index in columns if index is not None and names.count(names[index]) > 1]


def columns_of(table: Path, header: Sequence[str], reading: DatasetOptions = AS_FOUND) -> Columns:
    """The meaning of the columns from their names; capitals, blanks and punctuation are ignored.

    Raises:
        DataError: there is no header, no column that may name images, or none that the user named.
    """
    if not any(header):
        raise DataError(f"{table} has no rows", hint=HINT)
    names = [plain_name(name) for name in header]

    def all_of(known: Sequence[str]) -> tuple[int, ...]:
        return tuple(names.index(name) for name in known if name in names)

    def first(known: Sequence[str]) -> int | None:
        return next(iter(all_of(known)), None)

    paths: tuple[int, ...] = (
        (_named(table, header, reading.path_column, "path"),)
        if reading.path_column is not None
        else all_of(PATH_NAMES) or all_of(INDEX_NAMES if any(name in names for name in LABEL_NAMES) else ())
    )
    if not paths:
        raise _without_path(table, header, names)
    if reading.label_column is not None:
        labels: tuple[int, ...] = (_named(table, header, reading.label_column, "label"),)
    else:
        labels = tuple(index for index in all_of(LABEL_NAMES) if index not in paths)
    weak, part, group = first(WEAK_PART_NAMES), first(PART_NAMES), first(GROUP_NAMES)
    flags = tuple((PART_FLAGS[name], names.index(name)) for name in PART_FLAGS if name in names and names.index(name) not in labels)
    folds = tuple(index for index in all_of(FOLD_NAMES) if index not in labels)
    taken = {*paths, *labels, weak, part, group, *(index for _, index in flags), *folds}
    rest = tuple(index for index, name in enumerate(names) if index not in taken and name not in _NO_LABELS)
    return Columns(tuple(header), paths, labels, rest, part, weak if part is None else None, group, flags, folds)


def plain_name(name: str) -> str:
    """A column's name without capitals, blanks and marks: ``Image Name`` and ``image_name`` are the same."""
    return "".join(letter for letter in unicodedata.normalize("NFKC", name).casefold() if letter.isalnum())


def named_column(header: Sequence[str], name: str) -> int | None:
    """The index of a column by its exact name, else ignoring capitals and punctuation; None if there is none."""
    if name in header:
        return list(header).index(name)
    names = [plain_name(one) for one in header]
    return names.index(plain_name(name)) if plain_name(name) in names else None


def _named(table: Path, header: Sequence[str], name: str, what: str) -> int:
    index = named_column(header, name)
    if index is None:
        raise DataError(
            f"{table} has no column {name!r}; its columns are {shown_columns(header)}",
            hint=closest_name(name, header) or f"name one of them with --{what}-column",
        )
    return index


def _without_path(table: Path, header: Sequence[str], names: Sequence[str]) -> DataError:
    if "url" in names:
        return DataError(f"{table} lists addresses, not files", hint="download the images first and list their paths in a column path")
    if any(Path(name).suffix.lower() in IMAGE_SUFFIXES for name in header):
        return DataError(
            f"{table} has no header: its first line is {shown_columns(header)}",
            hint="add a first line with the names of the columns: path,label",
        )
    hint = "a table of pixels is for other programs: save each row as an image file" if len(header) > _MOST_COLUMNS else HINT
    return DataError(f"{table} has no column path or file_name; its columns are {shown_columns(header)}", hint=hint)


def shown_columns(header: Sequence[str]) -> str:
    """The names of columns for a message, of many the first."""
    rest = len(header) - _SHOWN
    return ", ".join(map(printable, header[:_SHOWN])) + (f" and {rest:,} more" if rest > 0 else "")
