"""Reading a prepared data set back: arrays as memory maps, labels, batches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from tellapart.array_types import ByteArray, FloatArray, IntArray
from tellapart.atomic_files import regular_file
from tellapart.counts import count
from tellapart.dataset_export.samples import SampleRow
from tellapart.errors import DataError, OptionError, StorageError, reason_of
from tellapart.json_files import ShapeError, fields, mapping, maybe, read_json, real, several, text, whole
from tellapart.parquet_files import read_parquet

CARD, SAMPLES, LEFT_OUT = "prepared.json", "samples.parquet", "left_out.csv"
FORMAT = 1
AGAIN = "run tellapart prepare again, into a new folder"


@dataclass(frozen=True, eq=False)
class PreparedPart:
    """One part of a prepared data set.

    Attributes:
        folder: the prepared folder.
        name: ``train``, ``val`` or ``test``.
        card: its section of ``prepared.json``.
    """

    folder: Path
    name: str
    card: Mapping[str, Any]

    def __len__(self) -> int:
        """Number of images."""
        return int(self.card["images"])

    @property
    def sizes(self) -> tuple[str, ...]:
        """The available sizes, such as ``"50"``; the first is the default."""
        return tuple(self.card["files"])

    def files(self, size: int | str | None = None) -> list[Path]:
        """The files of a size: one array, or several shards.

        Raises:
            OptionError: there is no such size.
        """
        key = self.sizes[0] if size is None else str(size)
        if key not in self.card["files"]:
            raise OptionError(f"there is no size {key}", hint=f"the sizes are {', '.join(self.sizes)}")
        return [self.folder / name for name in self.card["files"][key]]

    def images(self, size: int | str | None = None) -> ByteArray | FloatArray:
        """The images of a size as a memory map, read when they are used: (n, h, w, channels) or (n, channels, h, w).

        Raises:
            DataError: the set was not prepared as arrays.
            StorageError: the file is damaged.
        """
        images: ByteArray | FloatArray = self._array(self.files(size)[0])
        return images

    @cached_property
    def labels(self) -> IntArray:
        """int64 (n,): the number of each image's class, -1 where it has none."""
        return np.array(self._array(self.folder / self.card["labels"] if "labels" in self.card else self.files()[0]))

    def batches(
        self, batch_size: int, *, size: int | str | None = None, seed: int | None = None, epoch: int = 0
    ) -> Iterator[tuple[ByteArray | FloatArray, IntArray]]:
        """Images (b, h, w, channels), in the layout and type of the files, and labels, int64 (b,); every image once.

        Args:
            batch_size: images in a batch.
            size: which of the sizes.
            seed: None for the order of the file; else another order each ``epoch``.
            epoch: number of the pass.
        """
        if batch_size < 1:
            raise OptionError(f"batch_size must be at least 1, got {batch_size}")
        images: Any = self.images(size)
        labels = self.labels
        order = np.arange(len(self)) if seed is None else np.random.default_rng([seed, epoch]).permutation(len(self))
        for start in range(0, len(order), batch_size):
            rows = np.sort(order[start : start + batch_size])
            yield np.asarray(images[rows]), labels[rows]

    @cached_property
    def table(self) -> list[SampleRow]:
        """One row for each image, in the order of the arrays."""
        try:
            rows: list[SampleRow] = [row for row in read_parquet(self.folder / SAMPLES).to_pylist() if row["part"] == self.name]
            ordered = sorted(rows, key=lambda row: int(row["row"]))
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise StorageError(f"{self.folder / SAMPLES} cannot be read: {reason_of(error)}", hint=AGAIN) from error
        if len(ordered) != len(self):
            raise StorageError(
                f"{self.folder / SAMPLES} has {count(len(ordered), 'row')} of {self.name}, and there should be {len(self):,}", hint=AGAIN
            )
        return ordered

    def _array(self, path: Path) -> Any:
        if path.suffix != ".npy":
            raise DataError(f"{self.folder} holds {path.suffix[1:]} shards, not arrays", hint="files() lists them; prepare with form npy")
        try:
            array = np.load(regular_file(path), mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise StorageError(f"{path} cannot be read as an array: {reason_of(error)}", hint=AGAIN) from error
        if array.ndim < 1 or array.dtype.kind not in "fiu":
            raise StorageError(f"{path} is no array of numbers: {array.dtype} {array.shape}", hint=AGAIN)
        if len(array) != len(self):
            raise StorageError(f"{path} has {count(len(array), 'row')}, and there should be {len(self):,}", hint=AGAIN)
        return array


@dataclass(frozen=True, eq=False)
class Prepared:
    """A folder that ``tellapart prepare`` wrote.

    Attributes:
        folder: where it lies.
        card: the content of ``prepared.json``.
    """

    folder: Path
    card: Mapping[str, Any]

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes in the order of their numbers."""
        return tuple(self.card["class_names"])

    @property
    def parts(self) -> dict[str, PreparedPart]:
        """``train``, ``val`` and ``test``, those that there are."""
        return {name: PreparedPart(self.folder, name, card) for name, card in self.card["parts"].items()}

    @property
    def mean(self) -> FloatArray | None:
        """Mean of each channel over the training images, float (channels,), from 0 to 1; None where only originals are kept."""
        return None if self.card["mean"] is None else np.array(self.card["mean"], np.float32)

    @property
    def std(self) -> FloatArray | None:
        """Standard deviation of each channel over the training images, float (channels,), on the same scale."""
        return None if self.card["std"] is None else np.array(self.card["std"], np.float32)

    def __getitem__(self, part: str) -> PreparedPart:
        """One part.

        Raises:
            OptionError: there is no such part.
        """
        if part not in self.card["parts"]:
            raise OptionError(f"there is no part {part!r}", hint=f"the parts are {', '.join(self.card['parts'])}")
        return self.parts[part]


def open_prepared(folder: str | Path) -> Prepared:
    """Open a folder that ``tellapart prepare`` wrote; no image is read.

    Raises:
        DataError: it is no such folder, or one of a newer version.
    """
    prepared = Path(folder).expanduser()
    try:
        card = read_json(prepared / CARD, _versioned)
    except FileNotFoundError as error:
        raise DataError(f"{prepared} was not prepared: it has no {CARD}", hint=f"tellapart prepare FOLDER --out {prepared}") from error
    except (OSError, ShapeError) as error:
        raise DataError(f"{prepared / CARD} cannot be read: {reason_of(error)}", hint=AGAIN) from error
    if card["format"] > FORMAT:
        raise DataError(
            f"{prepared} was prepared by a newer version of tellapart (format {card['format']})", hint="pip install -U tellapart"
        )
    return Prepared(prepared, card)


def _versioned(value: Any, where: str) -> Any:
    """The shape of a card of this version; of a newer one only the version is known."""
    card = fields({"format": whole(1, 1 << 30)})(value, where)
    return card if card["format"] > FORMAT else _CARD(value, where)


def _file_inside(value: Any, where: str) -> str:
    name = str(text(least=1)(value, where))
    if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts or "\0" in name:
        raise ShapeError(f"{where} is {name[:60]!r}, expected a file inside the folder")
    return name


_COUNT = whole(0, 1 << 40)
_PART = fields({"images": _COUNT, "files": mapping(several(_file_inside, 1)), "classes": mapping(_COUNT)}, {"labels": _file_inside})
_CHANNELS = maybe(several(real(-1e6, 1e6), 1, 4))
_CARD = fields(
    {
        "format": whole(1, FORMAT),
        "form": text(least=1),
        "fingerprint": text(least=1),
        "sizes": several(text(least=1), 1),
        "class_names": several(text(), is_unique=True),
        "parts": mapping(_PART),
        "mean": _CHANNELS,
        "std": _CHANNELS,
    },
)
