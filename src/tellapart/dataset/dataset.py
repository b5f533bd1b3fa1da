"""Opening a data set: a folder, a manifest, or a folder with a manifest in it."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tellapart.dataset.bucket import SCHEME, copied_bucket
from tellapart.dataset.entry import PARTS, Entry
from tellapart.dataset.folder import PART_FOLDERS, folder_entries
from tellapart.dataset.image_files import image_files
from tellapart.dataset.manifest import MANIFEST_SUFFIXES, manifest_entries
from tellapart.dataset.shards import shards_in, unpacked
from tellapart.errors import DataError
from tellapart.progress import SILENT, Progress

MANIFEST_NAMES = ("metadata.csv", "metadata.parquet", "manifest.csv", "manifest.parquet")


@dataclass(frozen=True)
class Dataset:
    """The files of a data set with the user's labels, parts and groups.

    Attributes:
        root: the folder all paths are relative to.
        entries: one a file, in a stable order.
        notes: what was passed over while reading the layout.
    """

    root: Path
    entries: tuple[Entry, ...]
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.entries)

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        """The labels that occur, sorted."""
        return tuple(sorted({e.label for e in self.entries if e.label is not None}))

    def file(self, entry: Entry) -> Path:
        """Where the file of an entry lies."""
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
        return f"<b>{html.escape(str(self.root))}</b>: {len(self):,} files<table><tr><th>class</th>{head}</tr>{rows}</table>"


def open_dataset(where: str | Path, *, progress: Progress = SILENT) -> Dataset:
    """Read the layout of a folder, a manifest, shards or a bucket; no picture is opened.

    Args:
        where: a folder, a manifest, tar shards (unpacked into the cache), or ``s3://bucket/prefix`` (copied into the cache,
            needs the extra ``s3``).
        progress: hears of every object copied and every shard unpacked.

    Raises:
        DataError: nothing there, nothing in it, or a manifest that cannot be understood.
    """
    if str(where).startswith(SCHEME):
        where = copied_bucket(str(where), progress=progress)
    path = Path(where).expanduser()
    manifest = path if path.suffix.lower() in MANIFEST_SUFFIXES and not path.is_dir() else _manifest_in(path)
    if manifest is not None:
        return Dataset(manifest.parent.absolute(), tuple(manifest_entries(manifest)))
    if path.is_file() and shards_in(path):
        return _of_shards(path, progress)
    entries, notes = folder_entries(path)
    if not entries and shards_in(path):
        return _of_shards(path, progress)
    if not entries:
        raise DataError(
            f"there are no pictures in {path}",
            hint="prepared arrays are for other programs: give the photos themselves"
            if (path / "prepared.json").is_file()
            else "put the pictures of each class into a folder of its own: photos/cats/*.jpg, photos/dogs/*.jpg",
        )
    return Dataset(path.absolute(), tuple(entries), tuple(notes))


def open_images(where: str | Path, *, progress: Progress = SILENT) -> Dataset:
    """Every image below a folder, whatever its folders are called: for commands that need no classes and no parts.

    The label of an image is the first folder on its path that is not called like a part; it is only a guess. Manifests that lie in
    the folder are not read. Anything but a plain folder of images is opened as :func:`open_dataset` does.

    Raises:
        DataError: as :func:`open_dataset`.
    """
    path = Path(where).expanduser()
    if str(where).startswith(SCHEME) or not path.is_dir():
        return open_dataset(where, progress=progress)
    files, notes = image_files(path)
    if not files:
        return open_dataset(where, progress=progress)
    entries = [Entry(file, label=next((name for name in file.split("/")[:-1] if name.lower() not in PART_FOLDERS), None)) for file in files]
    return Dataset(path.absolute(), tuple(entries), tuple(notes))


def files_dataset(files: Sequence[str | Path], labels: Sequence[str] | None = None, groups: Sequence[str] | None = None) -> Dataset:
    """A data set of single files, in the order given; paths are kept absolute."""
    entries = [
        Entry(
            path=str(Path(file).expanduser().absolute()),
            label=str(labels[i]) if labels is not None else None,
            group=groups[i] if groups is not None else None,
        )
        for i, file in enumerate(files)
    ]
    return Dataset(Path("/"), tuple(entries))


def _of_shards(where: Path, progress: Progress) -> Dataset:
    root, entries, notes = unpacked(where, progress)
    return Dataset(root.absolute(), tuple(entries), tuple(notes))


def _manifest_in(folder: Path) -> Path | None:
    return next((folder / name for name in MANIFEST_NAMES if (folder / name).is_file()), None)
