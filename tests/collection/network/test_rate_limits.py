from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tellapart.collection.candidates import Fetched
from tellapart.collection.network.rate_limits import DAY_S, FAILURES, FIRST_PAUSE_S, LONGEST_PAUSE_S, RECOVERY, Hosts
from tellapart.collection.sources.protocol import HostLimit

HOST = "images.test"
URL = f"http://{HOST}/1.jpg"
OK = Fetched(url=URL, verdict="ok", http_code=200, final_url=URL)
GONE = Fetched(url=URL, verdict="permanent", reason="404 not found", http_code=404, final_url=URL)
BROKEN = Fetched(url=URL, verdict="passing", reason="500 internal server error", http_code=500, final_url=URL)
FORBIDDEN = Fetched(url=URL, verdict="passing", reason="403 forbidden", http_code=403, final_url=URL)
LOST = Fetched(url=URL, verdict="passing", reason="connection reset", final_url=URL)


def busy(seconds: float | None, code: int = 429) -> Fetched:
    return Fetched(url=URL, verdict="passing", reason=f"{code} too many requests", http_code=code, retry_after_s=seconds, final_url=URL)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def hosts_at(clock: Clock, default: HostLimit | None = None, **known: HostLimit) -> Hosts:
    names = {name.replace("_", "."): limit for name, limit in known.items()}
    return Hosts(default, names, clock=clock, chance=lambda: 0.5)


def ask(hosts: Hosts, fetched: Fetched | None = OK, host: str = HOST) -> None:
    assert hosts.wait_s(host) == 0
    hosts.begin(host)
    hosts.end(host, fetched)


def test_no_more_at_once_than_allowed() -> None:
    hosts = hosts_at(Clock(), HostLimit(concurrency=2))
    for _ in range(2):
        assert hosts.wait_s(HOST) == 0
        hosts.begin(HOST)
    assert hosts.wait_s(HOST) == math.inf
    assert hosts.wait_s("other.test") == 0, "one host never holds up another"
    hosts.end(HOST, OK)
    assert hosts.wait_s(HOST) == 0


def test_a_rate_is_spread_over_the_minute() -> None:
    clock = Clock()
    hosts = hosts_at(clock, HostLimit(concurrency=9, per_minute=20))
    ask(hosts)
    assert hosts.wait_s(HOST) == pytest.approx(3.0)
    clock.now += 2.0
    assert hosts.wait_s(HOST) == pytest.approx(1.0)
    clock.now += 1.0
    ask(hosts)


@given(st.lists(st.floats(0, 7), min_size=30, max_size=120), st.floats(1, 300))
def test_never_more_in_any_minute_than_the_rate_and_one_burst(pauses: list[float], rate: float) -> None:
    clock = Clock()
    hosts = hosts_at(clock, HostLimit(concurrency=10**6, per_minute=rate))
    starts = []
    for pause in pauses:
        clock.now += pause
        while hosts.wait_s(HOST) == 0 and len(starts) < 1000:
            hosts.begin(HOST)
            starts.append(clock.now)
    most = rate + max(1.0, rate / 60)
    for start in starts:
        assert sum(start <= other <= start + 60 for other in starts) <= most + 1.1


def test_waiting_as_long_as_told_is_enough() -> None:
    clock = Clock()
    hosts = hosts_at(clock, HostLimit(per_minute=700.0))
    for _ in range(500):
        clock.now += hosts.wait_s(HOST)
        ask(hosts)


def test_a_day_has_its_budget() -> None:
    clock = Clock()
    hosts = hosts_at(clock, HostLimit(per_day=3))
    for _ in range(3):
        ask(hosts)
        clock.now += 100
    assert hosts.wait_s(HOST) == pytest.approx(DAY_S - 300)
    clock.now += DAY_S - 300
    ask(hosts)
    assert hosts.wait_s(HOST) == pytest.approx(100)


def test_the_budget_of_a_day_outlives_a_run() -> None:
    clock = Clock()
    limit = {"api.test": HostLimit(per_day=5)}
    first = Hosts(known=limit, clock=clock)
    for _ in range(3):
        ask(first, host="api.test")
    spent = first.newly_spent()
    assert spent == {"api.test": 3}
    assert first.newly_spent() == {}
    second = Hosts(known=limit, clock=clock, spent=spent)
    for _ in range(2):
        ask(second, host="api.test")
    assert second.wait_s("api.test") > DAY_S / 2
    assert second.newly_spent() == {"api.test": 2}, "what was spent before is not told again"


def test_a_domain_s_limit_is_shared_by_its_subdomains() -> None:
    hosts = hosts_at(Clock(), wikimedia_test=HostLimit(concurrency=2), upload_wikimedia_test=HostLimit(concurrency=1))
    hosts.begin("commons.wikimedia.test")
    hosts.begin("en.m.wikimedia.test")
    assert hosts.wait_s("de.wikimedia.test") == math.inf
    assert hosts.wait_s("notwikimedia.test") == 0
    assert hosts.wait_s("upload.wikimedia.test") == 0, "the longest name counts"
    hosts.begin("upload.wikimedia.test")
    assert hosts.wait_s("upload.wikimedia.test") == math.inf


def test_retry_after_is_obeyed_to_the_second() -> None:
    clock = Clock()
    hosts = hosts_at(clock)
    ask(hosts, busy(30))
    assert hosts.wait_s(HOST) == pytest.approx(30)
    clock.now += 29.9
    assert hosts.wait_s(HOST) > 0
    clock.now += 0.2
    ask(hosts)


@pytest.mark.parametrize("code", [429, 503])
def test_a_busy_host_without_retry_after_gets_a_pause_of_our_own(code: int) -> None:
    hosts = hosts_at(Clock())
    ask(hosts, busy(None, code))
    assert hosts.wait_s(HOST) == pytest.approx(FIRST_PAUSE_S)


def test_after_a_pause_one_probe_decides() -> None:
    clock = Clock()
    hosts = hosts_at(clock, HostLimit(concurrency=8))
    for _ in range(FAILURES - 1):
        ask(hosts, BROKEN)
    assert hosts.wait_s(HOST) == 0
    ask(hosts, LOST)
    assert hosts.wait_s(HOST) == pytest.approx(FIRST_PAUSE_S)
    clock.now += FIRST_PAUSE_S
    hosts.begin(HOST)
    assert hosts.wait_s(HOST) == math.inf, "only one probe"
    hosts.end(HOST, BROKEN)
    assert hosts.wait_s(HOST) == pytest.approx(2 * FIRST_PAUSE_S), "each pause is longer"
    clock.now += 2 * FIRST_PAUSE_S
    ask(hosts, OK)
    for _ in range(8):
        assert hosts.wait_s(HOST) == 0
        hosts.begin(HOST)


def test_pauses_grow_to_a_limit_and_start_anew_after_a_good_answer() -> None:
    clock = Clock()
    hosts = hosts_at(clock)
    for _ in range(FAILURES - 1):
        ask(hosts, LOST)
    pauses = []
    for _ in range(12):
        ask(hosts, LOST)
        pauses.append(hosts.wait_s(HOST))
        clock.now += pauses[-1]
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_PAUSE_S
    ask(hosts, OK)
    for _ in range(FAILURES):
        ask(hosts, LOST)
    assert hosts.wait_s(HOST) == pytest.approx(FIRST_PAUSE_S)


def test_jitter_keeps_two_collectors_apart() -> None:
    clock = Clock()
    waits = set()
    for chance in (0.0, 0.5, 0.99):
        hosts = Hosts(clock=clock, chance=lambda chance=chance: chance)
        for _ in range(FAILURES):
            ask(hosts, BROKEN)
        waits.add(hosts.wait_s(HOST))
    assert len(waits) == 3
    assert all(0.5 * FIRST_PAUSE_S <= wait <= 1.5 * FIRST_PAUSE_S for wait in waits)


def test_being_forbidden_again_and_again_counts_and_a_missing_image_does_not() -> None:
    hosts = hosts_at(Clock())
    for _ in range(50):
        ask(hosts, GONE)
    for _ in range(FAILURES):
        ask(hosts, FORBIDDEN)
    assert hosts.wait_s(HOST) > 0


def test_failures_that_are_not_in_a_row_do_not_count() -> None:
    hosts = hosts_at(Clock())
    for _ in range(30):
        ask(hosts, BROKEN)
        ask(hosts, GONE)


def test_many_refusals_of_one_burst_are_one_pause() -> None:
    clock = Clock()
    hosts = hosts_at(clock, HostLimit(concurrency=8))
    for _ in range(8):
        hosts.begin(HOST)
    for _ in range(7):
        hosts.end(HOST, busy(None))
    hosts.end(HOST, OK)
    assert hosts.wait_s(HOST) == pytest.approx(FIRST_PAUSE_S), "a late good answer does not end the pause"
    clock.now += FIRST_PAUSE_S
    hosts.begin(HOST)
    assert hosts.wait_s(HOST) == math.inf, "nor does it stand for the probe"


def test_a_host_that_asked_to_slow_down_is_asked_by_fewer_at_once() -> None:
    clock = Clock()
    hosts = hosts_at(clock, HostLimit(concurrency=8))
    ask(hosts, busy(5))
    clock.now += 5
    ask(hosts)

    def at_once() -> int:
        count = 0
        while hosts.wait_s(HOST) == 0:
            hosts.begin(HOST)
            count += 1
        for _ in range(count):
            hosts.end(HOST, None)
        return count

    assert at_once() == 4
    for _ in range(RECOVERY):
        ask(hosts)
    assert at_once() == 5


def test_a_crawl_delay_is_one_at_a_time_with_gaps() -> None:
    clock = Clock()
    hosts = hosts_at(clock, HostLimit(concurrency=8))
    hosts.slow(HOST, 10)
    hosts.begin(HOST)
    assert hosts.wait_s(HOST) == math.inf
    clock.now += 4
    hosts.end(HOST, OK)
    assert hosts.wait_s(HOST) == pytest.approx(6)


def test_what_a_redirect_met_elsewhere_is_not_held_against_the_first_host() -> None:
    hosts = hosts_at(Clock())
    for _ in range(3 * FAILURES):
        ask(hosts, Fetched(url=URL, verdict="passing", reason="429", http_code=429, retry_after_s=99, final_url="http://cdn.test/1.jpg"))


def test_an_attempt_given_up_frees_its_place_and_says_nothing() -> None:
    hosts = hosts_at(Clock(), HostLimit(concurrency=1))
    for _ in range(20):
        ask(hosts, None)
    (row,) = hosts.summary()
    assert (row.requests, row.ok, row.refused, row.failed, row.running) == (20, 0, 0, 0, 0)


def test_the_summary_tells_what_happened_and_why_a_host_rests() -> None:
    clock = Clock()
    hosts = hosts_at(clock)
    ask(hosts)
    ask(hosts, GONE)
    ask(hosts, busy(60))
    ask(hosts, host="other.test")
    clock.now += 20
    first, second = hosts.summary()
    assert (first.host, first.requests, first.ok, first.refused, first.failed) == (HOST, 3, 1, 1, 1)
    assert (first.paused_s, first.reason) == (pytest.approx(40), "429 too many requests")
    assert (second.host, second.ok, second.paused_s, second.reason) == ("other.test", 1, 0, "")
