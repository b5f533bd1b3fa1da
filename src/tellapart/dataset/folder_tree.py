"""The folders of a dataset as a tree: which wrap the data, which are parts, and which are folds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tellapart.dataset.entry import PARTS
from tellapart.dataset.folder_names import is_aside, is_data, is_fold, part_of, parts_among
from tellapart.errors import DataError
from tellapart.printable import printable

NAMED = 5
DIVIDE = "list the images in a table with the columns path, label and part (CSV, TSV or Parquet) and give that"


@dataclass
class Folder:
    """A folder with images in it or below.

    Attributes:
        root: what to call the data set in messages.
        path: relative to the root of the data set; empty for that itself.
        files: number of images directly in it.
        folders: those in it by name, in order.
    """

    root: str
    path: str
    files: int = 0
    folders: dict[str, Folder] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.rpartition("/")[2]

    @property
    def chain(self) -> tuple[str, ...]:
        """The paths of all its parent folders, from the root, and its own."""
        names = self.path.split("/") if self.path else []
        return tuple("/".join(names[:depth]) for depth in range(len(names) + 1))


def folder_tree(root: str, files: Iterable[str]) -> Folder:
    """The tree of the folders that hold images."""
    top = Folder(root, "")
    known = {"": top}
    for path in files:
        above = path.rpartition("/")[0]
        if above not in known:
            here = top
            for name in above.split("/"):
                inner = f"{here.path}/{name}" if here.path else name
                here = here.folders.setdefault(name, Folder(root, inner))
                known[inner] = here
        known[above].files += 1
    return top


def data_folder(top: Folder) -> Folder:
    """The folder that contains the data set: the top folder, or one inside it if the others are only wrappers.

    Raises:
        DataError: there are several data sets, or only some of the folders are divided into parts.
    """
    here = top
    while (inner := _wrapped(here)) is not None:
        here = inner
    return here


def _wrapped(here: Folder) -> Folder | None:
    """The one folder in here that holds all of the data set, if there is one."""
    if not here.folders or parts_among(here.folders) or folds_of(here):
        return None
    inner = list(here.folders.values())
    if len(inner) == 1:
        return inner[0] if _has_structure(inner[0]) or is_data(inner[0].name) else None
    divided = [folder for folder in inner if _is_divided(folder)]
    plain = [folder for folder in inner if folder not in divided and not is_aside(folder.name)]
    if divided:
        return _divided_one(here, divided, plain)
    named = [folder for folder in inner if not is_aside(folder.name)]
    is_only = len(named) == 1 and (len(named[0].folders) > 1 or _has_structure(named[0]))
    if is_only or (len(named) == 1 and is_data(named[0].name)):
        return named[0]
    data = [folder for folder in named if is_data(folder.name) and len(folder.folders) > 1]
    if len(data) == 1 and here.path == "" and not any(folder.folders for folder in named if folder is not data[0]):
        others = [folder.name for folder in named if folder is not data[0]]
        below = sorted(data[0].folders)
        raise ambiguous(
            here,
            f"{printable(data[0].path)}/ holds the folders {listed(below)}, and {listed(others)} "
            f"lie{'s' * (len(others) == 1)} beside it: the classes could be these or those",
            f"give {printable(data[0].path)} itself for {listed(below)}, or --label-folder top for {listed([data[0].name, *others])}",
        )
    return None


def _has_structure(folder: Folder) -> bool:
    """Whether a lone folder can be a wrapper: there are folders in it, and no images or, here or deeper, several folders."""
    if len(folder.folders) == 1 and folder.files:
        return _has_several(next(iter(folder.folders.values())))
    return bool(folder.folders)


def _has_several(folder: Folder) -> bool:
    return len(folder.folders) > 1 or any(_has_several(inner) for inner in folder.folders.values())


def _is_divided(folder: Folder) -> bool:
    """Whether there are a train and another part in a folder, or in the folders it wraps."""
    while len(folder.folders) == 1 and part_of(folder.name) is None:
        folder = next(iter(folder.folders.values()))
    parts = set(parts_among(folder.folders).values())
    return len(parts) > 1 and "train" in parts


def _divided_one(here: Folder, divided: Sequence[Folder], plain: Sequence[Folder]) -> Folder | None:
    """Of folders divided into parts: the data set, or None where all are classes with parts in them."""
    labeled = [folder for folder in divided if _has_class_folders(folder)]
    if len(divided) == 1 and (labeled or is_data(divided[0].name) or not plain):
        return divided[0]
    if len(labeled) > 1:
        raise ambiguous(
            here,
            f"{listed([f.path for f in labeled])} are data sets of their own, each with parts and classes",
            f"give one: {here.root}/...",
        )
    if plain or labeled:
        odd = plain or labeled
        raise ambiguous(
            here,
            f"{listed([folder.path for folder in divided if folder not in odd])} {_are(divided)} divided into parts, "
            f"{listed([folder.path for folder in odd])} {_are(odd)} not",
            f"divide all classes alike, or {DIVIDE}",
        )
    return None


def _are(folders: Sequence[Folder]) -> str:
    return "is" if len(folders) == 1 else "are"


def _has_class_folders(divided: Folder) -> bool:
    while len(divided.folders) == 1:
        divided = next(iter(divided.folders.values()))
    return any(inside_part(divided.folders[name]).folders for name in parts_among(divided.folders))


def inside_part(part: Folder) -> Folder:
    """The folder with the classes of a part: the part's own, or the one inside it (``train/train``, ``train/data``, ``train/images``)."""
    here = part
    while (only := _only_one(here)) is not None:
        is_doubled = only.name.casefold() == here.name.casefold() or part_of(only.name) is not None
        is_wrapper = is_doubled or is_data(only.name) or (len(only.folders) > 1 and not only.files)
        if not is_wrapper or (here.files and not is_doubled):
            return here
        here = only
    return here


def _only_one(here: Folder) -> Folder | None:
    """The only folder in here, or the only one called ``images`` or the like beside some such as ``masks``."""
    inner = list(here.folders.values())
    if len(inner) == 1:
        return inner[0]
    named = [folder for folder in inner if not is_aside(folder.name)]
    return named[0] if len(named) == 1 and is_data(named[0].name) else None


def class_names_in(part: Folder) -> set[str]:
    """The names of the class folders of a part."""
    return set(inside_part(part).folders)


def folds_of(here: Folder) -> list[str]:
    """The folders in here if they are the folds of a cross-validation, in order.

    Raises:
        DataError: each of them is a data set with parts of its own.
    """
    names = list(here.folders)
    folds = [name for name in names if is_fold(name)]
    if len(folds) < 2 or any(not is_aside(name) for name in names if name not in folds):
        return []
    if any(parts_among(here.folders[name].folders) for name in folds):
        raise ambiguous(here, f"each of {listed(folds)} has parts of its own", f"give one of them: {here.root}/{printable(folds[0])}")
    return sorted(folds, key=lambda name: (len(name), name))


def parts_of(here: Folder) -> dict[str, str]:
    """The folders in here that are parts, with their part; none where such a name is that of a class.

    Raises:
        DataError: it could be either.
    """
    parts = parts_among(here.folders)
    others = {name: folder for name, folder in here.folders.items() if name not in parts}
    if not parts or not others:
        return parts
    kinds = set(parts.values())
    classes = {name for part in parts for name in class_names_in(here.folders[part])}
    plain = [name for name in others if not is_aside(name)]
    if "train" not in kinds:
        return _beside_classes(here, parts, classes, others)
    if len(kinds) > 1 and (classes or len(plain) < 2):
        return parts
    if len(kinds) == 1 and not any(here.folders[name].folders for name in parts):
        return {}
    alike = [name for name in plain if len(classes & class_names_in(others[name])) > 1]
    if len(classes) > 1 and not alike and len(plain) < 2:
        return parts
    like_parts = _like_parts(parts)
    if alike:
        raise ambiguous(here, f"{like_parts}, and {listed(alike)} with the same folders is no part known by its name", DIVIDE)
    raise ambiguous(
        here,
        f"{like_parts}, but {listed(plain)} beside {_it(parts)} look like classes",
        f"--label-folder top makes every one of them a class; as parts, lay {listed(plain)} elsewhere",
    )


def _beside_classes(here: Folder, parts: dict[str, str], classes: set[str], others: dict[str, Folder]) -> dict[str, str]:
    """A test part next to class folders, which are then the train part."""
    known = {name.casefold() for name in others}
    if classes and all(name.casefold() in known for name in classes):
        return parts
    raise ambiguous(
        here,
        f"{_like_parts(parts)}, but there is no train part: {listed(others)} beside {_it(parts)} look like classes",
        f"put {listed(others)} into a folder train, or say --label-folder top, which makes every one of them a class",
    )


def _like_parts(parts: dict[str, str]) -> str:
    names = sorted(parts, key=lambda name: (PARTS.index(parts[name]), name))
    return f"{listed(names)} {'looks like a part' if len(parts) == 1 else 'look like parts'} of a split"


def _it(parts: dict[str, str]) -> str:
    return "it" if len(parts) == 1 else "them"


def same_folders(base: Folder) -> tuple[list[str], list[str]] | None:
    """The folders and those in them, where at least half of these repeat from one to another and there are no images beside them."""
    tops = [folder for folder in base.folders.values() if folder.folders]
    if len(tops) < 2 or any(folder.files for folder in tops):
        return None
    inner = Counter(name for folder in tops for name in folder.folders)
    repeated = sorted(name for name, number in inner.items() if number > 1 and not is_data(name))
    return ([folder.path for folder in tops], repeated) if len(inner) > 1 and 2 * len(repeated) >= len(inner) else None


def copied_folders(base: Folder) -> tuple[str, list[str]] | None:
    """A folder that holds others of the same names as those beside it, such as a clean copy of the classes, and these names."""
    for folder in base.folders.values():
        shared = sorted(name for name in folder.folders if name in base.folders and name != folder.name and not is_data(name))
        if len(shared) > 1 or len(shared) == len(folder.folders) > 0:
            return folder.path, shared
    return None


def listed(names: Iterable[str]) -> str:
    """Folders in words: ``train/ and test/``; of many the first."""
    shown = [f"{printable(name)}/" for name in names]
    if len(shown) > NAMED:
        return f"{', '.join(shown[:NAMED])} and {len(shown) - NAMED:,} more"
    return " and ".join([", ".join(shown[:-1])] * bool(shown[:-1]) + shown[-1:])


def ambiguous(here: Folder, reading: str, hint: str) -> DataError:
    """The error for folders that can be read in two ways."""
    where = f"{here.root}/{here.path}" if here.path else here.root
    return DataError(f"the folders of {printable(where)} can be read in more than one way: {reading}", hint=hint)
