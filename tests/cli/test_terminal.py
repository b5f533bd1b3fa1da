from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from click.testing import CliRunner

from tellapart.cli import terminal
from tellapart.cli.app import tellapart
from tellapart.cli.terminal import Styled, Terminal, visible, visible_usage_errors, write_answer, write_json, write_line
from tests import folders

CLIPBOARD = "\x1b]52;c;cm0gLXJmIC8=\x07"
HOSTILE = (
    CLIPBOARD,
    "\x1b[2J\x1b[31mred",
    "\x9b31m",
    "\x9d52;c;eA==\x9c",
    "\u202egpj.exe",
    "\u2066a\u2069",
    "line\nbreak\rback",
    "\ud800",
    os.fsdecode(b"\xff\x1b[8m"),
    "\u2028\u2029\x85",
    "zero\u200bwidth\ufeff\u00ad",
    "\x7f\x00\x08\b",
    "\U000e0041tag",
)
ALLOWED = {"\n"}


def is_harmless(text: str) -> bool:
    return not any(terminal.visible(character) != character for character in text if character not in ALLOWED)


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_not_seen_is_an_escape(name: str) -> None:
    shown = visible(f"cats/{name}.jpg")
    assert shown.isprintable()
    assert shown.startswith("cats/") and shown.endswith(".jpg") and "\\" in shown
    shown.encode()


@pytest.mark.parametrize("name", ["Straße", "猫　ねこ", "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "👩\u200d🔬", "a\\b", "\xa0"])
def test_letters_of_all_scripts_stay(name: str) -> None:
    assert visible(name) == name


@pytest.mark.parametrize("name", HOSTILE)
def test_every_line_is_one_line_and_harmless(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    write_answer([f"  {name}", Styled(name, fg="red", bold=True, before=name, after=name)])
    Terminal().note(f"left out: {name}")
    out, err = capsys.readouterr()
    assert len(out.split("\n")) == 3 and len(err.split("\n")) == 2
    assert is_harmless(out) and is_harmless(err)


def test_our_own_colors_stay_and_foreign_ones_do_not() -> None:
    runner = CliRunner()
    with runner.isolation(color=True) as (out, _, _):
        write_line(Styled("a\x1b[31mb", bold=True, before="c\x1b[32m "))
        text = out.getvalue().decode()
    assert text == "c\\x1b[32m \x1b[1ma\\x1b[31mb\x1b[0m\n"


@pytest.mark.parametrize("name", HOSTILE)
def test_json_is_exact_and_harmless(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    write_json({name: [name, "ü"]})
    text = capsys.readouterr().out
    assert json.loads(text) == {name: [name, "ü"]}
    assert is_harmless(text) and "ü" in text


def test_json_fits_a_stream_that_is_not_unicode(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    write_json(["ü", "🐈"])
    stream.flush()
    assert json.loads(stream.buffer.getvalue()) == ["ü", "🐈"]  # type: ignore[attr-defined]


def test_errors_and_hints_are_visible(tmp_path: Path) -> None:
    for words in (
        ["decisions", str(tmp_path / CLIPBOARD)],
        [f"tra{CLIPBOARD}"],
        ["train", f"--{CLIPBOARD}"],
        [f"--{CLIPBOARD}"],
        ["train", "x", "--device", CLIPBOARD],
    ):
        result = CliRunner().invoke(tellapart, words)
        assert result.exit_code in (1, 2), words
        assert "\\x1b]52" in result.stderr and is_harmless(result.stderr), words


def test_usage_errors_without_anything_hidden_stay_as_they_are() -> None:
    result = CliRunner().invoke(tellapart, [])
    assert "Train:" in result.output


def test_progress_is_visible_without_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal, "PLAIN_EVERY_S", -1.0)
    with Terminal().stage(f"reading {CLIPBOARD}", total=2) as advance:
        advance(1)
    assert "reading \\x1b]52;c;cm0gLXJmIC8=\\x07: 1 of 2 images" in capsys.readouterr().err


def test_progress_bars_show_names_as_they_are() -> None:
    """On a terminal of its own: a bar with a hostile name, with markup and with our own control sequences."""
    code = (
        "from tellapart.cli.terminal import Terminal\n"
        f"with Terminal().stage({('[bold]' + CLIPBOARD)!r}, total=2) as advance:\n"
        "    advance(1)\n"
    )
    parent, child = pty.openpty()
    process = subprocess.Popen([sys.executable, "-c", code], stderr=child, env={**os.environ, "COLUMNS": "200", "TERM": "xterm"})
    os.close(child)
    said = b""
    while True:
        try:
            chunk = os.read(parent, 65536)
        except OSError:
            break
        if not chunk:
            break
        said += chunk
    os.close(parent)
    assert process.wait() == 0
    assert b"\x1b]" not in said and b"\x07" not in said
    assert b"[bold]\\x1b]52;c;" in said


def test_warnings_and_tracebacks_are_visible(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for owner, name in ((sys, "excepthook"), (warnings, "showwarning")):
        monkeypatch.setattr(owner, name, getattr(owner, name))
    terminal.show_everything_visibly()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning(UserWarning(CLIPBOARD), UserWarning, "x.py", 1)
    try:
        raise RuntimeError(CLIPBOARD)
    except RuntimeError as error:
        sys.excepthook(type(error), error, error.__traceback__)
    said = capsys.readouterr().err
    assert said.count("\\x1b]52") >= 2 and is_harmless(said)
    assert said.startswith("UserWarning: ") and "Traceback (most recent call last):\n" in said


def test_a_whole_command_shows_a_hostile_name(tmp_path: Path) -> None:
    bad = tmp_path / "photos" / f"cats{CLIPBOARD}\n\u202e"
    bad.mkdir(parents=True)
    folders.write(tmp_path / "photos", {"dogs/a.jpg": folders.class_photo("dots", 1, 64)})
    (bad / "x\x9b2J.jpg").write_bytes(b"no image")
    result = CliRunner().invoke(tellapart, ["export-dataset", str(tmp_path / "photos"), str(tmp_path / "out"), "--quiet"])
    assert result.exit_code == 0
    assert "x\\x9b2J.jpg  (" in result.output and is_harmless(result.output)


def test_a_usage_error_keeps_its_kind() -> None:
    import click

    with pytest.raises(click.UsageError, match="x"), visible_usage_errors():
        raise click.UsageError("x\x1b")
