from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

import tellapart
from tellapart.dataset.decisions import parse_decisions
from tellapart.predictions import Predictions
from tellapart.reports import write_report
from tellapart.run_folder import Run

from .conftest import reported
from .synthetic import thumbnails_of, write_run

pytestmark = pytest.mark.browser
expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect


@contextmanager
def opened(browser: Any, folder: Path, *, photos: Path | None = None, **options: Any) -> Iterator[Any]:
    """The report in a fresh tab; on leaving, nothing but ``photos`` may have been asked for and no error been told."""
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, "reduced_motion": "reduce", **options})
    page, left, errors = context.new_page(), [], []
    page.on("request", lambda request: left.append(request.url[:200]) if not request.url.startswith(("data:", "blob:")) else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type in ("error", "warning") else None)
    address = (folder / "report.html").as_uri()
    page.goto(address)
    page.wait_for_selector(".card")
    yield page
    context.close()
    assert [one for one in left if photos is None or not one.startswith(photos.as_uri())] == [address]
    assert errors == []


def test_opens_from_disk_without_a_request_or_an_error(
    browser: Any, two: Path, nasty: Path, sixty: Path, folds: Path, ladder: Path
) -> None:
    for folder in (two, nasty, sixty, folds, ladder):
        with opened(browser, folder) as page:
            assert page.title().startswith(folder.name)
            assert page.locator("#map canvas:not(.above)").count() == 1
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_where_the_model_looked_takes_the_place_of_the_image(browser: Any, two: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(two, tmp_path / "two"))
    gallery = json.loads((folder / "report.json").read_text())["gallery"]["images"]
    (jpeg,) = thumbnails_of(folder)([gallery[0]["image_id"]]).values()
    write_report(folder, thumbnails_of(folder), heat_maps={gallery[0]["image_id"]: jpeg})
    with opened(browser, folder) as page:
        button = page.get_by_role("button", name="Where it looked")
        picture = page.locator("[data-gallery=detail] .portrait img")
        assert button.get_attribute("aria-pressed") == "false" and "where the model looked" not in (picture.get_attribute("alt") or "")
        page.locator("[data-gallery=grid]").focus()
        page.keyboard.press("g")
        assert (picture.get_attribute("alt") or "").startswith("where the model looked for ")
        button.click()
        assert page.evaluate("document.activeElement.dataset.act") == "g" and button.get_attribute("aria-pressed") == "false"
        page.locator("[data-gallery=grid]").focus()
        page.keyboard.press("ArrowRight")  # an image without such a map
        page.keyboard.press("g")
        assert button.count() == 0


def test_a_cell_filters_the_gallery_and_lets_go(browser: Any, two: Path) -> None:
    with opened(browser, two) as page:
        cell = page.locator('[data-cell="0,1"]')
        count = int(cell.inner_text())
        cell.click()
        assert page.locator(".card").count() == count
        assert set(page.locator(".card .words").all_inner_texts()) == {"cats → dogs"}
        assert cell.get_attribute("aria-pressed") == "true"
        page.get_by_role("button", name="Show the others again").click()
        assert cell.get_attribute("aria-pressed") == "false"
        page.get_by_label("Hide the diagonal").check()
        assert page.locator('[data-cell="0,0"]').count() == 0
        page.get_by_role("radio", name="Row %").click()
        assert "." in page.locator('[data-cell="0,1"]').inner_text()


def test_ten_thousand_images_are_at_most_500_nodes(browser: Any, large: Path) -> None:
    with opened(browser, large) as page:
        page.get_by_role("radio", name="All 2,").or_(page.get_by_role("radio", name="All 3,")).click()
        for share in (0, 0.3, 0.9, 1):
            page.evaluate("share => { const g = document.getElementById('grid'); g.scrollTop = share * g.scrollHeight }", share)
            page.wait_for_timeout(60)
            assert 0 < page.evaluate("document.querySelectorAll('#gallery .grid-view *').length") <= 500


def test_the_grid_itself_holds_any_number(browser: Any, two: Path) -> None:
    with opened(browser, two) as page:
        page.evaluate(
            """() => import("tellapart/virtual.js").then(({ virtualGrid }) => {
                const root = document.getElementById("grid");
                const grid = virtualGrid(root, { least: 132, height: 176, label: "many", oncurrent: () => {},
                    card: (n) => Object.assign(document.createElement("div"), { className: "card", textContent: n }) });
                grid.show(Array.from({ length: 100000 }, (_, n) => n));
                grid.move(99999);
            })"""
        )
        assert page.locator('#grid [aria-posinset="100000"][aria-selected="true"]').count() == 1
        assert page.locator("#grid *").count() <= 500


def test_the_theme_button_and_the_preference(browser: Any, two: Path) -> None:
    background = "getComputedStyle(document.body).backgroundColor"
    with opened(browser, two, color_scheme="light") as page:
        light = page.evaluate(background)
        page.locator("#theme").click()
        dark = page.evaluate(background)
        assert light != dark and page.locator("#theme").get_attribute("aria-pressed") == "true"
        page.locator("#theme").click()
        assert page.evaluate(background) == light
    with opened(browser, two, color_scheme="dark") as page:
        assert page.evaluate(background) == dark


def test_the_keyboard_is_enough(browser: Any, two: Path) -> None:
    with opened(browser, two) as page:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        page.locator('[data-cell="0,0"]').focus()
        page.keyboard.press("ArrowRight")
        assert page.evaluate("document.activeElement.dataset.cell") == "0,1"
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("Enter")
        assert page.locator('[data-cell="1,0"]').get_attribute("aria-pressed") == "true"
        page.keyboard.press("Enter")
        assert page.locator('[data-cell="1,0"]').get_attribute("aria-pressed") == "false"
        page.locator("#grid").focus()
        page.keyboard.press("ArrowRight")
        assert page.locator("#grid").get_attribute("aria-activedescendant") == "grid-1"
        assert page.locator("#grid-1").get_attribute("aria-selected") == "true"
        assert page.locator(".side .path").inner_text() == page.locator("#grid-1").get_attribute("title")
        page.keyboard.press("End")
        page.keyboard.press("Home")
        assert page.locator("#grid").get_attribute("aria-activedescendant") == "grid-0"
        page.locator("#map canvas:not(.above)").focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowRight")
        assert page.locator("#map .tip").is_visible()


def current(page: Any) -> str | None:
    """The image that the keys move from, if the focus is in the grid."""
    return (
        str(page.locator("#grid").get_attribute("aria-activedescendant")) if page.evaluate("document.activeElement.id") == "grid" else None
    )


def test_enter_shows_the_image_large_and_the_arrows_go_on(browser: Any, two: Path) -> None:
    with opened(browser, two) as page:
        page.locator("#grid").focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Enter")
        assert page.locator("#gallery dialog").is_visible()
        assert page.locator("dialog .path").inner_text() == page.locator("#grid-1").get_attribute("title")
        page.keyboard.press("ArrowRight")
        assert page.locator("dialog .path").inner_text() == page.locator("#grid-2").get_attribute("title")
        page.keyboard.press("Escape")
        assert not page.locator("#gallery dialog").is_visible() and current(page) == "grid-2"
        page.get_by_title("Larger (Enter)").click()
        page.get_by_role("button", name="Close").click()
        expect(page.locator("#grid")).to_be_focused()  # a dialog gives the focus back after its event
        assert current(page) == "grid-2"


def test_after_any_choice_the_arrows_move_among_the_images(browser: Any, two: Path) -> None:
    with opened(browser, two) as page:
        page.get_by_role("radio", name="All ").click()
        page.keyboard.press("ArrowRight")
        assert current(page) == "grid-1" and page.get_by_role("radio", name="All ").get_attribute("aria-checked") == "true"
        page.locator('[data-cell="0,0"]').click()
        page.keyboard.press("ArrowRight")
        assert current(page) == "grid-1" and page.locator('[data-cell="0,0"]').get_attribute("aria-pressed") == "true"
        page.get_by_role("button", name="Show the others again").click()
        page.keyboard.press("ArrowDown")
        assert current(page) not in (None, "grid-0")
        page.get_by_title("Larger (Enter)").focus()
        page.keyboard.press("Home")
        assert current(page) == "grid-0"
        page.locator("#map canvas:not(.above)").focus()
        page.keyboard.press("ArrowRight")
        for way in 10 * ["Right", "Down", "Left", "Up"]:
            if "test ·" in page.locator("#map .tip").inner_text():
                break
            page.keyboard.press(f"Arrow{way}")
        page.keyboard.press("Enter")
        assert current(page) is not None


def test_an_image_shows_its_neighbors_and_filters_combine(browser: Any, sixty: Path) -> None:
    with opened(browser, sixty) as page:
        assert page.locator(".near li").count() == 3
        assert page.locator(".bars li").count() == 5
        page.get_by_role("radio", name="All ").click()
        page.locator(".gallery").get_by_label("Class").select_option("3")
        assert all("otters" in words for words in page.locator(".card .words").all_inner_texts())
        page.get_by_label("All 60 classes").check()
        assert page.locator(".confusion tbody tr").count() == 60


def test_narrow_and_printed(browser: Any, sixty: Path, ladder: Path) -> None:
    for folder in (sixty, ladder):
        with opened(browser, folder, viewport={"width": 380, "height": 800}) as page:
            for summary in page.locator(".changes summary").all():
                summary.click()
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            page.emulate_media(media="print")
            assert not page.locator(".top").is_visible()


def test_a_rung_shows_what_it_put_right_and_got_wrong(browser: Any, ladder: Path) -> None:
    with opened(browser, ladder) as page:
        assert page.locator(".changes details").count() == 6
        assert page.locator(".thumbs img").count() == 0
        page.locator(".changes summary").first.click()
        first = page.locator(".changes details").first
        first.locator("img").first.wait_for()
        assert first.locator("li").count() == 24 + 7
        assert first.locator("h4").first.inner_text().endswith("the first 24 of 30")
        path = first.locator("li").first.get_attribute("title")
        first.locator("button").first.click()
        assert page.locator("[data-gallery=detail] .path").inner_text() == path and current(page) is not None


def test_without_scripts_the_ladder_is_still_a_list_of_names(browser: Any, ladder: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((ladder / "report.html").as_uri())
    page.locator(".changes summary").first.click()
    assert page.locator(".thumbs li").first.inner_text() == "IMG_00000.jpg"
    context.close()


def saved(page: Any, to: Path) -> Path:
    with page.expect_download() as download:
        page.get_by_role("button", name="Save decisions").click()
    assert download.value.suggested_filename == "decisions.jsonl"
    download.value.save_as(to)
    return to


def test_a_mistake_is_relabeled_or_excluded_and_the_file_saved(browser: Any, two: Path, tmp_path: Path) -> None:
    with opened(browser, two) as page:
        assert not page.locator("#bar").is_visible()
        page.locator("#grid").focus()
        first, second = (page.locator(f"#grid-{place}").get_attribute("title") for place in (0, 1))
        page.keyboard.press("r")
        page.keyboard.press("x")
        page.keyboard.press("k")
        assert page.locator("[data-bar=counts]").inner_text() == "1 excluded, 1 relabeled, 1 kept" and current(page) == "grid-3"
        page.keyboard.press("Control+z")
        assert page.locator("[data-bar=counts]").inner_text() == "1 excluded, 1 relabeled"
        found = list(parse_decisions(saved(page, tmp_path / "decisions.jsonl").read_text(encoding="utf-8"), "decisions.jsonl"))
    assert [(one.action, one.path, one.why) for one in found] == [("relabel", first, "report"), ("exclude", second, "report")]
    assert {found[0].old, found[0].new} == {"cats", "dogs"}


def test_the_table_of_classes_is_sorted_by_its_heads(browser: Any, sixty: Path) -> None:
    with opened(browser, sixty) as page:
        page.get_by_role("button", name="Recall").click()
        shares = [float(cell.get_attribute("data-value")) for cell in page.locator(".per-class tbody td:nth-child(3)").all()]
        assert shares == sorted(shares) and shares[0] < shares[-1]
        page.get_by_role("button", name="Class", exact=True).click()
        names = page.locator(".per-class tbody th").all_inner_texts()
        assert names == sorted(names, key=str.lower)


def test_the_slider_moves_the_scores_and_the_dots(browser: Any, two: Path) -> None:
    with opened(browser, two) as page:
        slider, dots = page.get_by_role("slider"), page.locator("#thresholds .marker")
        before = [(dot.get_attribute("cx"), dot.get_attribute("cy")) for dot in dots.all()]
        slider.focus()
        page.keyboard.press("End")
        assert (
            "dogs missed" in page.locator(".threshold").inner_text() and "a probability of 100" in page.locator(".threshold").inner_text()
        )
        assert all(old != (dot.get_attribute("cx"), dot.get_attribute("cy")) for old, dot in zip(before, dots.all(), strict=True))


def test_a_switch_shows_one_part(browser: Any, tmp_path: Path) -> None:
    folder = write_run(tmp_path / "both", n_test=200, n_train=200)
    metrics = json.loads((folder / "metrics.json").read_text())
    (folder / "metrics.json").write_text(json.dumps(metrics | {"val": metrics["test"]}))
    found = Predictions.load(folder / "predictions.parquet")
    replace(found, parts=tuple("val" if i % 2 else "test" for i in range(len(found)))).save(folder / "predictions.parquet")
    with opened(browser, reported(folder)) as page:
        assert page.locator(".hero:visible").count() == 1
        page.locator("[data-component=parts]").get_by_role("radio", name="Validation").click()
        assert page.locator(".hero:visible").get_attribute("data-part-block") == "val"
        assert page.locator("[data-filter=part] select").input_value() == "val"


def test_an_entry_of_the_legend_shows_one_class(browser: Any, two: Path) -> None:
    with opened(browser, two) as page:
        entry = page.locator("#map .legend button").first
        drawn = page.locator("#map canvas:not(.above)").get_attribute("data-drawn")
        entry.click()
        assert page.locator("#map .legend button").first.get_attribute("aria-pressed") == "true"
        expect(page.locator("#map canvas:not(.above)")).not_to_have_attribute("data-drawn", str(drawn))


def test_what_a_mailed_report_decides_is_applied_with_its_conflicts(browser: Any, trained: Run, photos: Path, tmp_path: Path) -> None:
    way = json.loads((trained.folder / "report.json").read_text(encoding="utf-8"))["header"]["ways"]["folder"]
    page_folder = Path(shutil.copytree(trained.folder, tmp_path / "a" / "b" / "c" / "mailed"))
    folder = Path(shutil.copytree(photos, (page_folder / unquote(way)).resolve()))
    with opened(browser, page_folder, photos=folder) as page:
        page.locator("#grid").focus()
        paths = [str(page.locator(f"#grid-{place}").get_attribute("title")) for place in (0, 1)]
        page.keyboard.press("x")
        page.keyboard.press("m")
        page.locator("[data-gallery=detail] select").select_option(index=1)
        file = saved(page, tmp_path / "decisions.jsonl")
    tellapart.exclude(folder, paths[1], reason="was excluded meanwhile")
    found = tellapart.decisions(folder, apply=file)
    assert found.applied == 2 and not found.unmet
    assert [(one.path, one.before) for one in found.conflicts] == [(paths[1], "exclude")]
    assert {(one.action, one.path) for one in found.decisions} >= {("exclude", paths[0]), ("relabel", paths[1])}
    assert (page_folder / "report.html").read_bytes() == (trained.folder / "report.html").read_bytes()
