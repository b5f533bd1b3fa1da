"""The page of `tellapart runs`: a table for each set of images, with an interval drawn for each run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypedDict

from tellapart.atomic_files import write_text
from tellapart.counts import count
from tellapart.reports import number_format
from tellapart.reports.figures.ladder import BAR, interval_bar, rungs_scale
from tellapart.reports.html_shell import render_page
from tellapart.version import __version__

MODULES = ("leaderboard.js", "theme.js")
STYLES = ("page.css", "parts.css")


def write_leaderboard_page(file: Path, content: Mapping[str, Any]) -> Path:
    """Write the page; gives its path.

    Args:
        file: where to.
        content: what ``tellapart runs --json`` prints.

    Raises:
        StorageError: it cannot be written.
    """
    entries = {entry["name"]: entry for entry in content["runs"]}
    groups = [_group(group, entries) for group in content["groups"]]
    html = render_page(
        "leaderboard.html",
        modules=MODULES,
        styles=STYLES,
        payload={},
        thumbnails={},
        noun="table",
        view={"header": {"tellapart": __version__}},
        title=Path(content["folder"]).name,
        groups=groups,
        others=[_other(entry) for entry in content["runs"] if entry["part"] is None],
        unreadable=content["unreadable"],
        notes=content["notes"],
        sections=[(group["id"], group["short"]) for group in groups],
    )
    write_text(file, html)
    return file


def _group(group: Mapping[str, Any], entries: Mapping[str, Any]) -> dict[str, Any]:
    rows = [(rank, entries[rank["name"]]) for rank in group["ranks"]]
    scale = rungs_scale([entry for _, entry in rows], group["n"], *BAR)
    first = rows[0][1]
    return {
        "id": f"images-of-{first['name']}",
        "short": count(group["n"], "image"),
        "title": f"{count(group['n'], 'image')} of {Path(first['images']).name} ({first['part']})",
        "rows": [_row(rank, entry, group["n"], scale) for rank, entry in rows],
    }


def _row(rank: Mapping[str, Any], entry: Mapping[str, Any], n: int, scale: Any) -> dict[str, Any]:
    words = ranked_row(rank, entry, n)
    return {**words, "bar": interval_bar(entry["accuracy"], scale, words["accuracy"])}


class RunWords(TypedDict):
    """A run in words."""

    name: str
    model: str
    day: str
    seconds: str
    size: str


class RankedRow(RunWords):
    """A ranked run in words, with its gain over the best."""

    standing: str
    accuracy: str
    log_loss: str
    gain: str


def ranked_row(rank: Mapping[str, Any], entry: Mapping[str, Any], n: int) -> RankedRow:
    """A run among those on the same ``n`` images, in words."""
    gain = "" if rank["p_value"] is None else number_format.gain_words(rank["accuracy"], rank["log_loss"])
    return {
        **_other(entry),
        "standing": rank["standing"],
        "accuracy": number_format.percent_brief(entry["accuracy"]),
        "log_loss": number_format.loss_brief(entry["log_loss"]),
        "gain": gain and f"{gain}; McNemar {number_format.p_value_words(rank['p_value'], n).partition(':')[0]}",
    }


def _other(entry: Mapping[str, Any]) -> RunWords:
    return {
        "name": entry["name"],
        "model": f"{entry['recipe']}, {entry['backbone']}" if entry["backbone"] else entry["recipe"],
        "day": number_format.day(entry["created"]),
        "seconds": "" if entry["seconds"] is None else number_format.duration(entry["seconds"]),
        "size": number_format.size(entry["size_bytes"]),
    }
