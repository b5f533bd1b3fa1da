from __future__ import annotations

import asyncio
import hashlib
import json
import math
import random
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from email.utils import formatdate
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import pytest

from tellapart.collection.candidates import Fetched, Request
from tellapart.collection.network import fetcher as fetching
from tellapart.collection.network import ip_guard
from tellapart.collection.network.fetcher import Fetcher, FetchLimits, user_agent
from tellapart.collection.network.rate_limits import Hosts
from tellapart.collection.sources.protocol import HostLimit
from tests.collection import rude_server
from tests.collection.network.test_ip_guard import Names
from tests.collection.rude_server import HTML, SHORT_BY, RudeServer, image
from tests.memory import PEAK_MEMORY

T = TypeVar("T")
PATIENT = FetchLimits(timeout_s=30, connect_timeout_s=10, window_s=10)
QUICK = FetchLimits(timeout_s=30, connect_timeout_s=0.3, window_s=0.4)
WAITING = FetchLimits(timeout_s=30, connect_timeout_s=29, window_s=0.4)
AGENT = user_agent("me@example.org")


def fetched_by(use: Callable[[Fetcher, RudeServer], Awaitable[T]], *, server: dict[str, Any] | None = None, **options: Any) -> T:
    """What ``use`` returns, given a fetcher and a rude server in one loop."""

    async def both() -> T:
        options.setdefault("allow_private", True)
        limits = options.pop("limits", PATIENT)
        async with RudeServer(**(server or {})) as rude, Fetcher(limits, user_agent=AGENT, **options) as fetcher:
            return await use(fetcher, rude)

    return asyncio.run(both())


def images(*paths: str, **options: Any) -> list[Fetched]:
    """The outcomes of asking for images, one after the other."""

    async def each(fetcher: Fetcher, rude: RudeServer) -> list[Fetched]:
        return [await fetcher.image(path if "://" in path else rude.url(path)) for path in paths]

    return fetched_by(each, **options)


def fetch_one(path: str, **options: Any) -> Fetched:
    return images(path, **options)[0]


def test_a_good_image_comes_whole_with_its_hash() -> None:
    got = fetch_one("/good/7.jpg")
    assert (got.verdict, got.reason, got.http_code, got.body) == ("ok", "", 200, image(7))
    assert got.sha256 == hashlib.sha256(image(7)).hexdigest()
    assert got.headers["content-type"] == "image/jpeg"
    assert got.final_url == got.url


@pytest.mark.parametrize("path", ["/chunks/3.jpg", "/hops/5/3.jpg", "/slow/0.1/3.jpg", "/large/3.jpg", "/to?/good/3.jpg"])
def test_roundabout_ways_to_a_good_image(path: str) -> None:
    got = fetch_one(path)
    assert (got.verdict, got.reason) == ("ok", "")
    assert got.body.startswith(image(3))
    assert got.sha256 == hashlib.sha256(got.body).hexdigest()


def test_redirects_end_where_they_say() -> None:
    got = fetch_one("/hops/3/9.jpg")
    assert got.url.endswith("/hops/3/9.jpg")
    assert got.final_url.endswith("/good/9.jpg")


PASSING = {
    "/status/403": "403 forbidden (blocked, or too fast?)",
    "/status/408": "408 request timeout",
    "/status/425": "425 too early",
    "/status/429": "429 too many requests",
    "/status/500": "500 internal server error",
    "/status/503": "503 service unavailable",
    "/status/522": "522 server error",
    "/drip/headers": "no answer in 0.7 s",
    "/drip/body.jpg": "too slow: 8 bytes in 0 s",
    "/stall/headers": "too slow: nothing for 0.4 s",
    "/stall/body.jpg": "too slow: nothing for 0.4 s",
    "/silence": "connection closed without an answer",
    "/garbage": "not an HTTP answer",
    "/broken-chunks/1.jpg": f"cut off after {len(image(1)):,} bytes",
    "/void.jpg": "empty answer",
}
PERMANENT = {
    "/status/400": "400 bad request",
    "/status/401": "401 unauthorized",
    "/status/404": "404 not found",
    "/status/410": "410 gone",
    "/status/451": "451 unavailable for legal reasons",
    "/status/204": "204 no content",
    "/loop/a": "redirects in a circle",
    "/hops/6/1.jpg": "more than 5 redirects",
    "/nowhere": "redirect that does not say where to",
    "/to?file:///etc/passwd": "scheme file is not http or https",
    "/to?ftp://127.0.0.1/x": "scheme ftp is not http or https",
    "/to?gopher://127.0.0.1/x": "scheme gopher is not http or https",
    "/to?http://": "no host in the address",
    "/to?http://a b/": "not a usable host name",
    "/html.jpg": "not an image (looks like HTML)",
    "/long-html.jpg": "not an image (looks like HTML)",
    "/text.jpg": "not an image (looks like text)",
    "/empty.jpg": "empty file",
    "/gzipped/1.jpg": "unsupported content-encoding gzip",
    "/gzip-bomb.jpg": "unsupported content-encoding gzip",
    "/huge.jpg": "larger than 20,000,000 bytes",
    "/endless.jpg": "larger than 20,000,000 bytes",
    "/optout/noai/1.jpg": "opted out (X-Robots-Tag: noai)",
    "/optout/all|noimageai/1.jpg": "opted out (X-Robots-Tag: noimageai)",
    "/optout/tellapart:%20noindex/1.jpg": "opted out (X-Robots-Tag: noindex)",
    "/tdm/1/1.jpg": "opted out (tdm-reservation: 1)",
}


@pytest.fixture(scope="module")
def outcomes() -> dict[str, Fetched]:
    """What becomes of every bad path; those that dawdle are asked by a fetcher with little patience."""
    drips, stalls = ([path for path in PASSING if path.startswith(start)] for start in ("/drip", "/stall"))
    others = [path for path in (*PASSING, *PERMANENT) if path not in (*drips, *stalls)]

    async def all_at_once(fetcher: Fetcher, rude: RudeServer) -> list[Fetched]:
        async with (
            Fetcher(QUICK, user_agent=AGENT, allow_private=True) as quick,
            Fetcher(WAITING, user_agent=AGENT, allow_private=True) as waiting,
        ):
            of_each = ((quick, drips), (waiting, stalls), (fetcher, others))
            return await asyncio.gather(*(one.image(rude.url(path)) for one, paths in of_each for path in paths))

    return dict(zip([*drips, *stalls, *others], fetched_by(all_at_once), strict=True))


@pytest.mark.parametrize(("path", "reason"), [*PASSING.items(), *PERMANENT.items()])
def test_every_failure_has_its_verdict_and_its_reason(path: str, reason: str, outcomes: dict[str, Fetched]) -> None:
    got = outcomes[path]
    if path == "/drip/body.jpg":
        assert got.reason.startswith("too slow: ")
        assert got.reason.endswith("bytes in 0 s")
    else:
        assert got.reason == reason
    assert got.verdict == ("passing" if path in PASSING else "permanent")
    assert got.body == b""


def test_every_failure_keeps_its_code(outcomes: dict[str, Fetched]) -> None:
    assert {path: got.http_code for path, got in outcomes.items() if path.startswith("/status/")} == {
        path: int(path.split("/")[2]) for path in outcomes if path.startswith("/status/")
    }
    assert outcomes["/silence"].http_code is None
    assert outcomes["/html.jpg"].http_code == 200


def test_a_cut_off_body_says_how_much_came() -> None:
    whole = len(image(4))
    short, reset, after = images("/short/4.jpg", "/reset/4.jpg", "/good/4.jpg")
    assert (short.verdict, short.reason) == ("passing", f"cut off: {whole:,} of {whole + SHORT_BY:,} bytes")
    assert reset.verdict == "passing"
    assert reset.reason.startswith("cut off: ")
    assert reset.reason.endswith(f" of {whole:,} bytes")
    assert after.verdict == "ok"


def test_bytes_after_the_end_do_not_become_the_next_answer() -> None:
    long, after = images("/long/4.jpg", "/good/5.jpg")
    assert (long.verdict, long.body) == ("passing", b"")
    assert after.body == image(5)


def test_a_bomb_of_pixels_is_only_a_small_file_here() -> None:
    got = fetch_one("/png-bomb.png")
    assert got.verdict == "ok"
    assert len(got.body) < 60_000


@pytest.mark.parametrize(
    "path", ["/optout/googlebot:%20noai/1.jpg", "/optout/index,%20follow/1.jpg", "/tdm/0/1.jpg", "/optout/unavailable_after:%20noai/1.jpg"]
)
def test_what_is_not_said_to_us_is_no_opt_out(path: str) -> None:
    assert fetch_one(path).verdict == "ok"


def test_a_second_try_may_succeed_and_the_wait_is_the_servers() -> None:
    first, second = images("/busy/1/7/2.jpg", "/busy/1/7/2.jpg")
    assert (first.verdict, first.http_code, first.retry_after_s) == ("passing", 429, 7.0)
    assert second.body == image(2)
    first, second = images("/stumbles/1/2.jpg", "/stumbles/1/2.jpg")
    assert (first.verdict, first.http_code, first.retry_after_s, second.verdict) == ("passing", 500, None, "ok")


def test_retry_after_may_be_a_date_and_is_never_longer_than_a_day() -> None:
    soon, late = quote(formatdate(time.time() + 90, usegmt=True)), quote(formatdate(time.time() + 10**7, usegmt=True))
    got = images(f"/busy/9/{soon}/1.jpg", f"/busy/9/{late}/1.jpg", "/busy/9/99999999999999999999/1.jpg", "/busy/9/tomorrow/1.jpg")
    assert got[0].retry_after_s == pytest.approx(90, abs=5)
    assert [each.retry_after_s for each in got[1:]] == [86400.0, 86400.0, None]


def test_a_body_that_trickles_is_given_up_long_before_the_deadline() -> None:
    got = fetch_one("/drip/body.jpg", limits=QUICK)
    assert got.reason.startswith("too slow")


def test_the_deadline_holds_for_all_redirects_together() -> None:
    got = fetch_one(f"/to?{quote('/slow/9/1.jpg')}", limits=FetchLimits(timeout_s=0.5))
    assert (got.verdict, got.reason) == ("passing", "no answer in 0.5 s")


def test_nobody_listening_is_passing() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    got = fetch_one(f"http://127.0.0.1:{port}/1.jpg")
    assert (got.verdict, got.reason) == ("passing", "connection refused")


def test_an_unknown_name_is_passing_since_the_network_may_be_down() -> None:
    class Nothing(Names):
        async def resolve(self, *_: object, **__: object) -> list[Any]:
            raise socket.gaierror(socket.EAI_NONAME if self.answers[0] else socket.EAI_AGAIN, "no")

    assert fetch_one("http://nowhere.test/1.jpg", resolver=Nothing(["x"])).reason == "host name unknown"
    got = fetch_one("http://nowhere.test/1.jpg", resolver=Nothing([]))
    assert (got.verdict, got.reason) == ("passing", "host name could not be looked up")


def test_plain_http_where_tls_is_expected_is_passing() -> None:
    async def over_tls(fetcher: Fetcher, rude: RudeServer) -> Fetched:
        return await fetcher.image(rude.url("/good/1.jpg").replace("http:", "https:"))

    got = fetched_by(over_tls)
    assert got.verdict == "passing"
    assert got.reason.startswith("TLS failed (")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "not a usable address"),
        ("images/1.jpg", "not a usable address"),
        ("//host/1.jpg", "not a usable address"),
        ("data:image/png;base64,AAAA", "scheme data is not http or https"),
        ("javascript:alert(1)", "scheme javascript is not http or https"),
        ("http:host/1.jpg", "no host in the address"),
        ("http:///1.jpg", "no host in the address"),
        ("http://host:99999/", "not a usable address"),
        ("http://public.test\\@127.0.0.1/", "not a usable address"),
        ("http://%31%32%37.0.0.1/", "not a usable host name"),
        ("http://host/" + "a" * 9000, "address longer than 8,192 characters"),
    ],
)
def test_an_address_that_cannot_be_asked_is_permanent(url: str, reason: str) -> None:
    async def one(fetcher: Fetcher, rude: RudeServer) -> Fetched:
        return await fetcher.image(url)

    got = fetched_by(one)
    assert (got.verdict, got.reason, got.http_code) == ("permanent", reason, None)


def test_who_asks_is_said_and_nothing_else_is_carried_along() -> None:
    async def look(fetcher: Fetcher, rude: RudeServer) -> tuple[dict[str, str], dict[str, str]]:
        await fetcher.image(rude.url("/good/1.jpg"))
        request = Request(url=rude.url("/headers"), params={"q": "a b"}, headers={"User-Agent": "Mozilla/5.0", "X-Key": "k"})
        return rude.asked[0].headers, json.loads((await fetcher.ask(request)).body)

    image_headers, api_headers = fetched_by(look)
    assert image_headers["user-agent"] == api_headers["user-agent"] == AGENT
    assert AGENT.startswith("tellapart/")
    assert "(+me@example.org) aiohttp/" in AGENT
    assert image_headers["accept-encoding"] == "identity"
    assert api_headers["x-key"] == "k"
    assert "cookie" not in image_headers


def test_cookies_are_not_taken() -> None:
    async def look(fetcher: Fetcher, rude: RudeServer) -> list[dict[str, str]]:
        for host in ("127.0.0.1", "localhost"):
            await fetcher.image(rude.url("/cookie/1.jpg", host))
            await fetcher.image(rude.url("/good/1.jpg", host))
        return [asked.headers for asked in rude.asked]

    headers = fetched_by(look)
    assert len(headers) == 4
    assert not any("cookie" in each for each in headers)


def test_a_connection_to_a_stranger_is_not_kept() -> None:
    async def many(fetcher: Fetcher, rude: RudeServer) -> int:
        for number in range(20):
            await fetcher.image(rude.url("/good/1.jpg", f"stranger-{number}.test"))
        await asyncio.sleep(0.05)
        return len(rude.connections)

    assert fetched_by(many, resolver=Names(["127.0.0.1"])) == 0


def test_connections_are_kept_and_no_proxy_of_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9/")

    async def many(fetcher: Fetcher, rude: RudeServer) -> tuple[int, set[str]]:
        got = [await fetcher.image(rude.url(f"/good/{number}.jpg")) for number in range(20)]
        return rude.connected, {each.verdict for each in got}

    assert fetched_by(many) == (2, {"ok"}), "one for the first meeting, one for all the rest"


def test_no_more_at_once_than_the_limit() -> None:
    async def many(fetcher: Fetcher, rude: RudeServer) -> int:
        await asyncio.gather(*(fetcher.image(rude.url(f"/slow/0.05/{number}.jpg")) for number in range(30)))
        return rude.most_at_once

    assert fetched_by(many, limits=FetchLimits(concurrency=7)) == 7


def test_only_cancelling_passes_through() -> None:
    async def cancelled(fetcher: Fetcher, rude: RudeServer) -> bool:
        task = asyncio.create_task(fetcher.image(rude.url("/stall/body.jpg")))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return (await fetcher.image(rude.url("/good/1.jpg"))).verdict == "ok"

    assert fetched_by(cancelled)


def test_large_bodies_wait_for_each_other_and_their_clocks_stand_still(monkeypatch: pytest.MonkeyPatch) -> None:
    most = running = 0

    class Counting(asyncio.Semaphore):
        async def acquire(self) -> bool:
            nonlocal most, running
            await super().acquire()
            running += 1
            most = max(most, running)
            await asyncio.sleep(0.4)
            return True

        def release(self) -> None:
            nonlocal running
            running -= 1
            super().release()

    async def many(fetcher: Fetcher, rude: RudeServer) -> list[Fetched]:
        monkeypatch.setattr(fetcher, "_large", Counting(2))
        return await asyncio.gather(*(fetcher.image(rude.url(f"/large/{number}.jpg")) for number in range(12)))

    got = fetched_by(many, limits=FetchLimits(timeout_s=1.5, window_s=10))
    assert [each.verdict for each in got] == ["ok"] * 12
    assert (most, running) == (2, 0)


def test_broken_answers_of_any_kind_are_outcomes() -> None:
    good = rude_server.answer(image(0)[:3000], "image/jpeg", "X-Robots-Tag: index", "Connection: close")
    draw = random.Random(7)

    def spoilt() -> bytes:
        data = bytearray(good)
        for _ in range(draw.randint(1, 12)):
            place = draw.randrange(160)
            if draw.random() < 0.5:
                data[place] = draw.randrange(256)
            else:
                data[place : place + draw.randrange(9)] = bytes(draw.randrange(256) for _ in range(draw.randrange(9)))
        return bytes(data[: draw.choice([len(data), draw.randrange(len(data))])])

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(spoilt())
        writer.close()

    async def ask() -> list[Fetched]:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server, Fetcher(PATIENT, user_agent=AGENT, allow_private=True) as fetcher:
            kinds = (
                fetcher.image,
                lambda url: fetcher.ask(Request(url=url)),
                lambda url: fetcher.page(Request(url=url), obey_robots=False),
            )
            return [await kinds[number % 3](f"http://127.0.0.1:{port}/{number}") for number in range(450)]

    got = asyncio.run(ask())
    assert {each.verdict for each in got} == {"ok", "passing"}
    assert all(bool(each.reason) == (each.verdict != "ok") for each in got)
    assert len({each.reason for each in got}) > 5


# Pages and sources


def page(path: str, *, obey_robots: bool = False, **options: Any) -> Fetched:
    async def one(fetcher: Fetcher, rude: RudeServer) -> Fetched:
        return await fetcher.page(Request(url=rude.url(path)), obey_robots=obey_robots)

    return fetched_by(one, **options)


def test_a_page_may_be_packed() -> None:
    got = page("/packed.html")
    assert (got.verdict, got.body) == ("ok", HTML * 20)
    assert page("/page/2").body.startswith(b"<!doctype html><title>Page 2")


@pytest.mark.parametrize(
    ("path", "verdict", "reason"),
    [
        ("/gzip-bomb.html", "permanent", "larger than 8,000,000 bytes"),
        ("/endless.html", "permanent", "larger than 8,000,000 bytes"),
        ("/short-packed.html", "passing", "cut off: "),
        ("/many-headers", "passing", "not an HTTP answer"),
        ("/long-header", "passing", "not an HTTP answer"),
        ("/status/404", "permanent", "404 not found"),
    ],
)
def test_bad_pages(path: str, verdict: str, reason: str) -> None:
    got = page(path)
    assert got.verdict == verdict
    assert got.reason.startswith(reason)


def test_what_a_source_says_of_its_refusal_is_kept_and_its_key_is_not() -> None:
    async def ask(fetcher: Fetcher, rude: RudeServer) -> tuple[Fetched, str]:
        got = await fetcher.ask(Request(url=rude.url("/status/401/search"), params={"key": "secret", "q": "ü"}))
        return got, rude.asked[-1].path

    got, path = fetched_by(ask)
    assert (got.verdict, got.body) == ("permanent", b"this is a 401\n")
    assert path == "/status/401/search?key=secret&q=%C3%BC"
    assert "secret" not in repr(got)


def test_a_key_in_a_header_is_not_told_to_another_host() -> None:
    async def ask(fetcher: Fetcher, rude: RudeServer) -> list[dict[str, str]]:
        for host in (None, "localhost"):
            target = quote(rude.url("/headers", host))
            await fetcher.ask(Request(url=rude.url(f"/to?{target}"), headers={"Authorization": "secret"}))
        return [asked.headers for asked in rude.asked]

    same_first, same_second, other_first, other_second = fetched_by(ask)
    assert all("authorization" in headers for headers in (same_first, same_second, other_first))
    assert "authorization" not in other_second


ROBOTS = "User-agent: *\nDisallow: /page/3\nCrawl-delay: 2\n\nUser-agent: tellapart\nDisallow: /page/2\nCrawl-delay: 4\n"


def test_pages_obey_robots_txt_and_hosts_its_delay() -> None:
    hosts = Hosts()

    async def three(fetcher: Fetcher, rude: RudeServer) -> tuple[list[Fetched], int]:
        requests = [Request(url=rude.url(f"/page/{number}")) for number in (1, 2, 3)]
        return [await fetcher.page(request) for request in requests], rude.counts["robots.txt"]

    got, asked = fetched_by(three, server={"robots": ROBOTS}, hosts=hosts)
    assert [(each.verdict, each.reason) for each in got] == [("ok", ""), ("permanent", "robots.txt forbids it"), ("ok", "")]
    assert asked == 1
    hosts.begin("127.0.0.1")
    hosts.end("127.0.0.1", None)
    assert 3 < hosts.wait_s("127.0.0.1") <= 4


def test_a_redirect_does_not_lead_around_robots_txt() -> None:
    got = page("/to?/page/2", obey_robots=True, server={"robots": ROBOTS})
    assert (got.verdict, got.reason, got.body) == ("permanent", "robots.txt forbids it", b"")


# Redirects to other hosts


def test_a_redirect_waits_for_its_turn_at_another_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "PATIENCE_S", 5.0)
    hosts = Hosts(known={"localhost": HostLimit(concurrency=1)})

    async def many(fetcher: Fetcher, rude: RudeServer) -> tuple[list[Fetched], int, Fetched]:
        urls = [rude.url(f"/to?{quote(rude.url(f'/slow/0.05/{number}.jpg', 'localhost'))}") for number in range(5)]
        got = await asyncio.gather(*(fetcher.image(url) for url in urls))
        hosts.begin("localhost")
        hosts.end("localhost", Fetched(url="", verdict="passing", reason="429", http_code=429, retry_after_s=60))
        return got, rude.most_at_once, await fetcher.image(urls[0])

    got, most, late = fetched_by(many, hosts=hosts, server={"addresses": ("127.0.0.1",)}, resolver=Names(["127.0.0.1"]))
    assert [each.verdict for each in got] == ["ok"] * 5
    assert most <= 5
    assert (late.verdict, late.reason) == ("passing", "redirected to localhost, which is busy or paused")
    assert 50 < (late.retry_after_s or 0) <= 60
    (row,) = hosts.summary()
    assert (row.host, row.requests, row.ok, row.running) == ("localhost", 6, 5, 0)


# Where it connects to: 127.0.0.1 and 127.0.0.3 play public addresses, everything else is what it is


@contextmanager
def playing_public(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    real = ip_guard.refusal
    with monkeypatch.context() as patch:
        patch.setattr(ip_guard, "refusal", lambda ip: None if ip in ("127.0.0.1", "127.0.0.3") else real(ip))
        yield


REFUSED_TARGETS = {
    "http://127.0.0.2:{port}/good/1.jpg": "address 127.0.0.2 is loopback",
    "http://169.254.169.254/latest/meta-data/": "address 169.254.169.254 is link-local",
    "http://[::1]:{port}/good/1.jpg": "address ::1 is loopback",
    "http://[::ffff:127.0.0.2]:{port}/good/1.jpg": "address ::ffff:7f00:2 stands for 127.0.0.2, which is loopback",
    "http://[64:ff9b::7f00:2]:{port}/good/1.jpg": "address 64:ff9b::7f00:2 stands for 127.0.0.2, which is loopback",
    "http://[fe80::1%25lo]:{port}/good/1.jpg": "address fe80::1%25lo is link-local",
    "http://2130706434:{port}/good/1.jpg": "address 127.0.0.2 is loopback (written 2130706434)",
    "http://0x7f000002:{port}/good/1.jpg": "address 127.0.0.2 is loopback (written 0x7f000002)",
    "http://0177.0.0.2:{port}/good/1.jpg": "address 127.0.0.2 is loopback (written 0177.0.0.2)",
    "http://127.2:{port}/good/1.jpg": "address 127.0.0.2 is loopback (written 127.2)",
    "http://0:{port}/good/1.jpg": "address 0.0.0.0 is unspecified (written 0)",
    "http://10.0.0.1/": "address 10.0.0.1 is private",
    "http://192.168.0.1/": "address 192.168.0.1 is private",
    "http://100.100.100.200/": "address 100.100.100.200 is shared inside a carrier's network",
    "http://turncoat.test:{port}/good/1.jpg": "address 127.0.0.2 is loopback",
    "file:///etc/passwd": "scheme file is not http or https",
    "//127.0.0.2:{port}/good/1.jpg": "address 127.0.0.2 is loopback",
}
TWO = {"addresses": ("127.0.0.1", "127.0.0.2")}


@pytest.mark.parametrize("is_redirected", [True, False])
@pytest.mark.parametrize(("target", "reason"), REFUSED_TARGETS.items())
def test_no_way_leads_to_a_private_address(target: str, reason: str, is_redirected: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if target.startswith("//") and not is_redirected:
        return

    async def one(fetcher: Fetcher, rude: RudeServer) -> tuple[Fetched, int]:
        url = target.format(port=rude.port)
        got = await fetcher.image(rude.url(f"/to?{quote(url)}") if is_redirected else url)
        return got, rude.connected

    with playing_public(monkeypatch):
        got, connected = fetched_by(one, server=TWO, allow_private=False, resolver=Names(["127.0.0.2"]))
    assert (got.verdict, got.reason, got.body) == ("permanent", reason, b"")
    assert connected == is_redirected, "nothing but the first hop may reach the server"


def test_the_same_addresses_are_reached_when_private_ones_are_allowed() -> None:
    async def all_of_them(fetcher: Fetcher, rude: RudeServer) -> list[str]:
        urls = [target.format(port=rude.port) for target in REFUSED_TARGETS if "127.0.0.2" in target or "turncoat" in target]
        return [(await fetcher.image(rude.url(f"/to?{quote(url)}"))).verdict for url in urls]

    verdicts = fetched_by(all_of_them, server=TWO, resolver=Names(["127.0.0.2"]))
    assert verdicts.count("ok") >= 3, "else the test above proves nothing"


def test_a_name_that_turns_private_is_refused_at_the_next_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    async def rebinding(fetcher: Fetcher, rude: RudeServer) -> tuple[Fetched, Fetched, int]:
        async with RudeServer(addresses=("127.0.0.2",)) as inner:
            first = await fetcher.image(rude.url("/good/1.jpg", "turncoat.test"))
            second = await fetcher.image(rude.url(f"/to?{quote(inner.url('/good/1.jpg', 'turncoat.test'))}", "turncoat.test"))
            return first, second, inner.connected

    with playing_public(monkeypatch):
        first, second, connected = fetched_by(rebinding, allow_private=False, resolver=Names(["127.0.0.1"], ["127.0.0.2"]))
    assert first.verdict == "ok"
    assert (second.verdict, second.reason) == ("permanent", "address 127.0.0.2 is loopback")
    assert connected == 0


def test_falling_back_to_a_second_address_is_judged_too(monkeypatch: pytest.MonkeyPatch) -> None:
    async def one(fetcher: Fetcher, rude: RudeServer) -> tuple[Fetched, int]:
        return await fetcher.image(rude.url("/good/1.jpg", "two-faced.test")), rude.connected

    with playing_public(monkeypatch):
        names = Names(["127.0.0.3", "127.0.0.2"])
        got, connected = fetched_by(one, server={"addresses": ("127.0.0.2",)}, allow_private=False, resolver=names)
    assert got.verdict != "ok"
    assert connected == 0


def test_by_default_this_machine_itself_cannot_be_asked() -> None:
    async def some(fetcher: Fetcher, rude: RudeServer) -> tuple[list[Fetched], int]:
        return [await fetcher.image(rude.url("/good/1.jpg", host)) for host in ("127.0.0.1", "localhost", "LOCALHOST")], rude.connected

    got, connected = fetched_by(some, allow_private=False)
    assert {each.verdict for each in got} == {"permanent"}
    assert all("is loopback" in each.reason for each in got)
    assert connected == 0


# Bombs: the memory of a process that does nothing else

BOMBS = (
    f"{PEAK_MEMORY}\n"
    + """
import asyncio, json, sys
from tellapart.collection.network.fetcher import Fetcher, FetchLimits, user_agent
from tellapart.collection.candidates import Request

async def main(base):
    paths = ["/gzip-bomb.jpg", "/endless.jpg", "/huge.jpg", "/png-bomb.png", "/long-html.jpg", "/many-headers", "/long-header"]
    pages = ["/gzip-bomb.html", "/endless.html"]
    limits = FetchLimits(timeout_s=60, concurrency=64)
    async with Fetcher(limits, user_agent=user_agent(), allow_private=True) as fetcher:
        async def told(asking, path):
            got = await asking
            return path, got.verdict, got.reason
        asked = [told(fetcher.image(base + path), path) for path in paths for _ in range(6)]
        asked += [told(fetcher.page(Request(url=base + path), obey_robots=False), path) for path in pages for _ in range(6)]
        asked += [told(fetcher.image(f"{base}/large/{number}.jpg"), "/large") for number in range(10)]
        outcomes = await asyncio.gather(*asked)
    print(json.dumps({"peak_mb": peak_memory() / 1e6, "outcomes": sorted(set(outcomes))}))

asyncio.run(main(sys.argv[1]))
"""
)


def test_bombs_are_refused_within_300_mb() -> None:
    program = Path(rude_server.__file__)
    server = subprocess.Popen([sys.executable, str(program), "--port", "0"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert server.stdin is not None
    assert server.stdout is not None
    try:
        base = f"http://127.0.0.1:{int(server.stdout.readline())}"
        run = subprocess.run([sys.executable, "-c", BOMBS, base], capture_output=True, text=True, check=True)
    finally:
        server.stdin.close()
        server.wait(10)
        server.stdout.close()
    told = json.loads(run.stdout)
    assert told["peak_mb"] <= 300
    outcomes = {path: (verdict, reason) for path, verdict, reason in told["outcomes"]}
    assert len(outcomes) == len(told["outcomes"]), "each bomb has one outcome, however often it is asked for"
    assert outcomes == {
        "/endless.html": ("permanent", "larger than 8,000,000 bytes"),
        "/endless.jpg": ("permanent", "larger than 20,000,000 bytes"),
        "/gzip-bomb.html": ("permanent", "larger than 8,000,000 bytes"),
        "/gzip-bomb.jpg": ("permanent", "unsupported content-encoding gzip"),
        "/huge.jpg": ("permanent", "larger than 20,000,000 bytes"),
        "/large": ("ok", ""),
        "/long-header": ("passing", "not an HTTP answer"),
        "/long-html.jpg": ("permanent", "not an image (looks like HTML)"),
        "/many-headers": ("passing", "not an HTTP answer"),
        "/png-bomb.png": ("ok", ""),
    }


def test_waiting_for_ever_is_not_a_number_of_seconds() -> None:
    assert math.isinf(Hosts(HostLimit(concurrency=0)).wait_s("host.test"))
