"""Images in tar shards: unpacked once into the cache, then read like any folder.

Understood are the shards that ``collect --shards`` and ``prepare --format tar`` write, and others in the manner of the
package webdataset: an image with files of the same name beside it, ``.json`` (label, part or split, group, path) or ``.cls``.
Where those say nothing of the label, the folders in the shards are read as any folder's are.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from tellapart.atomic_files import replacing_folder, write_json
from tellapart.cache_dir import cache_root
from tellapart.concurrency import available_cores, prefetch
from tellapart.counts import count
from tellapart.dataset.catalog import STATE_FOLDER
from tellapart.dataset.entry import PARTS, Entry
from tellapart.dataset.folder_names import part_of
from tellapart.dataset.layouts import read_layout
from tellapart.dataset.options import AUTO
from tellapart.dataset.tar_samples import LONGEST_NAME, WAITING, Sample, Samples
from tellapart.errors import DataError, OptionError, StorageError
from tellapart.json_files import ShapeError, fields, flag, maybe, read_json, several, text
from tellapart.printable import printable
from tellapart.progress import SILENT, Progress

SUFFIX = ".tar"
ROWS = "rows.json"
MOST_FOLDERS = 15
_ROW = fields({"path": text(least=1), "label": maybe(text()), "is_told": flag, "part": maybe(text(*PARTS)), "group": maybe(text())})
_ROWS = fields({"rows": several(_ROW), "damage": maybe(text()), "notes": several(text())})


def shards_in(path: Path) -> list[Path]:
    """The tar files at ``path``, sorted: itself, those in the folder, or those in the only folder below that holds any."""
    if not path.is_dir():
        return [path] if path.suffix.lower() == SUFFIX and path.is_file() else []
    own = _tar_files(path)
    if own:
        return own
    below = [tar_files for folder in _folders(path) if (tar_files := _tar_files(folder))]
    return below[0] if len(below) == 1 else []


def _tar_files(folder: Path) -> list[Path]:
    try:
        return sorted(
            file for file in folder.iterdir() if file.suffix.lower() == SUFFIX and not file.name.startswith(".") and file.is_file()
        )
    except OSError:
        return []


def _folders(path: Path) -> list[Path]:
    try:
        return [folder for folder in path.iterdir() if folder.is_dir() and not folder.name.startswith(".")]
    except OSError:
        return []


def unpack_shards(where: Path, progress: Progress = SILENT, label_folder: str = AUTO) -> tuple[Path, list[Entry], list[str]]:
    """The folder in the cache that holds the images of the shards at ``where``, their entries, and notes.

    A shard is unpacked when it is new or has changed. The catalog and the user's decisions lie beside the shards, where
    that folder can be written.

    Args:
        where: a folder with tar files, or one of them.
        progress: progress receiver.
        label_folder: as in :class:`tellapart.dataset.options.DatasetOptions`, for images without a ``.json`` or ``.cls``.

    Raises:
        DataError: no image is in them, or their folders can be read in more than one way.
        OptionError: ``label_folder`` is given, and no image takes its label from its folder.
        StorageError: the disk is full.
    """
    shards = shards_in(where)
    home = where if where.is_dir() else where.parent
    key = hashlib.sha256(os.fsencode(where.absolute())).hexdigest()[:24]
    folder = cache_root() / "shards" / key / (where.stem if where.is_file() else where.absolute().name or "shards")
    folder.mkdir(parents=True, exist_ok=True)
    _share_state(folder, home)
    names = {f"{shard.stem}-{shard.stat().st_size}-{shard.stat().st_mtime_ns}": shard for shard in shards}
    for old in folder.iterdir():
        if old.name not in names and not old.name.startswith("."):
            shutil.rmtree(old, ignore_errors=True)
    new = [(name, shard) for name, shard in names.items() if _known_rows(folder / name) is None]
    if new:
        with progress.stage("unpacking shards", total=len(new), unit="shards") as advance:
            for _ in prefetch(partial(_unpack, folder), new, min(4, available_cores())):
                advance(1)
    entries: list[Entry] = []
    notes: list[str] = []
    untold: dict[str, str] = {}
    for name, shard in names.items():
        known = _known_rows(folder / name)
        if known is None:
            raise StorageError(f"the copy of {printable(str(shard))} in {folder / name} is damaged", hint=f"remove {folder / name}")
        entries += [Entry(f"{name}/{row['path']}", row["label"], row["part"], row["group"]) for row in known["rows"]]
        untold |= {f"{name}/{row['path']}": row["path"] for row in known["rows"] if not row["is_told"]}
        notes += [f"{printable(shard.name)}: {note}" for note in known["notes"]]
        if known["damage"]:
            notes.append(
                f"{printable(shard.name)} is damaged ({known['damage']}); the {count(len(known['rows']), 'image')} before that are used"
            )
    if not entries:
        raise DataError(
            f"there are no images in the tar files at {where}" + (f": {'; '.join(notes)}" if notes else ""),
            hint="a shard holds images, each with a .json or .cls of the same name",
        )
    if not untold and label_folder != AUTO:
        raise OptionError(
            f"label_folder has no effect on tar shards whose samples name the label ({label_folder!r} was given)", hint="leave it out"
        )
    return (folder, *_with_folders(where, entries, notes, untold, label_folder)) if untold else (folder, entries, notes)


def _with_folders(
    where: Path, entries: Sequence[Entry], notes: Sequence[str], untold: Mapping[str, str], label_folder: str
) -> tuple[list[Entry], list[str]]:
    """Entries and notes with the labels and parts that the folders in the shards give, without images that lie in none of them.

    ``untold`` has the path in its shard of each image that has no card with a label.
    """
    layout = read_layout(str(where), sorted(set(untold.values())), label_folder)
    by_path = {entry.path: entry for entry in layout.entries}
    completed = []
    for entry in entries:
        own = by_path.get(untold[entry.path]) if entry.path in untold else entry
        if own is not None:
            completed.append(replace(entry, label=own.label, part=entry.part or own.part))
    return completed, [*notes, layout.sentence, *layout.notes]


def _known_rows(copy: Path) -> dict[str, Any] | None:
    """What was found in a shard when it was unpacked; None where that is not there or damaged."""
    try:
        content: dict[str, Any] = read_json(copy / ROWS, _ROWS)
    except (OSError, ShapeError):
        return None
    return content


def _share_state(folder: Path, home: Path) -> None:
    """Let the state of the copy be that of the shards' own folder, as long as that can be written."""
    own, link = home.absolute() / STATE_FOLDER, folder / STATE_FOLDER
    if link.is_symlink() or link.exists():
        return
    with suppress(OSError):
        own.mkdir(exist_ok=True)
        if os.access(own, os.W_OK):
            link.symlink_to(own, target_is_directory=True)


def _unpack(folder: Path, job: tuple[str, Path]) -> None:
    name, shard = job
    taken: set[str] = {ROWS}
    rows: list[dict[str, str | bool | None]] = []
    with replacing_folder(folder / name) as copy:
        samples = Samples(shard, copy)
        placed: list[tuple[str, Sample]] = []
        for sample in samples:
            path = _free(_inside(sample.path), taken)
            (copy / path).parent.mkdir(parents=True, exist_ok=True)
            os.replace(sample.file, copy / path)
            placed.append((path, sample))
        samples.join_cards()
        for path, sample in placed:
            if sample.card is None:
                (copy / path).unlink()
                continue
            part = sample.part or _part_of(shard.stem)
            rows.append({"path": path, "label": sample.label, "is_told": sample.is_told, "part": part, "group": sample.group})
        (copy / WAITING).unlink(missing_ok=True)
        write_json(copy / ROWS, {"rows": rows, "damage": samples.damage, "notes": samples.notes()})


def _part_of(stem: str) -> str | None:
    """The part a shard's name begins with: ``train-000012``."""
    return part_of(stem.replace("_", "-").partition("-")[0])


def _inside(path: str) -> str:
    """A path that stays inside the folder, not too deep, each name short enough and none hidden."""
    parts = [printable(part).strip().lstrip(".").replace("\0", "_") for part in PurePosixPath(path).parts if part not in ("/", "..", ".")]
    short = [part if len(part.encode()) <= LONGEST_NAME else hashlib.sha256(part.encode()).hexdigest()[:16] for part in parts if part]
    if len(short) > MOST_FOLDERS:
        short = [f"{hashlib.sha256(path.encode()).hexdigest()[:16]}{PurePosixPath(short[-1]).suffix}"]
    return "/".join(short) or "image"


def _free(path: str, taken: set[str]) -> str:
    """Reserve the path, or a similar one if it is taken by or lies inside another file."""
    if any(str(parent) in taken for parent in PurePosixPath(path).parents):
        path = path.replace("/", "_")
    original, free, number = PurePosixPath(path), path, 2
    while free in taken or f"{free}/" in taken:
        free, number = str(original.with_name(f"{original.stem} {number}{original.suffix}")), number + 1
    taken.add(free)
    taken.update(f"{parent}/" for parent in PurePosixPath(free).parents)
    return free
