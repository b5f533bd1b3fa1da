"""Render pages that need JavaScript in the system's Chromium, and scroll until nothing new is loaded."""

from __future__ import annotations

import asyncio
import importlib
import os
import shutil
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tellapart.collection.fetch_result import Fetched
from tellapart.collection.network.error_outcomes import Failure
from tellapart.collection.network.robots import Robots
from tellapart.collection.network.urls import target_of
from tellapart.collection.web_pages.browser_proxy import Gateway
from tellapart.collection.web_pages.page_visit import Visit
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
    """A browser without a window and without a memory; use as ``async with Browser(...) as browser``.

    Every page is opened afresh: no cookies, no downloads, no service workers. Images, sounds and fonts are not fetched.
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
    found = next((path for name in PROGRAMS if (path := shutil.which(name))), None)
    return found or next((path for path in APPLICATIONS if Path(path).is_file()), None)


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
