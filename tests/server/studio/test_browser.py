"""The studio in a browser: keys, selections, two windows, and nothing that the content policy has to stop."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from tellapart.dataset.decisions import read_decisions
from tellapart.server.serving import address_of, listen
from tellapart.server.studio.app import make_studio_app, studio_access
from tellapart.server.studio.studio import Studio
from tests.server.studio.conftest import NASTY, TOKEN

pytestmark = pytest.mark.browser


@pytest.fixture
def address(studio: Studio) -> Iterator[str]:
    listening = listen("127.0.0.1", 0)
    access = studio_access(frozenset({"127.0.0.1"}), TOKEN, listening.getsockname()[1])
    server = uvicorn.Server(uvicorn.Config(make_studio_app(studio, access), log_level="warning", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    yield address_of(listening)
    server.should_exit = True
    thread.join()
    listening.close()


@contextmanager
def window(browser: Any, address: str, path: str = "/gallery", **options: Any) -> Iterator[Any]:
    """A window that has opened the studio; nothing foreign may have been asked for, and no error told."""
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 720}, "reduced_motion": "reduce", **options})
    page, foreign, errors = context.new_page(), [], []
    page.on("request", lambda request: foreign.append(request.url) if not request.url.startswith(address) else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type in ("error", "warning") else None)
    page.goto(f"{address}/open?token={TOKEN}")
    page.wait_for_url(f"{address}/")
    page.goto(address + path)
    page.wait_for_selector("main > :not(.waiting)")
    yield page
    context.close()
    assert foreign == [] and errors == []


def held(folder: Path) -> dict[str, tuple[str, str | None]]:
    return {one.path: (one.action, one.new or one.why or None) for one in read_decisions(folder / ".tellapart").in_effect}


def card(page: Any, name: str) -> Any:
    return page.locator(".card", has_text=name).first


def test_keys_decide_about_the_current_image_and_go_on(browser: Any, address: str, studio: Studio, pets: Path) -> None:
    with window(browser, address, "/gallery?class=dogs&order=name") as page:
        page.wait_for_selector(".card")
        assert page.evaluate("document.activeElement.className") == "grid-view"
        assert page.locator(".status").inner_text() == "8 of 18 images"
        names = page.locator(".card small").all_inner_texts()
        cats = page.locator(".class-list kbd", has_text="2").locator("..").inner_text()
        assert "cats" in cats
        for key in ("ArrowRight", "x", "2", "u"):
            page.keyboard.press(key)
        page.wait_for_selector(".card.is-unsure")
        found = held(pets)
        assert found == {
            f"dogs/{names[1]}": ("exclude", None),
            f"dogs/{names[2]}": ("relabel", "cats"),
            f"dogs/{names[3]}": ("exclude", "unsure"),
        }
        assert card(page, names[2]).get_attribute("data-badge") == "was dogs"
        page.keyboard.press("z")
        page.wait_for_selector(".card.is-unsure", state="detached")
        page.keyboard.press("Shift+Z")
        page.wait_for_selector(".card.is-unsure")
        assert held(pets) == found
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("r")
        page.wait_for_selector(".card.is-unsure", state="detached")


def test_a_selection_is_one_step_and_another_window_sees_it(browser: Any, address: str, pets: Path) -> None:
    with window(browser, address, "/gallery?class=cats") as first, window(browser, address, "/gallery?class=cats") as second:
        second.wait_for_selector(".card")
        first.wait_for_selector(".card")
        first.keyboard.press("ArrowRight")
        first.keyboard.press("Shift+ArrowRight")
        first.keyboard.press("Shift+ArrowRight")
        assert first.locator(".side .verdict").inner_text() == "3 selected"
        first.get_by_label("Another class …").fill("birds")
        first.get_by_role("button", name="Call it so").click()
        first.wait_for_selector(".card.is-relabel")
        second.wait_for_selector(".card.is-relabel")
        assert second.locator(".card.is-relabel").count() == 3
        log = read_decisions(pets / ".tellapart").log
        assert {one.batch for one in log} == {1} and {one.new for one in log} == {"birds"} and len(log) == 3
        second.keyboard.press("z")
        first.wait_for_selector(".card.is-relabel", state="detached")


def test_the_address_keeps_filters_and_the_large_view_decides(browser: Any, address: str, pets: Path) -> None:
    with window(browser, address, "/gallery") as page:
        page.get_by_label("Find in names").fill("cats 2")
        page.locator(".status", has_text="1 of 18").wait_for()
        assert page.url.endswith("?find=cats+2")
        page.reload()
        page.locator(".status", has_text="1 of 18").wait_for()
        page.keyboard.press("Enter")
        page.wait_for_selector("dialog[open] img.file")
        page.keyboard.press("x")
        page.wait_for_selector(".card.is-exclude", state="attached")
        page.keyboard.press("Escape")
        assert held(pets) == {"cats/cats 2.jpg": ("exclude", None)}


def test_names_with_markup_are_shown_as_text(browser: Any, address: str) -> None:
    with window(browser, address, "/gallery?find=onerror") as page:
        page.wait_for_selector(".card")
        assert page.locator(".card .words").first.inner_text() == NASTY
        assert page.locator(".card script, .card small img").count() == 0


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (390, 844)])
def test_a_workspace_is_as_high_as_the_window(browser: Any, address: str, width: int, height: int) -> None:
    with window(browser, address, viewport={"width": width, "height": height}) as page:
        page.wait_for_selector(".card")
        scrolled = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]")
        assert scrolled == [width, height]
        assert page.locator(".bench > .side").bounding_box()["y"] < height - 100
