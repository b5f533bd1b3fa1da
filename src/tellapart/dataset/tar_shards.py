"""Images in tar shards: unpacked once into the cache, then read like any folder.

Understood are the shards that ``collect --shards`` and ``prepare --format tar`` write, and others in the manner of the
package webdataset: an image with files of the same name beside it, ``.json`` (label, part or split, group, path) or ``.cls``.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tarfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Self

from tellapart.atomic_files import replacing_folder, write_json
from tellapart.cache_dir import cache_root
from tellapart.concurrency import available_cores, prefetch
from tellapart.counts import count
from tellapart.dataset.catalog import STATE_FOLDER
from tellapart.dataset.entry import PARTS, Entry
from tellapart.dataset.folder_names import part_of
from tellapart.errors import DataError, StorageError
from tellapart.images.formats import IMAGE_SUFFIXES
from tellapart.images.memory_limits import MOST_FILE_BYTES
from tellapart.json_files import ShapeError, fields, is_intact, maybe, read_json, several, text
from tellapart.printable import printable
from tellapart.progress import SILENT, Progress

SUFFIX = ".tar"
ROWS, WAITING = "rows.json", ".image"
LONGEST_CARD = 1 << 20
"""Bytes; a larger .json beside an image is not read."""
LONGEST_NAME = 200
MOST_FOLDERS = 15
_IN_MEMORY = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)
_END = bytes(1024)
_CHUNK = 1 << 20
_NAMES_OF_PARTS = ("part", "split")
_ROW = fields({"path": text(least=1), "label": maybe(text()), "part": maybe(text(*PARTS)), "group": maybe(text())})
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


def unpack_shards(where: Path, progress: Progress = SILENT) -> tuple[Path, list[Entry], list[str]]:
    """The folder in the cache that holds the images of the shards at ``where``, their entries, and notes.

    A shard is unpacked when it is new or has changed. The catalog and the user's decisions lie beside the shards, where
    that folder can be written.

    Args:
        where: a folder with tar files, or one of them.
        progress: progress receiver.

    Raises:
        DataError: no image is in them.
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
    for name, shard in names.items():
        known = _known_rows(folder / name)
        if known is None:
            raise StorageError(f"the copy of {printable(str(shard))} in {folder / name} is damaged", hint=f"remove {folder / name}")
        entries += [Entry(f"{name}/{row['path']}", row["label"], row["part"], row["group"]) for row in known["rows"]]
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
    return folder, entries, notes


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
    rows: list[dict[str, str | None]] = []
    with replacing_folder(folder / name) as copy:
        samples = _Samples(shard, copy)
        for sample in samples:
            path = _free(_inside(sample.path), taken)
            (copy / path).parent.mkdir(parents=True, exist_ok=True)
            os.replace(sample.file, copy / path)
            rows.append({"path": path, "label": sample.label, "part": sample.part or _part_of(shard.stem), "group": sample.group})
        (copy / WAITING).unlink(missing_ok=True)
        write_json(copy / ROWS, {"rows": rows, "damage": samples.damage, "notes": samples.notes()})


@dataclass
class _Sample:
    """One image of a shard with its label, part and group."""

    file: Path
    member: str
    card: dict[str, Any] = field(default_factory=dict)
    number: str | None = None

    @property
    def path(self) -> str:
        """What to call it: its path before it was packed, else its name in the shard."""
        return self._text("path", "file_name") or self.member

    @property
    def label(self) -> str | None:
        """By the card, else the number of the class (-1 is none), else the folder in the shard."""
        if "label" in self.card:
            return self._text("label")
        if self.number is not None:
            return None if self.number == "-1" else self.number
        above = PurePosixPath(self.member).parent.name
        return above if above and part_of(above) is None else None

    @property
    def part(self) -> str | None:
        """By the card."""
        return part_of(self._text(*_NAMES_OF_PARTS) or "")

    @property
    def group(self) -> str | None:
        """By the card."""
        return self._text("group")

    def _text(self, *names: str) -> str | None:
        text_value = next((value for name in names if (value := self.card.get(name)) not in (None, "") and value == value), None)
        return None if text_value is None else str(text_value).strip().encode("utf-8", "backslashreplace").decode()


class _Samples:
    """The images of a shard one after another, each in a file; ``damage`` is where the shard could not be read further."""

    def __init__(self, shard: Path, place: Path) -> None:
        self._shard, self._waiting = shard, place / WAITING
        self.damage: str | None = None
        self._sparse = 0
        self._large = 0
        self._cards: list[str] = []
        self._labels: dict[str, Counter[str | None]] = defaultdict(Counter)

    def notes(self) -> list[str]:
        """What was passed over."""
        notes = []
        if self._sparse:
            notes.append(f"files stored with holes (sparse, as tar -S does) are passed over: {self._sparse:,}; pack them without -S")
        if self._large:
            notes.append(f"images of more than {MOST_FILE_BYTES / 1e6:,.0f} MB are passed over: {self._large:,}")
        if self._cards:
            how_many = f"{len(self._cards):,}, the first beside {self._cards[0]}"
            notes.append(f"images are passed over whose .json is damaged, or has a label that is no word or number: {how_many}")
        for number, labels in self._labels.items():
            if len(labels) > 1:
                names = " and ".join(str(label) for label, _ in labels.most_common())
                notes.append(f"class {number} has the labels {names}: is a .json or .cls damaged?")
        return notes

    def __iter__(self) -> Iterator[_Sample]:
        sample: _Sample | None = None
        card: dict[str, Any] | None = {}
        number: str | None = None
        key = None
        size = self._shard.stat().st_size
        try:
            with tarfile.open(self._shard, "r|", tarinfo=_ShortHeader) as tar:
                for member in tar:
                    if not member.isfile() or member.issparse():
                        _check_end(tar, size)
                        self._sparse += member.issparse()
                        continue
                    own, _, suffix = member.name.rpartition(".")
                    if own != key:
                        if sample is not None and self._is_complete(sample, card, number):
                            yield sample
                        sample, card, number, key = None, {}, None, own
                    _check_end(tar, size)
                    if f".{suffix.lower()}" in IMAGE_SUFFIXES and member.size > MOST_FILE_BYTES:
                        self._large += 1
                    elif f".{suffix.lower()}" in IMAGE_SUFFIXES and sample is None:
                        sample = self._image(tar, member)
                    elif suffix == "json":
                        card = _card(tar, member)
                    elif suffix == "cls" and member.size <= LONGEST_NAME:
                        number = tar.extractfile(member).read().decode("utf-8", "replace").strip()  # type: ignore[union-attr]
                end = tar.offset
        except (tarfile.TarError, EOFError, ValueError, OverflowError, RecursionError, MemoryError) as error:
            self.damage = printable(str(error)) or "cut off"
            return
        if sample is not None and self._is_complete(sample, card, number):
            yield sample
        self.damage = _complaint_about_end(self._shard, end)

    def _image(self, tar: tarfile.TarFile, member: tarfile.TarInfo) -> _Sample:
        source = tar.extractfile(member)
        if source is None:
            raise tarfile.ReadError("an image has no content")
        with source, self._waiting.open("wb") as file:
            shutil.copyfileobj(source, file)
            file.flush()
            os.fsync(file.fileno())
        if self._waiting.stat().st_size != member.size:
            raise tarfile.ReadError("unexpected end of data")
        return _Sample(self._waiting, printable(member.name))

    def _is_complete(self, sample: _Sample, card: dict[str, Any] | None, number: str | None) -> bool:
        """Add the label, part and group to an image; false if they cannot be read."""
        if card is None:
            self._cards.append(sample.member)
            return False
        sample.card, sample.number = card, number
        if number is not None:
            self._labels[number][sample.label] += 1
        return True


class _ShortHeader(tarfile.TarInfo):
    """A header whose long names and further fields, which tarfile reads into memory, are not longer than any need be."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """As of tarfile.

        Raises:
            ReadError: the fields take more than :data:`LONGEST_CARD` bytes.
        """
        header = super().frombuf(buf, encoding, errors)
        if header.type in _IN_MEMORY and header.size > LONGEST_CARD:
            raise tarfile.ReadError(f"a name or further fields of {header.size:,} bytes")
        return header


def _check_end(tar: tarfile.TarFile, size: int) -> None:
    """Refuse a member that would end beyond its file: going on to the next would count every byte up to there.

    Raises:
        ReadError: it would.
    """
    if tar.offset > size:
        raise tarfile.ReadError("unexpected end of data")


def _complaint_about_end(shard: Path, end: int) -> str | None:
    """What is wrong where tarfile stopped to read: it takes a damaged header, or a file that is cut off, for the end."""
    with shard.open("rb") as file:
        file.seek(end)
        rest = file.read(_CHUNK)
        if len(rest) < len(_END):
            return "cut off"
        while rest:
            if rest.count(0) < len(rest):
                return f"what stands at byte {end:,} is no header"
            rest = file.read(_CHUNK)
    return None


def _card(tar: tarfile.TarFile, member: tarfile.TarInfo) -> dict[str, Any] | None:
    """The content of the .json of an image; None if it is not a JSON object, has another checksum than it was written with, or its
    label, part or group is not text or a number.
    """
    source = tar.extractfile(member) if member.size <= LONGEST_CARD else None
    try:
        card = json.loads(source.read()) if source else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(card, dict) or not is_intact(card):
        return None
    names = ("path", "file_name", "label", "group", *_NAMES_OF_PARTS)
    return card if all(isinstance(card.get(name), str | int | float | None) for name in names) else None


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
