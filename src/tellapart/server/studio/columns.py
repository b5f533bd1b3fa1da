"""Columns for the page with the state of every file by folder, run, check and map: base64 of little-endian numbers, and names."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tellapart.array_types import FloatArray, IntArray
from tellapart.dataset.entry import PARTS
from tellapart.json_files import fields, read_json_of, several
from tellapart.predictions import Predictions
from tellapart.reports.leaderboard_page import ranked_row
from tellapart.reports.review_page import ReviewPayload, first_rows, review_payload
from tellapart.run_folder import Run
from tellapart.server.studio.cluster_names import exploration, named_clusters
from tellapart.server.studio.documents import (
    CheckView,
    IndexView,
    IssueCount,
    LeaderboardView,
    MapView,
    PredictionsView,
    RankedGroup,
    RankedRun,
    RunRow,
    StatesView,
    SuggestedView,
)
from tellapart.server.studio.workspace import NO_LABEL, Workspace
from tellapart.workflows.leaderboard import ListedRuns
from tellapart.workflows.review_view import ReviewRow, ReviewView


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
    """What is decided now: label, state and doubt of every file."""
    return {
        "version": workspace.version,
        "seq": workspace.seq,
        "class_names": list(workspace.class_names),
        "label": packed(workspace.labels, np.int32),
        "state": packed(workspace.states, np.uint8),
        "unsure": packed(workspace.unsure, np.uint8),
    }


def packed(values: Sequence[int] | np.ndarray[Any, Any], kind: Any) -> str:
    """Numbers as the page's ``columns.js`` reads them."""
    return base64.b64encode(np.asarray(values).astype(np.dtype(kind).newbyteorder("<")).tobytes()).decode("ascii")


FULL, UNKNOWN = 65534, 65535
"""Shares from 0 to 1 are sent as whole numbers up to FULL."""
REVIEW = fields({"header": fields({}), "issues": several(fields({})), "rows": several(fields({}))})


def predictions_view(workspace: Workspace, run: Run) -> PredictionsView:
    """What a run says of every file that it has seen.

    Training images are those predicted out of fold, by models that were not trained on them.

    Raises:
        StorageError: the predictions cannot be read.
    """
    n = len(workspace)
    predicted, part = np.full(n, -1, np.int32), np.zeros(n, np.uint8)
    confidence, own, margin = (np.full(n, np.nan) for _ in range(3))
    for predictions in (run.out_of_fold, run.predictions):
        if predictions is None:
            continue
        source, rows = _matched(workspace, predictions)
        codes = np.array(workspace.codes(predictions.class_names), np.int32)
        probabilities = predictions.probabilities[source]
        predicted[rows] = codes[probabilities.argmax(axis=1)]
        confidence[rows] = probabilities.max(axis=1)
        own[rows] = _own(workspace, codes, probabilities, rows)
        margin[rows] = _margins(probabilities)
        part[rows] = [_part(predictions.parts[number]) for number in source]
    return {
        "class_names": list(workspace.class_names),
        "n": int((predicted >= 0).sum()),
        "predicted": packed(predicted, np.int32),
        "part": packed(part, np.uint8),
        "confidence": _shares(confidence),
        "own": _shares(own),
        "margin": _shares(margin),
    }


def _part(name: str | None) -> int:
    return 1 + PARTS.index(name) if name in PARTS else 1


def _matched(workspace: Workspace, predictions: Predictions) -> tuple[IntArray, IntArray]:
    """Numbers of the predictions, and of the rows with the same image each is about."""
    source, rows = [], []
    for number, image_id in enumerate(predictions.image_ids):
        for row in workspace.numbers_of(image_id):
            source.append(number)
            rows.append(row)
    return np.array(source, np.int64), np.array(rows, np.int64)


def _own(workspace: Workspace, codes: IntArray, probabilities: FloatArray, rows: IntArray) -> FloatArray:
    """Probability of the label of now; 0 for a class that the run does not know, NaN without a label."""
    place_of = np.full(len(workspace.class_names), -1, np.int64)
    place_of[codes] = np.arange(len(codes))
    labels = workspace.labels[rows]
    columns = np.where(labels >= 0, place_of[labels], -1)
    own = np.where(columns >= 0, probabilities[np.arange(len(rows)), columns], 0.0)
    return np.asarray(np.where(labels >= 0, own, np.nan))


def _margins(probabilities: FloatArray) -> FloatArray:
    if probabilities.shape[1] < 2:
        return np.ones(len(probabilities))
    two = np.partition(probabilities, -2, axis=1)[:, -2:]
    return np.asarray(two[:, 1] - two[:, 0])


def _shares(values: FloatArray) -> str:
    whole = np.where(np.isnan(values), UNKNOWN, np.rint(np.clip(np.nan_to_num(values), 0, 1) * FULL))
    return packed(whole, np.uint16)


def run_view(run: Run) -> RunRow:
    """A run in a list."""
    metrics = run.metrics
    name, part = next(iter(metrics.parts.items()), (None, None))
    return {
        "name": run.name,
        "recipe": metrics.recipe,
        "backbone": metrics.backbone,
        "created": metrics.created,
        "seconds": metrics.seconds,
        "part": name,
        "n": part.n if part else None,
        "accuracy": part.accuracy.as_dict() if part else None,
        "log_loss": part.log_loss.as_dict() if part else None,
        "decisions": metrics.decisions or None,
    }


def leaderboard_view(listed: ListedRuns) -> LeaderboardView:
    """Runs ranked on the images they have in common, in words, with the interval of each."""
    entries = {entry.name: entry for entry in listed.runs}
    groups: list[RankedGroup] = []
    for group in listed.groups:
        rows = [(rank, entries[rank.name]) for rank in group.ranks]
        words = [ranked_row(rank.as_dict(), entry.as_dict(), group.n) for rank, entry in rows]
        intervals = [entry.accuracy.as_dict() if entry.accuracy else None for _, entry in rows]
        named: list[RankedRun] = [{**row, "interval": interval} for row, interval in zip(words, intervals, strict=True)]
        groups.append({"n": group.n, "images": Path(rows[0][1].images).name, "part": rows[0][1].part, "rows": named})
    return {"groups": groups, "notes": list(listed.notes), "unreadable": listed.unreadable}


def review_of(folder: Path) -> ReviewView | None:
    """The ``review.json`` of a check; None where there is none.

    Raises:
        StorageError: it is damaged.
    """
    review: ReviewView | None = read_json_of("check", folder / "review.json", REVIEW)
    return review


def check_view(workspace: Workspace, review: ReviewView) -> CheckView:
    """What a check says of every file that it names; nothing where it is about other images."""
    rows = _rows_of_review(workspace, review["rows"])
    issues = [issue for issue in review["issues"] if issue["n"]][:31]
    bits, suggested = np.zeros(len(workspace), np.int32), np.full(len(workspace), -1, np.int32)
    own, outlier = np.full(len(workspace), np.nan), np.full(len(workspace), np.nan)
    for bit, issue in enumerate(issues):
        bits[[rows[number] for number in issue["rows"] if rows[number] >= 0]] |= 1 << bit
    for number, row in zip(rows, review["rows"], strict=True):
        if number < 0:
            continue
        if row["suggested"] is not None:
            (suggested[number],) = workspace.codes([row["suggested"]])
        own[number] = np.nan if row["own_probability"] is None else row["own_probability"]
        outlier[number] = row["scores"].get("outlier", np.nan)
    if not (rows >= 0).any():
        return {"issues": None}
    named: list[IssueCount] = [
        {"name": one["name"], "title": one["title"], "n": int((bits >> k & 1).sum())} for k, one in enumerate(issues)
    ]
    return {
        "class_names": list(workspace.class_names),
        "made": review["header"].get("made"),
        "issues": named,
        "bits": packed(bits, np.int32),
        "suggested": packed(suggested, np.int32),
        "own": _shares(own),
        "outlier": _shares(outlier),
    }


def suggested_view(workspace: Workspace, review: ReviewView | None) -> SuggestedView:
    """The batch to label next; empty where there is none or it is about other images."""
    if review is None:
        return {"rows": [], "guessed": [], "made": None}
    numbers = _rows_of_review(workspace, review["rows"])
    there = [(int(number), row["suggested"]) for number, row in zip(numbers, review["rows"], strict=True) if number >= 0]
    return {"rows": [number for number, _ in there], "guessed": [name for _, name in there], "made": review["header"].get("made")}


def findings_view(workspace: Workspace, review: ReviewView) -> ReviewPayload | None:
    """What the review page shows of a check, with the number of each row here; None where it is about other images."""
    numbers = _rows_of_review(workspace, review["rows"])
    there = [index for index, number in enumerate(numbers) if number >= 0]
    if not there and review["rows"]:
        return None
    view = review_payload(first_rows(review, there))
    for row, index in zip(view["rows"], there, strict=True):
        row["number"] = int(numbers[index])
    return view


def _rows_of_review(workspace: Workspace, rows: Sequence[ReviewRow]) -> IntArray:
    """The number of each row of a review here, -1 for a file that is gone or has changed."""
    return _numbers(workspace, [row["path"] for row in rows], [row["image_id"] for row in rows])


def _numbers(workspace: Workspace, paths: Sequence[str], image_ids: Sequence[str | None]) -> IntArray:
    """The number of each file here, int64 (n,); -1 for one that is gone or has changed."""
    numbers = [workspace.number_of.get(path, -1) for path in paths]
    is_same = [
        number >= 0 and workspace.undecided[number].image_id == image_id for number, image_id in zip(numbers, image_ids, strict=True)
    ]
    return np.where(is_same, numbers, -1).astype(np.int64)


MAP_SIDE = 65535


def map_view(workspace: Workspace, folder: Path) -> MapView:
    """The map in the folder of ``explore``.

    Raises:
        StorageError: it is damaged.
    """
    content = exploration(folder)
    if content is None:
        return {"n": 0}
    drawn = content["map"]
    rows = _numbers(workspace, drawn["path"], drawn["image_id"])
    here = np.flatnonzero(rows >= 0)
    if not len(here):
        return {"n": 0}
    clusters = np.array([-1 if number is None else number for number in drawn["cluster"]], np.int64)
    coordinates = np.array([drawn["x"], drawn["y"]], np.float64)[:, here]
    low = coordinates.min(axis=1, keepdims=True)
    size = float((coordinates.max(axis=1, keepdims=True) - low).max()) or 1.0
    x, y = np.rint((coordinates - low) / size * MAP_SIDE)
    return {
        "n": len(here),
        "row": packed(rows[here], np.int32),
        "x": packed(x, np.uint16),
        "y": packed(y, np.uint16),
        "cluster": packed(clusters[here], np.int32),
        "clusters": named_clusters(workspace.snapshot.state, content),
        "made": content["header"].get("made"),
        "method": str(drawn.get("method", "")),
    }
