"""The page that classifies photos: its resize is tellapart's, its answers are those of the function it is given."""

from __future__ import annotations

import base64
import csv
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tellapart.csv_writer import guard_cell
from tellapart.images import resize
from tellapart.reports.classify_page import PARTS, UNFAMILIAR, classify_page
from tests import folders
from tests.test_csv_writer import FORMULAS, HARMLESS

pytestmark = pytest.mark.browser
NASTY = "=dogs & <b onclick=alert(1)>"
METADATA = {
    "class_names": ["cats", NASTY, "birds"],
    "run": "photos-1",
    "inputs": {"pixels": {"size": 48, "resize": "crop"}},
    "run_reports": {"part": "test", "n": 120, "accuracy": {"value": 0.9, "low": 0.85, "high": 0.94}},
    "versions": {"tellapart": "0.1.0"},
}
ENTRY = """
import { mountClassify } from "tellapart/classify.js";
import { mountTheme } from "tellapart/theme.js";
import { square } from "tellapart/square.js";
import { table } from "tellapart/answer_list.js";

mountTheme(document.getElementById("theme"));
window.square = square;
window.table = table;
const view = JSON.parse(document.getElementById("view").textContent);
const answer = async ({ data }) => ({ probabilities: data[0] > 127 ? [0.7, 0.2, 0.1] : [0.1, 0.86, 0.04], ...view.extra });
mountClassify({ view: { ...view, none: view.extra?.none ?? view.none }, answer });
"""
ARGUMENTS = {"viewport": {"width": 1280, "height": 900}, "reduced_motion": "reduce", "permissions": ["camera"]}


@contextmanager
def opened(browser: Any, file: Path, **options: Any) -> Iterator[Any]:
    """The page; nothing may be asked of another machine, and nothing may go wrong."""
    context = browser.new_context(**{**ARGUMENTS, **options})
    page = context.new_page()
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
    page.on("request", lambda request: troubles.append(request.url) if not request.url.startswith(("file:", "data:", "blob:")) else None)
    try:
        page.goto(file.as_uri())
        yield page
        assert troubles == []
    finally:
        context.close()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("classify") / "index.html"
    text = classify_page(METADATA, modules=("entry.js", *PARTS, "square.js"), place="device", vendored={"entry.js": ENTRY})
    file.write_text(text, encoding="utf-8")
    return file


def photo_files(count: int) -> list[dict[str, Any]]:
    kinds = list(folders.KINDS)
    return [{"name": f"{n}.jpg", "mimeType": "image/jpeg", "buffer": folders.class_photo(kinds[n % len(kinds)], n)} for n in range(count)]


@pytest.mark.parametrize("policy", ["crop", "pad", "squash"])
def test_every_square_is_tellaparts_byte_for_byte(browser: Any, made: Path, policy: str) -> None:
    rng = np.random.default_rng(0)
    with opened(browser, made) as page:
        for height, width in ((75, 100), (100, 75), (48, 48), (20, 31), (5, 300), (301, 7), (1, 1)):
            pixels = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
            given = [base64.b64encode(pixels.tobytes()).decode(), width, height, policy]
            found = page.evaluate(
                """([text, width, height, resize]) => {
                  const data = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
                  return Array.from(window.square({ data, width, height }, { size: 48, resize }).data);
                }""",
                given,
            )
            assert found == resize(pixels, 48, policy).ravel().tolist(), (height, width)  # type: ignore[arg-type]


def test_many_files_are_answered_and_saved_as_a_table(browser: Any, made: Path) -> None:
    with opened(browser, made, accept_downloads=True) as page:
        page.set_input_files("#choose", [*photo_files(4), {"name": "bad.jpg", "mimeType": "image/jpeg", "buffer": b"no image"}])
        page.wait_for_selector(".answers > li:nth-child(5)")
        assert "5 photos" in page.inner_text(".summary") and "1 not readable" in page.inner_text(".summary")
        assert "this browser cannot read it" in page.inner_text(".answers")
        assert page.query_selector(".answers b") is None, "names are text"
        with page.expect_download() as download:
            page.click("text=Save as CSV")
        text = Path(download.value.path()).read_text(encoding="utf-8")
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
        assert list(rows[0]) == ["path", "label", "predicted", "probability", "p(cats)", f"p({NASTY})", "p(birds)", "status", "reason"]
        assert [row["path"] for row in rows] == ["0.jpg", "1.jpg", "2.jpg", "3.jpg", "bad.jpg"]
        assert {row["predicted"] for row in rows} <= {"cats", f"'{NASTY}", ""}, "no spreadsheet executes a class"
        page.click("text=Clear")
        assert page.query_selector_all(".answers > li") == []


def test_the_table_of_answers_is_guarded_as_every_other_table(browser: Any, made: Path) -> None:
    """By the rule of ``guard_cell``: the name of a file stays one, a number stays a number."""
    cells = [*FORMULAS, *HARMLESS]
    answers = [{"name": cell, "found": {"name": cell, "share": 0.5}, "probabilities": [0.5, 1e-05]} for cell in cells]
    with opened(browser, made) as page:
        text = page.evaluate("(answers) => window.table(answers, ['=a', 'b'])", answers)
    head, *rows = csv.reader(io.StringIO(text, newline=""))
    assert head[4:6] == ["p(=a)", "p(b)"]
    assert [row[0] for row in rows] == [guard_cell(cell, is_path=True) for cell in cells]
    assert [row[2] for row in rows] == [guard_cell(cell) for cell in cells]
    assert rows[0][3:6] == ["0.5", "0.5", "0.00001"]


def test_a_dropped_file_is_answered(browser: Any, made: Path) -> None:
    with opened(browser, made) as page:
        data = base64.b64encode(photo_files(1)[0]["buffer"]).decode()
        page.evaluate(
            """(text) => {
              const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
              const dataTransfer = new DataTransfer();
              dataTransfer.items.add(new File([bytes], "dropped.jpg", { type: "image/jpeg" }));
              document.getElementById("drop").dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
            }""",
            data,
        )
        page.wait_for_selector(".answers > li")
        assert "dropped.jpg" in page.inner_text(".answers")


def test_the_exported_page_knows_none_of_these_where_the_model_does() -> None:
    for known, none in (({}, None), ({"familiarity_groups": 120.0}, UNFAMILIAR)):
        page = classify_page({**METADATA, **known}, modules=PARTS, place="device")
        assert json.dumps({"none": none})[1:-1].replace(" ", "") in page.replace(" ", "")


@pytest.mark.parametrize(("familiarity", "said"), [(0.005, "none of these"), (0.5, "birds"), (None, "birds")])
def test_an_unfamiliar_answer_is_none_of_these_and_else_the_label_that_was_decided(
    browser: Any, tmp_path: Path, familiarity: float | None, said: str
) -> None:
    extra = {"familiarity": familiarity, "predicted": "birds", "none": UNFAMILIAR}
    entry = ENTRY.replace("view.extra", json.dumps(extra)).replace("}?.none", "}.none")
    text = classify_page(METADATA, modules=("entry.js", *PARTS, "square.js"), place="device", vendored={"entry.js": entry})
    (tmp_path / "page.html").write_text(text, encoding="utf-8")
    with opened(browser, tmp_path / "page.html") as page:
        page.set_input_files("#choose", photo_files(1))
        page.wait_for_selector(".answers > li")
        assert page.inner_text(".answers strong") == said


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_overflows(browser: Any, made: Path, width: int, scheme: str) -> None:
    with opened(browser, made, viewport={"width": width, "height": 844}, color_scheme=scheme) as page:
        page.set_input_files("#choose", photo_files(6))
        page.wait_for_selector(".answers > li:nth-child(6)")
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_policy_allows_wasm_only_on_this_page(made: Path) -> None:
    text = made.read_text(encoding="utf-8")
    assert "'wasm-unsafe-eval'" in text and "connect-src" not in text
    assert json.loads(text.partition('id="view">')[2].partition("</script>")[0])["none"] is None
