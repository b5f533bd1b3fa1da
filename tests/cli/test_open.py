from __future__ import annotations

import webbrowser

import pytest
from click.testing import CliRunner

from tellapart.cli.app import tellapart as door
from tellapart.commands import ROWS
from tellapart.run_folder import Run


def test_open_shows_the_page_in_the_browser(trained: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda address: opened.append(address) or True)
    result = CliRunner().invoke(door, ["report", str(trained.folder), "-q", "--open"])
    assert result.exit_code == 0 and opened == [(trained.folder / "report.html").as_uri()]


def test_without_a_browser_it_says_so(trained: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webbrowser, "open", lambda address: False)
    result = CliRunner().invoke(door, ["report", str(trained.folder), "-q", "--open"])
    assert result.exit_code == 1 and "open the file yourself" in result.stderr


def test_every_command_that_writes_a_page_can_open_it_and_no_other() -> None:
    with_page = {row.name for row in ROWS if row.page}
    assert {"check", "train", "ladder", "report", "explore", "autoencode"} <= with_page
    for name in ("report", "decisions"):
        said = CliRunner().invoke(door, [name, "--help"]).output
        assert ("--open" in said) == (name in with_page)
