"""The issues an image can have, and the table that says which has which: a row a file, a score an issue.

Every score lies in [0, 1], and lower is worse. Where an issue is a matter of degree, :data:`BORDER` divides: what lies
below it is an issue. Where it is a matter of fact (a file that cannot be read, a copy), the flagged files lie below it.
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
    """One thing that can be wrong with an image.

    Attributes:
        name: in tables and options.
        title: for people.
        explanation: a sentence.
        proposal: what is proposed to do about it: ``exclude`` where the facts show an error (a file that cannot be read, a copy, a
            wrong label, a leak), ``relabel`` (by a person only), or None: what is only strange may well be right.
        needs: ``file``, ``facts`` (one decoding), ``features`` (a network) or ``labels`` (features and labels).
    """

    name: str
    title: str
    explanation: str
    proposal: str | None = None
    needs: str = "facts"


ISSUES = (
    Issue("unreadable", "Unreadable", "The file cannot be read as an image; the reason stands with it.", EXCLUDE, needs="file"),
    Issue("exact_duplicate", "Exact copies", "The same bytes lie elsewhere in the same class and part; the best one is kept.", EXCLUDE),
    Issue("contradiction", "Contradictions", "The same image stands in two classes, so one of the labels is wrong.", EXCLUDE),
    Issue("leak", "Leaks between parts", "A training image is also in a part that is reported, so the numbers would flatter.", EXCLUDE),
    Issue("near_duplicate", "Near-duplicates", "The same photo saved again, resized, cropped or mirrored; the best copy is kept.", EXCLUDE),
    Issue("placeholder", "Placeholders", "The same stand-in, such as 'image not available', came for several names.", EXCLUDE),
    Issue("small", "Too small", "The shorter side has fewer than about 64 pixels."),
    Issue("blurred", "Blurred", "Edges are wide even at 128 pixels: out of focus, shaken, or enlarged from very little."),
    Issue("dark", "Too dark", "Even the bright places are nearly black."),
    Issue("bright", "Too bright", "Even the dark places are nearly white."),
    Issue("flat", "Next to nothing in it", "One tone fills the image: blank, a plain graphic, or a failed rendering."),
    Issue("odd_aspect", "Odd shape", "One side is more than three times the other, so a square shows little of it."),
    Issue("gray", "Gray", "Without color; harmless unless one class has many more of them than another."),
    Issue("outlier", "Outliers", "Unlike the other images of its class, as a network sees them. Strange is not wrong.", needs="features"),
    Issue(
        "mislabeled",
        "Probably mislabeled",
        "Models that did not learn from it are surer of another class than they usually are of images that belong there.",
        proposal=RELABEL,
        needs="labels",
    ),
)
NAMES = tuple(issue.name for issue in ISSUES)
BY_NAME = {issue.name: issue for issue in ISSUES}


@dataclass(frozen=True, eq=False)
class Finding:
    """One issue over all files.

    Attributes:
        scores: float (n,) in [0, 1], low = worse; NaN where it was not measured.
        is_issue: bool (n,).
        threshold: below which a score is an issue; None where facts decide.
    """

    scores: FloatArray
    is_issue: BoolArray
    threshold: float | None = None

    @property
    def worst_first(self) -> list[int]:
        """Rows that have the issue, the lowest score first."""
        rows = np.flatnonzero(self.is_issue)
        return [int(row) for row in rows[np.argsort(self.scores[rows], kind="stable")]]


def grade_findings(scores: FloatArray, threshold: float = BORDER) -> Finding:
    """The finding of an issue that is a matter of degree; NaN is none."""
    with np.errstate(invalid="ignore"):
        return Finding(scores, np.asarray(scores < threshold), threshold)


def certain(n: int, flagged: Mapping[int, float], measured: Sequence[int] | None = None) -> Finding:
    """The finding of an issue that is a matter of fact.

    Args:
        n: number of files.
        flagged: score below :data:`BORDER` by row.
        measured: rows it was looked for in; None for all. They score 1 where not flagged, the others NaN.
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
    """All findings, in the order of :data:`ISSUES`; one that was not looked for is absent."""

    findings: Mapping[str, Finding]

    @property
    def names(self) -> list[str]:
        """What was looked for."""
        return [name for name in NAMES if name in self.findings]

    def of_row(self, row: int) -> list[str]:
        """The issues of one file."""
        return [name for name in self.names if self.findings[name].is_issue[row]]

    def scores(self, row: int) -> dict[str, float]:
        """The scores of one file, those not measured left out."""
        found = {name: float(self.findings[name].scores[row]) for name in self.names}
        return {name: score for name, score in found.items() if not np.isnan(score)}
