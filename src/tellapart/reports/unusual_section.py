"""The section about the unusual: how often familiarity raises a false alarm, what prediction sets hold, and the strangest images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tellapart.reports.number_format import count, percent, percent_brief
from tellapart.reports.runfiles import PARTS, RunFiles


def unusual_view(run: RunFiles) -> list[dict[str, Any]]:
    """One item for each reported part that has any of it: rows of words, and the strangest images."""
    views = []
    for part in run.parts:
        alarms, sets = run.metrics[part].get("familiarity"), run.metrics[part].get("prediction_sets")
        if alarms or sets:
            rows = (_alarm_rows(alarms) if alarms else []) + (_set_rows(sets) if sets else [])
            strangest = [{**image, "text": f"{image['familiarity']:.2g}"} for image in alarms["strangest"]] if alarms else []
            views.append({"part": part, "title": PARTS[part], "rows": rows, "strangest": strangest})
    return views


def strangest_images(view: list[dict[str, Any]]) -> list[str]:
    """Their ids."""
    return [image["image_id"] for section in view for image in section["strangest"]]


def _alarm_rows(found: Mapping[str, Any]) -> list[dict[str, str]]:
    return [
        {
            "name": f"--unknown {row['unknown']:g}",
            "asked": f"at most {percent(row['unknown'])} called unknown",
            "measured": percent_brief(row["measured"]),
            "of": count(found["n"], "image"),
        }
        for row in found["false_alarms"]
    ]


def _set_rows(found: Mapping[str, Any]) -> list[dict[str, str]]:
    size = f"{found['mean_size']:.2f} classes on average, {percent(found['single'], 0)} with one"
    return [
        {
            "name": f"--coverage {found['coverage']:g}",
            "asked": f"{percent(found['coverage'])} of the sets hold the true class",
            "measured": percent_brief(found["measured"]),
            "of": f"{count(found['n'], 'image')}; {size}",
        }
    ]
