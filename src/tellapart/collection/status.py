"""Status of a collection, read from its ledger: counts, shares, and the reasons of failures."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tellapart.collection.ledger import BUSY, DUPLICATE, KEPT, QUEUED, REFUSED, WAITING, Ledger
from tellapart.collection.planner import SourceCounts
from tellapart.collection.search_cursors import OPEN
from tellapart.results import Result

MOST_REASONS = 20

_ADVICE = (
    ("403", "blocked: ask it more slowly (--per-host 1), or leave that host out"),
    ("401", "wants a login"),
    ("429", "too many requests: run the same command again later"),
    ("404", "gone"),
    ("410", "gone"),
    ("not an image", "not an image, whatever its name says"),
    ("timed out", "slow: run the same command again"),
    (r"^address \S+ (is|stands)", "an address inside a network is never asked (--allow-private)"),
    ("opted out", "its owner does not want it used for this; respected"),
    ("fewer than", "too small for --min-side"),
    ("cut off", "broken on the way: tried again on the next run"),
    ("damaged", "a broken file"),
)


@dataclass(frozen=True, kw_only=True)
class ClassStatus(Result):
    """The progress of one class."""

    label: str
    wanted: int | None
    kept: int = 0
    duplicates: int = 0
    refused: int = 0
    waiting: int = 0
    queued: int = 0
    sources: dict[str, int] = field(default_factory=dict)
    """Images kept, by source."""


@dataclass(frozen=True, kw_only=True)
class FailureReason(Result):
    """URLs that failed for one reason at one host."""

    number: int
    host: str
    reason: str
    status: str
    advice: str


@dataclass(frozen=True, kw_only=True)
class CollectionStatus(Result):
    """The state of a collection."""

    classes: tuple[ClassStatus, ...]
    reasons: tuple[FailureReason, ...]
    """The most frequent first."""
    more_reasons: int
    """Addresses that failed for reasons not listed."""
    searches: dict[str, dict[str, int]]
    """By source: slices by their state."""
    search_failures: tuple[tuple[str, str, int], ...]
    """Source, reason, number of slices."""
    in_two_classes: int
    """Addresses that were offered for two classes; the first one counts."""
    next_try: float | None
    """When the first of the waiting may be tried again, in seconds since 1970."""


@dataclass(frozen=True, kw_only=True)
class CollectResult(CollectionStatus):
    """What was collected."""

    out: str
    """The folder or bucket."""
    short: dict[str, list[str]]
    """By class: why it has not reached its number, in sentences."""
    shards: int
    """Number of tar files."""
    uneven: list[str]
    """Sentences on classes that got different shares of their images from a source."""
    notes: list[str]
    """Notes for the user."""
    ledger: Path
    """The database of the collection."""
    new: int = 0
    """Images collected by this call."""
    seconds: float = 0.0
    """How long it took."""


def read_status(ledger: Ledger) -> CollectionStatus:
    """The status of the collection in ``ledger``."""
    tallies = _tallies(ledger)
    quotas = ledger.quotas()
    labels = [*quotas, *sorted({label for label, _, _ in tallies} - quotas.keys())]
    reasons = [
        FailureReason(number=row["number"], host=row["host"], reason=row["reason"], status=row["status"], advice=advice(row["reason"]))
        for row in ledger.rows(
            "SELECT count(*) AS number, host, reason, status FROM images WHERE status IN ('refused', 'waiting') AND reason IS NOT NULL"
            " GROUP BY host, reason, status ORDER BY number DESC, host, reason"
        )
    ]
    two = next(ledger.rows("SELECT count(*) AS number FROM images WHERE other_label IS NOT NULL"))["number"]
    failures = ledger.rows(
        "SELECT source, reason, count(*) AS number FROM cells WHERE reason IS NOT NULL AND status IN ('failed', 'open')"
        " GROUP BY source, reason ORDER BY number DESC"
    )
    return CollectionStatus(
        classes=tuple(_class_standing(label, quotas.get(label), tallies) for label in labels),
        reasons=tuple(reasons[:MOST_REASONS]),
        more_reasons=sum(reason.number for reason in reasons[MOST_REASONS:]),
        searches=_searches(ledger),
        search_failures=tuple((row["source"], row["reason"], row["number"]) for row in failures),
        in_two_classes=two,
        next_try=next(ledger.rows("SELECT min(next_try) AS soonest FROM images WHERE status = 'waiting'"))["soonest"],
    )


def source_counts(ledger: Ledger) -> dict[str, dict[str, SourceCounts]]:
    """What each class has from each source; classes without anything are there too."""
    counts: dict[str, dict[str, dict[str, Any]]] = {label: {} for label in ledger.quotas()}
    names = {KEPT: "kept", BUSY: "busy", QUEUED: "queued", WAITING: "queued"}
    for (label, source, status), number in _tallies(ledger).items():
        one = counts.setdefault(label, {}).setdefault(source, {})
        if status in names:
            one[names[status]] = one.get(names[status], 0) + number
    for row in ledger.rows("SELECT DISTINCT label, source FROM cells WHERE status = ?", (OPEN,)):
        counts.setdefault(row["label"], {}).setdefault(row["source"], {})["is_open"] = True
    return {label: {source: SourceCounts(**one) for source, one in sources.items()} for label, sources in counts.items()}


def next_chances(ledger: Ledger) -> dict[tuple[str, str, bool], float]:
    """When more can be had, in seconds since 1970: by class, source, and whether by searching (else by fetching).

    What another collector has claimed does not count.
    """
    due = {}
    for row in ledger.rows("SELECT label, source, min(next_try) AS due FROM cells WHERE status = 'open' AND owner IS NULL GROUP BY 1, 2"):
        due[row["label"], row["source"], True] = row["due"]
    for row in ledger.rows(
        "SELECT label, source, min(coalesce(next_try, 0)) AS due FROM images WHERE status IN ('queued', 'waiting') GROUP BY 1, 2"
    ):
        due[row["label"], row["source"], False] = row["due"]
    return due


def kept_rows(ledger: Ledger) -> Iterator[dict[str, str | int | float | None]]:
    """Every kept image with what attribution needs, by class and file."""
    for row in ledger.rows("SELECT *, file AS file_name FROM images WHERE status = 'kept' ORDER BY label, file"):
        yield dict(row)


def slice_ends(ledger: Ledger, label: str) -> dict[str, dict[str, int]]:
    """By source: the slices of a class by their state."""
    ends: dict[str, dict[str, int]] = {}
    for row in ledger.rows("SELECT source, status, count(*) AS number FROM cells WHERE label = ? GROUP BY source, status", (label,)):
        ends.setdefault(row["source"], {})[row["status"]] = row["number"]
    return ends


def advice(reason: str) -> str:
    """Advice about a reason, or nothing."""
    return next((words for sign, words in _ADVICE if re.search(sign, reason)), "")


def _tallies(ledger: Ledger) -> dict[tuple[str, str, str], int]:
    rows = ledger.rows("SELECT label, source, status, number FROM tally WHERE number > 0")
    return {(row["label"], row["source"], row["status"]): row["number"] for row in rows}


def _class_standing(label: str, wanted: int | None, tallies: dict[tuple[str, str, str], int]) -> ClassStatus:
    def of(*statuses: str) -> int:
        return sum(number for (name, _, status), number in tallies.items() if name == label and status in statuses)

    sources = {source: number for (name, source, status), number in sorted(tallies.items()) if name == label and status == KEPT}
    return ClassStatus(
        label=label,
        wanted=wanted,
        kept=of(KEPT),
        duplicates=of(DUPLICATE),
        refused=of(REFUSED),
        waiting=of(WAITING),
        queued=of(QUEUED, BUSY),
        sources=sources,
    )


def _searches(ledger: Ledger) -> dict[str, dict[str, int]]:
    searches: dict[str, dict[str, int]] = {}
    for row in ledger.rows("SELECT source, status, count(*) AS number FROM cells GROUP BY source, status ORDER BY source, status"):
        searches.setdefault(row["source"], {})[row["status"]] = row["number"]
    return searches
