from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tellapart.errors import StorageError
from tellapart.reports import report_view, write_report
from tellapart.reports.training_section import SHOWN_EPOCHS

from .synthetic import as_network, thumbnails_of, write_run


def nothing(image_ids: Any) -> dict[str, bytes]:
    return {}


def network(tmp_path: Path, **options: Any) -> Path:
    return as_network(write_run(tmp_path / "run", n_test=40, n_train=60), **options)


def changed(folder: Path, **values: Any) -> Path:
    metrics = json.loads((folder / "metrics.json").read_text())
    (folder / "metrics.json").write_text(json.dumps(metrics | values))
    return folder


def test_a_line_a_fold_and_the_best_epoch(folds: Path) -> None:
    training = report_view(folds, nothing)["training"]
    assert [fold["fold"] for fold in training["folds"]] == [1, 2, 3, 4, 5]
    for fold in training["folds"]:
        losses = fold["held_out_loss"]
        assert fold["best"] == fold["epochs"][losses.index(min(losses))]
        assert len(fold["epochs"]) == fold["trained"] == len(fold["train_accuracy"])
    sentence = training["sentence"].replace("\u00a0", " ")
    assert sentence == (
        "5 networks of 10 to 12 epochs, squares of 240 pixels, in 32 min: 152 images a second. Augmentation: flip, rotation=10, shift=0.08."
    )


def test_folds_have_their_spread(folds: Path) -> None:
    view = report_view(folds, nothing)
    training = view["training"]
    found = [member["accuracy"] for member in training["members"]]
    assert training["spread"]["accuracy"] == {"mean": pytest.approx(sum(found) / 5), "low": min(found), "high": max(found)}
    assert training["members_sentence"].startswith("5 networks, each evaluated on the training images it was not trained on: accuracy 9")
    text = (folds / "report.html").read_text(encoding="utf-8")
    assert "How far the folds agree" in text and '<a href="#training">Training</a>' in text


def test_one_network_has_curves_and_no_spread(tmp_path: Path) -> None:
    folder = network(tmp_path, folds=1, recipe="scratch", epochs=3)
    view = report_view(folder, nothing)
    assert view["training"]["spread"] is None
    assert view["training"]["sentence"].startswith("3 epochs, squares")
    assert view["header"]["model"] == "lite2 from scratch"
    assert "How far the folds agree" not in write_report(folder, nothing).read_text(encoding="utf-8")


def test_a_probe_has_no_training_section(two: Path, view: dict[str, Any]) -> None:
    assert view["training"] is None
    text = (two / "report.html").read_text(encoding="utf-8")
    assert 'id="training"' not in text and 'href="#training"' not in text


def test_an_even_choice_of_very_many_epochs_keeps_the_best_and_the_last(tmp_path: Path) -> None:
    folder = network(tmp_path, folds=1, epochs=3 * SHOWN_EPOCHS + 1)
    [fold] = report_view(folder, nothing)["training"]["folds"]
    assert len(fold["epochs"]) <= SHOWN_EPOCHS + 2
    assert fold["best"] in fold["epochs"] and fold["epochs"][-1] == fold["trained"] == 3 * SHOWN_EPOCHS + 1


def test_what_is_absent_or_infinite_is_left_out(tmp_path: Path) -> None:
    folder = network(tmp_path, folds=1, epochs=4)
    events = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    events[0]["held_out"]["loss"] = float("nan")
    events[1]["train"]["loss"] = float("inf")
    events[2]["held_out"] = None
    (folder / "history.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    view = report_view(folder, nothing)
    [fold] = view["training"]["folds"]
    assert fold["held_out_loss"][0] is fold["train_loss"][1] is fold["held_out_loss"][2] is None
    assert fold["best"] == 4 or fold["best"] == 2
    json.dumps(view, allow_nan=False)
    write_report(folder, nothing)


def test_nothing_held_out_and_a_single_epoch(tmp_path: Path) -> None:
    folder = network(tmp_path, folds=1, epochs=1)
    event = json.loads((folder / "history.jsonl").read_text())
    (folder / "history.jsonl").write_text(json.dumps({**event, "held_out": None}) + "\n")
    view = report_view(folder, nothing)
    assert view["training"]["folds"][0]["best"] is None
    assert "nothing was held out" in (write_report(folder, nothing).parent / "figures" / "training-loss.svg").read_text(encoding="utf-8")


def test_numbers_without_a_history_still_make_a_section(tmp_path: Path) -> None:
    folder = network(tmp_path)
    (folder / "history.jsonl").unlink()
    view = report_view(folder, nothing)
    assert view["training"]["folds"] == [] and view["training"]["sentence"].startswith("12 epochs, squares of 240 pixels")
    assert [member["best"] for member in view["training"]["members"]] == [None] * 5
    assert "How the training went" in write_report(folder, nothing).read_text(encoding="utf-8")


def test_a_damaged_history_is_a_storage_error(tmp_path: Path) -> None:
    folder = network(tmp_path)
    (folder / "history.jsonl").write_text("{")
    with pytest.raises(StorageError, match="cannot be read"):
        report_view(folder, nothing)


def test_the_method_says_how_a_network_was_trained(folds: Path, tmp_path: Path, ladder: Path) -> None:
    words = " ".join(report_view(folds, nothing)["method"])
    assert "5 networks: each held out another one of 5 folds" in words
    assert "an exponential moving average (EMA)" in words
    assert "augmented at random: flip, rotation=10" in words
    assert "each predicted by the network that was not trained on it" in words
    assert "cross-validation" not in words
    one = network(tmp_path, folds=1, recipe="scratch")
    cost = {"seconds": 3.0, "images": 30, "images_per_s": 10.0, "epochs": 2, "image_size": 64}
    changed(one, training={**cost, "augmentation": "none"})
    words = " ".join(report_view(one, nothing)["method"])
    assert "from random weights" in words and "160 training images were held out" in words and "were not augmented" in words
    assert "only the step called calibrated" in " ".join(report_view(ladder, thumbnails_of(ladder))["method"])
