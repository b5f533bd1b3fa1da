"""Loggers of a training: TensorBoard files or an MLflow run; and other listeners. Nothing is sent anywhere by default."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tellapart.errors import MissingExtra
from tellapart.progress import SILENT, Progress

OnEpoch = Callable[[str, Sequence[Mapping[str, Any]]], None]
"""Called after every epoch with the title of a training and the events of its epochs so far, as in ``history.jsonl``."""


@dataclass(frozen=True, eq=False)
class Listeners:
    """Listeners of a training.

    Attributes:
        progress: receives the images trained on and a sentence per epoch.
        on_epoch: called after every epoch; None for nobody.
        title: of the training, in both.
    """

    progress: Progress = SILENT
    on_epoch: OnEpoch | None = None
    title: str = "training"


def scalars(event: Mapping[str, Any]) -> dict[str, float]:
    """The metrics of an epoch by name, such as ``held_out/loss``."""
    values = {"lr": event["lr"], "images_per_s": event["images_per_s"]}
    for side in ("train", "held_out"):
        values |= {f"{side}/{name}": event[side][name] for name in ("loss", "accuracy") if name in (event[side] or {})}
    return values


@contextmanager
def tracker(kind: str | None, folder: Path, options: Mapping[str, Any]) -> Iterator[OnEpoch | None]:
    """Context with the function to call after every epoch; None where ``kind`` is None.

    Args:
        kind: ``tensorboard`` (files below ``folder``), ``mlflow`` (where ``MLFLOW_TRACKING_URI`` says, else ``folder``).
        folder: of the runs.
        options: of the training, logged beside its metrics.

    Raises:
        MissingExtra: the package is not installed.
    """
    if kind is None:
        yield None
    elif kind == "tensorboard":
        with _tensorboard(folder / "tensorboard") as on_epoch:
            yield on_epoch
    else:
        with _mlflow(folder / "mlflow", options) as on_epoch:
            yield on_epoch


@contextmanager
def _tensorboard(folder: Path) -> Iterator[OnEpoch]:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise MissingExtra("TensorBoard is not installed", hint="pip install 'tellapart[tensorboard]'") from error
    writers: dict[str, Any] = {}

    def on_epoch(title: str, history: Sequence[Mapping[str, Any]]) -> None:
        event = history[-1]
        if title not in writers:
            writers[title] = SummaryWriter(folder / title.replace(" ", "-"))
        for name, value in scalars(event).items():
            writers[title].add_scalar(name, value, event["epoch"])

    try:
        yield on_epoch
    finally:
        for writer in writers.values():
            writer.close()


@contextmanager
def _mlflow(folder: Path, options: Mapping[str, Any]) -> Iterator[OnEpoch]:
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    try:
        import mlflow  # type: ignore[import-not-found,unused-ignore]
    except ImportError as error:
        raise MissingExtra("MLflow is not installed", hint="pip install mlflow-skinny sqlalchemy alembic, or mlflow") from error
    if "MLFLOW_TRACKING_URI" not in os.environ:
        mlflow.set_tracking_uri(folder.absolute().as_uri())
    with mlflow.start_run():
        mlflow.log_params({name: value for name, value in options.items() if value is not None})
        yield lambda title, history: mlflow.log_metrics(
            {f"{title.replace(' ', '-')}/{name}": value for name, value in scalars(history[-1]).items()}, step=history[-1]["epoch"]
        )
