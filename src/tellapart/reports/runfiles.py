"""What the report reads of a run folder (docs/reference/run-folder.md)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tellapart.atomic_files import regular_file
from tellapart.errors import StorageError
from tellapart.json_files import ShapeError, read_json
from tellapart.parquet_files import ParquetError, read_parquet
from tellapart.predictions import Predictions
from tellapart.run_folder import RUN_FILE

IMAGE_COLUMNS = (
    *("path", "image_id", "label", "part", "group", "status", "reason", "width", "height"),
    *("size_bytes", "x", "y", "neighbors", "similarities"),
)
PARTS = {"test": "Test", "val": "Validation", "train": "Train"}


@dataclass(frozen=True, eq=False)
class RunFiles:
    """A run folder in memory.

    Attributes:
        folder: where it lies.
        metrics: ``metrics.json``.
        options: ``options.json``; empty if it is absent.
        images: ``images.parquet`` as lists by column name, one item a file found; columns that are absent hold None.
        predictions: ``predictions.parquet``; no rows if it is absent.
        history: ``history.jsonl``, an event a line; empty if it is absent.
    """

    folder: Path
    metrics: Mapping[str, Any]
    options: Mapping[str, Any]
    images: Mapping[str, list[Any]]
    predictions: Predictions
    history: Sequence[Mapping[str, Any]] = ()

    @classmethod
    def load(cls, folder: Path) -> RunFiles:
        """Read the folder of a finished run.

        Raises:
            StorageError: ``metrics.json`` is absent, or a file is damaged.
        """
        metrics = _json(folder / "metrics.json")
        options = _json(folder / "options.json") if (folder / "options.json").exists() else {}
        return cls(folder, metrics, options, _images(folder / "images.parquet"), _predictions(folder, metrics), _history(folder))

    @property
    def class_names(self) -> list[str]:
        """The classes, in the order of the probabilities."""
        return list(self.metrics.get("class_names") or self.predictions.class_names)

    @property
    def parts(self) -> list[str]:
        """The reported parts, the most trustworthy first."""
        return [part for part in PARTS if self.metrics.get(part)]

    @property
    def rows(self) -> int:
        """How many files were found."""
        return len(self.images["path"])


def _json(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = read_json(path, RUN_FILE)
    except FileNotFoundError as error:
        raise StorageError(f"{path} is not there: this is not the folder of a finished run", hint="run `tellapart train` first") from error
    except (OSError, ShapeError) as error:
        raise StorageError(f"{path} cannot be read: {error}") from error
    return content


def _history(folder: Path) -> list[dict[str, Any]]:
    path = folder / "history.jsonl"
    if not path.exists():
        return []
    try:
        lines = enumerate(regular_file(path).read_bytes().split(b"\n"), start=1)
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error}") from error
    events = []
    for number, line in lines:
        try:
            event = json.loads(line) if line.strip() else None  # a loss that went astray is written as NaN
        except (ValueError, RecursionError) as error:
            raise StorageError(f"{path} cannot be read: line {number}: {error}", hint="remove that line") from error
        events += [event] if isinstance(event, dict) else []
    return events


def _images(path: Path) -> dict[str, list[Any]]:
    if not path.exists():
        return {name: [] for name in IMAGE_COLUMNS}
    try:
        table = read_parquet(path)
    except (OSError, ParquetError) as error:
        raise StorageError(f"{path} cannot be read: {error}") from error
    return {name: table[name].to_pylist() if name in table.column_names else [None] * table.num_rows for name in IMAGE_COLUMNS}


def _predictions(folder: Path, metrics: Mapping[str, Any]) -> Predictions:
    path = folder / "predictions.parquet"
    if path.exists():
        return Predictions.load(path)
    names = tuple(metrics.get("class_names") or ())
    nothing = np.zeros((0, len(names)))
    return Predictions((), (), (), nothing, nothing, names, (), (), "nothing was reported")
