"""The map that the studio shows, beside what ``explore`` has written."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tellapart.errors import StorageError
from tellapart.server.studio.map_overlay import map_view
from tellapart.server.studio.studio import Studio
from tellapart.server.studio.workspace import Workspace


def explored(folder: Path, workspace: Workspace, **columns: Any) -> Path:
    """An ``explore.json`` of all readable files and of one that is gone."""
    rows = [row for row in workspace.undecided if row.image_id]
    n = len(rows) + 1
    drawn = {
        "method": "t-SNE",
        "x": [float(k) for k in range(n)],
        "y": [-2.0 * k for k in range(n)],
        "cluster": [k % 2 for k in range(n - 1)] + [None],
        "image_id": [row.image_id for row in rows] + ["0" * 64],
        "path": [row.path for row in rows] + ["gone.jpg"],
        **columns,
    }
    clusters = [{"number": 0, "name": None, "size": 5, "words": ["tabby", "fur", "paw", "sofa"]}, {"number": 1, "name": "dogs", "size": 4}]
    content = {"header": {"made": "2026-01-01"}, "map": drawn, "clusters": {"clusters": clusters}}
    folder.mkdir(exist_ok=True)
    (folder / "explore.json").write_text(json.dumps(content))
    return folder


def column(text: str, kind: str) -> list[int]:
    return [int(value) for value in np.frombuffer(base64.b64decode(text), kind)]


def test_every_image_has_its_place_and_cluster_and_one_that_is_gone_none(studio: Studio, tmp_path: Path) -> None:
    workspace = studio.workspace
    assert workspace is not None
    found = map_view(workspace, explored(tmp_path / "explore", workspace))
    readable = [number for number, row in enumerate(workspace.undecided) if row.image_id]
    assert found["n"] == len(readable) and column(found["row"], "<i4") == readable
    x, y = column(found["x"], "<u2"), column(found["y"], "<u2")
    assert max(y) == 65535 and max(x) == pytest.approx(65535 / 2, abs=1)  # one scale for both, so that shapes stay
    assert x == sorted(x) and y == sorted(y, reverse=True)
    assert column(found["cluster"], "<i4") == [k % 2 for k in range(len(readable))]
    assert [one["name"] for one in found["clusters"]] == ["tabby, fur, paw", "dogs"]


def test_no_map_and_one_of_other_images_are_none_and_a_damaged_one_is_said(studio: Studio, tmp_path: Path) -> None:
    workspace = studio.workspace
    assert workspace is not None
    assert map_view(workspace, tmp_path) == {"n": 0}
    ids = ["1" * 64] * (1 + sum(row.image_id is not None for row in workspace.undecided))
    assert map_view(workspace, explored(tmp_path / "explore", workspace, image_id=ids)) == {"n": 0}
    (tmp_path / "explore" / "explore.json").write_text("{")
    with pytest.raises(StorageError, match=r"explore\.json"):
        map_view(workspace, tmp_path / "explore")
