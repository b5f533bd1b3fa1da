"""The page of ``tellapart explore``: the map of a folder, its clusters, their associations, and outliers."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tellapart.atomic_files import write_text
from tellapart.counts import count
from tellapart.reports import number_format
from tellapart.reports.figures.num_clusters import choice_panels
from tellapart.reports.html_shell import dated_as_before, render_page, script_json, view_json
from tellapart.reports.relative_links import decisions_command, place_name, without_absolute_paths
from tellapart.reports.sprites import ACROSS, SIDE, Sprites, sprites_of
from tellapart.reports.thumbnail_budget import Thumbnails, data_uri, fill

MODULES = (
    "explore.js",
    "bar.js",
    "chosen.js",
    "columns.js",
    "copyable.js",
    "decisions.js",
    "dom.js",
    "facts.js",
    "palette.js",
    "pixels.js",
    "places.js",
    "point.js",
    "scatter.js",
    "sections.js",
    "shots.js",
    "theme.js",
    "thumbs.js",
    "viewport.js",
    "virtual.js",
)
STYLES = ("page.css", "parts.css", "review.css", "explore.css")
PAGE, VIEW = "explore.html", "explore.json"
PAGE_BYTES = 22_000_000
"""What a page may weigh, images included."""
A_THUMBNAIL = 4_400
"""Bytes of a usual thumbnail: whether all fit is guessed from it."""
THUMBNAIL_SHARE = 0.45
"""Of the room for images, where not all fit as thumbnails; the rest is for sprites."""
SHOWN_OUTLIERS, SHOWN_ALIKE, SHOWN_CLUSTERS = 48, 6, 60


def write_exploration(folder: Path, view: Mapping[str, Any], thumbnails: Thumbnails, *, page_bytes: int = PAGE_BYTES) -> Path:
    """Write ``explore.html`` and ``explore.json`` into a folder, each whole or not at all.

    Args:
        folder: where to; it is made if it is not there.
        view: what was found (docs/reference/explore.md): header, map, and clusters, choice, encoding, outliers, neighbors where known.
        thumbnails: JPEG bytes (about 128 pixels, 4 kB) by image_id; ids may be missing from the answer.
        page_bytes: what the page may weigh.

    Returns:
        The path of ``explore.html``.

    Raises:
        StorageError: the folder cannot be written.
    """
    public = dated_as_before(without_absolute_paths(view, folder), folder / VIEW, view_json)
    write_text(folder / VIEW, view_json(public))
    page = folder / PAGE
    write_text(page, exploration_html(public, thumbnails, page_bytes=page_bytes))
    return page


def write_map(page: Path, view: Mapping[str, Any], thumbnails: Thumbnails, *, page_bytes: int = PAGE_BYTES) -> None:
    """Write the page with the map alone, whole or not at all; see :func:`write_exploration`."""
    html_of = partial(exploration_html, thumbnails=thumbnails, page_bytes=page_bytes)
    write_text(page, html_of(dated_as_before(without_absolute_paths(view, page.parent), page, html_of)))


def exploration_html(view: Mapping[str, Any], thumbnails: Thumbnails, *, page_bytes: int = PAGE_BYTES) -> str:
    """The page as text; as many images are in it as ``page_bytes`` leave room for, the most informative first."""
    header, clusters = view["header"], view.get("clusters")
    payload, names = _payload(view), script_json(_names(view["map"]))
    room = page_bytes - len(names) - len(script_json(payload)) - 200_000
    alike = list(_alike(view))
    chosen, sprites, blank = _images(view, alike, thumbnails, int(0.745 * max(0, room)))
    payload["sprites"] = {"side": SIDE, "across": ACROSS, "shown": _column(sprites.shown, np.int32)}
    return render_page(
        "exploration.html",
        modules=MODULES,
        styles=STYLES,
        payload=payload,
        thumbnails={number: data_uri(jpeg) for number, jpeg in chosen.items()},
        noun="map",
        view={**dict.fromkeys(("clusters", "choice", "encoding", "outliers")), **view},
        name=place_name(header["folder"]),
        words=number_format,
        names=names,
        sheets=script_json([data_uri(sheet) for sheet in sprites.sheets]),
        sections=_sections(view, alike),
        clusters=clusters,
        cluster_rows=list(_cluster_rows(view)),
        alike=alike,
        outliers=(view.get("outliers") or [])[:SHOWN_OUTLIERS],
        figures=choice_panels(view.get("choice")),
        trust=list(_trust(view["map"])),
        blank=blank,
    )


def _images(
    view: Mapping[str, Any], alike: Iterable[Mapping[str, Any]], thumbnails: Thumbnails, room: int
) -> tuple[dict[str, bytes], Sprites, int]:
    """Thumbnails by point, sprites of others, and how many points have neither."""
    image_ids = view["map"]["image_id"]
    order = image_order(view, alike)
    do_all_fit = A_THUMBNAIL * len(order) <= room
    by_image: dict[str, bytes] = {}
    done = fill(by_image, [image_ids[point] for point in order], thumbnails, room if do_all_fit else int(THUMBNAIL_SHARE * room))
    chosen = {str(point): by_image[image_ids[point]] for point in order[:done] if image_ids[point] in by_image}
    rest = order[done:]
    sprites = sprites_of(((point, image_ids[point]) for point in rest), thumbnails, room - sum(map(len, by_image.values())))
    return chosen, sprites, len(rest) - sprites.dealt


def image_order(view: Mapping[str, Any], alike: Iterable[Mapping[str, Any]] = ()) -> list[int]:
    """All points in the order in which they get an image: those the sections show, then the others at random with a fixed seed."""
    points = [point for cluster in (view.get("clusters") or {}).get("clusters", ())[:SHOWN_CLUSTERS] for point in _cluster_points(cluster)]
    points += [point for row in alike for point in (row["point"], *(other for other, _ in row["near"]))]
    points += (view.get("outliers") or [])[:SHOWN_OUTLIERS]
    others = np.random.default_rng(0).permutation(len(view["map"]["x"])).tolist()
    return list(dict.fromkeys([*points, *others]))


def _cluster_points(cluster: Mapping[str, Any]) -> list[int]:
    return [cluster["medoid"], *cluster["nearest"], *cluster["farthest"]]


def _payload(view: Mapping[str, Any]) -> dict[str, Any]:
    """What the modules need at once: columns as base64 of little-endian numbers, so that 100,000 points are read in an instant."""
    header, points = view["header"], view["map"]
    x, y = (np.asarray(points[axis], dtype=np.float64) for axis in ("x", "y"))
    left, low = (axis.min(initial=np.inf) if len(axis) else 0.0 for axis in (x, y))
    longest = max(float(np.ptp(x)) if len(x) else 0.0, float(np.ptp(y)) if len(y) else 0.0) or 1.0
    clusters = view.get("clusters")
    return {
        "place": header.get("place", ""),
        "ways": header.get("ways", {}),
        "made": header["made"],
        "command": decisions_command(header),
        "class_names": header["class_names"],
        "n": len(x),
        "x": _column(np.rint(65535 * (x - left) / longest), np.uint16),
        "y": _column(np.rint(65535 * (y - low) / longest), np.uint16),
        "label": _column([-1 if label is None else label for label in points["label"]], np.int32),
        "cluster": _column([-1 if c is None else c for c in points["cluster"]], np.int32) if clusters else None,
        "clusters": [{"number": c["number"], "title": cluster_title(c), "medoid": c["medoid"]} for c in clusters["clusters"]]
        if clusters
        else [],
        "score": _column(np.rint(255 * _ranks(points["score"])), np.uint8) if points.get("score") else None,
        "neighbors": _neighbors(view.get("neighbors") or {}),
        "outliers": view.get("outliers") or [],
    }


def cluster_title(cluster: Mapping[str, Any]) -> str:
    """What a cluster is called: its name, else its number and what the network sees there."""
    if cluster["name"]:
        return str(cluster["name"])
    words = ", ".join(cluster["words"][:2])
    return f"Cluster {cluster['number']}" + (f" · {words}" if words else "")


def _ranks(scores: Sequence[float | None]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """0 for the most usual to 1 for the strangest, by rank; None is usual."""
    values = np.array([-np.inf if score is None else score for score in scores], dtype=np.float64)
    order = np.empty(len(values))
    order[np.argsort(values, kind="stable")] = np.arange(len(values))
    return order / max(1, len(values) - 1)


def _neighbors(near: Mapping[Any, Sequence[Sequence[float]]]) -> dict[str, Any] | None:
    """Of each point that has some, its neighbors and their cosines, as three columns; a neighbor -1 is none."""
    if not near:
        return None
    k = max(map(len, near.values()))
    index = np.full((len(near), k), -1, np.int32)
    cosine = np.zeros((len(near), k), np.uint8)
    for row, neighbors in enumerate(near.values()):
        for rank, (other, value) in enumerate(neighbors):
            index[row, rank], cosine[row, rank] = other, round(255 * min(1.0, max(0.0, value)))
    return {"k": k, "of": _column([int(p) for p in near], np.int32), "index": _column(index, np.int32), "cosine": _column(cosine, np.uint8)}


def _names(points: Mapping[str, Any]) -> dict[str, Any]:
    """Paths and ids, which are read only when a name is wanted: folders once, ids as one text of equal pieces."""
    folders: dict[str, int] = {}
    folder_codes = [folders.setdefault(path.rpartition("/")[0], len(folders)) for path in points["path"]]
    return {
        "folders": list(folders),
        "folder": _column(folder_codes, np.int32),
        "files": [path.rpartition("/")[2] for path in points["path"]],
        "ids": "".join(points["image_id"]),
        "id_length": len(points["image_id"][0]) if folder_codes else 0,
    }


def _column(values: Any, kind: Any) -> str:
    return base64.b64encode(np.ascontiguousarray(values, dtype=np.dtype(kind).newbyteorder("<")).tobytes()).decode("ascii")


def _alike(view: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Some images with their neighbors: the middle of each of the first clusters, else the first points that have any."""
    near = {int(point): neighbors for point, neighbors in (view.get("neighbors") or {}).items() if neighbors}
    medoids = [c["medoid"] for c in (view.get("clusters") or {}).get("clusters", ()) if c["medoid"] in near]
    for point in list(dict.fromkeys([*medoids, *near]))[:SHOWN_ALIKE]:
        yield {"point": point, "near": near[point][:8]}


def _cluster_rows(view: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """What the section says of each cluster."""
    total = max(1, len(view["map"]["x"]))
    for cluster in (view.get("clusters") or {}).get("clusters", ())[:SHOWN_CLUSTERS]:
        mix = sorted(cluster["classes"].items(), key=lambda one: -one[1])
        size = max(1, cluster["size"])
        yield {
            **cluster,
            "title": cluster["name"] or f"Cluster {cluster['number']}",
            "share": cluster["size"] / total,
            "mix": [{"name": name, "n": n, "share": n / size} for name, n in mix],
            "mix_words": ", ".join(f"{name} {number_format.percent(n / size, 0)}" for name, n in mix[:3])
            + (f" and {len(mix) - 3} more" if len(mix) > 3 else ""),
        }


def _trust(points: Mapping[str, Any]) -> Iterator[str]:
    """The quality of the projection, in sentences."""
    trust = points.get("trust") or {}
    if trust.get("neighbors_kept") is not None:
        k = trust.get("k", 10)
        preserved = number_format.percent(trust["neighbors_kept"], 0)
        yield f"Of the {count(k, 'image')} most like an image, {preserved} are among the {k} nearest on the map."
    if trust.get("knn_2d") and trust.get("knn_full"):
        yield (
            f"Asked for an image's class, its nearest on the map are right in {number_format.percent_brief(trust['knn_2d'])},"
            f" its nearest in the whole feature space in {number_format.percent_brief(trust['knn_full'])}."
        )


def _sections(view: Mapping[str, Any], alike: Sequence[Any]) -> list[tuple[str, str]]:
    there = {
        "clusters": bool(view.get("clusters")),
        "choice": bool(view.get("choice")),
        "alike": bool(alike),
        "outliers": bool(view.get("outliers")),
    }
    every = (("map", "Map"), ("clusters", "Clusters"), ("choice", "How many"), ("alike", "Alike"), ("outliers", "Outliers"))
    return [(name, words) for name, words in every if there.get(name, True)]
