"""Parity of an exported model with its run: three comparisons of answers, and the scores of both on the same images."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from tellapart.array_types import ByteArray, FloatArray
from tellapart.dataset.file_rows import FileRow
from tellapart.evaluation import compare
from tellapart.evaluation.comparison import score_both
from tellapart.interval import Interval
from tellapart.model_export.run_images import RunPhoto, reported_part
from tellapart.models.saved_model import SavedModel
from tellapart.predictions import Predictions
from tellapart.results import Result
from tellapart.run_folder import Run

SAME_PIXELS = 1e-5
"""Difference of a probability, on the same pixels and in float32, below which a model counts as exported."""
ROUNDINGS = 4
"""How many times its own distance from float64 the run in float32 may be away from the exported model, where that is more."""
MOST_ROUNDED = 1e-4
"""Difference of a probability that no rounding excuses."""
BATCH = 8
OTHER_DECODER = (1e-3, 1e-2)
"""Median and largest difference that another decoder and the resizing within the file should stay below."""

Answer = Callable[[Sequence[ByteArray]], "ModelAnswers"]
"""From uint8 (n, s, s, 3) for each square to the answers for n images."""
PhotoAnswer = Callable[[ByteArray], FloatArray]
"""From a photo, uint8 (h, w, 3), to probabilities (1, k)."""


@dataclass(frozen=True, eq=False)
class ModelAnswers:
    """What a model answers for n images.

    Attributes:
        probabilities: float64 (n, k).
        familiarity: float64 (n,); None where it is not known.
    """

    probabilities: FloatArray
    familiarity: FloatArray | None = None


@dataclass(frozen=True)
class Difference(Result):
    """Differences of probabilities between two ways to the same answers.

    Attributes:
        n: number of images.
        median: of each image's largest difference.
        largest: of all.
        changed: paths of the images whose predicted class differs.
    """

    n: int
    median: float
    largest: float
    changed: tuple[str, ...]


@dataclass(frozen=True)
class ExportScore(Result):
    """The scores of the run and of the exported file on the same images.

    Attributes:
        part: ``test`` or ``val``.
        n: number of images that could still be read.
        of: number of images that the run reported on.
        accuracy, log_loss: of the exported file.
        accuracy_difference, log_loss_difference: exported file minus run, on the same images.
        p_value: exact McNemar test of equal accuracy.
        verdict: the comparison in a sentence.
    """

    part: str
    n: int
    of: int
    accuracy: Interval
    log_loss: Interval
    accuracy_difference: Interval
    log_loss_difference: Interval
    p_value: float
    verdict: str


@dataclass(frozen=True)
class Parity(Result):
    """How an exported model compares with the run.

    Attributes:
        same_pixels: against the run's networks in float32, on the same pixels. Classes between which the run's own probabilities
            are equal within twice ``SAME_PIXELS`` do not count as a change of label.
        other_decoder: the photo decoded by Pillow and resized within the file, against the pixels tellapart makes; None where the
            format takes squares only.
        as_shipped: against the predictions that the run reports, in its own number format; None if none of their photos can be read.
        score: None if no reported photo can be read.
        familiarity: largest difference of a familiarity on the same pixels; None where the file gives none.
        rounding: how far the run's own probabilities in float32 are from those in float64, at most, on the photos where the file
            differs by ``SAME_PIXELS``; 0 where there are none.
    """

    same_pixels: Difference
    other_decoder: Difference | None
    as_shipped: Difference | None
    score: ExportScore | None
    familiarity: float | None = None
    rounding: float = 0.0

    @property
    def is_same(self) -> bool:
        """Whether the file answers as the run does in float32."""
        allowed = max(SAME_PIXELS, min(ROUNDINGS * self.rounding, MOST_ROUNDED))
        return self.same_pixels.largest < allowed and not self.same_pixels.changed


@dataclass(frozen=True, eq=False)
class Answers:
    """The rows of the photos that were asked about, and what was answered; ``other_decoder`` has probabilities, float64 (n, k)."""

    rows: tuple[FileRow, ...]
    exported: ModelAnswers
    reference: ModelAnswers
    other_decoder: FloatArray | None


def collected_answers(photos: Iterable[RunPhoto], exported: Answer, reference: Answer, of_photo: PhotoAnswer | None) -> Answers:
    """Ask the exported model and the reference about every photo; a few are in memory at a time."""
    rows: list[FileRow] = []
    answers: list[ModelAnswers] = []
    expected: list[ModelAnswers] = []
    others: list[FloatArray] = []
    waiting = iter(photos)
    while batch := list(islice(waiting, BATCH)):
        squares = [np.stack(same) for same in zip(*(photo.squares for photo in batch), strict=True)]
        rows += [photo.row for photo in batch]
        answers.append(exported(squares))
        expected.append(reference(squares))
        others += [of_photo(pillow_pixels(photo.data)) for photo in batch] if of_photo is not None else []
    return Answers(tuple(rows), _joined(answers), _joined(expected), np.concatenate(others) if others else None)


def _joined(answers: Sequence[ModelAnswers]) -> ModelAnswers:
    if not answers:
        return ModelAnswers(np.empty((0, 0)))
    familiarity = [one.familiarity for one in answers if one.familiarity is not None]
    return ModelAnswers(np.concatenate([one.probabilities for one in answers]), np.concatenate(familiarity) if familiarity else None)


def pillow_pixels(data: bytes) -> ByteArray:
    """A photo as most programs read it, by Pillow alone: uint8 (h, w, 3)."""
    with Image.open(io.BytesIO(data)) as image:
        return np.array(ImageOps.exif_transpose(image).convert("RGB"))


def float32_reference(model: SavedModel) -> Answer:
    """The answers of a run's own networks and heads in float32 on the CPU: what ``predict --precision float32`` computes."""
    from tellapart.models.network_loading import network_of
    from tellapart.models.portable_classifier import Square, squares_of

    squares = squares_of(model)
    loaded: dict[Any, Any] = {}
    for backbone in (backbone for member in model.members for backbone in member.backbones):
        key = (backbone.digest, backbone.card)
        if key not in loaded:
            loaded[key] = network_of(backbone.in_precision("float32", "cpu"), device="cpu")

    def answer(pixels: Sequence[ByteArray]) -> ModelAnswers:
        of = dict(zip(squares, pixels, strict=True))
        features = [
            np.hstack(
                [loaded[b.digest, b.card].features(of[Square(b.card.image_size, one.resize)], mirror=one.mirror) for b in one.backbones]
            )
            for one in model.members
        ]
        logits = model.logits([member.logits(own) for member, own in zip(model.members, features, strict=True)])
        familiarity = None if model.familiarity is None else model.familiarity.p_values(features[0], logits)
        return ModelAnswers(model.probabilities(logits), familiarity)

    return answer


def float64_reference(model: SavedModel) -> Answer:
    """The answers of a run's networks and heads in float64: slow, and exact beside float32. Familiarity is not computed."""
    import torch

    from tellapart.models.portable_classifier import PortableClassifier

    exact = PortableClassifier(model, has_familiarity=False).double()

    def answer(squares: Sequence[ByteArray]) -> ModelAnswers:
        with torch.inference_mode():
            return ModelAnswers(exact(*map(torch.from_numpy, squares))[0].numpy())

    return answer


def parity_of(run: Run, answers: Answers) -> Parity:
    """The three comparisons and the scores."""
    paths = [row.path for row in answers.rows]
    exported, reference, other = answers.exported, answers.reference, answers.other_decoder
    as_shipped, score = _against_run(run, answers)
    return Parity(
        same_pixels=difference(reference.probabilities, exported.probabilities, paths, tie=2 * SAME_PIXELS),
        other_decoder=difference(exported.probabilities, other, paths) if other is not None else None,
        as_shipped=as_shipped,
        score=score,
        familiarity=(
            float(np.abs(exported.familiarity - reference.familiarity).max())
            if exported.familiarity is not None and reference.familiarity is not None
            else None
        ),
    )


def rounding_of(model: SavedModel, answers: Answers, photos: Callable[[Sequence[FileRow]], Iterable[RunPhoto]]) -> float:
    """The ``rounding`` of :class:`Parity`.

    Args:
        model: the run's model.
        answers: what was answered.
        photos: gives the photos of these rows again.
    """
    reference = answers.reference.probabilities
    is_off = np.abs(answers.exported.probabilities - reference).max(axis=1) >= SAME_PIXELS
    if not is_off.any():
        return 0.0
    exact = float64_reference(model)
    in_float32 = {row.path: own for row, own, off in zip(answers.rows, reference, is_off, strict=True) if off}
    rows = [row for row, off in zip(answers.rows, is_off, strict=True) if off]
    return max(
        float(np.abs(exact([square[None] for square in photo.squares]).probabilities - in_float32[photo.row.path]).max())
        for photo in photos(rows)
    )


def difference(first: FloatArray, second: FloatArray, paths: Sequence[str], *, tie: float = 0.0) -> Difference:
    """How far two arrays of probabilities, float (n, k) of the same images, are apart.

    ``tie`` is how much more probable the first must hold its class than the second's for the label to count as changed.
    """
    off = np.abs(first - second).max(axis=1)
    every = np.arange(len(first))
    is_changed = first[every, first.argmax(axis=1)] - first[every, second.argmax(axis=1)] > tie
    changed = tuple(path for path, differs in zip(paths, is_changed, strict=True) if differs)
    return Difference(len(off), float(np.median(off)), float(off.max()), changed)


def _against_run(run: Run, answers: Answers) -> tuple[Difference | None, ExportScore | None]:
    part = reported_part(run)
    if part is None:
        return None, None
    predictions = run.predictions
    reported = predictions.where(np.array([one == part for one in predictions.parts], dtype=bool))
    index_of = {(row.image_id, row.path): i for i, row in enumerate(answers.rows)}
    at = [index_of.get(key, -1) for key in zip(reported.image_ids, reported.paths, strict=True)]
    is_there = np.array([i >= 0 for i in at], dtype=bool)
    if not is_there.any():
        return None, None
    before = reported.where(is_there)
    probabilities = answers.exported.probabilities[[i for i in at if i >= 0]]
    after = replace(before, probabilities=probabilities, logits=np.log(np.maximum(probabilities, 1e-30)), source="exported")
    before = replace(before, source=run.name)
    score = _score(before, after, part, len(reported)) if (before.targets >= 0).any() else None
    return difference(before.probabilities, after.probabilities, before.paths), score


def _score(before: Predictions, after: Predictions, part: str, of: int) -> ExportScore:
    comparison = compare(before, after)
    _, exported = score_both(before, after, comparison.rows)
    return ExportScore(
        part=part,
        n=comparison.n,
        of=of,
        accuracy=exported.accuracy,
        log_loss=exported.log_loss,
        accuracy_difference=comparison.accuracy,
        log_loss_difference=comparison.log_loss,
        p_value=comparison.p_value,
        verdict=comparison.verdict,
    )
