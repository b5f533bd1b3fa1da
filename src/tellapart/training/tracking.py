"""Telling others how a training goes: TensorBoard files, or an MLflow run. Nothing is sent anywhere by default."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tellapart.errors import MissingExtra

TRACKERS = ("tensorboard", "mlflow")
OnEpoch = Callable[[str, Sequence[Mapping[str, Any]]], None]
"""Hears, after every epoch, the title of a training and the events of its epochs so far, as in ``history.jsonl``."""


def scalars(event: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of an epoch by name, such as ``held_out/loss``."""
    found = {"lr": event["lr"], "images_per_s": event["images_per_s"]}
    for side in ("train", "held_out"):
        found |= {f"{side}/{name}": event[side][name] for name in ("loss", "accuracy") if name in (event[side] or {})}
    return found


@contextmanager
def tracker(kind: str | None, folder: Path, options: Mapping[str, Any]) -> Iterator[OnEpoch | None]:
    """Someone to tell of every epoch; None where ``kind`` is None.

    Args:
        kind: ``tensorboard`` (files below ``folder``), ``mlflow`` (where ``MLFLOW_TRACKING_URI`` says, else ``folder``).
        folder: of the runs.
        options: of the training, kept beside its numbers.

    Raises:
        MissingExtra: the package is not installed.
    """
    if kind is None:
        yield None
    elif kind == "tensorboard":
        with _tensorboard(folder / "tensorboard") as heard:
            yield heard
    else:
        with _mlflow(folder / "mlflow", options) as heard:
            yield heard


@contextmanager
def _tensorboard(folder: Path) -> Iterator[OnEpoch]:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise MissingExtra("TensorBoard is not installed", hint="pip install 'tellapart[tensorboard]'") from error
    writers: dict[str, Any] = {}

    def heard(title: str, history: Sequence[Mapping[str, Any]]) -> None:
        event = history[-1]
        if title not in writers:
            writers[title] = SummaryWriter(folder / title.replace(" ", "-"))
        for name, value in scalars(event).items():
            writers[title].add_scalar(name, value, event["epoch"])

    try:
        yield heard
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
