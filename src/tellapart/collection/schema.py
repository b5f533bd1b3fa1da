"""The tables of the ledger, and its longer statements."""

from __future__ import annotations

import sqlite3
import zlib

from tellapart.sqlite import DamagedError, bring_up_to_date

ADDRESSES = """
CREATE TABLE images (
    id INTEGER PRIMARY KEY,
    url TEXT NOT NULL UNIQUE,
    host TEXT NOT NULL,
    label TEXT NOT NULL,
    source TEXT NOT NULL,
    keyword TEXT NOT NULL,
    cell INTEGER,
    position INTEGER NOT NULL,
    page TEXT NOT NULL, license TEXT NOT NULL, license_url TEXT NOT NULL, creator TEXT NOT NULL, creator_url TEXT NOT NULL,
    title TEXT NOT NULL, attribution TEXT NOT NULL, "group" TEXT NOT NULL,
    status TEXT NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    next_try REAL,
    owner TEXT,
    http_code INTEGER,
    reason TEXT,
    changed REAL NOT NULL,
    sha256 TEXT, image_id TEXT, hash BLOB, mirror_hash BLOB,
    size_bytes INTEGER, width INTEGER, height INTEGER, format TEXT,
    file TEXT, accepted INTEGER, twin INTEGER, other_label TEXT
)
"""

CELLS = """
CREATE TABLE cells (
    id INTEGER PRIMARY KEY,
    label TEXT NOT NULL, source TEXT NOT NULL, keyword TEXT NOT NULL, facet TEXT NOT NULL, rank INTEGER NOT NULL,
    status TEXT NOT NULL, reason TEXT, cursor TEXT, pages INTEGER NOT NULL DEFAULT 0, offered INTEGER NOT NULL DEFAULT 0,
    fresh INTEGER NOT NULL DEFAULT 0, stale_pages INTEGER NOT NULL DEFAULT 0, total INTEGER,
    tries INTEGER NOT NULL DEFAULT 0, next_try REAL NOT NULL DEFAULT 0, owner TEXT,
    UNIQUE (label, source, keyword, facet)
)
"""

ADD_IMAGE = """
INSERT INTO images (url, host, label, source, keyword, cell, position, page, license, license_url, creator, creator_url, title,
    attribution, "group", status, reason, changed, checksum)
VALUES (:url, :host, :label, :source, :keyword, :cell, :position, :page, :license, :license_url, :creator, :creator_url, :title,
    :attribution, :group, :status, :reason, :now, {checksum})
"""

WRITE_VERDICT = """
UPDATE images SET status = :status, owner = CASE WHEN :status = 'busy' THEN owner END, reason = :reason, http_code = :http_code,
    next_try = :next_try, sha256 = :sha256, image_id = :image_id, hash = :hash, mirror_hash = :mirror_hash, size_bytes = :size_bytes,
    width = :width, height = :height, format = :format, file = :file, accepted = :accepted, twin = :twin, changed = :now
WHERE id = :id
"""

CLAIM_CELL = """
UPDATE cells SET owner = :owner WHERE id = (
    SELECT id FROM cells WHERE label = :label AND source = :source AND status = 'open' AND owner IS NULL AND next_try <= :now
    ORDER BY rank, pages, id LIMIT 1)
RETURNING id, label, source, keyword, facet, cursor, pages, tries
"""

TURN_PAGE = """
UPDATE cells SET owner = NULL, tries = 0, reason = NULL, pages = pages + 1, offered = offered + :offered, fresh = fresh + :fresh,
    cursor = :cursor, total = coalesce(:total, total), status = :status,
    stale_pages = CASE WHEN :is_stale THEN stale_pages + 1 ELSE 0 END
WHERE id = :id
"""

WANT = """
INSERT INTO classes VALUES (:label, :wanted, (SELECT count(*) FROM classes), {checksum})
ON CONFLICT DO UPDATE SET wanted = excluded.wanted, checksum = excluded.checksum
"""

SPEND = """
INSERT INTO spent VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET requests = requests + excluded.requests
"""

CLOSE_FACETS = """
UPDATE cells SET status = 'exhausted', reason = :reason WHERE status = 'open' AND owner IS NULL AND id IN (
    SELECT other.id FROM cells AS other JOIN cells AS whole USING (label, source, keyword) WHERE whole.id = :id AND other.id <> whole.id)
"""

TALLY_NEW = """
CREATE TRIGGER counted_new AFTER INSERT ON images BEGIN
    INSERT INTO tally VALUES (NEW.label, NEW.source, NEW.status, 1) ON CONFLICT DO UPDATE SET number = number + 1;
END
"""
TALLY_CHANGED = """
CREATE TRIGGER counted_change AFTER UPDATE OF status ON images WHEN OLD.status <> NEW.status BEGIN
    UPDATE tally SET number = number - 1 WHERE label = OLD.label AND source = OLD.source AND status = OLD.status;
    INSERT INTO tally VALUES (NEW.label, NEW.source, NEW.status, 1) ON CONFLICT DO UPDATE SET number = number + 1;
END
"""


def _create_tables(db: sqlite3.Connection) -> None:
    db.execute(ADDRESSES)
    db.execute(CELLS)
    db.execute("CREATE TABLE classes (label TEXT PRIMARY KEY, wanted INTEGER, place INTEGER) WITHOUT ROWID")
    db.execute("CREATE TABLE commands (id INTEGER PRIMARY KEY, command TEXT NOT NULL, given REAL)")
    db.execute("CREATE TABLE spent (host TEXT PRIMARY KEY, requests INTEGER, at REAL) WITHOUT ROWID")
    db.execute("CREATE TABLE signatures (image INTEGER PRIMARY KEY, signature BLOB NOT NULL)")
    db.execute("CREATE TABLE collectors (owner TEXT PRIMARY KEY, machine TEXT, process INTEGER, beat REAL) WITHOUT ROWID")
    db.execute(
        "CREATE TABLE tally (label TEXT, source TEXT, status TEXT, number INTEGER, PRIMARY KEY (label, source, status)) WITHOUT ROWID"
    )
    db.execute("CREATE INDEX images_to_fetch ON images (label, source, status, position)")
    db.execute("CREATE INDEX images_waiting ON images (next_try) WHERE status = 'waiting'")
    db.execute("CREATE INDEX images_of_owner ON images (owner) WHERE owner IS NOT NULL")
    db.execute("CREATE INDEX images_of_cell ON images (cell, position)")
    db.execute("CREATE INDEX images_accepted ON images (accepted) WHERE accepted IS NOT NULL")
    db.execute("CREATE UNIQUE INDEX one_file_each ON images (sha256) WHERE file IS NOT NULL")
    db.execute(TALLY_NEW)
    db.execute(TALLY_CHANGED)


def _count_requests_by_the_hour(db: sqlite3.Connection) -> None:
    db.execute("ALTER TABLE spent RENAME TO spent_by_day")
    db.execute("CREATE TABLE spent (host TEXT, hour INTEGER, requests INTEGER NOT NULL, PRIMARY KEY (host, hour)) WITHOUT ROWID")
    db.execute("INSERT INTO spent SELECT host, CAST(at / 3600 AS INTEGER), requests FROM spent_by_day")
    db.execute("DROP TABLE spent_by_day")


FIXED = {
    "images": (
        "url",
        "label",
        "source",
        "keyword",
        "page",
        "license",
        "license_url",
        "creator",
        "creator_url",
        "title",
        "attribution",
        "group",
    ),
    "classes": ("label", "wanted"),
    "cells": ("label", "source", "keyword", "facet", "rank"),
    "commands": ("command",),
}
"""Columns that change only where a row is written as a whole; a checksum in the row tells that nothing else has changed them."""


def checksum_sql(table: str, form: str) -> str:
    """The checksum of a row in SQL; ``form`` is what a column is called: ``:{}`` for a parameter of its name."""
    return f"fixed_checksum({', '.join(f'CAST({form.format(name)} AS BLOB)' for name in FIXED[table])})"


ADD_IMAGE = ADD_IMAGE.format(checksum=checksum_sql("images", ":{}"))
WANT = WANT.format(checksum=checksum_sql("classes", ":{}"))
ADD_CELL = """
INSERT OR IGNORE INTO cells (label, source, keyword, facet, rank, status, checksum)
VALUES (:label, :source, :keyword, :facet, :rank, :status, {checksum})
""".format(checksum=checksum_sql("cells", ":{}"))
ADD_COMMAND = "INSERT INTO commands (command, given, checksum) VALUES (:command, :given, " + checksum_sql("commands", ":{}") + ")"  # noqa: S608


def _fixed_checksum(*values: bytes | None) -> int:
    return zlib.crc32(b"\0".join(b"-" if value is None else b"+" + value for value in values))


def _add_checksums(db: sqlite3.Connection) -> None:
    db.create_function("fixed_checksum", -1, _fixed_checksum, deterministic=True)
    for table in FIXED:
        db.execute(f"ALTER TABLE {table} ADD COLUMN checksum INTEGER")
        db.execute(f"UPDATE {table} SET checksum = " + checksum_sql(table, '"{}"'))  # noqa: S608


MIGRATIONS = (_create_tables, _count_requests_by_the_hour, _add_checksums)


STATUSES = ("queued", "busy", "kept", "duplicate", "refused", "waiting")
_TEXTS = (
    *("url", "host", "label", "source", "keyword", "page", "license", "license_url", "creator", "creator_url"),
    *("title", "attribution", '"group"', "status"),
)
_NUMBERS = ("position", "tries")
_MAYBE_TEXTS = ("owner", "reason", "sha256", "image_id", "format", "file", "other_label")
_MAYBE_NUMBERS = ("cell", "http_code", "size_bytes", "width", "height", "accepted", "twin")
_MAYBE_BLOBS = ("hash", "mirror_hash")
_WRONG_IMAGE = " OR ".join(
    [f"status NOT IN ({', '.join(map(repr, STATUSES))})", "typeof(changed) NOT IN ('real', 'integer')"]
    + [f"typeof({name}) <> 'text'" for name in _TEXTS]
    + [f"typeof({name}) <> 'integer'" for name in _NUMBERS]
    + [f"typeof({name}) NOT IN ('text', 'null')" for name in _MAYBE_TEXTS]
    + [f"typeof({name}) NOT IN ('integer', 'null')" for name in _MAYBE_NUMBERS]
    + [f"typeof({name}) NOT IN ('blob', 'null')" for name in _MAYBE_BLOBS]
)
_CHECKS = {
    "images": f"SELECT id FROM images WHERE {_WRONG_IMAGE}",  # noqa: S608
    "cells": "SELECT id FROM cells WHERE status NOT IN ('open', 'exhausted', 'dry', 'failed') OR typeof(pages) <> 'integer'"
    " OR typeof(rank) <> 'integer' OR typeof(tries) <> 'integer' OR typeof(label) <> 'text' OR typeof(facet) <> 'text'"
    " OR typeof(keyword) <> 'text' OR typeof(source) <> 'text' OR typeof(cursor) NOT IN ('text', 'null') OR NOT json_valid(facet)",
    "commands": "SELECT id FROM commands WHERE typeof(command) <> 'text' OR NOT json_valid(command)",
    "classes": "SELECT label FROM classes WHERE typeof(label) <> 'text' OR typeof(wanted) NOT IN ('integer', 'null')",
    "spent": "SELECT host FROM spent WHERE typeof(host) <> 'text' OR typeof(hour) <> 'integer' OR typeof(requests) <> 'integer'",
    "tally": "SELECT label FROM (SELECT label, source, status, number FROM tally WHERE number <> 0 EXCEPT"
    " SELECT label, source, status, count(*) FROM images GROUP BY 1, 2, 3)"
    " UNION ALL SELECT label FROM (SELECT label, source, status, count(*) FROM images GROUP BY 1, 2, 3 EXCEPT"
    " SELECT label, source, status, number FROM tally)",
}


_CHANGED = {
    table: f"SELECT {'label' if table == 'classes' else 'id'} FROM {table} WHERE checksum IS NOT " + checksum_sql(table, '"{}"')  # noqa: S608
    for table in FIXED
}


def migrate(db: sqlite3.Connection) -> None:
    """Bring the tables up to date, and see that they are whole.

    Raises:
        NewerVersionError, DamagedError: see :func:`tellapart.sqlite.bring_up_to_date`; a row is named with its table.
    """
    db.create_function("fixed_checksum", -1, _fixed_checksum, deterministic=True)
    bring_up_to_date(db, MIGRATIONS)
    for table, question in [*_CHECKS.items(), *_CHANGED.items()]:
        row = db.execute(f"{question} LIMIT 1").fetchone()
        if row is not None:
            raise DamagedError(f"table {table}, row {row[0]!r} contains what was never written there")
