"""One HTML file that holds the whole report and asks nothing of any other machine."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tellapart.paths import write_text
from tellapart.reports import wording
from tellapart.reports.figures import (
    BAR,
    Figure,
    Scale,
    figure_css,
    interval_bar,
    report_figures,
    rungs_scale,
    share_range,
    theme_css,
)
from tellapart.reports.pictures import Budget, Thumbnails
from tellapart.reports.views import report_view

if TYPE_CHECKING:
    from jinja2 import Template

MODULES = ("changes.js", "confusion.js", "detail.js", "dom.js", "gallery.js", "map.js", "page.js", "theme.js", "virtual.js")
STYLES = ("page.css", "parts.css")
SECTIONS = (
    ("summary", "Summary"),
    ("rungs", "Ladder"),
    ("mistakes", "Mistakes"),
    ("images", "Images"),
    ("trust", "Trust"),
    ("luck", "Luck"),
    ("training", "Training"),
    ("where", "Map"),
    ("data", "Data"),
    ("method", "Method"),
)


def write_report(folder: Path, thumbnails: Thumbnails, budget: Budget | None = None) -> Path:
    """Write ``report.html``, ``report.json`` and ``figures/*.svg`` into a run folder, each whole or not at all.

    Args:
        folder: the run folder (docs/reference/run-folder.md).
        thumbnails: JPEG bytes (about 128 pixels, 4 kB) by image_id; ids may be missing from the answer.
        budget: how much room pictures may take; the default keeps the page under 25 MB.

    Returns:
        The path of ``report.html``.

    Raises:
        StorageError: a file of the run is absent or damaged, or the folder cannot be written.
    """
    view = report_view(folder, thumbnails, budget)
    figures = report_figures(view)
    for name, figure in figures.items():
        write_text(folder / "figures" / f"{name}.svg", figure.standalone())
    write_text(folder / "report.json", view_json(view))
    page = folder / "report.html"
    write_text(page, page_html(view, figures))
    return page


def view_json(view: Mapping[str, Any]) -> str:
    """The view without its pictures as JSON, a line a section."""
    lines = [
        f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False, allow_nan=False)}" for key, value in view.items() if key != "pictures"
    ]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def page_html(view: Mapping[str, Any], figures: Mapping[str, Figure]) -> str:
    """The page as text; ``figures`` are those of ``report_figures``."""
    carried = {
        "class_names": view["header"]["class_names"],
        "confusion": [s for s in view["confusion"] if s["matrix"]],
        "gallery": view["gallery"],
    }
    return _template().render(
        view=view,
        figures=figures,
        words=wording,
        sections=_sections(view),
        styles=theme_css() + figure_css() + "".join(static_text(name) for name in STYLES),
        bars={part["part"]: list(_headline_bars(part)) for part in view["header"]["parts"]},
        rung_bars={section["part"]: _rung_bars(section) for section in view["rungs"]},
        has_confusion=bool(carried["confusion"]),
        class_pictures=view["pictures"]["classes"],
        options=list(_flattened(view["options"])),
        payload=script_json({**carried, "points": view["map"]["points"]}),
        thumbnails=script_json(view["pictures"]["thumbnails"]),
        import_map=script_json({"imports": module_urls()}),
    )


def script_json(content: Any) -> str:
    """JSON that cannot end the ``<script>`` it stands in, nor break a line of JavaScript."""
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def static_text(name: str) -> str:
    """One of the files in ``static/``."""
    return files("tellapart.reports").joinpath(f"static/{name}").read_text(encoding="utf-8")


def module_urls() -> dict[str, str]:
    """The import map of the page: each module unchanged in a ``data:`` URL, since a page from disk cannot import a neighbour."""
    return {f"tellapart/{name}": "data:text/javascript;charset=utf-8," + quote(static_text(name)) for name in MODULES}


@lru_cache(maxsize=1)
def _template() -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(loader=PackageLoader("tellapart.reports", "."), autoescape=True, trim_blocks=True, undefined=StrictUndefined)
    return environment.get_template("page.html")


def _sections(view: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The sections worth a place in the head of the page."""
    absent = {"rungs": not view["header"]["saved"], "training": not view["training"]}
    return [(name, words) for name, words in SECTIONS if not absent.get(name)]


def _headline_bars(part: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """The two numbers of a part, each as a value, a small bar with the ends of its axis, and a sentence."""
    if accuracy := part["accuracy"]:
        low, high = share_range([accuracy["low"], accuracy["high"]], least=0.1)
        yield {
            "what": f"Accuracy, {part['title'].lower()}",
            "value": wording.percent(accuracy["value"]),
            "drawing": interval_bar(accuracy, Scale(low, high, *BAR), wording.percent_interval(accuracy)),
            "low": wording.percent(low, 0),
            "high": wording.percent(high, 0),
            "sentence": part["sentence"] + ".",
        }
    if log_loss := part["log_loss"]:
        top = share_range([0, log_loss["high"] / 10])[1] * 10
        yield {
            "what": f"Log loss, {part['title'].lower()}",
            "value": wording.loss(log_loss["value"]),
            "drawing": interval_bar(log_loss, Scale(0, top, *BAR), wording.loss_interval(log_loss)),
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


def _flattened(options: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    for key, value in options.items():
        if isinstance(value, Mapping):
            yield from _flattened(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
