from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from tellapart import progress
from tellapart.progress import AUTO, SILENT, Lines, NotebookBar, listener, state_of_stage


class Shell:
    """An IPython that remembers what was shown."""

    def __init__(self, kernel: object = object()) -> None:
        self.kernel = kernel
        self.shown: list[dict[str, Any]] = []
        self.display_pub = SimpleNamespace(publish=lambda **what: self.shown.append(what))


def in_ipython(monkeypatch: pytest.MonkeyPatch, kernel: object) -> Shell:
    shell = Shell(kernel)
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))  # type: ignore[arg-type]
    return shell


def test_a_notebook_has_a_bar_that_is_gone_at_the_end(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    shell = in_ipython(monkeypatch, object())
    monkeypatch.setattr(progress, "BAR_EVERY_S", 0.0)
    assert isinstance(listener(), NotebookBar)
    with AUTO.stage("reading <b>", 4) as advance:
        advance(1)
        advance(3)
    AUTO.note("one <i> note")
    contents = [one["data"]["text/html"] for one in shell.shown]
    assert [one.get("update") for one in shell.shown] == [False, True, True, True, None]
    assert len({one["transient"]["display_id"] for one in shell.shown[:4]}) == 1
    assert 'value="1" max="4"' in contents[1] and "4 of 4 images" in contents[2] and contents[3] == ""
    assert "reading &lt;b&gt;" in contents[0] and contents[4] == "<div>one &lt;i&gt; note</div>"
    assert capsys.readouterr() == ("", "")


def test_a_bar_is_gone_after_an_error_too(monkeypatch: pytest.MonkeyPatch) -> None:
    shell = in_ipython(monkeypatch, object())
    with pytest.raises(ZeroDivisionError), AUTO.stage("reading"):
        raise ZeroDivisionError
    assert shell.shown[-1]["data"]["text/html"] == ""


def test_a_person_without_a_notebook_reads_lines(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    in_ipython(monkeypatch, None)
    assert isinstance(listener(), Lines)
    monkeypatch.setattr(progress, "LINE_EVERY_S", 0.0)
    monkeypatch.setattr(progress, "WORTH_A_LINE_S", 0.0)
    with AUTO.stage("reading", 2) as advance:
        advance(1)
    AUTO.note("a name \x1b]52;c;x\x07")
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("reading: 1 of 2 images, ") and "\\x1b]52;c;x\\x07" in err and "\x1b" not in err


def test_a_script_that_nobody_watches_is_silent(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    monkeypatch.delattr(sys, "ps1", raising=False)
    assert listener() is SILENT
    with AUTO.stage("reading", 2) as advance:
        advance(2)
    AUTO.note("nothing")
    assert capsys.readouterr() == ("", "")


def test_a_stage_says_how_long_the_rest_takes() -> None:
    assert state_of_stage("reading", 100, 400, "images", 10) == "reading: 100 of 400 images, 10 a second, 30 s left"
    assert state_of_stage("training", 2, 10, "epochs", 100) == "training: 2 of 10 epochs, 50 s each, 7 min left"
    assert state_of_stage("reading", 30, None, "images", 10) == "reading: 30 images, 3.0 a second"
    assert state_of_stage("reading", 0, 400, "images", 10) == "reading: 0 of 400 images"
    assert state_of_stage("reading", 400, 400, "images", 10) == "reading: 400 of 400 images, 40 a second"
