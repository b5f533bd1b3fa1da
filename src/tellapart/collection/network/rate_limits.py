"""Rate limits per host: requests per second and per day, pauses that a host asks for, and a circuit breaker for failing hosts.

Plain synchronous bookkeeping on a clock that is passed in. Before a request the fetcher calls :meth:`Hosts.wait_s`, around it
:meth:`Hosts.begin` and :meth:`Hosts.end`.
"""

from __future__ import annotations

import math
import random
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tellapart.collection.candidates import Fetched
from tellapart.collection.network.urls import host_of
from tellapart.collection.sources.protocol import HostLimit

FAILURES = 5
"""Consecutive temporary failures after which a host is paused."""
FIRST_PAUSE_S = 10.0
LONGEST_PAUSE_S = 1800.0
DAY_S = 86400.0
RECOVERY = 50
"""Good answers in a row after which one more request at once is tried, where a host had asked to slow down."""
_SLOW_DOWN = frozenset({420, 429, 503})


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSummary:
    """Counts of the requests to one host."""

    host: str
    requests: int
    ok: int
    refused: int
    """Permanent failures."""
    failed: int
    """Passing failures."""
    running: int
    paused_s: float
    """Seconds until the next request is allowed; 0 if it is now."""
    reason: str
    """Why it is paused, or the last error; empty if there was none."""


@dataclass(slots=True)
class _TokenBucket:
    """What all hosts of one domain share: the limit, and what has been used of it."""

    limit: HostLimit
    running: int = 0
    tokens: float = 1.0
    refilled: float = -math.inf
    starts: deque[float] = field(default_factory=deque)
    fresh: int = 0
    """Requests not yet recorded in the ledger; only counted for daily budgets."""


@dataclass(slots=True)
class _State:
    """One host's own history."""

    bucket: _TokenBucket
    ceiling: float
    running: int = 0
    requests: int = 0
    ok: int = 0
    refused: int = 0
    failed: int = 0
    in_a_row: int = 0
    good_in_a_row: int = 0
    gap_s: float = 0.0
    started: float = -math.inf
    level: int = 0
    """Pauses since the last good answer; each is longer than the one before."""
    is_open: bool = False
    """Whether a pause began that no probe has ended yet."""
    until: float = -math.inf
    reason: str = ""


class Hosts:
    """The rate limits and the state of every host."""

    def __init__(
        self,
        default: HostLimit | None = None,
        known: Mapping[str, HostLimit] | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] | None = None,
        spent: Mapping[str, int] | None = None,
    ) -> None:
        """Start without any request.

        Args:
            default: for each host not named in ``known``.
            known: by host or domain; a limit for a domain is shared by all hosts under it.
            clock: seconds, ever growing.
            chance: uniform in [0, 1), for the jitter of pauses.
            spent: requests of the last day, by the names of ``known``, as earlier runs and other collectors left them.
        """
        self._default = default or HostLimit()
        self._known = {name.lower().strip("."): limit for name, limit in (known or {}).items()}
        self._clock = clock
        self._chance = chance or random.Random().random  # noqa: S311
        self._states: dict[str, _State] = {}
        self._buckets: dict[str, _TokenBucket] = {}
        for name, count in (spent or {}).items():
            bucket = self._bucket(name.lower())
            if bucket.limit.per_day is not None:
                bucket.starts.extend([clock()] * count)

    def wait_s(self, host: str) -> float:
        """Seconds until the next request to ``host`` is allowed: 0 for now, infinity while it depends on a running request."""
        state = self._state(host)
        now = self._clock()
        bucket = state.bucket
        if state.until > now:
            return state.until - now
        if bucket.running >= bucket.limit.concurrency or state.running >= self._most_at_once(state):
            return math.inf
        return max(0.0, state.started + state.gap_s - now, self._until_token(bucket, now), self._until_budget(bucket, now))

    def begin(self, host: str) -> None:
        """A request to ``host`` starts."""
        state = self._state(host)
        now = self._clock()
        bucket = state.bucket
        self._refill(bucket, now)
        bucket.tokens -= 1
        bucket.running += 1
        if bucket.limit.per_day is not None:
            bucket.starts.append(now)
            bucket.fresh += 1
        state.running += 1
        state.requests += 1
        state.started = now

    def end(self, host: str, fetched: Fetched | None) -> None:
        """A request to ``host`` ended; None where it was given up and says nothing about the host."""
        state = self._state(host)
        state.running = max(0, state.running - 1)
        state.bucket.running = max(0, state.bucket.running - 1)
        if fetched is None:
            return
        if fetched.verdict == "ok":
            state.ok += 1
        elif fetched.verdict == "permanent":
            state.refused += 1
        else:
            state.failed += 1
        if fetched.verdict != "ok":
            state.reason = fetched.reason
        elsewhere = fetched.final_url and host_of(fetched.final_url) != host
        if elsewhere or (fetched.verdict != "passing" and fetched.http_code is not None):
            self._answered(state)
        elif fetched.verdict == "passing":
            self._failed(state, fetched)

    def slow(self, host: str, gap_s: float) -> None:
        """Ask ``host`` no more often than once in ``gap_s`` seconds and one at a time, as its robots.txt wants; 0 lifts it."""
        self._state(host).gap_s = max(0.0, gap_s)

    def newly_spent(self) -> dict[str, int]:
        """Requests since this was asked last, by name, where a name has a budget a day and some were made; for the ledger."""
        fresh = {name: bucket.fresh for name, bucket in self._buckets.items() if bucket.fresh}
        for name in fresh:
            self._buckets[name].fresh = 0
        return fresh

    def summary(self) -> list[HostSummary]:
        """One row per host, most requests first."""
        now = self._clock()
        rows = [
            HostSummary(
                host=host,
                requests=state.requests,
                ok=state.ok,
                refused=state.refused,
                failed=state.failed,
                running=state.running,
                paused_s=max(0.0, state.until - now),
                reason=state.reason,
            )
            for host, state in self._states.items()
        ]
        return sorted(rows, key=lambda row: (-row.requests, row.host))

    def _state(self, host: str) -> _State:
        state = self._states.get(host)
        if state is None:
            bucket = self._bucket(host)
            state = self._states[host] = _State(bucket, ceiling=bucket.limit.concurrency)
        return state

    def _bucket(self, host: str) -> _TokenBucket:
        """What is shared with the other hosts of the longest known domain that ``host`` lies in; its own where none is known."""
        name = host
        while name and name not in self._known:
            name = name.partition(".")[2]
        key = name or host
        if key not in self._buckets:
            limit = self._known.get(key, self._default)
            self._buckets[key] = _TokenBucket(limit, tokens=_burst(limit))
        return self._buckets[key]

    def _most_at_once(self, state: _State) -> float:
        """Requests at once for this host: one as a probe or where it asked for gaps, else as many as it has borne."""
        return 1 if state.is_open or state.gap_s > 0 else max(1, int(state.ceiling))

    def _refill(self, bucket: _TokenBucket, now: float) -> None:
        """Bring the tokens of a rate up to date."""
        if bucket.limit.per_minute is None:
            bucket.tokens = 1.0
        else:
            bucket.tokens = min(_burst(bucket.limit), bucket.tokens + (now - bucket.refilled) * bucket.limit.per_minute / 60)
        bucket.refilled = now

    def _until_token(self, bucket: _TokenBucket, now: float) -> float:
        """Seconds until the rate allows one more; a thousandth of a token is forgiven, so that rounding never asks for another wait."""
        self._refill(bucket, now)
        if bucket.tokens >= 0.999 or bucket.limit.per_minute is None:
            return 0.0
        return (1 - bucket.tokens) * 60 / bucket.limit.per_minute

    def _until_budget(self, bucket: _TokenBucket, now: float) -> float:
        """Seconds until the budget of a day allows one more."""
        if bucket.limit.per_day is None:
            return 0.0
        while bucket.starts and bucket.starts[0] <= now - DAY_S:
            bucket.starts.popleft()
        if len(bucket.starts) < bucket.limit.per_day:
            return 0.0
        return bucket.starts[len(bucket.starts) - bucket.limit.per_day] + DAY_S - now if bucket.limit.per_day > 0 else DAY_S

    def _answered(self, state: _State) -> None:
        """The host does its work; during a pause this is only the end of a request begun before it."""
        if state.until > self._clock():
            return
        state.is_open = False
        state.level = state.in_a_row = 0
        state.good_in_a_row += 1
        if state.good_in_a_row % RECOVERY == 0:
            state.ceiling = min(state.ceiling + 1, state.bucket.limit.concurrency)

    def _failed(self, state: _State, fetched: Fetched) -> None:
        """A failure that time may mend: pause at once where the host asks for it, else after :data:`FAILURES` in a row."""
        now = self._clock()
        state.in_a_row += 1
        state.good_in_a_row = 0
        if state.until > now:
            state.until = max(state.until, now + (fetched.retry_after_s or 0.0))
            return
        slow_down = fetched.http_code in _SLOW_DOWN
        retry_after = fetched.retry_after_s if slow_down else None
        if not (slow_down or state.is_open or state.in_a_row >= FAILURES):
            return
        if slow_down:
            state.ceiling = max(1.0, state.ceiling / 2)
        pause = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2**state.level) * (0.5 + self._chance())
        state.until = now + (max(retry_after, 1.0) if retry_after is not None and not state.is_open else max(retry_after or 0.0, pause))
        state.level = min(state.level + 1, 20)
        state.is_open = True


def _burst(limit: HostLimit) -> float:
    """Requests that may start together after a rest: one second's worth, and at least one."""
    return 1.0 if limit.per_minute is None else max(1.0, limit.per_minute / 60)
