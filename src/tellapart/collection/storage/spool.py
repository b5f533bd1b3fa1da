"""The spool: where images wait on this machine until there are enough for a shard."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tellapart.atomic_files import one_at_a_time
from tellapart.collection.ledger import Ledger
from tellapart.collection.storage.shards import IMAGES_A_SHARD, pack
from tellapart.collection.storage.stores import Destination, Folder

SPOOL_FOLDER = "spool"
SHARDED_FROM = 1_000_000
"""Number of images above which they are packed by default."""


def is_sharded(state: Path, quotas: Mapping[str, int | None]) -> bool:
    """Whether this collection is packed: it has been so far, or so many images are wanted."""
    return (state / SPOOL_FOLDER).exists() or sum(wanted or 0 for wanted in quotas.values()) > SHARDED_FROM


def open_spool(state: Path) -> Folder:
    """The spool of a collection."""
    spool = Folder(state / SPOOL_FOLDER)
    spool.check()
    return spool


def pack_spool(ledger_file: Path, target: Destination, *, is_rest: bool, fewest: int = IMAGES_A_SHARD) -> int:
    """Pack what waits in the spool beside a ledger into shards of ``fewest`` images, with ``is_rest`` also what is left; how many shards.

    A shard is stored before the ledger says so, and the ledger says so before the spool is emptied: an interruption
    leads to the same shard again. One process packs at a time.

    Raises:
        StorageError: a shard cannot be made or stored; the images stay in the spool.
    """
    spool, done = open_spool(ledger_file.parent), 0
    with one_at_a_time(ledger_file.parent / SPOOL_FOLDER), Ledger(ledger_file) as ledger:
        while rows := _waiting(ledger, fewest, is_rest=is_rest):
            for shard in pack(rows, spool, target, _next_number(ledger), most_images=fewest):
                ids = {row["file_name"]: row["id"] for row in rows}
                ledger.move_files((ids[file], f"{shard.name}/{file}") for file in shard.files)
                ledger.requeue(ids[file] for file in shard.missing)
                for file in shard.files:
                    spool.remove(file)
                done += 1
        return done


def _waiting(ledger: Ledger, fewest: int, *, is_rest: bool) -> list[dict[str, Any]]:
    """The images of the next shard; none where there are not enough of them."""
    rows = ledger.rows(
        "SELECT *, file AS file_name FROM images WHERE status = 'kept' AND file NOT LIKE 'shard-%' ORDER BY id LIMIT ?", (fewest,)
    )
    found = [dict(row) for row in rows]
    return found if is_rest or len(found) >= fewest else []


def _next_number(ledger: Ledger) -> int:
    last = next(ledger.rows("SELECT max(file) AS file FROM images WHERE file LIKE 'shard-%'"))["file"]
    return 0 if last is None else int(last.partition(".")[0].removeprefix("shard-")) + 1
