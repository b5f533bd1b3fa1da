"""Run: the folder of a finished training, and the records of its ``options.json`` and ``history.jsonl`` (docs/reference/run-folder.md)."""

from __future__ import annotations

import html
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from tellapart.atomic_files import regular_file
from tellapart.autoencoder_metrics import AUTOENCODER_METRICS, AutoencoderMetrics
from tellapart.counts import count
from tellapart.dataset.file_rows import FileRow, load_rows
from tellapart.errors import DataError, StorageError, reason_of
from tellapart.interval import Interval
from tellapart.json_files import Shape, ShapeError, read_json, record
from tellapart.options import as_path
from tellapart.part_metrics import Document
from tellapart.predictions import Predictions
from tellapart.printable import printable
from tellapart.run_metrics import METRICS, RunMetrics

AUTOENCODER = "autoencoder"
"""The recipe of runs without classes."""


@dataclass(frozen=True, kw_only=True)
class RunOptions(Document):
    """``options.json``: what is needed to repeat a run.

    Attributes:
        verb: the command.
        folder: the images.
        options: of the command.
        versions: of the packages that a run depends on.
        data_sha256: of the files with labels, parts and decisions.
        weights_sha256, costs_sha256: of the files of weights and of costs that the options name.
    """

    verb: str | None = None
    folder: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    data_sha256: str | None = None
    weights_sha256: str | None = None
    costs_sha256: str | None = None


@dataclass(frozen=True, kw_only=True)
class EpochScores:
    """Loss and accuracy of an epoch; None where not finite, and no accuracy for an autoencoder."""

    loss: float | None = None
    accuracy: float | None = None


@dataclass(frozen=True, kw_only=True)
class EpochEvent:
    """An epoch in ``history.jsonl``.

    Attributes:
        epoch: number, from 1.
        fold: number of the network, from 1.
        train: on augmented training images.
        held_out: on held-out images; None where none were held out.
        is_kept: whether these weights are the best so far.
        seconds: since the network's training began.
    """

    epoch: int
    fold: int | None = None
    train: EpochScores | None = None
    held_out: EpochScores | None = None
    is_kept: bool = True
    seconds: float | None = None


def epochs_of(events: Iterable[Any]) -> list[EpochEvent]:
    """The epochs among the events of a training; other events are left out.

    Raises:
        ShapeError: an epoch has the wrong shape.
    """
    return [EPOCH(_finite(event), "") for event in events if isinstance(event, Mapping) and event.get("event") == "epoch"]


def _finite(value: Any) -> Any:
    """The value with None in place of numbers that are infinite or not a number, as of a training that diverged."""
    if isinstance(value, Mapping):
        return {key: _finite(one) for key, one in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


OPTIONS, EPOCH = record(RunOptions), record(EpochEvent)
"""The shapes of ``options.json`` and of an epoch in ``history.jsonl``."""


@dataclass(frozen=True, eq=False)
class RunContent:
    """What the report of a classifier shows, of a run folder or of an evaluation on new images.

    Attributes:
        folder: the run folder, or the place of the page.
        metrics: ``metrics.json``.
        options: ``options.json``.
        rows: ``images.parquet``, one for each file found.
        predictions: ``predictions.parquet``.
        history: the epochs of the training.
        map_method: how the places of the rows on the map were computed.
    """

    folder: Path
    metrics: RunMetrics
    options: RunOptions
    rows: Sequence[FileRow]
    predictions: Predictions
    history: Sequence[EpochEvent] = ()
    map_method: str = "PCA"

    @property
    def class_names(self) -> list[str]:
        """The classes, in the order of the probabilities."""
        return self.metrics.class_names

    @property
    def parts(self) -> list[str]:
        """The reported parts, the most trustworthy first."""
        return list(self.metrics.parts)


@dataclass(frozen=True)
class Run:
    """A run folder; its files are described in docs/reference/run-folder.md."""

    folder: Path

    def __fspath__(self) -> str:
        return str(self.folder)

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.name

    @cached_property
    def metrics(self) -> RunMetrics:
        """``metrics.json``; of an autoencoder only what it has in common with a classifier."""
        metrics: RunMetrics = self._json("metrics.json", METRICS)
        return metrics

    @cached_property
    def autoencoder_metrics(self) -> AutoencoderMetrics:
        """``metrics.json`` of an autoencoder."""
        metrics: AutoencoderMetrics = self._json("metrics.json", AUTOENCODER_METRICS)
        return metrics

    @cached_property
    def options(self) -> RunOptions:
        """``options.json``."""
        options: RunOptions = self._json("options.json", OPTIONS)
        return options

    @cached_property
    def history(self) -> list[EpochEvent]:
        """The epochs of ``history.jsonl``; none if it is absent."""
        return _epochs(self.folder / "history.jsonl")

    @cached_property
    def predictions(self) -> Predictions:
        """``predictions.parquet``: every reported image."""
        return Predictions.load(self.folder / "predictions.parquet")

    @cached_property
    def out_of_fold(self) -> Predictions | None:
        """``out_of_fold.parquet``: training images, predicted by models that were not trained on them; None in runs of older versions."""
        path = self.folder / "out_of_fold.parquet"
        return Predictions.load(path) if path.exists() else None

    @cached_property
    def rows(self) -> list[FileRow]:
        """``images.parquet``: every file found."""
        return load_rows(self.folder / "images.parquet")

    @property
    def model_folder(self) -> Path:
        """The folder of the saved model."""
        return self.folder / "model"

    @property
    def report(self) -> Path:
        """The report."""
        return self.folder / "report.html"

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes, in the order of the columns of probabilities."""
        return tuple(self.metrics.class_names)

    def is_of(self, folder: Path) -> bool:
        """Whether it was trained on a data set whose files lie in ``folder``."""
        return self.metrics.folder == printable(str(folder))

    @property
    def is_autoencoder(self) -> bool:
        """Whether it is the run of an autoencoder, which has no classes."""
        return self.metrics.recipe == AUTOENCODER

    def content(self) -> RunContent:
        """What the report shows of the run, read at once.

        Raises:
            StorageError: a file is absent or damaged.
        """
        has_options = (self.folder / "options.json").exists()
        return RunContent(
            self.folder, self.metrics, self.options if has_options else RunOptions(), self.rows, self.predictions, self.history
        )

    def as_dict(self) -> dict[str, Any]:
        """``metrics.json`` with the path of the run and of its report; what ``tellapart train --json`` prints."""
        metrics = self.autoencoder_metrics if self.is_autoencoder else self.metrics
        return {"path": str(self.folder), "report": str(self.report), **metrics.as_dict()}

    def _json(self, name: str, shape: Shape) -> Any:
        try:
            return read_json(self.folder / name, shape)
        except (OSError, ShapeError) as error:
            raise StorageError(
                f"{self.folder / name} cannot be read: {reason_of(error)}", hint="is this the folder of a finished run?"
            ) from error

    def _repr_html_(self) -> str:
        lines = []
        for name, part in self.metrics.parts.items():
            lines.append(f"<tr><td>{name}</td><td>{part.n:,}</td>{_cell(part.accuracy, 100, ' %')}{_cell(part.log_loss)}</tr>")
        head = "<tr><th>part</th><th>images</th><th>accuracy (95 %)</th><th>log loss (95 %)</th></tr>"
        title = f"<b>{html.escape(self.name)}</b>: {html.escape(self.metrics.backbone)}, {count(len(self.class_names), 'class', 'classes')}"
        return f"{title}<table>{head}{''.join(lines)}</table>"


def open_run(where: str | Path) -> Run:
    """Open the run in a folder.

    Raises:
        DataError: there is no finished run.
    """
    folder = Path(as_path(where, "run")).expanduser().absolute()
    if (folder / "metrics.json").is_file():
        return Run(folder)
    if (folder.parent / "metrics.json").is_file():
        raise DataError(f"{folder} is not a run, but part of one", hint=f"give its folder: {folder.parent}")
    around = [place for place in (folder, folder.parent) if place.is_dir()]
    near = next((found for place in around if (found := sorted(p.parent for p in place.glob("*/metrics.json")))), [])
    hint = f"runs there: {', '.join(p.name for p in near[-5:])}" if near else "tellapart train FOLDER makes one"
    raise DataError(f"there is no finished run in {folder}", hint=hint)


def open_classifier_run(where: str | Path) -> Run:
    """Open the run of a classifier in a folder.

    Raises:
        DataError: there is no finished run, or it is an autoencoder, which has no classes.
    """
    run = open_run(where)
    if run.is_autoencoder:
        raise DataError(f"{run.name} is an autoencoder: it has no classes", hint=f"as features: --features run:{run.folder}")
    return run


def _cell(interval: Interval, factor: float = 1.0, unit: str = "") -> str:
    value, low, high = (f"{x * factor:.{1 if factor == 100 else 4}f}" for x in (interval.value, interval.low, interval.high))
    return f"<td>{value}{unit} ({low} to {high})</td>"


def _epochs(path: Path) -> list[EpochEvent]:
    if not path.exists():
        return []
    try:
        lines = regular_file(path).read_bytes().split(b"\n")
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {reason_of(error)}") from error
    epochs = []
    for number, line in enumerate(lines, start=1):
        try:
            epochs += epochs_of([json.loads(line)] if line.strip() else [])  # a loss that diverged is written as NaN
        except (ValueError, RecursionError) as error:
            raise StorageError(f"{path} cannot be read: line {number}: {error}", hint="remove that line") from error
    return epochs
