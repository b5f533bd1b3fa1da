"""The documentation is true: its snippets run, its links lead somewhere, its reference is fresh, and every verb has a guide."""

from __future__ import annotations

import doctest
import importlib
import os
import re
import runpy
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tellapart.cli.app import tellapart
from tellapart.commands import COMMANDS
from tests import folders, sample_images

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
CLASSES = {"cats": "dots", "dogs": "stripes"}


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@dataclass
class Place:
    """A folder with photos in which pages are run once each, README.md first: the others use its runs."""

    folder: Path
    done: set[Path] = field(default_factory=set)

    def run(self, page: Path) -> None:
        if page != README and README not in self.done:
            self.run(README)
        if page not in self.done:
            self.done.add(page)
            names: dict[str, Any] = {}
            for language, code in FENCE.findall(page.read_text(encoding="utf-8")):
                if language == "python":
                    exec(compile(code, named(page), "exec"), names)  # noqa: S102  (our own page)
                if language == "sh":
                    for line in code.splitlines():
                        run_line(line)


def run_line(line: str) -> None:
    words = shlex.split(line, comments=True)
    if not words:
        return
    assert words[0] == "tellapart", f"only lines that begin with tellapart are run, not: {line}"
    expanded = [name for word in words[1:] for name in (sorted(map(str, Path().glob(word))) if "*" in word else [word])]
    result = CliRunner().invoke(tellapart, expanded, catch_exceptions=False)
    assert result.exit_code == 0, f"{line}\nexit code {result.exit_code}\n{result.output}"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("docs")

    def write(name: str, seeds: range, label: str = "{kind}/") -> None:
        files = {
            f"{label.format(kind=kind)}{kind} {s:02}.jpg": folders.class_photo(look, s) for kind, look in CLASSES.items() for s in seeds
        }
        folders.write(folder / name, files)

    write("photos", range(20))
    write("new", range(100, 104), label="")
    folders.write(folder / "new", {"broken.jpg": sample_images.HTML})
    write("newer", range(16, 24))
    numbers = {"cats": range(50), "dogs": range(50, 100)}
    folders.write(
        folder / "album", {f"{kind}/{n}.jpg": folders.class_photo(CLASSES[kind], n, 48) for kind, s in numbers.items() for n in s}
    )
    (folder / "decisions.jsonl").write_text('{"action": "exclude", "path": "cats/20.jpg", "image_id": null, "why": "blurred"}\n')
    numbered = [(look, seed) for seed in range(100, 104) for look in CLASSES.values()]
    folders.write(folder / "test", {f"{i}.jpg": folders.class_photo(look, seed) for i, (look, seed) in enumerate(numbered, start=1)})
    (folder / "sample_submission.csv").write_text("id,label\n" + "".join(f"{i},0.5\n" for i in range(1, len(numbered) + 1)))
    return Place(folder)


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_snippet_runs(page: Path, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place.folder)
    place.run(page)


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_snippet_has_a_known_language(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    languages = [language for language, _ in FENCE.findall(text)]
    assert set(languages) <= {"sh", "python", "text"}
    assert text.count("\n```") == 2 * len(languages), "a fence is not closed"


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CHANGELOG.md"], ids=named)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in LINK.findall(prose(page)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = Path(os.path.normpath(page.parent / path)) if path else page
        assert target.is_file(), f"{link}: there is no file {named(target)}"
        if anchor:
            assert anchor in anchors(target), f"{link}: {named(target)} has no heading for it"


def prose(page: Path) -> str:
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> list[str]:
    """The names of a page's headings as GitHub makes them."""
    return [re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in HEADING.findall(prose(page))]


def test_the_reference_is_fresh() -> None:
    generate = runpy.run_path(str(ROOT / "docs" / "reference" / "generate.py"))
    stale = [named(path) for path, text in generate["pages"]().items() if path.read_text(encoding="utf-8") != text]
    assert not stale, "run: python docs/reference/generate.py"


def test_every_command_has_a_guide() -> None:
    headings = {heading for guide in (ROOT / "docs" / "guides").glob("*.md") for heading in HEADING.findall(prose(guide))}
    missing = [name for name in COMMANDS if not any(f"`tellapart {name}`" in heading for heading in headings)]
    assert not missing


def test_every_page_is_in_the_index() -> None:
    index = ROOT / "docs" / "README.md"
    linked = {Path(os.path.normpath(index.parent / link.partition("#")[0])) for link in LINK.findall(prose(index))}
    assert [named(page) for page in PAGES if page.name != "README.md" and page not in linked] == []


def test_the_examples_in_docstrings_run() -> None:
    modules = [path for path in sorted((ROOT / "src").rglob("*.py")) if ">>>" in path.read_text(encoding="utf-8")]
    names = [".".join(path.relative_to(ROOT / "src").with_suffix("").parts).removesuffix(".__init__") for path in modules]
    assert [name for name in names if doctest.testmod(importlib.import_module(name)).failed] == []
