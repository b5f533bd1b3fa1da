"""Exporting to ONNX: one file, checked against the run, with a card and an example beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.resources import files
from pathlib import Path

from tellapart.array_types import ByteArray
from tellapart.counts import count
from tellapart.dataset.bucket import address_of_copy
from tellapart.dataset.file_rows import FileRow
from tellapart.errors import DataError, ModelError
from tellapart.model_export.export_card import CARD, ExportCard, ExportMetadata, card_of, metadata_of
from tellapart.model_export.onnx_graph import check_onnx, described, network_graph, with_photo_input
from tellapart.model_export.parity import (
    Answer,
    ModelAnswers,
    Parity,
    PhotoAnswer,
    collected_answers,
    float32_reference,
    parity_of,
    rounding_of,
)
from tellapart.model_export.quantization import CALIBRATED_ON, quantized
from tellapart.model_export.run_images import RunPhoto, made_photos, photos_of, rows_to_check, training_rows
from tellapart.models.onnx_classifier import MODEL_FILE, OnnxClassifier, SquareLike
from tellapart.models.saved_model import SavedModel
from tellapart.progress import Progress
from tellapart.run_folder import Run

SAME_FAMILIARITY = 0.02
"""Largest difference of a familiarity on the same pixels, or one image of the scale: rounding moves an image past few others."""
EXAMPLE = "predict.py"
INT8_NOTE = (
    "8 bits make another model: its accuracy and its log loss are its own, its probabilities were calibrated for the model in float32, and "
    "it does not know how familiar an image is"
)


@dataclass(frozen=True, eq=False)
class ExportedModel:
    """What an export wrote.

    Attributes:
        parity: the comparison with the run.
        notes: what else is worth knowing.
    """

    parity: Parity
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class ModelToExport:
    """A run and its model, and the progress receiver.

    Attributes:
        run: the run.
        model: its saved model.
        progress: receives progress.
    """

    run: Run
    model: SavedModel
    progress: Progress


def export_onnx(source: ModelToExport, folder: Path, *, is_int8: bool) -> ExportedModel:
    """Write ``model.onnx``, ``predict.py`` and ``card.json`` into an empty folder.

    Args:
        source: what is exported.
        folder: where to.
        is_int8: whether the network is quantized to 8-bit integers.

    Raises:
        MissingExtra: onnx or onnxruntime is not installed.
        ModelError: the model cannot be exported, or the file answers otherwise than the run.
        DataError: no training photo is left to calibrate ``is_int8`` on.
    """
    metadata = write_onnx(source, folder / MODEL_FILE, is_int8=is_int8, has_photo=True)
    classifier = OnnxClassifier(folder / MODEL_FILE)
    exported = checked(
        source,
        classifier.squares,
        onnx_answer(classifier),
        lambda photo: classifier.photo_answers(photo).probabilities,
        is_int8,
    )
    (folder / EXAMPLE).write_text(
        files("tellapart.model_export").joinpath("onnx_example.txt").read_text(encoding="utf-8"), encoding="utf-8"
    )
    write_card(folder, card_of(metadata, "onnx", exported.parity, folder, exported.notes))
    return exported


def write_onnx(source: ModelToExport, path: Path, *, is_int8: bool, has_photo: bool) -> ExportMetadata:
    """Write the ONNX file; returns its metadata. ``has_photo``: whether it also takes a photo of any size."""
    check_onnx()
    from tellapart.models.portable_classifier import PortableClassifier

    with source.progress.stage("writing the graph", total=1, unit="file") as advance:
        portable = PortableClassifier(source.model, has_familiarity=not is_int8)
        graph = network_graph(portable)
        advance(1)
    if is_int8:
        graph = quantized(graph, portable.squares, _calibration_photos(source, portable.squares))
    metadata = metadata_of(source.run, source.model, portable.squares, "int8" if is_int8 else "float32", has_familiarity=not is_int8)
    graph = described(with_photo_input(graph, portable.squares) if has_photo else graph, metadata)
    try:
        path.write_bytes(graph.SerializeToString(deterministic=True))
    except ValueError as error:
        raise ModelError("the model is larger than an ONNX file can be (2 GB)", hint="export fewer members") from error
    return metadata


def onnx_answer(classifier: OnnxClassifier) -> Answer:
    """What an exported file answers on squares."""

    def answer(squares: Sequence[ByteArray]) -> ModelAnswers:
        answers = classifier.answers(squares)
        return ModelAnswers(answers.probabilities, answers.familiarity)

    return answer


def checked(
    source: ModelToExport, squares: Sequence[SquareLike], exported: Answer, of_photo: PhotoAnswer | None, is_int8: bool
) -> ExportedModel:
    """Compare an exported model with the run on its photos.

    Raises:
        ModelError: it is in float32, and answers otherwise than the run's networks do on the same pixels.
    """
    notes = [INT8_NOTE] if is_int8 else []
    rows = rows_to_check(source.run)
    photos: Callable[[Sequence[FileRow], str], Iterable[RunPhoto]] = partial(_photos, source, squares)
    reference = float32_reference(source.model)
    answers = collected_answers(photos(rows, "comparing with the run"), exported, reference, of_photo)
    if not answers.rows:
        place = address_of_copy(source.run.metrics.folder) or source.run.metrics.folder
        notes.append(f"no photo of the run is left in {place}, so it was compared on made images, and not evaluated")
        photos = partial(_made_photos, squares)
        answers = collected_answers(made_photos(squares), exported, reference, of_photo)
    elif len(answers.rows) < len(rows):
        notes.append(f"{len(rows) - len(answers.rows):,} of {count(len(rows), 'photo')} of the run are gone or have changed")
    parity = parity_of(source.run, answers)
    if not is_int8:
        parity = replace(parity, rounding=rounding_of(source.model, answers, lambda off: photos(off, "computing in float64")))
        _check_same(parity, source.model)
    return ExportedModel(parity, tuple(notes))


def _photos(source: ModelToExport, squares: Sequence[SquareLike], rows: Sequence[FileRow], words: str) -> Iterator[RunPhoto]:
    return photos_of(source.run, rows, squares, words, source.progress)


def _made_photos(squares: Sequence[SquareLike], rows: Sequence[FileRow], words: str) -> Iterator[RunPhoto]:
    return (photo for photo in made_photos(squares) if photo.row in rows)


def _check_same(parity: Parity, model: SavedModel) -> None:
    same = parity.same_pixels
    if not parity.is_same:
        raise ModelError(
            f"the exported model does not predict what the run does: probabilities differ by up to {same.largest:.2g} on the same pixels, "
            f"and {len(same.changed):,} of {count(same.n, 'label')} change",
            hint="nothing was written; please report this network",
        )
    if parity.familiarity is None or model.familiarity is None:
        return
    if parity.familiarity > max(SAME_FAMILIARITY, model.familiarity.scale.smallest * (1 + 1e-6)):
        raise ModelError(
            f"the exported model does not judge as the run does how familiar an image is: off by up to {parity.familiarity:.2g}",
            hint="nothing was written; please report this network",
        )


def _calibration_photos(source: ModelToExport, squares: Sequence[SquareLike]) -> list[tuple[ByteArray, ...]]:
    rows = training_rows(source.run, CALIBRATED_ON)
    photos = [photo.squares for photo in photos_of(source.run, rows, squares, "calibrating on training photos", source.progress)]
    if not photos:
        raise DataError(
            f"8 bits are calibrated on training photos, and none of them are left in {source.run.metrics.folder}",
            hint="put the photos back where the run was trained, or export without --int8",
        )
    return photos


def write_card(folder: Path, card: ExportCard) -> None:
    """Write ``card.json``."""
    from tellapart.atomic_files import write_json

    write_json(folder / CARD, card)
