"""Predicting images with an ONNX file, without torch and with little memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np

from tellapart.array_types import ByteArray
from tellapart.concurrency import prefetch, worker_count
from tellapart.dataset import Dataset, Entry
from tellapart.dataset.catalog import FileState
from tellapart.dataset.content_hashes import read_entry
from tellapart.dataset.image_analysis import decode_for_each
from tellapart.errors import DataError, ImageError
from tellapart.features import FeatureMatrix
from tellapart.images import ResizePolicy, resize
from tellapart.images.integer_resize import resample
from tellapart.models.onnx_classifier import OnnxAnswers, OnnxClassifier, SquareLike
from tellapart.predictor import PredictedFiles, file_predictions, shown_label
from tellapart.progress import SILENT, Progress

BATCH = 1
"""Images in one call: two take 30 MB more memory and save a tenth of the time (docs/log.md)."""


@dataclass(frozen=True, eq=False)
class SquaredFile:
    """A file with the squares that a model takes; none if it cannot be read."""

    file: FileState
    squares: tuple[ByteArray, ...]


def squares_of_bytes(data: bytes, squares: Sequence[SquareLike]) -> tuple[ByteArray, ...]:
    """The squares of an image, uint8 (s, s, 3) each, as every command makes them; torch is not loaded.

    Raises:
        ImageError: the bytes are not a usable image; the message is the reason.
    """
    decoded = decode_for_each(data, [square.size for square in squares])
    return tuple(
        resize(own.pixels, square.size, cast(ResizePolicy, square.resize), resample=resample)
        for own, square in zip(decoded, squares, strict=True)
    )


def squared_entry(dataset: Dataset, entry: Entry, squares: Sequence[SquareLike]) -> SquaredFile:
    """Read, decode and resize the file of an entry; what cannot be read has a reason."""
    state, data = read_entry(dataset, entry)
    if data is None:
        return SquaredFile(state, ())
    try:
        return SquaredFile(state, squares_of_bytes(data, squares))
    except ImageError as error:
        return SquaredFile(replace(state, image_id=None, reason=str(error)), ())


def predict_files_with_onnx(
    classifier: OnnxClassifier, dataset: Dataset, *, num_workers: int | None = None, progress: Progress = SILENT
) -> PredictedFiles:
    """Predictions of an ONNX file for every readable file of a data set; nothing is cached or written.

    Args:
        classifier: the loaded file.
        dataset: the images.
        num_workers: threads that read images; None for one per core.
        progress: receives progress.

    Raises:
        DataError: no file can be read.
        ModelError: the answers are not probabilities.
    """
    files: list[FileState] = []
    answers: list[OnnxAnswers] = []
    with progress.stage("predicting images", total=len(dataset)) as advance:
        for batch in _batches(classifier, dataset, worker_count(num_workers)):
            files += [one.file for one in batch]
            squared = [one.squares for one in batch if one.squares]
            if squared:
                answers.append(classifier.answers([np.stack(same) for same in zip(*squared, strict=True)]))
            advance(len(batch))
    if not answers:
        reasons = sorted({file.reason or "" for file in files})
        raise DataError(
            f"none of the files could be read: {'; '.join(reasons[:3])}", hint="tellapart check FOLDER gives the reason for each"
        )
    familiarity = [one.familiarity for one in answers if one.familiarity is not None]
    readable = [(entry, file) for entry, file in zip(dataset.entries, files, strict=True) if file.image_id]
    predictions = file_predictions(
        readable,
        probabilities=np.concatenate([one.probabilities for one in answers]),
        logits=np.concatenate([one.logits for one in answers]),
        class_names=classifier.class_names,
        source=str(classifier.metadata["run"]),
    )
    labels = tuple(shown_label(entry) for entry in dataset.entries)
    none = FeatureMatrix((), np.empty((0, 0), np.float32), {})
    return PredictedFiles(predictions, predictions, 1, tuple(files), labels, none, np.concatenate(familiarity) if familiarity else None)


def _batches(classifier: OnnxClassifier, dataset: Dataset, num_workers: int) -> Iterator[list[SquaredFile]]:
    def read(start: int) -> list[SquaredFile]:
        return [squared_entry(dataset, entry, classifier.squares) for entry in dataset.entries[start : start + BATCH]]

    return prefetch(read, range(0, len(dataset), BATCH), num_workers)
