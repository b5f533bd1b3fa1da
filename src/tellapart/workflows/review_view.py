"""The result of a check as data for the review page and as CSV."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NotRequired, TypedDict

import numpy as np

from tellapart.csv_writer import csv_file
from tellapart.curation.issues import BY_NAME
from tellapart.dataset.catalog import STATE_FOLDER
from tellapart.dataset.entry import PARTS
from tellapart.dataset.file_rows import FileRow
from tellapart.printable import printable
from tellapart.version import __version__

if TYPE_CHECKING:
    from tellapart.analyzed_folder import AnalyzedFolder
    from tellapart.workflows.check_run import CheckFindings

COLUMNS = ("path", "image_id", "label", "part", "status", "reason", "width", "height", "size_bytes", "issues")
LABEL_COLUMNS = ("suggested", "probability", "own_probability", "doubt")
DIGITS = 6
MOST_DOUBTFUL = 200
"""So many labels are ranked on the page, or all that are probably wrong if those are more."""


class ReviewHeader(TypedDict):
    """The header of the review page; ``state`` only where the state lies elsewhere than usual."""

    folder: str
    root: str
    state: NotRequired[str]
    files: int
    images: int
    class_names: list[str]
    parts: list[str]
    tellapart: str
    made: str
    backbone: str | None


class IssueView(TypedDict):
    """An issue with its rows, the worst first."""

    name: str
    title: str
    explanation: str
    n: int
    threshold: float | None
    rows: list[int]
    proposal: str | None


class SuggestedLabel(TypedDict):
    """The label that out-of-fold predictions suggest, its probability and that of the own label; None where nothing is known."""

    suggested: str | None
    probability: float | None
    own_probability: float | None


class FileFacts(TypedDict):
    """What is known of a file before anything is judged."""

    path: str
    image_id: str | None
    label: str | None
    part: str | None
    width: int | None
    height: int | None
    size_bytes: int
    status: str
    reason: str | None


class ReviewRow(FileFacts, SuggestedLabel):
    """A file that the page shows, with its score for each issue."""

    scores: dict[str, float | None]


class ReviewGroup(TypedDict):
    """Duplicates, by row; ``best`` is the one to keep."""

    kind: str
    rows: list[int]
    best: int
    similarity: float
    why: str


class ReviewedClass(TypedDict):
    """A class with its images, and of each issue how many of them have it."""

    name: str
    images: int
    issues: dict[str, int]


class ReviewView(TypedDict):
    """The content of ``review.json``; rows are given by their place in ``rows``."""

    header: ReviewHeader
    issues: list[IssueView]
    rows: list[ReviewRow]
    groups: list[ReviewGroup]
    doubtful: list[int]
    classes: list[ReviewedClass]
    balance: dict[str, Any] | None
    sources: list[dict[str, Any]]
    sources_sentence: str | None
    notes: list[str]


def review_view(
    analyzed: AnalyzedFolder, findings: CheckFindings, decided: Sequence[FileRow], *, folder: str, backbone: str | None
) -> ReviewView:
    """The view of the review page (docs/reference/review.md).

    Args:
        analyzed: the folder.
        findings: what is wrong.
        decided: its rows with the decisions of now.
        folder: as the user named it.
        backbone: the network's name, or None.
    """
    numbers: dict[str, list[int]] = defaultdict(list)
    for number, row in enumerate(findings.rows):
        numbers[row.path].append(number)
    groups = [(kind, group, [number for path in dict.fromkeys(group.paths) for number in numbers[path]]) for kind, group in findings.groups]
    flagged = {number for name in findings.table.names for number in findings.table.findings[name].worst_first}
    doubtful = _doubtful(findings)
    shown = sorted(flagged.union(doubtful, *(members for _, _, members in groups)))
    position_of = {number: position for position, number in enumerate(shown)}
    return {
        "header": review_header(analyzed, findings.used, list(findings.counts), folder=folder, backbone=backbone),
        "issues": [_issue(findings, name, position_of) for name in findings.table.names],
        "rows": [_row(findings, decided[number], number) for number in shown],
        "groups": [
            {
                "kind": kind,
                "rows": [position_of[number] for number in members],
                "best": position_of[numbers[group.best][0]],
                "similarity": round(group.similarity, 4),
                "why": group.why,
            }
            for kind, group, members in groups
        ],
        "doubtful": [position_of[number] for number in doubtful],
        "classes": _classes(findings),
        "balance": dict(zip(("sentence", "ratio"), findings.balance, strict=True)) if findings.balance else None,
        "sources": [{"source": source, "classes": dict(counts)} for source, counts in findings.sources],
        "sources_sentence": findings.sources_sentence,
        "notes": [
            *analyzed.notes,
            *findings.notes,
            *(f"{BY_NAME[name].title.lower()}: not looked for; {why}" for name, why in findings.skipped.items()),
        ],
    }


def _doubtful(findings: CheckFindings) -> list[int]:
    """Numbers of the files whose label is doubted, the most doubtful first: the probable errors and as many again as deserve a look."""
    finding = findings.table.findings.get("mislabeled")
    if finding is None or findings.doubts is None:
        return []
    order = [int(number) for number in np.argsort(finding.scores, kind="stable") if not np.isnan(finding.scores[number])]
    doubted = [
        number for number in order if number in findings.doubted and _of_label(findings, number)["suggested"] != findings.rows[number].label
    ]
    return doubted[: max(MOST_DOUBTFUL, int(finding.is_issue.sum()))]


def write_issues(path: Path, findings: CheckFindings, decided: Sequence[FileRow]) -> None:
    """Write the table as CSV (RFC 4180): a row a file, a column a score (empty where not measured), lower is worse."""
    names = findings.table.names
    with csv_file(path, [*COLUMNS, *names, *LABEL_COLUMNS]) as writer:
        for number, row in enumerate(decided):
            scores, suggestion = findings.table.scores(number), _of_label(findings, number)
            doubt = findings.doubt[number]
            writer.write(
                [
                    row.path,
                    *(_cell(getattr(row, column)) for column in COLUMNS[1:-1]),
                    " ".join(findings.table.of_row(number)),
                    *(_cell(_rounded(scores.get(name))) for name in names),
                    *map(_cell, (suggestion["suggested"], suggestion["probability"], suggestion["own_probability"])),
                    _cell(_rounded(None if np.isnan(doubt) else float(doubt))),
                ]
            )


def review_header(
    analyzed: AnalyzedFolder, used: Sequence[FileRow], class_names: Sequence[str], *, folder: str, backbone: str | None
) -> ReviewHeader:
    """The header of a review page's view.

    Args:
        analyzed: the folder.
        used: its used files.
        class_names: to label with.
        folder: as the user named it.
        backbone: the network's name, or None.
    """
    root = analyzed.dataset.root
    usual = analyzed.state == root / STATE_FOLDER
    header: ReviewHeader = {
        "folder": printable(folder),
        "root": printable(str(root)),
        "files": len(analyzed.rows),
        "images": len({row.image_id for row in used}),
        "class_names": list(class_names),
        "parts": [part for part in PARTS if any(row.part == part for row in used)],
        "tellapart": __version__,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "backbone": backbone,
    }
    if not usual:
        header["state"] = printable(str(analyzed.state))
    return header


def _issue(check: CheckFindings, name: str, position_of: dict[int, int]) -> IssueView:
    issue, finding = BY_NAME[name], check.table.findings[name]
    rows = [position_of[number] for number in finding.worst_first]
    return {
        "name": name,
        "title": issue.title,
        "explanation": issue.explanation,
        "n": len(rows),
        "threshold": finding.threshold,
        "rows": rows,
        "proposal": issue.proposal,
    }


def file_facts(row: FileRow) -> FileFacts:
    """The facts of a file's row."""
    return {
        "path": row.path,
        "image_id": row.image_id,
        "label": row.label,
        "part": row.part,
        "width": row.width,
        "height": row.height,
        "size_bytes": row.size_bytes,
        "status": row.status,
        "reason": row.reason,
    }


def _row(findings: CheckFindings, row: FileRow, number: int) -> ReviewRow:
    return {
        **file_facts(row),
        "scores": {name: _rounded(score) for name, score in findings.table.scores(number).items()},
        **_of_label(findings, number),
    }


def _of_label(findings: CheckFindings, number: int) -> SuggestedLabel:
    """The suggested label with its probability, and that of the file's own; None where nothing is known."""
    row = findings.doubted.get(number)
    if row is None or findings.doubts is None:
        return {"suggested": None, "probability": None, "own_probability": None}
    suggested = int(findings.doubts.suggested[row])
    own = findings.class_names.index(findings.rows[number].label or "")
    chances = findings.doubts.probabilities[row]
    return {
        "suggested": findings.class_names[suggested],
        "probability": _rounded(float(chances[suggested])),
        "own_probability": _rounded(float(chances[own])),
    }


def _classes(findings: CheckFindings) -> list[ReviewedClass]:
    issues: dict[str, dict[str, int]] = {label: {} for label in findings.counts}
    for name in findings.table.names:
        for number in findings.table.findings[name].worst_first:
            own = issues.get(findings.rows[number].label or "")
            if own is not None:
                own[name] = own.get(name, 0) + 1
    return [{"name": label, "images": number, "issues": issues[label]} for label, number in findings.counts.items()]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DIGITS)


def _cell(value: object) -> object:
    return "" if value is None else value
