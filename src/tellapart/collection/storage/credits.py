"""Credits: ATTRIBUTION.csv with the creator and license of every image, which is also a manifest.

``tellapart train photos/ATTRIBUTION.csv`` reads it: ``file_name``, ``label`` and ``group`` are what a manifest needs, so
images of one page or one observation stay together in a split.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from io import StringIO
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

from tellapart.collection.storage.stores import Destination
from tellapart.csv_writer import CsvWriter

ATTRIBUTION_FILE = "ATTRIBUTION.csv"
COLUMNS = (
    "file_name",
    "label",
    "group",
    "title",
    "creator",
    "creator_url",
    "source",
    "page",
    "url",
    "license",
    "license_url",
    "attribution",
    "sha256",
    "width",
    "height",
    "keyword",
)
OWN_COLUMNS = frozenset({"file_name", "label", "keyword", "sha256", "width", "height"})
"""Our own and the user's words; all others were written by strangers."""
_UNSEEN = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]+")
_ROWS_AT_ONCE = 1000


def attribution_parts(rows: Iterable[Mapping[str, object]]) -> Iterator[str]:
    """The table as CSV (:mod:`tellapart.csv_writer`), in parts of some thousand lines, the first with the names of the columns.

    Line breaks and other unseen characters in what strangers wrote become spaces. Labels and keywords are the user's own and stay.

    Args:
        rows: mappings with the keys :data:`COLUMNS`; absent ones and None become empty, further ones are passed over.
    """
    text = StringIO()
    writer = CsvWriter(text, COLUMNS)
    for number, row in enumerate(rows, start=1):
        writer.write([_cell(column, row.get(column)) for column in COLUMNS])
        if number % _ROWS_AT_ONCE == 0:
            yield text.getvalue()
            text.seek(0)
            text.truncate()
    yield text.getvalue()


def write_attribution(rows: Iterable[Mapping[str, object]], destination: Destination) -> None:
    """Write the table to ``ATTRIBUTION.csv`` atomically, row by row.

    Raises:
        StorageError: it cannot be written.
    """
    parts = attribution_parts(rows)
    first = next(parts)
    second = next(parts, None)
    if second is None:
        destination.put(ATTRIBUTION_FILE, _encoded(first))
        return
    with TemporaryDirectory(prefix="tellapart-") as folder:
        file = Path(folder) / ATTRIBUTION_FILE
        with open(file, "wb") as table:
            table.writelines(_encoded(part) for part in chain((first, second), parts))
        destination.put(ATTRIBUTION_FILE, file)


def _cell(column: str, value: object) -> str:
    text = "" if value is None else str(value)
    return text if column in OWN_COLUMNS else _UNSEEN.sub(" ", text).strip()


def _encoded(text: str) -> bytes:
    """UTF-8; halves of characters, which some pages hold, as escapes."""
    return text.encode("utf-8", "backslashreplace")
