"""The page of a run: one HTML file that holds the whole report."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from tellapart.atomic_files import write_text
from tellapart.reports import number_format
from tellapart.reports.figures import (
    BAR,
    Figure,
    Scale,
    interval_bar,
    report_figures,
    rungs_scale,
    share_range,
)
from tellapart.reports.figures.roc_curves import plot_scales
from tellapart.reports.html_shell import render_page, view_json
from tellapart.reports.relative_links import decisions_command, place_name
from tellapart.reports.run_view import report_view
from tellapart.reports.thumbnail_budget import ThumbnailBudget, Thumbnails, data_uri
from tellapart.run_folder import OPTIONS, RunContent, RunOptions
from tellapart.training.options import TrainOptions

MODULES = (
    "page.js",
    "bar.js",
    "changes.js",
    "confusion.js",
    "copyable.js",
    "decisions.js",
    "detail.js",
    "dom.js",
    "facts.js",
    "gallery.js",
    "large.js",
    "map.js",
    "palette.js",
    "pixels.js",
    "places.js",
    "scatter.js",
    "sections.js",
    "sortable.js",
    "theme.js",
    "thresholds.js",
    "thumbs.js",
    "viewport.js",
    "virtual.js",
)
STYLES = ("page.css", "parts.css", "review.css", "explore.css")
SECTIONS = (
    ("summary", "Summary"),
    ("mistakes", "Mistakes"),
    ("images", "Images"),
    ("thresholds", "Threshold"),
    ("rungs", "Ladder"),
    ("trust", "Calibration"),
    ("decision", "Answers"),
    ("unusual", "Unknowns"),
    ("luck", "Split variance"),
    ("search", "Search"),
    ("training", "Training"),
    ("where", "Map"),
    ("data", "Data"),
    ("method", "Method"),
)


def write_report(
    folder: Path,
    thumbnails: Thumbnails,
    budget: ThumbnailBudget | None = None,
    *,
    run: RunContent | None = None,
    is_anew: bool = False,
    heat_maps: Mapping[str, bytes] | None = None,
) -> Path:
    """Write ``report.html``, ``report.json`` and ``figures/*.svg`` into a run folder, each whole or not at all.

    Args:
        folder: the run folder (docs/reference/run-folder.md).
        thumbnails: JPEG bytes (about 128 pixels, 4 kB) by image_id; ids may be missing from the answer.
        budget: how much room images may take; the default keeps the page under 25 MB.
        run: what to report on, whose ``folder`` may also be only the folder of the page.
        is_anew: whether files that are the same already are written, too.
        heat_maps: JPEG bytes by image_id: where the model looked in images of the gallery.

    Returns:
        The path of ``report.html``.

    Raises:
        StorageError: a file of the run is absent or damaged, or the folder cannot be written.
    """
    view = report_view(folder, thumbnails, budget, run=run)
    view["images"]["heat_maps"] = {image_id: data_uri(jpeg) for image_id, jpeg in (heat_maps or {}).items()}
    figures = report_figures(view)
    for name, figure in figures.items():
        write_text(folder / "figures" / f"{name}.svg", figure.standalone(), is_anew=is_anew)
    write_text(folder / "report.json", view_json(view), is_anew=is_anew)
    page = folder / "report.html"
    write_text(page, page_html(view, figures), is_anew=is_anew)
    return page


def page_html(view: Mapping[str, Any], figures: Mapping[str, Figure]) -> str:
    """The page as text; ``figures`` are those of ``report_figures``."""
    header = view["header"]
    confusion = [section for section in view["confusion"] if section["matrix"]]
    options: RunOptions = OPTIONS(view["options"], "")
    return render_page(
        "page.html",
        modules=MODULES,
        styles=STYLES,
        payload=_payload(view, confusion),
        thumbnails=view["images"]["thumbnails"],
        noun="report",
        view=view,
        figures=figures,
        words=number_format,
        sections=_sections(view, figures),
        bars={part["part"]: list(_headline_bars(part, has_other_splits=not view["sensitivity"]["reason"])) for part in header["parts"]},
        rung_bars={section["part"]: _rung_bars(section) for section in view["rungs"]},
        has_confusion=bool(confusion),
        class_images=view["images"]["classes"],
        options=changed_options(options),
        versions=list(options.versions.items()),
        command=repeating_command(options, header["folder"]),
        run_facts=view["run_facts"],
    )


def _payload(view: Mapping[str, Any], confusion: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What the modules read."""
    header = view["header"]
    return {
        "class_names": header["class_names"],
        "parts": [{"part": part["part"], "title": part["title"]} for part in header["parts"]],
        "confusion": confusion,
        "gallery": view["gallery"],
        "binary": [part["binary"] for part in header["parts"] if part["binary"]],
        "plots": plot_scales(),
        "points": view["map"]["points"],
        "heat_maps": view["images"].get("heat_maps", {}),
        "place": header["place"],
        "made": header["created"] or "",
        "ways": header["ways"],
        "command": decisions_command(header),
    }


def _sections(view: Mapping[str, Any], figures: Mapping[str, Figure]) -> list[tuple[str, str]]:
    """The sections worth a place in the head of the page."""
    there = {
        "mistakes": any(section["matrix"] for section in view["confusion"]),
        "images": bool(view["gallery"]["images"]),
        "thresholds": any(part["binary"] for part in view["header"]["parts"]),
        "rungs": bool(view["header"]["saved"]),
        "trust": bool(view["reliability"]),
        "decision": bool(view["decision"]),
        "unusual": bool(view["unusual"]),
        "luck": "sensitivity" in figures or "learning-curve" in figures,
        "search": bool(view["search"]),
        "training": bool(view["training"]),
        "where": bool(view["map"]["points"]),
    }
    return [(name, words) for name, words in SECTIONS if there.get(name, True)]


def _headline_bars(part: Mapping[str, Any], *, has_other_splits: bool) -> Iterator[dict[str, str]]:
    """The two numbers of a part, each as a value, a small bar with the ends of its axis, and a sentence."""
    if accuracy := part["accuracy"]:
        low, high = share_range([accuracy["low"], accuracy["high"]], least=0.1)
        yield {
            "what": f"Accuracy, {part['title'].lower()}{': this split' if has_other_splits else ''}",
            "value": number_format.percent(accuracy["value"]),
            "drawing": interval_bar(accuracy, Scale(low, high, *BAR), number_format.percent_interval(accuracy)),
            "low": number_format.percent(low, 0),
            "high": number_format.percent(high, 0),
            "sentence": part["interval_sentence"] + ".",
        }
    if log_loss := part["log_loss"]:
        top = share_range([0, log_loss["high"] / 10])[1] * 10
        yield {
            "what": f"Log loss, {part['title'].lower()}",
            "value": number_format.loss(log_loss["value"]),
            "drawing": interval_bar(log_loss, Scale(0, top, *BAR), number_format.loss_interval(log_loss)),
            "low": "0, perfect",
            "high": f"{top:g}",
            "sentence": part["log_loss_sentence"] + "; lower is better.",
        }


def _rung_bars(section: Mapping[str, Any]) -> list[str]:
    measured = [row for row in section["rows"] if row.get("accuracy")]
    if not measured:
        return [""] * len(section["rows"])
    scale = rungs_scale(measured, section["n"], *BAR)
    return [interval_bar(row["accuracy"], scale, row["accuracy_text"]) if row.get("accuracy") else "" for row in section["rows"]]


DEFAULTS = {f.name: f.default for f in fields(TrainOptions) if f.default is not MISSING}
NOT_REPEATED = ("name", "again", "out", "state", "device", "num_workers")
"""Options that say where and on what a run is made, not what it is."""


def changed_options(options: RunOptions) -> list[tuple[str, str]]:
    """The options that differ from the default, as flags with their values in words."""
    return [(_flag(name), _text(value)) for name, value in _changed(options.options)]


def repeating_command(options: RunOptions, folder: str | None) -> str:
    """The command that makes the run again, in the folder that the photos lie in; empty where the options do not say."""
    if not options.verb or not folder:
        return ""
    words = ["tellapart", options.verb, place_name(folder)]
    for name, value in _changed(options.options):
        if name in NOT_REPEATED:
            continue
        flag = _flag(name)
        words += [flag if value else "--no-" + flag[2:]] if isinstance(value, bool) else [flag, _text(value)]
    return shlex.join(words)


def _changed(options: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in options.items():
        if value not in (None, "") and value != DEFAULTS.get(name, False):
            yield name, value


def _flag(name: str) -> str:
    return "--" + name.strip("_").replace("_", "-")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
