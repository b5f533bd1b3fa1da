"""Offline augmentation: a copy of a data set with augmented copies of its training images."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from tellapart.array_types import ByteArray
from tellapart.atomic_files import replacing_folder
from tellapart.augmentation.counter_rng import image_keys
from tellapart.augmentation.policy import Augmentation
from tellapart.concurrency import parallel_map
from tellapart.counts import count
from tellapart.csv_writer import csv_file
from tellapart.dataset import Dataset, Entry
from tellapart.errors import DataError, ImageError
from tellapart.images import decode
from tellapart.images.memory_limits import image_bytes
from tellapart.printable import printable
from tellapart.progress import SILENT, Progress

MANIFEST = "metadata.csv"
COLUMNS = ("path", "label", "part", "group", "parent")
REPORTED = ("val", "test")
QUALITY = 95
LONGEST_SIDE = 32_766
"""Pixels; OpenCV moves no longer images."""
_AT_ONCE = 32
_LONGEST_STEM = 180


@dataclass(frozen=True)
class AugmentedCopy:
    """Result of :func:`write_augmented_copy`.

    Attributes:
        originals: number of files copied unchanged.
        copies: number of augmented images.
        left_out: path and reason of each file that could not be copied or augmented.
    """

    originals: int
    copies: int
    left_out: dict[str, str]


@dataclass(frozen=True)
class _Job:
    """One file: where the original goes, and its copies, relative to the new folder."""

    entry: Entry
    path: str
    copies: tuple[str, ...]


@dataclass(frozen=True)
class _Done:
    """What became of one file: rows of the manifest, or the reason why there are none or too few."""

    rows: list[dict[str, str]]
    reason: str | None = None


def flipped_variants(augmentation: Augmentation) -> list[tuple[bool, bool]]:
    """For an augmentation that only flips: each different copy of an image, as whether rows and whether columns are reversed."""
    across, down = augmentation.flip, augmentation.vertical_flip
    return [flips for flips, is_there in (((False, True), across), ((True, False), down), ((True, True), across and down)) if is_there]


def write_augmented_copy(
    dataset: Dataset, folder: Path, augmentation: Augmentation, *, copies: int, seed: int, progress: Progress = SILENT
) -> AugmentedCopy:
    """Write a copy of a data set with ``copies`` augmented images (JPEG, quality 95) beside each training image.

    ``metadata.csv`` names path, label, part, group and parent of every file. The group is the user's own, or else the
    original's image id, so that a split never parts a copy from its original. Images of val and test are not augmented.

    Args:
        dataset: only read.
        folder: appears when all is written; an empty folder of that name is replaced.
        augmentation: if it only flips, copy ``i`` is the ``i``-th of :func:`flipped_variants`; else it is drawn for ``i``.
        copies: of each image.
        seed: of the draws.
        progress: receives the originals copied.

    Raises:
        DataError: not one image could be read.
        StorageError: the disk is full or cannot be written; nothing is left behind.
    """
    jobs = _jobs(dataset, copies)
    rows: list[dict[str, str]] = []
    left_out: dict[str, str] = {}
    with replacing_folder(folder) as partial:

        def work(job: _Job) -> _Done:
            return _write(dataset, job, partial, augmentation, seed)

        with progress.stage("copying and varying images", total=len(jobs)) as advance:
            for start in range(0, len(jobs), _AT_ONCE):
                chunk = jobs[start : start + _AT_ONCE]
                for job, done in zip(chunk, parallel_map(work, chunk), strict=True):
                    rows += done.rows
                    if done.reason is not None:
                        left_out[printable(job.entry.path)] = done.reason
                advance(len(chunk))
        if not rows:
            raise DataError(f"none of the {count(len(jobs), 'file')} could be read: {'; '.join(sorted(set(left_out.values()))[:3])}")
        with csv_file(partial / MANIFEST, COLUMNS) as writer:
            writer.write_all(rows)
    originals = sum(not row["parent"] for row in rows)
    return AugmentedCopy(originals, len(rows) - originals, left_out)


def _jobs(dataset: Dataset, copies: int) -> list[_Job]:
    """One an entry; all names differ, and those of originals are kept where they can be."""
    taken = {MANIFEST}
    paths = [_free(_inside(entry.path), taken) for entry in dataset.entries]
    return [
        _Job(entry, path, tuple(_free(_copy_name(path, i), taken) for i in range(1, copies + 1)) if _is_varied(entry, dataset) else ())
        for entry, path in zip(dataset.entries, paths, strict=True)
    ]


def _is_varied(entry: Entry, dataset: Dataset) -> bool:
    """Whether an image trains: not reported, and labeled if any is."""
    return entry.part not in REPORTED and (entry.label is not None or not dataset.class_names)


def _inside(path: str) -> str:
    """A path of the source as one inside the new folder that can be written in a manifest."""
    return "/".join(printable(part).strip() or "_" for part in PurePosixPath(path).parts if part not in ("/", "..", "."))


def _copy_name(path: str, number: int) -> str:
    original = PurePosixPath(path)
    stem = original.stem.encode()[:_LONGEST_STEM].decode(errors="ignore")
    return str(original.with_name(f"{stem}-augmented-{number}.jpg"))


def _free(path: str, taken: set[str]) -> str:
    """``path``, or with a number where that name is taken; takes it."""
    original, free, number = PurePosixPath(path), path, 2
    while free in taken:
        free, number = str(original.with_name(f"{original.stem} {number}{original.suffix}")), number + 1
    taken.add(free)
    return free


def _write(dataset: Dataset, job: _Job, folder: Path, augmentation: Augmentation, seed: int) -> _Done:
    """Write one original and its copies."""
    try:
        data = image_bytes(dataset.file(job.entry))
        pixels = decode(data, min_size=None if job.copies else 32).pixels
    except ImageError as error:
        return _Done([], str(error))
    except FileNotFoundError:
        return _Done([], "there is no such file")
    except OSError as error:
        return _Done([], f"cannot be read: {error.strerror or error}")
    image_id = hashlib.sha256(data).hexdigest()
    entry = job.entry
    row = {
        "label": printable(entry.label) if entry.label is not None else "",
        "part": entry.part or "",
        "group": printable(entry.group) if entry.group is not None else image_id,
    }
    (folder / job.path).parent.mkdir(parents=True, exist_ok=True)
    (folder / job.path).write_bytes(data)
    rows = [{"path": job.path, **row, "parent": ""}]
    if job.copies and max(pixels.shape) > LONGEST_SIDE:
        return _Done(rows, f"too long to be varied ({max(pixels.shape):,} pixels); the original is there")
    for number, name in enumerate(job.copies, start=1):
        (folder / name).write_bytes(_encode_jpeg(_copy(pixels, image_id, augmentation, seed, number)))
        rows.append({"path": name, **row, "parent": job.path})
    return _Done(rows)


def _copy(pixels: ByteArray, image_id: str, augmentation: Augmentation, seed: int, number: int) -> ByteArray:
    if augmentation.flips_only:
        down, across = flipped_variants(augmentation)[number - 1]
        return pixels[:: -1 if down else 1, :: -1 if across else 1]
    varied: ByteArray = augmentation.augmented(pixels[None], image_keys([image_id]), seed=seed, epoch=number)[0]
    return varied


def _encode_jpeg(pixels: ByteArray) -> bytes:
    import simplejpeg

    encoded: bytes = simplejpeg.encode_jpeg(np.ascontiguousarray(pixels), quality=QUALITY, colorspace="RGB", colorsubsampling="444")
    return encoded
