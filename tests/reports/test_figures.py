from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tellapart.reports import report_view
from tellapart.reports.figures import BAR, interval_bar, report_figures
from tellapart.reports.figures.svg import DARK, LIGHT, ErrorScale, Scale, clean, linear_ticks, log_ticks, share_range

from .synthetic import NASTY, thumbnails_of

SVG = "{http://www.w3.org/2000/svg}"
EXPECTED = {"confusion", "reliability", "coverage", "rungs", "sensitivity", "learning-curve", "map", "class-counts"}


def test_every_figure_is_there_and_is_xml_with_title_and_description(two: Path, sixty: Path, nasty: Path) -> None:
    for folder in (two, sixty, nasty):
        files = sorted((folder / "figures").glob("*.svg"))
        curves = {"roc", "precision-recall"} if folder is two else set()
        assert {re.sub("-(test|val)$", "", file.stem) for file in files} == EXPECTED | curves
        for file in files:
            root = ElementTree.fromstring(file.read_text(encoding="utf-8"))  # noqa: S314
            assert root.tag == SVG + "svg" and root.get("viewBox")
            assert root.findtext(SVG + "title") and root.findtext(SVG + "desc")
            style = root.findtext(SVG + "style") or ""
            assert "prefers-color-scheme: dark" in style and "var(" not in style


def test_nothing_is_drawn_outside_or_not_a_number(two: Path, sixty: Path, folds: Path, ladder: Path) -> None:
    for file in [file for run in (two, sixty, folds, ladder) for file in (run / "figures").glob("*.svg")]:
        root = ElementTree.fromstring(file.read_text(encoding="utf-8"))  # noqa: S314
        width, height = (float(v) for v in str(root.get("viewBox")).split()[2:])
        for circle in root.iter(SVG + "circle"):
            assert 0 <= float(circle.get("cx", "nan")) <= width, file.name
            assert 0 <= float(circle.get("cy", "nan")) <= height, file.name
        for text in root.iter(SVG + "text"):
            assert 0 <= float(text.get("x", "nan")) <= width, file.name


def test_the_confusion_matrix_shows_the_counts(view: dict[str, Any]) -> None:
    figure = report_figures(view)["confusion-test"]
    matrix = view["confusion"][0]["matrix"]
    for row in matrix:
        for n in row:
            assert f">{n}</text>" in figure.body
    assert f"{matrix[0][0] + matrix[1][1]} of 400 images lie on the diagonal" in figure.description


def test_sixty_classes_show_the_twenty_most_confused(sixty: Path) -> None:
    text = (sixty / "figures" / "confusion-test.svg").read_text(encoding="utf-8")
    assert "Only the 20 most confused of 60 classes." in text
    assert text.count("<rect") == 1 + 20 * 20


def test_a_dot_for_each_split_and_each_seed(view: dict[str, Any]) -> None:
    figures = report_figures(view)
    assert figures["sensitivity"].body.count('class="dot soft"') == 20
    assert figures["learning-curve"].body.count('class="dot soft"') == 25
    assert "the first 50 files of each class" in figures["sensitivity"].body
    assert "twice the data" in figures["learning-curve"].body


def test_training_curves_have_a_line_a_fold_and_mark_the_best_epoch(folds: Path) -> None:
    figures = report_figures(report_view(folds, thumbnails_of(folds)))
    for name in ("training-loss", "training-accuracy"):
        assert figures[name].body.count('class="series trained k') == 5
        assert figures[name].body.count('class="best"') == 5 + 1
        assert "best epoch of fold 5" in figures[name].body
        assert figures[name].description.startswith("Fold 1: best epoch")


def test_eight_rungs_are_told_apart_near_100_percent(ladder: Path) -> None:
    figure = report_figures(report_view(ladder, thumbnails_of(ladder)))["rungs-test"]
    places = [float(x) for x in re.findall(r'<circle class="(?:ring|dot)" cx="([\d.]+)"', figure.body)]
    assert len(places) == 8
    assert places[4] - places[3] > 20  # 95.5 and 96.8 %
    lines = [float(y) for y in re.findall(r'y="([\d.]+)"[^>]*>(?:majority|5 near|scratch|probe|finetune)', figure.body)]
    assert len(lines) == 8 and min(b - a for a, b in itertools.pairwise(lines)) > 20


def test_the_stretched_scale_ends_at_100_percent() -> None:
    scale = ErrorScale(0.4, 0.995, 10, 470)
    assert scale(0.4) == pytest.approx(10)
    assert scale(1.0) == scale(0.995) == pytest.approx(470)
    assert scale(0.98) - scale(0.96) == pytest.approx(scale(0.8) - scale(0.6))
    assert scale.ticks()[-1] == 1.0
    assert all(scale(b) - scale(a) > 40 for a, b in itertools.pairwise(scale.ticks()))


def test_names_cannot_break_a_figure(nasty: Path) -> None:
    figures = report_figures(report_view(nasty, thumbnails_of(nasty)))
    for figure in figures.values():
        assert "<script" not in figure.inline()
    assert clean(NASTY[1] + "\x00\n\"'") == "&lt;script&gt;alert(1)&lt;/script&gt;\ufffd &quot;&#39;"


def test_null_sections_have_no_figure(view: dict[str, Any]) -> None:
    found = report_figures({**view, "sensitivity": {"reason": "no"}, "curve": {"reason": "no"}, "map": {"points": None}, "confusion": []})
    assert not {"sensitivity", "learning-curve", "map", "confusion-test"} & set(found)


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0.9, 1), (0.955, 0.985), (0, 3421), (0.5, 0.5)])
def test_ticks_are_few_round_and_inside(low: float, high: float) -> None:
    ticks = linear_ticks(low, high)
    assert 1 <= len(ticks) <= 9
    assert all(low - 1e-9 <= tick <= high + 1e-9 for tick in ticks)


def test_log_ticks_and_ranges() -> None:
    assert log_ticks(90, 1100) == [100, 200, 500, 1000]
    low, high = share_range([0.97, 0.98])
    assert low <= 0.955 and 0.98 < high <= 1.0
    assert share_range([1.0, 1.0])[1] == 1.0
    assert Scale(1, 100, 0, 10, is_log=True)(10) == pytest.approx(5)
    ElementTree.fromstring(interval_bar({"value": 0.9, "low": 0.8, "high": 0.95}, Scale(0.5, 1, *BAR), "90 % <&>"))  # noqa: S314


@pytest.mark.parametrize("palette", [LIGHT, DARK])
@pytest.mark.parametrize("ground", ["surface", "page", "sunken"])
@pytest.mark.parametrize("ink", ["ink", "muted", "accent", "wrong"])
def test_words_stand_out_from_every_ground(palette: dict[str, str], ground: str, ink: str) -> None:
    def luminance(color: str) -> float:
        shares = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in shares]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, light = sorted((luminance(palette[ground]), luminance(palette[ink])))
    assert (light + 0.05) / (dark + 0.05) >= 4.5


def test_a_stretched_axis_has_ticks_upwards_as_well_as_to_the_right() -> None:
    upwards, right = ErrorScale(0.4, 0.995, 330, 40), ErrorScale(0.4, 0.995, 40, 330)
    assert upwards.ticks() == right.ticks() and len(right.ticks()) > 2
