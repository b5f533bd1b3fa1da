"""Class imbalance, undersampling, and confounding: classes whose images come from different sources.

Undersampling takes diverse images first, otherwise at random. Images are not selected by quality: as only the frequent classes
lose images, quality would then predict the class.
"""

from __future__ import annotations

import csv
import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tellapart.atomic_files import regular_file
from tellapart.counts import count
from tellapart.csv_writer import unguard_cell
from tellapart.dataset.file_rows import FileRow

TABLES = ("ATTRIBUTION.csv", "metadata.csv", "manifest.csv")
FILE_COLUMNS, SOURCE_COLUMNS = ("file_name", "path", "filename", "file"), ("source", "host", "site", "page", "url")
UNEQUAL, VERY_UNEQUAL = 1.5, 3.0
TELLING = 0.3
"""Cramér's V from which a property is reported as confounded with the class."""
LEAST_ROWS = 20
MOST_VALUES = 40
_PREFIX = re.compile(r"([^\W\d_]{2,})[ _.\-]*\d")


@dataclass(frozen=True)
class Origins:
    """Where files come from.

    Attributes:
        source_of: source by path.
        keyword_of: search keyword by path.
    """

    source_of: Mapping[str, str]
    keyword_of: Mapping[str, str]


def balance_sentence(counts: Mapping[str, int]) -> tuple[str, float] | None:
    """A sentence on the class sizes, and the largest over the smallest; None for fewer than two classes."""
    sizes = sorted(((number, name) for name, number in counts.items() if number), reverse=True)
    if len(sizes) < 2:
        return None
    (most, largest), (least, smallest) = sizes[0], sizes[-1]
    ratio = most / least
    if ratio < UNEQUAL:
        return f"the classes have about the same size ({least:,} to {most:,})", ratio
    sentence = f"{largest!r} has {count(most, 'image')} and {smallest!r} {least:,}, {ratio:.1f} times fewer"
    return sentence + ("; tellapart train --balance weights gives every class the same weight" if ratio >= VERY_UNEQUAL else ""), ratio


def origins(root: Path, rows: Sequence[FileRow]) -> Origins:
    """Sources and keywords from ``ATTRIBUTION.csv`` or a manifest, else sources from the prefixes of file names.

    Prefixes are used only if one of them occurs in several classes; otherwise they are class names.
    """
    for name in TABLES:
        from_table = _from_table(root / name, {row.path for row in rows})
        if from_table is not None and from_table.source_of:
            return from_table
    prefixes = {row.path: match[1].lower() for row in rows if (match := _PREFIX.match(row.path.rsplit("/", 1)[-1]))}
    classes: dict[str, set[str | None]] = {}
    for row in rows:
        if row.path in prefixes:
            classes.setdefault(prefixes[row.path], set()).add(row.label)
    is_of_use = len(classes) > 1 and max(map(len, classes.values())) > 1 and 2 * len(prefixes) > len(rows)
    return Origins(prefixes if is_of_use else {}, {})


def source_table(rows: Sequence[FileRow], values: Mapping[str, str]) -> list[tuple[str, Counter[str]]]:
    """Images per source and class, the largest source first; rare sources are combined."""
    counts: dict[str, Counter[str]] = {}
    for row in rows:
        if row.label is not None and row.path in values:
            counts.setdefault(values[row.path], Counter())[row.label] += 1
    order = sorted(counts, key=lambda value: (-counts[value].total(), value))
    table = [(value, counts[value]) for value in order[:MOST_VALUES]]
    rest = sum((counts[value] for value in order[MOST_VALUES:]), Counter())
    return table + ([(f"{count(len(order) - MOST_VALUES, 'other')}", rest)] if rest else [])


def telling_sentence(what: str, table: Sequence[tuple[str, Counter[str]]]) -> str | None:
    """A sentence if a property predicts the class; None if it does not, or if there are too few images."""
    strength = cramers_v([counts for _, counts in table])
    if strength is None or strength < TELLING:
        return None
    totals = sum((counts for _, counts in table), Counter())
    shares = [(counts[label] / totals[label], label, value) for value, counts in table for label in totals]
    spread = {value: _spread(value, shares) for value, _ in table}
    value = max(spread, key=lambda one: spread[one])
    (high, most), (low, least) = (
        max((s, label) for s, label, v in shares if v == value),
        min((s, label) for s, label, v in shares if v == value),
    )
    return (
        f"{what} alone predicts the class: {value} has {100 * high:.0f} % of {most!r} but {100 * low:.0f} % of {least!r};"
        " a classifier may learn that instead of the content of the images"
    )


def _spread(value: str, shares: Sequence[tuple[float, str, str]]) -> float:
    own = [share for share, _, other in shares if other == value]
    return max(own) - min(own)


def cramers_v(columns: Sequence[Counter[str]]) -> float | None:
    """Cramér's V with Bergsma's correction (2013), 0 (independent) to 1; None for too few images, classes or values."""
    labels = sorted(set().union(*columns)) if columns else []
    n = sum(counts.total() for counts in columns)
    if len(labels) < 2 or len(columns) < 2 or n < LEAST_ROWS:
        return None
    of_label = {label: sum(counts[label] for counts in columns) for label in labels}
    chi2 = sum(
        (counts[label] - counts.total() * of_label[label] / n) ** 2 / (counts.total() * of_label[label] / n)
        for counts in columns
        for label in labels
    )
    rows, values = len(labels), len(columns)
    phi = max(0.0, chi2 / n - (rows - 1) * (values - 1) / (n - 1))
    least = min(rows - (rows - 1) ** 2 / (n - 1), values - (values - 1) ** 2 / (n - 1)) - 1
    return min(1.0, (phi / least) ** 0.5) if least > 0 else None


def _from_table(file: Path, paths: set[str]) -> Origins | None:
    """Sources and keywords of the files listed in a table; None if there is no such table, or it has no file column."""
    try:
        with regular_file(file).open(newline="", encoding="utf-8-sig", errors="replace") as text:
            table = list(csv.DictReader(text))
    except (OSError, csv.Error):
        return None
    columns = {name.strip().lower(): name for name in (table[0] if table else {}) if name}
    named = next((columns[name] for name in FILE_COLUMNS if name in columns), None)
    from_where = [columns[name] for name in SOURCE_COLUMNS if name in columns]
    if named is None:
        return None
    sources: dict[str, str] = {}
    keywords: dict[str, str] = {}
    for row in table:
        path = (row.get(named) or "").strip().removeprefix("./")
        source = next((_site(value) for column in from_where if (value := unguard_cell((row.get(column) or "").strip()))), None)
        if path in paths:
            sources |= {path: source} if source else {}
            keywords |= {path: value} if (value := unguard_cell((row.get(columns.get("keyword", "")) or "").strip())) else {}
    return Origins(sources, keywords)


def _site(value: str) -> str:
    """The host of a URL; any other value unchanged."""
    return (urlsplit(value).hostname or value).removeprefix("www.") if "://" in value else value


def training_counts(rows: Sequence[FileRow]) -> dict[str, int]:
    """Number of used training images by class name."""
    counts = Counter(row.label for row in rows if row.is_used and row.part in ("train", None) and row.label is not None)
    return {str(label): count for label, count in sorted(counts.items(), key=lambda item: str(item[0]))}


def class_weight(counts: Mapping[str, int]) -> dict[str, float]:
    """Image weights by class that give every class the same total weight; 1 on average over images."""
    total = sum(counts.values())
    return {label: total / (len(counts) * count) for label, count in counts.items()}


def undersample(rows: Sequence[FileRow], most: int, *, better: Mapping[str, int], seed: int) -> list[FileRow]:
    """Leave out the training images beyond ``most`` per class, each with the reason.

    A class first loses further images of a group (copies of a photo, images of one object), the worse copies before the better
    ones, then images drawn by ``sha256(seed, group)``. Rows of other parts stay.

    Args:
        rows: with parts and groups.
        most: maximum number of training images per class.
        better: by path, the rank of a copy among its copies, 0 for the best; others are ordered by name.
        seed: of the drawing.
    """
    groups: dict[tuple[str, str], list[int]] = defaultdict(list)
    for number, row in enumerate(rows):
        if row.is_used and row.part == "train" and row.label is not None:
            groups[(row.label, row.group or row.path)].append(number)
    order: dict[str, list[tuple[int, bytes, int]]] = defaultdict(list)
    for (label, group), members in groups.items():
        drawn = hashlib.sha256(f"{seed}:{group}".encode("utf-8", "surrogateescape")).digest()
        ranked = sorted(members, key=lambda number: (better.get(rows[number].path, 0), rows[number].path))
        order[label] += [(rank, drawn, number) for rank, number in enumerate(ranked)]
    dropped = {number: rank for ranked in order.values() for rank, _, number in sorted(ranked)[most:]}
    reasons = ("left out to balance the classes", "left out to balance the classes: another of its group is kept")
    return [row.left_out(reasons[dropped[i] > 0]) if i in dropped else row for i, row in enumerate(rows)]
