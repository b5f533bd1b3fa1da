from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tellapart.dataset.decisions import Decision, parse_decisions
from tellapart.reports.review_page import write_review

from .synthetic import NASTY
from .synthetic_review import NASTY_FILES, review_view, thumbnails_of_view

pytestmark = pytest.mark.browser


@contextmanager
def opened(browser: Any, folder: Path, context: Any = None, **options: Any) -> Iterator[Any]:
    """The review in a fresh tab; on leaving, nothing but the page may have been asked for and no error been told."""
    own = context or browser.new_context(**{"viewport": {"width": 1400, "height": 950}, "reduced_motion": "reduce", **options})
    page, left, errors = own.new_page(), [], []
    page.on("request", lambda request: left.append(request.url[:200]) if not request.url.startswith(("data:", "blob:")) else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type in ("error", "warning") else None)
    address = (folder / "review.html").as_uri()
    page.goto(address)
    page.wait_for_selector("[data-bar=counts]:not(:empty)")
    yield page
    if context is None:
        own.close()
    assert left == [address]
    assert errors == []


def written(folder: Path, view: dict[str, Any]) -> dict[str, Any]:
    write_review(folder, view, thumbnails_of_view(view))
    return view


def saved(page: Any) -> list[Decision]:
    """What the page saves, read as ``tellapart decisions --apply`` reads it."""
    with page.expect_download() as download:
        page.get_by_role("button", name="Save decisions").click()
    assert download.value.suggested_filename == "decisions.jsonl"
    return list(parse_decisions(Path(download.value.path()).read_text(encoding="utf-8"), "decisions.jsonl"))


def tab(page: Any, key: str) -> None:
    page.locator(f"[data-look=tabs] [data-key={key}]").click()


def row_of(view: dict[str, Any], issue: str, place: int) -> dict[str, Any]:
    rows = next(one["rows"] for one in view["issues"] if one["name"] == issue)
    return dict(view["rows"][rows[place]])


def counts(page: Any) -> str:
    return str(page.locator("[data-bar=counts]").inner_text())


def test_deciding_by_click_and_saving(browser: Any, tmp_path: Path) -> None:
    view = written(tmp_path, review_view())
    with opened(browser, tmp_path) as page:
        assert counts(page) == "Nothing decided yet" and page.get_by_role("button", name="Save decisions").is_disabled()
        tab(page, "blurred")
        page.locator("#grid-0").get_by_text("Exclude").click()
        page.locator("#grid-1").get_by_text("Keep").click()
        tab(page, "mislabeled")
        page.locator("#grid-2 .quick > span").nth(1).click()
        page.locator("#grid-3").click()
        other = next(name for name in view["header"]["class_names"] if name not in (row_of(view, "mislabeled", 3)["label"],))
        page.locator("[data-look=detail]").get_by_label("Relabel to").select_option(other)
        assert counts(page) == "1 excluded, 2 relabeled, 1 kept"
        assert "is-exclude" not in (page.locator("#grid-2").get_attribute("class") or "")
        found = saved(page)
        assert page.locator("[data-bar=note]").inner_text().startswith("Saved.")
    blurred, first, second = row_of(view, "blurred", 0), row_of(view, "mislabeled", 2), row_of(view, "mislabeled", 3)
    assert found == [
        Decision("exclude", blurred["path"], blurred["image_id"], False, blurred["label"], None, why="blurred"),
        Decision("relabel", first["path"], first["image_id"], False, first["label"], first["suggested"], why="mislabeled"),
        Decision("relabel", second["path"], second["image_id"], False, second["label"], other, why="mislabeled"),
    ]


def test_deciding_by_key(browser: Any, tmp_path: Path) -> None:
    view = written(tmp_path, review_view())
    with opened(browser, tmp_path) as page:
        tab(page, "mislabeled")
        page.locator("#grid").focus()
        for key in ("x", "r", "k"):
            page.keyboard.press(key)
        assert counts(page) == "1 excluded, 1 relabeled, 1 kept"
        assert page.locator("#grid").get_attribute("aria-activedescendant") == "grid-3"
        page.keyboard.press("u")
        assert counts(page) == "1 excluded, 1 relabeled" and page.locator("#grid").get_attribute("aria-activedescendant") == "grid-2"
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("u")
        assert counts(page) == "1 excluded"
        page.keyboard.press("Enter")
        assert page.locator("dialog").is_visible()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("x")
        page.keyboard.press("Escape")
        assert counts(page) == "2 excluded" and not page.locator("dialog").is_visible()
        page.keyboard.press("Control+z")
        assert counts(page) == "1 excluded"
        page.keyboard.press("m")
        assert page.evaluate("document.activeElement.tagName") == "SELECT"
        assert [one.path for one in saved(page)] == [row_of(view, "mislabeled", 0)["path"]]


def current(page: Any, root: str = "grid") -> str | None:
    """The image that the keys decide about, if the focus is where they are heard."""
    has_focus = page.evaluate("document.activeElement.id") == root
    return str(page.locator(f"#{root}").get_attribute("aria-activedescendant")) if has_focus else None


def test_when_the_page_opens_and_after_a_finding_is_chosen_the_next_key_decides(browser: Any, tmp_path: Path) -> None:
    view = written(tmp_path, review_view(found=("blurred", "near_duplicate")))
    near = next(group for group in view["groups"] if group["kind"] == "near")
    with opened(browser, tmp_path) as page:
        assert current(page, "groups") == "groups-0"
        page.keyboard.press("ArrowRight")
        page.keyboard.press("x")
        tab(page, "blurred")
        assert current(page) == "grid-0"
        page.keyboard.press("x")
        assert counts(page) == "2 excluded"
        assert [one.path for one in saved(page)] == [view["rows"][near["rows"][1]]["path"], row_of(view, "blurred", 0)["path"]]


def test_a_tab_that_was_clicked_hands_the_keys_to_its_images(browser: Any, tmp_path: Path) -> None:
    view = written(tmp_path, review_view())
    with opened(browser, tmp_path) as page:
        tab(page, "dark")
        page.keyboard.press("ArrowRight")
        assert current(page) == "grid-1"
        page.keyboard.press("x")
        assert [one.path for one in saved(page)] == [row_of(view, "dark", 1)["path"]]


def test_keys_on_the_tabs_and_filters_decide_nothing(browser: Any, tmp_path: Path) -> None:
    written(tmp_path, review_view())
    with opened(browser, tmp_path) as page:
        chosen = page.locator("[data-look=tabs] [aria-checked=true]")
        chosen.focus()
        before = chosen.get_attribute("data-key")
        page.keyboard.press("ArrowRight")
        assert page.locator("[data-look=tabs] [aria-checked=true]").get_attribute("data-key") != before
        for key in "xkorum":
            page.keyboard.press(key)
        page.locator("[data-filter=only] select").focus()
        page.keyboard.press("x")
        assert counts(page) == "Nothing decided yet"
        page.locator("[data-look=tabs] [aria-checked=true]").focus()
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.matches('.grid-view')")


def test_after_any_button_the_keys_go_on_with_the_images(browser: Any, tmp_path: Path) -> None:
    view = written(tmp_path, review_view(groups=4))
    with opened(browser, tmp_path) as page:
        tab(page, "blurred")
        page.locator("#grid-2").get_by_text("Keep").click()
        assert current(page) == "grid-2"
        page.keyboard.press("Enter")
        assert page.locator("dialog").is_visible()
        page.keyboard.press("Escape")
        assert current(page) == "grid-2" and counts(page) == "1 kept"
        page.locator("[data-look=detail] [data-act=x]").click()
        page.keyboard.press("ArrowRight")
        assert current(page) == "grid-3" and counts(page) == "1 excluded"
        page.get_by_role("button", name="Keep the other").click()
        assert current(page) is not None
        tab(page, "boundary")
        page.get_by_role("button", name="Different", exact=True).nth(2).click()
        assert current(page, "groups") == "groups-4"
        page.keyboard.press("x")
        third = [group for group in view["groups"] if group["kind"] == "boundary"][2]
        assert view["rows"][third["rows"][0]]["path"] in [one.path for one in saved(page)]


def test_when_all_is_undone_the_keys_still_decide(browser: Any, tmp_path: Path) -> None:
    written(tmp_path, review_view())
    with opened(browser, tmp_path) as page:
        tab(page, "dark")
        page.keyboard.press("x")
        page.get_by_role("button", name="Undo", exact=True).click()
        assert current(page) == "grid-0"
        page.keyboard.press("k")
        assert counts(page) == "1 kept"


def test_what_unfolds_beside_a_image_opens_by_key(browser: Any, tmp_path: Path) -> None:
    view = review_view(found=("dark", "blurred"), each=3)
    for row in view["rows"]:
        row["scores"] = {"dark": 0.2, "blurred": 0.9}
    written(tmp_path, view)
    with opened(browser, tmp_path) as page:
        tab(page, "dark")
        page.locator("[data-look=detail] summary").focus()
        page.keyboard.press("Enter")
        assert page.locator("[data-look=detail] details").get_attribute("open") is not None
        assert not page.locator("dialog").is_visible()


def test_one_copy_is_left_out_as_a_file_and_a_image_as_a_image(browser: Any, tmp_path: Path) -> None:
    view = written(tmp_path, review_view(groups=3))
    exact, near = ([group for group in view["groups"] if group["kind"] == kind] for kind in ("exact", "near"))
    with opened(browser, tmp_path) as page:
        tab(page, "exact_duplicate")
        assert page.locator("#groups .best").count() == 3
        page.get_by_role("button", name="Exclude all but the best copy of 3 groups").click()
        tab(page, "near_duplicate")
        page.get_by_role("button", name="Keep best").first.click()
        found = saved(page)
    others = [view["rows"][row] for group in exact for row in group["rows"] if row != group["best"]]
    copy = view["rows"][near[0]["rows"][1]]
    assert [(one.path, one.image_id, one.is_of_file, one.why) for one in found] == [
        *((row["path"], row["image_id"], True, "exact_duplicate") for row in others),
        (copy["path"], copy["image_id"], False, "near_duplicate"),
    ]


def test_a_copy_of_the_best_is_left_out_without_the_best(browser: Any, tmp_path: Path) -> None:
    view = review_view(groups=3, found=("near_duplicate",))
    group = view["groups"][1]
    view["rows"][group["rows"][2]]["image_id"] = view["rows"][group["best"]]["image_id"]
    written(tmp_path, view)
    with opened(browser, tmp_path) as page:
        tab(page, "near_duplicate")
        page.get_by_role("button", name="Keep best").nth(1).click()
        assert page.locator(".card.is-exclude").count() == 2 and page.locator(".card.is-exclude.is-best").count() == 0
        found = saved(page)
    assert [(one.path, one.is_of_file) for one in found] == [
        (view["rows"][row]["path"], is_of_file) for row, is_of_file in zip(group["rows"][1:], (False, True), strict=True)
    ]


def test_what_is_right_of_two_labels_leaves_the_other_out(browser: Any, tmp_path: Path) -> None:
    view = written(tmp_path, review_view(groups=1))
    (group,) = [group for group in view["groups"] if group["kind"] == "contradiction"]
    with opened(browser, tmp_path) as page:
        tab(page, "contradiction")
        assert page.locator(".group-head b").inner_text() == " or ".join(view["rows"][row]["label"] for row in group["rows"]) + "?"
        page.locator("#groups").focus()
        page.keyboard.press("o")
        assert counts(page) == "1 excluded, 1 kept"
        page.keyboard.press("Control+z")
        page.locator("#groups-1").get_by_text("Right").click()
        (found,) = saved(page)
    assert (found.path, found.is_of_file) == (view["rows"][group["rows"][0]]["path"], True)


def test_of_leaks_the_images_that_are_named_go_whatever_is_best(browser: Any, tmp_path: Path) -> None:
    view = review_view(groups=3, found=("leak", "contradiction"))
    leak, contradiction = view["issues"][3], view["issues"][2]
    leak["rows"] = [group["best"] for group in view["groups"] if group["kind"] == "leak"]
    contradiction["proposal"] = "exclude"
    for group in view["groups"]:
        group["best"] = group["rows"][0]
    written(tmp_path, view)
    with opened(browser, tmp_path) as page:
        tab(page, "leak")
        assert page.locator("#groups .best").all_inner_texts() == ["proposed"] * 3
        page.get_by_role("button", name="Exclude 3 images as proposed").click()
        tab(page, "contradiction")
        assert page.locator("#groups .best").count() == 0
        page.get_by_role("button", name="Exclude all").nth(1).click()
        assert [one.path for one in saved(page)] == [
            view["rows"][row]["path"]
            for row in [*leak["rows"], *next(g for g in view["groups"][1:] if g["kind"] == "contradiction")["rows"]]
        ]


def test_what_was_excluded_before_is_shown_and_spared(browser: Any, tmp_path: Path) -> None:
    view = review_view(found=("dark",), each=4)
    view["rows"][1] |= {"status": "set aside", "reason": "excluded: no cat"}
    written(tmp_path, view)
    with opened(browser, tmp_path) as page:
        assert page.locator("#grid-1 .badge").inner_text() == "Set aside"
        page.get_by_role("button", name="Exclude 3 images").click()
        assert [one.path for one in saved(page)] == [view["rows"][row]["path"] for row in (0, 2, 3)]


def test_a_relabeled_image_is_one_decision_wherever_it_stands(browser: Any, tmp_path: Path) -> None:
    view = review_view(found=("mislabeled", "blurred"), each=3)
    same, other = (view["issues"][i]["rows"][0] for i in (7, 10))
    view["rows"][same]["image_id"] = view["rows"][other]["image_id"]
    written(tmp_path, view)
    with opened(browser, tmp_path) as page:
        tab(page, "blurred")
        page.locator("#grid").focus()
        page.keyboard.press("x")
        tab(page, "mislabeled")
        assert "is-exclude" in (page.locator("#grid-0").get_attribute("class") or "")
        assert [(one.path, one.is_of_file) for one in saved(page)] == [(view["rows"][same]["path"], False)]


def test_a_pair_under_two_labels_asks_which_is_right(browser: Any, tmp_path: Path) -> None:
    view = review_view(groups=2)
    pairs = [group for group in view["groups"] if group["kind"] == "boundary"]
    first, second = (view["rows"][row] for row in pairs[0]["rows"])
    first["label"], second["label"] = "cats", "dogs"
    written(tmp_path, view)
    with opened(browser, tmp_path) as page:
        tab(page, "boundary")
        assert page.locator(".group-head b").first.inner_text() == "cats or dogs?"
        assert page.get_by_role("button", name="Same", exact=True).count() == 1 and page.locator("#groups .best").count() == 1
        page.locator("#groups-1").get_by_text("Right").click()
        assert [one.path for one in saved(page)] == [first["path"]]


def test_of_two_labels_one_button_says_what_it_is(browser: Any, tmp_path: Path) -> None:
    view = written(tmp_path, review_view(groups=1, names=("glass", "metal"), found=("contradiction",)))
    (group,) = view["groups"]
    with opened(browser, tmp_path) as page:
        page.get_by_role("button", name="It is metal").click()
        assert counts(page) == "1 excluded, 1 kept" and current(page, "groups") is not None
        (found,) = saved(page)
    assert (found.path, found.old, found.is_of_file) == (view["rows"][group["rows"][0]]["path"], "glass", True)


def test_two_images_stand_side_by_side_or_flicker_in_one_place(browser: Any, tmp_path: Path) -> None:
    written(tmp_path, review_view(groups=1, found=("near_duplicate",)))
    with opened(browser, tmp_path) as page:
        page.keyboard.press("Enter")
        left, right = (figure.bounding_box() for figure in page.locator("dialog .two figure").all())
        assert left["x"] + left["width"] <= right["x"] + 1 and left["y"] == right["y"]
        page.keyboard.press("f")
        boxes = [figure.bounding_box() for figure in page.locator("dialog .two figure").all()]
        assert boxes[0] == boxes[1] and page.locator("dialog .two .is-under").count() == 1
        page.keyboard.press("Escape")
        assert current(page, "groups") == "groups-0"


def test_doubtful_labels_are_ranked_and_the_worst_has_the_longest_bar(browser: Any, tmp_path: Path) -> None:
    view = review_view(found=("mislabeled",), each=6)
    view["doubtful"] = view["issues"][10]["rows"]
    view["issues"][10] |= {"rows": view["doubtful"][:2], "n": 2}
    written(tmp_path, view)
    with opened(browser, tmp_path) as page:
        tab(page, "doubtful")
        assert page.locator("#grid .card").count() == 6
        widths = [float(bar.evaluate("bar => bar.getBoundingClientRect().width")) for bar in page.locator("#grid .sure i").all()]
        assert widths == sorted(widths, reverse=True) and widths[0] > widths[-1]
        assert page.get_by_role("button", name="as suggested").count() == 0
        page.keyboard.press("r")
        assert counts(page) == "1 relabeled"


@pytest.mark.parametrize("size", [(1280, 720), (900, 720), (390, 844)])
def test_the_workspace_fits_the_window_and_no_button_is_cut(browser: Any, tmp_path: Path, size: tuple[int, int]) -> None:
    written(tmp_path, review_view(each=9, groups=4))
    with opened(browser, tmp_path, viewport={"width": size[0], "height": size[1]}) as page:
        box = page.locator("#look").bounding_box()
        deck = page.locator("#bar").bounding_box()
        assert box["y"] + box["height"] <= deck["y"] + 1 and page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        tab(page, "mislabeled")
        cut = "buttons => buttons.filter((one) => one.scrollWidth > one.clientWidth + 1).map((one) => one.textContent)"
        assert page.locator("#look > .side button, #look .rail button").evaluate_all(cut) == []


def test_pairs_at_the_boundary_are_the_same_or_not(browser: Any, tmp_path: Path) -> None:
    view = written(tmp_path, review_view(groups=2))
    pairs = [group for group in view["groups"] if group["kind"] == "boundary"]
    with opened(browser, tmp_path) as page:
        tab(page, "boundary")
        page.get_by_role("button", name="Same", exact=True).first.click()
        page.get_by_role("button", name="Different", exact=True).nth(1).click()
        assert counts(page) == "1 excluded, 2 kept"
        assert [one.path for one in saved(page)] == [view["rows"][pairs[0]["rows"][1]]["path"]]


def test_a_whole_finding_at_once_spares_what_is_decided_and_can_be_undone(browser: Any, tmp_path: Path) -> None:
    view = written(tmp_path, review_view(each=9))
    with opened(browser, tmp_path) as page:
        tab(page, "mislabeled")
        page.locator("#grid").focus()
        page.keyboard.press("k")
        page.locator("[data-filter=sure] select").select_option("0.9")
        sure = [row for row in view["issues"][10]["rows"] if view["rows"][row]["probability"] >= 0.9]
        assert page.locator("#grid .card").count() == len(sure) < 9
        page.get_by_role("button", name=f"Relabel {len(sure) - 1} images as suggested").click()
        assert counts(page) == f"{len(sure) - 1} relabeled, 1 kept"
        page.get_by_role("button", name="Undo", exact=True).click()
        assert counts(page) == "1 kept"
        tab(page, "decided")
        assert page.locator("#grid .card").count() == 1


def test_the_filters_show_what_they_say(browser: Any, tmp_path: Path) -> None:
    view = written(tmp_path, review_view(each=12, groups=6))
    with opened(browser, tmp_path) as page:
        tab(page, "outlier")
        page.locator("[data-filter=name] select").select_option("dogs")
        labels = [view["rows"][row]["label"] for row in view["issues"][9]["rows"]]
        assert page.locator("#grid .card").count() == labels.count("dogs") > 0
        page.locator("[data-filter=part] select").select_option("test")
        paths = [view["rows"][row] for row in view["issues"][9]["rows"]]
        assert page.locator("#grid .card").count() == sum(row["label"] == "dogs" and row["part"] == "test" for row in paths)
        page.locator("[data-filter=part] select").select_option("")
        page.locator("[data-filter=name] select").select_option("")
        page.locator("#grid").focus()
        page.keyboard.press("x")
        page.locator("[data-filter=only] select").select_option("open")
        assert page.locator("#grid .card").count() == 11
        tab(page, "near_duplicate")
        page.locator("[data-filter=name] select").select_option("cats")
        groups = [group for group in view["groups"] if group["kind"] == "near"]
        fitting = [group for group in groups if any(view["rows"][row]["label"] == "cats" for row in group["rows"])]
        noun = "group" if len(fitting) == 1 else "groups"
        assert page.locator("[data-look=status]").inner_text().startswith(f"{len(fitting)} {noun}, {sum(len(g['rows']) for g in fitting)} ")


def test_decisions_survive_the_tab_and_a_new_page_takes_over_what_was_not_saved(browser: Any, tmp_path: Path) -> None:
    view = written(tmp_path, review_view())
    context = browser.new_context(accept_downloads=True)
    with opened(browser, tmp_path, context) as page:
        tab(page, "dark")
        page.locator("#grid").focus()
        page.keyboard.press("x")
        page.keyboard.press("k")
        page.close()
    with opened(browser, tmp_path, context) as page:
        while counts(page) != "1 excluded, 1 kept":  # the browser hands on what a page has stored in its own time
            page.reload()
        page.close()
    view["header"] |= {"made": "2026-11-22T10:00:00+00:00", "files": view["header"]["files"] + 1}  # an equal page would be left as it is
    written(tmp_path, view)
    with opened(browser, tmp_path, context) as page:
        assert counts(page) == "1 excluded, 1 kept" and "earlier page" in page.locator("[data-bar=note]").inner_text()
        assert len(saved(page)) == 1
        page.close()
    view["header"] |= {"made": "2026-11-23T10:00:00+00:00", "files": view["header"]["files"] + 1}
    written(tmp_path, view)
    with opened(browser, tmp_path, context) as page:
        assert counts(page) == "Nothing decided yet"
        page.close()
    context.close()


def test_without_storage_the_bar_warns(browser: Any, tmp_path: Path) -> None:
    written(tmp_path, review_view())
    context = browser.new_context()
    context.add_init_script("Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no') } })")
    with opened(browser, tmp_path, context) as page:
        tab(page, "dark")
        page.locator("#grid").focus()
        page.keyboard.press("x")
        assert "save before you close" in page.locator("[data-bar=note]").inner_text()
        assert len(saved(page)) == 1
    context.close()


def test_a_class_that_would_be_emptied_is_said(browser: Any, tmp_path: Path) -> None:
    view = review_view(found=("dark",), each=4, names=("cats", "dogs"))
    view["classes"][0]["images"] = sum(row["label"] == "cats" for row in view["rows"])
    written(tmp_path, view)
    with opened(browser, tmp_path) as page:
        page.get_by_role("button", name="Exclude 4 images").click()
        assert "No image of cats would be left." in page.locator("[data-bar=note]").inner_text()
        page.get_by_role("button", name="Undo", exact=True).click()
        assert "would be left" not in page.locator("[data-bar=note]").inner_text()


def test_the_command_can_be_copied(browser: Any, tmp_path: Path) -> None:
    written(tmp_path, review_view(folder="/photos/it's wild"))
    with opened(browser, tmp_path, permissions=["clipboard-read", "clipboard-write"]) as page:
        page.get_by_role("button", name="Copy command").click()
        page.get_by_role("button", name="Copied").wait_for()
        assert page.evaluate("navigator.clipboard.readText()") == """tellapart decisions 'it'"'"'s wild' --apply decisions.jsonl"""


def test_any_name_can_be_decided_about(browser: Any, tmp_path: Path) -> None:
    view = written(tmp_path, review_view(names=NASTY, files=NASTY_FILES, each=6, found=("dark", "mislabeled")))
    with opened(browser, tmp_path) as page:
        page.get_by_role("button", name="Exclude 6 images").click()
        tab(page, "mislabeled")
        page.get_by_role("button", name="Relabel 6 images as suggested").click()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        found = saved(page)
    assert [(one.path, one.old) for one in found] == [(row["path"], row["label"]) for row in view["rows"]]
    assert [one.new for one in found[6:]] == [row["suggested"] for row in view["rows"][6:]]


def test_the_file_itself_takes_the_place_of_the_thumbnail(browser: Any, tmp_path: Path) -> None:
    view = review_view(found=("dark",), each=2, files=('it\'s #1 100% "é".jpg',), folder=str(tmp_path / "photos"))
    path = tmp_path / "photos" / view["rows"][view["issues"][8]["rows"][0]]["path"]
    path.parent.mkdir(parents=True)
    out = io.BytesIO()
    Image.new("RGB", (900, 500), (200, 30, 30)).save(out, "JPEG")
    path.write_bytes(out.getvalue())
    written(tmp_path, view)
    context = browser.new_context()
    page, asked = context.new_page(), []
    page.on("request", lambda request: asked.append(request.url) if not request.url.startswith("data:") else None)
    page.goto((tmp_path / "review.html").as_uri())
    image = page.locator("[data-look=detail] img.file")
    image.wait_for()
    assert image.evaluate("image => image.naturalWidth") == 900
    assert asked == [(tmp_path / "review.html").as_uri(), asked[1]] and asked[1].startswith((tmp_path / "photos").as_uri())
    page.get_by_text(f"tellapart decisions {tmp_path / 'photos'} --apply decisions.jsonl").wait_for(state="attached")
    context.close()


def test_dark_narrow_and_printed(browser: Any, tmp_path: Path) -> None:
    written(tmp_path, review_view(each=20, groups=6))
    background = "getComputedStyle(document.querySelector('.deck')).backgroundColor"
    with opened(browser, tmp_path, color_scheme="light", viewport={"width": 380, "height": 800}) as page:
        light = page.evaluate(background)
        for key in ("near_duplicate", "mislabeled"):
            tab(page, key)
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.locator("#theme").click()
        assert page.evaluate(background) != light
        page.emulate_media(media="print")
        assert not page.locator(".deck").is_visible()


def test_ten_thousand_rows_open_and_scroll_without_blanks(browser: Any, tmp_path: Path) -> None:
    view = written(tmp_path, review_view(each=1000, groups=350))
    assert len(view["rows"]) > 10_000
    with opened(browser, tmp_path) as page:
        for key, root in (("mislabeled", "grid"), ("near_duplicate", "groups")):
            tab(page, key)
            for share in (0, 0.31, 0.87, 1):
                found = page.evaluate(SCROLLED, [root, share])
                assert found["rows"] >= (2 if root == "groups" else 3) and found["blank"] == 0
                assert 0 < page.evaluate(f"document.querySelectorAll('#{root} *').length") <= 1200
        page.get_by_role("button", name="Exclude all but the best copy of 350 groups").click()
        page.get_by_role("button", name="Undo", exact=True).click()


SCROLLED = """([id, share]) => new Promise((told) => {
  const root = document.getElementById(id);
  root.scrollTop = share * (root.scrollHeight - root.clientHeight);
  requestAnimationFrame(() => requestAnimationFrame(() => {
    const box = root.getBoundingClientRect();
    const seen = [...root.querySelectorAll(".card")].filter((card) => {
      const { top, bottom } = card.getBoundingClientRect();
      return bottom > box.top && top < box.bottom;
    });
    const rows = new Set(seen.map((card) => Math.round(card.getBoundingClientRect().top)));
    const isWhole = (img) => img.complete && img.naturalWidth > 0;
    told({ rows: rows.size, blank: seen.filter((card) => ![...card.querySelectorAll("img")].every(isWhole)).length });
  }));
})"""
