"""The figures of a report: each a drawing of its own, from the plain dicts of ``views``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tellapart.reports.figures.calibration import coverage_figure, reliability_figure
from tellapart.reports.figures.class_counts import counts_figure
from tellapart.reports.figures.confusion_matrix import confusion_figure
from tellapart.reports.figures.ladder import BAR, interval_bar, rungs_figure, rungs_scale, rungs_time_figure
from tellapart.reports.figures.projection import map_figure
from tellapart.reports.figures.roc_curves import precision_recall_figure, roc_figure
from tellapart.reports.figures.split_variance import curve_figure, sensitivity_figure
from tellapart.reports.figures.svg import Figure, Scale, figure_css, share_range, theme_css
from tellapart.reports.figures.training_curves import accuracy_figure, loss_figure

__all__ = ["BAR", "Figure", "Scale", "figure_css", "interval_bar", "report_figures", "rungs_scale", "share_range", "theme_css"]


def report_figures(view: Mapping[str, Any]) -> dict[str, Figure]:
    """Every figure the view has numbers for, by name; a part's figures end in its name, as in ``confusion-test``."""
    names = view["header"]["class_names"]
    figures: list[Figure | None] = []
    figures += [confusion_figure(section, names) for section in view["confusion"]]
    figures += [reliability_figure(section) for section in view["reliability"]]
    figures += [coverage_figure(section) for section in view["coverage"]]
    figures += [draw(part["binary"], part["title"]) for part in view["header"]["parts"] for draw in (roc_figure, precision_recall_figure)]
    figures += [draw(section) for section in view["rungs"] for draw in (rungs_figure, rungs_time_figure)]
    figures += [
        sensitivity_figure(view["sensitivity"]),
        curve_figure(view["curve"]),
        loss_figure(view["training"]),
        accuracy_figure(view["training"]),
        map_figure(view["map"], names),
        counts_figure(view["data"]),
    ]
    return {figure.name: figure for figure in figures if figure is not None}
