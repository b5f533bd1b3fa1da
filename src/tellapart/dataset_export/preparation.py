"""Preparation: every image is decoded once and written in the given sizes and format; an interrupted run resumes.

All is written into a hidden folder beside the final one, with a note of what is safely on the disk. That folder takes
the final name when everything is in it, ``prepared.json`` last.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tellapart.array_types import IntArray
from tellapart.atomic_files import one_at_a_time, read_sealed, remove_abandoned, storage_error, write_json, write_sealed
from tellapart.concurrency import prefetch, worker_count
from tellapart.counts import count, data_size
from tellapart.dataset.content_hashes import unchanged_bytes
from tellapart.dataset_export.growing_npy import ArrayStore
from tellapart.dataset_export.prepared import CARD, FORMAT, LEFT_OUT, SAMPLES, open_prepared
from tellapart.dataset_export.rendering import Square, channel_sums, mean_and_deviation, one_torch_thread
from tellapart.dataset_export.samples import Rendered, Sample, Samples, SampleStore, write_left_out, write_samples
from tellapart.dataset_export.shard_writers import ShardForm, ShardStore, size_name
from tellapart.errors import DataError, ImageError, OptionError, StorageError
from tellapart.images.formats import READS
from tellapart.progress import SILENT, Progress

STATE = "progress.json"
SPARE_BYTES = 64 << 20
"""Room that is left on the disk for tables."""


@dataclass(frozen=True)
class Form:
    """What is written.

    Attributes:
        kind: ``npy``, ``tar`` or ``parquet``.
        square: what becomes of an image.
        shard_bytes: a shard is full when the images of its largest size have so many bytes.
        words: everything else that must be the same for a run to go on.
    """

    kind: str
    square: Square
    shard_bytes: int
    words: str = ""


@dataclass(frozen=True)
class Preparation:
    """The result: the card that was written, and how many images an earlier run had written."""

    card: Mapping[str, Any]
    left_out: dict[str, str]
    resumed_at: int
    was_there: bool = False


def prepare_samples(
    samples: Samples, form: Form, folder: Path, *, num_workers: int | None = None, progress: Progress = SILENT
) -> Preparation:
    """Write ``samples`` into ``folder`` (see docs/guides/prepare.md for its files).

    Args:
        samples: images in their order.
        form: what is written of them.
        folder: new or empty; or what the same call made before, which is then left as it is.
        num_workers: threads that read, decode and resize; None for one per core.
        progress: progress receiver.

    Raises:
        OptionError: the folder holds something else.
        DataError: not one image could be read.
        StorageError: the disk is full or cannot be written; what is finished is kept for the next run.
    """
    fingerprint = samples.fingerprint(repr((FORMAT, form)))
    there = _made_before(folder, fingerprint)
    if there is not None:
        return Preparation(there, samples.left_out, len(samples), was_there=True)
    partial_folder = folder.with_name(f".{folder.name}.unfinished")
    try:
        partial_folder.mkdir(parents=True, exist_ok=True)
        with one_at_a_time(partial_folder):
            if not partial_folder.is_dir():
                raise OptionError(f"another process has just made {folder}", hint="run the same command again")
            remove_abandoned(partial_folder)
            work = _Work(samples, form, partial_folder, fingerprint, progress)
            card = work.run(worker_count(num_workers))
            if folder.is_dir():
                folder.rmdir()
            os.replace(partial_folder, folder)
    except OSError as error:
        raise storage_error(error, folder) from error
    return Preparation(card, {**samples.left_out, **work.unreadable_paths()}, work.begun_at)


def _made_before(folder: Path, fingerprint: str) -> Mapping[str, Any] | None:
    """The card of a folder that the same call has made; None where there is none or an empty one."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return None
    if not folder.is_dir():
        raise OptionError(f"{folder} is a file, and the result is a folder", hint="name a new folder with --out DIR")
    try:
        card = open_prepared(folder).card
        if card["fingerprint"] == fingerprint:
            return card
        what = "was prepared from other images or with other options"
    except DataError:
        what = "is not empty" + (f", and its {CARD} is damaged or of a newer version" if (folder / CARD).exists() else "")
    raise OptionError(f"the folder {folder} {what}", hint="name a new folder with --out DIR, or remove that one")


class _Work:
    """The state of one run."""

    def __init__(self, samples: Samples, form: Form, folder: Path, fingerprint: str, progress: Progress) -> None:
        self.samples, self.form, self.folder, self.fingerprint, self.progress = samples, form, folder, fingerprint, progress
        state = self._state()
        if state is None and any(folder.iterdir()):
            progress.note("an unfinished preparation with other images or options was thrown away")
            shutil.rmtree(folder)
            folder.mkdir()
        state = state or {"done": 0, "unreadable": {}, "sums": None, "store": {}}
        self.done = self.begun_at = int(state["done"])
        self.unreadable = {int(number): str(reason) for number, reason in state["unreadable"].items()}
        self.sums: list[list[int]] | None = state["sums"]
        self.smallest = min((size for size in form.square.sizes if size), default=0)
        self.store = self._store(state["store"])

    def run(self, num_workers: int) -> dict[str, Any]:
        """Write everything that is not there yet; the card."""
        self._check_room()
        try:
            with one_torch_thread(), self.progress.stage("preparing images", total=len(self.samples) - self.done) as advance:
                self._write_all(num_workers, advance)
            if len(self.unreadable) == len(self.samples):
                raise self._nothing_read()
            return self._finished()
        finally:
            self.store.close()

    def unreadable_paths(self) -> dict[str, str]:
        """Path and reason of each sample that could not be decoded."""
        return {self.samples[number].path: reason for number, reason in sorted(self.unreadable.items())}

    def _write_all(self, num_workers: int, advance: Any) -> None:
        last_saved = time.monotonic()
        numbers = range(self.done, len(self.samples))
        for number, outcome in zip(numbers, prefetch(self._rendered, numbers, num_workers), strict=True):
            can_save = True
            if isinstance(outcome, str):
                self.unreadable[number] = outcome
                can_save = self.form.kind == "npy"
            else:
                rendered, sums = outcome
                can_save = self.store.add(self.samples[number], rendered)
                if sums is not None and self.samples[number].part == "train":
                    self._count(sums)
            self.done = number + 1
            advance(1)
            if can_save and time.monotonic() - last_saved >= self.store.saves_every_s:
                self._save()
                last_saved = time.monotonic()

    def _rendered(self, number: int) -> tuple[Rendered, IntArray | None] | str:
        """What is to be written of a sample, or why there is nothing."""
        sample = self.samples[number]
        try:
            data = unchanged_bytes(sample.file, sample.image_id)
            if data is None:
                return "has changed while the images were prepared"
            pixels = self.form.square.pixels(data)
        except ImageError as error:
            return str(error)
        except FileNotFoundError:
            return "there is no such file"
        except OSError as error:
            return f"cannot be read: {error.strerror or error}"
        return self.store.render(data, pixels), channel_sums(pixels[self.smallest]) if self.smallest else None

    def _count(self, sums: IntArray) -> None:
        before = self.sums or [[0] * sums.shape[1]] * 2
        self.sums = [[a + int(b) for a, b in zip(old, new, strict=True)] for old, new in zip(before, sums, strict=True)]

    def _save(self) -> None:
        state = {"fingerprint": self.fingerprint, "store": self.store.saved(), "done": self.done}
        write_sealed(self.folder / STATE, {**state, "unreadable": self.unreadable, "sums": self.sums})

    def _state(self) -> dict[str, Any] | None:
        state: dict[str, Any] | None = read_sealed(self.folder / STATE)
        return state if state is not None and state["fingerprint"] == self.fingerprint else None

    def _store(self, state: dict[str, Any]) -> SampleStore:
        if self.form.kind == "npy":
            return ArrayStore(self.folder, self.form.square, state)
        shards = ShardForm(self.form.kind, self.samples.class_names)
        return ShardStore(self.folder, self.form.square.sizes, shards, self.form.shard_bytes, state)

    def _check_room(self) -> None:
        """Refuse at once what cannot fit; the size of arrays is known."""
        if self.form.kind != "npy":
            return
        square = self.form.square
        values = sum(size * size for size in square.sizes) * (1 if square.is_gray else 3) * (4 if square.is_float else 1)
        needed = (len(self.samples) - self.done) * (values + 8) + SPARE_BYTES
        free = shutil.disk_usage(self.folder).free
        if needed > free:
            raise StorageError(
                f"no space left on the disk: {data_size(needed)} are needed, and {self.folder.parent} has {data_size(free)} left",
                hint="free some space, choose another disk with --out, or write --format tar, which is smaller",
            )

    def _nothing_read(self) -> DataError:
        self.store.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        reasons = sorted(set(self.unreadable.values()))
        return DataError(
            f"none of the {count(len(self.samples), 'file')} could be read: {'; '.join(reasons[:3])}",
            hint=READS,
        )

    def _finished(self) -> dict[str, Any]:
        """Complete the files, write the tables and, last, the card."""
        parts = self.store.finish()
        counts = write_samples(self._kept(), self.folder / SAMPLES)
        write_left_out({**self.samples.left_out, **self.unreadable_paths()}, self.folder / LEFT_OUT)
        square, mean, deviation = self.form.square, None, None
        if self.sums and self.smallest:
            values = parts["train"]["images"] * self.smallest**2
            mean, deviation = mean_and_deviation(self.sums, values)
        card = {
            "format": FORMAT,
            "form": self.form.kind,
            "class_names": list(self.samples.class_names),
            "sizes": [size_name(size) for size in square.sizes],
            "shapes": {str(size): list(square.shape(size)) for size in square.sizes if size},
            "dtype": "float32" if square.is_float else "uint8",
            "resize": square.resize,
            "parts": {part: {**parts[part], "classes": counts[part]} for part in parts},
            "mean": mean,
            "std": deviation,
            "left_out": len(self.samples.left_out) + len(self.unreadable),
            "fingerprint": self.fingerprint,
        }
        (self.folder / STATE).unlink(missing_ok=True)
        write_json(self.folder / CARD, card)
        return card

    def _kept(self) -> Iterator[Sample]:
        return (self.samples[number] for number in range(len(self.samples)) if number not in self.unreadable)
