"""Where ``explore`` has placed the files, and the clusters that it found."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tellapart.errors import StorageError
from tellapart.json_files import ShapeError, fields, read_json, several
from tellapart.server.studio.documents import ClusterName, MapView
from tellapart.server.studio.index import packed
from tellapart.server.studio.workspace import Workspace

COLUMNS = ("x", "y", "cluster", "image_id", "path")
EXPLORATION = fields({"header": fields({}), "map": fields({name: several(lambda value, where: value) for name in COLUMNS})})
FULL = 65535
WORDS = 3


def map_view(workspace: Workspace, folder: Path) -> MapView:
    """The map in the folder of ``explore``.

    Raises:
        StorageError: it is damaged.
    """
    file = folder / "explore.json"
    try:
        content: dict[str, Any] = read_json(file, EXPLORATION)
    except FileNotFoundError:
        return {"n": 0}
    except (OSError, ShapeError) as error:
        raise StorageError(f"{file} cannot be read: {error}", hint="tellapart explore writes it anew") from error
    drawn = content["map"]
    rows = np.array(_rows(workspace, drawn["path"], drawn["image_id"]), np.int64)
    here = np.flatnonzero(rows >= 0)
    if not len(here):
        return {"n": 0}
    clusters = np.array([-1 if number is None else number for number in drawn["cluster"]], np.int64)
    places = np.array([drawn["x"], drawn["y"]], np.float64)[:, here]
    low = places.min(axis=1, keepdims=True)
    size = float((places.max(axis=1, keepdims=True) - low).max()) or 1.0
    x, y = np.rint((places - low) / size * FULL)
    return {
        "n": len(here),
        "row": packed(rows[here], np.int32),
        "x": packed(x, np.uint16),
        "y": packed(y, np.uint16),
        "cluster": packed(clusters[here], np.int32),
        "clusters": [_cluster(one) for one in (content.get("clusters") or {}).get("clusters", [])],
        "made": content["header"].get("made"),
        "method": str(drawn.get("method", "")),
    }


def _rows(workspace: Workspace, paths: Sequence[str], image_ids: Sequence[str]) -> list[int]:
    """The row of each point, -1 for a file that is gone or has changed."""
    found = []
    for path, image_id in zip(paths, image_ids, strict=True):
        number = workspace.number_of.get(path, -1)
        found.append(number if number >= 0 and workspace.undecided[number].image_id == image_id else -1)
    return found


def _cluster(one: dict[str, Any]) -> ClusterName:
    words = one.get("name") or ", ".join((one.get("words") or [])[:WORDS])
    return {"number": int(one["number"]), "name": str(words), "size": int(one["size"])}
