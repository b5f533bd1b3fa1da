"""Reading tar shards: the images in one, each with the label, part and group of its ``.json`` or ``.cls``, and what is passed over."""

from __future__ import annotations

import json
import os
import shutil
import tarfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, cast

from tellapart.counts import count
from tellapart.dataset.folder_names import part_of
from tellapart.dataset.image_files import SYSTEM_FOLDERS, others_note
from tellapart.images.formats import IMAGE_SUFFIXES
from tellapart.images.memory_limits import MOST_FILE_BYTES
from tellapart.json_files import is_intact
from tellapart.printable import printable

WAITING = ".image"
"""Name of the file that an image is in until it is moved."""
LONGEST_CARD = 1 << 20
"""Bytes; a larger .json beside an image is not read."""
LONGEST_NAME = 200
_IN_MEMORY = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)
_END = bytes(1024)
_CHUNK = 1 << 20
_NAMES_OF_PARTS = ("part", "split")


@dataclass
class Sample:
    """One image of a shard with its label, part and group: of its card, which is None where that is damaged, and its class number."""

    file: Path
    member: str
    card: dict[str, Any] | None = field(default_factory=dict)
    number: str | None = None

    @property
    def path(self) -> str:
        """What to call it: its path before it was packed, else its name in the shard."""
        return self._text("path", "file_name") or self.member

    @property
    def is_told(self) -> bool:
        """Whether the card or the number gives the label; else the folder does."""
        return "label" in (self.card or {}) or self.number is not None

    @property
    def label(self) -> str | None:
        """By the card, else the number of the class (-1 is none)."""
        if "label" in (self.card or {}):
            return self._text("label")
        return None if self.number == "-1" else self.number

    @property
    def part(self) -> str | None:
        """By the card."""
        return part_of(self._text(*_NAMES_OF_PARTS) or "")

    @property
    def group(self) -> str | None:
        """By the card."""
        return self._text("group")

    def _text(self, *names: str) -> str | None:
        card = self.card or {}
        value = next((value for name in names if (value := card.get(name)) not in (None, "") and value == value), None)
        whole = int(value) if isinstance(value, float) and value.is_integer() else value
        return None if whole is None else str(whole).strip().encode("utf-8", "backslashreplace").decode()


@dataclass
class _Group:
    """The members of one name that stand together: an image, its card and its class number."""

    key: str
    sample: Sample | None = None
    card: dict[str, Any] | None = field(default_factory=dict)
    number: str | None = None

    @property
    def has_card(self) -> bool:
        """Whether there is a card, damaged or with a label, or a number."""
        return self.card is None or "label" in self.card or self.number is not None


class Samples:
    """The images of a shard one after another, each in a file; ``damage`` is where the shard could not be read further."""

    def __init__(self, shard: Path, place: Path) -> None:
        self._shard, self._waiting = shard, place / WAITING
        self.damage: str | None = None
        self._sparse = 0
        self._large = 0
        self._of_systems = 0
        self._others: Counter[str] = Counter()
        self._beside: list[str] = []
        self._cards: list[str] = []
        self._labels: dict[str, Counter[str | None]] = defaultdict(Counter)
        self._bare: dict[str, list[Sample]] = defaultdict(list)
        self._loose: dict[str, list[_Group]] = defaultdict(list)
        self._shortened: list[str] = []

    def notes(self) -> list[str]:
        """What was passed over."""
        notes = []
        if self._sparse:
            notes.append(f"files stored with holes (sparse, as tar -S does) are passed over: {self._sparse:,}; pack them without -S")
        if self._large:
            notes.append(f"images of more than {MOST_FILE_BYTES / 1e6:,.0f} MB are passed over: {self._large:,}")
        if self._of_systems:
            notes.append(f"files that operating systems add are passed over: {self._of_systems:,}")
        if self._others:
            notes.append(others_note(self._others))
        if self._beside:
            notes.append(f"images beside another of the same name are passed over: {_first_of(self._beside)}")
        if self._cards:
            how_many = f"{len(self._cards):,}, the first beside {self._cards[0]}"
            notes.append(f"images are passed over whose .json is damaged, or has a label that is no word or number: {how_many}")
        if loose := [group.key for groups in self._loose.values() for group in groups]:
            notes.append(f"a .json or .cls that stands beside no image, or beside which of several is not clear: {_first_of(loose)}")
        if self._shortened:
            images = count(len(self._shortened), "image has", "images have")
            notes.append(f"{images} the .json or .cls of a shorter name, such as {self._shortened[0]}")
        for number, labels in self._labels.items():
            if len(labels) > 1:
                names = " and ".join(str(label) for label, _ in labels.most_common())
                notes.append(f"class {number} has the labels {names}: is a .json or .cls damaged?")
        return notes

    def __iter__(self) -> Iterator[Sample]:
        group = _Group("")
        size = self._shard.stat().st_size
        try:
            with tarfile.open(self._shard, "r|", tarinfo=_ShortHeader) as tar:
                for member in tar:
                    if not member.isfile() or member.issparse():
                        _check_end(tar, size)
                        self._sparse += member.issparse()
                        continue
                    key = member.name.rpartition(".")[0] or member.name
                    if key != group.key:
                        if self._is_complete(group):
                            yield cast(Sample, group.sample)
                        group = _Group(key)
                    _check_end(tar, size)
                    self._add(tar, member, group)
                end = tar.offset
        except (tarfile.TarError, EOFError, ValueError, OverflowError, RecursionError, MemoryError) as error:
            self.damage = printable(str(error)) or "cut off"
            return
        if self._is_complete(group):
            yield cast(Sample, group.sample)
        self.damage = _complaint_about_end(self._shard, end)

    def join_cards(self) -> None:
        """Give images that stand alone the card or number of their name that stands elsewhere in the shard, where it is the only one.

        A name ends at any of its dots, so that ``7.left.jpg`` and ``7.right.jpg`` have the label of ``7.cls``.
        """
        used = set()
        for key, samples in self._bare.items():
            name = next((name for name in _shorter_names(key) if name in self._loose), None)
            if name is None or len(self._loose[name]) > 1 or (name == key and len(samples) > 1) or (name != key and name in self._bare):
                continue
            used.add(name)
            for sample in samples:
                self._complete(sample, self._loose[name][0])
                self._shortened += [sample.member] * (name != key)
        for name in used:
            del self._loose[name]

    def _add(self, tar: tarfile.TarFile, member: tarfile.TarInfo, group: _Group) -> None:
        """Read a member into its group, or count it."""
        *folders, name = member.name.split("/")
        suffix = f".{name.rpartition('.')[2].lower()}" if "." in name else ""
        if name.startswith("._") or any(folder.lower() in SYSTEM_FOLDERS for folder in folders):
            self._of_systems += 1
        elif suffix in IMAGE_SUFFIXES and member.size > MOST_FILE_BYTES:
            self._large += 1
        elif suffix in IMAGE_SUFFIXES and group.sample is None:
            group.sample = self._image(tar, member)
        elif suffix in IMAGE_SUFFIXES:
            self._beside.append(printable(member.name))
        elif suffix == ".json":
            group.card = _card(tar, member)
        elif suffix == ".cls" and member.size <= LONGEST_NAME:
            group.number = tar.extractfile(member).read().decode("utf-8", "replace").strip()  # type: ignore[union-attr]
        else:
            self._others[printable(suffix) or "without a suffix"] += 1

    def _image(self, tar: tarfile.TarFile, member: tarfile.TarInfo) -> Sample:
        source = tar.extractfile(member)
        if source is None:
            raise tarfile.ReadError("an image has no content")
        with source, self._waiting.open("wb") as file:
            shutil.copyfileobj(source, file)
            file.flush()
            os.fsync(file.fileno())
        if self._waiting.stat().st_size != member.size:
            raise tarfile.ReadError("unexpected end of data")
        return Sample(self._waiting, printable(member.name))

    def _is_complete(self, group: _Group) -> bool:
        """Whether a group holds an image that can be used, to which its card is added then; other cards wait for theirs."""
        if group.sample is None:
            if group.has_card:
                self._loose[group.key].append(group)
            return False
        if not group.has_card:
            self._bare[group.key].append(group.sample)
        self._complete(group.sample, group)
        return group.sample.card is not None

    def _complete(self, sample: Sample, group: _Group) -> None:
        """Add the label, part and group to an image."""
        sample.card, sample.number = group.card, group.number
        if sample.card is None:
            self._cards.append(sample.member)
        elif sample.number is not None:
            self._labels[sample.number][sample.label] += 1


def _shorter_names(key: str) -> list[str]:
    """The name of a member up to each of its dots, the longest first."""
    folder, slash, name = key.rpartition("/")
    words = name.split(".")
    return [f"{folder}{slash}{'.'.join(words[:number])}" for number in range(len(words), 0, -1)]


def _first_of(names: Sequence[str]) -> str:
    return f"{len(names):,}, the first {names[0]}" if len(names) > 1 else names[0]


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
