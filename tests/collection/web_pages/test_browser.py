from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tellapart.collection.candidates import Fetched
from tellapart.collection.network.robots import Robots
from tellapart.collection.web_pages import browser as browsing
from tellapart.collection.web_pages.browser import Browser
from tellapart.collection.web_pages.browser_proxy import Gateway
from tellapart.collection.web_pages.page_source import page_offers
from tellapart.errors import MissingExtra, TellapartError
from tests.collection.web_pages.page_server import PageServer, serving

AGENT = "tellapart/test (+me@example.org)"
ENDLESS = """<!doctype html><meta charset="koi8-r"><title>\u041a\u043e\u0442\u044b</title>
<div id="wall"></div><p id="foot">foot</p>
<script>
let batch = 0, busy = false;
async function more() {
    if (busy || batch >= 5) return;
    busy = true;
    const names = await (await fetch("/more?batch=" + batch)).json();
    for (const name of names) {
        const image = new Image();
        image.src = "/images/" + name + ".jpg";
        image.style = "display:block; min-height:700px; width:700px";
        image.onerror = () => image.remove();
        wall.append(image);
    }
    batch += 1;
    busy = false;
}
new IntersectionObserver((seen) => { if (seen[0].isIntersecting) more(); }).observe(foot);
document.addEventListener("scroll", () => { if (scrollY + innerHeight > document.body.scrollHeight - 50) more(); });
</script>"""


@pytest.fixture
def server() -> Iterator[PageServer]:
    with serving() as server:
        yield server


class Visits:
    """One loop for the whole file, and on it one browser for each set of options."""

    def __init__(self) -> None:
        self.runner = asyncio.Runner()
        self._browsers: dict[tuple[tuple[str, Any], ...], Browser] = {}

    def __call__(self, visit: Callable[[Browser], Awaitable[Any]], **options: Any) -> Any:
        async def run() -> Any:
            key = tuple(options.items())
            if key not in self._browsers:
                browser = Browser(**{"user_agent": AGENT, "allow_private": True, "quiet_s": 0.4, "timeout_s": 20, **options})
                self._browsers[key] = await browser.__aenter__()
            return await visit(self._browsers[key])

        return self.runner.run(run())

    def close(self) -> None:
        for browser in self._browsers.values():
            self.runner.run(browser.__aexit__(None, None, None))
        self.runner.close()


@pytest.fixture(scope="module")
def visited() -> Iterator[Visits]:
    pytest.importorskip("playwright.async_api", reason="playwright is not installed")
    if browsing.browser_path() is None:
        pytest.skip("no Chromium on PATH")
    visits = Visits()
    yield visits
    visits.close()


async def start() -> None:
    async with Browser(user_agent=AGENT):
        pass


def more(path: str) -> tuple[int, dict[str, str], bytes]:
    batch = int(path.rpartition("=")[2])
    return 200, {"Content-Type": "application/json"}, str([f"{batch}-{n}" for n in range(4)]).replace("'", '"').encode()


@pytest.mark.browser
def test_a_page_that_grows_is_scrolled_to_its_end(server: PageServer, visited: Visits, monkeypatch: pytest.MonkeyPatch) -> None:
    gateways: list[Gateway] = []
    begin = Gateway.__init__

    def noted(self: Gateway, **options: Any) -> None:
        begin(self, **options)
        gateways.append(self)

    monkeypatch.setattr(Gateway, "__init__", noted)
    url = server.html("/wall", ENDLESS)
    server.pages["/more"] = more

    async def visit(browser: Browser) -> tuple[Fetched, Fetched]:
        return await browser.rendered(url), await browser.rendered(url, scrolls=0)

    whole, start = visited(visit)
    assert (whole.verdict, whole.http_code, whole.final_url, whole.reason) == ("ok", 200, url, "")
    assert [offer.url for offer in page_offers(whole.body, url, side=512)] == [
        f"{server.address}/images/{batch}-{n}.jpg" for batch in range(5) for n in range(4)
    ]
    assert "\u041a\u043e\u0442\u044b" in whole.body.decode("utf-8-sig")
    assert len(page_offers(start.body, url, side=512)) < 20
    assert not any(path.startswith("/images") for path in server.asked)
    (agent,) = {agent for agent in server.agents if agent}
    assert agent.endswith(AGENT)
    assert "Headless" in agent
    assert [gateway.reached for gateway in gateways] == [{"127.0.0.1"}] * 2, "the browser spoke to others by itself"


@pytest.mark.browser
def test_private_addresses_are_refused_however_they_are_reached(server: PageServer, visited: Visits) -> None:
    secret = server.html("/secret", "<p>secret")
    port = server.address.rpartition(":")[2]

    async def visit(browser: Browser) -> list[Fetched]:
        addresses = [secret, f"http://localhost:{port}/secret", f"http://2130706433:{port}/secret", f"https://127.0.0.1:{port}/secret"]
        return [await browser.rendered(url) for url in addresses]

    for fetched in visited(visit, allow_private=False):
        assert fetched.verdict == "permanent"
        assert "is loopback" in fetched.reason
        assert fetched.body == b""
    assert server.asked == []


@pytest.mark.browser
def test_a_public_page_cannot_lead_the_browser_to_a_private_one(
    server: PageServer, visited: Visits, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page is on 127.0.0.1, taken for public; what it asks of 127.0.0.2 by redirect, frame, script and socket must not get there."""
    from tellapart.collection.web_pages import browser_proxy

    monkeypatch.setattr(browser_proxy, "literal_refusal", lambda host: None)
    monkeypatch.setattr(browser_proxy, "refusal", lambda ip: "address 127.0.0.2 is loopback" if ip == "127.0.0.2" else None)
    with serving("127.0.0.2") as private:
        inner = private.html("/secret", "<p>secret")
        server.pages["/hop"] = (302, {"Location": inner}, b"")
        body = f"""<iframe src="{inner}"></iframe><script src="{inner}"></script><link rel="stylesheet" href="/hop"><script>
            fetch("/hop", {{mode: "no-cors"}}); new WebSocket("{inner.replace("http", "ws")}"); navigator.sendBeacon("{inner}")</script>"""
        page = server.html("/page", body)

        async def visit(browser: Browser) -> tuple[Fetched, Fetched]:
            return await browser.rendered(page), await browser.rendered(f"{server.address}/hop")

        shown, led = visited(visit, allow_private=False)
    assert shown.verdict == "ok"
    assert (led.verdict, led.reason) == ("permanent", "address 127.0.0.2 is loopback")
    assert {"/page", "/hop"} <= set(server.asked)
    assert private.asked == []


@pytest.mark.browser
def test_what_is_no_page_is_an_outcome_with_a_reason(server: PageServer, visited: Visits) -> None:
    server.html("/gone", "gone", status=410)
    server.html("/slow-down", "later", status=429, Retry_After="7")
    server.pages["/file.zip"] = (200, {"Content-Type": "application/zip", "Content-Disposition": "attachment"}, b"PK")
    server.pages["/data.json"] = (200, {"Content-Type": "application/json"}, b"{}")
    wanted = {
        f"{server.address}/gone": ("permanent", "410 gone", 410),
        f"{server.address}/slow-down": ("passing", "429 too many requests", 429),
        f"{server.address}/file.zip": ("permanent", "a download, not a page", None),
        f"{server.address}/data.json": ("permanent", "not a page but application/json", 200),
        "http://127.0.0.1:1/": ("passing", "unsafe port", None),
        "file:///etc/passwd": ("permanent", "scheme file is not http or https", None),
        "nonsense": ("permanent", "not a usable address", None),
    }

    async def visit(browser: Browser) -> dict[str, Fetched]:
        return {url: await browser.rendered(url) for url in wanted}

    found = visited(visit)
    assert {url: (f.verdict, f.reason, f.http_code) for url, f in found.items()} == wanted
    assert found[f"{server.address}/slow-down"].retry_after_s == 7


@pytest.mark.browser
def test_pages_that_hang_take_no_more_than_their_time(server: PageServer, visited: Visits) -> None:
    hanging = server.html("/hang", "<img src=a.jpg><script>setTimeout(() => { for (;;); }, 50)</script>")
    growing = server.html("/grow", "<body><script>setInterval(() => document.body.append(new Image()), 20)</script>")
    good = server.html("/good", "<img src=a.jpg><script>alert(1); window.open('/gone'); document.cookie = 'a=1'</script>")

    async def visit(browser: Browser) -> list[Fetched]:
        browser._timeout_s = 2
        hung = await browser.rendered(hanging)
        browser._timeout_s = 60
        return [hung, await browser.rendered(growing), await browser.rendered(good)]

    hung, grown, fine = visited(visit)
    assert (hung.verdict, hung.reason) == ("passing", "timed out after 2 s")
    assert grown.verdict == fine.verdict == "ok"


@pytest.mark.browser
def test_nothing_is_remembered_from_page_to_page(server: PageServer, visited: Visits) -> None:
    page = server.html(
        "/count",
        "<script>const n = +(localStorage.n || 0) + 1; localStorage.n = n; document.cookie = 'n=' + n;"
        " document.write('n=' + n + document.cookie)</script>",
    )

    async def visit(browser: Browser) -> list[Fetched]:
        return [await browser.rendered(page) for _ in range(2)]

    assert all(b"n=1n=1" in fetched.body for fetched in visited(visit))


@pytest.mark.browser
def test_a_page_robots_txt_forbids_is_not_opened(server: PageServer, visited: Visits) -> None:
    async def fetch(url: str) -> Fetched:
        return Fetched(url=url, verdict="ok", http_code=200, body=b"User-agent: *\nDisallow: /closed\n")

    closed, open_ = server.html("/closed", "<p>closed"), server.html("/open", "<p>open")

    async def visit(browser: Browser) -> list[Fetched]:
        return [await browser.rendered(url) for url in (closed, open_, "nonsense")]

    found = visited(visit, robots=Robots(fetch))
    assert [(f.verdict, f.reason) for f in found] == [
        ("permanent", "robots.txt forbids it"),
        ("ok", ""),
        ("permanent", "not a usable address"),
    ]
    assert "/closed" not in server.asked


def test_without_playwright_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> Any:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name.partition(".")[0])

    monkeypatch.setattr(browsing.importlib, "import_module", absent)
    with pytest.raises(MissingExtra) as caught:
        asyncio.run(start())
    assert caught.value.hint == "pip install 'tellapart[browser]'"


def test_without_a_browser_the_names_looked_for_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("playwright.async_api", reason="playwright is not installed")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(browsing, "APPLICATIONS", ())
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path))
    with pytest.raises(MissingExtra, match=r"no browser was found \(looked for chromium, .*google-chrome"):
        asyncio.run(start())


def test_a_browser_that_does_not_start_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("playwright.async_api", reason="playwright is not installed")
    program = tmp_path / "chromium"
    program.write_text("#!/bin/sh\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setattr(browsing, "browser_path", lambda: str(program))
    with pytest.raises(TellapartError, match="chromium does not start: ") as caught:
        asyncio.run(start())
    assert caught.value.hint
