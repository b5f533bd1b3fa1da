"""Run: the folder of a finished training."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tellapart.dataset.file_rows import FileRow, load_rows
from tellapart.errors import DataError, StorageError
from tellapart.json_files import ShapeError, fields, read_json, several, text
from tellapart.predictions import Predictions

RUN_FILE = fields(
    {}, {"class_names": several(text(), is_unique=True), "run": text(), "recipe": text(), "backbone": text(), "folder": text()}
)
"""The shape of ``metrics.json`` and ``options.json``."""
REPORTED_PARTS = ("test", "val")


@dataclass(frozen=True)
class Run:
    """A run folder; its files are described in docs/reference/run-folder.md."""

    folder: Path

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.name

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """``metrics.json``."""
        return self._json("metrics.json")

    @cached_property
    def options(self) -> dict[str, Any]:
        """``options.json``."""
        return self._json("options.json")

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
        return tuple(self.metrics["class_names"])

    def summary(self) -> dict[str, Any]:
        """``metrics.json`` with the path of the run and of its report; what ``tellapart train --json`` prints."""
        return {"path": str(self.folder), "report": str(self.report), **self.metrics}

    def _json(self, name: str) -> dict[str, Any]:
        try:
            content: dict[str, Any] = read_json(self.folder / name, RUN_FILE)
        except (OSError, ShapeError) as error:
            raise StorageError(f"{self.folder / name} cannot be read: {error}", hint="is this the folder of a finished run?") from error
        return content

    def _repr_html_(self) -> str:
        lines = []
        for part in REPORTED_PARTS:
            if part in self.metrics:
                found = self.metrics[part]
                lines.append(
                    f"<tr><td>{part}</td><td>{found['n']:,}</td>{_cell(found['accuracy'], 100, ' %')}{_cell(found['log_loss'])}</tr>"
                )
        head = "<tr><th>part</th><th>images</th><th>accuracy (95 %)</th><th>log loss (95 %)</th></tr>"
        title = f"<b>{html.escape(self.name)}</b>: {html.escape(self.metrics['backbone'])}, {len(self.class_names)} classes"
        return f"{title}<table>{head}{''.join(lines)}</table>"


def open_run(where: str | Path) -> Run:
    """Open the run in a folder.

    Raises:
        DataError: there is no finished run.
    """
    folder = Path(where).expanduser().absolute()
    if (folder / "metrics.json").is_file():
        return Run(folder)
    near = sorted(p.parent for p in folder.parent.glob("*/metrics.json")) if folder.parent.is_dir() else []
    hint = f"runs there: {', '.join(p.name for p in near[-5:])}" if near else "tellapart train FOLDER makes one"
    raise DataError(f"there is no finished run in {folder}", hint=hint)


def open_classifier_run(where: str | Path) -> Run:
    """Open the run of a classifier in a folder.

    Raises:
        DataError: there is no finished run, or it is an autoencoder, which has no classes.
    """
    run = open_run(where)
    if run.metrics.get("recipe") == "autoencoder":
        raise DataError(f"{run.name} is an autoencoder: it has no classes", hint=f"as features: --features run:{run.folder}")
    return run


def _cell(interval: Mapping[str, float], factor: float = 1.0, unit: str = "") -> str:
    value, low, high = (f"{interval[key] * factor:.{1 if factor == 100 else 4}f}" for key in ("value", "low", "high"))
    return f"<td>{value}{unit} ({low} to {high})</td>"
