"""The review page of ``tellapart check``: issues image by image, and the decisions of the reader."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any, TypedDict, TypeVar, cast

from tellapart.atomic_files import write_text
from tellapart.reports import number_format
from tellapart.reports.html_shell import dated_as_before, render_page, view_json
from tellapart.reports.relative_links import decisions_command, without_absolute_paths
from tellapart.reports.thumbnail_budget import Thumbnails, data_uri, fill

MODULES = (
    "review.js",
    "actions.js",
    "bar.js",
    "browse.js",
    "cards.js",
    "copyable.js",
    "decisions.js",
    "dom.js",
    "facts.js",
    "findings.js",
    "large.js",
    "sections.js",
    "theme.js",
    "virtual.js",
)
STYLES = ("page.css", "parts.css", "review.css")
PAGE, VIEW = "review.html", "review.json"
IMAGE_BYTES = 18_000_000
MOST_ROWS = 30_000
MOST_OF_SET = 1 / 3
MOST_SOURCES = 60
MOST_SOURCE_CLASSES = 40
GROUP_KINDS = {
    "exact_duplicate": "exact",
    "contradiction": "contradiction",
    "leak": "leak",
    "near_duplicate": "near",
    "placeholder": "placeholder",
}


def write_review(folder: Path, view: Mapping[str, Any], thumbnails: Thumbnails, budget: int | None = None) -> Path:
    """Write ``review.html`` and ``review.json`` into a folder, each whole or not at all.

    Args:
        folder: where to; it is made if it is not there.
        view: what was found (docs/reference/review.md): header, issues, rows, groups, classes, balance, sources, notes.
        thumbnails: JPEG bytes (about 128 pixels, 4 kB) by image_id; ids may be missing from the answer.
        budget: how many bytes of JPEG the page may hold; by default 18 MB, a page of at most about 35 MB.

    Returns:
        The path of ``review.html``.

    Raises:
        StorageError: the folder cannot be written.
    """
    public = dated_as_before(without_absolute_paths(view, folder), folder / VIEW, view_json)
    write_text(folder / VIEW, view_json(public))
    page = folder / PAGE
    write_text(page, review_html(public, thumbnails, IMAGE_BYTES if budget is None else budget))
    return page


def review_html(view: Mapping[str, Any], thumbnails: Thumbnails, budget: int) -> str:
    """The page of a published view as text, with the most important images within ``budget`` bytes of JPEG."""
    order = review_order(view)
    shown = first_rows(view, order[:MOST_ROWS]) if len(order) > MOST_ROWS else view
    chosen: dict[str, bytes] = {}
    image_ids = [image_id for row in order[:MOST_ROWS] if (image_id := view["rows"][row]["image_id"])]
    done = fill(chosen, image_ids, thumbnails, budget)
    header = view["header"]
    found = [
        {**issue, "groups": _groups_of(view, issue["name"]), "is_trait": _is_trait(view, issue)} for issue in view["issues"] if issue["n"]
    ]
    is_batch = [issue["name"] for issue in found] == ["suggested"]
    source_classes = header["class_names"][:MOST_SOURCE_CLASSES]
    return render_page(
        "review.html",
        modules=MODULES,
        styles=STYLES,
        payload={**review_payload(shown), "is_cut": done < len(image_ids)},
        thumbnails={image_id: data_uri(jpeg) for image_id, jpeg in chosen.items()},
        noun="review",
        view={**view, **{key: view.get(key) for key in ("balance", "sources", "sources_sentence")}},
        name=f"{'Labels for' if is_batch else 'Review of'} {header['folder']}",
        is_batch=is_batch,
        words=number_format,
        sections=_sections(view),
        found=found,
        clean=[issue["title"].lower() for issue in view["issues"] if not issue["n"]],
        flagged=len({row for issue in view["issues"] if not _is_trait(view, issue) for row in issue["rows"]}),
        excludable=len(
            {row for issue in view["issues"] if issue["proposal"] == "exclude" and not _is_trait(view, issue) for row in issue["rows"]}
        ),
        relabeled=sum(issue["n"] for issue in view["issues"] if issue["name"] == "mislabeled"),
        statement=_statement(len(order), len(shown["rows"]), done < len(image_ids), len(chosen)),
        has_images=bool(order),
        largest=max((row["images"] for row in view["classes"]), default=0) or 1,
        sources=sorted(view.get("sources") or [], key=lambda row: -sum(row["classes"].values()))[:MOST_SOURCES],
        source_classes=source_classes,
    )


def review_order(view: Mapping[str, Any]) -> list[int]:
    """All rows in the order in which they deserve room: of every finding the worst first, the findings taking turns, groups whole."""
    by_kind: dict[str, list[list[int]]] = {}
    for group in view["groups"]:
        by_kind.setdefault(group["kind"], []).append(group["rows"])
    streams = [
        [*by_kind.get(GROUP_KINDS.get(issue["name"], ""), []), *([row] for row in issue["rows"])]
        for issue in view["issues"]
        if issue["rows"]
    ]
    doubtful = [[row] for row in view.get("doubtful") or []]
    turns = zip_longest(*streams, by_kind.get("boundary", []), doubtful, fillvalue=())
    return list(dict.fromkeys(row for turn in turns for unit in turn for row in unit))


View = TypeVar("View", bound=Mapping[str, Any])


def first_rows(view: View, rows: Sequence[int]) -> View:
    """The view with these rows alone, renumbered; groups that are not whole then are left out."""
    index_of = {row: number for number, row in enumerate(rows)}
    groups = [group for group in view["groups"] if all(row in index_of for row in group["rows"])]
    chosen = {
        **view,
        "rows": [view["rows"][row] for row in rows],
        "issues": [{**issue, "rows": [index_of[row] for row in issue["rows"] if row in index_of]} for issue in view["issues"]],
        "doubtful": [index_of[row] for row in view.get("doubtful") or [] if row in index_of],
        "groups": [
            {**group, "rows": [index_of[row] for row in group["rows"]], "best": None if group["best"] is None else index_of[group["best"]]}
            for group in groups
        ],
    }
    return cast("View", chosen)


class ClassSize(TypedDict):
    """A class and its number of images."""

    name: str
    images: int


class ReviewPayload(TypedDict):
    """What the modules of the review page read."""

    place: str
    ways: dict[str, str | None]
    made: str
    command: str
    class_names: list[str]
    parts: list[str]
    classes: list[ClassSize]
    issues: list[dict[str, Any]]
    groups: list[dict[str, Any]]
    rows: list[dict[str, Any]]
    doubtful: list[int]


def review_payload(view: Mapping[str, Any]) -> ReviewPayload:
    """What the modules read: rows, findings and groups, and where the photos lie."""
    header = view["header"]
    return {
        "place": header["place"],
        "ways": header["ways"],
        "made": header["made"],
        "command": decisions_command(header),
        "class_names": header["class_names"],
        "parts": header["parts"],
        "classes": [{"name": row["name"], "images": row["images"]} for row in view["classes"]],
        "issues": [{**issue, "is_trait": _is_trait(view, issue)} for issue in view["issues"]],
        "groups": view["groups"],
        "rows": view["rows"],
        "doubtful": view.get("doubtful") or [],
    }


def _groups_of(view: Mapping[str, Any], issue: str) -> int:
    return sum(group["kind"] == GROUP_KINDS.get(issue) for group in view["groups"])


def _is_trait(view: Mapping[str, Any], issue: Mapping[str, Any]) -> bool:
    """Whether a finding names so many images that it tells of the whole set, and leaving them out would be no remedy."""
    is_of_looks = issue["name"] not in {*GROUP_KINDS, "unreadable", "mislabeled", "suggested"}
    return bool(is_of_looks and issue["n"] > MOST_OF_SET * view["header"]["images"])


def _statement(rows: int, listed: int, is_cut: bool, shown: int) -> str:
    words = "Decide here; nothing happens to the images."
    if listed < rows:
        words += f" The {listed:,} of {rows:,} most worth a look are listed; all stand in review.json."
    if is_cut:
        words += f" To keep this page small, the {shown:,} worst are shown and the others named."
    return words


def _sections(view: Mapping[str, Any]) -> list[tuple[str, str]]:
    there = {"notes": bool(view["notes"]), "sources": bool(view.get("sources"))}
    every = (("overview", "Findings"), ("notes", "Worth knowing"), ("classes", "Classes"), ("sources", "Sources"))
    return [(name, words) for name, words in every if there.get(name, True)]
