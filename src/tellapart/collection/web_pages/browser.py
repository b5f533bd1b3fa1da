"""Render pages that need JavaScript in the system's Chromium, and scroll until nothing new is loaded."""

from __future__ import annotations

import asyncio
import hashlib
import importlib
import os
import shutil
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from tellapart.collection.candidates import Fetched
from tellapart.collection.network.error_outcomes import Failure, status_failure
from tellapart.collection.network.headers import retry_after_s
from tellapart.collection.network.robots import Robots
from tellapart.collection.network.urls import target_of
from tellapart.collection.web_pages.browser_proxy import MARK, Gateway
from tellapart.errors import MissingExtra, TellapartError

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "brave-browser", "microsoft-edge", "msedge")
APPLICATIONS = ("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome", "/Applications/Chromium.app/Contents/MacOS/Chromium")
SCROLLS = 20
TIMEOUT_S = 90.0
QUIET_S = 2.0
"""How long without new images until a page counts as complete."""

_NOWHERE = "http://127.0.0.1:9"
_FLAGS = [
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-domain-reliability", "--no-pings"),
    *("--no-first-run", "--disable-gpu", "--disable-dev-shm-usage", "--force-webrtc-ip-handling-policy=disable_non_proxied_udp"),
]


class Browser:
    """A headless browser that keeps nothing between pages; use as ``async with Browser(...) as browser``.

    Every page is opened in a fresh context: no cookies, no downloads, no service workers. Images, sounds and fonts are not fetched.
    All requests go through a :class:`~tellapart.collection.web_pages.browser_proxy.Gateway`; those the browser makes for itself
    go nowhere.
    """

    def __init__(
        self,
        *,
        user_agent: str,
        robots: Robots | None = None,
        allow_private: bool = False,
        timeout_s: float = TIMEOUT_S,
        quiet_s: float = QUIET_S,
    ) -> None:
        """Nothing is started yet.

        Args:
            user_agent: added to the browser's own User-Agent.
            robots: checked before a page is opened; None if the caller has done so.
            allow_private: also connect to addresses that are not public.
            timeout_s: seconds for one page, all in all.
            quiet_s: seconds without anything new after which a page is complete.
        """
        self._user_agent, self._robots, self._allow_private = user_agent, robots, allow_private
        self._timeout_s, self._quiet_s = timeout_s, quiet_s
        self._playwright: Any = None
        self._browser: Any = None

    async def __aenter__(self) -> Self:
        """Start the browser.

        Raises:
            MissingExtra: playwright is not installed, or no browser was found.
            TellapartError: the browser does not start.
        """
        self._playwright = await _playwright().start()
        try:
            path = browser_path() or _own_browser(self._playwright)
            self._browser = await self._launched(path)
            page = await self._browser.new_page()
            self._user_agent = f"{await page.evaluate('navigator.userAgent')} {self._user_agent}"
            await page.close()
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def _launched(self, path: str) -> Any:
        is_root = getattr(os, "geteuid", lambda: 1)() == 0
        try:
            return await self._playwright.chromium.launch(
                executable_path=path, args=_FLAGS, proxy={"server": _NOWHERE}, chromium_sandbox=not is_root, timeout=30_000
            )
        except Exception as error:  # playwright's errors are told by their words only
            words = next((line for line in str(error).splitlines() if "sandbox" in line.lower()), str(error).partition("\n")[0])
            raise TellapartError(
                f"the browser {path} does not start: {words.strip()[:300]}", hint="does it start by itself? Try another"
            ) from error

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """End the browser."""
        if self._browser is not None:
            await self._browser.close()
        if self._playwright is not None:
            await self._playwright.stop()

    async def rendered(self, url: str, *, scrolls: int = SCROLLS) -> Fetched:
        """The HTML of a page after its scripts have run and it has been scrolled to its end, at most ``scrolls`` times.

        Nothing a page or its network does raises. The body is UTF-8 with a byte order mark, whatever the page calls itself.
        """
        if (refused := await self._refused(url)) is not None:
            return refused
        async with Gateway(allow_private=self._allow_private) as gateway:
            context = await self._browser.new_context(
                user_agent=self._user_agent,
                accept_downloads=False,
                service_workers="block",
                viewport={"width": 1280, "height": 1600},
                proxy={"server": gateway.address},
            )
            visit = Visit(url, gateway, self._quiet_s, asyncio.get_running_loop().time() + self._timeout_s)
            try:
                return await visit.outcome(context, scrolls)
            except TimeoutError:
                return visit.failed(Failure("passing", f"timed out after {self._timeout_s:g} s"))
            finally:
                with suppress(Exception):
                    async with asyncio.timeout(10):
                        await context.close()

    async def _refused(self, url: str) -> Fetched | None:
        """What the site's robots.txt has against it, or the address itself."""
        try:
            ruling = await self._robots.ruling(target_of(url)) if self._robots is not None else None
        except Failure as failure:
            return Fetched(url=url, verdict=failure.verdict, reason=failure.reason)
        if ruling is None or not ruling.reason:
            return None
        return Fetched(url=url, verdict=ruling.verdict, reason=ruling.reason, retry_after_s=ruling.retry_after_s)


def browser_path() -> str | None:
    """The system's Chromium, or a browser made of it; None where there is none."""
    path_of_program = next((path for name in PROGRAMS if (path := shutil.which(name))), None)
    return path_of_program or next((path for path in APPLICATIONS if Path(path).is_file()), None)


def _own_browser(playwright: Any) -> str:
    """The Chromium that ``playwright install chromium`` put down.

    Raises:
        MissingExtra: there is none either.
    """
    path = str(playwright.chromium.executable_path)
    if not Path(path).is_file():
        raise MissingExtra(
            f"no browser was found (looked for {', '.join(PROGRAMS)})",
            hint="install Chromium or Chrome, or run: playwright install chromium",
        )
    return path


def _playwright() -> Any:
    try:
        return importlib.import_module("playwright.async_api").async_playwright()
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "playwright":
            raise
        raise MissingExtra("playwright is not installed, and --browser needs it", hint="pip install 'tellapart[browser]'") from error


BUSY_S = 10.0
"""How long without new images while requests of the page are pending."""
MOST_BYTES = 32 * 1024 * 1024
_IMAGE = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c000000000100010000020144003b")
_SCROLL = """async () => {
    const root = document.scrollingElement || document.documentElement;
    const boxes = [...document.querySelectorAll("div, main, section, ul, ol")].filter(
        (box) => box.clientHeight > 200 && box.scrollHeight > box.clientHeight + 50 && /auto|scroll/.test(getComputedStyle(box).overflowY));
    for (const box of [root, ...boxes]) {
        for (let step = 0; step < 60 && box.scrollTop + box.clientHeight < box.scrollHeight - 2; step++) {
            const before = box.scrollTop;
            box.scrollBy({ top: Math.max(box.clientHeight * 0.9, 200), behavior: "instant" });
            await new Promise((done) => setTimeout(done, 30));
            if (box.scrollTop === before) break;
        }
    }
}"""
_MEASURE = """() => [document.querySelectorAll("img, source, [data-src], a").length,
    Math.max(document.documentElement.scrollHeight, document.body ? document.body.scrollHeight : 0)].join()"""


class Visit:
    """One page being opened."""

    def __init__(self, url: str, gateway: Gateway, quiet_s: float, deadline: float) -> None:
        self._url, self._gateway, self._quiet_s, self._deadline = url, gateway, quiet_s, deadline
        self._code: int | None = None
        self._headers: dict[str, str] = {}
        self._final_url = ""
        self._under_way = 0

    async def outcome(self, context: Any, scrolls: int) -> Fetched:
        """The outcome.

        Raises:
            TimeoutError: the page did not become one in time.
        """
        async with asyncio.timeout_at(self._deadline):
            try:
                target_of(self._url)
                await context.route("**/*", _routed)
                page = await context.new_page()
                context.on("page", lambda other: asyncio.ensure_future(_closed(other)))
                self._watch(page)
                await self._opened(page)
                await self._scrolled(page, scrolls)
                return await self._taken(page)
            except Failure as failure:
                return self.failed(failure)

    def failed(self, failure: Failure) -> Fetched:
        """The outcome of a page that cannot be loaded."""
        wait = retry_after_s(self._headers.get("retry-after")) if failure.verdict == "passing" else None
        return Fetched(
            url=self._url, verdict=failure.verdict, reason=failure.reason, http_code=self._code,
            retry_after_s=wait, final_url=self._final_url, headers=self._headers,
        )  # fmt: skip

    def _watch(self, page: Any) -> None:
        """Count what the page is asking for."""

        def count(step: int) -> Any:
            def counted(request: Any) -> None:
                if request.resource_type in ("fetch", "xhr", "script", "document"):
                    self._under_way += step

            return counted

        page.on("request", count(1))
        page.on("requestfinished", count(-1))
        page.on("requestfailed", count(-1))

    async def _opened(self, page: Any) -> None:
        """Go to the page.

        Raises:
            Failure: it cannot be had.
        """
        left = max(1.0, self._deadline - asyncio.get_running_loop().time())
        try:
            response = await page.goto(self._url, wait_until="domcontentloaded", timeout=1000 * left)
        except Exception as error:  # playwright's errors are told by their words only
            raise self._trouble(str(error)) from error
        self._final_url = page.url
        if response is None:
            raise Failure("permanent", "not a page")
        self._code, self._headers = response.status, await response.all_headers()
        if MARK in self._headers and (reason := self._gateway.failures.get(_host(self._final_url))):
            self._code, self._headers = None, {}
            raise reason
        if self._code != 200:
            raise status_failure(self._code)
        kind = self._headers.get("content-type", "text/html").partition(";")[0].strip().lower()
        if "html" not in kind and "xml" not in kind:
            raise Failure("permanent", f"not a page but {kind}")

    def _trouble(self, words: str) -> Failure:
        """What an error of the browser means."""
        if self._gateway.failures and ("ERR_TUNNEL" in words or "ERR_PROXY" in words):
            return list(self._gateway.failures.values())[-1]
        if "Download is starting" in words or "ERR_ABORTED" in words:
            return Failure("permanent", "a download, not a page")
        if "Timeout" in words and "exceeded" in words:
            return Failure("passing", "timed out")
        known = words.partition("net::")[2].split(" ")[0].split("\n")[0]
        if "ERR_CERT" in known:
            return Failure("permanent", f"certificate: {known.removeprefix('ERR_CERT_').replace('_', ' ').lower()}")
        return Failure("passing", known.removeprefix("ERR_").replace("_", " ").lower() or "the browser could not open it")

    async def _scrolled(self, page: Any, scrolls: int) -> None:
        """Scroll down until nothing new appears, or a fifth of the time is left."""
        clock, start = asyncio.get_running_loop().time, asyncio.get_running_loop().time()
        end = self._deadline - 0.2 * (self._deadline - start)
        with suppress(TimeoutError):
            async with asyncio.timeout_at(end):
                await self._has_grown(page, "")
                for _ in range(scrolls):
                    before = await _evaluated(page, _MEASURE)
                    await _evaluated(page, _SCROLL)
                    if clock() >= end or not await self._has_grown(page, before):
                        return

    async def _has_grown(self, page: Any, before: str) -> bool:
        """Whether something new appears within the quiet time, which is longer while requests are pending."""
        clock = asyncio.get_running_loop().time
        start = clock()
        while clock() - start < (BUSY_S if self._under_way > 0 else self._quiet_s):
            if before and await _evaluated(page, _MEASURE) != before:
                return True
            if not before and self._under_way <= 0 and clock() - start > min(0.5, self._quiet_s):
                return True
            await asyncio.sleep(0.1)
        return False

    async def _taken(self, page: Any) -> Fetched:
        """The page as it stands."""
        try:
            html = await page.content()
        except Exception as error:  # the page went away, or its process died
            raise Failure("passing", f"the page could not be read: {str(error).partition(chr(10))[0][:100]}") from error
        body = b"\xef\xbb\xbf" + html.encode("utf-8", errors="replace")
        if len(body) > MOST_BYTES:
            raise Failure("permanent", f"the page is larger than {MOST_BYTES // 1024**2} MB")
        return Fetched(
            url=self._url, verdict="ok", http_code=self._code, body=body, sha256=hashlib.sha256(body).hexdigest(),
            final_url=page.url, headers={**self._headers, "content-type": "text/html; charset=utf-8"},
        )  # fmt: skip


async def _routed(route: Any) -> None:
    """Images are answered with an empty one, so that scripts which wait for them go on."""
    with suppress(Exception):
        kind = route.request.resource_type
        if kind == "image":
            await route.fulfill(status=200, content_type="image/gif", body=_IMAGE)
        elif kind in ("media", "font", "texttrack", "ping"):
            await route.abort()
        else:
            await route.continue_()


async def _evaluated(page: Any, script: str) -> str:
    """The result of a script; empty if the page is navigating."""
    try:
        return str(await page.evaluate(script))
    except Exception:  # playwright's errors have no common public parent worth telling apart here
        return ""


async def _closed(other: Any) -> None:
    with suppress(Exception):
        await other.close()


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""
