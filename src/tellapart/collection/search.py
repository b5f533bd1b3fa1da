"""Search the sources for candidates, one page of results at a time, as the planner decides."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from tellapart.collection.acceptance import Acceptor
from tellapart.collection.candidates import Fetched, Query, Request, ResultPage
from tellapart.collection.network.rate_limits import Hosts
from tellapart.collection.network.urls import host_of
from tellapart.collection.planner import JUDGED, exhaustion_reason
from tellapart.collection.retries import MAX_SEARCH_TRIES, backoff_s
from tellapart.collection.search_cursors import DRY, FAILED, Cell, Cells
from tellapart.collection.sources.protocol import Source, SourceError, parse_answer
from tellapart.collection.web_pages.page_source import Pages
from tellapart.collection.web_pages.parsing_process import parse_in_process

Ask = Callable[[Request], Awaitable[Fetched]]
"""How a request becomes an answer: through the fetcher, or through a browser."""


@dataclass(frozen=True, kw_only=True)
class SearchPreferences:
    """What the offers should be like."""

    licenses: tuple[str, ...]
    """Families; none for any."""
    side: int
    """Longer side in pixels to ask for, where there are several sizes."""


class Searcher:
    """Asks sources on behalf of a collector.

    Args:
        sources: by name; those that are searched.
        ask: how the requests of a source are sent.
        preferences: of a class.
        keys: the environment variables that hold keys.
    """

    def __init__(
        self,
        acceptor: Acceptor,
        hosts: Hosts,
        sources: Mapping[str, Source],
        ask: Callable[[Source], Ask],
        preferences: Callable[[str], SearchPreferences],
        keys: Mapping[str, str],
    ) -> None:
        self._acceptor, self._hosts, self.sources = acceptor, hosts, sources
        self._ask, self._preferences, self._keys = ask, preferences, keys
        self.cells = Cells(acceptor.ledger)

    async def claim(self, label: str, source: str) -> Cell | None:
        """The cursor to search next; exhausted ones are closed."""
        ledger = self._acceptor.ask_ledger
        while (cell := await ledger(self.cells.claim, label, source)) is not None:
            why = exhaustion_reason(*await ledger(self.cells.harvest, cell, JUDGED)) if cell.pages else None
            if why is None:
                return cell
            await ledger(self.cells.close, cell, DRY, why)
        return None

    def wait_s(self, cell: Cell) -> float:
        """Seconds until the host of a cursor's source accepts a request."""
        return self._hosts.wait_s(host_of(self._request(cell).url))

    async def turn_page(self, cell: Cell) -> int:
        """Ask for the next page of a cell and write down what it holds; how many new addresses."""
        request, source, ledger = self._request(cell), self.sources[cell.source], self._acceptor.ask_ledger
        host = host_of(request.url)
        self._hosts.begin(host)
        fetched = None
        try:
            fetched = await self._ask(source)(request)
        finally:
            self._hosts.end(host, fetched)
        if fetched.verdict != "ok":
            await self._put_off(cell, fetched, await self._complaint(cell, fetched))
            return 0
        try:
            page = await self._read(source, fetched, cell)
        except SourceError as error:
            await ledger(self.cells.close, cell, FAILED, str(error))
            return 0
        return await ledger(self.cells.turn_page, cell, page)

    async def _put_off(self, cell: Cell, fetched: Fetched, reason: str) -> None:
        ledger = self._acceptor.ask_ledger
        if fetched.verdict == "permanent" or cell.tries + 1 >= MAX_SEARCH_TRIES:
            await ledger(self.cells.close, cell, FAILED, reason)
        else:
            due = self._acceptor.ledger.clock() + backoff_s(cell.tries + 1, fetched)
            await ledger(self.cells.postpone, cell, reason, due)

    async def _read(self, source: Source, fetched: Fetched, cell: Cell) -> ResultPage:
        query = self._query(cell)
        if isinstance(source, Pages):
            return await parse_in_process(source, fetched, query, cell.cursor)
        return await parse_answer(source, fetched.body, query, cell.cursor)

    async def _complaint(self, cell: Cell, fetched: Fetched) -> str:
        """Why a source refused, in its own words where it has some."""
        if not fetched.body:
            return fetched.reason
        source = self.sources[cell.source]
        if isinstance(source, Pages):
            return fetched.reason
        try:
            await parse_answer(source, fetched.body, self._query(cell), cell.cursor)
        except SourceError as error:
            return f"{fetched.reason}: {error}"
        return fetched.reason

    def _query(self, cell: Cell) -> Query:
        preferences = self._preferences(cell.label)
        return Query(keyword=cell.keyword, facet=cell.facet, licenses=preferences.licenses, side=preferences.side)

    def _request(self, cell: Cell) -> Request:
        return self.sources[cell.source].request(self._query(cell), cell.cursor, self._keys)
