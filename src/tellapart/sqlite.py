"""SQLite files that several processes open at once."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from functools import cache

Migration = Callable[[sqlite3.Connection], None]
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


class DamagedError(sqlite3.DatabaseError):
    """What is wrong with a file that SQLite itself can open."""

    sqlite_errorcode = sqlite3.SQLITE_CORRUPT


class NewerVersionError(DamagedError):
    """A file that has seen migrations which are not known here."""


def is_damage(error: sqlite3.DatabaseError) -> bool:
    """Whether the file is no database or a broken one, rather than locked, full or out of reach."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def bring_up_to_date(db: sqlite3.Connection, migrations: Sequence[Migration]) -> None:
    """Run those migrations that a file has not seen, all or none; readers and one writer may then work at the same time.

    Args:
        db: the file; its ``user_version`` is the number of migrations it has seen.
        migrations: all there are, the oldest first.

    Raises:
        NewerVersionError: it has seen more than there are.
        DamagedError: its pages or tables are not as they should be; the message names the table.
    """
    try:
        _bring_up_to_date(db, tuple(migrations))
    except UnicodeDecodeError as error:  # SQLite's own message repeats what it met in the file
        raise DamagedError("its tables are not as they were made") from error


def _bring_up_to_date(db: sqlite3.Connection, migrations: tuple[Migration, ...]) -> None:
    db.execute("PRAGMA trusted_schema = OFF")
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if not 0 <= version <= len(migrations):
        raise NewerVersionError(f"it has version {version}, and the newest that is known here is {len(migrations)}")
    write_ahead(db)
    db.execute("PRAGMA synchronous = NORMAL")
    if version < len(migrations):
        with db:
            db.execute("BEGIN IMMEDIATE")
            for step in migrations[db.execute("PRAGMA user_version").fetchone()[0] :]:
                step(db)
            db.execute(f"PRAGMA user_version = {len(migrations)}")
    _check(db, migrations)


def _check(db: sqlite3.Connection, migrations: tuple[Migration, ...]) -> None:
    """See that pages and tables are whole."""
    (verdict,) = db.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise DamagedError(_with_table(db, str(verdict)))
    found, expected = _structure(db), _expected(migrations)
    for name in sorted(found.keys() | expected.keys()):
        if found.get(name) != expected.get(name):
            raise DamagedError(f"{name} is not as it was made")


def _with_table(db: sqlite3.Connection, verdict: str) -> str:
    """A verdict of SQLite's with the name of the first table that it holds for."""
    words = " ".join(verdict.replace("*** in database main ***", "").split())
    for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        try:
            (own,) = db.execute(f"PRAGMA quick_check({_quoted(name)})").fetchone()
        except sqlite3.DatabaseError as error:
            own = str(error)
        if own != "ok":
            return f"table {name}: {words}"
    return words


def _structure(db: sqlite3.Connection) -> dict[str, object]:
    """Tables with names and types of their columns, and whatever else there is by its statement."""
    rows = db.execute("SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'").fetchall()
    return {
        f"{kind} {name}": tuple(row[1:4] for row in db.execute(f"PRAGMA table_info({_quoted(name)})")) if kind == "table" else sql
        for kind, name, sql in rows
    }


@cache
def _expected(migrations: tuple[Migration, ...]) -> dict[str, object]:
    db = sqlite3.connect(":memory:")
    try:
        for step in migrations:
            step(db)
        return _structure(db)
    finally:
        db.close()


def _quoted(name: object) -> str:
    return '"' + str(name).replace('"', '""') + '"'
