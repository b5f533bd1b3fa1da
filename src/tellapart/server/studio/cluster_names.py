"""The results of ``explore``, and names for its clusters; a name given here is kept beside the decisions."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, TypedDict

from tellapart.atomic_files import storage_error, write_json
from tellapart.errors import DataError
from tellapart.json_files import ShapeError, fields, read_json, read_json_of, several, text
from tellapart.server.studio.documents import ClusterName
from tellapart.server.studio.workspace import Workspace

COLUMNS = ("x", "y", "cluster", "image_id", "path")
EXPLORATION = fields({"header": fields({}), "map": fields({name: several(lambda value, where: value) for name in COLUMNS})})
NAMES = "cluster-names.json"
KEPT_NAMES = fields({"clustering": text(), "names": fields({})})
WORDS = 3


class DrawnMap(TypedDict):
    """The points of a map: columns of the same length."""

    method: str
    x: list[float]
    y: list[float]
    cluster: list[int | None]
    image_id: list[str]
    path: list[str]


class Exploration(TypedDict):
    """What the studio reads of ``explore.json`` (docs/reference/explore.md)."""

    header: dict[str, Any]
    map: DrawnMap
    clusters: dict[str, Any] | None


def exploration(folder: Path) -> Exploration | None:
    """What ``explore`` has written; None where it has not.

    Raises:
        StorageError: it is damaged.
    """
    content: Exploration | None = read_json_of("explore", folder / "explore.json", EXPLORATION)
    return content


def named_clusters(state: Path, content: Exploration) -> list[ClusterName]:
    """The clusters of an exploration: as they were called in the studio, by ``explore --name``, or what they look like."""
    names = _kept_names(state, _clustering(content))
    return [_named(one, names) for one in _clusters(content)]


def rename_cluster(workspace: Workspace, folder: Path, number: int, name: str) -> str:
    """Keep a name for a cluster until there are other clusters; what it is called now.

    An empty name gives back what it looks like.

    Raises:
        DataError: there is no such cluster.
        StorageError: the map is damaged, or the name cannot be kept.
    """
    content = exploration(folder)
    clusters = {int(one["number"]): one for one in _clusters(content)} if content else {}
    if content is None or number not in clusters:
        raise DataError("there is no such cluster", hint="the map was made anew meanwhile: load the page again")
    state, clustering = workspace.snapshot.state, _clustering(content)
    names = _kept_names(state, clustering)
    names.pop(number, None)
    if name.strip():
        names[number] = name.strip()
    try:
        state.mkdir(parents=True, exist_ok=True)
        write_json(state / NAMES, {"clustering": clustering, "names": {str(key): value for key, value in sorted(names.items())}})
    except OSError as error:
        raise storage_error(error, state / NAMES) from error
    return _named(clusters[number], names)["name"]


def _kept_names(state: Path, clustering: str) -> dict[int, str]:
    """The names that were given; none where they are of another clustering, or damaged."""
    try:
        content = read_json(state / NAMES, KEPT_NAMES)
        names = {int(key): str(name) for key, name in content["names"].items()}
    except (OSError, ShapeError, ValueError):
        return {}
    return names if content["clustering"] == clustering else {}


def _clustering(content: Exploration) -> str:
    """What tells one clustering from another: which image is in which cluster."""
    drawn = content["map"]
    words = "\n".join(f"{image_id} {cluster}" for image_id, cluster in zip(drawn["image_id"], drawn["cluster"], strict=True))
    return sha256(words.encode()).hexdigest()


def _clusters(content: Exploration) -> list[dict[str, Any]]:
    clusters: list[dict[str, Any]] = (content.get("clusters") or {}).get("clusters", [])
    return clusters


def _named(one: dict[str, Any], names: Mapping[int, str]) -> ClusterName:
    number = int(one["number"])
    words = names.get(number) or one.get("name") or ", ".join((one.get("words") or [])[:WORDS])
    return {"number": number, "name": str(words), "size": int(one["size"])}
