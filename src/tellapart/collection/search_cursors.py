"""Search cursors: the slices of each source that are searched for a class (cells), and how far each has been paged."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tellapart.collection.candidates import ResultPage
from tellapart.collection.ledger import Ledger
from tellapart.collection.schema import ADD_CELL, CLAIM_CELL, CLOSE_FACETS, TURN_PAGE

OPEN, EXHAUSTED, DRY, FAILED = "open", "exhausted", "dry", "failed"
STALE_SHARE = 0.05
"""If at most this share of a page of results is new, there is little more to find."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One slice of one source for one keyword of one class: the unit in which results are paged."""

    id: int
    label: str
    source: str
    keyword: str
    facet: Mapping[str, str]
    cursor: str | None
    pages: int
    tries: int


class Cells:
    """The cells of one ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def add(self, label: str, source: str, keyword: str, facets: Iterable[Mapping[str, str]]) -> None:
        """Add what is to be asked for a keyword, the first facets first; what is known already stays as it is."""
        whole = {"label": label, "source": source, "keyword": keyword, "status": OPEN}
        with self._ledger.transaction() as db:
            db.executemany(
                ADD_CELL,
                [{**whole, "facet": json.dumps(dict(facet)), "rank": rank} for rank, facet in enumerate(facets)],
            )

    def reopen(self) -> None:
        """Reopen slices that failed: a key may be set by now, or a site may be up again."""
        with self._ledger.transaction() as db:
            db.execute("UPDATE cells SET status = ?, tries = 0, next_try = 0, reason = NULL WHERE status = ?", (OPEN, FAILED))
            db.execute("UPDATE cells SET next_try = 0 WHERE status = ?", (OPEN,))

    def claim(self, label: str, source: str) -> Cell | None:
        """Claim the slice to search next for a class at a source; None if there is none now."""
        with self._ledger.transaction() as db:
            values = {"owner": self._ledger.owner, "label": label, "source": source, "now": self._ledger.clock()}
            row = db.execute(CLAIM_CELL, values).fetchone()
        if row is None:
            return None
        names = ("id", "label", "source", "keyword", "facet", "cursor", "pages", "tries")
        return Cell(**{**dict(zip(names, row, strict=True)), "facet": json.loads(row[4])})

    def turn_page(self, cell: Cell, page: ResultPage) -> int:
        """Write down the offers of one page, and where the next begins; how many addresses are new."""
        with self._ledger.transaction() as db:
            offered = db.execute("SELECT offered FROM cells WHERE id = ?", (cell.id,)).fetchone()[0]
            fresh = self._ledger.add(db, cell.label, cell.source, cell.keyword, page.offers, cell.id, offered)
            is_stale = bool(page.offers) and fresh <= STALE_SHARE * len(page.offers)
            values = {"id": cell.id, "offered": len(page.offers), "fresh": fresh, "cursor": page.cursor, "total": page.total}
            db.execute(TURN_PAGE, {**values, "status": OPEN if page.cursor else EXHAUSTED, "is_stale": is_stale})
            if page.cursor is None and not cell.facet and page.total is not None and page.total <= offered + len(page.offers):
                db.execute(CLOSE_FACETS, {"id": cell.id, "reason": "the search for the whole showed all there is"})
        return fresh

    def close(self, cell: Cell, status: str, reason: str) -> None:
        """Stop searching a slice: ``dry`` or ``failed``."""
        with self._ledger.transaction() as db:
            db.execute("UPDATE cells SET owner = NULL, status = ?, reason = ? WHERE id = ?", (status, reason, cell.id))

    def postpone(self, cell: Cell, reason: str, next_try: float) -> None:
        """Search it again later."""
        with self._ledger.transaction() as db:
            values = (reason, next_try, cell.id)
            db.execute("UPDATE cells SET owner = NULL, tries = tries + 1, reason = ?, next_try = ? WHERE id = ?", values)

    def let_go(self, cell: Cell) -> None:
        """Return a cell that was not searched."""
        with self._ledger.transaction() as db:
            db.execute("UPDATE cells SET owner = NULL WHERE id = ?", (cell.id,))

    def harvest(self, cell: Cell, last: int) -> tuple[int, int, int]:
        """Of the last addresses of a slice that were judged: how many, and how many were kept; and its stale pages in a row."""
        judged = next(
            self._ledger.rows(
                "SELECT count(*) AS number, sum(status = 'kept') AS kept FROM (SELECT status FROM images WHERE cell = ?"
                " AND status IN ('kept', 'duplicate', 'refused') ORDER BY position DESC LIMIT ?)",
                (cell.id, last),
            )
        )
        stale = next(self._ledger.rows("SELECT stale_pages FROM cells WHERE id = ?", (cell.id,)))["stale_pages"]
        return judged["number"], judged["kept"] or 0, stale
