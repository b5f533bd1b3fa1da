from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

from tellapart.reports.live_page import live_page, page


def event(epoch: int) -> dict:
    train = {"loss": 1 / epoch, "accuracy": 0.9}
    return {
        "event": "epoch",
        "fold": 1,
        "epoch": epoch,
        "lr": 0.1,
        "train": train,
        "held_out": {**train, "n": 5},
        "seconds": epoch,
        "images_per_s": 9.0,
    }


def test_the_page_grows_and_is_gone_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "runs/scratch.training.html"
    with live_page(path, "scratch, <tiny>", 2, 2, folder="/photos") as heard:
        assert "has not ended yet" in path.read_text()
        heard("fold 1 of 2", [event(1)])
        first = path.read_text()
        heard("fold 1 of 2", [event(1), event(2)])
        heard("fold 2 of 2", [event(1)])
        second = path.read_text()
        twin = json.loads(path.with_suffix(".json").read_text())
    assert [fold["epochs"] for fold in twin["folds"]] == [[1, 2], [1]] and twin["total"] == 4
    assert "fold 1, epoch 1, 9 images a second" in first
    assert "fold 2, epoch 1" in second and "3 of 4 epochs done, about 1" in second
    assert "scratch, &lt;tiny&gt;" in second
    assert second.count("<svg") == 2
    assert list(path.parent.iterdir()) == []


def test_its_drawings_are_whole(tmp_path: Path) -> None:
    html = page("x", [event(1), event(2)])
    for drawing in html.split("<figure>")[1:]:
        ElementTree.fromstring(drawing.partition("</figure>")[0])  # noqa: S314
