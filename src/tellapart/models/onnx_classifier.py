"""A classifier in an ONNX file that ``tellapart export-model`` wrote, run by onnxruntime; torch is not loaded.

The file holds everything from squares of 8-bit pixels to probabilities. What squares it takes, and what its answers mean,
stands in its metadata, whose form is checked before anything of it is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from tellapart.array_types import ByteArray, FloatArray
from tellapart.concurrency import available_cores
from tellapart.conformal import SCALE_SHAPE, ConformalScale
from tellapart.counts import count
from tellapart.decision_rule import DECISION_SHAPE, DecisionRule
from tellapart.errors import MissingExtra, ModelError
from tellapart.json_files import Shape, ShapeError, anything, fields, mapping, parse_json, real, several, text, whole
from tellapart.models.model_card import LARGEST_IMAGE, RESIZES

METADATA = "tellapart"
"""Key of the metadata in the file."""
FORMAT = 1
PHOTO = "photo"
PIXELS = "pixels"
MODEL_FILE = "model.onnx"
HINT = "tellapart export-model RUN --to onnx writes one"

_INPUT = fields({"size": whole(1, LARGEST_IMAGE), "resize": text(*RESIZES)})
METADATA_SHAPE: Shape = fields(
    {"format": whole(1, FORMAT), "class_names": several(text(least=1), is_unique=True), "inputs": mapping(_INPUT), "run": text()},
    {
        **dict.fromkeys(("run_reports", "versions"), anything),
        "familiarity_groups": real(0, is_above=True),
        "true_classes": SCALE_SHAPE,
        "decision": DECISION_SHAPE,
    },
)
"""What :func:`tellapart.model_export.export_card.metadata_of` writes, as far as somebody reads it back."""


def onnx_file(where: Path) -> Path | None:
    """The ONNX file that a path names, itself or as the folder of an export; None if it names something else, such as a run."""
    inside = where / MODEL_FILE
    if inside.is_file():
        return inside
    return where if where.suffix.lower() == ".onnx" else None


class SquareLike(Protocol):
    """A square that an image is made into: its side in pixels and the resize policy."""

    @property
    def size(self) -> int:
        """Side in pixels."""

    @property
    def resize(self) -> str:
        """The resize policy."""


@dataclass(frozen=True)
class InputSquare:
    """A square that the file takes.

    Attributes:
        name: of the input.
        size: side in pixels.
        resize: how an image becomes it.
    """

    name: str
    size: int
    resize: str


def input_names(squares: Sequence[SquareLike]) -> tuple[str, ...]:
    """Names of the inputs for squares: ``pixels``; ``pixels_224`` and so on where there are several."""
    if len(squares) == 1:
        return (PIXELS,)
    sizes = [square.size for square in squares]
    return tuple(f"{PIXELS}_{s.size}" + (f"_{s.resize}" if sizes.count(s.size) > 1 else "") for s in squares)


class OnnxAnswers(NamedTuple):
    """What the file answers for n images.

    Attributes:
        probabilities, logits: float64 (n, k).
        familiarity: float64 (n,) in (0, 1]; None where the file does not give it.
    """

    probabilities: FloatArray
    logits: FloatArray
    familiarity: FloatArray | None


class OnnxClassifier:
    """A loaded file; it may be called from several threads.

    Attributes:
        path: the file.
        class_names: in the order of the outputs.
        squares: what an image is made into, one for each input.
        familiarity_groups: number of groups of images that familiarities were measured on; None where the file does not give them.
        true_classes: the scale for prediction sets; None where there is none.
        decision: what is answered; None for the most probable class.
        metadata: all that the file says of itself.

    Args:
        path: the file.
        num_threads: that compute one call; by default one per core.

    Raises:
        MissingExtra: onnxruntime is not installed.
        ModelError: the file cannot be run, or tellapart did not write it.
    """

    def __init__(self, path: Path, *, num_threads: int | None = None) -> None:
        self.path = path
        self._session = _session(path, num_threads or available_cores())
        self.metadata = _metadata(path, self._session)
        self.class_names = tuple(self.metadata["class_names"])
        self.squares = tuple(InputSquare(name, **known) for name, known in self.metadata["inputs"].items())
        if {one.name for one in self._session.get_inputs()} != {square.name for square in self.squares}:
            raise ModelError(f"{path} does not take the inputs that its metadata names", hint=HINT)
        self.familiarity_groups: float | None = self.metadata.get("familiarity_groups")
        self._outputs = ["probabilities", "logits", *(["familiarity"] if self.familiarity_groups is not None else [])]
        if not {*self._outputs} <= {one.name for one in self._session.get_outputs()}:
            raise ModelError(f"{path} does not give the outputs that its metadata names", hint=HINT)
        try:
            scale, rule = self.metadata.get("true_classes"), self.metadata.get("decision")
            self.true_classes = None if scale is None else ConformalScale.from_fields(scale)
            self.decision = None if rule is None else DecisionRule.from_fields(rule, self.class_names)
        except ShapeError as error:
            raise ModelError(f"{path} is not a model of tellapart: {error}", hint=HINT) from error

    def answers(self, squares: Sequence[ByteArray]) -> OnnxAnswers:
        """The answers for n images, given as uint8 (n, s, s, 3) for each of ``squares``.

        Raises:
            ModelError: it answers with values that are not probabilities of its classes.
        """
        given = {square.name: pixels for square, pixels in zip(self.squares, squares, strict=True)}
        return self._checked(self._session.run(self._outputs, given))

    def photo_answers(self, pixels: ByteArray) -> OnnxAnswers:
        """The answer for one photo, uint8 (h, w, 3), that the file itself makes its squares of."""
        none = {square.name: np.zeros((0, square.size, square.size, 3), np.uint8) for square in self.squares}
        return self._checked(self._session.run(self._outputs, {**none, PHOTO: pixels[None]}))

    def _checked(self, outputs: Sequence[Any]) -> OnnxAnswers:
        probabilities, logits, *more = (np.asarray(values, np.float64) for values in outputs)
        width = len(self.class_names)
        is_usable = probabilities.ndim == logits.ndim == 2 and probabilities.shape[1] == logits.shape[1] == width
        if not is_usable or not np.isfinite(logits).all() or not (probabilities >= 0).all():
            raise ModelError(
                f"{self.path} answers with values that are no probabilities of its {count(width, 'class', 'classes')}", hint=HINT
            )
        if any(values.shape != logits.shape[:1] or not ((values > 0) & (values <= 1)).all() for values in more):
            raise ModelError(f"{self.path} gives familiarities that are not above 0 and at most 1", hint=HINT)
        return OnnxAnswers(probabilities / probabilities.sum(axis=1, keepdims=True), logits, more[0] if more else None)


def _session(path: Path, num_threads: int) -> Any:
    """The file in onnxruntime, without its memory arena, which would keep the most that it ever needed."""
    try:
        import onnxruntime
    except ModuleNotFoundError as error:
        if error.name != "onnxruntime":
            raise
        raise MissingExtra("onnxruntime is not installed, and ONNX files need it", hint="pip install 'tellapart[onnx]'") from error
    if not path.is_file():
        raise ModelError(f"there is no file {path}", hint=HINT)
    options = onnxruntime.SessionOptions()
    options.enable_cpu_mem_arena = False
    options.enable_mem_pattern = False
    options.intra_op_num_threads, options.inter_op_num_threads = num_threads, 1
    options.log_severity_level = 4
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ModelError(f"{path} cannot be read as an ONNX model: {' '.join(str(error).split())[:200]}", hint=HINT) from error


def _metadata(path: Path, session: Any) -> dict[str, Any]:
    known = session.get_modelmeta().custom_metadata_map
    try:
        if METADATA not in known:
            raise ShapeError(f"its metadata have no entry {METADATA!r}, which says what its inputs and outputs mean")
        metadata: dict[str, Any] = parse_json(known[METADATA], METADATA_SHAPE)
    except ShapeError as error:
        raise ModelError(f"{path} is not a model of tellapart: {error}", hint=HINT) from error
    return metadata
