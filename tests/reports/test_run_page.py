from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

from tellapart.reports import write_report
from tellapart.reports.html_shell import module_urls, script_json, static_text
from tellapart.reports.run_page import MODULES

from .synthetic import thumbnails_of, write_run

OUTSIDE = re.compile(r"""(?:src|href|action|poster|data)\s*=\s*["']?\s*(?!data:|#)[\w./]|url\(|@import|\bimport\s*\(""", re.IGNORECASE)


class Page(HTMLParser):
    """Tags with their attributes, and the text of each script by id or type."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: dict[str, str] = {}
        self._script: str | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "script":
            self._script = dict(attrs).get("id") or dict(attrs).get("type") or "plain"

    def handle_endtag(self, tag: str) -> None:
        self._script = None if tag == "script" else self._script

    def handle_data(self, data: str) -> None:
        if self._script:
            self.scripts[self._script] = self.scripts.get(self._script, "") + data


def read(folder: Path) -> str:
    return (folder / "report.html").read_text(encoding="utf-8")


def test_nothing_outside_the_file_is_referred_to(two: Path) -> None:
    page = Page(read(two))
    for tag, attributes in page.tags:
        for name in ("src", "href", "action", "srcset", "poster"):
            value = attributes.get(name)
            assert value is None or value.startswith(("#", "data:image/jpeg;base64,")), (tag, name, value)
        assert tag not in ("link", "iframe", "object", "base")
    styles = re.findall(r"<style>(.*?)</style>", read(two), re.DOTALL)
    assert styles and not any("url(" in style or "@import" in style or "http" in style for style in styles)
    for name in MODULES:
        assert "http" not in static_text(name) and "fetch(" not in static_text(name)


def test_the_modules_are_embedded_unchanged_and_complete() -> None:
    urls = module_urls(MODULES)
    for name in MODULES:
        imports = set(re.findall(r'from "([^"]+)"', static_text(name)))
        assert imports <= set(urls), name


def test_the_json_twin_is_the_view_without_images(two: Path) -> None:
    twin = json.loads((two / "report.json").read_text(encoding="utf-8"))
    assert twin["header"]["run"] == "two" and "images" not in twin
    assert "base64" not in (two / "report.json").read_text(encoding="utf-8")


def test_names_cannot_break_out_of_the_page(nasty: Path) -> None:
    text = read(nasty)
    assert "<script>alert" not in text
    page = Page(text)
    assert set(page.scripts) == {"plain", "view", "thumbnails", "importmap", "module"}
    assert json.loads(page.scripts["view"])["class_names"][1] == "<script>alert(1)</script>"


def test_script_json_cannot_end_its_script_or_its_line() -> None:
    content = {"</script>": "<!-- & \u2028 \u2029 ü"}
    text = script_json(content)
    assert not set(text) & set("<>&\u2028\u2029")
    assert json.loads(text) == content


def test_sections_for_null_parts_say_why(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "none", n_test=0, n_train=40)
    metrics = json.loads((folder / "metrics.json").read_text())
    metrics |= {
        "split_sensitivity": None,
        "split_sensitivity_reason": "too few images",
        "learning_curve": None,
        "leak": None,
        "selection": None,
    }
    (folder / "metrics.json").write_text(json.dumps(metrics))
    (folder / "options.json").unlink()
    text = write_report(folder, lambda ids: {}).read_text(encoding="utf-8")
    assert "too few images" in text and "says nothing about how good it is" in text


def test_the_page_stays_under_25_mb(large: Path, sixty: Path) -> None:
    for folder in (large, sixty):
        assert (folder / "report.html").stat().st_size <= 25_000_000
    assert "of 10,000 images most worth a look" in read(large)


def test_nothing_half_written_stays_behind(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "quick")
    write_report(folder, thumbnails_of(folder))
    assert not list(folder.rglob("*.partial"))
