"""The map section: the images where their features lie in two dimensions, subsampled to fit the page."""

from __future__ import annotations

import math
from typing import Any, TypedDict

import numpy as np

from tellapart.array_types import IntArray
from tellapart.counts import count
from tellapart.reports.gallery import is_wrong
from tellapart.run_folder import RunContent

POINT_LIMIT = 4000


class PointColumns(TypedDict):
    """Columns of equal length, one item per point; ``label`` and ``predicted`` are class indices or None."""

    x: list[float]
    y: list[float]
    label: list[int | None]
    predicted: list[int | None]
    is_wrong: list[bool]
    part: list[str | None]
    image_id: list[str | None]
    path: list[str]


class MapView(TypedDict):
    """The map by ``method``; ``reason`` says why there are no ``points``."""

    reason: str | None
    method: str
    statement: str
    points: PointColumns | None


def map_view(run: RunContent, limit: int = POINT_LIMIT) -> MapView:
    """Points as columns of equal length: x, y, class index or None, part, image_id, path and, where reported, the predicted class.

    Coordinates are scaled to [0, 1] on both axes with one common factor, so distances keep their proportions.
    """
    rows = [row for row in run.rows if _is_number(row.x) and _is_number(row.y)]
    if not rows:
        return {"reason": "The run keeps no place on the map for its images.", "method": "", "statement": "", "points": None}
    predicted, wrong_paths = _reported(run)
    wrong = np.array([row.path in wrong_paths for row in rows])
    sampled = [rows[j] for j in _sample(wrong, limit)]
    xy = np.array([[row.x, row.y] for row in sampled], dtype=np.float64)
    xy -= xy.min(axis=0)
    xy = np.round(xy / (float(xy.max()) or 1.0), 4)
    index = {name: k for k, name in enumerate(run.class_names)}
    return {
        "reason": None,
        "method": run.map_method,
        "statement": _statement(len(rows), len(sampled)),
        "points": {
            "x": xy[:, 0].tolist(),
            "y": xy[:, 1].tolist(),
            "label": [None if row.label is None else index.get(row.label) for row in sampled],
            "predicted": [predicted.get(row.path) for row in sampled],
            "is_wrong": [row.path in wrong_paths for row in sampled],
            "part": [row.part for row in sampled],
            "image_id": [row.image_id for row in sampled],
            "path": [row.path for row in sampled],
        },
    }


def _is_number(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _reported(run: RunContent) -> tuple[dict[str, int], set[str]]:
    paths = run.predictions.paths
    predicted = dict(zip(paths, run.predictions.predicted.tolist(), strict=True)) if paths else {}
    wrong = is_wrong(run.predictions) if paths else np.zeros(0, dtype=bool)
    return predicted, {path for path, is_bad in zip(paths, wrong, strict=True) if is_bad}


def _sample(wrong: np.ndarray[Any, np.dtype[np.bool_]], limit: int) -> IntArray:
    """The wrong ones and, drawn at random with a fixed seed, as many others as the limit leaves room for; in the old order."""
    if len(wrong) <= limit:
        return np.arange(len(wrong))
    mixed = np.random.default_rng(0).permutation(len(wrong))
    first = mixed[np.argsort(~wrong[mixed], kind="stable")]
    return np.sort(first[:limit])


def _statement(total: int, shown: int) -> str:
    if shown == total:
        return f"All {count(total, 'image')}."
    return f"{shown:,} of {count(total, 'image')}: every wrong one there is room for, the others drawn at random."
