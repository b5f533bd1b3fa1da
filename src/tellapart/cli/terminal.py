"""Writing to a terminal: the one place through which all text gets there.

Names of files, classes and hosts come from strangers. A control character in one could rewrite the screen, fill the
clipboard or reverse the reading order, so every control character that is not ours is written as an escape.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
import unicodedata
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import TextIOWrapper
from types import TracebackType
from typing import Any, TextIO

import click

from tellapart.counts import count
from tellapart.progress import state_of_stage

PLAIN_EVERY_S = 10.0
WORTH_A_LINE_S = 1.0
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Categories of Unicode that are not seen: controls, formatting (bidirectional overrides among it), surrogates, line separators."""
_JOINERS = "\u200c\u200d"
"""Formatting that words and emoji are spelled with."""


@dataclass(frozen=True, slots=True)
class Styled:
    """A line of which one part is bold or colored."""

    text: str
    fg: str | None = None
    bold: bool = False
    before: str = ""
    after: str = ""

    def __str__(self) -> str:
        """The whole line, without style."""
        return self.before + self.text + self.after


Line = str | Styled
"""One line of an answer; a line break within it belongs to somebody's name and is shown as an escape."""
Answer = tuple[Sequence[Line], Any]
"""What a command has to say: the lines for people, and the content for ``--json``, or a function that gives it where it is large."""


def visible(text: str) -> str:
    r"""``text`` as one line in which every character that is not seen is an escape; letters of all scripts stay.

    >>> visible("cat\x1b]52;c;aGk=\x07\n.jpg")
    'cat\\x1b]52;c;aGk=\\x07\\n.jpg'
    """
    return "".join(character if _is_seen(character) else character.encode("unicode_escape").decode("ascii") for character in text)


def _is_seen(character: str) -> bool:
    return character.isprintable() or character in _JOINERS or unicodedata.category(character) not in _HIDDEN


def wants_color() -> bool:
    """Whether to use colors (https://no-color.org)."""
    return not os.environ.get("NO_COLOR")


def write_line(line: Line, *, to_stderr: bool = False) -> None:
    """Write one line, its control characters visible."""
    if isinstance(line, Styled):
        styled = click.style(visible(line.text), fg=line.fg, bold=line.bold or None)
        text = f"{visible(line.before)}{styled}{visible(line.after)}"
    else:
        text = visible(line)
    click.echo(text, err=to_stderr, color=None if wants_color() else False)


def write_answer(lines: Sequence[Line]) -> None:
    """Write the text output of a command."""
    for line in lines:
        write_line(line)


def write_json(content: Any) -> None:
    """Write the JSON output of a command: values exactly as they are, invisible characters as JSON escapes."""
    is_unicode = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    text = json.dumps(content, ensure_ascii=not is_unicode)
    click.echo("".join(character if _is_seen(character) else _json_escape(character) for character in text))


def _json_escape(character: str) -> str:
    units = character.encode("utf-16-be", errors="surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


@contextmanager
def visible_usage_errors() -> Iterator[None]:
    """Within, usage errors of click show invisible characters as escapes."""
    try:
        yield
    except click.UsageError as error:
        message = error.format_message()
        shown = "\n".join(visible(line.expandtabs(2)) for line in message.split("\n"))
        if shown == message:
            raise
        raise click.UsageError(shown, error.ctx) from error


def show_everything_visibly() -> None:
    """From now on warnings and tracebacks go through :func:`visible`, too; characters that the terminal cannot encode become escapes."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    sys.excepthook = _write_traceback
    warnings.showwarning = _write_warning


def _write_traceback(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    for line in "".join(traceback.format_exception(kind, error, trace)).split("\n")[:-1]:
        write_line(line, to_stderr=True)


def _write_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, file: TextIO | None = None, line: str | None = None
) -> None:
    write_line(f"{category.__name__}: {message}", to_stderr=True)


class Terminal:
    """Progress on standard error: a bar on a terminal, now and then a line elsewhere."""

    def __init__(self, *, is_quiet: bool = False) -> None:
        self.is_quiet = is_quiet

    @contextmanager
    def stage(self, title: str, total: int | None = None, unit: str = "images") -> Iterator[Callable[[int], None]]:
        """A stage with a bar; quick ones leave no trace."""
        if self.is_quiet:
            yield lambda count: None
        elif sys.stderr.isatty():
            with self._bar(title, total) as advance:
                yield advance
        else:
            with self._lines(title, total, unit) as advance:
                yield advance

    def note(self, message: str) -> None:
        """One sentence."""
        if not self.is_quiet:
            write_line(Styled(message, fg="yellow"), to_stderr=True)

    @contextmanager
    def _bar(self, title: str, total: int | None) -> Iterator[Callable[[int], None]]:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        counted = [MofNCompleteColumn(), TimeRemainingColumn()] if total else []
        bar = [BarColumn()] if total else []
        console = Console(stderr=True, no_color=not wants_color())
        named = TextColumn("{task.description}", markup=False)
        with Progress(SpinnerColumn(), named, *bar, *counted, TimeElapsedColumn(), console=console, transient=True) as progress:
            task = progress.add_task(visible(title), total=total)
            yield lambda count: progress.advance(task, count)

    @contextmanager
    def _lines(self, title: str, total: int | None, unit: str) -> Iterator[Callable[[int], None]]:
        start = last = time.monotonic()
        done = 0

        def advance(number: int) -> None:
            nonlocal done, last
            done += number
            now = time.monotonic()
            if now - last >= PLAIN_EVERY_S:
                last = now
                write_line(state_of_stage(title, done, total, unit, now - start), to_stderr=True)

        yield advance
        seconds = time.monotonic() - start
        if seconds >= WORTH_A_LINE_S:
            one = unit[:-2] if unit.endswith("sses") else unit.removesuffix("s")
            amount = f"{count(done, one, unit)} in " if done else ""
            write_line(f"{title}: {amount}{seconds:.1f} s", to_stderr=True)
