from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from tellapart.errors import StorageError
from tellapart.reports.html_shell import module_urls, static_text
from tellapart.reports.review_page import MODULES, review_order, write_review

from .synthetic import NASTY
from .synthetic_review import NASTY_FILES, review_view, thumbnails_of_view
from .test_run_page import Page


def written(folder: Path, view: dict, budget: int | None = None) -> Page:
    path = write_review(folder, view, thumbnails_of_view(view), budget)
    assert path == folder / "review.html" and not list(folder.glob(".*"))
    return Page(path.read_text(encoding="utf-8"))


def test_the_page_holds_everything_and_refers_to_nothing_outside(tmp_path: Path) -> None:
    view = review_view()
    page = written(tmp_path, view)
    for tag, attributes in page.tags:
        for name in ("src", "href", "action", "srcset", "poster"):
            assert (attributes.get(name) or "#").startswith("#"), (tag, name)
        assert tag not in ("link", "iframe", "object", "base")
    (policy,) = [a["content"] for tag, a in page.tags if tag == "meta" and a.get("http-equiv")]
    assert policy is not None and policy.startswith("default-src 'none'; img-src data: file:;") and "http" not in policy
    carried = json.loads(page.scripts["view"])
    assert carried["rows"] == view["rows"] and carried["is_cut"] is False
    assert set(json.loads(page.scripts["thumbnails"])) == {row["image_id"] for row in view["rows"]} - {None}


def test_the_modules_are_complete() -> None:
    urls = module_urls(MODULES)
    for name in MODULES:
        assert set(re.findall(r'from "([^"]+)"', static_text(name))) <= set(urls), name
        assert "http" not in static_text(name) and "fetch(" not in static_text(name)


def test_the_json_twin_is_the_view(tmp_path: Path) -> None:
    view = review_view(names=NASTY, files=NASTY_FILES[:4])
    written(tmp_path, view)
    twin = json.loads((tmp_path / "review.json").read_text(encoding="utf-8"))
    header = twin.pop("header")
    assert twin == {key: value for key, value in view.items() if key != "header"}
    assert header == view["header"] | {key: header[key] for key in ("folder", "ways", "place")} and header["folder"] == "wild ones"


def test_names_cannot_break_out_of_the_page(tmp_path: Path) -> None:
    view = review_view(names=NASTY, files=NASTY_FILES, folder="/photos/<script>alert(2)'")
    page = written(tmp_path, view)
    assert "<script>alert" not in (tmp_path / "review.html").read_text(encoding="utf-8")
    assert set(page.scripts) == {"plain", "view", "thumbnails", "importmap", "module"}
    carried = json.loads(page.scripts["view"])
    assert [row["path"] for row in carried["rows"]] == [row["path"] for row in view["rows"]]
    assert carried["command"] == """tellapart decisions '<script>alert(2)'"'"'' --apply decisions.jsonl"""


def test_the_command_names_the_state_folder(tmp_path: Path) -> None:
    view = review_view()
    view["header"]["state"] = "/else where"
    assert json.loads(written(tmp_path, view).scripts["view"])["command"].endswith(" --apply decisions.jsonl --state 'else where'")


def test_the_page_and_its_twin_name_the_folder_and_not_where_it_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photos, state = tmp_path / "own" / "wild ones é", tmp_path / "own" / "state"
    for folder in (photos, state):
        folder.mkdir(parents=True)
    monkeypatch.chdir(photos.parent)
    for number, folder in enumerate(("wild ones é", "./wild ones é/", str(photos), f"{photos}/../wild ones é")):
        view = review_view(folder=folder)
        view["header"] |= {"root": str(photos), "state": str(state)}
        view["notes"] = [f"{photos} cannot be written", f"its catalog lies in {state}/catalog.sqlite", f"{photos}ter is another"]
        view["rows"][0]["path"] = str(photos / "cats" / "1.jpg")
        out = tmp_path / "own" / f"out-{number}"
        carried = json.loads(written(out, view).scripts["view"])
        twin = json.loads((out / "review.json").read_text(encoding="utf-8"))
        for text in (page_text(out), (out / "review.json").read_text(encoding="utf-8")):
            assert str(photos.parent) not in text.replace(f"{photos}ter", "")
        assert carried["command"] == "tellapart decisions 'wild ones é' --apply decisions.jsonl --state state"
        assert carried["ways"] == {"folder": "../wild%20ones%20%C3%A9", "root": "../wild%20ones%20%C3%A9", "state": "../state"}
        assert twin["header"]["folder"] == "wild ones é" and "root" not in twin["header"]
        assert twin["notes"] == ["wild ones é cannot be written", "its catalog lies in state/catalog.sqlite", f"{photos}ter is another"]
        assert twin["rows"][0]["path"] == "wild ones é/cats/1.jpg"
        assert f"<h1>Review of {photos.name}</h1>" in page_text(out)


def test_pages_of_two_folders_of_one_name_are_told_apart(tmp_path: Path) -> None:
    places = [json.loads(written(tmp_path / one, review_view(folder=f"/{one}/wild")).scripts["view"])["place"] for one in "ab"]
    assert len(set(places)) == 2 and not any("wild" in place for place in places)


def test_files_are_shown_only_from_a_folder_of_this_machine(tmp_path: Path) -> None:
    photos = tmp_path / "wild ones é"
    photos.mkdir()
    here = written(tmp_path / "a", review_view(folder=str(photos)))
    there = written(tmp_path / "b", review_view(folder="s3://bucket/photos"))
    assert json.loads(here.scripts["view"])["ways"]["root"] == "../wild%20ones%20%C3%A9"
    assert json.loads(there.scripts["view"])["ways"] == {"folder": None, "root": None, "state": None}
    assert json.loads(there.scripts["view"])["command"] == "tellapart decisions s3://bucket/photos --apply decisions.jsonl"


def test_the_worst_of_every_finding_come_first_and_groups_stay_whole() -> None:
    view = review_view(each=4, groups=2)
    order = review_order(view)
    assert sorted(order) == list(range(len(view["rows"])))
    first = set(order[:30])
    for issue in view["issues"]:
        assert issue["rows"][0] in first
    place = {row: number for number, row in enumerate(order)}
    for group in view["groups"]:
        places = [place[row] for row in group["rows"]]
        assert max(places) - min(places) == len(places) - 1


def test_a_budget_cuts_the_images_of_the_least_bad_and_says_so(tmp_path: Path) -> None:
    view = review_view(each=40, found=("blurred", "dark"))
    page = written(tmp_path, view, budget=100_000)
    thumbnails = json.loads(page.scripts["thumbnails"])
    shown = [row for row in view["rows"] if row["image_id"] in thumbnails]
    assert 10 < len(shown) < 60 and json.loads(page.scripts["view"])["is_cut"] is True
    by_issue = {issue["name"]: issue["rows"] for issue in view["issues"]}
    for name in ("blurred", "dark"):
        has = [view["rows"][row]["image_id"] in thumbnails for row in by_issue[name]]
        assert has == sorted(has, reverse=True) and abs(sum(has) - len(shown) / 2) <= 1
    assert f"the {len(shown)} worst are shown and the others named" in (tmp_path / "review.html").read_text(encoding="utf-8")


def test_more_rows_than_a_page_carries_stand_in_the_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tellapart.reports.review_page.MOST_ROWS", 50)
    view = review_view(each=30, groups=5)
    page = written(tmp_path, view)
    carried = json.loads(page.scripts["view"])
    assert len(carried["rows"]) == 50 and f"The 50 of {len(view['rows'])} most worth a look are listed" in page_text(tmp_path)
    for before, after in zip(view["issues"], carried["issues"], strict=True):
        paths = [view["rows"][row]["path"] for row in before["rows"]]
        kept = [carried["rows"][row]["path"] for row in after["rows"]]
        assert kept == [path for path in paths if path in set(kept)] and kept
        assert after["n"] == before["n"]
    for group in carried["groups"]:
        assert len({carried["rows"][row]["image_id"] for row in group["rows"]}) >= 1 and max(group["rows"]) < 50
        assert group["best"] is None or group["best"] in group["rows"]
    assert len(json.loads((tmp_path / "review.json").read_text(encoding="utf-8"))["rows"]) == len(view["rows"])


def page_text(folder: Path) -> str:
    return (folder / "review.html").read_text(encoding="utf-8")


def test_what_was_counted_stands_in_the_overview(tmp_path: Path) -> None:
    written(tmp_path, review_view(each=6, groups=3, found=("blurred", "near_duplicate", "mislabeled")))
    text = page_text(tmp_path)
    assert "Nothing found: unreadable, exact duplicates," in text
    assert re.search(r"Near-duplicates<small>.*?</small></th><td class=\"number\">6</td>", text)
    assert "Two sources give one class only" in text


def test_what_most_images_have_is_a_trait_and_not_proposed_to_leave_out(tmp_path: Path) -> None:
    view = review_view(each=40, found=("dark", "blurred"))
    next(issue for issue in view["issues"] if issue["name"] == "blurred")["proposal"] = "exclude"
    view["header"]["images"] = 121
    carried = json.loads(written(tmp_path, view).scripts["view"])
    assert not any(issue["is_trait"] for issue in carried["issues"])
    assert "<b>40</b> proposed to leave out" in page_text(tmp_path) and "<b>80</b> worth a look" in page_text(tmp_path)
    view["header"]["images"] = 119
    carried = json.loads(written(tmp_path, view).scripts["view"])
    assert [issue["is_trait"] for issue in carried["issues"] if issue["n"]] == [True, True]
    assert "proposed to leave out" not in page_text(tmp_path) and "<b>0</b> worth a look" in page_text(tmp_path)


def test_a_clean_folder_and_a_view_without_the_rest_make_a_page(tmp_path: Path) -> None:
    view = review_view(found=())
    for key in ("balance", "sources", "sources_sentence"):
        del view[key]
    view["classes"] = []
    page = written(tmp_path, view)
    assert "Nothing was found." in page_text(tmp_path)
    assert json.loads(page.scripts["view"])["rows"] == [] and 'id="look"' not in page_text(tmp_path)


def test_images_that_are_gone_are_left_out(tmp_path: Path) -> None:
    def none(image_ids: Sequence[str]) -> dict[str, bytes]:
        return {}

    write_review(tmp_path, review_view(), none)
    carried = Page(page_text(tmp_path)).scripts
    assert json.loads(carried["thumbnails"]) == {} and json.loads(carried["view"])["is_cut"] is False


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StorageError):
        write_review(tmp_path / "new", review_view(), lambda ids: {})
