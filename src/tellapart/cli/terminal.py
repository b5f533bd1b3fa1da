"""Talking on a terminal: progress bars, plain lines where there is no terminal, colours unless NO_COLOR."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

PLAIN_EVERY_S = 10.0
WORTH_A_LINE_S = 1.0


def wants_color() -> bool:
    """Whether colours are welcome (https://no-color.org)."""
    return not os.environ.get("NO_COLOR")


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
            click.secho(message, fg="yellow", err=True, color=None if wants_color() else False)

    @contextmanager
    def _bar(self, title: str, total: int | None) -> Iterator[Callable[[int], None]]:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        counted = [MofNCompleteColumn(), TimeRemainingColumn()] if total else []
        bar = [BarColumn()] if total else []
        console = Console(stderr=True, no_color=not wants_color())
        with Progress(
            SpinnerColumn(), TextColumn("{task.description}"), *bar, *counted, TimeElapsedColumn(), console=console, transient=True
        ) as progress:
            task = progress.add_task(title, total=total)
            yield lambda count: progress.advance(task, count)

    @contextmanager
    def _lines(self, title: str, total: int | None, unit: str) -> Iterator[Callable[[int], None]]:
        start = last = time.monotonic()
        done = 0

        def advance(count: int) -> None:
            nonlocal done, last
            done += count
            now = time.monotonic()
            if now - last >= PLAIN_EVERY_S:
                last = now
                share = f" of {total:,}" if total else ""
                click.echo(f"{title}: {done:,}{share} {unit}, {done / (now - start):.0f} a second", err=True)

        yield advance
        seconds = time.monotonic() - start
        if seconds >= WORTH_A_LINE_S:
            amount = f"{done:,} {unit} in " if done else ""
            click.echo(f"{title}: {amount}{seconds:.1f} s", err=True)
