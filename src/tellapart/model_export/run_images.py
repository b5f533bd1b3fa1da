"""The images of a run that are still where they were, with the same bytes."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from tellapart.array_types import ByteArray
from tellapart.concurrency import prefetch, worker_count
from tellapart.dataset import Dataset, Entry
from tellapart.dataset.content_hashes import read_entry
from tellapart.dataset.file_rows import USED, FileRow
from tellapart.errors import ImageError
from tellapart.models.onnx_classifier import SquareLike
from tellapart.onnx_predictor import squares_of_bytes
from tellapart.progress import Progress
from tellapart.run_folder import Run

CHECKED = 500
"""Photos that an exported model is compared on, at least, where the run has as many."""


@dataclass(frozen=True, eq=False)
class RunPhoto:
    """A photo of the run.

    Attributes:
        row: its row in ``images.parquet``.
        data: the bytes of its file.
        squares: uint8 (s, s, 3) for each square of the model.
    """

    row: FileRow
    data: bytes
    squares: tuple[ByteArray, ...]


def reported_part(run: Run) -> str | None:
    """The part that the run reports on first: ``test``, else ``val``."""
    return next(iter(run.metrics.parts), None)


def rows_to_check(run: Run) -> list[FileRow]:
    """All images of the reported part, filled up to ``CHECKED`` with a fixed draw of the others."""
    used = [row for row in run.rows if row.is_used and row.image_id]
    part = reported_part(run)
    reported = [row for row in used if row.part == part]
    others = sorted((row for row in used if row.part != part), key=lambda row: (str(row.image_id), row.path))
    missing = max(0, CHECKED - len(reported))
    return reported + random.Random(0).sample(others, min(missing, len(others)))  # noqa: S311


def training_rows(run: Run, most: int) -> list[FileRow]:
    """A fixed draw of at most so many training images."""
    rows = [row for row in run.rows if row.is_used and row.image_id and row.part == "train"]
    rows.sort(key=lambda row: (str(row.image_id), row.path))
    return random.Random(0).sample(rows, min(most, len(rows)))  # noqa: S311


def photos_of(run: Run, rows: Sequence[FileRow], squares: Sequence[SquareLike], words: str, progress: Progress) -> Iterator[RunPhoto]:
    """Yield the photos of these rows that can still be read and have the bytes that the run saw.

    Args:
        run: whose photos.
        rows: of them, these.
        squares: what each is made into.
        words: what is done with them, for the progress.
        progress: receives progress.
    """
    dataset = Dataset(Path(run.metrics.folder), ())

    def read(row: FileRow) -> RunPhoto | None:
        state, data = read_entry(dataset, Entry(row.path, label=row.label))
        if data is None or state.image_id != row.image_id:
            return None
        try:
            return RunPhoto(row, data, squares_of_bytes(data, squares))
        except ImageError:
            return None

    with progress.stage(words, total=len(rows)) as advance:
        for photo in prefetch(read, rows, worker_count(None)):
            if photo is not None:
                yield photo
            advance(1)


def made_photos(squares: Sequence[SquareLike], count: int = 16) -> Iterator[RunPhoto]:
    """Yield images of random colored cells, for a run whose photos are gone: enough to see that two programs compute the same."""
    for number in range(count):
        cells = np.random.default_rng(number).integers(0, 256, (3 + number, 4 + number, 3), dtype=np.uint8)
        file = io.BytesIO()
        Image.fromarray(cells).resize((320, 240), Image.Resampling.BICUBIC).save(file, "PNG")
        row = FileRow(f"made {number + 1}", None, None, None, None, USED, None, 320, 240, len(file.getvalue()))
        yield RunPhoto(row, file.getvalue(), squares_of_bytes(file.getvalue(), squares))
