"""Inference engines: the saved model of a run by torch, or an exported file by onnxruntime."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from tellapart.array_types import ByteArray, FloatArray
from tellapart.errors import ModelError
from tellapart.models.onnx_classifier import OnnxClassifier, SquareLike

if TYPE_CHECKING:
    from tellapart.decision_rule import DecisionRule
    from tellapart.models.saved_model import Member

ONNX_EXPORT = Path("export") / "onnx"
"""Where ``export-model`` writes a run's file."""


@dataclass(frozen=True, eq=False)
class EngineAnswer:
    """The answer of an engine for an image.

    Attributes:
        probabilities: float64 (k,).
        predicted: the answer: the most probable class, or what the model's own costs or recall decide.
        familiarity: above 0 to 1; None where the engine does not know it.
    """

    probabilities: FloatArray
    predicted: str
    familiarity: float | None = None


class Engine(Protocol):
    """A loaded model; it may be called from several threads."""

    @property
    def kind(self) -> str:
        """``torch`` or ``onnx``."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """In the order of the columns of probabilities."""

    @property
    def batch_size(self) -> int:
        """How many images to compute together."""

    @property
    def squares(self) -> Sequence[SquareLike]:
        """The squares that an image is made into."""

    def answers(self, squares: Sequence[ByteArray]) -> list[EngineAnswer]:
        """The answer for each of n images, of uint8 (n, s, s, 3) for each of ``squares``."""


@dataclass(frozen=True)
class _Square:
    size: int
    resize: str


class OnnxEngine:
    """An exported file; each call computes in one thread, because several requests are computed at once.

    A batch takes as long as its images one by one, so there are none.
    """

    kind, batch_size = "onnx", 1

    def __init__(self, file: Path) -> None:
        self._classifier = OnnxClassifier(file, num_threads=1)
        self.class_names = self._classifier.class_names
        self.squares = self._classifier.squares

    def answers(self, squares: Sequence[ByteArray]) -> list[EngineAnswer]:
        """See :class:`Engine`."""
        answers = self._classifier.answers(squares)
        return _engine_answers(answers.probabilities, self._classifier.decision, self.class_names, answers.familiarity)


def _engine_answers(
    probabilities: FloatArray, decision: DecisionRule | None, class_names: Sequence[str], familiarity: FloatArray | None
) -> list[EngineAnswer]:
    """An answer for each row of probabilities (n, k), by the model's own rule where it has one."""
    chosen = probabilities.argmax(axis=1) if decision is None else decision.chosen(probabilities)
    names = class_names if decision is None else decision.answers
    return [
        EngineAnswer(row, names[int(chosen[n])], None if familiarity is None else float(familiarity[n]))
        for n, row in enumerate(probabilities)
    ]


class TorchEngine:
    """A saved model as it was evaluated: each member on its own squares, their logits averaged.

    Its networks always compute full batches, so that an answer does not depend on the images beside it.
    """

    kind = "torch"
    _loading = threading.Lock()

    def __init__(self, folder: Path) -> None:
        from tellapart.feature_spec import FeatureSpec
        from tellapart.models.feature_network import BATCH
        from tellapart.models.malloc import tune_malloc
        from tellapart.models.network_loading import network_of
        from tellapart.models.saved_model import load_model

        tune_malloc()
        import torch

        self._model = load_model(folder)
        if not self._model.class_names:
            raise ModelError(f"{folder.parent.name} is an autoencoder: it has no classes", hint="serve the run of a classifier")
        self.class_names, self.batch_size = self._model.class_names, BATCH
        squares: list[_Square] = []
        with self._loading:  # torch.fx traces a network by patching nn.Module for the whole process
            torch.set_num_threads(1)
            self._networks = [[network_of(b, device="cpu") for b in member.backbones] for member in self._model.members]
        for member in self._model.members:
            spec = FeatureSpec(member.backbones, member.resize, member.mirror)
            squares += [_Square(b.card.image_size, spec.resize_of(b)) for b in member.backbones]
        self.squares: Sequence[SquareLike] = squares

    def answers(self, squares: Sequence[ByteArray]) -> list[EngineAnswer]:
        """See :class:`Engine`."""
        rest, model = iter(squares), self._model
        features = [self._member_features(index, member, rest) for index, member in enumerate(model.members)]
        logits = model.logits([member.logits(own) for member, own in zip(model.members, features, strict=True)])
        probabilities = model.probabilities(logits)
        familiarity = None if model.familiarity is None else model.familiarity.p_values(features[0], logits)
        return _engine_answers(probabilities, model.decision, model.class_names, familiarity)

    def _member_features(self, index: int, member: Member, squares: object) -> FloatArray:
        blocks = [
            network.features(pixels, mirror=member.mirror)
            for network, pixels in zip(self._networks[index], squares, strict=False)  # type: ignore[call-overload]
        ]
        return np.hstack(blocks)


@cache
def _has_onnxruntime() -> bool:
    return find_spec("onnxruntime") is not None


def load_engine(where: Path) -> Engine:
    """The engine of an exported model, of a run's exported file if it has one that is newer than its model, else of its saved model.

    Raises:
        DataError: there is no run.
        ModelError: the model is damaged, or has no classes.
        MissingExtra: an ONNX file is given and onnxruntime is not installed.
    """
    file = served_file(where)
    return OnnxEngine(file) if file.suffix == ".onnx" else TorchEngine(file.parent)


def served_file(where: Path) -> Path:
    """The file that is loaded, and whose change means that the model is another: ``model.onnx`` or the card ``model.json``."""
    from tellapart.models.model_card import CARD
    from tellapart.models.onnx_classifier import MODEL_FILE, onnx_file
    from tellapart.models.saved_model import model_folder

    if exported := onnx_file(where):
        return exported
    card, exported = model_folder(where) / CARD, where / ONNX_EXPORT / MODEL_FILE
    if _has_onnxruntime() and exported.is_file() and exported.stat().st_mtime_ns >= card.stat().st_mtime_ns:
        return exported
    return card
