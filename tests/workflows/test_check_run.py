"""What a check finds: each planted fault, and nothing else of its kind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tellapart.analyzed_folder import AnalyzedFolder, analyze_folder
from tellapart.dataset.decisions import EXCLUDE, Decision, append_decisions
from tellapart.feature_spec import FeatureSpec
from tellapart.models.pixel_features import pixel_backbone
from tellapart.workflows.check_run import CheckFindings, run_check
from tests import folders, sample_images

COLORS = {"red": (200, 20, 20), "blue": (20, 20, 200)}
EACH = 12
PIXELS = FeatureSpec((pixel_backbone(8),), mirror=False)


def photo(color: str, seed: int, side: int = 96, name: str = "JPEG") -> bytes:
    return sample_images.photo(seed + (1000 if color == "blue" else 0), side, side, color=COLORS[color], name=name)


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    """Two classes of one color each, with faults."""
    images = {f"{color}/{number}.jpg": photo(color, number) for color in COLORS for number in range(EACH)}
    return images | {
        "red/wrong label.jpg": photo("blue", 500),
        "blue/broken.jpg": sample_images.cut(photo("blue", 501), 0.5),
        "red/copy of 3.jpg": images["red/3.jpg"],
        "blue/also in red.jpg": images["red/5.jpg"],
        "red/flat.png": sample_images.encoded(np.full((96, 96, 3), (200, 20, 20), np.uint8), "PNG"),
        "rare/1.jpg": photo("red", 700),
        "rare/2.jpg": photo("blue", 701),
    }


@pytest.fixture(scope="module")
def analyzed(files: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> AnalyzedFolder:
    folder = folders.write(tmp_path_factory.mktemp("faults"), files)
    return analyze_folder(folder, PIXELS, state=tmp_path_factory.mktemp("state"))


@pytest.fixture(scope="module")
def findings(analyzed: AnalyzedFolder) -> CheckFindings:
    return run_check(analyzed)


@pytest.fixture
def issue_paths(findings: CheckFindings) -> Callable[[str], list[str]]:
    return lambda name: sorted(findings.rows[number].path for number in np.flatnonzero(findings.table.findings[name].is_issue))


@pytest.mark.parametrize(
    ("issue", "paths"),
    [
        ("unreadable", ["blue/broken.jpg"]),
        ("exact_duplicate", ["red/copy of 3.jpg"]),
        ("contradiction", ["blue/also in red.jpg", "red/5.jpg"]),
        ("leak", []),
        ("mislabeled", ["red/wrong label.jpg"]),
    ],
)
def test_each_issue_is_found_where_it_was_planted_and_nowhere_else(
    issue_paths: Callable[[str], list[str]], issue: str, paths: list[str]
) -> None:
    assert issue_paths(issue) == paths


def test_a_flat_image_is_among_those_of_bad_quality(findings: CheckFindings) -> None:
    number = next(number for number, row in enumerate(findings.rows) if row.path == "red/flat.png")
    assert {"blurred", "flat"} & set(findings.table.of_row(number))


def test_nothing_is_said_of_the_labels_of_a_class_that_cannot_be_held_out(findings: CheckFindings) -> None:
    assert findings.class_names == ["blue", "red"]
    assert "'rare' has too few different images to say anything of its labels" in findings.notes
    assert not [number for number in findings.doubted if findings.rows[number].label == "rare"]
    assert not [number for number in findings.doubted if findings.rows[number].path in ("red/5.jpg", "blue/also in red.jpg")]


def test_the_wrong_label_is_first_in_the_overall_order(findings: CheckFindings) -> None:
    order = np.argsort(findings.doubt, kind="stable")
    assert findings.rows[int(order[0])].path == "red/wrong label.jpg"
    assert np.isnan(findings.doubt[[row.path == "blue/broken.jpg" for row in findings.rows]]).all()


def test_only_the_issues_asked_for_are_looked_for(analyzed: AnalyzedFolder) -> None:
    findings = run_check(analyzed, ["exact_duplicate", "outlier"])
    assert set(findings.table.findings) == {"exact_duplicate", "outlier"}
    assert {kind for kind, _ in findings.groups} == {"exact"}
    assert np.isnan(findings.doubt).all(), "the overall order needs outliers and labels"


def test_without_a_backbone_labels_and_outliers_are_skipped_with_the_reason(analyzed: AnalyzedFolder) -> None:
    findings = run_check(analyze_folder(analyzed.dataset.root, FeatureSpec(()), state=analyzed.state))
    assert findings.skipped == {"outlier": "it needs a backbone", "mislabeled": "it needs a backbone"}
    assert "without a backbone near-duplicates are told by their pixels alone" in findings.notes
    assert findings.table.findings["exact_duplicate"].is_issue.sum() == 1


def test_what_was_excluded_is_no_issue(files: dict[str, bytes], tmp_path: Path) -> None:
    folder = folders.write(tmp_path / "photos", files)
    before = analyze_folder(folder, PIXELS)
    wrong = next(row for row in before.rows if row.path == "red/wrong label.jpg")
    append_decisions(before.state, [Decision(EXCLUDE, wrong.path, wrong.image_id)], why="test")
    findings = run_check(analyze_folder(folder, PIXELS), ["mislabeled"])
    assert not findings.table.findings["mislabeled"].is_issue.any()


def test_a_file_format_that_gives_the_class_away_is_said(tmp_path: Path) -> None:
    images = {f"red/{number}.png": photo("red", number, 48, "PNG") for number in range(20)}
    images |= {f"blue/{number}.jpg": photo("blue", number, 48) for number in range(20)}
    findings = run_check(analyze_folder(folders.write(tmp_path / "photos", images), FeatureSpec(())), ["unreadable"])
    assert any("the file format" in note for note in findings.notes)
