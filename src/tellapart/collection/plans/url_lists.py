"""Lists of URLs to download, as CSV, TSV, Parquet or plain text."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tellapart.array_types import IntArray
from tellapart.collection.candidates import Offer
from tellapart.collection.network.urls import canonical_url
from tellapart.collection.plans.plan import label_complaint, tidy_name
from tellapart.counts import count
from tellapart.dataset.delimited_files import TABLE_SUFFIXES, columns_found, is_parquet, named_rows, text_lines
from tellapart.errors import DataError, closest_name

LIST_SUFFIXES = (*TABLE_SUFFIXES, ".txt")
SHOWN = 3
"""How many lines a note names."""
HINT = "a list has a column url, a column label, and if you like group, license, creator, title, page"

COLUMNS = {
    "url": ("url", "image_url", "link"),
    "label": ("label", "class"),
    "group": ("group",),
    "license": ("license", "licence"),
    "license_url": ("license_url", "licence_url"),
    "creator": ("creator", "author"),
    "creator_url": ("creator_url", "author_url"),
    "title": ("title",),
    "page": ("page", "page_url"),
    "attribution": ("attribution",),
    "width": ("width",),
    "height": ("height",),
}
"""What is read, and the names its column may have, the first that is there; capitals do not matter. Other columns are passed over."""
_NUMBERS = ("width", "height")
_Row = tuple[int, dict[str, str]]


def listed_offers(file: Path, label: str | None, notes: list[str] | None = None) -> Iterator[tuple[str, Offer]]:
    """Each address of a list with its label, in its order; memory stays bounded (24 bytes a row).

    An address that is none is given like the others, as it is for the ledger to say why it is refused. Rows that cannot
    have a place there (no address, no label, a label that makes no folder) are left out, and told in ``notes``.

    Args:
        file: ``.csv``, ``.tsv``, ``.parquet``, or ``.txt`` with an address a line (lines that begin with ``#`` are comments).
        label: the class of rows that name none.
        notes: hears, when the list has been read to its end, of rows left out and of addresses that stand twice.

    Raises:
        DataError: the file cannot be read, lacks a column, or has no row that can be used.
    """
    suffix = file.suffix.lower()
    if suffix not in LIST_SUFFIXES:
        raise DataError(f"{file}: a list of addresses ends with {', '.join(LIST_SUFFIXES)}")
    default = tidy_name(label) if label is not None else ""
    if label is not None and (complaint := label_complaint(default)):
        raise DataError(f"{default!r} cannot be the name of a class: {complaint}")
    rows = _text_rows(file, not default) if suffix == ".txt" else named_rows(file, lambda header: _columns(file, header, not default))
    tally = _Tally("row" if is_parquet(file) else "line")
    for line, row in rows:
        row_label = tidy_name(row.pop("label", "")) or default
        url = row.pop("url", "")
        if reason := _left_out(url, row_label):
            tally.leave_out(line, reason)
        else:
            tally.count(line, url, row_label)
            yield row_label, _offer(url, row)
    sentences = tally.notes()
    if not tally.lines:
        raise DataError("\n".join([f"{file} lists no address that can be used", *sentences]), hint=HINT)
    if notes is not None:
        notes += [f"{file}: {sentence}" for sentence in sentences]


def _left_out(url: str, label: str) -> str | None:
    if not url:
        return "without an address"
    if not label:
        return "without a label (--label names one for them)"
    complaint = label_complaint(label)
    return f"whose label cannot be the name of a class: {complaint}" if complaint else None


def _offer(url: str, row: dict[str, str]) -> Offer:
    given: dict[str, Any] = {name: _number(value) if name in _NUMBERS else value for name, value in row.items()}
    return Offer(url=url, **given)


def _number(text: str) -> int | None:
    is_number = text.replace(".", "", 1).isdecimal() and len(text) < 10
    return int(float(text)) or None if is_number else None


def _text_rows(file: Path, needs_label: bool) -> Iterator[_Row]:
    if needs_label:
        raise DataError(f"{file}: a .txt list names no classes", hint="give --label NAME, or a .csv with the columns url and label")
    for line, text in text_lines(file):
        if (url := text.strip()) and not url.startswith("#"):
            yield line, {"url": url}


def _columns(file: Path, header: Sequence[str], needs_label: bool) -> dict[str, int]:
    """Which column holds what.

    Raises:
        DataError: the address or a label that is needed has none.
    """
    columns = columns_found(header, COLUMNS)
    missing = [what for what in ("url", "label") if what not in columns and (what == "url" or needs_label)]
    if missing:
        close = closest_name(missing[0], [name.lower() for name in header])
        raise DataError(
            f"{file} has no column {' and no column '.join(missing)}; its columns are {', '.join(header) or 'none'}",
            hint=close or ("give --label NAME for all of them" if missing == ["label"] else HINT),
        )
    return columns


@dataclass(slots=True)
class _Tally:
    """What there is to tell of a list once it has been read, 24 bytes a row."""

    place: str
    """What a place in the file is called: line or row."""
    lines: array[int] = field(default_factory=lambda: array("Q"))
    hashes: array[int] = field(default_factory=lambda: array("Q"))
    labels: array[int] = field(default_factory=lambda: array("Q"))
    numbers: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, tuple[int, list[int]]] = field(default_factory=dict)

    def count(self, line: int, url: str, label: str) -> None:
        digest = hashlib.blake2b(canonical_url(url)[0].encode(errors="surrogatepass"), digest_size=8).digest()
        self.lines.append(line)
        self.hashes.append(int.from_bytes(digest, "big"))
        self.labels.append(self.numbers.setdefault(label, len(self.numbers)))

    def leave_out(self, line: int, reason: str) -> None:
        number, first = self.left_out.get(reason, (0, []))
        self.left_out[reason] = number + 1, first if len(first) == SHOWN else [*first, line]

    def notes(self) -> list[str]:
        sentences = [
            f"{_rows(number)} left out, {reason} ({self._places(first, number)})" for reason, (number, first) in self.left_out.items()
        ]
        return sentences + self._repeats()

    def _repeats(self) -> list[str]:
        """Sentences on addresses that stand more than once, and on those with two labels."""
        import numpy as np

        hashes = np.frombuffer(self.hashes, np.uint64)
        order = np.argsort(hashes, kind="stable")
        again = np.flatnonzero(hashes[order][1:] == hashes[order][:-1])
        again = again[np.argsort(order[again + 1])]
        labels = np.frombuffer(self.labels, np.uint64)
        differs = labels[order[again]] != labels[order[again + 1]]
        kinds = (("under the same label", again[~differs]), ("under another label", again[differs]))
        return [self._pairs(order, pairs, words) for words, pairs in kinds if len(pairs)]

    def _pairs(self, order: IntArray, pairs: IntArray, words: str) -> str:
        first = [f"{self.lines[int(order[at])]} and {self.lines[int(order[at + 1])]}" for at in pairs[:SHOWN]]
        places = f"{self.place}s {', '.join(first)}{_more(len(pairs) - len(first))}"
        return f"{_rows(len(pairs))} with an address that an earlier row has {words} ({places})"

    def _places(self, first: Sequence[int], number: int) -> str:
        return f"{self.place}{'s' if number > 1 else ''} {', '.join(map(str, first))}{_more(number - len(first))}"


def _rows(number: int) -> str:
    return count(number, "row")


def _more(number: int) -> str:
    return f" and {number:,} more" if number else ""
