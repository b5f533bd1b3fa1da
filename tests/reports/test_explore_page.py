from __future__ import annotations

import base64
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tellapart.reports.explore_page import exploration_html, image_order, write_exploration, write_map
from tellapart.reports.sprites import A_SHEET, ACROSS, SIDE, sprites_of

from .synthetic import NASTY
from .synthetic_exploration import exploration_view, thumbnails_of_exploration
from .synthetic_review import NASTY_FILES


def carried(page: str, name: str) -> Any:
    return json.loads(re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', page, re.DOTALL)[1])  # type: ignore[index]


def numbers(text: str, kind: str) -> list[int]:
    return np.frombuffer(base64.b64decode(text), kind).tolist()


def test_the_page_holds_what_the_view_says(tmp_path: Path) -> None:
    view = exploration_view(n=120)
    page = write_exploration(tmp_path, view, thumbnails_of_exploration(view)).read_text(encoding="utf-8")
    held, names = carried(page, "view"), carried(page, "names")
    x, y = np.array(numbers(held["x"], "<u2")), np.array(numbers(held["y"], "<u2"))
    truth = np.array([view["map"]["x"], view["map"]["y"]])
    span = np.ptp(truth, axis=1).max()
    assert np.abs((x - y) / 65535 * span - (truth[0] - truth[0].min() - truth[1] + truth[1].min())).max() < span / 30_000
    assert numbers(held["label"], "<i4") == view["map"]["label"]
    assert numbers(held["cluster"], "<i4") == [-1 if c is None else c for c in view["map"]["cluster"]]
    folders = numbers(names["folder"], "<i4")
    assert [f"{names['folders'][f]}/{file}" for f, file in zip(folders, names["files"], strict=True)] == view["map"]["path"]
    assert names["ids"] == "".join(view["map"]["image_id"]) and names["id_length"] == 64
    near, k = held["neighbors"], held["neighbors"]["k"]
    first = [[other, round(255 * cosine)] for other, cosine in view["neighbors"][0]]
    own = [pair for pair in zip(numbers(near["index"], "<i4")[:k], numbers(near["cosine"], "u1")[:k], strict=True) if pair[0] >= 0]
    assert [list(pair) for pair in own] == first
    assert json.loads((tmp_path / "explore.json").read_text())["map"]["path"] == view["map"]["path"]
    for words in ("What they encode", "KMeans put the images into 4 clusters", "4 clusters: clearest", "93.0", "of the 10", "cheetah"):
        assert words.casefold() in page.casefold()


def test_the_strangest_have_the_highest_place(tmp_path: Path) -> None:
    view = exploration_view(n=50)
    ranks = numbers(carried(exploration_html(view, lambda ids: {}), "view")["score"], "u1")
    assert ranks[int(np.argmax(view["map"]["score"]))] == 255 and ranks[int(np.argmin(view["map"]["score"]))] == 0


def test_a_map_alone_has_no_other_sections(tmp_path: Path) -> None:
    view = exploration_view(n=40)
    alone = {key: view[key] for key in ("header", "map", "notes")}
    alone["map"] = {key: value for key, value in alone["map"].items() if key != "score"}
    write_map(tmp_path / "map.html", alone, lambda ids: {})
    page = (tmp_path / "map.html").read_text(encoding="utf-8")
    assert not re.search(r'<section id="(clusters|choice|alike|outliers)"', page)
    assert carried(page, "view")["cluster"] is None and carried(page, "view")["score"] is None
    assert not (tmp_path / "explore.json").exists()


def test_without_labels_and_with_one_image() -> None:
    view = exploration_view(n=30, is_labeled=False)
    assert "no labels" in exploration_html(view, lambda ids: {})
    one = exploration_view(n=1, k=1)
    assert carried(exploration_html(one, thumbnails_of_exploration(one)), "view")["n"] == 1


@pytest.mark.parametrize("page_bytes", [1_200_000, 2_000_000])
def test_a_page_keeps_its_weight_and_shows_what_is_told_first(page_bytes: int) -> None:
    view = exploration_view(n=3000)
    page = exploration_html(view, thumbnails_of_exploration(view), page_bytes=page_bytes)
    assert page_bytes * 0.7 < len(page.encode()) < page_bytes
    shown, held = carried(page, "thumbnails"), carried(page, "view")
    assert str(view["clusters"]["clusters"][0]["medoid"]) in shown
    sprites = [point for point in numbers(held["sprites"]["shown"], "<i4") if point >= 0]
    assert sprites and not set(map(str, sprites)) & set(shown)
    told = re.search(r"keep this page small, ([\d,]+) of 3,000", page)
    blank = int(told[1].replace(",", "")) if told else 0
    assert (blank == 0) == (page_bytes == 2_000_000)
    missing = sum(int(one[6:12], 16) % 40 == 0 for one in view["map"]["image_id"])
    assert 3000 - missing <= blank + len(shown) + len(sprites) <= 3000


def test_every_image_is_once_in_the_order() -> None:
    view = exploration_view(n=200)
    order = image_order(view)
    assert sorted(order) == list(range(200)) and order[0] == view["clusters"]["clusters"][0]["medoid"]


def test_names_cannot_break_out_of_the_page(tmp_path: Path) -> None:
    view = exploration_view(n=60, names=NASTY, files=NASTY_FILES, folder="/photos/</script><b>", k=3)
    view["clusters"]["clusters"][0]["name"] = "</script><script>alert(1)</script>"
    view["notes"] = ["<img src=x onerror=alert(1)>"]
    page = write_exploration(tmp_path, view, lambda ids: {}).read_text(encoding="utf-8")
    assert "<script>alert" not in page and "<img src=x" not in page
    assert carried(page, "names")["files"][: len(NASTY_FILES)] == [
        path.rpartition("/")[2] for path in view["map"]["path"][: len(NASTY_FILES)]
    ]


def test_sprites_lie_in_their_places_and_damaged_images_take_none() -> None:
    colors = [(40 * k % 256, 90, 255 - 40 * k % 256) for k in range(300)]

    def thumbnails(ids: Any) -> dict[str, bytes]:
        made = {}
        for one in ids:
            out = io.BytesIO()
            Image.new("RGB", (128, 96), colors[int(one)]).save(out, "JPEG")
            made[one] = b"broken" if one == "3" else out.getvalue()
        made.pop("5", None)
        return made

    found = sprites_of([(1000 + k, str(k)) for k in range(300)], thumbnails, 10**7)
    assert len(found.sheets) == 2 and found.dealt == 300
    assert found.shown[:5] == [1000, 1001, 1002, 1004, 1006] and found.shown[A_SHEET - 2 : A_SHEET] == [-1, -1]
    for place in (0, 3, 100, A_SHEET):
        sheet = Image.open(io.BytesIO(found.sheets[place // A_SHEET]))
        column, row = place % A_SHEET % ACROSS, place % A_SHEET // ACROSS
        seen = sheet.getpixel((column * SIDE + SIDE // 2, row * SIDE + SIDE // 2))
        assert np.abs(np.array(seen) - colors[found.shown[place] - 1000]).max() < 14
    assert sprites_of([(0, "0")], thumbnails, 10).sheets == []
