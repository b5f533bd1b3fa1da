"""The ledger: one row for each candidate URL with its outcome, in SQLite next to the photos.

    queued -> busy -> kept | duplicate | refused | waiting (a passing failure; may be tried again from ``next_try`` on)

Several collectors may work on one ledger. Whoever takes a row puts its name on it; rows of a collector that is gone
go back to the queue. A file is written only after its row says so, hence at any moment each file has a row, and
each row that is ``kept`` has its file.
"""

from __future__ import annotations

import os
import socket
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import Any
from uuid import uuid4

from tellapart.atomic_files import is_alive
from tellapart.collection.candidates import Offer
from tellapart.collection.network.urls import canonical_url
from tellapart.collection.schema import ADD_COMMAND, ADD_IMAGE, SPEND, WANT, WRITE_VERDICT, migrate
from tellapart.errors import StorageError, reason_of
from tellapart.sqlite import NewerVersionError, is_damage

LEDGER_FILE = "collection.sqlite"
HOUR_S = 3_600.0
HOURS = 24
DAMAGED = (
    "take a copy of it from a backup; or move it away and collect anew into the same folder: the files stay, and what is"
    " offered again is fetched again"
)
SILENT_S = 60.0
"""A collector without a sign of life for so long is considered dead, unless its process runs on this machine."""

QUEUED, BUSY, KEPT, DUPLICATE, REFUSED, WAITING = "queued", "busy", "kept", "duplicate", "refused", "waiting"


@dataclass(frozen=True, slots=True)
class Claim:
    """A URL that this collector has claimed."""

    id: int
    url: str
    host: str
    label: str
    source: str
    cell: int | None
    tries: int
    """This one included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is to be written of a claim."""

    claim: Claim
    status: str
    reason: str | None = None
    http_code: int | None = None
    next_try: float | None = None
    sha256: str | None = None
    image_id: str | None = None
    hash: bytes | None = None
    mirror_hash: bytes | None = None
    signature: bytes | None = None
    size_bytes: int | None = None
    width: int | None = None
    height: int | None = None
    format: str | None = None
    file: str | None = None
    """Where it will be written; only with the status ``busy``."""
    twin: int | None = None
    """The row of the image it is a duplicate of."""


class Ledger:
    """The ledger in one file; a context manager, one thread at a time.

    Raises:
        StorageError: the file cannot be opened, written or is damaged.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self.path, self.clock = path, clock
        self.owner = f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"
        with self._telling():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)
            try:
                migrate(self._db)
            except BaseException:
                self._db.close()
                raise

    def __enter__(self) -> Ledger:
        with self.transaction() as db:
            db.execute("INSERT INTO collectors VALUES (?, ?, ?, ?)", (self.owner, socket.gethostname(), os.getpid(), self.clock()))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            with self.transaction() as db:
                self._release(db, self.owner)
        finally:
            self._db.close()

    def beat(self) -> None:
        """Record a heartbeat of this collector."""
        with self.transaction() as db:
            db.execute("UPDATE collectors SET beat = ? WHERE owner = ?", (self.clock(), self.owner))

    def recover(self, has_file: Callable[[str, int], bool]) -> int:
        """Give back to the queue what collectors that are gone had taken; how many addresses.

        The destination is asked before anything is written, so that nobody waits for it. Whoever meanwhile recovers the same,
        comes back, or writes more, is left alone.

        Args:
            has_file: whether a file of that name and size in bytes lies at the destination.
        """
        begun = {owner: self._begun(owner) for owner in self._gone()}
        if not begun:
            return 0
        whole = {row for rows in begun.values() for row in rows if has_file(*row[1:])}
        freed = 0
        with self.transaction() as db:
            for owner in set(self._gone()) & begun.keys():
                if (rows := self._begun(owner)) <= begun[owner]:
                    complete = [(image,) for image, *_ in rows & whole]
                    db.executemany(f"UPDATE images SET status = '{KEPT}', owner = NULL WHERE id = ?", complete)  # noqa: S608
                    freed += self._release(db, owner)
        return freed

    def want(self, quotas: Mapping[str, int | None]) -> None:
        """Write down how many images of each class are wanted; None: all that are offered."""
        with self.transaction() as db:
            db.executemany(WANT, [{"label": label, "wanted": quota} for label, quota in quotas.items()])

    def quotas(self) -> dict[str, int | None]:
        """How many images of each class are wanted."""
        return dict(self._asked("SELECT label, wanted FROM classes ORDER BY place, label"))

    def note_command(self, command: str) -> None:
        """Record the request, so that it can be repeated."""
        with self.transaction() as db:
            db.execute(ADD_COMMAND, {"command": command, "given": self.clock()})

    def last_command(self) -> str | None:
        """The last request that was recorded."""
        rows = self._asked("SELECT command FROM commands ORDER BY id DESC LIMIT 1")
        return str(rows[0][0]) if rows else None

    def note_spent(self, requests: Mapping[str, int]) -> None:
        """Add the number of new requests to each host with a daily budget, to those of other collectors."""
        hour = self._hour()
        with self.transaction() as db:
            db.execute("DELETE FROM spent WHERE hour < ?", (hour - HOURS,))
            db.executemany(SPEND, [(host, hour, number) for host, number in requests.items()])

    def spent(self) -> dict[str, int]:
        """Requests of all collectors in the last day, by host."""
        return dict(self._asked("SELECT host, sum(requests) FROM spent WHERE hour >= ? GROUP BY host", (self._hour() - HOURS,)))

    def add_listed(self, offers: Iterable[tuple[str, Offer]], source: str) -> int:
        """Add addresses from a list, as (label, offer); how many are new."""
        with self.transaction() as db:
            start = db.execute("SELECT coalesce(max(id), 0) FROM images").fetchone()[0]
            return sum(self.add(db, label, source, "", [offer], None, start + index) for index, (label, offer) in enumerate(offers))

    def claim(self, label: str, source: str, most: int) -> list[Claim]:
        """Take on up to ``most`` addresses of a class from a source: the best ranked of all keywords, then due failures."""
        rows: list[Any] = []
        with self.transaction() as db:
            for condition, order in (("status = 'queued'", "position, id"), ("status = 'waiting' AND next_try <= :now", "next_try")):
                if len(rows) < most:
                    rows += db.execute(
                        f"UPDATE images SET status = 'busy', owner = :owner, tries = tries + 1 WHERE id IN (SELECT id FROM images"  # noqa: S608
                        f" WHERE label = :label AND source = :source AND {condition} ORDER BY {order} LIMIT :most)"
                        " RETURNING id, url, host, label, source, cell, tries",
                        {"owner": self.owner, "label": label, "source": source, "now": self.clock(), "most": most - len(rows)},
                    ).fetchall()
        return sorted((Claim(*row) for row in rows), key=lambda claim: claim.id)

    def accepted_since(self, number: int) -> Iterator[tuple[int, int, bytes]]:
        """Images accepted after the ``number``-th by whichever collector: their number, row and hash."""
        with self._telling():
            yield from self._db.execute("SELECT accepted, id, hash FROM images WHERE accepted > ? ORDER BY accepted", (number,))

    def signatures(self, images: Sequence[int]) -> list[bytes]:
        """The signatures of accepted images, in their order."""
        marks = ", ".join("?" * len(images))
        signature_of = dict(self._asked(f"SELECT image, signature FROM signatures WHERE image IN ({marks})", list(images)))  # noqa: S608
        return [signature_of.get(image, b"") for image in images]

    def owner_of(self, sha256: str) -> tuple[int, str] | None:
        """Row and class of the kept image with those bytes."""
        rows = self._asked("SELECT id, label FROM images WHERE sha256 = ? AND file IS NOT NULL", (sha256,))
        return (rows[0][0], rows[0][1]) if rows else None

    def label_of(self, image: int) -> str:
        """The class of a row."""
        return str(self._asked("SELECT label FROM images WHERE id = ?", (image,))[0][0])

    def record(self, verdicts: Callable[[], Iterable[Verdict]]) -> list[Verdict]:
        """Record what ``verdicts`` decides, in one transaction that no other process writes into."""
        with self.transaction() as db:
            accepted = db.execute("SELECT coalesce(max(accepted), 0) FROM images").fetchone()[0]
            done = []
            for verdict in verdicts():
                if verdict.file is not None:
                    accepted += 1
                    db.execute("INSERT OR REPLACE INTO signatures VALUES (?, ?)", (verdict.claim.id, verdict.signature))
                self._write(db, verdict, accepted if verdict.file is not None else None)
                done.append(verdict)
            return done

    def confirm(self, claims: Iterable[Claim]) -> None:
        """The files of these claims are written. Claims that another collector has taken over stay unchanged, here and below."""
        with self.transaction() as db:
            db.executemany(
                f"UPDATE images SET status = '{KEPT}', owner = NULL, changed = ? WHERE id = ? AND owner = ?",  # noqa: S608
                [(self.clock(), claim.id, self.owner) for claim in claims],
            )

    def give_back(self, claims: Iterable[Claim]) -> None:
        """Return claims that were not worked on to the queue."""
        with self.transaction() as db:
            db.executemany(
                f"UPDATE images SET status = '{QUEUED}', owner = NULL, tries = tries - 1 WHERE id = ? AND owner = ?",  # noqa: S608
                [(claim.id, self.owner) for claim in claims],
            )

    def put_off(self, claims: Iterable[Claim], reason: str, next_try: float) -> None:
        """Postpone claims that could not be tried yet; this does not count as a try."""
        with self.transaction() as db:
            db.executemany(
                f"UPDATE images SET status = '{WAITING}', owner = NULL, tries = tries - 1, reason = ?, next_try = ?"  # noqa: S608
                " WHERE id = ? AND owner = ?",
                [(reason, next_try, claim.id, self.owner) for claim in claims],
            )

    def move_files(self, files: Iterable[tuple[int, str]]) -> None:
        """Accepted images have moved: rows and the new names of their files."""
        with self.transaction() as db:
            db.executemany("UPDATE images SET file = ? WHERE id = ?", [(file, image) for image, file in files])

    def requeue(self, images: Iterable[int]) -> None:
        """Fetch kept images again whose files are gone."""
        with self.transaction() as db:
            again = [(image,) for image in images]
            db.executemany("DELETE FROM signatures WHERE image = ?", again)
            db.executemany(f"UPDATE images SET status = '{QUEUED}', file = NULL, accepted = NULL WHERE id = ?", again)  # noqa: S608

    def rows(self, question: str, values: Sequence[Any] = ()) -> Iterator[sqlite3.Row]:
        """Read-only rows by name; for ``tellapart.collection.status``."""
        cursor = self._db.cursor()
        cursor.row_factory = sqlite3.Row
        with self._telling():
            yield from cursor.execute(question, values)

    def _asked(self, question: str, values: Sequence[Any] = ()) -> list[Any]:
        """The rows of a question, all at once."""
        with self._telling():
            return self._db.execute(question, values).fetchall()

    def add(
        self, db: sqlite3.Connection, label: str, source: str, keyword: str, offers: Sequence[Offer], cell: int | None, start: int
    ) -> int:
        """Add offers within a transaction, the first at position ``start``; how many addresses are new.

        An address offered for two classes stays with the first.
        """
        fresh = 0
        for index, offer in enumerate(offers):
            url, host, complaint = canonical_url(offer.url)
            known = db.execute("SELECT id, label FROM images WHERE url = ?", (url,)).fetchone()
            if known is not None:
                if known[1] != label:
                    db.execute("UPDATE images SET other_label = ? WHERE id = ?", (label, known[0]))
                continue
            row = {**_said(offer), "url": url, "host": host, "label": label, "source": source, "keyword": keyword, "cell": cell}
            status = REFUSED if complaint else QUEUED
            db.execute(ADD_IMAGE, {**row, "position": start + index, "status": status, "reason": complaint, "now": self.clock()})
            fresh += 1
        return fresh

    def _write(self, db: sqlite3.Connection, verdict: Verdict, accepted: int | None) -> None:
        values = {f.name: getattr(verdict, f.name) for f in fields(verdict) if f.name not in ("claim", "signature")}
        db.execute(WRITE_VERDICT, {**values, "id": verdict.claim.id, "accepted": accepted, "now": self.clock()})

    def _release(self, db: sqlite3.Connection, owner: str) -> int:
        """Requeue all claims of an owner; files that it had begun to write count as not written."""
        db.execute("UPDATE cells SET owner = NULL WHERE owner = ?", (owner,))
        db.execute("DELETE FROM signatures WHERE image IN (SELECT id FROM images WHERE owner = ?)", (owner,))
        freed = db.execute(
            "UPDATE images SET status = 'queued', owner = NULL, file = NULL, accepted = NULL, tries = max(0, tries - 1) WHERE owner = ?",
            (owner,),
        ).rowcount
        db.execute("DELETE FROM collectors WHERE owner = ?", (owner,))
        return freed

    def _hour(self) -> int:
        return int(self.clock() // HOUR_S)

    def _gone(self) -> list[str]:
        """Collectors that are gone."""
        return [row["owner"] for row in self.rows("SELECT owner, machine, process, beat FROM collectors") if self._is_gone(*row)]

    def _begun(self, owner: str) -> set[tuple[int, str, int]]:
        """What a collector had begun to write: row, name and bytes."""
        return {tuple(row) for row in self.rows("SELECT id, file, size_bytes FROM images WHERE owner = ? AND file IS NOT NULL", (owner,))}

    def _is_gone(self, owner: str, machine: str, process: int, beat: float) -> bool:
        if owner == self.owner:
            return False
        is_here = machine == socket.gethostname() and process != os.getpid()
        return self.clock() - beat > SILENT_S or (is_here and not is_alive(process))

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing, and no other writer meanwhile."""
        with self._telling():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except NewerVersionError as error:
            raise StorageError(
                f"the ledger {self.path} was written by a newer tellapart: {error}", hint="pip install -U tellapart"
            ) from error
        except sqlite3.DatabaseError as error:
            if is_damage(error):
                raise StorageError(f"the ledger {self.path} cannot be used, it is damaged: {error}", hint=DAMAGED) from error
            raise self._unusable(error) from error
        except UnicodeDecodeError as error:  # SQLite's own message repeats what it met in the file
            raise StorageError(f"the ledger {self.path} cannot be used, it is damaged: text that is no UTF-8", hint=DAMAGED) from error
        except OSError as error:
            raise self._unusable(error) from error

    def _unusable(self, error: Exception) -> StorageError:
        return StorageError(
            f"the ledger {self.path} cannot be used: {reason_of(error)}",
            hint="free some space, or choose another place with --state DIR; what was collected is kept",
        )


def _said(offer: Offer) -> dict[str, str]:
    """The fields of a candidate that the ledger stores."""
    names = ("page", "license", "license_url", "creator", "creator_url", "title", "attribution", "group")
    return {name: getattr(offer, name) for name in names}
