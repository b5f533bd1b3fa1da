"""Whether a collection is sound: rows and files agree, and nothing is there twice. For tests and benchmarks."""

from __future__ import annotations

import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any

from tellapart.collection.storage.stores import Destination


def rows(ledger: Path) -> list[dict[str, Any]]:
    db = sqlite3.connect(ledger)
    db.row_factory = sqlite3.Row
    try:
        return [dict(row) for row in db.execute("SELECT * FROM images")]
    finally:
        db.close()


def complaints(ledger: Path, destination: Destination, *, good: int | None = None) -> list[str]:
    """What is not as it must be whenever a collecting stopped; with ``good``, the number to be kept, what is not as at its end."""
    found = rows(ledger)
    files = {name for name in destination.listed() if name.endswith(".jpg")}
    kept = {row["file"]: row for row in found if row["status"] == "kept"}
    planned = {row["file"] for row in found if row["file"]}
    said = [f"lost: {name}" for name in kept.keys() - files] + [f"no row: {name}" for name in files - planned]
    said += [f"half a file: {name}" for name in kept.keys() & files if destination.size(name) != kept[name]["size_bytes"]]
    said += [f"twice: {what}" for what, n in Counter(row["url"] for row in found).items() if n > 1]
    said += [f"twice: {what}" for what, n in Counter(row["sha256"] for row in kept.values()).items() if n > 1]
    if good is not None:
        said += [f"unfinished: {row['url']}" for row in found if row["status"] in ("busy", "queued", "waiting")]
        said += [f"{len(kept)} kept, not {good}"] if len(kept) != good else []
    return said
