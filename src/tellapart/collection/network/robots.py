"""robots.txt (RFC 9309) for pages, and the X-Robots-Tag and opt-out headers of images."""

from __future__ import annotations

import asyncio
import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from protego import Protego
from yarl import URL

from tellapart.collection.candidates import Fetched, Verdict
from tellapart.collection.network.error_outcomes import Failure

TOKEN = "tellapart"  # noqa: S105
"""The name by which a robots.txt or an X-Robots-Tag addresses us."""
MOST_BYTES = 512 * 1024
"""Of a robots.txt; what comes after is not read (RFC 9309 asks for 500 KiB at least)."""
FRESH_S = 86400.0
"""How long a robots.txt is cached."""
RETRY_S = 600.0
"""How long a site whose robots.txt cannot be fetched is not visited."""
LONGEST_DELAY_S = 3600.0
MOST_RULES = 2_000_000

OPT_OUTS = frozenset({"noai", "noimageai", "noindex", "noimageindex", "noml", "none"})
"""Directives of X-Robots-Tag that keep an image out."""

_MOST_ORIGINS = 10_000
_LARGE = 32 * 1024
_SCOPE = re.compile(r"\s*([A-Za-z*][\w.\-]*)\s*:\s*(.*)", re.DOTALL)
_WITH_VALUE = frozenset({"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """Whether robots.txt allows one page."""

    reason: str = ""
    """Why the page must not be requested; empty if it may."""
    verdict: Verdict = "ok"
    retry_after_s: float | None = None
    delay_s: float = 0.0
    """Seconds between two requests that the site asks for."""


@dataclass(slots=True)
class _Rules:
    """The robots.txt of one origin when it was last fetched."""

    until: float
    parsed: Protego | None = None
    """None where all is allowed, or nothing is (``failure``)."""
    failure: Failure | None = None


class Robots:
    """The robots.txt of every origin, each fetched once a day."""

    def __init__(self, fetch: Callable[[str], Awaitable[Fetched]], *, clock: Callable[[], float] = time.monotonic) -> None:
        """``fetch`` gets the address of a robots.txt; it answers, it does not raise."""
        self._fetch = fetch
        self._clock = clock
        self._rules: OrderedDict[str, _Rules] = OrderedDict()
        self._under_way: dict[str, asyncio.Task[_Rules]] = {}

    async def ruling(self, target: URL) -> Ruling:
        """Whether robots.txt allows ``target``; fetches it where it is not cached."""
        rules = await self._rules_of(str(target.origin()))
        if rules.failure is not None:
            wait = max(0.0, rules.until - self._clock())
            return Ruling(reason=rules.failure.reason, verdict=rules.failure.verdict, retry_after_s=wait)
        if rules.parsed is None:
            return Ruling()
        delay = _delay_s(rules.parsed)
        if rules.parsed.can_fetch(str(target), TOKEN):
            return Ruling(delay_s=delay)
        return Ruling(reason="robots.txt forbids it", verdict="permanent", delay_s=delay)

    async def _rules_of(self, origin: str) -> _Rules:
        """The rules of an origin, fetched once for all that wait for them."""
        rules = self._rules.get(origin)
        if rules is not None and rules.until > self._clock():
            return rules
        task = self._under_way.get(origin)
        if task is None:
            task = self._under_way[origin] = asyncio.create_task(self._read(origin))
            task.add_done_callback(lambda _: self._under_way.pop(origin, None))
        return await asyncio.shield(task)

    async def _read(self, origin: str) -> _Rules:
        """Fetch and parse; large files in a thread."""
        fetched = await self._fetch(f"{origin}/robots.txt")
        rules = self._judged(fetched)
        if fetched.verdict == "ok":
            text = fetched.body.decode("utf-8-sig", errors="replace")
            if _most_rules(text) > MOST_RULES:
                rules = _Rules(self._clock() + FRESH_S, failure=Failure("permanent", "robots.txt holds too many rules to be read"))
            else:
                rules.parsed = Protego.parse(text) if len(text) < _LARGE else await asyncio.to_thread(Protego.parse, text)
        self._rules[origin] = rules
        self._rules.move_to_end(origin)
        if len(self._rules) > _MOST_ORIGINS:
            self._rules.popitem(last=False)
        return rules

    def _judged(self, fetched: Fetched) -> _Rules:
        """The rules of a robots.txt as it was answered, or that follow where it could not be fetched.

        There is none (any 4xx but 429, or it leads nowhere): all is allowed. The server is in trouble: nothing is, for now.
        """
        now = self._clock()
        code = fetched.http_code
        if fetched.verdict == "ok" or (code is not None and 300 <= code < 500 and code not in (420, 429)):
            return _Rules(now + FRESH_S)
        if fetched.verdict == "permanent":
            return _Rules(now + RETRY_S, failure=Failure("permanent", fetched.reason))
        reason = f"robots.txt could not be had: {fetched.reason}"
        return _Rules(now + max(RETRY_S, fetched.retry_after_s or 0.0), failure=Failure("passing", reason))

    async def close(self) -> None:
        """Stop what is under way."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _most_rules(text: str) -> int:
    """How many rules a robots.txt could amount to: each counts once for every robot its group names."""
    lines = text.splitlines()
    agents = sum(line.lstrip()[:4].lower() == "user" for line in lines)
    return max(1, agents) * (len(lines) - agents)


def _delay_s(rules: Protego) -> float:
    """Seconds between requests, from ``Crawl-delay`` or ``Request-rate``, whichever is slower."""
    delay = rules.crawl_delay(TOKEN) or 0.0
    rate = rules.request_rate(TOKEN)
    if rate is not None:
        delay = max(delay, min(rate.seconds, 10**9) / min(rate.requests, 10**9))
    return min(delay, LONGEST_DELAY_S)


def opt_out(robots_tags: Iterable[str], tdm_reservation: str = "") -> str | None:
    """Why an image must not be taken, or None.

    Args:
        robots_tags: each ``X-Robots-Tag`` header by itself; directives may be addressed to one robot (``tellapart: noai``).
        tdm_reservation: the ``tdm-reservation`` header (W3C TDM Reservation Protocol); 1 means that rights are reserved.
    """
    for tag in robots_tags:
        for directive in _for_us(tag):
            if directive in OPT_OUTS:
                return f"opted out (X-Robots-Tag: {directive})"
    return "opted out (tdm-reservation: 1)" if tdm_reservation.strip() == "1" else None


def _for_us(tag: str) -> Iterable[str]:
    """The directives of one header that are addressed to us or to all, in lower case."""
    ours = True
    for part in tag.split(","):
        scope = _SCOPE.fullmatch(part)
        if scope is not None and scope[1].lower() in _WITH_VALUE:
            continue
        if scope is not None:
            ours = scope[1].lower() in (TOKEN, "*")
            part = scope[2]
        if ours:
            yield part.strip().lower()
