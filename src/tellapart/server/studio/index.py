"""What the page knows of every file, as columns: base64 of little-endian numbers, and names."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np

from tellapart.dataset.entry import PARTS
from tellapart.server.studio.documents import IndexView, StatesView
from tellapart.server.studio.workspace import NO_LABEL, Workspace


def index_view(workspace: Workspace) -> IndexView:
    """What never changes while the files stay as they are: names, parts and the labels that the folder gives."""
    folders: dict[str, int] = {}
    folder, files = [], []
    for row in workspace.undecided:
        head, _, tail = row.path.rpartition("/")
        folder.append(folders.setdefault(head, len(folders)))
        files.append(tail)
    codes = {name: code for code, name in enumerate(workspace.class_names)}
    original = [NO_LABEL if row.label is None else codes[row.label] for row in workspace.undecided]
    parts = [0 if row.part is None else 1 + PARTS.index(row.part) for row in workspace.undecided]
    return {
        "version": workspace.version,
        "folder": workspace.snapshot.root.name,
        "n": len(workspace),
        "names": {"folders": list(folders), "folder": packed(folder, np.int32), "files": files},
        "original": packed(original, np.int32),
        "part": packed(parts, np.uint8),
        "parts": PARTS,
        "notes": list(workspace.snapshot.notes),
    }


def states_view(workspace: Workspace) -> StatesView:
    """What is decided now: label and state of every file."""
    return {
        "version": workspace.version,
        "seq": workspace.seq,
        "class_names": list(workspace.class_names),
        "label": packed(workspace.labels, np.int32),
        "state": packed(workspace.states, np.uint8),
    }


def packed(values: Sequence[int] | np.ndarray[Any, Any], kind: Any) -> str:
    """Numbers as the page's ``columns.js`` reads them."""
    return base64.b64encode(np.asarray(values).astype(np.dtype(kind).newbyteorder("<")).tobytes()).decode("ascii")
