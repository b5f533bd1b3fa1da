"""The collector: search, fetch, decode and store concurrently, until every class has its number of images or nothing more can be found."""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from tellapart.collection.acceptance import Acceptor, FetchedImage
from tellapart.collection.decoding_workers.worker_pool import DecodingWorkers
from tellapart.collection.ledger import Claim
from tellapart.collection.network.fetcher import Fetcher
from tellapart.collection.network.rate_limits import Hosts
from tellapart.collection.planner import Supplies, ceilings, shortfalls, sources_by_need
from tellapart.collection.search import Searcher
from tellapart.collection.search_cursors import Cell
from tellapart.collection.status import next_chances, source_counts

BATCH = 64
BEAT_S = 5.0
STEP_S = 0.2
SHORTEST_S = 0.005
SEARCH_AHEAD = 200
"""Addresses of one class from one source that wait to be fetched before more are searched for."""
CLAIMS_AHEAD = 4
"""Addresses taken on, as a multiple of what is fetched at once: several hosts are then in hand."""


@dataclass(frozen=True, kw_only=True)
class CollectorLimits:
    """Limits of concurrency and time."""

    concurrency: int = 64
    deadline: float | None = None
    """In the collector's seconds (``time.monotonic``)."""
    patience_s: float = 30.0
    """How long to wait for a host or a URL that is paused; longer pauses are left to the next run."""
    is_even: bool = True
    """Whether all classes are taken from the same sources in the same shares."""


class Collector:
    """Collects for one ledger.

    Args:
        advance: called with the number of images stored.
    """

    def __init__(
        self,
        acceptor: Acceptor,
        searcher: Searcher,
        fetcher: Fetcher,
        decoders: DecodingWorkers,
        hosts: Hosts,
        limits: CollectorLimits,
        advance: Callable[[int], None],
    ) -> None:
        self._acceptor, self._searcher, self._fetcher, self._decoders = acceptor, searcher, fetcher, decoders
        self._hosts, self._limits, self._advance = hosts, limits, advance
        self._backlog: dict[str, deque[Claim]] = {}
        self._fetched_images: asyncio.Queue[FetchedImage] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._fetching = self._unjudged = 0
        self._is_drained = False
        self._swept = 0.0
        self._searches: dict[str, asyncio.Task[None]] = {}
        self._resting: dict[str, float] = {}
        self._soonest_s = STEP_S
        self._woken = asyncio.Event()
        self._failure: BaseException | None = None

    async def run(self) -> None:
        """Collect until every class is complete, nothing more is available now, or the time is up.

        Raises:
            StorageError: ledger or destination cannot be written.
        """
        companions = [asyncio.create_task(self._guarded(one)) for one in (self._accept_images, self._accept_images, self._beat)]
        try:
            while self._failure is None and await self._step():
                await self._until_next_step()
        finally:
            tasks = [*companions, *self._tasks, *self._searches.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await self._acceptor.ask_ledger(self._acceptor.ledger.note_spent, self._hosts.newly_spent())
        if self._failure is not None:
            raise self._failure

    async def _until_next_step(self) -> None:
        """Wait until there is something to decide, and meanwhile start what hosts allow."""
        now = asyncio.get_running_loop().time
        end = now() + STEP_S
        await asyncio.sleep(0)
        while (left := end - now()) > 0 and not self._woken.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(min(left, self._soonest_s)):
                    await self._woken.wait()
            self._start_fetches()
        self._woken.clear()

    async def _step(self) -> bool:
        """Take on addresses and searches as far as there is room; False when there is nothing left to wait for."""
        is_late = self._limits.deadline is not None and time.monotonic() >= self._limits.deadline
        if is_late:
            await self._give_back()
        else:
            held, ceiling, needs = await self._outlook()
            if self._backlog_size < self._limits.concurrency:
                await self._take_on(held, ceiling, needs)
            await self._search(held, ceiling, needs)
            await self._put_off_paused()
        self._start_fetches()
        if self._searches or self._unjudged or self._backlog:
            return True
        return not is_late and await self._is_worth_waiting()

    async def _outlook(self) -> tuple[Supplies, dict[str, int], dict[str, int]]:
        """What each class has from each source, how many it may take from each, and how many it needs, as of now."""
        held = await self._acceptor.ask_ledger(source_counts, self._acceptor.ledger)
        needs = shortfalls(held, self._acceptor.quotas)
        return held, ceilings(held, needs, is_even=self._limits.is_even), needs

    async def _give_back(self) -> None:
        """Return claimed URLs that were not fetched, so that another collector can take them."""
        claims = [claim for waiting in self._backlog.values() for claim in waiting]
        self._backlog.clear()
        self._is_drained = True
        if claims:
            await self._acceptor.ask_ledger(self._acceptor.ledger.give_back, claims)

    @property
    def _backlog_size(self) -> int:
        return sum(map(len, self._backlog.values()))

    async def _take_on(self, held: Supplies, ceiling: Mapping[str, int], needs: Mapping[str, int]) -> None:
        """Claim addresses: equally many of each class that needs some, each from the sources it has least from."""
        needy = [label for label, need in needs.items() if need]
        space = before = CLAIMS_AHEAD * self._limits.concurrency - self._backlog_size
        for index, label in enumerate(needy):
            share = min(needs[label], -(-space // (len(needy) - index)))
            for source, room in sources_by_need(held.get(label, {}), ceiling):
                if not share or not held[label][source].queued:
                    continue
                claims = await self._acceptor.ask_ledger(self._acceptor.ledger.claim, label, source, min(share, room))
                share, space = share - len(claims), space - len(claims)
                for claim in claims:
                    self._backlog.setdefault(claim.host, deque()).append(claim)
        self._is_drained = space == before

    async def _search(self, held: Supplies, ceiling: Mapping[str, int], needs: Mapping[str, int]) -> None:
        """Start one search at each source that is free, for the class that needs it most."""
        now = self._acceptor.ledger.clock()
        for label, need in needs.items():
            for source, _ in sources_by_need(held.get(label, {}), ceiling) if need else ():
                one = held[label][source]
                is_free = source in self._searcher.sources and source not in self._searches and self._resting.get(source, 0) <= now
                if not (is_free and one.is_open and one.queued < min(SEARCH_AHEAD, 2 * need)):
                    continue
                cell = await self._searcher.claim(label, source)
                if cell is not None:
                    self._searches[source] = asyncio.create_task(self._guarded(self._turn_page, cell))

    async def _turn_page(self, cell: Cell) -> None:
        try:
            wait = self._searcher.wait_s(cell)
            while 0 < wait <= self._limits.patience_s or math.isinf(wait):
                await asyncio.sleep(min(wait, STEP_S))
                wait = self._searcher.wait_s(cell)
            if wait:
                self._resting[cell.source] = self._acceptor.ledger.clock() + wait
                await self._acceptor.ask_ledger(self._searcher.cells.let_go, cell)
            else:
                await self._searcher.turn_page(cell)
        finally:
            del self._searches[cell.source]
            self._woken.set()

    def _start_fetches(self) -> None:
        """Start every fetch that the rate limits allow now, and note when the next one may start."""
        self._swept, self._soonest_s = time.monotonic(), STEP_S
        for host in list(self._backlog):
            if not self._has_room:
                break
            self._start_at(host)
        if self._has_room and not self._is_drained and self._backlog_size < self._limits.concurrency:
            self._woken.set()

    def _start_at(self, host: str) -> None:
        claims = self._backlog.get(host)
        while claims and self._has_room:
            wait = self._hosts.wait_s(host)
            if wait > 0:
                self._soonest_s = min(self._soonest_s, max(wait, SHORTEST_S))
                return
            self._hosts.begin(host)
            self._fetching += 1
            self._unjudged += 1
            task = asyncio.create_task(self._guarded(self._fetch, claims.popleft()))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        if not claims:
            self._backlog.pop(host, None)

    @property
    def _has_room(self) -> bool:
        return self._fetching < self._limits.concurrency and self._unjudged < self._limits.concurrency + 2 * BATCH

    async def _fetch(self, claim: Claim) -> None:
        fetched = None
        try:
            fetched = await self._fetcher.image(claim.url)
        finally:
            self._fetching -= 1
            self._hosts.end(claim.host, fetched)
        self._start_at(claim.host)
        if time.monotonic() - self._swept > SHORTEST_S:
            self._start_fetches()
        decoded = await self._decoders.decode(fetched.body) if fetched.verdict == "ok" else None
        self._fetched_images.put_nowait(FetchedImage(claim, fetched, decoded))

    async def _accept_images(self) -> None:
        """Accept decoded images, in batches."""
        while True:
            images = [await self._fetched_images.get()]
            while len(images) < BATCH and not self._fetched_images.empty():
                images.append(self._fetched_images.get_nowait())
            self._advance(sum(verdict.file is not None for verdict in await self._acceptor.keep(images)))
            self._unjudged -= len(images)
            self._start_fetches()

    async def _beat(self) -> None:
        """Send heartbeats, and take over the claims of collectors that died."""
        ledger = self._acceptor.ledger
        while True:
            await asyncio.sleep(BEAT_S)
            await self._acceptor.ask_ledger(ledger.beat)
            await self._acceptor.ask_ledger(ledger.note_spent, self._hosts.newly_spent())
            await self._acceptor.ask_ledger(ledger.recover, self._acceptor.has_file)

    async def _put_off_paused(self) -> None:
        """Requeue the URLs of hosts that are paused for longer than the run waits."""
        for host in list(self._backlog):
            wait = self._hosts.wait_s(host)
            if self._limits.patience_s < wait < math.inf:
                claims = self._backlog.pop(host)
                due = self._acceptor.ledger.clock() + wait
                why = next((one.reason for one in self._hosts.summary() if one.host == host), "")
                reason = f"its host is left alone for a while ({why})" if why else "its host is left alone for a while"
                await self._acceptor.ask_ledger(self._acceptor.ledger.put_off, claims, reason, due)

    async def _is_worth_waiting(self) -> bool:
        """Whether something more can be had within our patience."""
        held, ceiling, needs = await self._outlook()
        needed = {(label, source) for label, need in needs.items() if need for source, _ in sources_by_need(held.get(label, {}), ceiling)}
        due = await self._acceptor.ask_ledger(next_chances, self._acceptor.ledger)
        chances = [
            max(when, self._resting.get(source, 0))
            for (label, source, is_search), when in due.items()
            if (label, source) in needed and (not is_search or source in self._searcher.sources)
        ]
        return bool(chances) and min(chances) - self._acceptor.ledger.clock() <= self._limits.patience_s

    async def _guarded(self, work: Callable[..., Coroutine[Any, Any, None]], *values: Any) -> None:
        """Run ``work``; an error in the background ends the run and is raised there."""
        try:
            await work(*values)
        except Exception as error:
            self._failure = self._failure or error
            self._woken.set()
