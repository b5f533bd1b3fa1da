"""The section on unknown images: false alarms of familiarity, prediction sets, and the most unusual images."""

from __future__ import annotations

from typing import TypedDict

from tellapart.part_metrics import FamiliarityScores, SetScores
from tellapart.reports.number_format import PARTS, count, percent, percent_brief
from tellapart.run_folder import RunContent


class UnusualRow(TypedDict):
    """What was asked for with an option, and what was measured, in words."""

    name: str
    asked: str
    measured: str
    of: str


class StrangeView(TypedDict):
    """An image of low familiarity, also in words."""

    image_id: str
    path: str
    familiarity: float
    text: str


class UnusualView(TypedDict):
    """The section on one reported part."""

    part: str
    title: str
    rows: list[UnusualRow]
    strangest: list[StrangeView]


def unusual_view(run: RunContent) -> list[UnusualView]:
    """One item for each reported part that has any of it: rows of words, and the strangest images."""
    views: list[UnusualView] = []
    for name, part in run.metrics.parts.items():
        if part.familiarity or part.prediction_sets:
            rows = _alarm_rows(part.familiarity) + _set_rows(part.prediction_sets)
            views.append({"part": name, "title": PARTS[name], "rows": rows, "strangest": _strangest(part.familiarity)})
    return views


def strangest_images(view: list[UnusualView]) -> list[str]:
    """Their ids."""
    return [image["image_id"] for section in view for image in section["strangest"]]


def _strangest(scores: FamiliarityScores | None) -> list[StrangeView]:
    return [
        {"image_id": image.image_id, "path": image.path, "familiarity": image.familiarity, "text": f"{image.familiarity:.2g}"}
        for image in (scores.strangest if scores else [])
    ]


def _alarm_rows(scores: FamiliarityScores | None) -> list[UnusualRow]:
    if scores is None:
        return []
    return [
        {
            "name": f"--unknown {alarm.unknown:g}",
            "asked": f"at most {percent(alarm.unknown)} called unknown",
            "measured": percent_brief(alarm.measured.as_dict()),
            "of": count(scores.n, "image"),
        }
        for alarm in scores.false_alarms
    ]


def _set_rows(scores: SetScores | None) -> list[UnusualRow]:
    if scores is None:
        return []
    size = f"{scores.mean_size:.2f} classes on average, {percent(scores.single, 0)} with one"
    return [
        {
            "name": f"--coverage {scores.coverage:g}",
            "asked": f"{percent(scores.coverage)} of the sets hold the true class",
            "measured": percent_brief(scores.measured.as_dict()),
            "of": f"{count(scores.n, 'image')}; {size}",
        }
    ]
