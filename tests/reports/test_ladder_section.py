from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tellapart.reports import report_view, write_report

from .synthetic import as_ladder, thumbnails_of, write_run


@pytest.fixture(scope="module")
def section(ladder: Path) -> dict[str, Any]:
    [found] = report_view(ladder, thumbnails_of(ladder))["rungs"]
    return dict(found)


def test_each_rung_says_what_it_took_and_what_it_changed(section: dict[str, Any]) -> None:
    rows = section["rows"]
    assert [row["time_text"].replace("\u00a0", " ") for row in rows] == ["", "", "13 min", "3.4 s", "32 min", "2 h 37 min", "48 s", ""]
    assert [row["speed_text"] for row in rows] == ["", "", "152", "", "152", "152", "", ""]
    assert rows[0]["changes_text"] == "" and rows[0]["fixed"] is None
    assert rows[1]["changes_text"] == "30 wrong predictions became right, 7 right predictions became wrong."
    assert rows[-1]["changes_text"] == "No prediction changed from wrong to right or back."


def test_changed_images_are_found_by_their_path(section: dict[str, Any], ladder: Path) -> None:
    fixed = section["rows"][1]["fixed"]
    assert (fixed["n"], len(fixed["images"])) == (30, 24)
    assert all(len(image["image_id"]) == 64 for image in fixed["images"])
    thumbnails = report_view(ladder, thumbnails_of(ladder))["images"]["thumbnails"]
    assert sum(image["image_id"] in thumbnails for image in fixed["images"]) > 20


def test_the_saved_rung_is_said(section: dict[str, Any], ladder: Path) -> None:
    assert [row["name"] for row in section["rows"] if row["is_saved"]] == ["finetune, lite2, 5 folds"]
    assert "“finetune, lite2, 5 folds”" in section["sentence"]
    text = (ladder / "report.html").read_text(encoding="utf-8")
    assert '<a href="#rungs">Ladder</a>' in text
    assert "ladder; saved: <b>finetune, lite2, 5 folds</b>" in text


def test_an_unknown_path_is_shown_without_a_image(tmp_path: Path) -> None:
    folder = as_ladder(write_run(tmp_path / "run", n_test=40, n_train=60))
    metrics = json.loads((folder / "metrics.json").read_text())
    metrics["test"]["rungs"][1]["fixed"]["paths"] = ['gone/"<b>.jpg']
    (folder / "metrics.json").write_text(json.dumps(metrics))
    text = write_report(folder, thumbnails_of(folder)).read_text(encoding="utf-8")
    assert '<li title="gone/&#34;&lt;b&gt;.jpg"><span class="name">&#34;&lt;b&gt;.jpg</span></li>' in text


def test_rungs_of_an_ordinary_run_have_no_cost_and_no_changes(view: dict[str, Any], two: Path) -> None:
    [section] = view["rungs"]
    assert not section["has_cost"] and section["saved"] is None
    assert all(row["fixed"] is None and row["changes_text"] == "" for row in section["rows"])
    text = (two / "report.html").read_text(encoding="utf-8")
    assert "Is it better than something simpler?" in text and ">Ladder<" not in text


def test_the_images_of_a_ladder_have_a_budget(tmp_path: Path) -> None:
    from tellapart.reports.thumbnail_budget import ThumbnailBudget

    folder = as_ladder(write_run(tmp_path / "run", n_test=200, n_train=60))
    view = report_view(folder, thumbnails_of(folder), ThumbnailBudget(gallery_images=1, nearest_bytes=0, map_bytes=0, ladder_bytes=9000))
    assert len(view["images"]["thumbnails"]) <= 1 + 4
