"""The issues an image can have, and the issue table: one row per file, one score per issue.

Scores are in [0, 1], lower is worse. For issues of degree, scores below :data:`BORDER` are an issue. For issues of fact (an
unreadable file, a copy), flagged files have scores below it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tellapart.array_types import BoolArray, FloatArray

BORDER = 0.5
EXCLUDE, RELABEL = "exclude", "relabel"


@dataclass(frozen=True)
class Issue:
    """One kind of issue.

    Attributes:
        name: used in tables and options.
        title: shown to people.
        explanation: one or two sentences.
        proposal: the proposed decision: ``exclude`` if the facts show an error (an unreadable file, a copy, a contradiction, a
            leak), ``relabel`` (by a person only), or None if the image may well be right.
        needs: ``file``, ``facts`` (one decoding), ``features`` (a network) or ``labels`` (features and labels).
    """

    name: str
    title: str
    explanation: str
    proposal: str | None = None
    needs: str = "facts"


ISSUES = (
    Issue("unreadable", "Unreadable", "The file cannot be read as an image; the reason is shown.", EXCLUDE, needs="file"),
    Issue("exact_duplicate", "Exact copies", "The same bytes occur again in the same class and part; the best copy is kept.", EXCLUDE),
    Issue("contradiction", "Contradictions", "The same image is in two classes, so one of the labels is wrong.", EXCLUDE),
    Issue("leak", "Leaks between parts", "A training image is also in the validation or test part, which inflates the scores.", EXCLUDE),
    Issue("near_duplicate", "Near-duplicates", "The same photo saved again, resized, cropped or mirrored; the best copy is kept.", EXCLUDE),
    Issue("placeholder", "Placeholders", "The same placeholder, such as 'image not available', occurs under several names.", EXCLUDE),
    Issue("small", "Too small", "The shorter side has fewer than about 64 pixels."),
    Issue("blurred", "Blurred", "Edges are wide even at 128 pixels: out of focus, motion blur, or enlarged from very few pixels."),
    Issue("dark", "Too dark", "Even the bright areas are nearly black."),
    Issue("bright", "Too bright", "Even the dark areas are nearly white."),
    Issue("flat", "Almost empty", "Nearly one color: blank, a plain graphic, or a failed rendering."),
    Issue("odd_aspect", "Odd aspect ratio", "One side is more than three times the other, so a square crop shows little of it."),
    Issue("gray", "Gray", "No color; harmless unless one class has many more of them than another."),
    Issue(
        "outlier",
        "Outliers",
        "Different from the other images of its class in the features of a network. Unusual does not mean wrong.",
        needs="features",
    ),
    Issue(
        "mislabeled",
        "Probably mislabeled",
        "Models that were not trained on it favor another class more than usual for images of that class.",
        proposal=RELABEL,
        needs="labels",
    ),
)
NAMES = tuple(issue.name for issue in ISSUES)
BY_NAME = {issue.name: issue for issue in ISSUES}


@dataclass(frozen=True, eq=False)
class Finding:
    """One issue over all n files.

    Attributes:
        scores: float64 (n,) in [0, 1], low = worse; NaN where it was not measured.
        is_issue: bool (n,).
        threshold: scores below it are an issue; None for issues of fact.
    """

    scores: FloatArray
    is_issue: BoolArray
    threshold: float | None = None

    @property
    def worst_first(self) -> list[int]:
        """Rows with the issue, the lowest score first."""
        rows = np.flatnonzero(self.is_issue)
        return [int(row) for row in rows[np.argsort(self.scores[rows], kind="stable")]]


def grade_findings(scores: FloatArray, threshold: float = BORDER) -> Finding:
    """The finding of an issue of degree from float (n,) scores; NaN is not an issue."""
    with np.errstate(invalid="ignore"):
        return Finding(scores, np.asarray(scores < threshold), threshold)


def certain(n: int, flagged: Mapping[int, float], measured: Sequence[int] | None = None) -> Finding:
    """The finding of an issue of fact.

    Args:
        n: number of files.
        flagged: score below :data:`BORDER` by row.
        measured: rows that were checked; None for all. They score 1 if not flagged; other rows score NaN.
    """
    scores = np.full(n, 1.0 if measured is None else np.nan)
    if measured is not None:
        scores[np.asarray(measured, np.int64)] = 1.0
    is_issue = np.zeros(n, bool)
    for row, score in flagged.items():
        scores[row], is_issue[row] = score, True
    return Finding(scores, is_issue)


@dataclass(frozen=True, eq=False)
class IssueTable:
    """All findings by issue; an issue that was not checked is absent."""

    findings: Mapping[str, Finding]

    @property
    def names(self) -> list[str]:
        """The issues that were checked, in the order of :data:`ISSUES`."""
        return [name for name in NAMES if name in self.findings]

    def of_row(self, row: int) -> list[str]:
        """The issues of one file."""
        return [name for name in self.names if self.findings[name].is_issue[row]]

    def scores(self, row: int) -> dict[str, float]:
        """The scores of one file, without those not measured."""
        scores = {name: float(self.findings[name].scores[row]) for name in self.names}
        return {name: score for name, score in scores.items() if not np.isnan(score)}


def combined_ranks(*scores: FloatArray) -> FloatArray:
    """Rank images by the product of their ranks by several scores.

    Images that are among the worst by two scores come before those that are among the worst by one.

    Args:
        *scores: float (n,) each, low = worse.

    Returns:
        float64 (n,) in (0, 1], low = worse; NaN where any score is NaN.
    """
    known = ~np.isnan(np.stack(scores)).any(axis=0)
    total = np.full(known.shape, np.nan)
    if known.any():
        total[known] = _shares(np.sum([np.log(_shares(one[known])) for one in scores], axis=0))
    return total


def _shares(values: FloatArray) -> FloatArray:
    """Ascending ranks over their number, (0, 1]; ties get the mean rank."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray(((last - (counts - 1) / 2) / len(values))[inverse])
