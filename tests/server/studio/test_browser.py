"""The studio in a browser: keys, selections, two windows, and nothing that the content policy has to stop."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import uvicorn

import tellapart
from tellapart.dataset.decisions import read_decisions
from tellapart.dataset.options import AS_FOUND
from tellapart.reports.studio_pages import PAGES
from tellapart.run_folder import Run
from tellapart.server.studio import jobs
from tellapart.server.studio.app import make_studio_app, studio_access
from tellapart.server.studio.loading import load_workspace
from tellapart.server.studio.scan import FolderSource
from tellapart.server.studio.studio import Places, Studio
from tellapart.server.studio.workspace import Choice
from tellapart.server.uvicorn_server import address_of, listen
from tests import folders
from tests.accessibility import SCREENS, serious_findings
from tests.server.studio.conftest import NASTY, TOKEN, tiny
from tests.server.studio.test_columns import explored

pytestmark = pytest.mark.browser


@pytest.fixture
def address(studio: Studio) -> Iterator[str]:
    with served(studio) as found:
        yield found


@contextmanager
def served(studio: Studio) -> Iterator[str]:
    """The address of a studio that answers meanwhile."""
    listening = listen("127.0.0.1", 0)
    access = studio_access(frozenset({"127.0.0.1"}), TOKEN, listening.getsockname()[1])
    server = uvicorn.Server(uvicorn.Config(make_studio_app(studio, access), log_level="warning", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield address_of(listening)
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


@contextmanager
def window(browser: Any, address: str, path: str = "/gallery", **options: Any) -> Iterator[Any]:
    """A window that has opened the studio; nothing foreign may have been asked for, and no error told."""
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 720}, "reduced_motion": "reduce", **options})
    context.set_default_timeout(15_000)
    page, foreign, errors = context.new_page(), [], []
    page.on("request", lambda request: foreign.append(request.url) if not request.url.startswith(address) else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type in ("error", "warning") else None)
    page.goto(f"{address}/open?token={TOKEN}")
    page.wait_for_url(f"{address}/")
    page.goto(address + path)
    page.wait_for_selector("main > :not(.waiting)", state="attached")
    try:
        yield page
    finally:
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
            f"dogs/{names[3]}": ("unsure", None),
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
        first.get_by_role("button", name="Relabel", exact=True).click()
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


def test_findings_are_decided_in_the_log_and_the_focus_stays_in_the_grid(browser: Any, studio: Studio, pets: Path, tmp_path: Path) -> None:
    tellapart.check(pets, backbone="none", out=tmp_path / "check")
    studio.places = Places(check=tmp_path / "check")
    with served(studio) as address, window(browser, address, "/review?tab=contradiction") as page:
        page.wait_for_selector(".group-head")
        page.get_by_role("button", name="It is cats", exact=True).click()
        page.wait_for_selector(".card.is-exclude")
        assert page.evaluate("document.activeElement.id") == "groups"
        (decision,) = read_decisions(pets / ".tellapart").in_effect
        assert (decision.action, decision.path, decision.why, decision.is_of_file) == ("exclude", "dogs/both.jpg", "contradiction", True)
        assert page.locator("[data-key=decided] .n").inner_text() == "2"  # one is kept, which needs no line
        page.locator("[data-key=exact_duplicate]").click()
        assert page.url.endswith("?tab=exact_duplicate")
        page.keyboard.press("u")
        page.locator(".card.is-unsure", has_text="copy").or_(page.locator(".card.is-unsure", has_text="cats 0")).first.wait_for()
        assert read_decisions(pets / ".tellapart").log[-1].action == "unsure"
        page.keyboard.press("z")
        page.wait_for_selector(".card.is-unsure", state="detached")


def test_a_cell_of_the_matrix_shows_its_images_and_relabels_them(browser: Any, trained_studio: Studio, trained: Run) -> None:
    assert trained_studio.workspace is not None
    with served(trained_studio) as address, window(browser, address, "/matrix") as page:
        page.wait_for_selector(".confusion")
        right = int((trained.predictions.is_right).sum())
        assert f"{right} of {len(trained.predictions)} right" in page.locator(".score").inner_text()
        page.locator(".confusion td.right button").first.click()
        page.wait_for_selector(".bench .card")
        assert "matrix" not in page.evaluate("document.activeElement.className")
        path = page.locator(".bench .card").first.get_attribute("title")
        page.keyboard.press("2")
        page.locator(".warning", has_text="test images").wait_for()
        page.wait_for_selector(".card.is-relabel")
        assert f"{right - 1} of {len(trained.predictions)} right" in page.locator(".score").inner_text()
        row = trained_studio.workspace.number_of[path]
        assert trained_studio.workspace.rows[row].label == sorted(trained.class_names)[1]
        page.get_by_role("button", name="Hide what it says").click()
        assert page.locator(".bench .card.wrong").count() == 0


def test_runs_are_ranked_and_the_overview_leads_on(browser: Any, trained_studio: Studio, trained: Run) -> None:
    with served(trained_studio) as address, window(browser, address, "/runs") as page:
        page.wait_for_selector(".leaderboard")
        assert page.locator(".leaderboard tbody th a").all_inner_texts() == [trained.name]
        page.locator("[data-filter=recipe] select").select_option("scratch")
        page.locator("[data-field=epochs] input").fill("2")
        assert page.locator("form code").inner_text() == "tellapart train … --recipe scratch --epochs 2"
        page.get_by_role("link", name="Overview").click()
        page.wait_for_selector(".step")
        assert page.locator(".classes tbody tr").count() == 3
        page.get_by_role("link", name="dots").click()
        page.locator(".status", has_text="30 of 90").wait_for()


def test_a_cluster_of_the_map_is_named_as_one_pile(browser: Any, studio: Studio, pets: Path, tmp_path: Path) -> None:
    assert studio.workspace is not None
    studio.places = Places(explore=explored(tmp_path / "explore", studio.workspace))
    with served(studio) as address, window(browser, address, "/map") as page:
        page.wait_for_selector(".map-frame canvas")
        page.get_by_role("radio", name="Cluster").click()
        page.get_by_role("button", name="1: dogs").click()
        page.get_by_role("button", name="Select all 8").click()
        page.keyboard.press("1")
        page.wait_for_selector(".card.is-relabel")
        log = read_decisions(pets / ".tellapart").log
        assert {one.batch for one in log} == {1} and {one.new for one in log} == {NASTY}


@pytest.fixture
def album(tmp_path: Path) -> Iterator[Studio]:
    """A folder without any label, whose clusters are known."""
    folder = folders.write(tmp_path / "album", {f"{i}.jpg": tiny(300 + i) for i in range(12)})
    made = Studio(
        FolderSource(folder, AS_FOUND), Places(tmp_path / "runs", tmp_path / "check", tmp_path / "explore", tmp_path / "suggested")
    )
    made.use(load_workspace(made.source))
    made.loading.is_checking = False
    assert made.workspace is not None
    explored(made.places.explore, made.workspace)
    yield made
    made.close()


def test_piles_are_named_by_keys_and_then_a_training_can_start(browser: Any, album: Studio) -> None:
    folder = Path(album.source.folder)
    with served(album) as address, window(browser, address, "/label") as page:
        train = page.locator("[data-train]")
        assert train.inner_text() == "Train on 0 labels" and train.is_disabled()
        page.locator(".status", has_text="0 of 6 done").wait_for()
        page.keyboard.press("u")  # nobody can tell what the first shows
        page.wait_for_selector(".card.is-unsure")
        page.keyboard.press("p")
        page.keyboard.type("fish")
        page.keyboard.press("Enter")
        page.locator("[data-train]", has_text="Train on 5 labels").wait_for()
        assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Name this pile (p)"  # of the next pile
        page.keyboard.type("birds")
        page.keyboard.press("Enter")
        page.locator("[data-train]:enabled", has_text="Train on 11 labels").wait_for()
        log = read_decisions(folder / ".tellapart").log
        assert [(one.batch, one.action) for one in log] == [(1, "unsure"), *[(2, "relabel")] * 5, *[(3, "relabel")] * 6]
        page.locator("[data-key=rest]").click()
        page.locator(".status", has_text="0 of 0 done").wait_for()
        page.locator("#undo").click()
        page.locator("[data-train]:disabled", has_text="Train on 5 labels").wait_for()
        page.locator("[data-key=rest]").click()
        page.locator(".status", has_text="0 of 6 done").wait_for()
        page.keyboard.press("1")
        page.locator("[data-train]", has_text="Train on 6 labels").wait_for()


def test_a_suggested_batch_is_labeled_and_a_cluster_renamed(browser: Any, album: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = album.workspace
    assert workspace is not None
    workspace.decide(Choice("relabel", [0], "fish"), Choice("relabel", [1], "birds"))
    rows = [workspace.undecided[number] for number in (4, 7, 9)]
    facts = [{"path": row.path, "image_id": row.image_id, "suggested": None} for row in rows]
    folders.write(album.places.suggested, {"review.json": json.dumps({"header": {}, "issues": [], "rows": facts}).encode()})
    monkeypatch.setattr(jobs, "_command", lambda arguments: (sys.executable, "-c", "pass"))
    with served(album) as address, window(browser, address, "/label?pile=suggested") as page:
        page.locator(".status", has_text="0 of 3 done").wait_for()
        page.keyboard.press("1")
        page.locator(".status", has_text="1 of 3 done").wait_for()
        page.locator("[data-key='0']").click()
        page.locator("[data-rename]").click()
        page.get_by_label("Name of the cluster").fill("in the sea")
        page.keyboard.press("Enter")
        page.locator("[data-key='0']", has_text="0: in the sea").wait_for()
        page.locator("[data-job=suggest]").click()
        page.locator("[data-key=suggested][aria-checked=true]").wait_for()
        assert page.evaluate("document.activeElement.className") == "grid-view"


def test_files_that_were_added_are_read_by_a_button(browser: Any, album: Studio) -> None:
    folder = Path(album.source.folder)
    with served(album) as address, window(browser, address, "/gallery") as page:
        page.locator(".status", has_text="12 of 12 images").wait_for()
        folders.write(folder, {"late.jpg": tiny(400), "later.jpg": tiny(401)})
        page.get_by_role("button", name="2 new files: read them").click()
        page.locator(".status", has_text="14 of 14 images").wait_for()


def test_a_file_of_decisions_that_is_dropped_is_asked_about_and_taken(browser: Any, address: str, studio: Studio, pets: Path) -> None:
    assert studio.workspace is not None
    row = studio.workspace.undecided[studio.workspace.number_of["dogs/dogs 1.jpg"]]
    line = json.dumps({"action": "exclude", "path": row.path, "image_id": row.image_id, "old": "dogs"})
    drop = """(text) => {
      const data = new DataTransfer();
      data.items.add(new File([text], "decisions.jsonl"));
      window.dispatchEvent(new DragEvent("drop", { dataTransfer: data, cancelable: true }));
    }"""
    with window(browser, address, "/gallery?class=dogs") as page:
        page.wait_for_selector(".card")
        page.evaluate(drop, line)
        page.get_by_role("button", name="Take over 1").click()
        page.wait_for_selector(".card.is-exclude")
        assert held(pets) == {"dogs/dogs 1.jpg": ("exclude", "from decisions.jsonl")}


@pytest.mark.parametrize("screen", SCREENS, ids=["light", "dark"])
def test_no_page_has_a_serious_finding(browser: Any, trained_studio: Studio, tmp_path: Path, screen: Any) -> None:
    assert trained_studio.workspace is not None
    explore = explored(tmp_path / "explore", trained_studio.workspace)
    trained_studio.places = replace(trained_studio.places, explore=explore, suggested=tmp_path / "suggested")
    with served(trained_studio) as address, window(browser, address, **screen) as page:
        found = {}
        for one in PAGES:
            page.goto(address + one.path)
            page.wait_for_selector("main > :not(.waiting), main button", state="attached")
            page.locator("main :is(.card, .step, .confusion, .leaderboard, button)").first.wait_for()
            found[one.name] = serious_findings(page)
        assert found == {key: [] for key in found}


def test_details_that_come_while_a_button_is_pressed_do_not_lose_the_click(browser: Any, address: str) -> None:
    with window(browser, address, "/gallery?class=cats") as page:
        page.wait_for_selector(".card")
        page.keyboard.press("ArrowRight")
        page.get_by_label("Another class …").fill("birds")
        button = page.get_by_role("button", name="Relabel", exact=True)
        button.hover()
        page.mouse.down()
        page.evaluate("fetch(`/api/images/0`).then((answer) => answer.text())")  # details of the image arrive meanwhile
        page.mouse.up()
        page.wait_for_selector(".card.is-relabel")
