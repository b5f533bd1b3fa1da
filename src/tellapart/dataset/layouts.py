"""Detecting the layout from the paths of the images: which folders are classes, which are parts, and which are neither.

Understood are class folders, parts (``train``, ``val``, ``test`` under their many names) with class folders, class folders divided
into parts, and folds, each of them doubled or wrapped into other folders. What could be read in two ways is refused.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tellapart.counts import count
from tellapart.dataset.entry import PARTS, Entry
from tellapart.dataset.folder_names import class_in_file_name, is_aside, is_class, is_data, part_of
from tellapart.dataset.folder_tree import (
    Folder,
    ambiguous,
    copied_folders,
    data_folder,
    folder_tree,
    folds_of,
    inside_part,
    listed,
    parts_of,
    same_folders,
)
from tellapart.dataset.options import AUTO, BOTTOM, FILENAME, TOP
from tellapart.printable import printable

CLASSES_NAMED = 5


@dataclass(frozen=True)
class Layout:
    """Labels and parts from the folders.

    Attributes:
        entries: one for each image that belongs to the data set, in the order of the paths.
        sentence: what was understood, for people.
        notes: sentences for the user.
        folders: where a table of this data set may lie, the outermost first; empty for the root itself.
    """

    entries: list[Entry]
    sentence: str
    notes: list[str] = field(default_factory=list)
    folders: tuple[str, ...] = ("",)

    @property
    def is_labeled(self) -> bool:
        """Whether folders name a class."""
        return any(entry.label is not None for entry in self.entries)


@dataclass(frozen=True)
class _Region:
    """All images below a folder: their part, and their class, or (None) the folder below that names it."""

    folder: Folder
    part: str | None = None
    label: str | None = None
    has_classes: bool = True

    def entry(self, path: str) -> Entry:
        rest = path[len(self.folder.path) :].lstrip("/").split("/")
        below = rest[0] if len(rest) > 1 and self.has_classes else None
        return Entry(path, self.label if self.label is not None else below, self.part)


def read_layout(root: str, files: Sequence[str], label_folder: str = AUTO) -> Layout:
    """Understand the folders of a data set.

    Args:
        root: what to call it in messages.
        files: paths of the images relative to it, with ``/``.
        label_folder: as in :class:`tellapart.dataset.options.DatasetOptions`.

    Raises:
        DataError: the folders are ambiguous; the message lists the possible readings.
    """
    if label_folder != AUTO:
        return _as_told(files, label_folder)
    top = folder_tree(root, files)
    base = data_folder(top)
    parts = parts_of(base)
    if parts:
        return _by_parts(files, base, parts)
    folds = folds_of(base)
    if folds:
        parts = dict.fromkeys(folds[:-1], "train") | {folds[-1]: "test"}
        return _by_parts(files, base, parts, f"{count(len(folds), 'fold')} ({listed(folds)}), of which {folds[-1]}/ is the test part")
    if base.folders and all(parts_of(folder) for folder in base.folders.values()):
        return _divided_classes(files, base)
    return _classes(files, base)


def _as_told(files: Sequence[str], label_folder: str) -> Layout:
    """Labels from the folder the user names, or from file names; parts from the folders above it."""
    below_parts = label_folder == TOP and all("/" in path and part_of(path.partition("/")[0]) for path in files)
    entries = [_told(path, label_folder, below_parts=below_parts) for path in files]
    words = {
        TOP: "the top folders are the classes",
        BOTTOM: "the folder an image lies in is its class",
        FILENAME: "the file names without their numbers are the classes",
    }.get(label_folder)
    if words is None:
        return Layout(entries, f"layout: every image, whatever its folder; {_images(len(entries))}")
    parts = [part for part in PARTS if any(entry.part == part for entry in entries)]
    return Layout(entries, f"layout: {words}, as asked for; {_classes_said(entries)}" + (f", parts {', '.join(parts)}" if parts else ""))


def _told(path: str, label_folder: str, *, below_parts: bool) -> Entry:
    *folders, name = path.split("/")
    part = next((part for folder in folders if (part := part_of(folder))), None)
    if label_folder == FILENAME:
        return Entry(path, class_in_file_name(name), part)
    if label_folder == BOTTOM and folders:
        return Entry(path, folders[-1] if part_of(folders[-1]) is None else None, part)
    if label_folder == TOP and below_parts:
        return Entry(path, folders[1] if len(folders) > 1 else None, part_of(folders[0]))
    return Entry(path, folders[0] if label_folder == TOP and folders else None, None)


def _by_parts(files: Sequence[str], base: Folder, parts: Mapping[str, str], sentence_part: str = "") -> Layout:
    """Parts with class folders; other folders next to them are ignored, unless the only part is a test part and they are its classes."""
    regions = [_Region(inside_part(base.folders[name]), part) for name, part in parts.items()]
    beside = [folder for name, folder in base.folders.items() if name not in parts]
    has_train = "train" in parts.values()
    if beside and not has_train:
        regions += [_Region(folder, "train", label=folder.name) for folder in beside]
        beside = []
    for region in regions:
        if region.label is None:
            _check_not_the_same_below(region.folder)
    trained = {name for region in regions if region.part == "train" for name in _region_classes(region)}
    regions = [_checked_against(region, trained) for region in regions]
    entries, left = _entries(files, regions)
    entries, notes = _with_train_names(entries, trained)
    names = listed(sorted(parts, key=lambda name: (PARTS.index(parts[name]), name)))
    if not has_train and trained:
        sentence_part = f"{names} beside the class folders, which are the train part"
    unlabeled = [name for name in parts if not any(e.label is not None for e in entries if e.path.startswith(_below(base, name)))]
    sentence = f"layout: {sentence_part or names}{_under(base)}, {_classes_said(entries)}"
    if unlabeled and len(unlabeled) < len(parts):
        sentence += f"; the images of {listed(sorted(unlabeled))} have no label"
    for part in PARTS:
        same = sorted(name for name, its_part in parts.items() if its_part == part)
        if len(same) > 1 and not sentence_part:
            sentence += f"; {listed(same)} together are the {part} part"
    sentence += _nested([class_folder for region in regions for class_folder in _class_folders(region)])
    tables = dict.fromkeys([*base.chain, *(f for r in regions for f in r.folder.chain)])
    return Layout(entries, sentence + _passed_over(base, left), notes, tuple(tables))


def _region_classes(region: _Region) -> Iterable[str]:
    return [region.label] if region.label is not None else list(region.folder.folders)


def _class_folders(region: _Region) -> Iterable[Folder]:
    if region.label is not None:
        return [region.folder]
    return region.folder.folders.values() if region.has_classes else []


def _with_train_names(entries: list[Entry], trained: set[str]) -> tuple[list[Entry], list[str]]:
    """Entries of other parts with the names that their classes have in the train part, where they differ in capitals alone; and notes."""
    by_folded: dict[str, list[str]] = defaultdict(list)
    for name in trained:
        by_folded[name.casefold()].append(name)
    names = {
        label: same[0]
        for label in {entry.label for entry in entries if entry.label is not None} - trained
        if len(same := by_folded.get(label.casefold(), [])) == 1
    }
    notes = [
        f"the class {printable(label)!r} of another part is {printable(name)!r} of the train part" for label, name in sorted(names.items())
    ]
    return [replace(entry, label=names.get(entry.label or "", entry.label)) for entry in entries], notes


def _checked_against(region: _Region, trained: set[str]) -> _Region:
    """A val or test part none of whose folders is a class of the train part: one folder is a wrapper, several are refused."""
    own = set(region.folder.folders)
    known = {class_name.casefold() for class_name in trained}
    if region.part == "train" or not trained or not own or {name.casefold() for name in own} & known:
        return region
    if len(own) == 1 and len(trained) == 1:
        return region
    if len(own) == 1:
        (only,) = region.folder.folders.values()
        is_wrapper = any(name.casefold() in known for name in only.folders)
        return _Region(only, region.part) if is_wrapper else _Region(region.folder, region.part, has_classes=False)
    here = f"the {region.part} part {printable(region.folder.path)}/ holds {listed(sorted(own))}"
    raise ambiguous(
        region.folder,
        f"{here} and the train part {listed(sorted(trained))}: not one class is in both",
        "give both parts the same class folders, or list the images in a table with path, label and part",
    )


def _divided_classes(files: Sequence[str], base: Folder) -> Layout:
    """``cats/train``, ``cats/test``: the class, then the part."""
    regions = [
        _Region(folder.folders[name], part, label=folder.name)
        for folder in base.folders.values()
        for name, part in parts_of(folder).items()
    ]
    entries, left = _entries(files, regions)
    names = sorted({name for folder in base.folders.values() for name in parts_of(folder)})
    sentence = f"layout: class folders, each divided into {listed(names)}{_under(base)}, {_classes_said(entries)}"
    sentence += _nested([region.folder for region in regions])
    return Layout(entries, sentence + _passed_over(base, left), [], base.chain)


def _classes(files: Sequence[str], base: Folder) -> Layout:
    """Class folders, or no folders at all."""
    _check_not_the_same_below(base)
    has_classes = not all(is_data(name) for name in base.folders) or any(folder.folders for folder in base.folders.values())
    entries, left = _entries(files, [_Region(base, has_classes=has_classes)])
    if not has_classes:
        above = f" under {listed(sorted(base.folders))}" if base.folders else _under(base)
        sentence = f"layout: no class folders{above}, {_images(len(entries))}"
        return Layout(entries, sentence + _passed_over(base, left), [], base.chain)
    sentence = f"layout: class folders{_under(base)}, {_classes_said(entries)}"
    sentence += _nested(base.folders.values())
    loose = sum(entry.label is None for entry in entries)
    if loose:
        sentence += f"; {_images(loose)} beside them without a label"
    notes = [
        f"{printable(name)}/ is taken for a class, as it lies beside other class folders" + " and holds none" * bool(part_of(name))
        for name in base.folders
        if not is_class(name) or is_aside(name)
    ]
    return Layout(entries, sentence + _passed_over(base, left), notes, base.chain)


def _check_not_the_same_below(classes: Folder) -> None:
    """Refuse folders that could as well divide classes of the same names, and copies of classes beside these.

    Raises:
        DataError: most of the folders in them have the same names, or one holds folders that also lie beside it.
    """
    if copied := copied_folders(classes):
        copy, below = copied
        raise ambiguous(
            classes,
            f"{listed([copy])} holds folders that also lie beside it, {listed(below)}: it is a class, or holds more of theirs",
            f"lay {listed([copy])} elsewhere if it is a copy; --label-folder bottom joins {listed(below)}",
        )
    if alike := same_folders(classes):
        tops, below = alike
        raise ambiguous(
            classes,
            f"{listed(tops)} hold the same folders, {listed(below)}, so either could be the classes",
            f"--label-folder top makes {listed(tops)} the classes, --label-folder bottom {listed(below)}"
            if classes.path == "" or part_of(classes.path)
            else f"--label-folder bottom makes {listed(below)} the classes",
        )


def _nested(classes: Iterable[Folder]) -> str:
    """What becomes of folders in class folders, in words."""
    nested = sorted({f"{folder.name}/{name}" for folder in classes for name in folder.folders})
    return f"; folders in them belong to their class ({listed(nested)})" if nested else ""


def _entries(files: Sequence[str], regions: Sequence[_Region]) -> tuple[list[Entry], list[str]]:
    """The entries of all regions, and the paths that lie in none."""
    by_folder = {region.folder.path: region for region in regions}
    entries, left = [], []
    for path in files:
        above = path
        while above:
            above = above.rpartition("/")[0]
            if above in by_folder:
                entries.append(by_folder[above].entry(path))
                break
        else:
            left.append(path)
    return entries, left


def _classes_said(entries: Sequence[Entry]) -> str:
    names = sorted({entry.label for entry in entries if entry.label is not None})
    if not names:
        return f"no class folders, {_images(len(entries))}"
    shown = ", ".join(printable(name) for name in names[:CLASSES_NAMED]) + (", ..." if len(names) > CLASSES_NAMED else "")
    return f"{len(names):,} class{'es' * (len(names) != 1)} ({shown})"


def _passed_over(base: Folder, left: Sequence[str]) -> str:
    """What belongs to nothing, by folder, in words."""
    if not left:
        return ""
    tops: Counter[str] = Counter()
    for path in left:
        tops[_top_outside(base, path)] += 1
    folders = sorted(name for name in tops if name)
    passed = [f"{listed(folders)} passed over ({_images(sum(tops[name] for name in folders))})"] if folders else []
    if tops[""]:
        passed.append(
            f"{_images(tops[''])} beside {'them' if folders or base.path == '' else 'it'} passed over, such as {_loose(base, left)}"
        )
    return "; " + "; ".join(passed)


def _top_outside(base: Folder, path: str) -> str:
    """The folder, beside those on the way to the data, that a path lies in; empty for a file that lies in none."""
    ancestors = base.path.split("/") if base.path else []
    folders = path.split("/")[:-1]
    depth = 0
    while depth < len(folders) and depth < len(ancestors) and folders[depth] == ancestors[depth]:
        depth += 1
    return "/".join(folders[: depth + 1]) if depth < len(folders) else ""


def _loose(base: Folder, left: Sequence[str]) -> str:
    return printable(next(path for path in left if not _top_outside(base, path)))


def _below(base: Folder, name: str) -> str:
    return f"{base.path}/{name}/" if base.path else f"{name}/"


def _under(base: Folder) -> str:
    return f" under {printable(base.path)}/" if base.path else ""


def _images(number: int) -> str:
    return f"{number:,} image{'s' * (number != 1)}"
