"""The models that are served: loaded at start, reloaded when their files change, with a record of what they answered."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tellapart.array_types import FloatArray
from tellapart.errors import DataError, TellapartError
from tellapart.server.drift import expected_drift
from tellapart.server.engines import Engine, load_engine, served_file

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Answer:
    """The answer for one image.

    Attributes:
        name: of the file, as the request has it.
        probabilities: float64 (k,); None if the image cannot be read.
        reason: why it cannot be read; None if it can.
        predicted: what is answered; None if it cannot be read.
        familiarity: above 0 to 1; None where the model does not know it, or the image cannot be read.
    """

    name: str
    probabilities: FloatArray | None
    reason: str | None = None
    predicted: str | None = None
    familiarity: float | None = None


@dataclass(frozen=True)
class NamedImage:
    """The bytes of an image file, and its name."""

    name: str
    data: bytes


@dataclass(frozen=True)
class Answered:
    """The answers for the images of a request, all of one engine: a model may be reloaded meanwhile, with other classes.

    Attributes:
        run: name of the model.
        class_names: in the order of the probabilities.
        answers: one for each image.
    """

    run: str
    class_names: tuple[str, ...]
    answers: list[Answer]


class ServedModel:
    """One model, called by its name.

    Args:
        where: a run folder, its ``model`` folder, or an ONNX file that ``export-model`` wrote, or the folder it lies in.
        name: that requests call it by.

    Raises:
        ModelError: it cannot be loaded.
    """

    def __init__(self, where: Path, name: str) -> None:
        self.where, self.name = where, name
        self.engine: Engine = load_engine(where)
        self.drift = expected_drift(where)
        self._stamp = _stamp(where)

    @property
    def class_names(self) -> tuple[str, ...]:
        """In the order of the columns of probabilities."""
        return self.engine.class_names

    def reload_if_changed(self) -> bool:
        """Reload the model if its file has changed; whether it has. A damaged file is ignored, and the old model stays."""
        try:
            stamp = _stamp(self.where)
            if stamp == self._stamp:
                return False
            self._stamp = stamp
            engine, drift = load_engine(self.where), expected_drift(self.where)
        except (TellapartError, OSError) as error:
            logger.warning("the model %s has changed and cannot be loaded; the old one stays: %s", self.name, error)
            return False
        self.engine, self.drift = engine, drift
        return True


def open_models(runs: Sequence[str | Path]) -> dict[str, ServedModel]:
    """The models by name: of the run folder or file, with a number where two would have the same.

    Raises:
        DataError: nothing is given, or there is no run.
        ModelError: a model cannot be loaded.
    """
    if not runs:
        raise DataError("there is nothing to serve", hint="tellapart serve runs/photos-1")
    models: dict[str, ServedModel] = {}
    for run in runs:
        where = Path(run).expanduser().absolute()
        stem = where.stem if where.suffix.lower() == ".onnx" else (where.parent if where.name == "model" else where).name
        name = next(one for one in (stem if i == 1 else f"{stem}-{i}" for i in range(1, len(runs) + 1)) if one not in models)
        models[name] = ServedModel(where, name)
    return models


def _stamp(where: Path) -> tuple[str, int, int, int]:
    file = served_file(where)
    status = file.stat()
    return str(file), status.st_ino, status.st_mtime_ns, status.st_size
