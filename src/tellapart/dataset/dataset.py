"""Opening a dataset: a folder, a manifest, or a folder with a manifest."""

from __future__ import annotations

import html
import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from tellapart.counts import count
from tellapart.dataset.bucket import SCHEME, copy_bucket
from tellapart.dataset.class_names import ALIKE, alike_names, spelled
from tellapart.dataset.entry import PARTS, Entry
from tellapart.dataset.folder_names import classes_in_file_names, part_of
from tellapart.dataset.image_files import image_files, no_images
from tellapart.dataset.labeled_folder import folder_entries, manifest_in
from tellapart.dataset.layouts import read_layout
from tellapart.dataset.manifest import MANIFEST_SUFFIXES, read_manifest
from tellapart.dataset.options import AS_FOUND, AUTO, FILENAME, NONE, TOP, DatasetOptions, reading_options
from tellapart.dataset.table_paths import ListedFiles
from tellapart.dataset.tar_shards import shards_in, unpack_shards
from tellapart.errors import DataError, OptionError
from tellapart.printable import printable
from tellapart.progress import SILENT, Progress

LABEL_HINT = "put the images of each class into a folder of its own: photos/cats/*.jpg, photos/dogs/*.jpg"
_NAMED = 4
_LABELS_FROM = {FILENAME: "the names of the files", NONE: "nowhere, as asked for"}


def label_hint(paths: Iterable[str]) -> str:
    """What to do about images without labels: also what their file names begin with, where that may be the classes."""
    names = classes_in_file_names(paths)
    if not names:
        return LABEL_HINT
    shown = ", ".join(map(printable, names[:_NAMED])) + (", ..." if len(names) > _NAMED else "")
    return f"--label-folder filename makes what the file names begin with the classes ({shown}); else {LABEL_HINT}"


@dataclass(frozen=True)
class Dataset:
    """The files of a data set with the user's labels, parts and groups.

    Attributes:
        root: the folder all paths are relative to.
        entries: one a file, in a stable order.
        notes: how the layout was understood, and what was passed over.
        is_listed: whether a table lists the files: then ``root`` is where the table lies, and not a folder of photos.
    """

    root: Path
    entries: tuple[Entry, ...]
    notes: tuple[str, ...] = ()
    is_listed: bool = False

    def __len__(self) -> int:
        return len(self.entries)

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        """The labels that occur, sorted."""
        return tuple(sorted({e.label for e in self.entries if e.label is not None}))

    def file(self, entry: Entry) -> Path:
        """The path of an entry's file."""
        return self.root / entry.path

    def counts(self) -> Counter[tuple[str | None, str | None]]:
        """Number of files for each (part, label)."""
        return Counter((e.part, e.label) for e in self.entries)

    def _repr_html_(self) -> str:
        counts = self.counts()
        parts = [part for part in (None, *PARTS) if any(p == part for p, _ in counts)]
        head = "".join(f"<th>{part or 'files'}</th>" for part in parts)
        labels: list[str | None] = [*self.class_names, *([None] if any(label is None for _, label in counts) else [])]
        rows = "".join(
            f"<tr><td>{html.escape(label) if label is not None else '<i>no label</i>'}</td>"
            + "".join(f"<td>{counts[(part, label)]:,}</td>" for part in parts)
            + "</tr>"
            for label in labels
        )
        return f"<b>{html.escape(str(self.root))}</b>: {count(len(self), 'file')}<table><tr><th>class</th>{head}</tr>{rows}</table>"


def without_labels(dataset: Dataset, paths: Sequence[str]) -> DataError:
    """The refusal of a data set without a label: how its folders were read, and what to do about images of these paths."""
    layout = f" ({'; '.join(dataset.notes)})" if dataset.notes else ""
    return DataError(f"no image in {printable(str(dataset.root))} has a label{layout}", hint=label_hint(paths))


ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]+://")


def open_dataset(where: str | Path, reading: DatasetOptions = AS_FOUND, *, progress: Progress = SILENT) -> Dataset:
    """Read the layout of a folder, a manifest, shards or a bucket; no image is opened.

    Args:
        where: a folder, a manifest, tar shards (unpacked into the cache), or ``s3://bucket/prefix`` (copied into the cache,
            needs the extra ``s3``).
        reading: which folder is the class and which columns to read, if the names are not clear.
        progress: progress receiver.

    Raises:
        DataError: nothing there, nothing in it, folders that can be read in more than one way, or a manifest that cannot be understood.
    """
    _check_name(where)
    if str(where).startswith(SCHEME):
        where = copy_bucket(str(where), progress=progress)
    path = Path(where).expanduser()
    if path.suffix.lower() in MANIFEST_SUFFIXES and not path.is_dir():
        return _with_name_notes(_of_manifest(path, reading))
    if path.is_file() and shards_in(path):
        return _with_name_notes(_of_shards(path, reading, progress))
    files, unread = image_files(path)
    if not files and shards_in(path):
        return _with_name_notes(_of_shards(path, reading, progress))
    listed = manifest_in(path)
    if not files and listed is not None:
        return _with_name_notes(_of_manifest(listed, reading))
    if not files:
        raise no_images(path, unread, LABEL_HINT)
    entries, notes = folder_entries(path, files, reading)
    return _with_name_notes(Dataset(path.absolute(), tuple(entries), (*unread, *notes)))


def open_images(where: str | Path, reading: DatasetOptions = AS_FOUND, *, progress: Progress = SILENT) -> Dataset:
    """Every image below a folder, whatever its folders are called: for commands that need no classes and no parts.

    The label of an image is the first folder on its path that is not called like a part; it is only a guess. Manifests that lie in
    the folder are not read. Anything but a plain folder of images is opened as :func:`open_dataset` does.

    Raises:
        DataError: as :func:`open_dataset`.
    """
    _check_name(where)
    path = Path(where).expanduser()
    if str(where).startswith(SCHEME) or not path.is_dir():
        return open_dataset(where, reading, progress=progress)
    files, notes = image_files(path)
    if not files:
        return open_dataset(where, reading, progress=progress)
    if reading.label_folder != AUTO:
        entries = read_layout(str(path), files, reading.label_folder).entries
    else:
        entries = [Entry(file, label=next((name for name in file.split("/")[:-1] if part_of(name) is None), None)) for file in files]
    return Dataset(path.absolute(), tuple(entries), tuple(notes))


def _check_name(where: str | Path) -> None:
    """Refuse an empty name, as of a variable that is not set: it would mean the current folder.

    Raises:
        DataError: the name is empty, or an address of the web.
    """
    if str(where) == "":
        raise DataError("the name of the folder is empty", hint="the current folder is .")
    if ADDRESS.match(str(where)) and not str(where).startswith(SCHEME):
        raise address_error(str(where), "a folder")


def address_error(text: str, expected: str) -> DataError:
    """The refusal of an address where a file or folder is wanted."""
    if text.lower().startswith("file://"):
        return DataError(f"{printable(text)} is an address, not {expected}", hint="give the path alone, without file://")
    hint_text = "download it first; tellapart collect --urls does so for a list of addresses"
    return DataError(f"{printable(text)} is an address, not {expected}", hint=hint_text)


def files_dataset(files: Sequence[str | Path], labels: Sequence[str] | None = None, groups: Sequence[str] | None = None) -> Dataset:
    """A data set of single files, in the order given; paths are kept absolute."""
    entries = [
        Entry(
            path=absolute_path(file),
            label=str(labels[i]) if labels is not None else None,
            group=groups[i] if groups is not None else None,
        )
        for i, file in enumerate(files)
    ]
    return Dataset(Path("/"), tuple(entries))


def absolute_path(file: str | os.PathLike[str]) -> str:
    """The absolute path of a file; of a name that no file can have, one that no file has."""
    return str(Path(os.fsdecode(file).replace("\0", "?")).expanduser().absolute())


def _of_shards(where: Path, reading: DatasetOptions, progress: Progress) -> Dataset:
    """Tar shards, whose samples name their labels.

    Raises:
        OptionError: an option on columns is given, or one on folders that name no label.
    """
    for name, value in reading_options(reading).items():
        if name != "label_folder":
            raise OptionError(f"{name} has no effect on tar shards, which hold no table ({value!r} was given)", hint="leave it out")
    root, entries, notes = unpack_shards(where, progress, reading.label_folder)
    return Dataset(root.absolute(), tuple(entries), tuple(notes))


def _of_manifest(file: Path, reading: DatasetOptions) -> Dataset:
    """A table with its labels and parts, or, in a column it does not have, those of the folders its paths name."""
    root = file.parent
    table = read_manifest(file, ListedFiles(root, "", lambda: image_files(root)[0]), reading)
    entries, notes = table.entries, table.all_notes
    is_told = reading.label_folder != AUTO
    takes_folders = is_told or table.label_column is None
    paths = sorted({entry.path for entry in entries})
    has_outside = any(path.startswith(("/", "../")) for path in paths)
    if is_told and has_outside and reading.label_folder == TOP:
        raise DataError(f"{file} lists files outside its folder, so they have no top folder", hint="--label-folder bottom, or leave it out")
    if is_told or ((takes_folders or not table.has_parts) and not has_outside):
        by_layout = {}
        try:
            by_layout = {entry.path: entry for entry in read_layout(str(root), paths, reading.label_folder).entries}
        except DataError as error:
            if takes_folders:
                raise
            notes = [*notes, str(error)]
        own = [by_layout.get(entry.path, entry) for entry in entries]
        if is_told or (takes_folders and any(one.label is not None for one in own)):
            entries = [replace(entry, label=one.label) for entry, one in zip(entries, own, strict=True)]
            notes = [*notes, f"labels come from {_LABELS_FROM.get(reading.label_folder, 'the folders in the paths')}"]
        if not table.has_parts and len({one.part for one in own}) > 1:
            entries = [replace(entry, part=one.part) for entry, one in zip(entries, own, strict=True)]
            notes = [*notes, "parts come from the folders in the paths"]
    source = f"path from the column {table.path_column!r}"
    label = f", label from {table.label_column!r}" if table.label_column is not None and not is_told else ""
    return Dataset(root.absolute(), tuple(entries), (f"layout: {file.name}, {source}{label}", *notes), is_listed=True)


def _with_name_notes(dataset: Dataset) -> Dataset:
    """The data set, with a note for class names that are one name to a person."""
    notes = [
        f"the classes {' and '.join(map(spelled, names))} are called {ALIKE}; if they are one, tellapart relabel joins them"
        for names in alike_names(dataset.class_names)
    ]
    return replace(dataset, notes=(*dataset.notes, *notes)) if notes else dataset
