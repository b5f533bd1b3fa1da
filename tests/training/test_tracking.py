from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import tellapart
from tellapart.errors import MissingExtra
from tellapart.training.tracking import scalars, tracker

EVENT = {
    "epoch": 2,
    "lr": 0.1,
    "images_per_s": 50.0,
    "train": {"loss": 0.5, "accuracy": 0.75},
    "held_out": {"loss": 0.6, "accuracy": 0.7, "n": 9},
}


def test_an_epoch_has_numbers_by_name() -> None:
    held_out = {"held_out/loss": 0.6, "held_out/accuracy": 0.7}
    always = {"lr": 0.1, "images_per_s": 50.0, "train/loss": 0.5, "train/accuracy": 0.75}
    assert scalars(EVENT) == always | held_out
    assert scalars({**EVENT, "held_out": None}) == always


@pytest.mark.filterwarnings("ignore")
def test_tensorboard_reads_what_a_training_said(photos: Path, tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    tellapart.train(
        photos,
        recipe="scratch",
        architecture="tiny",
        image_size=32,
        epochs=2,
        logger="tensorboard",
        out=tmp_path / "runs",
        state=tmp_path / "state",
    )
    found = EventAccumulator(str(tmp_path / "runs/tensorboard/scratch"))
    found.Reload()
    assert [event.step for event in found.Scalars("held_out/loss")] == [1, 2]


def test_mlflow_hears_of_options_and_epochs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[Any] = []
    fake = SimpleNamespace(
        set_tracking_uri=lambda uri: said.append(uri),
        start_run=nullcontext,
        log_params=lambda values: said.append(values),
        log_metrics=lambda values, step: said.append((values, step)),
    )
    monkeypatch.setitem(sys.modules, "mlflow", fake)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with tracker("mlflow", tmp_path, {"lr": 0.1, "time": None}) as heard:
        assert heard is not None
        heard("fold 1 of 2", [{**EVENT, "epoch": 1}, EVENT])
    assert said[0] == (tmp_path / "mlflow").as_uri()
    assert said[1] == {"lr": 0.1}
    assert said[2] == ({f"fold-1-of-2/{name}": value for name, value in scalars(EVENT).items()}, 2)


@pytest.mark.parametrize(("kind", "package"), [("tensorboard", "torch.utils.tensorboard"), ("mlflow", "mlflow")])
def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, package: str) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtra) as caught, tracker(kind, tmp_path, {}):
        pass
    assert "pip install" in str(caught.value.hint)
