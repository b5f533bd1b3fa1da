from __future__ import annotations

import asyncio

import pytest
from yarl import URL

from tellapart.collection.candidates import Fetched, Verdict
from tellapart.collection.network.robots import FRESH_S, MOST_BYTES, RETRY_S, Robots, Ruling, opt_out

PAGE = "http://site.test/private/page.html?q=1"
FORBID = "User-agent: *\nDisallow: /private/\n"


class Site:
    """Answers for robots.txt, one after the other; the last one stays."""

    def __init__(self, *answers: Fetched) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def fetch(self, url: str) -> Fetched:
        self.asked.append(url)
        await asyncio.sleep(0)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def file(text: str | bytes) -> Fetched:
    body = text if isinstance(text, bytes) else text.encode()
    return Fetched(url="", verdict="ok", http_code=200, body=body)


def refused(code: int | None, verdict: Verdict, reason: str = "no", wait: float | None = None) -> Fetched:
    return Fetched(url="", verdict=verdict, reason=reason, http_code=code, retry_after_s=wait)


def ruling(answer: Fetched, page: str = PAGE) -> Ruling:
    return asyncio.run(Robots(Site(answer).fetch).ruling(URL(page)))


@pytest.mark.parametrize(
    ("text", "is_allowed"),
    [
        ("", True),
        (FORBID, False),
        ("User-agent: *\nDisallow: /priv\nAllow: /private/page", True),
        ("User-agent: *\nDisallow: /*?q=", False),
        ("User-agent: *\nDisallow: /*.html$", True),
        ("User-agent: otherbot\nDisallow: /", True),
        ("User-agent: TellApart\nDisallow: /\n\nUser-agent: *\nAllow: /", False),
        ("User-agent: tellapart\nAllow: /\n\nUser-agent: *\nDisallow: /", True),
        ("\ufeffUser-agent: *\r\nDisallow: /private\r\n", False),
        ("<!doctype html><title>Welcome</title>", True),
    ],
)
def test_the_rules_are_those_of_the_rfc(text: str, is_allowed: bool) -> None:
    found = ruling(file(text))
    assert (found.reason, found.verdict) == (("", "ok") if is_allowed else ("robots.txt forbids it", "permanent"))


def test_bytes_that_are_no_text_forbid_nothing() -> None:
    assert ruling(file(bytes(range(256)) * 9)) == Ruling()


def test_a_file_at_its_greatest_size_is_read_in_time() -> None:
    text = "User-agent: *\n" + "Disallow: /a*b*c*d*e*f*g\n" * 20_000 + "Disallow: /private/\n"
    found = ruling(file(text[-MOST_BYTES:] if len(text) < MOST_BYTES else "User-agent: *\n" + text[-MOST_BYTES + 14 :]))
    assert found.verdict == "permanent"


@pytest.mark.parametrize("code", [400, 401, 403, 404, 410, 301])
def test_where_there_is_no_robots_txt_all_is_allowed(code: int) -> None:
    assert ruling(refused(code, "passing" if code == 403 else "permanent")) == Ruling()


@pytest.mark.parametrize(
    ("code", "reason"), [(500, "500 internal server error"), (429, "429 too many requests"), (None, "timed out after 60 s")]
)
def test_a_server_in_trouble_allows_nothing_for_now(code: int | None, reason: str) -> None:
    found = ruling(refused(code, "passing", reason))
    assert (found.verdict, found.reason) == ("passing", f"robots.txt could not be had: {reason}")
    assert found.retry_after_s == pytest.approx(RETRY_S, abs=1)


def test_an_address_that_is_refused_is_the_pages_reason() -> None:
    found = ruling(refused(None, "permanent", "address 10.0.0.1 is private"))
    assert (found.verdict, found.reason) == ("permanent", "address 10.0.0.1 is private")


@pytest.mark.parametrize(
    ("text", "delay"),
    [
        ("User-agent: *\nCrawl-delay: 2.5", 2.5),
        ("User-agent: *\nCrawl-delay: 2\n\nUser-agent: tellapart\nCrawl-delay: 7\n", 7),
        ("User-agent: *\nRequest-rate: 1/10\nCrawl-delay: 3", 10),
        ("User-agent: *\nCrawl-delay: 1e9", 3600),
        ("User-agent: *\nCrawl-delay: soon", 0),
    ],
)
def test_the_delay_a_site_asks_for(text: str, delay: float) -> None:
    assert ruling(file(text)).delay_s == delay


def test_each_origin_is_asked_once_a_day_however_many_wait() -> None:
    clock, site = Clock(), Site(file(FORBID), file(""))

    async def visits() -> list[str]:
        robots = Robots(site.fetch, clock=clock)
        first = await asyncio.gather(*(robots.ruling(URL(f"{PAGE}{number}")) for number in range(10)))
        await robots.ruling(URL("http://site.test:8080/"))
        await robots.ruling(URL("https://site.test/"))
        clock.now = FRESH_S + 1
        later = await robots.ruling(URL(PAGE))
        return [*{found.verdict for found in first}, later.verdict]

    assert asyncio.run(visits()) == ["permanent", "ok"]
    base = "site.test/robots.txt"
    assert site.asked == [f"http://{base}", "http://site.test:8080/robots.txt", f"https://{base}", f"http://{base}"]


def test_trouble_is_forgotten_sooner() -> None:
    clock, site = Clock(), Site(refused(500, "passing", wait=900.0), file(""))

    async def visits() -> list[str]:
        robots = Robots(site.fetch, clock=clock)
        verdicts = []
        for now in (0, RETRY_S + 1, 901):
            clock.now = now
            verdicts.append((await robots.ruling(URL(PAGE))).verdict)
        return verdicts

    assert asyncio.run(visits()) == ["passing", "passing", "ok"]


def test_one_who_stops_waiting_does_not_spoil_it_for_the_others() -> None:
    async def visits() -> str:
        robots = Robots(Site(file(FORBID)).fetch)
        first = asyncio.create_task(robots.ruling(URL(PAGE)))
        second = asyncio.create_task(robots.ruling(URL(PAGE)))
        await asyncio.sleep(0)
        first.cancel()
        return (await second).verdict

    assert asyncio.run(visits()) == "permanent"


@pytest.mark.parametrize(
    ("tags", "directive"),
    [
        (["noai"], "noai"),
        (["NoImageAI"], "noimageai"),
        (["all, noindex"], "noindex"),
        (["nofollow", "noimageindex"], "noimageindex"),
        (["none"], "none"),
        (["noml"], "noml"),
        (["tellapart: noai"], "noai"),
        (["*: noai"], "noai"),
        (["googlebot: noindex, tellapart: noai"], "noai"),
        (["unavailable_after: Wed, 03 Dec 2025 13:09:53 PST, noai"], "noai"),
        (["max-image-preview: large, noai"], "noai"),
    ],
)
def test_opt_outs_are_heard(tags: list[str], directive: str) -> None:
    assert opt_out(tags) == f"opted out (X-Robots-Tag: {directive})"


@pytest.mark.parametrize(
    "tags",
    [[], [""], ["all"], ["nofollow, noarchive"], ["googlebot: noindex"], ["otherbot: noai, noindex"], ["nonesuch"], ["max-snippet: 0"]],
)
def test_what_is_no_opt_out_is_none(tags: list[str]) -> None:
    assert opt_out(tags) is None


def test_reserved_rights_are_heard() -> None:
    assert opt_out([], " 1 ") == "opted out (tdm-reservation: 1)"
    assert opt_out([], "0") is None


@pytest.mark.parametrize(
    ("said", "delay"),
    [
        ("Crawl-delay: inf", 0.0),
        ("Crawl-delay: nan", 0.0),
        ("Crawl-delay: 1e400", 0.0),
        ("Crawl-delay: -1", 0.0),
        ("Crawl-delay: " + "9" * 300, 3600.0),
        ("Crawl-delay: " + "9" * 5_000, 0.0),
        ("Request-rate: 0/1", 0.0),
        ("Request-rate: 1/" + "9" * 4_000, 3600.0),
        ("Request-rate: " + "9" * 4_000 + "/1", pytest.approx(1e-9)),
        ("Request-rate: 1/" + "9" * 5_000, 0.0),
        ("Request-rate: ٣/٦", 2.0),
    ],
)
def test_numbers_beyond_reason_are_no_delays(said: str, delay: float) -> None:
    assert ruling(file(f"User-agent: *\n{said}\nAllow: /\n")).delay_s == delay


def test_more_rules_than_can_be_read_leave_the_site_alone() -> None:
    text = "".join(f"User-agent: a{number}\n" for number in range(10_000)) + "Disallow: /a\n" * 10_000
    found = ruling(file(text))
    assert (found.reason, found.verdict) == ("robots.txt holds too many rules to be read", "permanent")


def test_wildcards_take_time_in_proportion() -> None:
    text = "User-agent: *\nDisallow: /" + "*a" * 2_000 + "*b\n"
    assert ruling(file(text), "http://site.test/" + "a" * 8_000).reason == ""
