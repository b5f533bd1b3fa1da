"""The images behind predictions: a contact sheet of them, and copies in a folder for each predicted class."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tellapart.atomic_files import regular_file
from tellapart.dataset.file_rows import USED, FileRow
from tellapart.dataset.image_analysis import thumbnail_of
from tellapart.errors import ImageError
from tellapart.progress import Progress

if TYPE_CHECKING:
    from tellapart.dataset import Dataset
    from tellapart.predictor import PredictedFiles
    from tellapart.reports.contact_sheet import Tile

COLUMNS = 8


def write_prediction_sheet(predicted: PredictedFiles, dataset: Dataset, out: Path, progress: Progress) -> None:
    """Write a contact sheet of the predictions, class by class, the least certain first; at most 800 images are on it.

    Args:
        predicted: the predictions for ``dataset``.
        dataset: where the files lie.
        out: an image file, ``.jpg`` or ``.png``.
        progress: receives progress and notes.
    """
    from tellapart.atomic_files import replacing
    from tellapart.concurrency import parallel_map
    from tellapart.counts import count
    from tellapart.reports.contact_sheet import MOST_TILES, Tile, contact_sheet

    found = predicted.predictions
    answered = predicted.answered
    order = np.lexsort((found.confidence, np.array(answered, dtype=object).astype(str)))
    files = _files(predicted, dataset)

    def tile(number: int) -> Tile:
        row = int(order[number])
        caption = f"{answered[row]} {100 * found.confidence[row]:.0f} %\n{found.paths[row].rpartition('/')[2]}"
        pixels = _pixels(files[row]) if number < MOST_TILES else None
        return Tile(pixels, caption)

    title = f"{count(len(found), 'image')} by predicted class, the least certain first"
    with progress.stage("writing the contact sheet", unit="steps"):
        sheet = contact_sheet(parallel_map(tile, range(len(found))), columns=COLUMNS, title=title)
        with replacing(out) as partial, partial.open("wb") as file:
            sheet.save(file, "PNG" if out.suffix.lower() == ".png" else "JPEG", quality=92)


def sort_into_classes(predicted: PredictedFiles, dataset: Dataset, folder: Path, progress: Progress) -> None:
    """Copy every image into ``folder/CLASS``, by its predicted class; names that collide are numbered, and nothing is moved.

    Args:
        predicted: the predictions for ``dataset``.
        dataset: where the files lie.
        folder: new or empty, outside of the images.
        progress: receives progress and notes.

    Raises:
        StorageError: the disk is full or cannot be written; nothing is left behind.
    """
    from tellapart.dataset_export.decided_copy import Exported, write_copy

    found = predicted.predictions
    images = [
        Exported(file, _row(path, image_id, name, file))
        for path, image_id, name, file in zip(found.paths, found.image_ids, predicted.answered, _files(predicted, dataset), strict=True)
    ]
    write_copy(images, folder, is_linked=False, progress=progress)


def _files(predicted: PredictedFiles, dataset: Dataset) -> list[Path]:
    """Where each predicted image lies, in the order of the predictions."""
    pairs = zip(dataset.entries, predicted.files, strict=True)
    return [dataset.file(entry) for entry, state in pairs if state.image_id is not None]


def _row(path: str, image_id: str, label: str, file: Path) -> FileRow:
    return FileRow(path, image_id, label, None, None, USED, None, None, None, file.stat().st_size)


def _pixels(file: Path) -> bytes | None:
    try:
        return thumbnail_of(regular_file(file).read_bytes())
    except (OSError, ImageError):
        return None
