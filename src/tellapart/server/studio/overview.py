"""The overview page: the classes, what was found and trained, and what to do next, with the gain to expect."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from urllib.parse import urlencode

import numpy as np

from tellapart.counts import count
from tellapart.dataset.entry import PARTS
from tellapart.errors import TellapartError
from tellapart.json_files import ShapeError, fields, maybe, read_json, text
from tellapart.parquet_files import ParquetError, parquet_rows
from tellapart.run_folder import Run
from tellapart.server.studio.columns import check_view, run_view
from tellapart.server.studio.documents import CheckView, ClassRow, IssueCount, NextStep, OverviewView
from tellapart.server.studio.studio import Studio
from tellapart.server.studio.workspace import STATES, Workspace

REPORT = fields({}, {"curve": maybe(fields({}, {"sentence": maybe(text())}))})
FEW_A_CLASS = 20
SHOWN_RUNS = 5


def overview_view(studio: Studio, workspace: Workspace) -> OverviewView:
    """The first page."""
    review: CheckView = check_view(workspace, check) if (check := studio.review()) is not None else {"issues": None}
    runs = studio.runs()
    changed = changed_since(workspace, runs[0]) if runs else 0
    classes = _classes(workspace)
    return {
        "n": len(workspace),
        "states": {name: int((workspace.states == code).sum()) for code, name in enumerate(STATES)},
        "unsure": int(workspace.unsure.sum()),
        "unlabeled": int(((workspace.labels < 0) & (workspace.states == 0)).sum()),
        "decisions": len({one.batch for one in workspace.decisions.in_effect}),
        "classes": classes,
        "parts": [part for code, part in enumerate(PARTS) if any(row["parts"][code] for row in classes)],
        "issues": review["issues"],
        "made": review.get("made"),
        "runs": [run_view(run) for run in runs[:SHOWN_RUNS]],
        "changed": changed,
        "next": list(_next_steps(workspace, classes, review["issues"], runs, changed)),
        "notes": list(workspace.snapshot.notes),
    }


def changed_since(workspace: Workspace, run: Run) -> int:
    """How many images were relabeled, excluded, restored or added since a run."""
    known: dict[str, tuple[str | None, bool]] = {}
    with suppress(OSError, ParquetError):
        for image_path, label, reason in parquet_rows(run.folder / "images.parquet", ["path", "label", "reason"]):
            known[image_path] = (label, (reason or "").startswith("excluded"))
    now = ((row.path, (row.label, row.is_excluded)) for row in workspace.rows if row.image_id is not None)
    return sum(known.get(path) != state for path, state in now)


def _classes(workspace: Workspace) -> list[ClassRow]:
    used = workspace.states == 0
    left_out = workspace.states == 1
    parts = np.array([0 if row.part is None else 1 + PARTS.index(row.part) for row in workspace.undecided], np.int64)
    classes: list[ClassRow] = []
    for code, name in enumerate(workspace.class_names):
        own = workspace.labels == code
        if own.any():
            by_part = np.bincount(parts[own & used], minlength=len(PARTS) + 1)[1:]
            classes.append({"name": name, "n": int((own & used).sum()), "excluded": int((own & left_out).sum()), "parts": by_part.tolist()})
    return classes


def _next_steps(
    workspace: Workspace, classes: Sequence[ClassRow], issues: Sequence[IssueCount] | None, runs: Sequence[Run], changed: int
) -> Iterator[NextStep]:
    """What to do next, the most urgent first."""
    unlabeled = int(((workspace.labels < 0) & (workspace.states == 0)).sum())
    usable = [row for row in classes if row["n"]]
    if unlabeled:
        yield _step(
            "label",
            f"Label {count(unlabeled, 'image')}",
            "They take no part in training until they have a label; piles of them can be named at once.",
            "/label",
        )
    if issues is None:
        yield _step(
            "check", "Look for what is wrong", "Wrong labels, copies, leaks and broken files; often the cheapest gain.", job="check"
        )
    elif named := [issue for issue in issues if issue["n"]]:
        words = ", ".join(f"{issue['title'].lower()} {issue['n']:,}" for issue in named[:4])
        yield _step("review", f"Review {count(len(named), 'finding')}", f"{words}.", "/review")
    if len(usable) < 2:
        return
    if not runs:
        yield _step(
            "train",
            "Train a first classifier",
            "A linear head on a frozen backbone: seconds to minutes, and a score to start from.",
            job="train",
        )
        return
    if changed:
        yield _step("retrain", f"{changed:,} {'image' if changed == 1 else 'images'} changed: retrain", _took(runs[0]), job="train")
    best = _best(runs)
    yield from _mistakes(best)
    if sentence := _curve_sentence(best):
        yield _step("more", "Collect more images", sentence)
    few = [row["name"] for row in usable if row["n"] < FEW_A_CLASS]
    if few:
        yield _step(
            "few",
            f"Add to {', '.join(few[:3])}{' …' if len(few) > 3 else ''}",
            f"A class of fewer than {FEW_A_CLASS} images can be learned little, and judged less.",
        )


def _best(runs: Sequence[Run]) -> Run:
    """The run with the lowest log loss."""

    def loss(run: Run) -> float:
        scores = run_view(run)["log_loss"]
        return scores["value"] if scores else math.inf

    return min(runs, key=loss)


def _step(key: str, title: str, why: str, href: str | None = None, *, job: str | None = None) -> NextStep:
    return {"key": key, "title": title, "why": why, "href": href, "job": job}


def _took(run: Run) -> str:
    seconds = run.metrics.seconds
    return f"{run.name} does not know of it" + (f"; it took {seconds:.0f} s, and features are kept." if seconds else ".")


def _mistakes(run: Run) -> Iterator[NextStep]:
    scores = run_view(run)
    if scores["n"] and scores["accuracy"]:
        wrong = round(scores["n"] * (1 - scores["accuracy"]["value"]))
        if wrong:
            link = "/gallery?" + urlencode({"run": run.name, "part": scores["part"], "show": "mistakes", "order": "loss"})
            images = count(scores["n"], f"{scores['part']} image")
            why = f"Of {images}; the worst are often wrong labels."
            yield _step("mistakes", f"Look at the {count(wrong, 'mistake')} of {run.name}", why, link)


def _curve_sentence(run: Run) -> str | None:
    with suppress(OSError, ShapeError, TellapartError):
        return (read_json(run.folder / "report.json", REPORT).get("curve") or {}).get("sentence")
    return None
