from __future__ import annotations

from pathlib import Path

import tellapart
from tellapart.cli.formatting import aligned
from tellapart.cli.output.train import train_output


def test_a_trained_network_says_what_it_took_and_how_far_its_folds_agree(photos: Path, tmp_path: Path) -> None:
    run = tellapart.train(
        photos, recipe="scratch", architecture="tiny", image_size=32, epochs=1, folds=2, out=tmp_path / "runs", state=tmp_path / "state"
    )
    lines = [line for line in train_output(run)[0] if isinstance(line, str)]
    [took] = [line for line in lines if line.startswith("trained for ")]
    assert took.endswith(" a second") and f"{run.metrics.training.images:,} images" in took
    assert any(line.startswith("2 folds, each evaluated by the network that was not trained on it: accuracy ") for line in lines)


def test_a_probe_says_nothing_of_a_training(trained: tellapart.Run) -> None:
    assert not any("trained for" in str(line) for line in train_output(trained)[0])


def test_columns_are_aligned_and_empty_ones_left_out() -> None:
    rows = [["", "accuracy", "time", "p"], ["probe", "99 %", "", "1"], ["a longer name", "100 %", "", ""]]
    assert aligned(rows, before="> ") == [
        ">                accuracy  p",
        "> probe          99 %      1",
        "> a longer name  100 %",
    ]
    assert aligned([["a", "b"]]) == [""]
