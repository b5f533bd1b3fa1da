"""The samples of a prepared data set: which images, in which part and in which order, and the tables that list them."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NotRequired, Protocol, TypeAlias, TypedDict

import numpy as np

from tellapart.array_types import ByteArray, IntArray
from tellapart.csv_writer import csv_file
from tellapart.dataset import Dataset
from tellapart.dataset.entry import PARTS
from tellapart.dataset.file_rows import FileRow
from tellapart.parquet_files import write_parquet

REPORTED = ("test", "val")
UNKNOWN = -1
"""Target of an image without a label."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One image to prepare.

    Attributes:
        file: its path on disk.
        path: relative to the dataset, printable.
        image_id: sha256 of its bytes.
        label: its class with decisions applied, or None.
        target: index of the class, or -1.
        part: ``train``, ``val`` or ``test``.
        group: the user's, or None.
    """

    file: Path
    path: str
    image_id: str
    label: str | None
    target: int
    part: str
    group: str | None


class Samples:
    """The samples in their order: train, val, test, and within a part shuffled or as the folder has them.

    Attributes:
        class_names: labels of the training images (of all images where none trains), sorted.
        left_out: path and reason of every file that is not a sample.
        notes: sentences for the user.
    """

    def __init__(self, dataset: Dataset, rows: Sequence[FileRow], *, seed: int, is_shuffled: bool) -> None:
        """Choose them.

        Args:
            dataset: the files.
            rows: one an entry, as decided.
            seed: of the order.
            is_shuffled: whether the order is drawn; it depends on seed and bytes alone, not on names.
        """
        self._dataset, self._rows = dataset, rows
        self.left_out = {row.path: row.reason or row.status for row in rows if not row.is_used}
        self.notes: list[str] = []
        used = [i for i, row in enumerate(rows) if row.is_used]
        has_labels = any(rows[i].label is not None for i in used)
        used = [i for i in used if not self._is_odd(rows[i], has_labels)]
        used = self._without_leaks(used)
        trained = sorted({rows[i].label or "" for i in used if part_of(rows[i]) == "train" and rows[i].label is not None})
        self.class_names = tuple(trained or sorted({rows[i].label or "" for i in used if rows[i].label is not None}))
        self._targets = {name: number for number, name in enumerate(self.class_names)}
        used = [i for i in used if not self._is_strange(rows[i])]
        if used and all(rows[i].part is None for i in used):
            self.notes.append("no photo was set aside for a test, so all are in the part train (tellapart split makes parts)")
        self._order = self._ordered(used, seed if is_shuffled else None)

    def __len__(self) -> int:
        return len(self._order)

    def __getitem__(self, number: int) -> Sample:
        index = int(self._order[number])
        row = self._rows[index]
        target = UNKNOWN if row.label is None else self._targets[row.label]
        file = self._dataset.file(self._dataset.entries[index])
        return Sample(file, row.path, row.image_id or "", row.label, target, part_of(row), row.group)

    def fingerprint(self, words: str) -> str:
        """Names the samples, their order and ``words``: hexadecimal."""
        digest = hashlib.sha256(words.encode())
        for number in range(len(self)):
            one = self[number]
            digest.update(repr((one.path, one.image_id, one.target, one.part, one.group)).encode())
        digest.update(repr(self.class_names).encode())
        return digest.hexdigest()[:32]

    def counts(self) -> Counter[str]:
        """Number of samples per part."""
        return Counter(part_of(self._rows[int(index)]) for index in self._order)

    def _is_odd(self, row: FileRow, has_labels: bool) -> bool:
        """Leave out images without a label where others have one; those of a test part wait for an answer."""
        if has_labels and row.label is None and row.part not in REPORTED:
            self.left_out[row.path] = "no label"
            return True
        return False

    def _is_strange(self, row: FileRow) -> bool:
        if row.label is not None and row.label not in self._targets:
            self.left_out[row.path] = "its class has no training image"
            return True
        return False

    def _without_leaks(self, used: list[int]) -> list[int]:
        """Leave out training images that are byte for byte in a reported part too."""
        reported: dict[str, FileRow] = {}
        for part in REPORTED:
            for i in used:
                if self._rows[i].part == part:
                    reported.setdefault(self._rows[i].image_id or "", self._rows[i])
        without_leaks = []
        for i in used:
            row = self._rows[i]
            twin = reported.get(row.image_id or "") if part_of(row) == "train" else None
            if twin is None:
                without_leaks.append(i)
            else:
                self.left_out[row.path] = f"exact copy of {twin.path} of the {twin.part} part"
        return without_leaks

    def _ordered(self, used: Sequence[int], seed: int | None) -> IntArray:
        rows = self._rows

        def key(i: int) -> tuple[int, bytes, int]:
            drawn = b"" if seed is None else hashlib.sha256(f"{seed}:{rows[i].image_id}".encode()).digest()
            return PARTS.index(part_of(rows[i])), drawn, i

        return np.array(sorted(used, key=key), dtype=np.int64)


def part_of(row: FileRow) -> str:
    """The part an image is prepared in: the user's, else ``train``."""
    return row.part or "train"


ROWS_AT_ONCE = 10_000


class SampleRow(TypedDict):
    """An image of a prepared data set; ``row`` is its place in its part, from 0, ``target`` the number of its class or -1."""

    part: str
    row: int
    path: str
    image_id: str
    label: str | None
    target: int
    group: str | None


def write_samples(samples: Iterable[Sample], path: Path) -> dict[str, dict[str, int]]:
    """Write a :class:`SampleRow` for each sample.

    Returns:
        The number of images of each class, by part.
    """
    import pyarrow as pa

    text, whole = pa.string(), pa.int64()
    schema = pa.schema(
        [("part", text), ("row", whole), ("path", text), ("image_id", text), ("label", text), ("target", whole), ("group", text)]
    )
    rows: Counter[str] = Counter()
    classes: dict[str, Counter[str]] = defaultdict(Counter)
    waiting: list[SampleRow] = []
    tables = [schema.empty_table()]
    for one in samples:
        waiting.append(
            {
                "part": one.part,
                "row": rows[one.part],
                "path": one.path,
                "image_id": one.image_id,
                "label": one.label,
                "target": one.target,
                "group": one.group,
            }
        )
        rows[one.part] += 1
        classes[one.part].update([one.label] if one.label is not None else [])
        if len(waiting) == ROWS_AT_ONCE:
            tables.append(pa.Table.from_pylist(waiting, schema=schema))
            waiting = []
    write_parquet(pa.concat_tables([*tables, pa.Table.from_pylist(waiting, schema=schema)]), path)
    return {part: dict(sorted(classes[part].items())) for part in rows}


def write_left_out(left_out: Mapping[str, str], path: Path) -> None:
    """Write ``path`` and ``reason`` of every file that is not in the prepared set."""
    with csv_file(path, ("path", "reason")) as writer:
        writer.write_all(left_out.items())


Rendered: TypeAlias = Mapping[int, Any]
"""What is written of one image, by size: an array, or bytes."""


StoreState: TypeAlias = Mapping[str, int] | Mapping[str, Sequence[int]]
"""What a store needs to resume: of each part the number of images, or the numbers in each finished shard."""


class PartFiles(TypedDict):
    """The files of one part: number of images, their files by size, and for arrays the file of the labels."""

    images: int
    files: dict[str, list[str]]
    labels: NotRequired[str]


class SampleStore(Protocol):
    """The files of one form while they are written."""

    saves_every_s: float
    """Seconds between two saves; 0 to save whenever possible."""

    def render(self, data: bytes, pixels: Mapping[int, ByteArray]) -> Rendered:
        """What is written of an image, from uint8 (size, size, 3) by size; called from several threads."""

    def add(self, sample: Sample, rendered: Rendered) -> bool:
        """Write an image; whether all that was added can be saved now."""

    def saved(self) -> StoreState:
        """Sync to disk what was added and return the state to resume from."""

    def finish(self) -> dict[str, PartFiles]:
        """Complete all files and return those of each part; may be called again."""

    def close(self) -> None:
        """Close all files without completing them."""
