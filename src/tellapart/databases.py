"""SQLite files that several processes open at once."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence

PATIENCE_S, PAUSE_S = 60.0, 0.02


def write_ahead(db: sqlite3.Connection) -> None:
    """Let readers and one writer work at the same time (WAL).

    SQLite waits for its turn everywhere but here: where two processes do this to a new file at the same moment, one is told
    that the database is locked, whatever its timeout. So it is asked again.
    """
    end = time.monotonic() + PATIENCE_S
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > end:
                raise
            time.sleep(PAUSE_S)


def bring_up_to_date(db: sqlite3.Connection, migrations: Sequence[Callable[[sqlite3.Connection], None]]) -> None:
    """Run those migrations that a file has not seen, all or none; readers and one writer may then work at the same time.

    Args:
        db: the file; its ``user_version`` is the number of migrations it has seen.
        migrations: all there are, the oldest first.
    """
    write_ahead(db)
    db.execute("PRAGMA synchronous = NORMAL")
    if db.execute("PRAGMA user_version").fetchone()[0] < len(migrations):
        with db:
            db.execute("BEGIN IMMEDIATE")
            for step in migrations[db.execute("PRAGMA user_version").fetchone()[0] :]:
                step(db)
            db.execute(f"PRAGMA user_version = {len(migrations)}")
