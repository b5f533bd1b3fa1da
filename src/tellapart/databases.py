"""SQLite files that several processes open at once."""

from __future__ import annotations

import sqlite3
import time

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
