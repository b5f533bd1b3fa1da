from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tellapart.errors import StorageError
from tellapart.predictions import Predictions
from tellapart.reports import report_view
from tellapart.reports.gallery import gallery_order, is_wrong, margins
from tellapart.reports.thumbnail_budget import ThumbnailBudget, class_sheets, fill

from .synthetic import image as synthetic_image
from .synthetic import thumbnails_of, write_run


def nothing(image_ids: Any) -> dict[str, bytes]:
    return {}


def test_the_view_is_plain_json(view: dict[str, Any]) -> None:
    assert json.loads(json.dumps(view, allow_nan=False)) == view
    assert set(view) == {
        *("format", "header", "rungs", "confusion", "gallery", "reliability", "coverage", "decision", "unusual", "sensitivity", "curve"),
        *("search", "training", "map", "data", "notes", "method", "options", "run_facts", "images"),
    }


def test_the_headline_is_a_sentence(view: dict[str, Any]) -> None:
    [part] = view["header"]["parts"]
    sentence = part["sentence"].replace("\u00a0", " ")
    assert sentence.endswith("400 images it never saw in training")
    assert "% (95 % interval" in sentence


def test_gallery_has_all_wrong_first_then_the_least_certain(two: Path, view: dict[str, Any]) -> None:
    predictions = Predictions.load(two / "predictions.parquet")
    wrong = int(is_wrong(predictions).sum())
    images = view["gallery"]["images"]
    assert [image["is_wrong"] for image in images] == [True] * wrong + [False] * (400 - wrong)
    rest = [image["margin"] for image in images[wrong:]]
    assert rest == sorted(rest)
    assert view["gallery"]["statement"] == f"All 400 images: the {wrong} wrong first, then the least certain."


def test_each_image_has_probabilities_and_three_neighbors_with_labels(view: dict[str, Any]) -> None:
    training = view["gallery"]["training_images"]
    for image in view["gallery"]["images"]:
        assert image["label"] in {k for k, _ in image["probabilities"]}
        assert [similarity for _, similarity in image["nearest"]] == [0.93, 0.91, 0.87]
        assert all(training[index]["label"] == image["label"] for index, _ in image["nearest"])


def test_the_budget_says_what_is_left_out(two: Path) -> None:
    view = report_view(two, thumbnails_of(two), ThumbnailBudget(gallery_images=50, nearest_bytes=0, map_bytes=0))
    assert view["gallery"]["shown"] == len(view["gallery"]["images"]) == 50
    assert "Showing the 50 of 400 images" in view["gallery"]["statement"]
    assert len(view["images"]["thumbnails"]) <= 50
    tight = report_view(two, thumbnails_of(two), ThumbnailBudget(gallery_bytes=9000, nearest_bytes=0, map_bytes=0))
    assert 1 <= len(tight["images"]["thumbnails"]) <= 3
    assert "surest of the" in tight["gallery"]["statement"]


def test_filling_counts_missing_images_as_done_and_stops_at_the_budget() -> None:
    chosen: dict[str, bytes] = {}
    assert fill(chosen, ["a", "b", "c"], lambda ids: {i: b"12345" for i in ids if i != "b"}, 9) == 2
    assert list(chosen) == ["a"]


def test_a_run_without_anything_reported_still_has_a_view(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "none", n_test=0, n_train=60)
    view = report_view(folder, nothing)
    assert view["header"]["parts"] == []
    assert view["gallery"]["statement"] == "No image was held out to report on."


def test_null_sections_carry_their_reason(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "nulls", n_test=40, n_train=60)
    metrics = json.loads((folder / "metrics.json").read_text())
    metrics |= {"split_sensitivity": None, "split_sensitivity_reason": "too few images", "learning_curve": None, "leak": None}
    metrics["test"]["auc"] = None
    (folder / "metrics.json").write_text(json.dumps(metrics))
    view = report_view(folder, nothing)
    assert view["sensitivity"]["reason"] == "too few images"
    assert view["curve"]["reason"] == "No learning curve was made in this run."
    assert view["data"]["leak"] is None
    assert view["images"]["thumbnails"] == {}
    assert view["images"]["classes"][0]["sheet"] is None


def test_unlabeled_images_are_neither_right_nor_wrong() -> None:
    p = np.array([[0.9, 0.1], [0.6, 0.4]])
    predictions = Predictions(("a", "b"), ("a", "b"), (None, "y"), p, np.log(p), ("x", "y"), ("test", "test"), ("a", "b"), "made up")
    assert is_wrong(predictions).tolist() == [False, True]
    assert gallery_order(predictions).tolist() == [1, 0]
    assert margins(predictions) == pytest.approx([0.8, 0.2])


def test_map_and_data_card(view: dict[str, Any]) -> None:
    points = view["map"]["points"]
    assert {len(column) for column in points.values()} == {1200}
    assert sum(points["is_wrong"]) == view["gallery"]["total"]["wrong"]
    assert max(max(points["x"]), max(points["y"])) == 1.0
    assert view["data"]["skipped"]["n"] == 10
    assert {row["reason"]: row["n"] for row in view["data"]["skipped"]["reasons"]} == {
        "smaller than 32 pixels": 6,
        "the file is cut short": 4,
    }
    assert "37 images (35 groups)" in view["data"]["leak"]["sentence"]


def test_mean_and_sheet_of_a_class() -> None:
    jpegs = {str(i): synthetic_image("cats", i) for i in range(10)} | {"damaged": b"not an image"}
    made = class_sheets([*jpegs, "absent"], 2, lambda ids: {i: jpegs[i] for i in ids if i in jpegs})
    assert made.mean_images == made.sheet_images == 10
    assert made.mean is not None and made.mean[:2] == b"\xff\xd8"


def test_absent_or_damaged_files_are_storage_errors(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be read"):
        report_view(tmp_path, nothing)
    (tmp_path / "metrics.json").write_text("[")
    with pytest.raises(StorageError, match="cannot be read"):
        report_view(tmp_path, nothing)
