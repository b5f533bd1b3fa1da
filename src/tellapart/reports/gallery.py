"""Gallery of images to look at: wrong predictions, then the least confident, each with its nearest training images."""

from __future__ import annotations

from typing import TypedDict

import numpy as np

from tellapart.array_types import BoolArray, FloatArray, IntArray
from tellapart.dataset.file_rows import FileRow
from tellapart.predictions import Predictions
from tellapart.reports.number_format import count
from tellapart.run_folder import RunContent

UNSURE_MARGIN = 0.3
LISTED_CLASSES = 5


class GalleryImage(TypedDict):
    """One image of the gallery.

    ``probabilities`` are pairs of class index and probability, the most probable first and the label's always among them;
    ``nearest`` pairs of an index into ``training_images`` and the cosine similarity, nearest first.
    """

    image_id: str
    path: str
    part: str | None
    label: int | None
    predicted: int
    is_wrong: bool
    is_unsure: bool
    margin: float
    probabilities: list[list[float]]
    nearest: list[list[float]]


class TrainingImage(TypedDict):
    """A training image that some image of the gallery is near to."""

    image_id: str
    path: str | None
    label: int | None


class GalleryView(TypedDict):
    """The gallery: ``total`` counts all ``images``, and those that are ``wrong`` and ``unsure``."""

    total: dict[str, int]
    shown: int
    unsure_margin: float
    statement: str
    images: list[GalleryImage]
    training_images: list[TrainingImage]


def margins(predictions: Predictions) -> FloatArray:
    """The margin of the most probable class over the second, float (n,) in [0, 1]; 1 where there is only one class."""
    if predictions.probabilities.shape[1] < 2:
        return np.ones(len(predictions))
    best = np.partition(predictions.probabilities, -2, axis=1)
    return np.asarray(best[:, -1] - best[:, -2])


def is_wrong(predictions: Predictions) -> BoolArray:
    """Whether the label is known and the prediction is another class (n,)."""
    return np.asarray(~predictions.is_right & (predictions.targets >= 0))


def gallery_order(predictions: Predictions) -> IntArray:
    """All rows, int (n,): misclassified images first, the most confident mistake first; then the others, the least certain first."""
    if not len(predictions):
        return np.zeros(0, dtype=np.int64)
    wrong = is_wrong(predictions)
    rank = np.where(wrong, -predictions.confidence, margins(predictions))
    return np.asarray(np.lexsort((rank, ~wrong)))


def gallery_view(run: RunContent, rows: IntArray) -> GalleryView:
    """The gallery of these rows of the predictions, int (m,), in the order given."""
    predictions = run.predictions
    wrong, margin, targets, predicted = is_wrong(predictions), margins(predictions), predictions.targets, predictions.predicted
    row_of = {row.path: row for row in run.rows}
    training = _Training(run)
    images: list[GalleryImage] = []
    for i in rows.tolist():
        file_row = row_of.get(predictions.paths[i])
        images.append(
            {
                "image_id": predictions.image_ids[i],
                "path": predictions.paths[i],
                "part": predictions.parts[i],
                "label": int(targets[i]) if targets[i] >= 0 else None,
                "predicted": int(predicted[i]),
                "is_wrong": bool(wrong[i]),
                "is_unsure": bool(margin[i] < UNSURE_MARGIN),
                "margin": round(float(margin[i]), 4),
                "probabilities": _listed(predictions.probabilities[i], int(targets[i])),
                "nearest": [] if file_row is None else training.nearest(file_row),
            }
        )
    total = {"images": len(predictions), "wrong": int(wrong.sum()), "unsure": int((margin < UNSURE_MARGIN).sum())}
    return {
        "total": total,
        "shown": len(images),
        "unsure_margin": UNSURE_MARGIN,
        "statement": statement(total["images"], total["wrong"], len(images)),
        "images": images,
        "training_images": training.images,
    }


def statement(total: int, wrong: int, shown: int) -> str:
    """Which images are shown, in one sentence."""
    if total == 0:
        return "No image was held out to report on."
    if shown >= total:
        return f"All {count(total, 'image')}: the {wrong:,} wrong first, then the least certain."
    head = f"Showing the {shown:,} of {count(total, 'image')} most worth a look, to keep this page small: "
    if shown < wrong:
        return head + f"the surest of the {wrong:,} wrong ones."
    return head + f"all {wrong:,} wrong ones first, then the least certain."


def _listed(probabilities: FloatArray, target: int) -> list[list[float]]:
    best = np.argsort(-probabilities, kind="stable")[:LISTED_CLASSES].tolist()
    if target >= 0 and target not in best:
        best[-1] = target
    return [[k, round(float(probabilities[k]), 4)] for k in best]


class _Training:
    """The training images that some image of the gallery is near to, each listed once."""

    def __init__(self, run: RunContent) -> None:
        self.images: list[TrainingImage] = []
        self._place: dict[str, int] = {}
        self._row = {row.image_id: row for row in run.rows if row.part == "train"}
        self._class = {name: k for k, name in enumerate(run.class_names)}

    def nearest(self, row: FileRow) -> list[list[float]]:
        near = zip(row.neighbors or (), row.similarities or (), strict=False)
        return [[self._index(image_id), round(float(similarity), 3)] for image_id, similarity in near]

    def _index(self, image_id: str) -> int:
        if image_id not in self._place:
            row = self._row.get(image_id)
            label, path = (None, None) if row is None else (row.label, row.path)
            self._place[image_id] = len(self.images)
            self.images.append({"image_id": image_id, "path": path, "label": self._class.get(label) if label is not None else None})
        return self._place[image_id]
