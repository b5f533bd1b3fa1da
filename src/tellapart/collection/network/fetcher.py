"""The downloader: fetches images, pages and API answers, one attempt each, and turns every error into an outcome.

collection/retries.py has the retry rule.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp.abc import AbstractResolver
from multidict import CIMultiDictProxy
from yarl import URL

from tellapart.collection.candidates import Fetched, Request
from tellapart.collection.network.error_outcomes import NETWORK_ERRORS, Failure, network_failure, status_failure
from tellapart.collection.network.headers import plain_headers, retry_after_s, user_agent
from tellapart.collection.network.ip_guard import Resolver, guarded_socket, literal_refusal
from tellapart.collection.network.rate_limits import Hosts
from tellapart.collection.network.response_body import LARGE_AT_ONCE, Body, BodyRules
from tellapart.collection.network.robots import MOST_BYTES, Robots, opt_out
from tellapart.collection.network.urls import redirected, target_of

__all__ = ["FetchLimits", "Fetcher", "user_agent"]

PATIENCE_S = 10.0
"""How long a redirect waits for the rate limit of another host."""

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_OURS = frozenset({"user-agent", "accept-encoding", "host", "connection", "content-length", "transfer-encoding"})
_CLOSE = {"Connection": "close"}
_MOST_MET = 100_000
_FIELD_BYTES = 32 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchLimits:
    """How much time and memory one attempt may take."""

    max_bytes: int = 20_000_000
    """Of an image."""
    max_page_bytes: int = 8_000_000
    """Of a page or an answer of a source, unpacked."""
    timeout_s: float = 60.0
    """Timeout of one attempt, redirects included."""
    connect_timeout_s: float = 10.0
    """For one connection; the name's lookup and the answer's headers may take ``window_s`` more."""
    min_bytes_per_s: float = 1000.0
    window_s: float = 15.0
    """A body slower than ``min_bytes_per_s`` over this time is given up, and so is one of which nothing comes for as long."""
    redirects: int = 5
    concurrency: int = 64
    """Maximum number of concurrent attempts."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """What is asked for."""

    headers: Mapping[str, str]
    body: BodyRules
    extra: Mapping[str, str] = field(default_factory=dict)
    """Headers of this request; they may contain a key, and are not sent to the target of a redirect."""
    obeys_robots: bool = False
    tells_errors: bool = False
    """Keep the body of an error response: it has the source's message."""


@dataclass(slots=True)
class _Trail:
    """The progress of an attempt, for the report of a failure."""

    url: str
    target: URL | None = None
    code: int | None = None
    headers: CIMultiDictProxy[str] | None = None
    body: bytes = b""
    hosts_begun: list[str] = field(default_factory=list)


class Fetcher:
    """Fetches URLs over a connection pool; use as ``async with Fetcher(...) as fetcher``.

    Nothing a network or a server does raises; only :class:`asyncio.CancelledError` passes through.
    """

    def __init__(
        self,
        limits: FetchLimits | None = None,
        hosts: Hosts | None = None,
        *,
        user_agent: str,
        allow_private: bool = False,
        resolver: AbstractResolver | None = None,
    ) -> None:
        """Nothing is opened yet.

        Args:
            limits: time and memory.
            hosts: told of a robots.txt's delays, and asked before a redirect leads to another host; whoever calls the methods below
                asks and tells it of the first host.
            user_agent: see :func:`user_agent`.
            allow_private: also connect to addresses that are not public.
            resolver: instead of the system's name lookup; closed by its owner.
        """
        self._limits = limits or FetchLimits()
        self._user_agent = user_agent
        self._hosts = hosts
        self._allow_private = allow_private
        self._resolver = resolver
        self._own_resolver: Resolver | None = None
        self._slots = asyncio.Semaphore(self._limits.concurrency)
        self._large = asyncio.Semaphore(LARGE_AT_ONCE)
        self.robots = Robots(self._robots_txt)
        """The robots.txt rules, also for pages that are opened in a browser."""
        self._image = self._kind("image/jpeg,image/png,image/webp,image/*;q=0.9,*/*;q=0.1", "identity", is_image=True)
        self._page = self._kind("text/html,application/xhtml+xml,*/*;q=0.5", "gzip")
        self._answer = self._kind("application/json,*/*;q=0.5", "gzip")
        self._session: aiohttp.ClientSession | None = None
        self._met: set[str] = set()

    def _kind(self, accept: str, encoding: str, *, is_image: bool = False, is_cut: bool = False) -> _Kind:
        """The headers and rules for one kind of thing."""
        limits = self._limits
        rules = BodyRules(
            max_bytes=limits.max_bytes if is_image else MOST_BYTES if is_cut else limits.max_page_bytes,
            is_image=is_image,
            may_be_packed=not is_image,
            is_cut_at_cap=is_cut,
            min_bytes_per_s=limits.min_bytes_per_s,
            window_s=limits.window_s,
        )
        return _Kind({"Accept": accept, "Accept-Encoding": encoding}, rules)

    async def __aenter__(self) -> Self:
        """Open the pool."""
        if self._resolver is None:
            self._own_resolver = Resolver()
        connector = aiohttp.TCPConnector(
            limit=0,
            ttl_dns_cache=300,
            keepalive_timeout=15,
            resolver=self._resolver or self._own_resolver,
            socket_factory=None if self._allow_private else guarded_socket,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            headers={"User-Agent": self._user_agent},
            timeout=aiohttp.ClientTimeout(
                total=None, sock_connect=self._limits.connect_timeout_s, sock_read=self._limits.window_s, ceil_threshold=60
            ),
            max_line_size=_FIELD_BYTES,
            max_field_size=_FIELD_BYTES,
        )
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close all connections."""
        await self.robots.close()
        if self._session is not None:
            await self._session.close()
        if self._own_resolver is not None:
            await self._own_resolver.close()

    async def image(self, url: str) -> Fetched:
        """Fetch an image once; ``ok`` means complete, within the limits, not opted out, and with the first bytes of an image."""
        return await self._attempt(_Trail(url), self._image)

    async def page(self, request: Request, *, obey_robots: bool = True) -> Fetched:
        """Fetch a page once, if robots.txt of its site allows it."""
        target = self._with_params(request)
        return await self._attempt(_Trail(target), self._kind_for(self._page, request, obeys_robots=obey_robots))

    async def ask(self, request: Request) -> Fetched:
        """One attempt at a request to an API.

        The body of an error response is kept. ``url`` and ``final_url`` have no query, because it may contain a key.
        """
        fetched = await self._attempt(_Trail(self._with_params(request)), self._kind_for(self._answer, request, tells_errors=True))
        return _without_query(fetched, request.url)

    async def _robots_txt(self, url: str) -> Fetched:
        """A robots.txt, for :class:`Robots`; it takes no slot, as a page that holds one waits for it."""
        return await self._timed(_Trail(url), self._kind("text/plain,*/*;q=0.5", "gzip", is_cut=True))

    def _with_params(self, request: Request) -> str:
        """The URL with its parameters; unchanged if it is not valid, which the attempt reports."""
        if not request.params:
            return request.url
        try:
            return str(target_of(request.url).extend_query(request.params))
        except Failure:
            return request.url

    def _kind_for(self, kind: _Kind, request: Request, *, obeys_robots: bool = False, tells_errors: bool = False) -> _Kind:
        """``kind`` with the headers of one request; who we are and what we can read is not for a request to say."""
        extra = {name.title(): value for name, value in request.headers.items() if name.lower() not in _OURS}
        return replace(kind, extra=extra, obeys_robots=obeys_robots, tells_errors=tells_errors)

    async def _attempt(self, trail: _Trail, kind: _Kind) -> Fetched:
        """One attempt, when there is a slot for it."""
        async with self._slots:
            return await self._timed(trail, kind)

    async def _timed(self, trail: _Trail, kind: _Kind) -> Fetched:
        """One attempt; for other hosts than the first, its end is reported to the rate limits."""
        fetched: Fetched | None = None
        try:
            fetched = await self._judged(trail, kind)
        finally:
            if self._hosts is not None:
                for host in trail.hosts_begun:
                    self._hosts.end(host, fetched)
        return fetched

    async def _judged(self, trail: _Trail, kind: _Kind) -> Fetched:
        """The outcome of going where an address leads; every failure becomes one here."""
        limits = self._limits
        try:
            async with asyncio.timeout(None) as deadline:
                return await self._hops(trail, kind, deadline)
        except Failure as failure:
            return _outcome(trail, failure)
        except aiohttp.SocketTimeoutError:
            return _outcome(trail, Failure("passing", f"too slow: nothing for {limits.window_s:g} s"))
        except aiohttp.ServerTimeoutError:
            return _outcome(trail, Failure("passing", f"no connection in {limits.connect_timeout_s:g} s"))
        except TimeoutError:
            late = f"timed out after {limits.timeout_s:g} s" if trail.code else f"no answer in {self._until_headers_s:g} s"
            return _outcome(trail, Failure("passing", late))
        except NETWORK_ERRORS as error:
            return _outcome(trail, network_failure(error))

    @property
    def _until_headers_s(self) -> float:
        """Seconds for looking up a name, connecting, and getting the headers."""
        return min(self._limits.timeout_s, self._limits.connect_timeout_s + self._limits.window_s)

    async def _hops(self, trail: _Trail, kind: _Kind, deadline: asyncio.Timeout) -> Fetched:
        """Follow redirects ourselves, so that each hop is checked like the first URL."""
        if self._session is None:
            raise RuntimeError("use `async with Fetcher(...)`")
        now = asyncio.get_running_loop().time
        target, headers, visited = target_of(trail.url), {**kind.headers, **kind.extra}, set[URL]()
        left = self._limits.timeout_s
        for hop in range(self._limits.redirects + 1):
            trail.target = target
            self._judge(target)
            if hop or kind.obeys_robots:
                deadline.reschedule(None)
                await self._permission(trail, target, kind, is_first=not hop)
            trail.code = trail.headers = None
            start = now()
            deadline.reschedule(start + min(left, self._until_headers_s))
            sent = headers if self._is_known(target) else headers | _CLOSE
            async with self._session.get(target, headers=sent, allow_redirects=False) as response:
                trail.code, trail.headers = response.status, response.headers
                deadline.reschedule(start + left)
                if response.status not in _REDIRECTS:
                    return await self._answered(trail, kind, response, deadline)
            left -= now() - start
            visited.add(target)
            following = redirected(target, trail.headers.get("Location", ""))
            if following in visited:
                raise Failure("permanent", "redirects in a circle")
            if following.origin() != target.origin():
                headers = dict(kind.headers)
            target = following
        raise Failure("permanent", f"more than {self._limits.redirects} redirects")

    def _is_known(self, target: URL) -> bool:
        """Whether the host was met before: only then its connection is kept, so that a list of strangers leaves no thousands open."""
        host = target.raw_host or ""
        if host in self._met:
            return True
        if len(self._met) >= _MOST_MET:
            self._met.clear()
        self._met.add(host)
        return False

    def _judge(self, target: URL) -> None:
        """Refuse a host written as an address that must not be connected to; names are judged when they are connected to."""
        if self._allow_private:
            return
        reason = literal_refusal(target.raw_host or "")
        if reason is not None:
            raise Failure("permanent", reason)

    async def _permission(self, trail: _Trail, target: URL, kind: _Kind, *, is_first: bool) -> None:
        """What a page needs by its robots.txt, and a redirect by the pace of the host it leads to; no deadline runs meanwhile."""
        host = target.raw_host or ""
        if kind.obeys_robots:
            ruling = await self.robots.ruling(target)
            if self._hosts is not None and ruling.delay_s:
                self._hosts.slow(host, ruling.delay_s)
            if ruling.reason:
                trail.code = None
                raise Failure(ruling.verdict, ruling.reason, ruling.retry_after_s)
        first = target_of(trail.url).raw_host
        if not is_first and self._hosts is not None and host != first and host not in trail.hosts_begun:
            await self._turn(self._hosts, host)
            trail.hosts_begun.append(host)

    async def _turn(self, hosts: Hosts, host: str) -> None:
        """Wait for the turn of another host, but not for long."""
        now = asyncio.get_running_loop().time
        end = now() + PATIENCE_S
        while wait := hosts.wait_s(host):
            nap = min(wait, 0.05)
            if now() + (nap if wait == math.inf else wait) > end:
                known = None if wait == math.inf else wait
                raise Failure("passing", f"redirected to {host}, which is busy or paused", known)
            await asyncio.sleep(nap)
        hosts.begin(host)

    async def _answered(self, trail: _Trail, kind: _Kind, response: aiohttp.ClientResponse, deadline: asyncio.Timeout) -> Fetched:
        """What an answer that is not a redirect holds."""
        if response.status != 200:
            if kind.tells_errors:
                trail.body = await _error_text(response, self._large, deadline)
            raise status_failure(response.status)
        if kind.body.is_image:
            reason = opt_out(response.headers.getall("X-Robots-Tag", ()), response.headers.get("TDM-Reservation", ""))
            if reason is not None:
                raise Failure("permanent", reason)
        try:
            body, digest = await Body(kind.body, response, self._large, deadline).read()
        except BaseException:
            response.close()
            raise
        return Fetched(
            url=trail.url,
            verdict="ok",
            http_code=200,
            body=body,
            sha256=digest,
            final_url=str(trail.target),
            headers=plain_headers(response.headers),
        )


async def _error_text(response: aiohttp.ClientResponse, large: asyncio.Semaphore, deadline: asyncio.Timeout) -> bytes:
    """The first 16 kB of an error response; empty if it cannot be read."""
    try:
        rules = BodyRules(max_bytes=16_384, may_be_packed=True, is_cut_at_cap=True)
        body, _ = await Body(rules, response, large, deadline).read()
    except (Failure, *NETWORK_ERRORS):
        return b""
    return body


def _outcome(trail: _Trail, failure: Failure) -> Fetched:
    """A failure as an outcome, with the URLs and headers known so far."""
    headers = plain_headers(trail.headers) if trail.headers is not None else {}
    wait = failure.retry_after_s
    if wait is None and failure.verdict == "passing":
        wait = retry_after_s(headers.get("retry-after"))
    return Fetched(
        url=trail.url,
        verdict=failure.verdict,
        reason=failure.reason,
        http_code=trail.code,
        retry_after_s=wait,
        body=trail.body,
        final_url=str(trail.target or ""),
        headers=headers,
    )


def _without_query(fetched: Fetched, url: str) -> Fetched:
    """The same outcome without what may hold a key."""
    return replace(fetched, url=url.partition("?")[0], final_url=fetched.final_url.partition("?")[0])
