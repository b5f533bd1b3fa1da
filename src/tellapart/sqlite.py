"""SQLite files that several processes open concurrently: WAL, migrations and integrity checks."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from functools import cache

Migration = Callable[[sqlite3.Connection], None]
PATIENCE_S, PAUSE_S = 60.0, 0.02


def write_ahead(db: sqlite3.Connection) -> None:
    """Let readers and one writer work at the same time (WAL).

    SQLite's timeout does not apply here: if two processes set the mode of a new file at once, one gets "database is locked".
    So it is tried again.
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
    """A file that SQLite can open, but whose content is damaged."""

    sqlite_errorcode = sqlite3.SQLITE_CORRUPT


class NewerVersionError(DamagedError):
    """A file with migrations of a newer version of tellapart."""


def is_damage(error: sqlite3.DatabaseError) -> bool:
    """Whether the file is not a database or a damaged one, rather than locked, full or inaccessible."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def bring_up_to_date(db: sqlite3.Connection, migrations: Sequence[Migration]) -> None:
    """Run the pending migrations, all or none, and switch to WAL.

    Args:
        db: the file; its ``user_version`` is the number of migrations that were run.
        migrations: all migrations, the oldest first.

    Raises:
        NewerVersionError: more migrations were run than are known.
        DamagedError: its pages or tables are damaged; the message names the table.
    """
    try:
        _bring_up_to_date(db, tuple(migrations))
    except UnicodeDecodeError as error:  # SQLite's own message repeats the content of the file
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
    """Check the integrity of pages and tables."""
    (verdict,) = db.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise DamagedError(_with_table(db, str(verdict)))
    actual, expected = _structure(db), _expected(migrations)
    for name in sorted(actual.keys() | expected.keys()):
        if actual.get(name) != expected.get(name):
            raise DamagedError(f"{name} is not as it was made")


def _with_table(db: sqlite3.Connection, verdict: str) -> str:
    """Add the name of the first damaged table to SQLite's verdict."""
    words = " ".join(verdict.replace("*** in database main ***", "").split())
    for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        try:
            (own,) = db.execute(f"PRAGMA quick_check({_quote(name)})").fetchone()
        except sqlite3.DatabaseError as error:
            own = str(error)
        if own != "ok":
            return f"table {name}: {words}"
    return words


def _structure(db: sqlite3.Connection) -> dict[str, object]:
    """Tables with the names and types of their columns, and other objects with their SQL statement."""
    rows = db.execute("SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'").fetchall()
    return {
        f"{kind} {name}": tuple(row[1:4] for row in db.execute(f"PRAGMA table_info({_quote(name)})")) if kind == "table" else sql
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


def _quote(name: object) -> str:
    return '"' + str(name).replace('"', '""') + '"'
