from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tellapart.dataset.decisions import Decision, parse_decisions
from tellapart.reports.explore_page import write_exploration

from .synthetic import NASTY
from .synthetic_exploration import exploration_view, thumbnails_of_exploration
from .synthetic_review import NASTY_FILES

pytestmark = pytest.mark.browser


@contextmanager
def opened(browser: Any, folder: Path, view: dict[str, Any], *, page_bytes: int = 22_000_000, **options: Any) -> Iterator[Any]:
    """The page in a fresh tab; on leaving, nothing but the page may have been asked for and no error been told."""
    file = write_exploration(folder, view, thumbnails_of_exploration(view), page_bytes=page_bytes)
    own = browser.new_context(**{"viewport": {"width": 1400, "height": 950}, "reduced_motion": "reduce", **options})
    page, left, errors = own.new_page(), [], []
    page.on("request", lambda request: left.append(request.url[:200]) if not request.url.startswith(("data:", "blob:")) else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type in ("error", "warning") else None)
    page.goto(file.as_uri())
    page.wait_for_selector("[data-bar=counts]:not(:empty)")
    yield page
    own.close()
    assert left == [file.as_uri()]
    assert errors == []


def corner(page: Any) -> dict[str, float]:
    page.locator("[data-map=frame]").evaluate("node => node.scrollIntoView({ block: 'start' })")
    page.evaluate("scrollBy(0, -90)")
    return dict(page.locator("[data-map=frame] canvas").first.bounding_box())


def place_of(page: Any, view: dict[str, Any], point: int) -> tuple[float, float]:
    """Where a point lies on the screen while the whole map is seen."""
    return placed(corner(page), view, point)


def placed(box: dict[str, float], view: dict[str, Any], point: int) -> tuple[float, float]:
    xs, ys = view["map"]["x"], view["map"]["y"]
    longest = max(max(xs) - min(xs), max(ys) - min(ys))
    wide, high = (max(xs) - min(xs)) / longest, (max(ys) - min(ys)) / longest
    scale = min((box["width"] - 44) / wide, (box["height"] - 44) / high)
    left, top = (box["width"] - wide * scale) / 2, (box["height"] - high * scale) / 2
    x, y = (xs[point] - min(xs)) / longest, (max(ys) - ys[point]) / longest
    return box["x"] + left + x * scale, box["y"] + top + y * scale


def alone(view: dict[str, Any]) -> int:
    """A point with nothing near it."""
    xs, ys = view["map"]["x"], view["map"]["y"]
    return max(range(len(xs)), key=lambda i: min(math.dist((xs[i], ys[i]), (xs[j], ys[j])) for j in range(len(xs)) if j != i))


def draw_around(page: Any, center: tuple[float, float], radius: float, *, shift: bool = True) -> None:
    if shift:
        page.keyboard.down("Shift")
    page.mouse.move(center[0] + radius, center[1])
    page.mouse.down()
    for step in range(1, 33):
        page.mouse.move(center[0] + radius * math.cos(step / 5.1), center[1] + radius * math.sin(step / 5.1))
    page.mouse.up()
    if shift:
        page.keyboard.up("Shift")


def within(page: Any, view: dict[str, Any], center: tuple[float, float], radius: float) -> set[int]:
    box = corner(page)
    return {i for i in range(len(view["map"]["x"])) if math.dist(placed(box, view, i), center) < radius}


def test_hover_shows_the_image_and_a_click_its_neighbors(browser: Any, tmp_path: Path) -> None:
    view = exploration_view(n=150)
    point = alone(view)
    with opened(browser, tmp_path, view) as page:
        page.mouse.move(*place_of(page, view, point))
        tip = page.locator(".tip")
        assert tip.is_visible() and view["map"]["path"][point] in tip.inner_text()
        page.mouse.move(*(part + 60 for part in place_of(page, view, point)))
        assert view["map"]["path"][point] not in (tip.inner_text() if tip.is_visible() else "")
        page.mouse.click(*place_of(page, view, point))
        detail = page.locator("[data-map=detail]")
        assert detail.locator(".path").inner_text() == view["map"]["path"][point]
        cosines = [f"cosine {value:.2f}" for _, value in view["neighbors"][point]]
        assert [one.split("\n")[-1] for one in detail.locator(".near li").all_inner_texts()] == cosines
        other = view["neighbors"][point][0][0]
        detail.locator(".near button").first.click()
        assert detail.locator(".path").inner_text() == view["map"]["path"][other]


def test_drawing_around_chooses_what_lies_inside_and_decides_about_all(browser: Any, tmp_path: Path) -> None:
    view = exploration_view(n=200)
    with opened(browser, tmp_path, view) as page:
        center = place_of(page, view, view["clusters"]["clusters"][1]["medoid"])
        inside = within(page, view, center, 70)
        draw_around(page, center, 70)
        assert abs(int(page.locator("[data-chosen=count]").inner_text().split(" ")[0]) - len(inside)) <= 2
        names = view["header"]["class_names"]
        assert any(name in page.locator("[data-chosen=mix]").inner_text() for name in names)
        page.get_by_label("Relabel all to …").fill("wolves")
        page.get_by_label("Relabel all to …").press("Enter")
        total = int(page.locator("[data-chosen=count]").inner_text().split(" ")[0])
        assert page.locator("[data-bar=counts]").inner_text() == f"{total} relabeled"
        page.get_by_role("button", name="Exclude all").click()
        assert page.locator("[data-bar=counts]").inner_text() == f"{total} excluded"
        page.get_by_role("button", name="Undo").click()
        assert page.locator("[data-bar=counts]").inner_text() == f"{total} relabeled"
        with page.expect_download() as download:
            page.get_by_role("button", name="Save decisions").click()
        found = parse_decisions(Path(download.value.path()).read_text(encoding="utf-8"), "decisions.jsonl")
        assert {one.new for one in found} == {"wolves"} and {one.action for one in found} == {"relabel"} and len(found) == total
        point = view["map"]["path"].index(found[0].path)
        image_id, label = view["map"]["image_id"][point], names[view["map"]["label"][point]]
        assert found[0] == Decision("relabel", found[0].path, image_id, False, label, "wolves", why="explore")
        page.get_by_role("button", name="Clear selection").click()
        assert page.locator("#chosen").is_hidden()


def test_the_button_draws_without_shift_and_paths_are_copied(browser: Any, tmp_path: Path) -> None:
    view = exploration_view(n=120)
    with opened(browser, tmp_path, view, permissions=["clipboard-read", "clipboard-write"]) as page:
        page.get_by_role("button", name="Select images by drawing").click()
        center = place_of(page, view, view["clusters"]["clusters"][0]["medoid"])
        draw_around(page, center, 60, shift=False)
        page.get_by_role("button", name="Copy paths").click()
        page.get_by_text("Copied").wait_for()
        copied = page.evaluate("navigator.clipboard.readText()").split("\n")
        assert len(copied) == int(page.locator("[data-chosen=count]").inner_text().split(" ")[0])
        assert set(copied) <= set(view["map"]["path"])


def test_keys_go_from_image_to_image_and_choose(browser: Any, tmp_path: Path) -> None:
    view = exploration_view(n=80)
    with opened(browser, tmp_path, view) as page:
        page.locator("[data-map=frame] canvas").first.focus()
        page.keyboard.press("ArrowRight")
        first = page.locator(".tip span").last.inner_text()
        page.keyboard.press("ArrowRight")
        second = page.locator(".tip span").last.inner_text()
        xs = dict(zip(view["map"]["path"], view["map"]["x"], strict=True))
        assert xs[second] > xs[first]
        page.keyboard.press(" ")
        page.keyboard.press("ArrowDown")
        page.keyboard.press(" ")
        assert page.locator("[data-chosen=count]").inner_text() == "2 images selected"
        page.keyboard.press("Enter")
        assert page.locator("[data-map=detail] .path").inner_text() == page.locator(".tip span").last.inner_text()
        page.keyboard.press("Escape")
        assert page.locator("#chosen").is_hidden()


def test_wheel_and_drag_zoom_and_move_and_the_whole_comes_back(browser: Any, tmp_path: Path) -> None:
    view = exploration_view(n=150)
    point = alone(view)
    with opened(browser, tmp_path, view) as page:
        x, y = place_of(page, view, point)
        page.wait_for_timeout(500)
        page.mouse.move(x, y)
        page.mouse.wheel(0, -300)
        page.wait_for_timeout(100)
        page.mouse.move(x + 1, y)
        assert view["map"]["path"][point] in page.locator(".tip").inner_text()
        page.mouse.down()
        page.mouse.move(x + 30, y + 20, steps=3)
        page.mouse.move(x + 61, y + 40, steps=3)
        page.mouse.up()
        page.wait_for_timeout(100)
        page.mouse.move(x + 60, y + 41)
        assert view["map"]["path"][point] in page.locator(".tip").inner_text()
        page.get_by_role("button", name="See the whole map").click()
        page.wait_for_timeout(100)
        page.mouse.move(*place_of(page, view, point))
        assert view["map"]["path"][point] in page.locator(".tip").inner_text()


def test_colors_follow_the_choice_and_one_kind_can_be_seen_alone(browser: Any, tmp_path: Path) -> None:
    view = exploration_view(n=150)
    point = next(i for i in range(150) if view["map"]["cluster"][i] == 2)
    with opened(browser, tmp_path, view) as page:
        assert page.locator("[data-map=legend] button").all_inner_texts() == view["header"]["class_names"]
        page.locator("[data-key=cluster]").click()
        assert len(page.locator("[data-map=legend] button").all()) == 5
        page.locator("[data-key=score]").click()
        assert page.locator(".heat").is_visible()
        page.locator("[data-show='2']").click()
        assert page.locator("[data-map=legend] button[aria-pressed=true]").inner_text().startswith("Cluster 2")
        page.locator("[data-choose='2']").click()
        size = sum(one == 2 for one in view["map"]["cluster"])
        assert page.locator("[data-chosen=count]").inner_text().startswith(f"{size} images selected: Cluster 2")
        page.mouse.move(*place_of(page, view, point))
        page.locator("#choose-outliers").click()
        assert page.locator("[data-chosen=count]").inner_text() == "48 images selected: outliers"


def test_the_map_fits_the_window_and_what_is_selected_stands_beside_it(browser: Any, tmp_path: Path) -> None:
    for width, height in ((1280, 720), (390, 844)):
        with opened(browser, tmp_path, exploration_view(n=150), viewport={"width": width, "height": height}) as page:
            canvas, deck = (page.locator(name).bounding_box() for name in ("[data-map=frame] canvas:not(.above)", "#bar"))
            legend = page.locator("[data-map=legend]").bounding_box()
            assert canvas["y"] + canvas["height"] <= legend["y"] + 1 and canvas["height"] > 150
            page.get_by_label("Find in names").fill(".jpg")
            page.get_by_label("Find in names").press("Enter")
            chosen = page.locator("[data-chosen=presses]").bounding_box()
            assert chosen["y"] + 40 <= deck["y"]


def test_a_name_finds_images_and_a_cluster_is_renamed(browser: Any, tmp_path: Path) -> None:
    view = exploration_view(n=150)
    with opened(browser, tmp_path, view) as page:
        needle = view["map"]["path"][7].rsplit("/", 1)[-1]
        page.get_by_label("Find in names").fill(needle.upper())
        page.get_by_label("Find in names").press("Enter")
        total = sum(needle.lower() in path.lower() for path in view["map"]["path"])
        assert page.locator("[data-chosen=count]").inner_text().startswith(f"{total} image")
        page.locator("[data-rename='1']").get_by_label("Name this cluster").fill("<b>red ones</b>")
        page.locator("[data-rename='1']").get_by_role("button", name="Rename").click()
        page.locator("[data-key=cluster]").click()
        assert "<b>red ones</b>" in page.locator("[data-map=legend] button").all_inner_texts()
        assert page.locator("[data-cluster-title='1']").inner_text() == "<b>red ones</b>"
        style = "node => node.style.background"
        swatches = [one.evaluate(style) for one in page.locator("[data-map=legend] i").all()]
        page.locator("[data-key=class]").click()
        assert not set(swatches[:3]) & {one.evaluate(style) for one in page.locator("[data-map=legend] i").all()}


def test_images_without_thumbnails_come_from_sprites(browser: Any, tmp_path: Path) -> None:
    view = exploration_view(n=1500)
    with opened(browser, tmp_path, view, page_bytes=1_500_000) as page:
        page.locator("#choose-outliers").click()
        page.locator("[data-choose='0']").click()
        page.locator("#grid").press("End")
        assert page.locator("#grid .sprite").count() > 0
        image = page.locator("#grid .sprite").first.evaluate("node => getComputedStyle(node).backgroundImage")
        assert image.startswith('url("data:image/jpeg')


def test_names_and_files_that_try_to_break_out_are_only_text(browser: Any, tmp_path: Path) -> None:
    view = exploration_view(n=60, names=NASTY, files=NASTY_FILES, k=3)
    with opened(browser, tmp_path, view) as page:
        page.locator("[data-choose='0']").click()
        for _ in range(3):
            page.locator("#grid").press("ArrowRight")
        assert page.locator("[data-map=detail] .path").inner_text() != ""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_narrow_screen_holds_everything(browser: Any, tmp_path: Path, scheme: str) -> None:
    view = exploration_view(n=100)
    with opened(browser, tmp_path, view, viewport={"width": 360, "height": 740}, color_scheme=scheme) as page:
        page.locator("[data-choose='1']").click()
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        color = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (color == "rgb(15, 18, 23)") == (scheme == "dark")
